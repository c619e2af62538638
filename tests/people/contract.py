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
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
CASES_LEAST = {False: 400, True: 40}


def serve(folder):
    """A running signer with a wallet, a client and a grant: (process, what it printed to export)."""
    door = "127.0.0.1:%d" % free_port()
    process = subprocess.Popen([os.path.join(BUILD, "bin/claviger"), "serve", "--dev", "--operator-listen", door],
                               cwd=folder, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    env = {"OPERATORS": "https://" + door}
    for line in process.stdout:
        if line.strip() == "ready":
            return process, env
        name, _, value = line.strip().removeprefix("export ").partition("=")
        env[name] = value.strip("'")
    sys.exit("claviger serve --dev ended with %s\n0 passed, 1 failed" % process.wait())


def operations(of_operators):
    """How many the document has, but the stream of events (tests/people/events.mjs) and the document itself."""
    with open(os.path.join(SOURCE, "proc/bridge/openapi.json"), encoding="utf-8") as f:
        machine = [operation.get("tags") == ["machine"] for methods in json.load(f)["paths"].values()
                   for operation in methods.values()]
    return sum(machine) if of_operators else len(machine) - sum(machine) - 2


def operator(env, folder):
    """A certificate of the operator's key, as any TLS library takes it."""
    with open(os.path.join(os.path.dirname(env["CLAVIGER_CA"]), "operator.json"), encoding="utf-8") as f:
        seed = bytes(json.load(f)[:32])
    key, certificate = os.path.join(folder, "operator.key"), os.path.join(folder, "operator.pem")
    subprocess.run(["openssl", "pkey", "-inform", "DER", "-out", key], check=True,
                   input=bytes.fromhex("302e020100300506032b657004220420") + seed)  # RFC 8410
    subprocess.run(["openssl", "req", "-new", "-x509", "-key", key, "-out", certificate, "-subj", "/CN=operator"],
                   check=True)
    return ["--request-cert", certificate, "--request-cert-key", key, "--include-tag", "machine"]


def contract(env, folder, examples, of_operators):
    """(cases that passed, that failed); prints what schemathesis has to say when one did."""
    words = operator(env, folder) if of_operators else ["--exclude-tag", "machine"]
    server = env["OPERATORS"] if of_operators else env["CLAVIGER_SERVER"]
    packages = subprocess.run([os.path.join(SOURCE, "tools/deps"), "python"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.split()[1]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file",
         os.path.join(SOURCE, "tests/people/schemathesis.toml"), "run",
         server + "/api/v1/openapi.json", "--tls-verify", env["CLAVIGER_CA"], *words,
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
    if done.returncode or bad or int(tested[1]) != operations(of_operators) or total < CASES_LEAST[of_operators]:
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
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
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
            examples = sys.argv[1] if len(sys.argv) > 1 else "12"
            results = [contract(env, folder, examples, False), contract(env, folder, examples, True), curl(env)]
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(20)
    results.append((1, 0) if ended == 0 else (0, 1))  # whatever it was sent, it stops in order
    passed, failed = (sum(row[i] for row in results) for i in (0, 1))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


main()
