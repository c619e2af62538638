#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes of several users that gather while the TPM is held, and power cuts around their one write (C1, C2, P15, A25).

usage: tpm_group.py          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

- what takes power is never refused because of what gives it: limits are lowered and a waiting change is
  cancelled while another change of the same wallet is on its way; both count, in this order;
- modules are added while nothing becomes durable, and first grants of new modules wait behind nobody else's;
- births, an export, a factor, a client, two grants of new modules and an operator's thaw in one group: the power goes before
  its write or after it, and all of them are there afterwards, or none; what a freeze took meanwhile stays taken;
- a bot passes a ceiling while its new credential is on its way: it stays frozen.
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_system  # noqa: E402
from tpm_busy import until  # noqa: E402
from tpm_cuts import EXTEND, Machine  # noqa: E402
from tpm_system import BUILD, System, expect, skip  # noqa: E402

TRANSFER = os.path.join(BUILD, "share/policies/transfer.wasm")
ASKS = ("wallet create", "wallet limit", "wallet unfreeze", "wallet export", "factor add", "grant create", "grant limit")
PARAMS = 'max_lamports = 1000000\nmax_fee_lamports = 50000\nany_recipient = true\n'


def rows(text):
    """What a command says with --json: a line each."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Group(Machine):
    holds, words = 0, ()

    def start(self):
        operator = subprocess.run([os.path.join(BUILD, "bin/claviger"), "key", "show", self.path("operator.json")],
                                  check=True, capture_output=True, text=True).stdout.strip()
        self.system = System(self.proxy, self.path("store"), "unseal", "operators=" + operator, *self.words)
        self.server = self.exports["VAULT_ADDR"] = "https://127.0.0.1:%d" % self.system.port

    def joined(self, *processes):
        """Each waits for the write: the signer says so before its client gives up, or on a slow machine that does."""
        for process in processes:
            text, _ = process.communicate(timeout=300)
            expect("it is told that it waits", process.returncode != 0 and ("has not confirmed" in text or "no_answer" in text), text)

    def went_on(self, process):
        """It was acknowledged, or its client did not want to wait so long."""
        self.ended("it was not refused", process, "no_answer")

    def claviger(self, *words, key=None, wanted=0):
        """What a command says; its status is checked."""
        process = self.ask(*words, key=key)
        text, _ = process.communicate(timeout=120)
        expect("%s gives %s" % (" ".join(words[:3]), wanted), process.returncode == wanted, "%s %s" % (process.returncode, text))
        return text

    def ask(self, *words, key=None, yes=True):
        words += ("--key", self.path(key)) if key else ()
        words += ("--yes",) if yes and " ".join(words[:2]) in ASKS else ()
        return subprocess.Popen(
            [os.path.join(BUILD, "bin/claviger"), *words, "--server", self.server, "--ca", self.path("ca.pem"),
             "--home", self.path("home")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def path(self, name):
        return os.path.join(self.state, name)

    def new_key(self, name):
        if not os.path.exists(self.path(name)):
            subprocess.run([os.path.join(BUILD, "bin/claviger"), "key", "new", self.path(name)], check=True, stdout=subprocess.DEVNULL)

    def new_wallet(self, name, key, *words):
        self.new_key(key)
        return self.claviger("wallet", "create", name, *words, key=key)

    def show(self, name, key):
        return rows(self.claviger("wallet", "show", name, "--json", key=key))[0]

    def module(self, number):
        """A module of its own: the shipped one and a custom section."""
        path = self.path("module.%d.wasm" % number)
        with open(TRANSFER, "rb") as f:
            code = f.read()
        name = b"no.%d" % number
        with open(path, "wb") as f:
            f.write(code + bytes([0, len(name) + 1, len(name)]) + name)
        return path

    def grant(self, wallet, key, module, *words):
        return self.ask("grant", "create", "--wallet", wallet, "--client", "bot", "--policy", module, "--params",
                        self.path("params.toml"), "--cap", "lamports:24h:1000", *words, key=key)

    def grants(self, wallet, key):
        return rows(self.claviger("grant", "list", "--wallet", wallet, "--json", key=key))

    def hold(self):
        """The TPM puts writes off; returns when one is under way, of `first`."""
        self.quiet()
        self.holds += 1
        self.proxy.refused, self.proxy.busy = 0, True
        first = self.ask("client", "new", "first-%d" % self.holds)
        until("a write is under way", lambda: self.proxy.refused > 0)
        return first

    def is_on_its_way(self, wallet, key):
        """What gives power to a wallet is told to come again while another change of it is on its way. Nobody says yes to this one."""
        process = self.ask("wallet", "unfreeze", wallet, key=key, yes=False)
        text, _ = process.communicate(timeout=300)
        return "on its way" in text


def cap(shown):
    return int(shown["limits"][0]["cap"])


def lower_beside_higher(machine):
    """A12: a lower limit, of a wallet and of a grant, while a higher one is on its way."""
    machine.new_wallet("low", "low.json")
    machine.claviger("wallet", "limit", "low", "--cap", "lamports:24h:1000", key="low.json")
    machine.done("a grant", machine.grant("low", "low.json", TRANSFER))
    grant = machine.grants("low", "low.json")[0]["grant"]
    for what in ("wallet", "grant"):
        words = ("wallet", "limit", "low") if what == "wallet" else ("grant", "limit", grant, "--wallet", "low")
        first = machine.hold()
        higher = machine.ask(*words, "--cap", "lamports:24h:5000", key="low.json")
        until("a higher limit is on its way", lambda: machine.is_on_its_way("low", "low.json"))
        lower = machine.ask(*words, "--cap", "lamports:24h:%d" % (700 if what == "wallet" else 300), key="low.json")
        if what == "wallet":
            until("a lower one is in force at once", lambda: cap(machine.show("low", "low.json")) == 700)
        else:
            until("and of a grant", lambda: int(machine.grants("low", "low.json")[0]["counters"][0]["cap"]) == 300)
        expect("and not acknowledged", lower.poll() != 0 and higher.poll() != 0)
        machine.proxy.busy = False
        for process in (first, higher, lower):
            machine.went_on(process)
    machine.cut()
    machine.power_on()
    expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    expect("the lower limit stays", cap(machine.show("low", "low.json")) == 700)
    expect("and that of the grant", int(machine.grants("low", "low.json")[0]["counters"][0]["cap"]) == 300)


def waiting(machine):
    return [p["change"] for p in machine.show("slow", "slow.json")["pending"]]


def cancel_beside_another(machine):
    """A12: one change waits for its time, another of the same wallet is on its way: the first is cancelled."""
    machine.new_wallet("slow", "slow.json", "--delay", "1h")
    machine.claviger("wallet", "unfreeze", "slow", key="slow.json")
    change = waiting(machine)[0]
    first = machine.hold()
    another = machine.ask("wallet", "limit", "slow", "--cap", "lamports:24h:10", key="slow.json")
    until("a limit comes at once", lambda: machine.show("slow", "slow.json").get("limits"))
    other = machine.grant("slow", "slow.json", TRANSFER)
    until("another change of the wallet is on its way", lambda: machine.is_on_its_way("slow", "slow.json"))
    cancel = machine.ask("change", "cancel", change, "--wallet", "slow", key="slow.json")
    until("the first is cancelled at once", lambda: change not in waiting(machine))
    machine.proxy.busy = False
    for process in (first, another, cancel, other):
        machine.went_on(process)
    expect("the other one waits", len(waiting(machine)) == 1 and change not in waiting(machine), str(waiting(machine)))
    machine.claviger("change", "cancel", change, "--wallet", "slow", key="slow.json", wanted=1)


def modules_side_by_side(machine):
    """A25: what one adds, and the first grants of others, wait together, not one behind the other."""
    keys = ["x%d" % i for i in range(2)]
    for key in keys:
        machine.new_wallet(key, key + ".json")
    for i in range(2):
        machine.claviger("policy", "add", machine.module(i))
    first = machine.hold()
    for i in range(3):
        machine.claviger("policy", "add", machine.module(10 + i))  # on offer, and answered: it gives no power
    waiting = [machine.grant(keys[i], keys[i] + ".json", machine.module(i)) for i in range(2)]
    for key in keys:
        until("a first grant is on its way", lambda key=key: machine.is_on_its_way(key, key + ".json"), 20)
    machine.proxy.busy = False
    machine.went_on(first)
    for process in waiting:
        machine.went_on(process)
    for key in keys:
        until("a grant is there", lambda key=key: len(machine.grants(key, key + ".json")) == 1)


def everything(machine, number):
    """One change of each kind that has more than a wallet's record, all of them for the next write; how to see each."""
    name = "n%d" % number
    for who in ("f", "e", "g", "h"):
        second = ("--export-delay", "0s") if who == "e" else ()
        if who == "e":
            machine.new_key("second.json")
            second = (machine.path("second.json"), *second)
        machine.new_wallet(who + name, "%s%s.json" % (who, name), *second)
    for key in ("b%s.json" % name, "add%s.json" % name):
        machine.new_key(key)
    for i in range(2):
        machine.claviger("policy", "add", machine.module(100 * number + i))
    operator = machine.path("operator.json")
    machine.claviger("client", "freeze", "--all", "--operator", operator)

    def clients():
        return rows(machine.claviger("client", "list", "--operator", operator, "--json"))[0]["clients"]
    registered = len(clients())
    first = machine.hold()
    # No more at once than one address may have.
    machine.joined(machine.ask("wallet", "create", "b" + name, key="b%s.json" % name),
                   machine.ask("factor", "add", "f" + name, machine.path("add%s.json" % name), key="f%s.json" % name),
                   machine.ask("wallet", "export", "e" + name, "--second", machine.path("second.json"), "--out",
                               machine.path("out." + name), key="e%s.json" % name))
    machine.joined(machine.grant("g" + name, "g%s.json" % name, machine.module(100 * number)),
                   machine.grant("h" + name, "h%s.json" % name, machine.module(100 * number + 1)))
    machine.joined(machine.ask("client", "new", "c" + name),
                   machine.ask("client", "unfreeze", "--all", "--operator", operator))
    machine.joined(machine.ask("wallet", "freeze", "g" + name, key="g%s.json" % name))

    def is_born():
        process = machine.ask("wallet", "show", "b" + name, "--json", key="b%s.json" % name)
        process.communicate(timeout=300)
        return process.returncode == 0

    seen = {
        "birth": is_born,
        "factor": lambda: len(machine.show("f" + name, "f%s.json" % name)["user_keys"]) == 2,
        "export": lambda: machine.show("e" + name, "e%s.json" % name).get("exported") == 1,
        "grant": lambda: len(machine.grants("g" + name, "g%s.json" % name)) == 1,
        "another grant": lambda: len(machine.grants("h" + name, "h%s.json" % name)) == 1,
        "client": lambda: len(clients()) == registered + 2,  # the first one's write was before the group's
        "thaw": lambda: not machine.frozen()}
    return first, seen


