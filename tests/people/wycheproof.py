#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Project Wycheproof's vectors against our verification of Ed25519 and ECDSA on P-256 (U8).

usage: wycheproof.py        (BUILD_DIR and SOURCE_DIR name build and source)

Every signature that the collection calls invalid must be refused, every one that it calls valid must be
taken; what it calls acceptable may be either. That is all that ECDSA promises: with n - s in place of s a
signature verifies too, and nothing of ours names one by its bytes.
"""
import json
import os
import subprocess
import sys

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
FILES = [("ed25519", "ed25519_test.json", 100), ("p256-der", "ecdsa_secp256r1_sha256_test.json", 300),
         ("p256", "ecdsa_secp256r1_sha256_p1363_test.json", 150)]


def key_of(group):
    """The raw key: 32 bytes, or x || y of an uncompressed point."""
    key = group["publicKey"]
    if "uncompressed" in key:
        return key["uncompressed"][2:]
    return key["pk"]


def cases(folder, name):
    for group in json.load(open(os.path.join(folder, name)))["testGroups"]:
        for test in group["tests"]:
            yield key_of(group), test


def main():
    made = subprocess.run([os.path.join(SOURCE, "tools/deps"), "wycheproof"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()
    passed = failed = 0
    for kind, name, least in FILES:
        rows = list(cases(made[1], name))
        lines = "".join("%s %s %s %s\n" % (kind, key, test["msg"] or "-", test["sig"] or "-")
                        for key, test in rows)
        answers = subprocess.run([os.path.join(BUILD, "tests/signature_run")], input=lines, check=True,
                                 stdout=subprocess.PIPE, text=True).stdout.split()
        counts = {"valid": 0, "invalid": 0, "acceptable": 0}
        wrong = []
        for (_, test), answer in zip(rows, answers):
            counts[test["result"]] += 1
            if test["result"] == "valid" and answer != "yes" or test["result"] == "invalid" and answer != "no":
                wrong.append("%s tcId %d (%s): we say %s to %s" % (
                    name, test["tcId"], test["comment"], answer, test["result"]))
        good = not wrong and len(answers) == len(rows) and counts["valid"] > 20 and counts["invalid"] >= 50 \
            and len(rows) >= least
        print("%s %s: %s" % ("ok  " if good else "FAIL", name, counts))
        print("".join("  %s\n" % w for w in wrong[:20]), end="")
        passed, failed = passed + good, failed + (not good)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
