#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TPM without a write left (R3, A25): what takes power waits for nothing.

usage: tpm_budget.py          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

The software TPM's writes are spent as those of hardware (spare_tpm). Users take all of them, the
reserve too. Then what gives power is refused, and every freeze is in force and in the store at once,
without a write: a power cut does not undo it, and the TPM's next write binds it, one for all of them.
"""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_system  # noqa: E402
from tpm_busy import until  # noqa: E402
from tpm_group import Group  # noqa: E402
from tpm_system import expect, skip  # noqa: E402

RESERVE = 8  # of signer_anchor.h
USERS = 14
LATE = 4  # users who come when nothing is left


def left(machine):
    return machine.metric("claviger_tpm_nv_writes_left")


def written(machine):
    return machine.metric("claviger_tpm_nv_writes_total")


def ask(machine, number, *words):
    """What user `number` asks of his wallet; its status and what it said."""
    process = machine.ask("wallet", words[0], "u%d" % number, *words[1:], key="u%d.json" % number)
    text, _ = process.communicate(timeout=300)
    return process.returncode, text


def is_frozen(machine, number):
    return machine.show("u%d" % number, "u%d.json" % number)["frozen"]


def use_up(machine):
    """Takes all writes but the reserve by limits that rise, each user as many as his share has; the reserve by freezes, a user each."""
    until("the metric is there", lambda: left(machine) is not None)
    cap, text = 1000, ""
    for number in range(USERS):
        while left(machine) > RESERVE:
            cap += 1
            code, text = ask(machine, number, "limit", "--cap", "lamports:24h:%d" % cap)
            if code != 0:
                expect("whose share ends is told so", "your share" in text, text)
                break
    expect("all above the reserve are taken", left(machine) <= RESERVE, str(left(machine)))
    code, text = ask(machine, USERS - 1, "limit", "--cap", "lamports:24h:%d" % (cap + 1))
    expect("what gives power is refused then", code != 0 and "used up but for what takes power" in text, text)
    frozen = 0
    while left(machine) > 0 and frozen < USERS:
        code, text = ask(machine, frozen, "freeze")
        expect("a freeze takes of the reserve", code == 0, text)
        frozen += 1
    expect("the log warned of it, once", [e["level"] for e in machine.system.events() if e["event"] == "anchor.budget_low"] == ["warn"])
    expect("some users are left who took nothing away", USERS - frozen > LATE, str(frozen))
    return frozen


def nothing_left(machine):
    for number in range(USERS):
        machine.new_wallet("u%d" % number, "u%d.json" % number)
        code, text = ask(machine, number, "limit", "--cap", "lamports:24h:1000")
        expect("a limit, which takes power", code == 0, text)
    expect("it stops in order", machine.system.stop() == 0)
    machine.words = ("spare_tpm=yes",)
    machine.power_on()
    expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    frozen = use_up(machine)
    late = range(frozen, frozen + LATE)
    writes, waited = written(machine), 0
    for number in late:
        had = left(machine)
        code, text = ask(machine, number, "freeze")
        expect("and is in force", is_frozen(machine, number))
        if had == 0 and left(machine) == 0:  # one comes back in 288 s
            waited += 1
            expect("a freeze without a write says where it stands", code != 0 and "in the store" in text, text)
    expect("they had none", waited >= LATE - 1, str(waited))
    expect("the TPM was not written", written(machine) <= writes + LATE - waited, "%s to %s" % (writes, written(machine)))
    machine.cut()
    machine.power_on()
    expect("it serves after a power cut", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    expect("each of these wallets stays frozen", all(is_frozen(machine, number) for number in late))
    expect("those of before, too", all(is_frozen(machine, number) for number in range(frozen)))
    expect("and the others are not", not any(is_frozen(machine, number) for number in range(frozen + LATE, USERS)))
    code, text = ask(machine, late[0], "freeze")
    expect("the start's write bound it", code == 0, text)
    print("budget: %d froze with a write, %d without" % (frozen, waited))


def main():
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_budget.")
    machine = None
    try:
        machine = Group(base, True)
        machine.power_on()
        expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
        nothing_left(machine)
    finally:
        tpm_system.clear(machine, base)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
