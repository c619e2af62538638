#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A site's ceilings on each client: passing one refuses that request, freezes the client for good, and only an
operator lifts it. They reduce power and never add any."""
import os
import subprocess
import sys
import tempfile

from dev_signer import TOOL, DevSigner

passed = failed = 0


def say(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL %s: %s" % (what, shown))


def operator(signer, word):
    """What the operator types; serve --dev keeps its key and its client's home beside the certificate."""
    state = os.path.dirname(signer.env["NODE_EXTRA_CA_CERTS"])
    return subprocess.run([TOOL, "client", word, *(["dev"] if word != "list" else []), "--server", signer.env["VAULT_ADDR"], "--ca", state + "/ca.pem", "--home",
                           state + "/home", "--operator", state + "/operator.json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


with tempfile.TemporaryDirectory(prefix="claviger-ceilings-") as folder:
    signer = DevSigner(folder, CLAVIGER_CLIENT_LAMPORTS_HOUR="100000")
    try:
        code, answer = signer.sign(60000)
        say("below the ceiling it signs", code == 200, answer)
        code, answer = signer.sign(60000, "/api/v1/check")
        say("a dry run trips nothing", code == 200, answer)
        code, answer = signer.sign(60000)
        say("past the ceiling it is refused, with a code of its own", code == 403 and answer["code"] == "client_ceiling"
            and not answer["retryable"], answer)
        code, answer = signer.sign(1)
        say("and the client is frozen: what would fit is refused too", code == 403 and answer["code"] == "client_frozen", answer)
        events = signer.events("client.frozen")
        say("the log says who and which", len(events) == 1 and events[0]["ceiling"] == "lamports an hour"
            and len(events[0]["client"]) == 64, events)
        listed = operator(signer, "list")
        say("and operators read by whom", listed.returncode == 0 and "frozen by a ceiling" in listed.stdout.decode() and
            "100000 lamports an hour" in listed.stdout.decode(), listed.stdout)
        lifted = operator(signer, "unfreeze")
        code, answer = signer.sign(60000)
        say("an operator lifts it, and the count begins anew", lifted.returncode == 0 and code == 200, (lifted.stdout, answer))
    finally:
        signer.stop()
    signer = DevSigner(folder, CLAVIGER_CLIENT_SIGNATURES_SECOND="3")
    try:
        codes = [signer.sign(1)[0] for _ in range(12)]
        say("three signatures a second, then none", codes[:3] == [200] * 3 and 403 in codes and codes[-1] == 403, codes)
    finally:
        signer.stop()
for name, value, word in (("CLAVIGER_CLIENT_SIGNATURES_SECOND", "0", "a whole number from 1 on"), ("CLAVIGER_CLIENT_WALLETS_MINUTE", "257", "a whole number from 1 to 256"),
                          ("CLAVIGER_CLIENT_LAMPORTS_HOUR", "1e9", "whole number")):
    done = subprocess.run([TOOL, "serve", "--dev"], env={**os.environ, name: value}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    say("%s=%s is refused in words" % (name, value), done.returncode == 2 and word in done.stdout, done.stdout)
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or passed < 11 else 0)
