#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many policy modules over the whole path, beside one (P9): a wallet and a grant for each, all under a signer
of its own.

usage: bench/modules.py [--modules N] [--rounds N] [--connections N]

As many wallets again have grants of one intent; the others each a grant of an intent of its own: the same rules under
another name, so another module. The first of each kind is made as a user would; the others by a signer that is built
for it (bench/signer_fill.c) on the same state, through the real store, for a deployment takes 60 new modules a
minute. Then the signer is started as usual. Server processes are pinned to the last processor, the clients to the
first. Prints a table, then one JSON object as the last line.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

from bench import BUILD, SOURCE, TOOL, Server, middle

TRIES = 20
PIECE = 100  # modules of one order: well within the time that a change has
INTENT = """intent = 1
name = "send-%06d"
text = "Send SOL to anyone"
include = ["common/fees.toml"]

[[parameter]]
name = "max_lamports"
type = "u64"
unit = "lamports"
text = "sent in one transaction at most"

[[instruction]]
name = "send"
program = "system"
data = "02000000"
fields = [["lamports", "u64"]]
accounts = [{ name = "from", is = "wallet", signer = true, writable = true }, { name = "to", any = true, writable = true }]
pays = [{ lamports = "lamports", as = "transfer", by = "from" }]
check = ["lamports <= max_lamports"]
min = 1
"""


def intent(folder, number):
    path = os.path.join(folder, "intent%d" % number)
    with open(path + ".toml", "w", encoding="utf-8") as f:
        f.write(INTENT % number)
    subprocess.run([TOOL, "policy", "build", path + ".toml", "-o", path + ".wasm"], check=True, stdout=subprocess.DEVNULL)
    return path + ".wasm"


def start_again(server):
    """Seconds until it serves."""
    server.end()
    began = time.monotonic()
    server.start(())
    return time.monotonic() - began


def fill(server, count):
    """The wallets 1 to count - 1 of each kind, by a signer that makes them; seconds that it took."""
    programs = os.path.join(server.folder, "programs")
    shutil.copytree(os.path.dirname(TOOL), os.path.join(programs, "bin"))
    os.symlink(os.path.join(BUILD, "share"), os.path.join(programs, "share"))
    shutil.copy(os.path.join(BUILD, "bench", "bench_signer"), os.path.join(programs, "bin", "claviger-signer"))
    tool, server.command[0] = server.command[0], os.path.join(programs, "bin", os.path.basename(TOOL))
    start_again(server)
    began = time.monotonic()
    for first in range(1, count, PIECE):
        order = server.write("order", "fill %d %d o000000 m000000" % (first, min(PIECE, count - first)))
        tries = 1  # where the machine is busy the answer may come too late: what was made is made again
        while tries < TRIES and server.attempt("policy", "add", order).returncode != 0:
            tries += 1
        if tries == TRIES:
            server.run("policy", "add", order)
        if first // PIECE % 100 == 99:
            print("%d modules" % (first + PIECE - 1), file=sys.stderr)
    server.command[0] = tool
    return time.monotonic() - began


def prepare(server, count):
    """The first wallet of each kind as lines of a plan, and the seconds that the others took."""
    os.symlink(os.path.join(SOURCE, "intents", "common"), os.path.join(server.folder, "common"))
    server.run("key", "new", "user.json")
    server.run("client", "new", "bot")
    token = os.path.join(server.folder, "home", "clients", "bot.token")
    terms = server.write("terms.toml", "max_lamports = 1000000000\nmax_fee_lamports = 1000000\n")
    plan = ""
    for name, module in (("o000000", 999999), ("m000000", 0)):
        said = json.loads(server.run("wallet", "create", name, "--key", "user.json", "--yes", "--json"))
        server.run("grant", "create", "--wallet", name, "--client", "bot", "--policy", intent(server.folder, module),
                   "--params", terms, "--key", "user.json", "--yes")
        plan += "transfer %s %s %s\n" % (token, name, said["address"])
    return server.write("plan", plan), fill(server, count)


def backup(server):
    """Seconds and bytes of a backup while it serves; None where the command says no."""
    began = time.monotonic()
    done = server.attempt("backup", "--state", server.state, "--out", os.path.join(server.folder, "backup"))
    if done.returncode != 0:
        print("bench: backup: " + done.stderr.strip()[-300:], file=sys.stderr)
        return None
    size = sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(os.path.join(server.folder, "backup")) for name in names)
    return time.monotonic() - began, size


