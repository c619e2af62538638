#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Power cuts of the whole machine, TPM and all, one after the other (C2, C3, C6).

usage: tpm_cuts.py [CUTS]          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

Each cut kills the TPM and every process at once: while a bot signs and its user changes things,
between the store's write and the TPM's, after the TPM's write and before its answer, there in a commit of
several users, at the boot
counter behind it, anywhere in a start, at any of the TPM's commands while a floor is raised, or
while a backup is taken. Every next start must succeed and have what was acknowledged and nothing of
what the TPM never took; the TPM never locks; a backup is whole or says that it is not. Then the same
around a recovery's first write (before it the site's word still serves, after it it is done), first starts (one whose first commit the host bends),
and a genesis where it takes the TPM over: the next start is as the disk says, or serve's.

With SOAK_STATE it goes on where it was interrupted.
"""
import contextlib
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_busy  # noqa: E402
import tpm_recover  # noqa: E402
import tpm_site  # noqa: E402
import tpm_system  # noqa: E402
from tpm_bus import Proxy  # noqa: E402
from tpm_busy import until  # noqa: E402
from tpm_system import expect, skip  # noqa: E402

EXTEND, INCREMENT = b"\0\0\1\x36", b"\0\0\1\x34"
LIMITS, AUTHORIZE, CLEAR_CONTROL = b"\0\0\1\x3a", b"\0\0\1\x29", b"\0\0\1\x27"
SHARE_LEN, SHARE_BEGUN = 4096, 1  # spec/sealing.md
RECOVERED = 20  # of the checkpoint: the boot of the last recovery
CASES = ("load", "before", "after", "counter", "start", "floor", "backup", "group-before", "group-after")
MEMBERS = 3  # of a group, beside the one whose change goes first
FLOOR_COMMANDS = 60  # about as many as a step and what is certified after it take


class Cutter(Proxy):
    """Holds the TPM's command `code`: `when` it is "before", the TPM never gets it; "after": it has
    done it, and nobody hears of it. `caught` says that it happened. While `busy` the TPM puts extends off."""

    def __init__(self, tpm, path):
        self.code, self.when, self.caught, self.number = None, None, threading.Event(), 1
        self.busy, self.refused = False, 0
        self.left = None  # commands until the one that is held, whatever it is
        self.last = time.monotonic()
        super().__init__(tpm, path)

    def arm(self, code, when, number=1):
        self.caught.clear()
        self.code, self.when, self.number = code, when, number

    def arm_at(self, left, when):
        self.caught.clear()
        self.left, self.when = left, when

    def disarm(self):
        self.code = self.left = None

    def is_it(self, command):
        if self.left is None:
            self.number -= command[6:10] == self.code
            return command[6:10] == self.code and self.number == 0
        self.left -= 1
        return self.left == -1

    def forward(self, client, server):
        while True:
            command = self.message(client)
            if command is None:
                return
            self.last = time.monotonic()
            if self.busy and command[6:10] == EXTEND:
                self.refused += 1
                client.sendall(tpm_busy.NV_RATE)
                continue
            is_it = self.is_it(command)
            if is_it and self.when == "before":
                self.caught.set()
                return self.hang(client)
            server.sendall(command)
            response = self.message(server)
            if response is None:
                return
            if is_it:
                self.caught.set()
                return self.hang(client)
            client.sendall(response)

    @staticmethod
    def hang(client):
        """Says nothing until the other side is gone."""
        while client.recv(4096):
            pass


class Machine(tpm_busy.Node):
    def __init__(self, base, fresh):
        self.base, self.state, self.system = base, os.path.join(base, "state"), None
        if fresh:
            made = tpm_recover.Node(base, self.state)
            expect("a signer is made", made.start("--dev"))
            made.stop()
            with open(os.path.join(base, "pcrs.json"), "w") as f:
                json.dump({str(p): bytes(32).hex() for p in tpm_site.RELEASE_PCRS + tpm_site.SITE_PCRS}, f)
            made.claviger("image", "approve", "--as", "release", "--key", self.state + "/authority/release.pem",
                          "--pcrs", os.path.join(base, "pcrs.json"), "--level", "255", "--approvals",
                          self.state + "/store/approvals")
            with open(os.path.join(base, "exports.json"), "w") as f:
                json.dump(made.exports, f)
        with open(os.path.join(base, "exports.json")) as f:
            self.exports = json.load(f)
        self.number, self.backups = random.randrange(100000), [0, 0]
        self.tpm = tpm_system.Tpm(os.path.join(self.state, "tpm"))
        self.proxy = Cutter(self.tpm, os.path.join(base, "bus.sock"))

    def power_on(self):
        self.tpm.power_on()
        self.start()

    def cut(self):
        """All of it at once, without a word."""
        pids = self.system.pids()
        self.tpm.process.kill()
        for pid in [self.system.process.pid, *pids.values()]:
            try:
                os.kill(pid, 9)
            except OSError:
                pass
        self.tpm.process.wait()
        self.tpm.process = None
        self.system.process.wait()
        self.system.log.close()
        self.proxy.disarm()
        end = time.monotonic() + 60
        while any(os.path.exists("/proc/%d" % p) for p in pids.values()) and time.monotonic() < end:
            time.sleep(0.01)
        os.unlink(self.system.log_path) if not tpm_system.failed else None

    def frozen(self):
        """None when it cannot be told."""
        if self.signs():
            return False
        if b"frozen" in self.refusal:
            return True
        # Each cut costs what was leased: in a long run the cap is used up, which is said of no frozen wallet.
        spent = (b"cap_exceeded", b"window_spent", b"left under this grant's limit")
        return False if any(word in self.refusal for word in spent) else None

    def toggle(self, frozen):
        return self.as_user("wallet", "unfreeze" if frozen else "freeze", "dev")

    def floor(self):
        text, _ = self.as_user("tpm", "floor", "--json").communicate(timeout=300)
        return json.loads(text)["release"]["floor"]

    def raise_floor(self, to):
        return self.as_user("tpm", "floor", "raise", "--as", "release", "--key",
                            self.state + "/authority/release.pem", "--to", str(to), "--approvals",
                            self.state + "/store/approvals")

    def quiet(self):
        """Until nothing has been said to the TPM for a while but the attestor's watch."""
        until_at = time.monotonic() + 30
        while time.monotonic() < until_at and time.monotonic() - self.proxy.last < 0.3:
            time.sleep(0.02)


