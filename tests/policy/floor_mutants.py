#!/usr/bin/env python3
"""Bugs planted in what the host demands of a table (lib/policy/policy_intent.c, policy_told.c), one at a time: a row of the network's
own programs that demands nothing, a comparison turned, a condition negated. Each must be noticed by intent_lies.py. S15, B4, B7.
usage: floor_mutants.py [EVERY]: one in EVERY of them, default 16; BUILD_DIR and SOURCE_DIR as ctest gives them."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
# A file, between which lines bugs are planted, and the questions of intent_lies.py that are about it.
FILES = (("policy_intent.c", "enum effect", "const char *policy_intent_name",
          "lines choice wraps least recipients read_only length given values data_behind nonces reads given_names makes leaks floor"),
         ("policy_told.c", "static bool is_name", "enum status policy_told_check", "lines without nonces one_name order places halves data_told"))
TURNS = ((" == ", " != "), (" != ", " == "), (" <= ", " < "), (" >= ", " > "), (" < ", " <= "), (" > ", " >= "), (" && ", " || "),
         (" || ", " && "), (" |= ", " = "), ("return true;", "return false;"), ("return false;", "return true;"), ("if (!", "if ("))

# Changes after which nothing is demanded otherwise, with the reason; part of the line.
SAME = {
    "i < t->head->fields.count": "one more of what is not there reads the next part: found by the sanitizers",
    "schema->count": "the same", "rules.count": "the same", "groups.count": "the same", "programs.count": "the same",
    "ops.count": "the same", "params.count": "the same", "final_count": "the same", "code_count": "the same",
    "i < count; i++) {": "the same", "n < programs": "the same", "n < i": "the same", "sizeof(known_instructions)": "the same", "names.count": "the same",
    "POLICY_PROGRAM_JUPITER_V6": "the same", "layouts.count": "a table's layouts end with the whole",
    "lists.count": "the same", "groups.count": "the same", "rule->listed; i++": "the same", "place >= rule->listed": "no table has places behind the last",
    "name[len] >= ": "names are long enough without a z or a 9",
    "made_at[slot / 8] < counted_at": "no operation makes a number and counts",
    "slot / 8 < INTENT_SLOTS_MAX": "no slot is the one behind the last",
    "if (depths[slot / 8] > depth)": "the same number", "order > reached": "the same", "count > UINT8_MAX": "the compiler writes 128 rules at most",
    "table.len > UINT32_MAX": "a module is smaller", "record_bytes > schema": "the next test says the same",
}


def source(name):
    return os.path.join(SOURCE, "lib", "policy", name)


def mutants(file, begin, end, _):
    lines = open(source(file), encoding="utf-8").read().split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(begin))
    last = next(i for i, line in enumerate(lines) if line.startswith(end))
    for at in range(first, last):
        line = lines[at]
        if line.lstrip().startswith(("/*", "*", "#", '"')) or any(key in line for key in SAME):
            continue
        changes = []
        row = re.match(r"\t\{\w+, \d, \{.*\}, (\d+), (\d+), (\d+), (\d+), (EFFECT_\w+), ", line)
        if row:
            changes += [line.replace(row[5], "EFFECT_NONE")] if row[5] != "EFFECT_NONE" else []
            for group in (3, 4):
                if row[group] == "1":
                    changes.append(line[:row.start(group)] + "0" + line[row.end(group):])
            if row[1] != "255":
                changes.append(line[:row.start(1)] + "255" + line[row.end(1):])
        for old, new in TURNS:
            changes += [line[:m.start()] + new + line[m.end():] for m in re.finditer(re.escape(old), line)]
        for changed in changes:
            yield "%s:%d: %s -> %s" % (file, at + 1, line.strip(), changed.strip()), "\n".join(lines[:at] + [changed] + lines[at + 1:]), file


def commands(name):
    """How a file is compiled, and how the tool is linked."""
    run = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "bin/claviger"], capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.split("\n") if line]
    return next(line for line in lines if " -c " in line and line.endswith("/" + name)), lines[-1]


def judge(job, limit_s=None):
    where, text, name = job
    compile_, link = COMMANDS[name]
    with tempfile.TemporaryDirectory() as scratch:
        source, made = os.path.join(scratch, name), os.path.join(scratch, "made.o")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        # As the tool is built, but for this file; the tool stands in a folder that is otherwise the build's.
        compile_ = re.sub(r" -MD -MT \S+ -MF \S+ -o \S+ -c \S+$", " -w -o %s -c %s" % (made, source), compile_)
        tree = os.path.join(scratch, "build")
        os.makedirs(os.path.join(tree, "bin"))
        for entry in os.listdir(BUILD):
            if entry != "bin":
                os.symlink(os.path.join(BUILD, entry), os.path.join(tree, entry))
        for entry in os.listdir(os.path.join(BUILD, "bin")):
            if entry != "claviger":
                os.symlink(os.path.join(BUILD, "bin", entry), os.path.join(tree, "bin", entry))
        link = link.replace(" -o bin/claviger ", " -o %s %s " % (os.path.join(tree, "bin", "claviger"), made))
        for command in (compile_, link):
            if subprocess.run(command, shell=True, cwd=BUILD, capture_output=True).returncode != 0:
                return "no C", where
        try:
            run = subprocess.run([sys.executable, os.path.join(SOURCE, "tests", "policy", "intent_lies.py"), *ASKED[name].split()], capture_output=True,
                                 env={**os.environ, "BUILD_DIR": tree, "SOURCE_DIR": SOURCE}, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return "noticed", where
    return "survived" if run.returncode == 0 else "noticed", where


def judge_all(planted, limit_s):
    """What became of each. A soak that was interrupted goes on, as long as tool and questions are the same."""
    state = os.environ.get("SOAK_STATE")
    state = os.path.join(state, "floor.json") if state else None
    of = hashlib.sha256()
    for path in (*(source(file[0]) for file in FILES), os.path.join(SOURCE, "tests", "policy", "intent_lies.py"), os.path.join(BUILD, "bin", "claviger")):
        with open(path, "rb") as file:
            of.update(file.read())
    kept = {"of": of.hexdigest(), "found": {}}
    if state and os.path.exists(state):
        with open(state, encoding="utf-8") as file:
            before = json.load(file)
        kept = before if before["of"] == kept["of"] else kept

    def one(job):
        name = hashlib.sha256(job[1].encode()).hexdigest()
        if name not in kept["found"]:
            kept["found"][name] = judge(job, limit_s)[0]
            if state:
                with LOCK, open(state, "w", encoding="utf-8") as file:
                    json.dump(dict(kept), file)
            if state and kept["found"][name] == "survived":
                print("not noticed:", job[0], flush=True)
        return kept["found"][name], job[0]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(one, planted))


def main():
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    planted = [job for file in FILES for job in mutants(*file)][::every]
    began = time.monotonic()
    if any(judge(("as it is", open(source(file[0]), encoding="utf-8").read(), file[0]))[0] != "survived" for file in FILES):
        print("intent_lies.py fails on the floor as it is\n0 passed, 1 failed")
        return 1
    # Whoever takes much longer than all of them as they are has no end: that is noticed, too.
    results = judge_all(planted, 120 + 3 * (time.monotonic() - began))
    survivors = [where for what, where in results if what == "survived"]
    for where in survivors:
        print("not noticed:", where)
    noticed, odd = (sum(what == word for what, _ in results) for word in ("noticed", "no C"))
    print("%d bugs planted (one in %d), %d noticed, %d are no C" % (len(planted), every, noticed, odd))
    good = noticed >= 0.9 * (len(planted) - odd) and noticed >= 5
    print("%d passed, %d failed" % (noticed, 0 if good else len(survivors)))
    return 0 if good else 1


LOCK = threading.Lock()
ASKED = {file[0]: file[3] for file in FILES}
COMMANDS = {file[0]: commands(file[0]) for file in FILES}
sys.exit(main())
