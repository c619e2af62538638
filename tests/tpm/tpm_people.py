#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What waits for people: attended mode (PH2), and a machine in the place of a lost one.

usage: tpm_people.py          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

- attended: each start waits; a stranger's approval and the one of the start before do nothing, the
  right one opens; a bridge that is killed meanwhile changes nothing;
- TPM lost: a new TPM, its genesis given the old node share by the recovery key's holder, and the old
  store accepted by the site: the same deployment goes on, what was made after the backup is lost, and a
  wallet is frozen until its user signs again (A16); the acceptance is not taken a second time from who
  makes the anchor what it was.
"""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_system  # noqa: E402
import tpm_site  # noqa: E402
from tpm_system import BUILD, System, Tpm, expect, skip  # noqa: E402


class Site:
    def __init__(self, base):
        self.base, self.count = base, 0

    def claviger(self, *words, wanted=0):
        done = subprocess.run([os.path.join(BUILD, "bin/claviger"), *words], capture_output=True,
                              text=True)
        expect(" ".join(words[:3]) + " gives %d" % wanted, done.returncode == wanted,
               "%d %s %s" % (done.returncode, done.stdout, done.stderr))
        if "--json" in words:
            said = json.loads(done.stdout or "{}")
            expect("%s: one JSON value, or nothing" % " ".join(words[:2]), (said == {}) == (wanted != 0), done.stdout)
            expect("and what it did", said.get("given", True) is ("--dry-run" not in words), said)
        return done.stdout + done.stderr

    def path(self, name):
        return os.path.join(self.base, name)

    def provision(self, state, *words):
        zeros = self.path("pcrs.json")
        with open(zeros, "w") as f:
            json.dump({str(p): bytes(32).hex()
                       for p in tpm_site.RELEASE_PCRS + tpm_site.SITE_PCRS}, f)
        return self.claviger("tpm", "provision", "--single-operator", "--out", state, "--pcrs",
                             zeros, *words)

    def tpm(self):
        self.count += 1
        folder = self.path("tpm.%d" % self.count)
        os.mkdir(folder, 0o700)
        return Tpm(folder)


def unseal_asks(system):
    with urllib.request.urlopen("http://127.0.0.1:%d/unseal" % system.health, timeout=20) as f:
        return json.load(f)


def wait_asks(system, what):
    until = time.monotonic() + 60
    while time.monotonic() < until and system.process.poll() is None:
        try:
            asks = unseal_asks(system)
            if asks["asks"] == what:
                return asks
        except OSError:
            pass
        time.sleep(0.05)
    return None


def waits_value(system):
    """What the machine's own log says that it waits with."""
    return [e for e in system.events() if e["event"] == "unsealer.waits"][-1]["value"]


def attended(site):
    state, tpm = site.path("attended"), site.tpm()
    for name in ("approver.pem", "stranger.pem"):
        site.claviger("tpm", "key", site.path(name))
    text = site.provision(state, "--approver", site.path("approver.pem.pub"))
    expect("the text says that each start is approved", "that very start" in text, text)

    def approve(system, key, wanted=0, nonce=None):
        if nonce is None:
            nonce = waits_value(system)
        return site.claviger("tpm", "approve", "--json", "--key", site.path(key), "--health",
                             "127.0.0.1:%d" % system.health, "--expect", nonce, wanted=wanted)

    tpm.power_on()
    system = System(tpm, state, "genesis")
    first = wait_asks(system, "approval")
    expect("genesis waits for approval", first is not None)
    approve(system, "approver.pem")
    expect("and goes on with it", system.wait_ready())
    deployment = system.event("signer", "signer.ready")["deployment"]
    expect("nothing is waited for any more", unseal_asks(system)["asks"] == "nothing")
    approve(system, "approver.pem", wanted=1)
    expect("it stops in order", system.stop() == 0)

    tpm.power_on()
    system = System(tpm, state, "unseal")
    second = wait_asks(system, "approval")
    expect("each start has a nonce of its own", second and second["nonce"] != first["nonce"])
    text = approve(system, "approver.pem", wanted=1, nonce=first["nonce"])
    expect("a nonce that the log does not name is not signed", "another than --expect" in text, text)
    site.claviger("tpm", "approve", "--key", site.path("approver.pem"), "--health",
                  "127.0.0.1:%d" % system.health, wanted=2)
    text = site.claviger("tpm", "approve", "--key", site.path("approver.pem"), "--health",
                         "127.0.0.1:%d" % system.health, "--dry-run")
    expect("a dry run shows it", second["nonce"] in text and "Nothing was given" in text, text)
    text = approve(system, "stranger.pem", wanted=1)
    expect("a stranger's approval does nothing", "did not take it" in text, text)
    expect("it still waits", wait_asks(system, "approval") is not None)
    bridge = system.pids()["bridge.0"]
    os.kill(bridge, signal.SIGKILL)
    until = time.monotonic() + 60
    while system.pids().get("bridge.0") in (bridge, None) and time.monotonic() < until:
        time.sleep(0.05)
    expect("a new bridge asks the same", (wait_asks(system, "approval") or {}).get("nonce") ==
           second["nonce"])
    approve(system, "approver.pem")
    expect("the right one opens", system.wait_ready())
    expect("the same deployment",
           system.event("signer", "signer.ready")["deployment"] == deployment)
    expect("it stops in order", system.stop() == 0)

    tpm.power_on()
    system = System(tpm, state, "unseal")
    expect("it waits again", wait_asks(system, "approval") is not None)
    expect("and is stopped in order while it waits", system.stop() is not None)
    tpm.power_off()


