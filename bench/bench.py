#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of a signature over the full path, on this machine, in units of its own speed.

usage: bench/bench.py [--rounds N] [--wallets N] [--connections N] [--verifiers N] [--swaps N]

Starts a signer of its own in a temporary folder (`claviger serve`), makes wallets, a client and
grants through the command line as a user would, and drives it with 64 TLS 1.3 connections, one
request in flight each. All server processes are pinned to the last processor, the clients to the
first. Prints a table, then one JSON object as the last line. A phase whose base (R) drifts by more
than 15 % from before it to after it is left out. Ends with 0 when figures were taken; goals that were missed are named.
"""
import argparse
import contextlib
import concurrent.futures
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.join(BUILD, "bin", "claviger")
DRIFT_MAX = 0.15
CALM_US = 2000
CHANGERS = 8
BUDGET_KEPT = 8 + 2  # of the TPM's writes: the reserve, the write under way, and the one after it
ALONE = 12  # changes of one user, who may take half of the burst

TRANSFER = """any_recipient = true
max_lamports = 1000000000
max_fee_lamports = 1000000
"""
SWAP = """input_mint = "%s"
max_in = 9000000000000000000
output_mints = ["%s"]
min_out = 0
max_slippage_bps = 10000
max_fee_lamports = 100000000
max_tip_lamports = 100000000
max_platform_fee_bps = 200
"""


def fail(sentence):
    print("bench: " + sentence, file=sys.stderr)
    sys.exit(3)


class Server:
    """A signer of its own on free ports; what it needs goes with it."""

    def __init__(self, cpus, verifiers, files=None, options=("--echo",)):
        """`files`: how many descriptors each process may have open; the bridge keeps as many connections fewer."""
        self.folder = tempfile.mkdtemp(prefix="claviger-bench-", dir="/tmp")
        self.port, self.metrics, self.operators = free_port(), free_port(), free_port()
        self.state = os.path.join(self.folder, "state")
        self.ca = os.path.join(self.state, "ca.pem")
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.command = [TOOL, "serve", "--state", self.state, "--verifiers", str(verifiers),
                        "--listen", "127.0.0.1:%d" % self.port,
                        "--metrics", "127.0.0.1:%d" % self.metrics,
                        "--operator-listen", "127.0.0.1:%d" % self.operators]
        self.settle = lambda: self._settle(cpus, files)
        self.start(options)

    def start(self, options):
        self.process = subprocess.Popen([*self.command, *options], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, preexec_fn=self.settle)
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        self.stop()
        fail("the signer did not start")

    @staticmethod
    def _settle(cpus, files):
        os.sched_setaffinity(0, cpus)
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    def attempt(self, *words):
        env = dict(os.environ, CLAVIGER_SERVER="https://127.0.0.1:%d" % self.port,
                   CLAVIGER_CA=self.ca, CLAVIGER_HOME=os.path.join(self.folder, "home"))
        return subprocess.run([TOOL, *words], env=env, cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)

    def run(self, *words):
        done = self.attempt(*words)
        if done.returncode != 0:
            self.stop()
            fail("claviger %s: %s" % (" ".join(words[:2]), done.stderr.strip()[-500:]))
        return done.stdout

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def processes(self):
        """NAME:PID of every process that serves: the supervisor and its children."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry, encoding="utf-8") as f:
                        stat = f.read()
                    path = os.readlink("/proc/%s/exe" % entry)
                except OSError:
                    continue
                name = os.path.basename(path).replace("claviger-", "")
                parents[int(entry)] = (int(stat.rsplit(")", 1)[1].split()[1]), name)
        mine = {self.process.pid}
        for _ in range(3):
            mine |= {pid for pid, (parent, _) in parents.items() if parent in mine}
        return ["%s:%d" % (parents[pid][1], pid) for pid in sorted(mine)
                if pid != self.process.pid and pid in parents]

    def metric(self, name):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.metrics, timeout=10) as f:
            return next((int(line.rsplit(b" ", 1)[1]) for line in f.read().splitlines()
                         if line.startswith(name.encode() + b" ")), None)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def policy(name):
    return os.path.join(BUILD, "share", "policies", name + ".wasm")


def real_swaps(count):
    rows = []
    with open(os.path.join(SOURCE, "tests", "policy", "real_swaps.txt"), encoding="utf-8") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    rows.sort(key=lambda row: -len(row[2]))  # the largest: many accounts
    return rows[:count]


