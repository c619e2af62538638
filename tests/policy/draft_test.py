#!/usr/bin/env python3
"""`policy new --from-tx`: of every real transaction, and every one that SDKs built, either a draft that builds and allows it, or words that say why there is
none, and no file. S23."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "bin", "claviger")


def claviger(*words):
    run = subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout, run.stderr


def main():
    drafted = refused = failed = nonces = wraps = fees = 0
    with tempfile.TemporaryDirectory() as folder:
        sample, draft = os.path.join(folder, "sample.txt"), os.path.join(folder, "draft.toml")
        for name in ("mainnet-tx.jsonl", "generated-tx.jsonl"):
            rows = open(os.path.join(SOURCE, "tests", "vectors", name), encoding="utf-8").read().splitlines()
            for row in map(json.loads, rows):
                with open(sample, "w", encoding="utf-8") as file:
                    file.write(row["wire_base64"] + "\n")
                code, out, said = claviger("policy", "new", "--from-tx", sample, "-o", draft)
                if code != 0:
                    refused += 1
                    good = code == 1 and said != "" and not os.path.exists(draft)
                else:
                    drafted += 1
                    text = open(draft, encoding="utf-8").read()
                    nonces += "nonce = true" in text
                    wraps += 'as = "wrap"' in text
                    fees += 'data = "1a01"' in text
                    code, out, said = claviger("policy", "test", draft)
                    good = code == 0 and out.endswith("1 passed, 0 failed\n")
                    os.remove(draft)
                if not good:
                    failed += 1
                    print("FAIL", row.get("signature", row.get("name"))[:12], code, out[-300:], said[-300:])
    print("%d drafts, %d with nonces, %d that wrap, %d refused" % (drafted, nonces, wraps, refused))
    enough = drafted > 400 and nonces > 5 and wraps > 3 and fees > 0
    if not enough:
        print("FAIL too few drafts")
    print("%d passed, %d failed" % (drafted + refused - failed, failed + (not enough)))
    return 1 if failed or not enough else 0


sys.exit(main())