def commitment(escrow):
    """What genesis said of the share in the file `escrow` that it wrote."""
    with open(escrow, "rb") as f:
        return tpm_site.cbor(f.read())[0][5].hex()


class Relay:
    """Sits in front of a health listener and changes one text in its answers for one as long."""

    def __init__(self, port, text, other):
        self.to, self.text, self.other = port, text.encode(), other.encode()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self.to)) as server:
                # A mere look whether anybody listens asks nothing.
                asked = client.recv(65536)
                if not asked:
                    continue
                server.sendall(asked)
                answer = b""
                while more := server.recv(65536):
                    answer += more
                client.sendall(answer.replace(self.text, self.other))


def put_store(backup, state):
    """The backup's two databases take the place of what is there."""
    for name in ("state", "segments"):
        for ending in (".db", ".db-wal", ".db-journal", ".mark"):
            path = os.path.join(state, name + ending)
            if os.path.exists(path):
                os.unlink(path)
            if os.path.exists(os.path.join(backup, name + ending)):
                shutil.copy(os.path.join(backup, name + ending), state)


def as_user(site, system, *words, wanted=0):
    """What the user of the wallets asks of a running system."""
    with open(site.path("ca.pem"), "w") as f:
        f.write(ssl.get_server_certificate(("127.0.0.1", system.port)))
    return site.claviger(*words, "--key", site.path("user.json"), "--server", "https://127.0.0.1:%d" % system.port,
                         "--ca", site.path("ca.pem"), "--home", site.path("home"), wanted=wanted)


def is_frozen(site, system, wallet):
    text = as_user(site, system, "wallet", "show", wallet, "--json")
    return json.loads(next(line for line in text.splitlines() if line.startswith("{")))["frozen"]