def prepare(server, wallets, swaps):
    """Wallets, a client and grants; returns the path of the plan for bench_sign."""
    server.run("key", "new", "user.json")
    server.run("client", "new", "bot")
    token = os.path.join(server.folder, "home", "clients", "bot.token")
    plan, names = [], []

    def wallet(name):
        said = json.loads(server.run("wallet", "create", name, "--key", "user.json", "--yes",
                                     "--json"))
        names.append(name)
        return said["address"]

    def grant(wallets_named, module, parameters):
        server.run("grant", "create", "--wallet", ",".join(wallets_named), "--client", "bot",
                   "--policy", policy(module), "--params", parameters, "--key", "user.json",
                   "--yes")

    for i in range(wallets):
        plan.append("transfer %s t%d %s" % (token, i, wallet("t%d" % i)))
    parameters = server.write("transfer.toml", TRANSFER)
    for at in range(0, len(names), 8):
        grant(names[at:at + 8], "transfer", parameters)
    for i, (mint_in, mint_out, wire) in enumerate(real_swaps(swaps)):
        address = wallet("s%d" % i)
        grant(["s%d" % i], "swap", server.write("swap%d.toml" % i, SWAP % (mint_in, mint_out)))
        plan.append("swap %s s%d %s %s %s %s" % (token, i, address, mint_in, mint_out, wire))
    return server.write("plan", "\n".join(plan) + "\n")


