#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TPM that is busy, full, or locked by others (R3, R5, C3).

usage: tpm_busy.py          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

A proxy in the TPM's place refuses every write to its memory with TPM_RC_NV_RATE for a while, as
hardware does against wear. Changes then wait and are not lost, signatures go on, log and metrics
say so. A TPM whose memory, sessions or objects others filled is refused in words, and serves when
they let go; dictionary attack lockout, brought about on purpose, stops nothing. Strangers' questions have a share of it.
"""
import base64
import json
import os
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_recover  # noqa: E402
import tpm_system  # noqa: E402
from tpm_bus import Proxy  # noqa: E402
from addresses import base58_decode  # noqa: E402
from tpm_canary import sign, transfer_message  # noqa: E402
from tpm_system import BUILD, System, Tpm, expect, provision, skip  # noqa: E402

WRITES = (b"\0\0\1\x36", b"\0\0\1\x34")  # TPM2_NV_Extend, TPM2_NV_Increment
GENESIS = ("NV_DefineSpace NV_Increment NV_UndefineSpace EvictControl DictionaryAttackParameters ClearControl "
           "HierarchyChangeAuth").split()
CODES = dict(zip((0x12A, 0x134, 0x122, 0x120, 0x13A, 0x127, 0x129), GENESIS))
MEMBERS = 8
CREATE_PRIMARY, NV_READ = b"\0\0\1\x31", b"\0\0\1\x4e"
NV_RATE = struct.pack(">HII", 0x8001, 10, 0x920)


class Chooser(Proxy):
    """A command that `refuses` is answered with TPM_RC_NV_RATE; the TPM never sees it."""

    def refuses(self, command):
        raise NotImplementedError

    def answered(self, command, response):
        pass

    def forward(self, client, server):
        while True:
            command = self.message(client)
            if command is None:
                return
            if self.refuses(command):
                client.sendall(NV_RATE)
                continue
            server.sendall(command)
            response = self.message(server)
            if response is None:
                return
            self.answered(command, response)
            client.sendall(response)


class Busy(Chooser):
    """While `busy` no write to the TPM's memory is let through."""

    def __init__(self, tpm, path):
        self.busy, self.refused, self.written = False, 0, 0
        self.made, self.make_s, self.read = 0, 0, 0
        super().__init__(tpm, path)

    def refuses(self, command):
        if command[6:10] == CREATE_PRIMARY:
            self.made += 1
            time.sleep(self.make_s)
        self.read += command[6:10] == NV_READ
        refused = command[6:10] in WRITES and self.busy
        self.refused += refused
        return refused

    def answered(self, command, response):
        self.written += command[6:10] in WRITES and response[6:10] == bytes(4)


class PutsOff(Chooser):
    """The first two of each command that writes are put off."""

    def __init__(self, tpm, path):
        self.refused = {}
        super().__init__(tpm, path)

    def refuses(self, command):
        name = CODES.get(int.from_bytes(command[6:10], "big"))
        if not name or self.refused.get(name, 0) == 2:
            return False
        self.refused[name] = self.refused.get(name, 0) + 1
        return True


