#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody sits on the bus between the programs and the TPM (PH3, PH4).

usage: tpm_bus.py [TRIALS]          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

A proxy in the TPM's place logs everything, and in other runs flips a bit of one response, cuts the
connection, answers late, not at all, or with what it heard before. Unsealer and attestor must then end
with an error, or the start must be the right one (a late answer is no attack); never a wrong one. So
while evidence is made: what comes out is right, or nothing does and everything ends.
In what was logged neither node share nor authorization value is to be found.
"""
import base64
import hashlib
import json
import os
import random
import shutil
import socket
import ssl
import struct
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
from tpm_system import BUILD, System, Tpm, expect, provision, skip  # noqa: E402

LATE_S = 0.5
SILENCE_S = 60  # after which a TPM that says nothing is given up (lib/tpm/tpm_tcti.c)
UNSEALING = 20  # a response of a start that is the unsealer's
WATCH_S = 2  # how often the attestor looks at it
CREATE_PRIMARY, READ_PUBLIC = b"\0\0\1\x31", b"\0\0\1\x73"
GENERATOR = bytes.fromhex(  # of P-256: a point on the curve, whose private key is 1
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
FLUSH = b"\0\0\1\x65"  # TPM2_FlushContext: tidying up at the end, nothing rests on its answer


class Proxy:
    """Stands at `path`, forwards to the TPM; one fault at one response, counted from 1 on."""

    def __init__(self, tpm, path):
        self.tpm, self.socket, self.folder = tpm, path, os.path.dirname(path)
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.log, self.heard = bytearray(), {}
        self.count, self.fault, self.at, self.done, self.code = 0, None, 0, False, None
        self.swapped, self.at_key, self.keys = None, 0, 0
        self.random = random.Random(0)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        """Its thread accepts no more before the descriptor is free: the next proxy's listener gets the same number, and a call that
        goes on after a stop of the process would take that one's clients."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(1)
        self.listener.close()

    @staticmethod
    def is_key(command):
        """Of TPM2_CreatePrimary any; of TPM2_ReadPublic only of what was made in this boot."""
        return command[6:10] == CREATE_PRIMARY or command[10] == 0x80

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                with socket.socket(socket.AF_UNIX) as server:
                    server.connect(self.tpm.socket)
                    self.forward(client, server)
            except OSError:
                pass
            client.close()

    @staticmethod
    def message(sock):
        """One command or response: tag 2, size 4, code 4, then the rest."""
        data = b""
        while len(data) < 10 or len(data) < struct.unpack(">I", data[2:6])[0]:
            more = sock.recv(8192)
            if not more:
                return None
            data += more
        return data

    def forward(self, client, server):
        while True:
            command = self.message(client)
            if command is None:
                return
            server.sendall(command)
            response = self.message(server)
            if response is None:
                return
            self.log += command + response
            self.count += 1
            code = command[6:10]
            if code == self.swapped and self.is_key(command):
                self.keys += 1
                if self.keys == self.at_key:
                    self.done, response = True, self.swap(response)
            if self.count == self.at:
                self.done, self.code = True, code
                response = self.spoil(code, response)
                if response is None:
                    return
            self.heard[code] = response
            client.sendall(response)

    def swap(self, response):
        """Another attestation key in the response's place: point and name, where they are in clear;
        of what is encrypted a byte."""
        at = 10 + (8 if self.swapped == CREATE_PRIMARY else 0)  # head, handle, parameters' size
        size = int.from_bytes(response[at:at + 2], "big")
        public = response[at + 2:at + 2 + size]
        if response[:2] == b"\x80\x02" and self.swapped == READ_PUBLIC:
            at += 4
            size = int.from_bytes(response[at:at + 2], "big")
            public = response[at + 2:at + 2 + size]
        if public[:4] != b"\0\x23\0\x0b":
            return response[:at + 20] + bytes([response[at + 20] ^ 1]) + response[at + 21:]
        other = public[:-68] + b"\0\x20" + GENERATOR[:32] + b"\0\x20" + GENERATOR[32:]
        name = lambda area: b"\0\x0b" + hashlib.sha256(area).digest()
        return response.replace(public, other).replace(name(public), name(other))

    def spoil(self, code, response):
        if self.fault == "flip":
            at = self.random.choice([0, 1] + list(range(6, len(response))))
            bent = bytearray(response)
            bent[at] ^= 1 << self.random.randrange(8)
            return bytes(bent)
        if self.fault == "replay":
            return self.heard.get(code, response)
        if self.fault == "late":
            time.sleep(LATE_S)
            return response
        if self.fault == "silence":
            return b""
        return None  # cut


