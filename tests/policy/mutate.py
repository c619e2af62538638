#!/usr/bin/env python3
"""Takes each check of the shipped C policies away, one at a time, and expects a test to notice.

A mutant is the policy with one condition of POLICY_NEED or POLICY_LIMIT made true, or one refusing
return of a decoder taken out. It is killed when the policy's cases (policy_NAME_test) fail on it.
usage: mutate.py [transfer|swap ...]; BUILD_DIR and SOURCE_DIR as ctest gives them."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
SDK = os.path.join(SOURCE, "policies", "sdk")

SHARED = {"transfer": ["policy_decode.h", "policy_sdk.h"], "swap": ["policy_swaps.h"]}

# Checks that no input can make fail, with the reason.
UNREACHABLE = {
    "policy_count_token(": "a policy of one or few mints cannot pass sixteen mints in 64 accounts",
    "p->request->kind == POLICY_KIND_TRANSACTION": "an off-chain message has no accounts: it traps",
}


def arguments(text, start):
    """Splits a macro call's arguments; gives (list of (begin, end)), end of the call)."""
    depth, begin, found, at, quoted = 0, start, [], start, False
    while True:
        c = text[at]
        if quoted:
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                found.append((begin, at))
                return found, at
            depth -= 1
        elif c == "," and depth == 0:
            found.append((begin, at))
            begin = at + 1
        at += 1


def mutants_of(path):
    text = open(path, encoding="utf-8").read()
    for match in re.finditer(r"POLICY_(?:NEED|LIMIT)\(", text):
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start:].lstrip().startswith("*"):
            continue
        if text[line_start:].startswith("#define") or "#define" in text[line_start:match.start()]:
            continue
        args, _ = arguments(text, match.end())
        if len(args) < 7 or text[args[0][0]:args[0][1]].strip() in ("(p)", "p, holds"):
            continue
        begin, end = args[1]
        condition = text[begin:end].strip()
        if condition in ("holds", "(holds)") or "holds_" in condition:
            continue
        yield (text.count("\n", 0, match.start()) + 1, condition,
               text[:begin] + " ((" + condition + ") || true)" + text[end:])
    for match in re.finditer(r"\n\t+return POLICY_REASON_(?!NONE)\w+;", text):
        line = text.count("\n", 0, match.start()) + 2
        before = text.rfind("if (", 0, match.start())
        condition = text[before:match.start()]
        if "{" in condition or condition.count("\n") > 3:
            continue
        yield (line, condition.strip(),
               text[:match.start()] + "\n\t\t(void)0;" + text[match.end():])


def build(name, folder, changed, content, out):
    """Compiles the policy with one file replaced; False when the mutant is no C any more."""
    source = os.path.join(folder, name + ".c")
    include = []
    with tempfile.TemporaryDirectory() as scratch:
        copy = os.path.join(scratch, os.path.basename(changed))
        with open(copy, "w", encoding="utf-8") as file:
            file.write(content)
        if changed == source:
            source = copy
        for path in (scratch, SDK, folder, os.path.join(SOURCE, "abi")):
            include += ["-iquote", path]
        # Headers that stand beside the changed one include their neighbours by name: take them all
        # from the scratch folder.
        for other in os.listdir(SDK):
            if other.endswith(".h") and not os.path.exists(os.path.join(scratch, other)):
                os.symlink(os.path.join(SDK, other), os.path.join(scratch, other))
        if source != copy:
            link = os.path.join(scratch, name + ".c")
            with open(link, "w", encoding="utf-8") as file:
                file.write(open(source, encoding="utf-8").read())
            source = link
        object_ = os.path.join(scratch, "m.o")
        bare = os.path.join(scratch, "m.bare.wasm")
        steps = [
            [os.environ.get("WASM_CLANG", "clang"), "--target=wasm32-unknown-unknown", "-std=c17",
             "-O1", "-ffreestanding", "-fno-inline-functions", "-mbulk-memory", "-msign-ext", "-w",
             "-fvisibility=hidden", *include, "-c", source, "-o", object_],
            ["wasm-ld", "--no-entry", "--strip-all", "--stack-first", "-z", "stack-size=32768",
             "--initial-memory=131072", "--max-memory=131072", "--export=policy_abi",
             "--export=policy_io", "--export=policy_check", "--export=policy_describe", object_,
             "-o", bare],
            [os.path.join(BUILD, "policies", name, "policy_schema_" + name), bare, out],
        ]
        return all(subprocess.run(step, capture_output=True).returncode == 0 for step in steps)


def judge(job):
    """Builds one mutant and runs its policy's cases; gives (what became of it, where)."""
    name, path, line, condition, content = job
    folder = os.path.join(SOURCE, "policies", name)
    where = "%s:%d: %s" % (os.path.relpath(path, SOURCE), line, " ".join(condition.split()))
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "mutant.wasm")
        if not build(name, folder, path, content, out):
            return "survived (it is no C)", where
        test = os.path.join(BUILD, "tests", "policy_%s_test" % name)
        if subprocess.run([test, out], capture_output=True).returncode != 0:
            return "noticed", where
    if any(key in condition for key in UNREACHABLE):
        return "unreachable", where
    return "survived", where


def main():
    jobs = []
    for name in sys.argv[1:] or ["transfer", "swap"]:
        # What both policies use is taken away once, under the policy whose cases look at it.
        files = [os.path.join(SOURCE, "policies", name, name + ".c")]
        files += [os.path.join(SDK, file) for file in SHARED[name]]
        jobs += [(name, path, *mutant) for path in files for mutant in mutants_of(path)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(judge, jobs))
    survivors = [(what, where) for what, where in results if what.startswith("survived")]
    noticed = sum(what == "noticed" for what, _ in results)
    for what, where in survivors:
        print("%s: %s" % (what, where))
    print("%d checks taken away, %d noticed, %d that no input reaches"
          % (len(jobs), noticed, sum(what == "unreachable" for what, _ in results)))
    print("%d passed, %d failed" % (noticed, len(survivors)))
    return 1 if survivors or noticed < 20 else 0


sys.exit(main())