def one_cut(machine, case, frozen, rng):
    """Returns what may be true of the freeze afterwards."""
    if case == "start":
        machine.power_on()
        time.sleep(rng.random() * 0.6)
        return {frozen}
    if case == "counter":
        machine.proxy.arm(INCREMENT, "before")
        machine.power_on()
        expect("the counter is reached", machine.proxy.caught.wait(60))
        return {frozen}
    machine.power_on()
    ready = machine.system.wait_ready()
    expect("a start after a cut serves", ready, str(machine.system.events()[-3:]))
    if not ready:
        return {frozen}
    now = machine.frozen()
    expect("what was acknowledged is there", now == frozen, "%s instead of %s: %s" % (
        now, frozen, getattr(machine, "refusal", "")))
    if case == "load":
        change = machine.toggle(frozen)
        end = time.monotonic() + rng.random() * 0.7
        while time.monotonic() < end:
            machine.frozen()
        told = change.poll()
        machine.cut()
        change.wait()
        return {not frozen} if told == 0 else {frozen, not frozen}
    if case == "floor":
        cut_floor(machine, rng)
        return {frozen}
    if case == "backup":
        cut_backup(machine, rng)
        return {frozen}
    if case.startswith("group-"):
        return cut_group(machine, case[6:], frozen)
    machine.quiet()
    machine.proxy.arm(EXTEND, case)
    change = machine.toggle(frozen)
    expect("the write is reached", machine.proxy.caught.wait(60))
    expect("and not acknowledged", change.poll() is None)
    machine.cut()
    change.wait()
    return {frozen} if case == "before" else {not frozen}


def cut_group(machine, when, frozen):
    """P15, C2: several users' changes gather while the TPM puts another off; the power goes at their one write."""
    machine.add_members(MEMBERS)
    for i, is_frozen in enumerate(machine.frozen_members(MEMBERS)):
        if is_frozen:
            machine.done("a member's wallet is thawed", machine.of_member(i, "unfreeze"))
    machine.quiet()
    machine.proxy.refused, machine.proxy.busy = 0, True
    first = machine.toggle(frozen)
    until("the first write is reached", lambda: machine.proxy.refused > 0)
    changes = [machine.of_member(i, "freeze") for i in range(MEMBERS)]
    until("all are in force, in memory", lambda: machine.frozen_members(MEMBERS) == [True] * MEMBERS)
    machine.proxy.arm(EXTEND, when, 2)
    machine.proxy.busy = False
    expect("the group's write is reached", machine.proxy.caught.wait(60))
    expect("and none of it acknowledged", all(c.poll() != 0 for c in changes))
    machine.cut()
    for change in [first, *changes]:
        change.wait()
    machine.power_on()
    ready = machine.system.wait_ready()
    expect("a start after a cut group serves", ready, str(machine.system.events()[-3:]))
    now = machine.frozen_members(MEMBERS) if ready else None
    expect("all of a group is there, or nothing", now == [when == "after"] * MEMBERS, str(now))
    machine.cut()
    return {not frozen}


