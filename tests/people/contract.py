#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API does what its document says: schemathesis (from PyPI, pinned) against `claviger serve --dev`.

usage: contract.py [EXAMPLES]   per operation, 12 unless said

Requests are made from /api/v1/openapi.json as it is served, good ones and bad ones; answers must be of the status,
type and shape that it names, never 5xx. Then the examples for curl in spec/api.md run as they stand.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
CASES_LEAST = 400


def serve(folder):
    """A running signer with a wallet, a client and a grant: (process, what it printed to export)."""
    process = subprocess.Popen([os.path.join(BUILD, "bin/claviger"), "serve", "--dev"], cwd=folder, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    env = {}
    for line in process.stdout:
        if line.strip() == "ready":
            return process, env
        name, _, value = line.strip().removeprefix("export ").partition("=")
        env[name] = value.strip("'")
    sys.exit("claviger serve --dev ended with %s\n0 passed, 1 failed" % process.wait())


def operations():
    """How many the document has, but the stream of events (tests/people/events.mjs) and the document itself."""
    with open(os.path.join(SOURCE, "proc/bridge/openapi.json"), encoding="utf-8") as f:
        return sum(len(methods) for methods in json.load(f)["paths"].values()) - 2


def contract(env, folder, examples):
    """(cases that passed, that failed); prints what schemathesis has to say when one did."""
    packages = subprocess.run([os.path.join(SOURCE, "tools/deps"), "python"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.split()[1]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file",
         os.path.join(SOURCE, "tests/people/schemathesis.toml"), "run",
         env["CLAVIGER_SERVER"] + "/api/v1/openapi.json", "--tls-verify", env["CLAVIGER_CA"],
         "-H", "Authorization: Bearer " + env["CLAVIGER_TOKEN"], "-n", examples,
         "--generation-deterministic", "--no-color", "--no-shrink",
         "--continue-on-failure", "--exclude-operation-id", "events"],
        cwd=folder, env=dict(os.environ, PYTHONPATH=packages), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    tested = re.search(r"Tested: (\d+)", done.stdout)
    cases = re.search(r"(\d+) generated(?:, (\d+) found)?", done.stdout)
    if not tested or not cases:
        print(done.stdout)
        return 0, 1
    total, bad = int(cases[1]), int(cases[2] or 0)
    if done.returncode or bad or int(tested[1]) != operations() or total < CASES_LEAST:
        print(done.stdout)
        return total - bad, max(bad, 1)
    return total, 0


def curl(env):
    """Runs the blocks of curl commands in the API's page, in order, in one shell; (passed, failed)."""
    with open(os.path.join(SOURCE, "spec/api.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
    passed = failed = 0
    for block in blocks:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], env=dict(os.environ, **env), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        wanted = re.findall(r"^# says (.*)$", block, re.M)
        if done.returncode or not wanted or not all(words in done.stdout for words in wanted):
            print("FAIL %s\nstatus %d: %s" % (block, done.returncode, done.stdout))
            failed += 1
        else:
            passed += 1
    return passed, failed if blocks else 1


def main():
    with tempfile.TemporaryDirectory(prefix="claviger-contract-") as folder:
        process, env = serve(folder)
        try:
            results = [contract(env, folder, sys.argv[1] if len(sys.argv) > 1 else "12"), curl(env)]
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(20)
    results.append((1, 0) if ended == 0 else (0, 1))  # whatever it was sent, it stops in order
    passed, failed = (sum(row[i] for row in results) for i in (0, 1))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


main()