def run(tpm, proxy, state, start="unseal"):
    """True with the deployment when everything got ready, else how it ended."""
    system = System(proxy, state, start)
    ready = system.wait_ready()
    event = system.event("signer", "signer.ready")
    # Some faults hit the attestor after the start: give it its watch.
    until = time.monotonic() + 3
    while ready and proxy.at and not proxy.done and time.monotonic() < until:
        time.sleep(0.05)
    status = system.stop() if system.process.poll() is None else system.wait_end()
    return ready, event["deployment"] if event else None, status, system.events()


def is_on(log, secret):
    return any(secret[i:i + 8] in log for i in range(len(secret) - 7))


def tapped(tpm, path, state):
    """The halves of the share by tpm2-tools, and what the bus showed: their session encrypts nothing."""
    proxy, through = Proxy(tpm, path), Tpm(tpm.folder)
    through.socket = path
    os.symlink(tpm.socket + ".ctrl", path + ".ctrl")  # tpm2-tools ask there, too
    halves = tpm_site.halves(through, state)
    proxy.close()
    return halves, proxy.log


def check_log(proxy, state, halves, open_log):
    """PH3: the share is never on the bus as a whole, so its halves are looked for."""
    done = subprocess.run([os.path.join(BUILD, "bin/claviger"), "tpm", "escrow", "--json",
                           os.path.join(state, "escrow"), "--key",
                           os.path.join(state, "escrow.json")], capture_output=True, text=True)
    secrets = dict(zip(("release half", "site half"), halves))
    secrets["node share"] = bytes(a ^ b for a, b in zip(*halves))
    if done.returncode == 0:
        secrets |= {n: bytes.fromhex(v) for n, v in json.loads(done.stdout).items()}
    expect("share, halves, owner and lockout authorization are known", len(secrets) == 5, done.stderr)
    for name, secret in secrets.items():
        expect("the %s is not on the bus" % name, not is_on(proxy.log, secret))
        expect("a half would be found", is_on(open_log, secret) == name.endswith("half"), name)
    sealed = tpm_site.read(os.path.join(state, "sealed-share"))
    expect("the log is whole", sealed[4] in proxy.log and sealed[6] in proxy.log and len(proxy.log) > 20_000,
           str(len(proxy.log)))
    print("bus: %d bytes logged over genesis and a start" % len(proxy.log))


def ask_evidence(system, base):
    """None: there was none; else whether it verifies."""
    nonce, path = os.urandom(32).hex(), os.path.join(base, "evidence.cbor")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen("https://127.0.0.1:%d/api/v1/evidence?nonce=%s" % (system.port, nonce), timeout=30,
                                    context=trusting) as answer:
            evidence = base64.b64decode(json.load(answer)["evidence"])
    except OSError:  # an error's status, too
        return None
    with open(path, "wb") as f:
        f.write(evidence)
    return subprocess.run([os.path.join(BUILD, "bin/claviger"), "attest", "verify", "--nonce", nonce, path],
                          capture_output=True).returncode == 0


def ends(system, limit_s):
    """How it ended; None: it did not."""
    try:
        return system.process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return None