class Node:
    """A store and a TPM that `serve --dev` made, on a proxy; its user and its bot."""

    def __init__(self, base):
        self.base, self.state = base, os.path.join(base, "state")
        made = tpm_recover.Node(base, self.state)
        expect("a signer is made", made.start("--dev"))
        made.stop()
        self.exports, self.number = made.exports, 0
        self.tpm = Tpm(os.path.join(self.state, "tpm"))
        self.proxy = Busy(self.tpm, os.path.join(base, "bus.sock"))

    def start(self):
        self.system = System(self.proxy, os.path.join(self.state, "store"), "unseal")
        self.server = "https://127.0.0.1:%d" % self.system.port
        self.exports["VAULT_ADDR"] = self.server

    def as_user(self, *words):
        return self.as_key("user.json", *words)

    def as_key(self, name, *words):
        key = ["--key", os.path.join(self.state, name)] if words[0] == "wallet" else []
        key += ["--yes"] if key and words[1] != "show" else []
        return subprocess.Popen(
            [os.path.join(BUILD, "bin/claviger"), *words, *key, "--server", self.server,
             "--ca", self.state + "/ca.pem", "--home", self.state + "/home"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def add_members(self, count):
        """Other users, each with a wallet: m0.json and m0, and so on."""
        for i in range(count):
            key = os.path.join(self.state, "m%d.json" % i)
            if not os.path.exists(key):
                subprocess.run([os.path.join(BUILD, "bin/claviger"), "key", "new", key], check=True, stdout=subprocess.DEVNULL)
                self.done("another user has a wallet", self.as_key("m%d.json" % i, "wallet", "create", "m%d" % i))

    def of_member(self, number, verb):
        return self.as_key("m%d.json" % number, "wallet", verb, "m%d" % number)

    def shows_frozen(self, number):
        while True:
            text, _ = self.as_key("m%d.json" % number, "wallet", "show", "m%d" % number, "--json").communicate(timeout=300)
            if "overloaded" not in text:
                return json.loads(text[text.index("{"):])["frozen"]

    def frozen_members(self, count):
        return [self.shows_frozen(i) for i in range(count)]

    @staticmethod
    def ended(what, process, waits):
        """It was acknowledged, or its client was told, in these words, that it waits."""
        text, _ = process.communicate(timeout=300)
        expect(what, process.returncode == 0 or waits in text, text)

    def done(self, what, process):
        text, _ = process.communicate(timeout=300)
        expect(what, process.returncode == 0, text)

    def signs(self):
        self.number += 1
        try:
            return sign(self.exports, transfer_message(base58_decode(
                self.exports["CLAVIGER_ADDRESS"]), self.number % 200 + 1)) is not None
        except OSError as e:
            self.refusal = getattr(e, "read", lambda: str(e).encode())()
            return False

    def metric(self, name):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.system.health, timeout=20) as f:
            return next((int(line.rsplit(" ", 1)[1]) for line in f.read().decode().splitlines()
                         if line.startswith(name + " ")), None)

    def has(self, name):
        return any(e["event"] == name for e in self.system.events())


def until(what, holds, limit_s=60):
    end = time.monotonic() + limit_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    expect(what, holds())


def busy(node):
    """NV_RATE from before the first write of a start on, and then during a change."""
    node.tpm.power_on()
    node.proxy.busy = True
    node.start()
    until("a start waits for the TPM and says so", lambda: node.has("anchor.tpm_busy"))
    expect("it is not ready before its first write", not node.system.event("supervisor", "ready"))
    node.proxy.busy = False
    expect("then it is", node.system.wait_ready(), str(node.system.events()[-3:]))
    until("the metric counts it", lambda: (node.metric("claviger_tpm_nv_busy_total") or 0) > 0)
    expect("it signs", node.signs(), getattr(node, "refusal", ""))

    refused, written = node.proxy.refused, node.proxy.written
    node.proxy.busy = True
    change = node.as_user("client", "new", "another")
    until("the change's write is put off", lambda: node.proxy.refused > refused + 20)
    signed = sum(node.signs() for _ in range(50))
    expect("and nothing was written", node.proxy.written == written)
    node.proxy.busy = False
    # The TPM is asked again ever more slowly, and the change's client waits 4.5 s: which comes first is the machine's.
    node.ended("the change is acknowledged when it is in the TPM", change, "has not confirmed")
    until("with one write", lambda: node.proxy.written > written)
    expect("signatures went on meanwhile", signed == 50, "%d %s" % (signed, getattr(node, "refusal", "")))
    node.done("the next change needs no patience", node.as_user("wallet", "freeze", "dev"))
    expect("and holds", not node.signs() and b"frozen" in node.refusal, str(node.refusal))
    written = node.proxy.written
    for _ in range(5):
        node.done("a freeze of what is frozen is answered", node.as_user("wallet", "freeze", "dev"))
    expect("and costs the TPM no write", node.proxy.written == written, "%d of 5" % (node.proxy.written - written))
    node.done("it can be taken back", node.as_user("wallet", "unfreeze", "dev"))
    expect("it stops in order", node.system.stop() == 0)
    node.tpm.power_on()
    node.start()
    expect("nothing was lost: the next start finds the state that the TPM knows",
           node.system.wait_ready() and node.signs(), str(node.system.events()[-3:]))
    expect("and stops", node.system.stop() == 0)
    print("busy: %d writes put off, %d made, %d signatures meanwhile" % (
        node.proxy.refused, node.proxy.written, signed))


def together(node):
    """P15: users who change something while a write is under way share the next one; who is refused takes nobody with him."""
    node.tpm.power_on()
    node.start()
    expect("it serves", node.system.wait_ready(), str(node.system.events()[-3:]))
    node.add_members(MEMBERS)
    refused, written = node.proxy.refused, node.proxy.written
    node.proxy.busy = True
    changes = [node.of_member(0, "freeze")]
    until("the first one's write is under way", lambda: node.proxy.refused > refused)
    changes += [node.of_member(i, "freeze") for i in range(1, MEMBERS)]
    stranger = node.as_key("m1.json", "wallet", "freeze", "m2")
    stranger.communicate(timeout=300)
    expect("a stranger is refused meanwhile", stranger.returncode not in (0, None))
    time.sleep(2)
    expect("nobody is told before it is in the TPM", all(c.poll() != 0 for c in changes) and node.proxy.written == written)
    node.proxy.busy = False
    again = 0
    for i, change in enumerate(changes):
        text, _ = change.communicate(timeout=300)
        while change.returncode != 0 and "overloaded" in text:  # a loaded machine: nothing was changed
            again += 1
            change = node.of_member(i, "freeze")
            text, _ = change.communicate(timeout=300)
        expect("a change of one of %d" % MEMBERS, change.returncode == 0 or "it is in force" in text, text)
    for i in range(MEMBERS):  # what is frozen is frozen again when that is durable, and costs no write
        until("it is durable", lambda i=i: node.of_member(i, "freeze").wait(60) == 0)
    writes = node.proxy.written - written
    # Six of one address are under way at a time: the command asks again for the others by itself, a little later.
    expect("%d users at once take few writes" % MEMBERS, again + 4 >= writes >= 2, "%d, %d asked again" % (writes, again))
    expect("it stops in order", node.system.stop() == 0)
    node.tpm.power_on()
    node.start()
    expect("all of it is there after a start", node.system.wait_ready(), str(node.system.events()[-3:]))
    expect("each wallet is frozen", node.frozen_members(MEMBERS) == [True] * MEMBERS)
    expect("it stops in order", node.system.stop() == 0)
    print("together: %d users, %d writes" % (MEMBERS, writes))


def activated(node):
    """A25: strangers have credentials activated, each with a key that the TPM takes a second to make."""
    node.tpm.power_on()
    node.tpm.tool("tpm2_startup", "-c")
    # Something in the place of the P-256 key's certificate: its key is the one that is made.
    node.tpm.tool("tpm2_nvdefine", "0x1c0000a", "-C", "p", "-s", "64", "-a",
                  "ppread|ppwrite|ownerread|authread|no_da|platformcreate")
    with open(os.path.join(node.tpm.folder, "certificate"), "wb") as f:
        f.write(bytes([0x30, 0x82, 0, 60]) + bytes(60))
    node.tpm.tool("tpm2_nvwrite", "0x1c0000a", "-C", "p", "-i", "certificate")
    node.start()
    expect("it serves", node.system.wait_ready(), str(node.system.events()[-3:]))
    stop, codes, slowest = time.monotonic() + 15, [], 0.0
    before = node.proxy.made
    node.proxy.make_s = 1.0

    def ask():
        context = ssl.create_default_context(cafile=node.state + "/ca.pem")
        body = json.dumps({"credential": base64.b64encode(bytes(52)).decode(),
                           "secret": base64.b64encode(bytes(256)).decode()}).encode()
        while time.monotonic() < stop:
            try:
                urllib.request.urlopen(urllib.request.Request(
                    node.server + "/api/v1/evidence/activate", body, {"Content-Type": "application/json"}), timeout=30, context=context)
            except urllib.error.HTTPError as e:
                codes.append(e.code)
            time.sleep(0.2)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while time.monotonic() < stop:
        for word in ("freeze", "unfreeze"):
            began = time.monotonic()
            node.done("a change between them", node.as_user("wallet", word, "dev"))
            slowest = max(slowest, time.monotonic() - began)
    for thread in threads:
        thread.join()
    made = node.proxy.made - before
    node.proxy.make_s = 0
    expect("strangers have at most a fifth of the TPM", 1 <= made <= 4, "%d in 15 s, %s" % (made, set(codes)))
    expect("the others are told to come again", set(codes) >= {503}, str(set(codes)))
    print("activated: %d keys made in 15 s for %d questions, slowest change %.1f s" % (made, len(codes), slowest))
    expect("it stops in order", node.system.stop() == 0)


def floors_asked(node):
    """A25: strangers who ask where the floors stand share a reading of the TPM."""
    node.tpm.power_on()
    node.start()
    expect("it serves", node.system.wait_ready(), str(node.system.events()[-3:]))
    context, floors, asked = ssl.create_default_context(cafile=node.state + "/ca.pem"), set(), 0
    before, began = node.proxy.read, time.monotonic()
    while time.monotonic() - began < 5 or asked < 20:
        with urllib.request.urlopen(node.server + "/api/v1/floor", timeout=30, context=context) as f:
            floors.add(f.read())
        asked += 1
    most = 2 * (int((time.monotonic() - began) / 2) + 1)  # two floors, every two seconds
    read = node.proxy.read - before
    expect("many questions are few readings", 2 <= read <= most, "%d readings for %d questions" % (read, asked))
    expect("with one answer", len(floors) == 1, str(floors))
    expect("it stops in order", node.system.stop() == 0)
    print("floors: %d questions, %d readings" % (asked, read))


def property_of(tpm, name):
    text = tpm.tool("tpm2_getcap", "properties-variable") or ""
    line = next((x for x in text.splitlines() if name + ":" in x), ": -1")
    return int(line.rsplit(" ", 1)[1], 0)


def locked_out(node):
    """Somebody guesses until the TPM locks: our objects have noDA, everything goes on (C3)."""
    node.tpm.power_on()
    node.tpm.tool("tpm2_startup", "-c")
    node.tpm.tool("tpm2_createprimary", "-C", "n", "-p", "right", "-c", "bait.ctx")
    for _ in range(40):
        node.tpm.tool("tpm2_create", "-C", "bait.ctx", "-P", "wrong", "-u", "x.pub", "-r", "x.priv",
                      check=False)
        if property_of(node.tpm, "inLockout") == 1:
            break
    expect("the TPM is in lockout", property_of(node.tpm, "inLockout") == 1)
    node.tpm.tool("tpm2_flushcontext", "-t")
    node.start()
    expect("it starts all the same", node.system.wait_ready(), str(node.system.events()[-3:]))
    expect("it signs", node.signs(), getattr(node, "refusal", ""))
    node.done("it takes changes", node.as_user("wallet", "freeze", "dev"))
    node.done("of both kinds", node.as_user("wallet", "unfreeze", "dev"))
    expect("it stops in order", node.system.stop() == 0)


def fill(tpm, what):
    """Leaves objects, sessions or NV indices behind, as another tool does; how many there was room for."""
    count = 0
    words = {"sessions": ["tpm2_startauthsession", "-S"], "objects": ["tpm2_createprimary", "-C", "n", "-c"]}
    while count < 70:
        if what == "nv":
            word = ["tpm2_nvdefine", "0x%x" % (0x1500000 + count), "-C", "o", "-s", "2048"]
        else:
            word = words[what] + ["left.%d" % count]
        done = subprocess.run(word, env=tpm.env(), capture_output=True, cwd=tpm.folder)
        if done.returncode:
            break
        count += 1
    return count


def filled(node):
    """R5: without a resource manager in between."""
    for what in ("objects", "sessions"):
        node.tpm.power_on()
        node.tpm.tool("tpm2_startup", "-c")
        left = fill(node.tpm, what)
        node.start()
        expect("with %d %s left by others it ends" % (left, what),
               left >= 3 and node.system.wait_end() not in (0, None))
        why = node.system.event("unsealer", "unsealer.failed")
        expect("and says what to do", why and "no room" in why["reason"], str(why))
        print("filled: %d %s: %s" % (left, what, why and why["reason"]))
        for context in ("-t", "-s", "-l"):
            subprocess.run(["tpm2_flushcontext", context], env=node.tpm.env(), capture_output=True)
        node.start()
        expect("when they let go it serves, without a reset", node.system.wait_ready(),
               str(node.system.events()[-3:]))
        expect("and stops", node.system.stop() == 0)


def full(base):
    """R5: no room for our indices."""
    state = os.path.join(base, "fresh")
    os.mkdir(os.path.join(base, "fresh-tpm"), 0o700)
    tpm = Tpm(os.path.join(base, "fresh-tpm"))
    provision(state)
    tpm.power_on()
    tpm.tool("tpm2_startup", "-c")
    left = fill(tpm, "nv")
    for size in (512, 128, 32, 8):  # to the last byte
        for i in range(40):
            if subprocess.run(["tpm2_nvdefine", "0x%x" % (0x1510000 + size * 100 + i), "-C", "o", "-s", str(size)],
                              env=tpm.env(), capture_output=True).returncode:
                break
    system = System(tpm, state, "genesis")
    expect("genesis on a full TPM ends", left > 1 and system.wait_end() not in (0, None))
    why = system.event("unsealer", "unsealer.failed")
    expect("and says what to do", why and "no room" in why["reason"], str(why))
    print("full: %d indices: %s" % (left, why and why["reason"]))
    tpm.power_off()


def slow_genesis(base):
    """R3: a TPM that spares its memory puts genesis off, and does not end it."""
    state = os.path.join(base, "slow")
    os.mkdir(os.path.join(base, "slow-tpm"), 0o700)
    tpm = Tpm(os.path.join(base, "slow-tpm"))
    provision(state)
    tpm.power_on()
    proxy = PutsOff(tpm, os.path.join(base, "slow.sock"))
    system = System(proxy, state, "genesis")
    expect("genesis goes on when writes are put off", system.wait_ready(), str(system.events()[-3:]))
    expect("and each kind was", sorted(proxy.refused) == sorted(GENESIS) and
           set(proxy.refused.values()) == {2}, str(proxy.refused))
    expect("and it stops", system.stop() == 0)
    tpm.power_off()


def main():
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_busy.")
    node = None
    try:
        node = Node(base)
        busy(node)
        together(node)
        activated(node)
        floors_asked(node)
        locked_out(node)
        filled(node)
        full(base)
        slow_genesis(base)
    finally:
        tpm_system.clear(node, base)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
