#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What honest clients get while others attack: a signer of its own, and bench/load against it.

usage: bench/load.py [--seconds S] [--connections N] [NAME...]   only attacks whose name contains NAME; P10

Starts `claviger serve` in a temporary folder with four clients. For each attack an honest client asks
for signatures at a steady rate over 32 connections, first alone ("quiet"), then beside the attack; the
attackers run in a process of their own. Latencies count from when a request was due. Prints a table
and one JSON object as the last line; tests/load asserts on the same rows.
"""
import argparse
import base64
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import BUILD, TRANSFER, Server, policy  # pylint: disable=wrong-import-position

LOAD = os.path.join(BUILD, "bench", "load")
HONEST = "127.0.0.1"  # attackers come from other addresses of this machine

# name: groups of attackers, {N} connections. Refused requests are such that no grant allows.
ATTACKS = {
    "flood": ["flood:sign:connections={N}:plan={flood}:from=127.0.0.2"],
    "refused": ["refused:sign:connections={N}:plan={refused}:from=127.0.0.2"],
    "strangers": ["strangers:sign:strangers:connections={N}:plan={flood}:from=127.0.0.2"],
    "two": ["flood:sign:connections={N}:plan={flood}:from=127.0.0.2",
            "second:sign:connections={N}:plan={second}:from=127.0.0.3"],
    # One client's own modules, more than a verifier holds: each request has them all loaded again.
    "cold": ["cold:sign:connections={N}:plan={cold}:from=127.0.0.2"],
    "changes": ["changes:changes:connections={N}:channel={channel}:from=127.0.0.2"],
    # The whole way of a change, but for a signature: nonces, texts that are written for them, and forged signatures.
    "submits": ["submits:submits:connections={N}:channel={channel}:from=127.0.0.2"],
    "hello": ["hello:hello:connections={N}:from=127.0.0.2"],
    "pipe": ["pipe:pipe:connections=64:from=127.0.0.2"],
    "reader": ["reader:reader:connections={N}:from=127.0.0.2"],
    "headers": ["headers:headers:connections={N}:from=127.0.0.2",
                "body:body:connections=100:from=127.0.0.2"],
    "idle": ["idle:idle:connections={N}:from=127.0.0.2", "silent:silent:connections={N}:from=127.0.0.3"],
    # From where the operator comes, too, and at the door of clients alone.
    "crowd": ["hello:hello:connections={N}:from=127.0.0.1", "silent:silent:connections={N}:from=127.0.0.1"],
}


# For those that are turned away by the hundred: the same client once more, asking a few times in a process
# of its own, for the attackers' clocks stand still while they are busy with themselves.
PROBES = {name: "probe:%s:connections=16:rate=100:plan={%s}:from=127.0.0.2" % (kind, plan) for name, kind, plan in (
    ("flood", "sign", "flood"), ("refused", "sign", "refused"), ("strangers", "sign:strangers", "flood"),
    ("two", "sign", "flood"), ("cold", "sign", "cold"), ("changes", "changes:channel={channel}", "flood"),
    ("submits", "submits:channel={channel}", "flood"))}


def leb(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def take_leb(data, at):
    value = shift = 0
    while data[at] > 127:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
    return value | data[at] << shift, at + 1


def heavy_module(number):
    """A policy that ships, as somebody's own code: with as much code more, which never runs, as a module may have."""
    with open(policy("transfer"), "rb") as f:
        data = f.read()
    body = bytes([0]) + b"\x20\x00\x1a" * ((65000 - len(leb(number))) // 3) + b"\x41" + leb(number & 63) + b"\x1a\x20\x00\x0b"
    bodies, out, at = 3, data[:8], 8
    kind = None
    while at < len(data):
        section, begin = data[at], at
        size, at = take_leb(data, at + 1)
        content, at = data[at:at + size], at + size
        if section == 1:  # a type of its own, i32 to i32
            count, rest = take_leb(content, 0)
            content, kind = leb(count + 1) + content[rest:] + b"\x60\x01\x7f\x01\x7f", count
        elif section in (3, 10):
            count, rest = take_leb(content, 0)
            more = leb(kind) if section == 3 else leb(len(body)) + body
            content = leb(count + bodies) + content[rest:] + more * bodies
        elif section != 0 and begin == 8:
            raise AssertionError("a module begins with its types")
        out += bytes([section]) + leb(len(content)) + content
    return out


class Stand:
    """A signer with an honest client and three others."""

    def __init__(self, wallets=8, files=None):
        self.server = Server(os.sched_getaffinity(0), 3, files)  # as many verifiers as there are by default
        self.plans = {}
        try:
            self.server.run("key", "new", "user.json")
            self.server.run("key", "new", "attacker.json")
            for client in ("honest", "flood", "second", "refused"):
                self._client(client, "user.json" if client == "honest" else "attacker.json",
                             wallets if client == "honest" else 4)
        except BaseException:
            self.stop()
            raise

    def _client(self, client, key, wallets):
        server, lines, names = self.server, [], []
        server.run("client", "new", client)
        token = os.path.join(server.folder, "home", "clients", client + ".token")
        for i in range(wallets):
            name = "%s%d" % (client, i)
            said = json.loads(server.run("wallet", "create", name, "--key", key, "--yes", "--json"))
            names.append(name)
            lines.append("transfer %s %s %s" % (token, name, said["address"]))
        terms = TRANSFER if client != "refused" else TRANSFER.replace("= 1000000000", "= 1")
        server.run("grant", "create", "--wallet", ",".join(names), "--client", client, "--policy",
                   policy("transfer"), "--params", server.write(client + ".toml", terms), "--key", key,
                   "--yes")
        self.plans[client] = server.write("plan." + client, "\n".join(lines) + "\n")

    def add_cold(self, modules=14):
        """A client with a wallet under so many grants, each of a module of his own that refuses all that he asks."""
        server = self.server
        server.run("client", "new", "cold")
        said = json.loads(server.run("wallet", "create", "cold0", "--key", "attacker.json", "--yes", "--json"))
        terms = server.write("cold.toml", TRANSFER.replace("= 1000000000", "= 1"))
        for i in range(modules):
            path = os.path.join(server.folder, "cold%d.wasm" % i)
            with open(path, "wb") as f:
                f.write(heavy_module(i))
            server.run("grant", "create", "--wallet", "cold0", "--client", "cold", "--policy", path, "--params", terms,
                       "--key", "attacker.json", "--yes")
        token = os.path.join(server.folder, "home", "clients", "cold.token")
        self.plans["cold"] = server.write("plan.cold", "transfer %s cold0 %s\n" % (token, said["address"]))

    def load(self, seconds, split, groups, port=None):
        """A running bench/load; `answer` reads what it says."""
        return subprocess.Popen([LOAD, "127.0.0.1", str(port or self.server.port), self.server.ca, str(seconds),
                                 str(split)] + groups, stdout=subprocess.PIPE, text=True)

    def attack(self, name, seconds=6, quiet=2, connections=400, rate=200, honest=32, meanwhile=None):
        """One attack: {group: what it saw}. `meanwhile` is called while it goes on."""
        words = dict(self.plans, N=connections, channel=self.channel())
        begin = ":start=%g" % (quiet + 0.2)
        runs = [self.load(seconds, quiet, ["honest:sign:connections=%d:rate=%g:plan=%s:from=%s" % (
            honest, rate, self.plans["honest"], HONEST)])]
        runs.append(self.load(seconds, quiet, [g.format(**words) + begin for g in ATTACKS[name]]))
        if name in PROBES:
            runs.append(self.load(seconds, quiet, [PROBES[name].format(**words)]))
        try:
            if meanwhile is not None:
                meanwhile(self, quiet)
            seen = {}
            for run in runs:
                seen.update(answer(run))
            return seen
        finally:
            for run in runs:
                run.kill()
                run.wait()

    def channel(self):
        """To whom changes are sealed, as bench/load takes it."""
        trust = ssl.create_default_context(cafile=self.server.ca)
        with urllib.request.urlopen("https://localhost:%d/api/v1/channel" % self.server.port, context=trust) as answered:
            said = json.load(answered)
        certificate = base64.b64decode(said["certificates"]["authority"])
        return ".".join((said["deployment"], said["deployment_key"], certificate.hex()))

    def metric(self, name):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.server.metrics) as answered:
            for line in answered.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        raise AssertionError("no metric " + name)

    def memory_kib(self, name="bridge"):
        """Resident memory of one process."""
        for process in self.server.processes():
            if process.split(":")[0] == name:
                with open("/proc/%s/status" % process.split(":")[1], encoding="utf-8") as f:
                    return [int(line.split()[1]) for line in f if line.startswith("VmRSS")][0]
        raise AssertionError("no process " + name)

    def stop(self):
        self.server.stop()