def lost(site):
    state, old = site.path("lost"), site.tpm()
    site.claviger("key", "new", site.path("user.json"))
    escape = site.claviger("key", "escape", site.path("recovery.json")).strip()
    site.provision(state, "--recovery", escape)
    old.power_on()
    system = System(old, state, "genesis")
    expect("a machine starts", system.wait_ready())
    deployment = system.event("signer", "signer.ready")["deployment"]
    as_user(site, system, "wallet", "create", "kept", "--yes")
    expect("it stops in order", system.stop() == 0)
    backup = site.path("lost.backup")
    site.claviger("backup", "--state", state, "--out", backup)
    old.power_on()
    system = System(old, state, "unseal")
    expect("it goes on behind the backup", system.wait_ready())
    as_user(site, system, "wallet", "create", "late", "--yes")
    expect("nothing is frozen", not is_frozen(site, system, "kept") and not is_frozen(site, system, "late"))
    expect("it stops in order", system.stop() == 0)
    old.power_off()

    new_state, new = site.path("new"), site.tpm()
    site.claviger("tpm", "provision", "--single-operator", "--out", new_state, "--recover",
                  os.path.join(state, "approvals"), wanted=1)
    text = site.provision(new_state, "--recover", os.path.join(backup, "escrow"))
    expect("the text says that the old recovery key opens it", "lost machine's recovery key opens" in text, text)
    expect("the text says that it waits for the share", "waits for the node share" in text, text)
    expect("and which", commitment(os.path.join(backup, "escrow")) in text, text)
    new.power_on()
    system = System(new, new_state, "genesis")
    asks = wait_asks(system, "share")
    expect("the new machine waits for the share", asks is not None)
    named = waits_value(system)
    expect("the log names the key", asks and asks["key"] == named)

    def share(key, *words, wanted=0, escrow=os.path.join(backup, "escrow"), health=None):
        return site.claviger("recover", "share", "--json", "--escrow", escrow, "--key", key, "--health",
                             "127.0.0.1:%d" % (health or system.health), *words, wanted=wanted)

    share(os.path.join(state, "escrow.json"), "--expect", named, wanted=1)
    # Another machine's share, from its own backup and under the same recovery key.
    other = site.path("other")
    site.provision(other, "--recovery", escape)
    tpm = site.tpm()
    tpm.power_on()
    machine = System(tpm, other, "genesis")
    expect("another machine starts", machine.wait_ready())
    expect("it stops in order", machine.stop() == 0)
    tpm.power_off()
    foreign = os.path.join(other, "escrow")
    text = share(site.path("recovery.json"), "--expect", named, wanted=1, escrow=foreign)
    expect("another machine's share is not given away", "it was not given away" in text, text)
    # Nor taken, from who gives it all the same: as the tool does, with the wanted share's number bent on the way.
    with Relay(system.health, asks["share"], commitment(foreign)) as relay:
        text = share(site.path("recovery.json"), "--expect", named, wanted=1, escrow=foreign,
                     health=relay.port)
    expect("and is not taken", "share of another machine than the lost one" in text, text)
    log = [e for e in system.events() if e["event"] == "unsealer.waits"][-1]
    expect("the log says why", "another share" in log.get("why", ""), str(log))
    expect("it still waits", (wait_asks(system, "share") or {}).get("other_share") is True)
    share(site.path("recovery.json"), wanted=2)
    text = share(site.path("recovery.json"), "--expect", "ab" * 32, wanted=1)
    expect("to a key that the log does not name nothing is sealed", "another than --expect" in text,
           text)
    expect("and the machine still waits", wait_asks(system, "share") is not None)
    share(site.path("recovery.json"), "--expect", named)
    expect("without the old store nothing is begun", system.wait_end() not in (0, None))
    gone = system.event("signer", "start.store_gone")
    expect("and it is said why", gone and "in the place of a lost one" in gone["text"], str(gone))
    put_store(backup, new_state)
    new.power_on()
    system = System(new, new_state, "unseal")
    expect("the store is not the new TPM's", system.wait_end() not in (0, None))
    stale = system.event("signer", "start.stale")
    expect("and it is said what to accept", stale and stale["anchor"] == "00" * 32, str(stale))
    if not stale:
        return
    site.claviger("recover", "accept", "--key", os.path.join(new_state, "site.pem"), "--approvals",
                  os.path.join(new_state, "approvals"), "--genesis",
                  os.path.join(new_state, "genesis"), "--checkpoint", stale["checkpoint"],
                  "--anchor", stale["anchor"], "--boots", str(stale["tpm_boots"]))
    new.power_on()
    system = System(new, new_state, "unseal")
    expect("accepted, it starts", system.wait_ready(), str(system.events()[-3:]))
    ready = system.event("signer", "signer.ready")
    expect("the same deployment goes on", ready and ready["deployment"] == deployment)
    expect("a wallet of the backup is frozen until its user signs again", is_frozen(site, system, "kept"))
    as_user(site, system, "wallet", "unfreeze", "kept", "--yes")
    expect("then it is not", not is_frozen(site, system, "kept"))
    text = as_user(site, system, "wallet", "show", "late", wanted=1)
    expect("what was made after the backup is lost", "no wallet" in text, text)
    # The old recovery key opens the share: evidence says so, though the new genesis names none.
    text = site.claviger("attest", "get", "--json", "--server", "https://127.0.0.1:%d" % system.port,
                         "--ca", site.path("ca.pem"), "--home", site.path("home"))
    expect("evidence says that a recovery key opens it", json.loads(text)["recovery_key"] is True, text)
    expect("it stops in order", system.stop() == 0)
    new.power_on()
    system = System(new, new_state, "unseal")
    expect("and starts again as any other", system.wait_ready())
    expect("it stops in order", system.stop() == 0)

    # Who has the escrow key makes the anchor what it was when the site accepted: the acceptance
    # is still in the file, and serves no more.
    auths = site.claviger("tpm", "escrow", os.path.join(new_state, "escrow"), "--key",
                          os.path.join(new_state, "escrow.json"))
    owner = "hex:" + next(word for word in auths.split() if len(word) == 64)
    new.power_on()
    for command in (["tpm2_nvundefine", "0x1434c01", "-C", "o", "-P", owner],
                    ["tpm2_nvdefine", "0x1434c01", "-C", "o", "-P", owner, "-s", "32", "-g", "sha256", "-a",
                     "nt=extend|authread|authwrite|ownerread|no_da"]):
        expect(command[0] + " works", new.tool(*command) is not None)
    put_store(backup, new_state)
    new.power_on()
    system = System(new, new_state, "unseal")
    expect("the acceptance is not taken again", system.wait_end() not in (0, None))
    stale = system.event("signer", "start.stale")
    expect("though the anchor is what it was", stale and stale["anchor"] == "00" * 32, str(stale))
    expect("since the machine has started meanwhile", system.event("signer", "start.recovered") is None)
    new.power_off()


def main():
    for program in ("swtpm", "tpm2_nvdefine"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_people.")
    try:
        for part in (attended, lost):
            began = time.monotonic()
            part(Site(os.path.join(base)))
            print("%s: %.0f s" % (part.__name__, time.monotonic() - began))
            for name in os.listdir(base):
                path = os.path.join(base, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
