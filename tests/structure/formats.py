#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the numbers of spec/authorization.cddl and .md with those of the code.

usage: SOURCE_DIR=. tests/structure/formats.py
"""
import os
import re
import sys

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return f.read()


CDDL, TEXT = read("spec/authorization.cddl"), read("spec/authorization.md")
HEADERS = "".join(read(path) for path in (
    "lib/authz/authz_change.h", "lib/authz/authz_statement.h", "lib/authz/authz_counter.h", "lib/authz/authz_envelope.h",
    "lib/base/base_limits.h", "lib/call/call_change.h"))

# A list of the code whose values stand in the CDDL as a range from 1: the rule, where in it the range stands.
RANGES = [
    ("authz_action", r"^action = 1\.\.(\d+) "),
    ("authz_command_action", r"^command = .* 5: 1\.\.(\d+), 6: id, 7: seconds }"),
    ("authz_query_topic", r"^query = .* 4: 1\.\.(\d+), 5: id"),
    ("authz_query_topic", r"^read = .* 2: 1\.\.(\d+), 3: id"),
    ("authz_unit", r"^unit = 1\.\.(\d+) "),
]
# A bound of the code, and where the CDDL has it.
BOUNDS = [
    ("AUTHZ_SIGNATURES_MAX", r"^  2: \[0\*(\d+) signature\]"),
    ("AUTHZ_CODES_MAX", r"^  \? 5: \[1\*(\d+) code\]"),
    ("LIMIT_CHANGE_WALLETS_MAX", r"^  4: \[1\*(\d+) entry\]"),
    ("LIMIT_USER_KEYS_MAX", r"^  2: \[1\*(\d+) new-key\]"),
    ("LIMIT_USER_KEYS_MAX", r"^  \? 6: \[1\*(\d+) registration\]"),
    ("LIMIT_COUNTERS_MAX", r"^  5: \[0\*(\d+) counter\]"),
    ("LIMIT_TABLE_PINS_MAX", r"^  \? 10: \[1\*(\d+) pin\]"),
    ("LIMIT_SCHEMA_MAX", r"^  4: bstr \.size \(0\.\.(\d+)\)"),
    ("LIMIT_DELAY_MAX_S", r"^delay = 0\.\.(\d+)"),
    ("LIMIT_DESCRIPTION_MAX", r"^prepare-answer = { 1: tstr \.size \(1\.\.(\d+)\)"),
    ("AUTHZ_INSTALL_MAX", r"^install = .* 2: bstr \.size \(0\.\.(\d+)\)"),
]


def values(enum):
    """{name: number} of an enum, but for the last one, which counts."""
    body = re.search(r"enum %s \{(.*?)\n\}" % enum, HEADERS, re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return {name: int(number) for name, number in re.findall(r"(\w+)\s*=\s*(\d+)", body)}


def constant(name):
    return int(re.search(r"#define %s\s+(?:/\*.*?\*/|\\\s*)*(\d+)" % name, HEADERS, re.S).group(1))


def found(pattern, text=CDDL):
    match = re.search(pattern, text, re.M)
    return None if match is None else int(match.group(1))


def check_ranges_are_those_of_the_lists():
    for enum, pattern in RANGES:
        numbers = sorted(values(enum).values())
        yield numbers == list(range(1, len(numbers) + 1)) and found(pattern) == numbers[-1], \
            "%s has 1 to %s, the CDDL %s" % (enum, numbers[-1], found(pattern))


def check_bounds_are_those_of_the_code():
    for name, pattern in BOUNDS:
        yield found(pattern) == constant(name), "%s is %d, the CDDL has %s" % (name, constant(name), found(pattern))


def check_every_kind_of_request_is_named_with_its_number():
    listed = re.search(r"^kind = .*?\n(?=answer)", CDDL, re.S | re.M).group(0)
    named = {name: int(number) for name, number in re.findall(r"([A-Z_]+) (\d+)", listed)}
    for name, number in values("call_change_request_kind").items():
        word = name.replace("CALL_CHANGE_", "")
        yield named.pop(word, None) == number, "%s is %d" % (word, number)
    yield not named, "no such requests: %s" % named


def check_actions_are_named_in_their_order():
    listed = re.search(r"^action = 1\.\.\d+ ; (.*)$", CDDL, re.M).group(1).split()
    coded = [name.replace("AUTHZ_ACTION_", "").lower() for name in values("authz_action")]
    yield listed == coded, "%s, in the code %s" % (listed, coded)


def check_the_text_tells_what_every_number_is():
    for enum, start in (("authz_command_action", "- Command actions: "), ("authz_query_topic", "- Query topics: ")):
        told = re.search(re.escape(start) + r".*?(?=\n- |\n\n)", TEXT, re.S).group(0)
        for number in values(enum).values():
            yield re.search(r"(?:: |, |,\n  |; )%d [a-z]" % number, told) is not None, "%s %d is not told" % (enum, number)


def main():
    passed = failed = 0
    for name, function in sorted(globals().items()):
        if name.startswith("check_"):
            seen = list(function())
            for breach in [what for good, what in seen if not good] or ([] if seen else ["looked at nothing"]):
                failed += 1
                print("FAIL %s: %s" % (name[6:].replace("_", " "), breach))
            passed += sum(good for good, _ in seen)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
