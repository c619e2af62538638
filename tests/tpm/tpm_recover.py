#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backup and disaster, rehearsed as docs/recovery.md says (A16, DS1): what comes back, what is lost.

usage: tpm_recover.py          (BUILD_DIR names the build; needs swtpm)

- the backup is taken while signatures are made, from the folder and as an operator from afar, and is whole;
- it fits the appliance's disk, byte for byte as spec/disk.md lays it out;
- disk lost: the store is put back from it; the start is refused until the site accepts it; then every
  wallet is frozen until its user signs again; the acceptance serves once; what was made, revoked and
  decided after the backup is lost, as the document says;
- disk and TPM lost together, as a workstation loses them: with a recovery key named at the first start the
  backup opens beside another TPM, in another folder, by the key's holder and the site's word, with every
  wallet frozen until its user signs; without one, with another one or another machine's share it does not,
  and no start that cannot succeed writes over what could have.
"""
import hashlib
import json
import os
import shutil
import signal
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
import tpm_canary  # noqa: E402
import tpm_system  # noqa: E402
from addresses import base58_decode  # noqa: E402
from tpm_canary import sign, transfer_message  # noqa: E402
from tpm_system import BUILD, expect, skip  # noqa: E402

LIMIT_S = 60


class Node:
    """claviger serve on a folder."""
    last = None  # to be ended with the test

    def __init__(self, base, state):
        Node.last = self
        self.base, self.state, self.process, self.exports = base, state, None, None

    def start(self, *words):
        """True when it serves."""
        self.log_path = os.path.join(self.base, "log.%d" % time.monotonic_ns())
        ports = [tpm_system.free_port() for _ in range(2)]
        self.server, self.health = "https://127.0.0.1:%d" % ports[0], ports[1]
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "bin/claviger"), "serve", "--state", self.state, "--listen",
             "127.0.0.1:%d" % ports[0], "--metrics", "127.0.0.1:%d" % ports[1], *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.log_path, "wb"),
            text=True)
        for line in self.process.stdout:
            if line.startswith("export "):
                self.exports = self.exports or {}
                name, value = line[7:].strip().split("=", 1)
                self.exports[name] = value.strip("'\"")
            if line.strip() == "ready":
                if self.exports:
                    self.exports["VAULT_ADDR"] = self.server
                return True
        self.process.wait(LIMIT_S)
        return False

    def begin(self, *words):
        """A start that may wait for people; `ended` says how it went on."""
        def run():
            self.served = self.start(*words)
        self.log_path = self.served = None
        self.starts = threading.Thread(target=run)
        self.starts.start()

    def waits(self):
        """The key that its own log names, once it waits for a share and answers."""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and self.starts.is_alive():
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/unseal" % self.health, timeout=20) as f:
                    if json.load(f)["asks"] == "share":
                        return self.event("unsealer.waits")["value"]
            except (OSError, AttributeError):
                pass  # nobody listens yet, or it has not begun
            time.sleep(0.05)
        return None

    def ended(self):
        """True when it ended by itself and never served."""
        self.starts.join(LIMIT_S)
        alone = not self.starts.is_alive()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(LIMIT_S)
        self.starts.join()
        return alone and self.served is False

    def said(self):
        """What `serve` itself said on standard error: no line of the log."""
        with open(self.log_path) as f:
            return "".join(line for line in f if not line.startswith("{"))

    def refused(self, what, words, *options):
        """A start that is refused in these words before any process runs."""
        self.begin(*options)
        expect(what, self.ended() and words in self.said() and self.event("process.started") is None, self.said())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect("serve ends in order", self.process.wait(LIMIT_S) == 0)

    def event(self, name):
        with open(self.log_path) as f:
            events = [json.loads(line) for line in f if line.startswith("{") and line.endswith("}\n")]
        return next((e for e in events if e["event"] == name), None)

    def claviger(self, *words, wanted=0):
        done = subprocess.run([os.path.join(BUILD, "bin/claviger"), *words], capture_output=True,
                              text=True)
        expect(" ".join(words[:2]) + " gives %d" % wanted, done.returncode == wanted,
               "%d %s %s" % (done.returncode, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def signs(self, number):
        payer = base58_decode(self.exports["CLAVIGER_ADDRESS"])
        try:
            return sign(self.exports, transfer_message(payer, number + 1)) is not None
        except urllib.error.HTTPError as e:
            self.refusal = e.read().decode()
            return False

    def evidence(self):
        return json.loads(self.claviger("attest", "get", "--json", *self.reach()))

    def reach(self):
        return ["--server", self.server, "--ca", self.state + "/ca.pem", "--home", self.state + "/home"]

    def as_user(self, *words, wanted=0):
        return self.claviger(*words, "--key", self.state + "/user.json", *self.reach(), wanted=wanted)

    def as_operator(self, key):
        return ["--operator", "%s/%s.json" % (self.state, key), *self.reach()]

    def put_back(self, backup):
        shutil.rmtree(self.state + "/store")
        shutil.copytree(backup, self.state + "/store")

    def accept(self, *words):
        stale = self.event("start.stale")
        expect("the refused start says what would have to be accepted",
               stale and len(stale["checkpoint"]) == 64 and len(stale["anchor"]) == 64)
        store = self.state + "/store"
        return self.claviger("recover", "accept", "--key", self.state + "/authority/site.pem",
                             "--approvals", store + "/approvals", "--genesis", store + "/genesis",
                             "--checkpoint", stale["checkpoint"], "--anchor", stale["anchor"],
                             "--boots", str(stale["tpm_boots"]),
                             *words)


def back_up(node):
    """Under load: signatures go on, and so do commits of receipts and leases."""
    stop, made = threading.Event(), []

    def load():
        number = 0
        while not stop.is_set():
            number += 1
            made.append(node.signs(number % LATE))

    thread = threading.Thread(target=load)
    thread.start()
    backups = []
    for i in range(3):
        folder = os.path.join(node.base, "backup.%d" % i)
        node.claviger("backup", "--out", folder, *(
            node.as_operator("operator") if i % 2 else ["--state", node.state]))
        backups.append(folder)
        time.sleep(0.7)
    end = time.monotonic() + LIMIT_S
    while len(made) <= 20 and time.monotonic() < end:  # a machine with other work signs as many, later
        time.sleep(0.05)
    stop.set()
    thread.join()
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % node.health, timeout=20) as f:
        metrics = dict(line.rsplit(" ", 1) for line in f.read().decode().splitlines()
                       if line and line[0] != "#")
    writes = int(metrics.get("claviger_tpm_nv_writes_total", "0"))
    expect("the TPM's writes are told", writes >= 3, str(writes))
    expect("and are far fewer than signatures", writes < len(made), "%d %d" % (writes, len(made)))
    expect("a software TPM has no budget", "claviger_tpm_nv_writes_left" not in metrics)
    print("metrics: %d writes to the TPM" % writes)
    expect("signatures went on meanwhile", len(made) > 20 and all(made), str(len(made)))
    print("backup: 3 taken while %d signatures were made" % len(made))
    node.claviger("backup", "--state", node.state, "--out", backups[0], wanted=3)
    node.claviger("backup", "--out", node.base + "/refused", *node.as_operator("user"), wanted=1)
    return backups


LATE = 149  # the last transfer that is signed before the disk is lost; none before it is the same


def decision(node, wanted):
    """Of that transfer, by the hash of its bytes."""
    token = os.path.join(node.base, "token")
    with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(node.exports["VAULT_TOKEN"])
    message = transfer_message(base58_decode(node.exports["CLAVIGER_ADDRESS"]), LATE + 1)
    return node.claviger("decision", "show", "--token-file", token, "--message", hashlib.sha256(message).hexdigest(),
                         *node.reach(), wanted=wanted)


def go_on(node):
    """What no backup has: a wallet, a decision, a revocation."""
    node.as_user("wallet", "create", "late", "--yes")
    expect("it signs", node.signs(LATE))
    decision(node, 0)
    grant = json.loads(node.as_user("grant", "list", "--wallet", "dev", "--json").splitlines()[0])
    node.as_user("grant", "revoke", grant["grant"], "--wallet", "dev", "--yes")
    expect("its grant is revoked", not node.signs(150))


def is_lost(node):
    """docs/recovery.md, After every recovery."""
    expect("the wallet that was made after the backup is gone", "no wallet" in node.as_user("wallet", "show", "late", wanted=1))
    decision(node, 1)
    expect("the revocation, too, once the user has lifted the freeze", node.signs(151))


def disk_row(disk, number):
    """The length of one of the store's files, as spec/disk.md says: the newer of two blocks."""
    best = (0, None)
    for turn in range(2):
        block = disk[512 * 1024 + (2 * number + turn) * 4096:][:64]
        magic, row, count, length = struct.unpack("<8sQQQ", block[:32])
        if magic == b"CTABLE01" and row == number and hashlib.sha256(block[:32]).digest() == block[32:]:
            best = max(best, (count, length), key=lambda b: b[0])
    return best[1]


