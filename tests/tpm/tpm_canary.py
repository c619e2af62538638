#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A22 on a running signer that signs: node share, master key and wallet keys are nowhere else.

usage: tpm_canary.py          (BUILD_DIR names the build; needs swtpm, tpm2-tools and root)

The software TPM's state is copied to a second one, in which tpm2-tools unseal the share; with it
tests/open_store opens a copy of the store offline, so the test knows the keys. Then it looks for
them in every process's memory, all files and the log: the share nowhere at all, the master key in
the signer only (its guarded page), wallet keys nowhere, not even in the signer between signatures.
"""
import base64
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_system  # noqa: E402
import tpm_site  # noqa: E402
from addresses import base58_decode  # noqa: E402
from tpm_system import BUILD, Tpm, canary_scan, expect, skip  # noqa: E402

SIGNATURES = 20
READY_LIMIT_S = 90


def start_serve(base):
    """claviger serve --dev on a folder of ours; (process, environment, log path) once it is ready."""
    log_path = os.path.join(base, "log")
    process = subprocess.Popen(
        [os.path.join(BUILD, "bin/claviger"), "serve", "--dev", "--state",
         os.path.join(base, "state")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=open(log_path, "wb"), text=True, start_new_session=True)
    exports = {}
    until = time.monotonic() + READY_LIMIT_S
    for line in process.stdout:
        if line.startswith("export "):
            name, value = line[7:].strip().split("=", 1)
            exports[name] = value.strip("'\"")
        if line.strip() == "ready":
            return process, exports, log_path
        if time.monotonic() > until:
            break
    return process, None, log_path


def transfer_message(payer, number):
    """A legacy message: one System transfer of `number` lamports from payer to somebody."""
    to, system = bytes([number]) * 32, bytes(32)
    data = (2).to_bytes(4, "little") + number.to_bytes(8, "little")
    return (bytes([1, 0, 1, 3]) + payer + to + system + bytes([7]) * 32 +
            bytes([1, 2, 2, 0, 1, len(data)]) + data)


def sign(exports, message):
    context = ssl.create_default_context(cafile=exports["NODE_EXTRA_CA_CERTS"])
    request = urllib.request.Request(
        "%s/v1/transit/sign/%s" % (exports["VAULT_ADDR"], exports["CLAVIGER_WALLET"]),
        data=json.dumps({"input": base64.b64encode(message).decode()}).encode(),
        headers={"X-Vault-Token": exports["VAULT_TOKEN"]})
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
        return json.load(answer)["data"]["signature"]


def unseal_copy(base, state):
    """The share out of a second TPM that has the first one's state."""
    folder = os.path.join(base, "copy-of-tpm")
    os.mkdir(folder, 0o700)
    shutil.copy(os.path.join(state, "tpm", "tpm2-00.permall"), folder)
    tpm = Tpm(folder)
    tpm.power_on()
    try:
        return tpm_site.unseal(tpm, os.path.join(state, "store"))
    finally:
        tpm.power_off()
        shutil.rmtree(folder)


def open_store(base, state, share):
    """{name: bytes} of what open_store gives."""
    copy = os.path.join(base, "copy-of-store")
    shutil.copytree(os.path.join(state, "store"), copy)
    done = subprocess.run([os.path.join(BUILD, "tests/open_store"), copy], input=share.hex(),
                          capture_output=True, text=True)
    shutil.rmtree(copy)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    keys = {}
    for line in done.stdout.splitlines():
        words = line.split()
        keys["wallet key of " + words[1] if words[0] == "wallet" else words[0]] = bytes.fromhex(
            words[-1])
    return keys


def pids_of(log_path):
    """name -> pid of what the supervisor's log says was started and still runs."""
    pids = {}
    with open(log_path) as f:
        for line in f:
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "process.started":
                pids["%s.%d" % (event["name"], event["number"])] = event["pid"]
    return {name: pid for name, pid in pids.items() if os.path.exists("/proc/%d" % pid)}


def files_below(folder, without):
    return [os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs
            if not d.startswith(without) and os.path.isfile(os.path.join(d, f))]


def check(base, state, process, exports, log_path):
    payer = base58_decode(exports["CLAVIGER_ADDRESS"])
    signatures = {sign(exports, transfer_message(payer, n + 1)) for n in range(SIGNATURES)}
    expect("transfers are signed", len(signatures) == SIGNATURES, str(len(signatures)))
    share = unseal_copy(base, state)
    expect("tpm2-tools unseal the share from the TPM's copied state", share and len(share) == 32)
    if not share:
        return
    keys = open_store(base, state, share)
    wallets = {n: k for n, k in keys.items() if n.startswith("wallet key")}
    expect("the store opens offline with it", "master" in keys and len(wallets) >= 1, str(list(keys)))
    expect("and with nothing else", not open_store(base, state, bytes(32)))
    pids = pids_of(log_path)
    expect("all processes run", len(pids) >= 8, str(pids))
    others = [pid for name, pid in pids.items() if not name.startswith("signer")]
    secret = dict(wallets, master=keys.get("master", bytes(32)), **{"node share": share})
    found, read, bad = canary_scan.scan(secret, others + [process.pid],
                                        files_below(base, os.path.join(state, "tpm")))
    expect("no key in any other process, file or log", not found, str(found))
    found, more, worse = canary_scan.scan(
        {n: k for n, k in secret.items() if n != "master"}, [pids["signer.0"]], [])
    expect("no share and no wallet key in the signer between signatures", not found, str(found))
    print("canary: %d keys, read %d bytes of %d processes and all files, %d bytes unreadable" % (
        len(secret), read + more, len(others) + 2, bad + worse))
    found, _, _ = canary_scan.scan({"deployment": keys["deployment"]}, [pids["signer.0"]], [])
    expect("the scan finds what is there", found)


def main():
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    if os.geteuid() != 0:
        skip("reading other processes' memory takes root")
    base = tempfile.mkdtemp(prefix="tpm_canary.")
    process, exports, log_path = start_serve(base)
    try:
        expect("serve becomes ready", exports is not None)
        if exports:
            check(base, os.path.join(base, "state"), process, exports, log_path)
        process.send_signal(signal.SIGTERM)
        expect("serve ends in order", process.wait(30) == 0, str(process.returncode))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(base, ignore_errors=True)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