def answer(run):
    out, _ = run.communicate(timeout=300)
    if run.returncode != 0:
        raise AssertionError("bench/load ended with %s: %s" % (run.returncode, out[-300:]))
    return json.loads(out)


def ms(us):
    return "%.1f" % (us / 1000)


def show(name, seen):
    quiet, loaded = seen["honest"]["quiet"], seen["honest"]["loaded"]
    others = []
    for group, saw in seen.items():
        if group != "honest":
            codes = saw["loaded"]["codes"]
            others.append("%s: %s" % (group, ", ".join("%d x %s" % (n, c.strip()) for c, n in codes.items())
                                      or "%d opened, %d closed on it" % (saw["opened"], saw["closed"])))
            if saw["loaded"]["refused"]["count"]:
                others.append("refusals p50 %s p99 %s ms" % (ms(saw["loaded"]["refused"]["p50_us"]),
                                                            ms(saw["loaded"]["refused"]["p99_us"])))
    print("%-10s %7d of %-7d %9s %9s %9s %9s   %s" % (
        name, loaded["done"]["count"], loaded["due"], ms(quiet["done"]["p50_us"]), ms(quiet["done"]["p99_us"]),
        ms(loaded["done"]["p50_us"]), ms(loaded["done"]["p99_us"]), "; ".join(others)))