def cut_everything(machine):
    """C2: the power goes around the one write of a group of all kinds."""
    for number, when in enumerate(("before", "after"), 1):
        first, seen = everything(machine, number)
        frozen = machine.show("gn%d" % number, "gn%d.json" % number)["frozen"]
        expect("a freeze beside a grant is in force", frozen)
        expect("and nothing signs before the thaw counts", machine.frozen())
        machine.proxy.arm(EXTEND, when, 2)
        machine.proxy.busy = False
        expect("the group's write is reached", machine.proxy.caught.wait(120))
        machine.cut()
        first.wait()
        machine.power_on()
        expect("a start after it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
        there = {what: look() for what, look in seen.items()}
        expect("all of a group is there, or nothing", set(there.values()) == {when == "after"}, "%s %s" % (when, there))
        expect("and so is the freeze", machine.show("gn%d" % number, "gn%d.json" % number)["frozen"] == (when == "after"))
        print("cut %s a group's write: %s" % (when, " ".join("%s=%d" % x for x in there.items())))
        if when == "before":
            machine.claviger("client", "unfreeze", "--all", "--operator", machine.path("operator.json"))
    expect("the wallet signs", machine.signs(), getattr(machine, "refusal", ""))


def thaw_and_freeze(machine):
    """An operator thaws everything, and freezes it again before that is durable: it stays frozen."""
    operator = machine.path("operator.json")
    machine.claviger("client", "freeze", "--all", "--operator", operator)
    first = machine.hold()
    machine.joined(machine.ask("client", "unfreeze", "--all", "--operator", operator))
    freeze = machine.ask("client", "freeze", "--all", "--operator", operator)
    expect("a thaw is not in force before it is durable", machine.frozen())
    machine.proxy.busy = False
    for process in (first, freeze):
        machine.went_on(process)
    expect("what was frozen last stays frozen", machine.frozen())
    machine.claviger("client", "unfreeze", "--all", "--operator", operator)
    expect("until it is thawed", machine.signs(), getattr(machine, "refusal", ""))


def ceiling_beside_credential(machine):
    """A bot's new credential is on its way when it passes a ceiling: it is frozen, in the one as in the other."""
    machine.cut()
    machine.words = ("client_signatures_second=4",)
    machine.power_on()
    expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    expect("the bot signs", machine.signs(), getattr(machine, "refusal", ""))
    first = machine.hold()
    token = machine.ask("client", "token", "dev")
    time.sleep(2)
    with concurrent.futures.ThreadPoolExecutor(16) as many:  # at once, for a slow machine makes fewer than four a second one by one
        until("it passes its ceiling", lambda: not all(many.map(lambda _: machine.signs(), range(16))) and
              (b"client_frozen" in machine.refusal or b"ceiling" in machine.refusal))
    expect("and is frozen", not machine.signs(), getattr(machine, "refusal", ""))
    machine.proxy.busy = False
    machine.went_on(first)
    machine.went_on(token)
    machine.cut()
    machine.words = ()
    machine.power_on()
    expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
    shown = rows(machine.claviger("client", "list", "--operator", machine.path("operator.json"), "--json"))[0]["clients"]
    expect("it is frozen after a cut", [c["frozen_by"] for c in shown if c.get("name") == "dev"] == ["ceiling"], str(shown))


def main():
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_group.")
    machine = None
    try:
        machine = Group(base, True)
        with open(machine.path("params.toml"), "w") as f:
            f.write(PARAMS)
        machine.power_on()
        expect("it serves", machine.system.wait_ready(), str(machine.system.events()[-3:]))
        machine.claviger("client", "new", "bot")
        only = os.environ.get("ONLY", "")
        for part in (lower_beside_higher, cancel_beside_another, modules_side_by_side, thaw_and_freeze, cut_everything,
                     ceiling_beside_credential):
            if only in part.__name__:
                part(machine)
    finally:
        tpm_system.clear(machine, base)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
