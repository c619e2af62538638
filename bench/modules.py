#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many policy modules over the whole path, beside one (P9): a wallet and a grant for each, all under a signer
of its own.

usage: bench/modules.py [--modules N] [--rounds N] [--connections N]

Half of the wallets have grants of one intent, each of the others of an intent of its own: the same rules under another
name, so another module. A deployment stores 1,024 modules at most and takes few a minute; so there are not more here, and
the signer is started again whenever it has had enough. Server processes are pinned to the last processor, the clients to
the first. Prints a table, then one JSON object as the last line.
"""
import argparse
import json
import os
import subprocess
import sys

from bench import BUILD, SOURCE, TOOL, Server, middle

PER_START = 100  # new modules that a signer takes at once
INTENT = """intent = 1
name = "send-%d"
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
    server.end()
    server.start(())


def prepare(server, count):
    """2 * count wallets with their grants, as lines of a plan: first those of one module, then each of its own."""
    os.symlink(os.path.join(SOURCE, "intents", "common"), os.path.join(server.folder, "common"))
    server.run("key", "new", "user.json")
    server.run("client", "new", "bot")
    token = os.path.join(server.folder, "home", "clients", "bot.token")
    terms = server.write("terms.toml", "max_lamports = 1000000000\nmax_fee_lamports = 1000000\n")
    names = ["o%d" % i for i in range(count)] + ["m%d" % i for i in range(count)]
    addresses = [json.loads(server.run("wallet", "create", name, "--key", "user.json", "--yes", "--json"))["address"]
                 for name in names]

    def grant(wallets, module):
        server.run("grant", "create", "--wallet", ",".join(wallets), "--client", "bot", "--policy", module,
                   "--params", terms, "--key", "user.json", "--yes")

    one = intent(server.folder, 0)
    for at in range(0, count, 8):
        grant(names[at:min(at + 8, count)], one)
    for i in range(count):
        if i % PER_START == PER_START - 1:
            start_again(server)
            print("%d modules" % (i + 1), file=sys.stderr)
        grant([names[count + i]], intent(server.folder, i + 1))
    start_again(server)  # nothing of them is loaded
    return server.write("plan", "".join("transfer %s %s %s\n" % (token, name, address)
                                        for name, address in zip(names, addresses)))


def measure(server, arguments, cpus):
    """Results of bench_modules by name."""
    plan = prepare(server, arguments.modules)
    words = [os.path.join(BUILD, "bench", "bench_modules"), "127.0.0.1", str(server.port), server.ca, plan,
             str(arguments.rounds), str(arguments.connections), *server.processes()]
    done = subprocess.run(words, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cpus[0]}))
    if done.returncode != 0:
        print("bench: " + done.stderr.strip()[-500:], file=sys.stderr)
        sys.exit(3)
    results = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        results.setdefault(result.pop("name"), []).append(result)
    return results


def main():
    parser = argparse.ArgumentParser(prog="claviger bench modules")
    parser.add_argument("--modules", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    server = Server({cpus[-1]}, 1, options=())
    try:
        results = measure(server, arguments, cpus)
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
    print(json.dumps({
        "P9_path": {"value": round(middle(rate["many"]), 1), "unit": "/s", "ratio": round(middle(ratios), 3), "ratio_unit": "one module",
                    "best": round(max(ratios), 3), "goal": 0.8, "ok": path_ok, "modules": arguments.modules},
        "P9_path_cold": {"value": once["many"]["p99_us"], "unit": "us", "p50": once["many"]["p50_us"], "loaded_p50": once["one"]["p50_us"],
                         "loaded_p99": once["one"]["p99_us"], "goal": "5000 us", "ok": cold_ok}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