def many_connections(stand, seconds, idle):
    """P10: signatures a second over 64 connections, alone, beside `idle` others, and alone again."""
    def rate():
        seen = answer(stand.load(seconds, 0, ["honest:sign:connections=64:plan=" + stand.plans["honest"]]))
        return seen["honest"]["loaded"]["done"]["count"] / seconds

    first, before = rate(), stand.memory_kib()
    held = stand.load(seconds * 2 + 60, 0, ["idle:idle:connections=%d:from=127.0.0.2" % idle])
    try:
        while stand.metric("claviger_connections_open") < idle or stand.metric("claviger_handshakes_open") > 0:
            time.sleep(0.2)
        each = (stand.memory_kib() - before) / idle
        beside = rate()
    finally:
        held.terminate()
        held.wait()
    ratio = beside / ((first + rate()) / 2)
    print("P10        %d connections open, 64 active: %.2f of the rate of 64 alone (goal 0.9); %.1f KiB each (goal 16)" % (
        idle + 64, ratio, each))
    return {"ratio": round(ratio, 3), "kib_each": round(each, 2), "connections": idle + 64,
            "ok": ratio >= 0.9 and each <= 16}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    stand = Stand()
    figures = {}
    try:
        print("%-10s %18s %9s %9s %9s %9s   %s" % ("attack", "honest answered", "p50 ms", "p99 quiet",
                                                  "p50 ms", "p99 under", "what the attackers got"))
        for name in ATTACKS:
            if arguments.names and not any(word in name for word in arguments.names):
                continue
            figures[name] = stand.attack(name, seconds=arguments.seconds, quiet=arguments.seconds / 3,
                                         connections=arguments.connections)
            show(name, figures[name])
        if not arguments.names or "P10" in arguments.names:
            figures["P10"] = many_connections(stand, arguments.seconds / 2, 9900)
    finally:
        stand.stop()
    print(json.dumps({"load": figures}))


if __name__ == "__main__":
    main()