def swap_requests(folder):
    """What a verifier is handed for real swaps, as the policy's own test writes it."""
    path = os.path.join(folder, "requests")
    subprocess.run([os.path.join(BUILD, "tests", "policy_swap_test")], cwd=BUILD, check=False,
                   env=dict(os.environ, RUN_REQUESTS=path), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return path if os.path.exists(path) else fail("policy_swap_test wrote no requests")


INTENT = os.path.join(BUILD, "share", "intents", "jupiter-v6.wasm")


def intent_requests(folder):
    """The same for the corpus's swaps under the library's Jupiter intent; None where Node's packages
    are missing."""
    path = os.path.join(folder, "intent_requests")
    done = subprocess.run(["node", "bench/intent_requests.mjs", "jupiter-v6", path], cwd=SOURCE,
                          check=False, capture_output=True)
    return path if done.returncode == 0 and os.path.exists(path) else None


def run_module(module, requests, cpu):
    out = subprocess.run([os.path.join(BUILD, "tests", "bench_wasm"), module, requests, "-", "3000"],
                         capture_output=True, text=True, check=False,
                         preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    if out.returncode != 0:
        fail("bench_wasm: " + out.stderr.strip()[-300:])
    return json.loads(out.stdout.splitlines()[-1])


def build_times(folder, rounds=5):
    """Milliseconds that `claviger policy build` takes from file to module, by intent of the library: medians."""
    times = {}
    for name in sorted(os.listdir(os.path.join(SOURCE, "intents"))):
        if not name.endswith(".toml"):
            continue
        taken = []
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run([TOOL, "policy", "build", os.path.join(SOURCE, "intents", name), "-o",
                            os.path.join(folder, "built.wasm")], check=True, stdout=subprocess.DEVNULL)
            taken.append(1000 * (time.monotonic() - began))
        times[name[:-5]] = middle(taken)
    return times


def run_check(requests, cpu):
    """One run of bench_wasm for each kind of policy beside the load, on the servers' processor."""
    policy_requests, of_intent = requests
    return {"policy": run_module(policy("swap"), policy_requests, cpu),
            "intent": run_module(INTENT, of_intent, cpu) if of_intent else None}


def change(server, number, frozen):
    """Freezes a user's wallet, or thaws it; the milliseconds of the command, and of all its tries. None: his share of the
    TPM's writes is used up."""
    words = ("wallet", "unfreeze" if frozen else "freeze", "c%d" % number, "--key", "u%d.json" % number, "--yes")
    began = time.monotonic()
    while (done := server.attempt(*words)).returncode != 0:
        if "share of the TPM" in done.stderr or "it is in force" in done.stderr:
            return None
        if "overloaded" not in done.stderr:
            raise RuntimeError(done.stderr)
    return (time.monotonic() - began) * 1e3


def changes_of_one(server, number, took):
    """One user, who changes a wallet of his until the TPM's budget is near its reserve, or his share used up."""
    rng, frozen = random.Random(number), True
    while server.metric("claviger_tpm_nv_writes_left") > BUDGET_KEPT:
        taken = change(server, number, frozen)
        if taken is None:
            return
        took.append(taken)
        frozen = not frozen
        time.sleep(rng.random())


def measure_changes(cpus, rounds):
    """P15: milliseconds of each change of authority while the TPM's budget lasts, and its writes: of eight users, and of
    one; and until all of eight that begin together are done. The software TPM's writes are spent as those of hardware;
    each part begins with the same full budget, store and TPM."""
    server = Server({cpus[-1]}, 1, options=())
    users, saved = range(CHANGERS), server.state + ".saved"
    found = {"took": [], "writes": 0, "alone": [], "at_once": [], "at_once_writes": []}

    def begin():
        server.end()
        if not os.path.exists(saved):
            shutil.copytree(server.state, saved, ignore=shutil.ignore_patterns("*.sock*"))
        else:
            shutil.rmtree(server.state)
            shutil.copytree(saved, server.state)
        server.start(("--spare-tpm",))
        return server.metric("claviger_tpm_nv_writes_total")

    try:
        for i in users:
            server.run("key", "new", "u%d.json" % i)
            server.run("wallet", "create", "c%d" % i, "--key", "u%d.json" % i, "--yes")
        for _ in range(rounds):
            before = begin()
            with concurrent.futures.ThreadPoolExecutor(CHANGERS) as pool:
                found["at_once"].append(max(pool.map(lambda number: change(server, number, False), users)))
                found["at_once_writes"].append(server.metric("claviger_tpm_nv_writes_total") - before)
                list(pool.map(lambda number: changes_of_one(server, number, found["took"]), users))
            found["writes"] += server.metric("claviger_tpm_nv_writes_total") - before
            begin()
            found["alone"] += [change(server, 0, i % 2 == 1) for i in range(ALONE)]
        return found
    finally:
        server.stop()


def proofs(server):
    return json.loads(server.run("attest", "bench", "--json", "--seconds", "4"))["proofs_per_s"]


def measure_proofs(server):
    """P13: proofs of evidence a second, all verified; and the same with a TPM that stands still nine tenths of the time."""
    tpms = [int(entry.split(":")[1]) for entry in server.processes() if entry.startswith("swtpm:")]
    fast, done = proofs(server), threading.Event()

    def slow():
        while not done.is_set():
            for what, seconds in ((signal.SIGSTOP, 0.09), (signal.SIGCONT, 0.01)):
                for pid in tpms:
                    os.kill(pid, what)
                time.sleep(seconds)

    if not tpms:
        fail("no software TPM is found")
    thread = threading.Thread(target=slow)
    thread.start()
    try:
        return {"fast": fast, "slow": proofs(server)}
    finally:
        done.set()
        thread.join()


def show_proofs(table, found):
    for name, key, words in (("P13", "fast", "proofs of evidence"), ("P13_slow", "slow", "the same, the TPM ten times as slow")):
        table.add(name, words, [found[key]], "/s", [found[key]], "/s", 10000, lambda x: x >= 10000)


def p99_of(values):
    return sorted(values)[-(-len(values) * 99 // 100) - 1]


def show_changes(table, changes):
    took, alone = changes["took"] + changes["at_once"], changes["alone"]
    table.add("P15", "change of authority, p99 of %d in %d TPM writes" % (len(took), changes["writes"]), [p99_of(took)],
              "ms", [p99_of(took)], "ms", "1500 ms", lambda x: x <= 1500, min)
    table.note("P15_p50", "the same, p50", middle(took), "ms")
    table.add("P15_one", "of one user alone, p99 of %d" % len(alone), [p99_of(alone)], "ms", [p99_of(alone)], "ms",
              "1500 ms", lambda x: x <= 1500, min)
    table.note("P15_at_once", "eight at once, until the last is done", middle(changes["at_once"]), "ms")
    table.note("P15_at_once_writes", "and the TPM's writes for them", middle(changes["at_once_writes"]), "")


def middle(values):
    return statistics.median(values)


def core_rate(result):
    """Signatures in a second of processor time of all server processes."""
    return result["calls"] / (sum(result["cpu_us"].values()) / 1e6)


def unit(result, name):
    """R or S around one phase, in microseconds."""
    return sum(result[name]) / 2


def steady(results):
    """The phases whose base did not drift by more than DRIFT_MAX from before them to after them."""
    return [r for r in results if abs(r["R"][1] - r["R"][0]) <= DRIFT_MAX * min(r["R"])]


class Table:
    def __init__(self):
        self.figures = {}

    def add(self, name, words, values, unit, ratios, ratio_unit, goal, reached, better=max):
        value, ratio = middle(values), middle(ratios)
        figure = {"value": round(value, 2), "unit": unit, "ratio": round(ratio, 3),
                  "ratio_unit": ratio_unit, "best": round(better(ratios), 3), "goal": goal}
        verdict = ""
        if goal is not None:
            figure["ok"] = reached(ratio)
            verdict = "reached" if figure["ok"] else "MISSED"
        self.figures[name] = figure
        print("%-11s %-46s %10.1f %-5s %7.2f %-2s best %6.2f  %-10s %s" % (
            name, words, value, unit, ratio, ratio_unit, figure["best"],
            "" if goal is None else "goal %s" % goal, verdict))

    def note(self, name, words, value, unit):
        self.figures[name] = {"value": round(value, 3), "unit": unit}
        print("%-11s %-46s %10.1f %s" % (name, words, value, unit))


def split(results):
    """Microseconds of processor time for each call, by process."""
    names = {}
    for r in results:
        for name, us in r["cpu_us"].items():
            names.setdefault(name, []).append(us / r["calls"])
    return {name: middle(v) for name, v in names.items()}


def show(rounds, checks, changes, found, builds, arguments):
    """The table; a phase is kept where its own base stood still."""
    kept = {key: steady([r[key] for r in rounds if key in r])
            for key in ("transfer", "swap", "echo", "idle")}
    every = [r[key] for r in rounds for key in kept if key in r]
    r_us, s_us = middle([unit(r, "R") for r in every]), middle([unit(r, "S") for r in every])
    steady_ones = {key: "%d of %d" % (len(v), len(rounds)) for key, v in kept.items()}
    rough = [key for key in kept if not kept[key] and any(key in r for r in rounds)]
    for key in rough:
        kept[key] = [r[key] for r in rounds if key in r]
    if rough:
        print("ROUGH: the base drifted in every round of %s; this machine is too busy to measure on"
              % ", ".join(rough))
    table = Table()
    table.note("R", "libsodium crypto_sign_detached of 1 KB", r_us, "us")
    table.note("S", "the signer's own signature of 1 KB", s_us, "us")
    table.note("E", "null call through bridge and TLS, processor time",
               middle([1e6 / core_rate(r) for r in kept["echo"]]), "us")
    for name, key, words, goal in (
            ("P1", "transfer", "transfers signed per core, %d connections", 0.5),
            ("P1_swap", "swap", "real swaps signed per core, %d connections", None)):
        if kept[key]:
            table.add(name, words % arguments.connections, [core_rate(r) for r in kept[key]], "/s",
                      [core_rate(r) * unit(r, "R") / 1e6 for r in kept[key]], "R", goal,
                      lambda x: x >= 0.5)
    table.add("P3", "raw signing", [1e6 / unit(r, "S") for r in every], "/s",
              [unit(r, "R") / unit(r, "S") for r in every], "R", 1.7, lambda x: x >= 1.7)
    added = [(r["idle"]["p50_us"] - r["idle_echo"]["p50_us"], r["idle"]) for r in rounds
             if r["idle"] in kept["idle"]]
    # Others on the servers' processor make an answer wait longer than the path itself takes.
    if added and all(a > 0 for a, _ in added):
        table.add("P4", "latency added to E at idle, p50", [a for a, _ in added], "us",
                  [a / unit(r, "S") for a, r in added], "S", 3, lambda x: x <= 3, min)
    else:
        print("P4        not measured: this machine is too busy")
    pairs = [(r["half%d" % i], r["half_echo%d" % i]) for r in rounds for i in range(9) if "half%d" % i in r]
    # Where a null call's p99 is long, the figure would be of other programs' turns on that processor.
    calm = [(full, echo) for full, echo in pairs
            if len(steady([full, echo])) == 2 and echo["p99_us"] <= CALM_US]
    steady_ones["half"] = "%d of %d" % (len(calm), len(pairs))
    # A quarter of the pairs, or none: a few that happen to be calm say nothing of the rest.
    if len(calm) * 4 >= len(pairs):
        table.add("P5", "p99 to E's p99, at half load", [f["p99_us"] for f, _ in calm], "us",
                  [f["p99_us"] / e["p99_us"] for f, e in calm], "E", 1.5, lambda x: x <= 1.5, min)
        for part in ("p50", "p90", "p99", "p999"):
            table.note("P5_" + part, "%s at half load, and E's: %.0f" % (
                part, middle([e[part + "_us"] for _, e in calm])), middle([f[part + "_us"] for f, _ in calm]), "us")
    else:
        print("P5        not measured: this machine is too busy (%s pairs stood still)" % steady_ones["half"])
    for name, kind, words, goal, goal_us in (
            ("P6", "policy", "check of a real swap by the swap policy", 0.3, 10),
            ("P6_intent", "intent", "check of a real swap by the Jupiter intent", 0.3, 10)):
        these = [c[kind]["wasm_check"] for c in checks if c[kind]]
        if not these:
            print("%-11s not measured: tools/deps npm brings what it needs" % name)
            continue
        table.add(name, words + ", p50", [c["p50"] for c in these], "us",
                  [c["p50"] / s_us for c in these], "S", goal, lambda x, g=goal: x <= g, min)
        table.add(name + "_p99", words + ", p99", [c["p99"] for c in these], "us",
                  [c["p99"] / s_us for c in these], "S", "%d us" % goal_us,
                  lambda x, g=goal_us: x * s_us <= g, min)
    these = [c["intent"] for c in checks if c["intent"]]
    if these:
        table.add("P9_cold", "first check by an intent that is not loaded, p99",
                  [c["wasm_cold"]["p99"] for c in these], "us", [c["wasm_cold"]["p99"] / s_us for c in these],
                  "S", "5000 us", lambda x: x * s_us <= 5000, min)
        table.note("P9_many", "check by one of 100000 intents, Zipf, p50 of the verifier",
                   middle([c["wasm_many"]["p50"] for c in these]), "us")
        table.note("P9_many_p99", "the same, p99", middle([c["wasm_many"]["p99"] for c in these]), "us")
    show_changes(table, changes)
    show_proofs(table, found)
    slowest = max(builds, key=builds.get)
    table.add("P6_build", "module of the slowest intent (%s) built" % slowest, [builds[slowest]], "ms",
              [builds[slowest]], "ms", "50 ms", lambda x: x <= 50, min)
    for key in ("echo", "transfer", "swap"):
        if kept[key]:
            parts = split(kept[key])
            print("          %-8s us of each process: %s" % (key, ", ".join(
                "%s %.2f" % (n, us) for n, us in sorted(parts.items(), key=lambda p: -p[1])
                if us >= 0.005)))
            table.figures["split_" + key] = {n: round(us, 2) for n, us in parts.items()}
    table.figures["kept"] = steady_ones
    table.figures["rough"] = rough
    return table.figures


def measure(server, plan, arguments, cpus):
    requests = (swap_requests(server.folder), intent_requests(server.folder))
    words = [os.path.join(BUILD, "bench", "bench_sign"), "127.0.0.1", str(server.port), server.ca,
             plan, str(arguments.rounds), str(arguments.connections)]
    names = {}
    for process in server.processes():
        name, pid = process.split(":")
        names[name] = names.get(name, 0) + 1
        words.append("%s%d:%s" % (name, names[name], pid) if names[name] > 1 else process)
    rounds, checks = [], []
    load = subprocess.Popen(words, stdout=subprocess.PIPE, text=True,
                            preexec_fn=lambda: os.sched_setaffinity(0, {cpus[0]}))
    for line in load.stdout:
        if not line.endswith("}\n"):
            break
        rounds.append(json.loads(line))
        print("round %d of %d" % (len(rounds), arguments.rounds), file=sys.stderr)
        time.sleep(0.8)  # into the next round's load
        if load.poll() is None:
            checks.append(run_check(requests, cpus[-1]))
    if load.wait() != 0:
        with open(os.path.join(server.folder, "log"), encoding="utf-8") as f:
            sys.stderr.write("".join(f.readlines()[-5:]))
        fail("the load ended early")
    return rounds, checks or [run_check(requests, cpus[-1])]


def main():
    parser = argparse.ArgumentParser(prog="claviger bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--wallets", type=int, default=64)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--verifiers", type=int, default=1)
    parser.add_argument("--swaps", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="the table goes to standard error")
    arguments = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    server = Server({cpus[-1]}, arguments.verifiers)
    try:
        plan = prepare(server, arguments.wallets, arguments.swaps)
        builds = build_times(server.folder)
        rounds, checks = measure(server, plan, arguments, cpus)
        found = measure_proofs(server)
    finally:
        server.stop()
    changes = measure_changes(cpus, arguments.rounds)
    if rounds[0]["echo"]["R"][0] == 0:
        fail("built without libsodium: install libsodium-dev and build again")
    phases = [r[k] for r in rounds for k in r if isinstance(r[k], dict)]
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        print("%d processors, %d rounds, %d signatures verified; a phase is kept when R right before and "
              "after it agree within 15 %%" % (len(cpus), len(rounds), sum(
                  p["verified"] for p in phases)))
        away = sum(p["turned_away"] for p in phases)
        if away:
            print("%d requests were answered \"overloaded\" and tried again" % away)
        answer = show(rounds, checks, changes, found, builds, arguments)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