def disk_item(disk, at, room):
    """An item's content, as spec/disk.md says: of its halves the whole one of the higher turn."""
    best = (-1, None)
    for half in (disk[at:at + room // 2], disk[at + room // 2:at + room]):
        magic, turn, length = struct.unpack("<8sQQ", half[:24])
        content = half[64:64 + length]
        if magic == b"CITEM001" and hashlib.sha256(half[:24] + content).digest() == half[24:56]:
            best = max(best, (turn, content), key=lambda b: b[0])
    return best[1]


def onto_a_disk(node, backup):
    """What `image disk --restore` writes, read by the spec and not by our code."""
    path = node.base + "/disk.img"
    node.claviger("image", "disk", "--size", "256", "--site-key", node.state + "/authority/site.pem",
                  "--restore", backup, path)
    with open(path, "rb") as f:
        disk = f.read()
    kib, mib = 1 << 10, 1 << 20
    state = mib + 2 * 16 * mib
    rest = len(disk) - state
    places = {0: ("state.db", state), 4: ("segments.db", state + rest // 4 // mib * mib)}
    for number, (name, at) in places.items():
        with open(os.path.join(backup, name), "rb") as f:
            wanted = f.read()
        expect(name + " is on the disk", disk_row(disk, number) == len(wanted) and
               disk[at:at + len(wanted)] == wanted)
        expect("its log is empty", disk_row(disk, number + 1) in (None, 0))
    for name, at, room in (("sealed-share", 128, 32), ("approvals", 160, 128), ("genesis", 288, 32),
                           ("escrow", 320, 32)):
        with open(os.path.join(backup, name), "rb") as f:
            wanted = f.read()
        expect(name + " is on the disk",
               len(wanted) > 100 and disk_item(disk, at * kib, room * kib) == wanted)


def disk_lost(node, backup):
    node.put_back(backup)
    expect("an older store is refused", not node.start())
    text = node.accept("--dry-run")
    expect("the text says what is lost", "frozen until its user signs again" in text, text)
    expect("a dry run accepts nothing", not node.start())
    node.accept()
    kept = open(node.state + "/store/approvals", "rb").read()
    expect("then it starts", node.start(), str(node.event("start.stale")))
    expect("and says that it recovered", node.event("start.recovered") is not None)
    expect("every wallet is frozen", not node.signs(150))
    expect("in words", "frozen" in node.refusal, node.refusal)
    node.as_user("wallet", "unfreeze", "dev", "--yes")
    is_lost(node)
    node.stop()
    expect("a later start is an ordinary one", node.start())
    expect("with the wallet as its user left it", node.signs(152))
    node.stop()
    shutil.copytree(node.state + "/store", node.base + "/newest")
    node.put_back(backup)
    with open(node.state + "/store/approvals", "wb") as f:
        f.write(kept)
    expect("the acceptance serves once", not node.start() and node.event("start.stale") is not None)
    node.put_back(node.base + "/newest")
    expect("the newest store goes on", node.start())
    node.stop()


DATABASES = ("state.db", "state.db-wal", "state.db-journal", "state.mark",
             "segments.db", "segments.db-wal", "segments.db-journal", "segments.mark")


def with_key(base):
    """A workstation with a recovery key, its backup, and all of the machine lost."""
    recovery = os.path.join(base, "recovery.json")
    node = Node(base, os.path.join(base, "kept"))
    key = node.claviger("key", "escape", recovery).strip()
    other = node.claviger("key", "escape", os.path.join(base, "wrong.json")).strip()
    text = node.claviger("serve", "--dev", "--recovery", key, wanted=2)
    expect("a throw-away signer takes none", "for a signer that stays" in text, text)
    if not node.start("--dev", "--recovery", key):
        expect("a signer with a recovery key starts", False, node.said())
        return None
    evidence = node.evidence()
    expect("evidence says that a recovery key opens a backup", evidence["recovery_key"] is True, str(evidence))
    expect("it signs", node.signs(1))
    folders = [os.path.join(base, "key." + name) for name in ("state", "afar")]
    for folder, words in zip(folders, (["--state", node.state], node.as_operator("operator"))):
        text = node.claviger("backup", "--out", folder, *words)
        expect("a backup that a key opens is not warned of", "worth nothing" not in text, text)
    go_on(node)
    node.stop()
    with open(node.state + "/tpm/tpm2-00.permall", "rb") as f:
        tpm = f.read()
    node.refused("another key at a later start is refused", "was made with is " + key, "--recovery", other)
    os.environ["CLAVIGER_RECOVERY"] = other
    node.refused("from the environment, too", "was made with is " + key)
    del os.environ["CLAVIGER_RECOVERY"]
    with open(node.state + "/tpm/tpm2-00.permall", "rb") as f:
        expect("and nothing was touched", f.read() == tpm)
    expect("the same key is taken", node.start("--recovery", key), node.said())
    node.stop()
    os.rename(node.state + "/user.json", base + "/user.json")  # the user's own, not the machine's
    exports = node.exports
    shutil.rmtree(node.state)
    return {"key": key, "other": other, "recovery": recovery, "backup": folders[1], "ak": evidence["ak"],
            "deployment": evidence["deployment"], "exports": exports}


def without_key(base):
    """A workstation without one: what is said, and the folder of its backup."""
    node = Node(base, os.path.join(base, "plain"))
    folder = os.path.join(base, "plain.backup")
    expect("a signer without a recovery key starts", node.start(), node.said())
    evidence = node.evidence()
    expect("evidence says so", evidence["recovery_key"] is False, str(evidence))
    for words, opener in ((["--state", node.state], "the software TPM in %s/tpm" % node.state),
                          (node.as_operator("operator"), "that machine's TPM")):
        shutil.rmtree(folder, ignore_errors=True)
        text = node.claviger("backup", "--out", folder, *words)
        expect("its backup is told to be half of it", "what opens it is %s, which is not in it, and no recovery key: "
               "without that TPM it is worth nothing" % opener in text, text)
    node.stop()
    key = node.claviger("key", "escape", base + "/late.json").strip()
    node.refused("a key that is named later is refused, and it is said what to do",
                 "was made with is none", "--recovery", key)
    # A sealed share that is gone is no first start: the TPM that opens the backups would be gone with it.
    with open(node.state + "/tpm/tpm2-00.permall", "rb") as f:
        tpm = f.read()
    share = node.state + "/store/sealed-share"
    os.rename(share, base + "/sealed-share")
    node.refused("without its sealed share nothing is begun", "Put sealed-share back")
    for name in ("genesis", "approvals", "escrow"):
        os.rename("%s/store/%s" % (node.state, name), "%s/%s" % (base, name))
    node.refused("nor over a store", "has databases, and no sealed-share")
    with open(node.state + "/tpm/tpm2-00.permall", "rb") as f:
        expect("and its TPM is as it was", f.read() == tpm)
    for name in ("genesis", "approvals", "escrow", "sealed-share"):
        os.rename("%s/%s" % (base, name), "%s/store/%s" % (node.state, name))
    expect("put back, it starts", node.start(), node.said())
    node.stop()
    return folder


def all_lost(base):
    lost = with_key(base)
    plain = without_key(base)
    if not lost:
        return
    other = os.path.join(base, "other")  # a machine with the same recovery key
    node = Node(base, other)
    expect("another machine starts", node.start("--recovery", lost["key"]), node.said())
    node.stop()
    node = Node(base, os.path.join(base, "new"))
    store, escrow = node.state + "/store", lost["backup"] + "/escrow"

    def share(key, expect_key, wanted, of=escrow):
        return node.claviger("recover", "share", "--escrow", of, "--key", key, "--expect", expect_key, "--health",
                             "127.0.0.1:%d" % node.health, wanted=wanted)

    shutil.copytree(lost["backup"], store)
    expect("on another TPM a backup does not start", not node.start())
    why = node.event("unsealer.failed")
    expect("since what it has is sealed to the lost one", why and "this TPM is not the one" in why["reason"], str(why))
    node.refused("whole it takes no other machine's place", "nothing but the backup's two databases", "--recover", escrow)
    shutil.rmtree(node.state)
    node.refused("nor without its databases", "needs the two databases", "--recover", escrow)
    for name in os.listdir(lost["backup"]):
        if name in DATABASES:
            shutil.copy(os.path.join(lost["backup"], name), store)
    node.refused("and without --recover nothing is begun over them", "has databases, and no sealed-share")
    node.refused("an escrow without a share is refused", "named no recovery key", "--recover", plain + "/escrow")
    shutil.copy(escrow, store)
    node.refused("so is one that genesis would write over", "is there: in the place", "--recover", store + "/escrow")
    os.unlink(store + "/escrow")
    # A start that is interrupted while it waits begins anew.
    node.begin("--recover", escrow, "--recovery", lost["key"])
    first = node.waits()
    expect("the first start waits for the share", first is not None, node.said())
    node.process.send_signal(signal.SIGTERM)
    expect("and ends when it is told to", node.ended())
    node.refused("from then on it begins no signer of its own there", "was told --recover")
    node.refused("and takes no other machine's place", "was told another --recover", "--recover", other + "/store/escrow")
    shutil.copy(escrow, store)
    node.refused("nor is the escrow named from there then", "keep it elsewhere", "--recover", store + "/escrow")
    os.unlink(store + "/escrow")
    node.begin("--recover", escrow, "--recovery", lost["key"])
    named = node.waits()
    expect("and waits anew, with another key", named and named != first)
    text = share(base + "/wrong.json", named, 1)
    expect("another key than the recovery key opens nothing", "not sealed to this key" in text, text)
    text = share(lost["recovery"], named, 1, of=plain + "/escrow")
    expect("nor a machine's that named none", "without a recovery key" in text, text)
    text = share(lost["recovery"], named, 1, of=other + "/store/escrow")
    expect("nor is another machine's share given away", "it was not given away" in text, text)
    text = share(lost["recovery"], first, 1)
    expect("and to a key that the log does not name nothing is given", "another than --expect" in text, text)
    share(lost["recovery"], named, 0)
    expect("the store is not the new TPM's: the start ends", node.ended())
    expect("and says what would have to be accepted", node.event("start.stale") is not None)
    text = node.claviger("backup", "--state", node.state, "--out", base + "/of.new")
    expect("the recovery key that was named again opens its backups, too", "worth nothing" not in text and
           "keep that" not in text, text)
    os.rename(base + "/user.json", node.state + "/user.json")
    node.accept()
    expect("accepted, it starts, and --recover may stay", node.start("--recover", escrow, "--recovery", lost["key"]),
           node.said())
    expect("and says that it recovered", node.event("start.recovered") is not None)
    evidence = node.evidence()
    expect("the same deployment goes on", evidence["deployment"] == lost["deployment"])
    expect("beside another TPM", evidence["ak"] != lost["ak"])
    node.exports = dict(lost["exports"], VAULT_ADDR=node.server, NODE_EXTRA_CA_CERTS=node.state + "/ca.pem")
    expect("every wallet is frozen (A16), in words", not node.signs(150) and "frozen" in node.refusal)
    node.as_user("wallet", "unfreeze", "dev", "--yes")
    is_lost(node)
    node.stop()
    node.refused("another machine's place is refused from now on", "only a first start takes one",
                 "--recover", other + "/store/escrow")
    expect("a later start is an ordinary one", node.start())
    expect("with the wallet as its user left it", node.signs(152))
    node.stop()
    # The key is not named again: what it opens is the lost machine's escrow, which no later backup has.
    node = Node(base, os.path.join(base, "unnamed"))
    os.makedirs(node.state + "/store")
    for name in os.listdir(lost["backup"]):
        if name in DATABASES:
            shutil.copy(os.path.join(lost["backup"], name), node.state + "/store")
    node.begin("--recover", escrow)
    share(lost["recovery"], node.waits() or "", 0)
    expect("a start without the key ends the same", node.ended() and node.event("start.stale") is not None)
    text = node.claviger("backup", "--state", node.state, "--out", base + "/unnamed.backup")
    expect("its backup says what to keep beside it", "`escrow` of the machine before: keep that, too" in text, text)
    Node(base, base + "/none").refused("that escrow takes no further machine's place", "name the other's escrow",
                                       "--recover", base + "/unnamed.backup/escrow")


def main():
    for program in ("swtpm",):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_recover.")
    node = Node(base, os.path.join(base, "state"))
    try:
        expect("a signer starts", node.start("--dev"))
        if node.exports:
            backups = back_up(node)
            go_on(node)
            node.stop()
            onto_a_disk(node, backups[1])
            for backup in backups[1:]:
                disk_lost(node, backup)
                shutil.rmtree(node.base + "/newest")
        began = time.monotonic()
        all_lost(base)
        print("disk and TPM lost: %.0f s" % (time.monotonic() - began))
    finally:
        if Node.last.process and Node.last.process.poll() is None:
            Node.last.process.kill()
            Node.last.process.wait()
        shutil.rmtree(base, ignore_errors=True)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
