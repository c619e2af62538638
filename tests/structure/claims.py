#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the claims of spec/claims.md against what the sources cite.

usage: SOURCE_DIR=. tests/structure/claims.py

An id is defined once. What a comment or a document cites is defined. What is called tested, or tested
in part, is cited by a test; what is in part says what is missing.
"""
import glob
import os
import re
import sys

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()
FOLDERS = ("abi", "bench", "cli", "engine", "lib", "policies", "proc", "spec", "tests", "tools")
ID = re.compile(r"(?<![\w/.\-])(PH|DS|[SBHMUONRCGTLAP])(\d{1,2})(?![\w.]\w|\w)(?:\s*(?:-|to)\s*\1(\d{1,2})\b)?")
NO_CLAIMS = {"U16", "U32", "U64", "C17", "C11", "S0"}  # types and languages
# What of a file is read: comments, except in documents.
C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
PY_COMMENT = re.compile(r'""".*?"""|#[^\n]*', re.S)


def rows(path, states):
    """(id, state) of each row of the tables whose first heading is id."""
    found = []
    for line in open(os.path.join(SOURCE, path), encoding="utf-8"):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.match(r"^[A-Z]{1,2}\d+$", cells[0]):
            found.append((cells[0], cells[2] if states else ""))
    return found


def prose(path):
    text = open(path, encoding="utf-8", errors="replace").read()
    if path.endswith((".c", ".h", ".mjs", ".rs", ".def", ".seccomp")):
        return "\n".join(C_COMMENT.findall(text))
    if path.endswith((".py", ".cmake", ".txt")) or "." not in os.path.basename(path):
        return "\n".join(PY_COMMENT.findall(text))
    return text if path.endswith((".md", ".cddl")) else ""


def cited(path):
    ids = set()
    for letter, first, last in ID.findall(prose(path)):
        for number in range(int(first), int(last or first) + 1):
            ids.add("%s%d" % (letter, number))
    return ids - NO_CLAIMS


def is_test(name):
    return name.startswith("tests/") and not name.startswith("tests/structure/") or \
        name.endswith("_test.c") or name.startswith("policies/hostile/")


def main():
    breaches, places, passed = [], {}, 0
    claims = rows("spec/claims.md", True)
    figures = rows("spec/performance.md", False)
    names = [i for i, _ in claims + figures]
    for name in sorted({n for n in names if names.count(n) > 1}):
        breaches.append("%s is defined twice" % name)
    files = [f for folder in FOLDERS for f in glob.glob(os.path.join(SOURCE, folder, "**"), recursive=True)]
    for path in files + glob.glob(os.path.join(SOURCE, "*.md")):
        name = os.path.relpath(path, SOURCE)
        if os.path.isfile(path) and name not in ("spec/claims.md", "spec/performance.md") \
                and "node_modules" not in name and not name.startswith("engine/target"):
            for i in cited(path):
                places.setdefault(i, []).append(name)
    for i, where in sorted(places.items()):
        if i not in names:
            breaches.append("%s cites %s, which spec/claims.md does not define" % (where[0], i))
    for i, state in claims:
        word, _, rest = state.partition(":")
        if word not in ("tested", "part", "later") or (word == "part") > bool(rest.strip()):
            breaches.append("%s has the state \"%s\"" % (i, state))
        elif word != "later" and not any(is_test(p) for p in places.get(i, [])):
            breaches.append("%s is called %s, and no test cites it" % (i, word))
        else:
            passed += 1
    for breach in breaches:
        print("FAIL " + breach)
    print("%d passed, %d failed" % (passed, len(breaches)))
    sys.exit(1 if breaches or passed < 100 else 0)


main()