def cut_floor(machine, rng):
    """C6: it stands at the one level or the next, and the step that is due is taken."""
    floor = machine.floor()
    if floor > 253:
        return machine.cut()
    machine.quiet()
    machine.proxy.arm_at(rng.randrange(FLOOR_COMMANDS), rng.choice(("before", "after")))
    change = machine.raise_floor(floor + 1)
    while change.poll() is None and not machine.proxy.caught.wait(0.02):
        pass
    told = change.poll()
    machine.cut()
    change.wait()
    machine.power_on()
    expect("a start after a cut floor serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    now = machine.floor()
    expect("a floor is raised or not", now == floor + 1 or now == floor and told != 0, "%d of %d, %s" % (now, floor, told))
    if now == floor:
        machine.done("the step that is due is taken", machine.raise_floor(floor + 1))
    expect("and the floor is there", machine.floor() == floor + 1)
    machine.cut()


def cut_backup(machine, rng):
    folder = os.path.join(machine.base, "cut-backup")
    shutil.rmtree(folder, ignore_errors=True)
    machine.quiet()
    backup = machine.as_user("backup", "--out", folder, "--operator", machine.state + "/operator.json")
    end = time.monotonic() + rng.random() * 0.3
    while time.monotonic() < end and backup.poll() is None:
        time.sleep(0.002)
    machine.cut()
    text, _ = backup.communicate()
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    expect("a backup is whole or says that it is not",
           backup.returncode != 0 and text or {"state.db", "segments.db", "sealed-share"} <= set(names),
           "%d %s %s" % (backup.returncode, names, text))
    machine.backups[backup.returncode == 0] += 1


def settle(machine, allowed):
    """What became of the last cut, by a start of its own."""
    machine.power_on()
    ready = machine.system.wait_ready()
    expect("a start after a cut serves", ready, str(machine.system.events()[-3:]))
    now = machine.frozen() if ready else None
    expect("only what may be", now in allowed, "%s, not of %s" % (now, allowed))
    machine.cut()
    return now


def recovery_cuts(machine):
    """C6: the site accepted a backup; the power goes at the recovery's first write."""
    base = machine.base
    backup = os.path.join(base, "backup")
    shutil.copytree(os.path.join(machine.state, "store"), backup)
    node = tpm_recover.Node(base, machine.state)
    machine.power_on()
    expect("it serves", machine.system.wait_ready())
    frozen = machine.frozen()
    machine.done("a change that the backup lacks", machine.toggle(frozen))
    machine.cut()
    shutil.rmtree(os.path.join(machine.state, "store"))
    shutil.copytree(backup, os.path.join(machine.state, "store"))
    machine.power_on()
    expect("the older store is refused", machine.system.wait_end() not in (0, None))
    stale = next((e for e in machine.system.events() if e["event"] == "start.stale"), None)
    expect("in words", stale is not None)
    if stale is None:
        return
    node.event = lambda name: stale
    node.accept()
    for when in ("before", "after"):
        machine.proxy.arm(EXTEND, when)
        machine.power_on()
        expect("the recovery's write is reached", machine.proxy.caught.wait(60))
        machine.cut()
    machine.power_on()
    ready = machine.system.wait_ready()
    expect("then it serves, recovered once", ready, str(machine.system.events()[-3:]))
    expect("and every wallet waits for its user", ready and machine.frozen() is True)
    machine.done("who lifts it", machine.as_user("wallet", "unfreeze", "dev"))
    expect("and signs", machine.frozen() is False)
    machine.cut()
    shutil.rmtree(backup)


def first_starts(base):
    """The very first start, cut off before, at and behind the TPM's first write: nothing was begun, or all of it."""
    for number, (code, when) in enumerate(((EXTEND, "before"), (EXTEND, "after"), (INCREMENT, "before"))):
        folder = os.path.join(base, "first.%d" % number)
        os.makedirs(os.path.join(folder, "tpm"), 0o700)
        state = os.path.join(folder, "state")
        tpm_system.provision(state)
        tpm = tpm_system.Tpm(os.path.join(folder, "tpm"))
        proxy = Cutter(tpm, os.path.join(folder, "bus.sock"))
        machine = Machine.__new__(Machine)
        machine.state, machine.tpm, machine.proxy = state, tpm, proxy
        tpm.power_on()
        # Genesis of the TPM itself raises counters: what counts comes behind it.
        if code == EXTEND:
            proxy.arm(code, when)
        machine.system = tpm_system.System(proxy, state, "genesis")
        if code == INCREMENT:
            until("genesis has unsealed", lambda: machine.system.event("unsealer", "unsealer.done") or
                  machine.system.event("signer", "start.genesis"))
            proxy.arm(code, when)
        if proxy.caught.wait(60):
            time.sleep(0.4)  # so that the first receipts are in the store, too
        machine.cut()
        deployments = []
        for _ in range(2):
            tpm.power_on()
            machine.system = tpm_system.System(proxy, state, "unseal")
            ready = machine.system.wait_ready()
            expect("a start after a first one that was cut %s its write" % when, ready,
                   str([e for e in machine.system.events() if e["level"] != "info"][-3:]))
            deployments.append((machine.system.event("signer", "signer.ready") or {}).get("deployment"))
            machine.cut()
        expect("and it is one deployment", deployments[0] == deployments[1], str(deployments))
        proxy.close()


def checkpoint(state, bend=None):
    """The store's checkpoint; `bend` is done to its bytes."""
    with contextlib.closing(sqlite3.connect(os.path.join(state, "state.db"))) as db, db:
        body = db.execute("SELECT body FROM meta WHERE number=2").fetchone()[0]
        if bend:
            db.execute("UPDATE meta SET body=? WHERE number=2", (bend(body),))
    return tpm_site.cbor(body)[0]


def bent_first_commit(base):
    """A first commit that the TPM never knew is taken back, and nothing that the host wrote into it stays."""
    state = os.path.join(base, "bent")
    os.makedirs(os.path.join(base, "bent-tpm"), 0o700)
    tpm_system.provision(state)
    machine = Machine.__new__(Machine)
    machine.state, machine.tpm = state, tpm_system.Tpm(os.path.join(base, "bent-tpm"))
    machine.proxy = Cutter(machine.tpm, os.path.join(base, "bus.sock"))
    machine.proxy.arm(EXTEND, "before")
    start_of(machine, state)
    expect("the first write is reached", machine.proxy.caught.wait(60))
    time.sleep(0.4)
    machine.cut()
    expect("nothing is recovered", checkpoint(state, lambda b: b.replace(b"\x14\0\x15", b"\x14\x09\x15"))[RECOVERED] == 0)
    expect("then it says so", checkpoint(state)[RECOVERED] == 9)
    start_of(machine, state)
    expect("it is taken back", machine.system.wait_ready() and
           machine.system.event("signer", "start.unanchored_commit_taken_back") is not None)
    machine.cut()
    expect("and nothing of it stays", checkpoint(state)[RECOVERED] == 0, str(checkpoint(state)))
    machine.proxy.close()


def mode_of(store):
    """What setup makes of the disk (proc/setup/setup.c)."""
    try:
        with open(os.path.join(store, "sealed-share"), "rb") as f:
            share = f.read()
    except FileNotFoundError:
        share = b""
    return "genesis" if not share or len(share) == SHARE_LEN and share[-1] == SHARE_BEGUN else "unseal"


def start_of(machine, store):
    machine.tpm.power_on()
    machine.system = tpm_system.System(machine.proxy, store, mode_of(store))


def cut_genesis(base, number, code, which, when, half_owned):
    """C6: once as the appliance goes on, in the mode that the disk says, and once as `serve` does."""
    for by in ("setup", "serve"):
        state = os.path.join(base, "genesis.%d.%s" % (number, by))
        what = "of %s %d, cut %s it, by %s" % (code.hex(), which, when, by)
        shutil.copytree(os.path.join(base, "prepared"), state)
        store = os.path.join(state, "store")
        machine = Machine.__new__(Machine)
        machine.state, machine.tpm = state, tpm_system.Tpm(os.path.join(state, "tpm"))
        machine.proxy = Cutter(machine.tpm, os.path.join(base, "bus.sock"))
        machine.proxy.arm(code, when, which)
        start_of(machine, store)
        expect("the command is reached " + what, machine.proxy.caught.wait(60))
        machine.cut()
        if by == "serve":
            node = tpm_recover.Node(base, state)
            for _ in range(2):
                ready = node.start()
                expect("serve goes on behind a genesis " + what, ready, node.event("unsealer.failed"))
                if ready:
                    node.stop()
            machine.proxy.close()
            continue
        if half_owned:
            start_of(machine, store)
            expect("a half-owned TPM is refused " + what, machine.system.wait_end() not in (0, None))
            why = machine.system.event("unsealer", "unsealer.failed")
            expect("in words " + what, why and "cut off" in why["what"], str(why))
            machine.tpm.power_on()
            machine.tpm.tool("tpm2_startup", "-c")
            machine.tpm.tool("tpm2_clearcontrol", "-C", "p", "c")
            expect("it is cleared", machine.tpm.tool("tpm2_clear", "-c", "p") is not None)
        for _ in range(2):
            start_of(machine, store)
            expect("it serves behind a genesis " + what, machine.system.wait_ready(),
                   str(machine.system.event("unsealer", "unsealer.failed")))
            machine.cut()
        expect("and genesis is over", mode_of(store) == "unseal")
        machine.proxy.close()


def cut_geneses(base):
    """Where the TPM is taken over: nobody says in which mode the next start is."""
    prepared = os.path.join(base, "prepared")
    made = tpm_recover.Node(base, prepared)
    expect("a signer is made", made.start())
    made.stop()
    for name in os.listdir(os.path.join(prepared, "store")):
        if name not in ("genesis", "approvals"):
            os.unlink(os.path.join(prepared, "store", name))
    open(os.path.join(prepared, "genesis-began"), "w").close()  # what a first start leaves until it serves
    shutil.rmtree(os.path.join(prepared, "tpm"))
    os.mkdir(os.path.join(prepared, "tpm"), 0o700)
    cuts = ((LIMITS, 1, "before", False), (AUTHORIZE, 1, "after", True), (CLEAR_CONTROL, 1, "after", True),
            (AUTHORIZE, 2, "after", False))
    for number, cut in enumerate(cuts):
        cut_genesis(base, number, *cut)
    print("cuts: %d of a genesis that takes the TPM over" % (2 * len(cuts)))


def main():
    cuts = int(sys.argv[1]) if len(sys.argv) > 1 else 14
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    soak = os.environ.get("SOAK_STATE")
    base = soak or tempfile.mkdtemp(prefix="tpm_cuts.")
    place = os.path.join(base, "progress.json")
    progress = {"cuts": 0, "frozen": False, "by": {c: 0 for c in CASES}}
    if os.path.exists(place):
        with open(place) as f:
            progress = json.load(f)
    else:
        for name in os.listdir(base):  # a run that ended before its first cut
            shutil.rmtree(os.path.join(base, name), ignore_errors=True)
    machine = Machine(base, not os.path.exists(place))
    began = time.monotonic()
    try:
        if os.path.exists(place):  # it was interrupted anywhere in a cut
            progress["frozen"] = settle(machine, {False, True})
        while progress["cuts"] < cuts and not tpm_system.failed:
            case = CASES[progress["cuts"] % len(CASES)]
            rng = random.Random(progress["cuts"])
            allowed = one_cut(machine, case, progress["frozen"], rng)
            if machine.tpm.process is not None:
                machine.cut()
            # In a quarter of all cases the next cut comes before anybody looked.
            progress["frozen"] = settle(machine, allowed) if len(allowed) > 1 or rng.random() < 0.75 \
                else allowed.pop()
            progress["cuts"] += 1
            progress["by"][case] = progress["by"].get(case, 0) + 1
            with open(place + ".new", "w") as f:
                json.dump(progress, f)
            os.replace(place + ".new", place)
            if soak and progress["cuts"] % 50 == 0:
                print("%d cuts, %.0f s" % (progress["cuts"], time.monotonic() - began), flush=True)
        if not tpm_system.failed:
            recovery_cuts(machine)
            first_starts(base)
            bent_first_commit(base)
            cut_geneses(base)
        machine.tpm.power_on()
        machine.tpm.tool("tpm2_startup", "-c")
        expect("no cut counts as a wrong guess", tpm_busy.property_of(machine.tpm, "TPM2_PT_LOCKOUT_COUNTER") == 0)
        expect("the TPM is not locked", tpm_busy.property_of(machine.tpm, "inLockout") == 0)
        print("cuts: %d of the whole machine in a row: %s" % (progress["cuts"], " ".join(
            "%d %s" % (n, c) for c, n in progress["by"].items())))
        if machine.system.process.poll() is None:
            machine.system.process.kill()
        machine.tpm.power_off()
    finally:
        if not soak or not tpm_system.failed and progress["cuts"] >= cuts:
            shutil.rmtree(base, ignore_errors=True)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