def evidence_faults(tpm, path, state, trials):
    """PH4: the attestor, while it makes evidence."""
    ended = right = per_evidence = 0
    for trial in range(trials):
        tpm.power_on()
        proxy = Proxy(tpm, path)
        system = System(proxy, state, "unseal")
        expect("a start over the bus", system.wait_ready())
        before = proxy.count
        expect("evidence over the bus verifies", ask_evidence(system, tpm.folder) is True)
        per_evidence = per_evidence or proxy.count - before
        proxy.random.seed(trial)
        proxy.fault = ("flip", "replay", "cut")[trial % 3]
        proxy.at = proxy.count + 1 + trial // 3 % per_evidence
        for _ in range(4):  # what was looked up a moment ago is not asked for again: the response may be of the next one
            said = ask_evidence(system, tpm.folder)
            if proxy.done:
                break
        what = "%s at %d of %d of evidence" % (proxy.fault, 1 + trial // 3 % per_evidence, per_evidence)
        expect(what + ": was there", proxy.done)
        expect(what + ": no false evidence", said in (None, True))
        status = ends(system, 2 * WATCH_S)
        if status is None and said is True and ask_evidence(system, tpm.folder) is True:  # it did no harm
            expect(what + ": evidence goes on, right, and it stops in order", system.stop() == 0)
            right += 1
        else:  # a machine with other work is late with that
            status = ends(system, SILENCE_S) if status is None else status
            expect(what + ": it ended with an error", status not in (None, 0), str(status))
            ended += 1
        proxy.close()
    print("bus: %d trials over %d responses of evidence: %d ended, %d right" % (trials, per_evidence, ended, right))
    expect("most faults while evidence is made end it", ended >= trials // 2)


def silence(base, at, found):
    """PH4: one answer never comes; `at`: of a start, 0: behind it. Into `found`: whether it served, how it ended, what it said."""
    os.makedirs(os.path.join(base, "tpm"), 0o700)
    state, tpm = os.path.join(base, "state"), Tpm(os.path.join(base, "tpm"))
    try:
        provision(state)
        tpm.power_on()
        proxy = Proxy(tpm, os.path.join(base, "bus.sock"))
        system = System(proxy, state, "genesis")
        if not system.wait_ready() or system.stop() != 0:
            return
        tpm.power_on()
        proxy.fault, proxy.at = "silence", proxy.count + at if at else 0
        system = System(proxy, state, "unseal")
        ready = False
        if at == 0:
            ready = system.wait_ready()
            proxy.at = proxy.count + 1
        status = ends(system, SILENCE_S + 30)
        if status is None:
            system.process.kill()
        found.append((ready, status, system.events()))
        proxy.close()
    finally:
        tpm.power_off()


def check_silence(silent):
    for at, found in silent.items():
        who = "unsealer" if at else "attestor"
        expect("a start for the silent TPM of the " + who, len(found) == 1)
        for ready, status, events in found:
            expect("only the one after the start served", ready == (at == 0), str(ready))
            expect("a TPM that says nothing any more ends it", status not in (None, 0), str(status))
            expect("and the %s says so" % who, any(e["process"] == who and e["level"] == "error" for e in events), str(events[-3:]))


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_bus.")
    state = os.path.join(base, "state")
    os.mkdir(os.path.join(base, "tpm"), 0o700)
    tpm = Tpm(os.path.join(base, "tpm"))
    path = os.path.join(base, "bus.sock")
    silent = {at: [] for at in (UNSEALING, 0)}
    waiting = [threading.Thread(target=silence, args=(os.path.join(base, "silent.%d" % at), at, found))
               for at, found in silent.items()]
    for thread in waiting:
        thread.start()
    try:
        provision(state)
        tpm.power_on()
        proxy = Proxy(tpm, path)
        ready, deployment, status, events = run(tpm, proxy, state, "genesis")
        expect("genesis over the bus", ready and status == 0, str(events[-3:]))
        tpm.power_on()
        halves, open_log = tapped(tpm, os.path.join(base, "open.sock"), state)
        tpm.power_on()
        before = proxy.count
        ready, again, status, events = run(tpm, proxy, state)
        expect("a start over the bus", ready and status == 0 and again == deployment)
        per_start = proxy.count - before
        expect("tpm2-tools know both halves", [len(half or b"") for half in halves] == [32, 32])
        if None not in halves:
            check_log(proxy, state, halves, open_log)
        proxy.close()
        ended = right = 0
        for trial in range(trials):
            tpm.power_on()
            proxy = Proxy(tpm, path)
            proxy.random.seed(trial)
            proxy.fault = ("flip", "cut", "replay", "flip", "late", "replay")[trial % 6]
            proxy.at = 1 + (trial * 7919) % per_start
            ready, again, status, events = run(tpm, proxy, state)
            proxy.close()
            right += ready and status == 0
            ended += not ready or status != 0
            expect("trial %d, %s at %d: never another deployment" % (
                trial, proxy.fault, proxy.at), again in (None, deployment))
            if proxy.fault == "late":
                expect("a late answer is no attack", ready and status == 0, str(events[-3:]))
            shut = any(e["event"] == "attestor.shutdown" for e in events)
            if proxy.fault == "cut" and proxy.done and not shut and proxy.code != FLUSH:
                expect("a cut ends it", not ready or status != 0)
        evidence_faults(tpm, path, state, trials)
        for code, at in ((CREATE_PRIMARY, 1), (CREATE_PRIMARY, 2), (READ_PUBLIC, 1)):
            tpm.power_on()
            proxy = Proxy(tpm, path)
            proxy.swapped, proxy.at_key = code, at
            ready, again, status, events = run(tpm, proxy, state)
            proxy.close()
            expect("another attestation key, response %d of 0x%s, was put there" % (at, code.hex()),
                   proxy.done)
            expect("and ends it", not ready or status != 0, str(events[-3:]))
        print("bus: %d trials over %d responses of a start: %d ended, %d right" % (
            trials, per_start, ended, right))
        expect("most faults end it", ended >= trials // 3)
        tpm.power_on()
        proxy = Proxy(tpm, path)
        ready, again, status, events = run(tpm, proxy, state)
        expect("after all of it a start without faults is right", ready and again == deployment,
               str(events[-3:]))
        proxy.close()
        for thread in waiting:
            thread.join()
        check_silence(silent)
    finally:
        tpm.power_off()
        for thread in waiting:
            thread.join()
        shutil.rmtree(base, ignore_errors=True)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