def resident(processes):
    """KiB of each process by name."""
    found = {}
    for word in processes:
        name, pid = word.rsplit(":", 1)
        with open("/proc/%s/status" % pid, encoding="utf-8") as f:
            found[name] = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return found


def measure(server, arguments, cpus):
    """Results of bench_modules by name, and what the modules take."""
    plan, filled = prepare(server, arguments.modules)
    started = start_again(server)  # nothing of them is loaded
    processes = server.processes()
    before = resident(processes)
    words = [os.path.join(BUILD, "bench", "bench_modules"), "127.0.0.1", str(server.port), server.ca, plan,
             str(arguments.modules), str(arguments.rounds), str(arguments.connections), *processes]
    done = subprocess.run(words, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cpus[0]}))
    if done.returncode != 0:
        print("bench: " + done.stderr.strip()[-500:], file=sys.stderr)
        sys.exit(3)
    results = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        results.setdefault(result.pop("name"), []).append(result)
    memory = {name: (before[name], after) for name, after in resident(processes).items()}
    disk = os.path.getsize(os.path.join(server.state, "store", "state.db"))
    return results, {"filled_s": filled, "started_s": started, "memory_kib": memory, "disk": disk,
                     "backup": backup(server)}


def show_costs(costs, modules):
    print("             made in %.0f s; a start takes %.2f s; the state has %.0f MB, %.0f bytes for a module, two wallets and "
          "their grants" % (costs["filled_s"], costs["started_s"], costs["disk"] / 1e6, costs["disk"] / modules))
    for name in ("signer", "verifier", "store"):
        print("             %s: %.0f MB resident, %.0f MB at its start" % (
            name, costs["memory_kib"][name][1] / 1024, costs["memory_kib"][name][0] / 1024))
    if costs["backup"]:
        print("             a backup while it serves: %.0f s, %.0f MB" % (costs["backup"][0], costs["backup"][1] / 1e6))


def main():
    parser = argparse.ArgumentParser(prog="claviger bench modules")
    parser.add_argument("--modules", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    server = Server({cpus[-1]}, 1, options=())
    try:
        results, costs = measure(server, arguments, cpus)
    finally:
        server.stop()
    rate = {name: [r["calls"] / r["cpu_us"] * 1e6 for r in results[name]] for name in ("one", "many")}
    ratios = [many / one for one, many in zip(rate["one"], rate["many"])]
    once = {name: results["once_" + name][0] for name in ("one", "many")}
    path_ok, cold_ok = middle(ratios) >= 0.8, once["many"]["p99_us"] <= 5000
    print("P9_path      transfers signed per core, %d modules in turn (Zipf): %.0f /s, %.2f of one module's (best %.2f)  goal 0.8  %s" % (
        arguments.modules, middle(rate["many"]), middle(ratios), max(ratios), "reached" if path_ok else "MISSED"))
    print("P9_path_cold first signature by a module that is in the store alone: p50 %.0f us, p99 %.0f us  goal 5000 us  %s" % (
        once["many"]["p50_us"], once["many"]["p99_us"], "reached" if cold_ok else "MISSED"))
    print("             a wallet's first signature by a module that is loaded: p50 %.0f us, p99 %.0f us" % (
        once["one"]["p50_us"], once["one"]["p99_us"]))
    show_costs(costs, arguments.modules)
    for name in ("one", "many"):
        split = {process: middle([r[process] for r in results["split_" + name]]) for process in ("bridge", "signer", "store", "verifier")}
        print("             us of a signature, %s: %s" % (name, ", ".join("%s %.1f" % pair for pair in split.items())))
    print(json.dumps({
        "P9_path": {"value": round(middle(rate["many"]), 1), "unit": "/s", "ratio": round(middle(ratios), 3), "ratio_unit": "one module",
                    "best": round(max(ratios), 3), "goal": 0.8, "ok": path_ok, "modules": arguments.modules},
        "P9_path_cold": {"value": once["many"]["p99_us"], "unit": "us", "p50": once["many"]["p50_us"], "loaded_p50": once["one"]["p50_us"],
                         "loaded_p99": once["one"]["p99_us"], "goal": "5000 us", "ok": cold_ok},
        "costs": costs}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
