#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""With --json a command's standard output is one JSON value, JSON lines where its help says so, or nothing. Every
command of the table is run against a signer of its own; one that is not among the runs below fails this test.

Proves in spec/claims.md: B12, as far as a program reads what the tool says.

usage: BUILD_DIR=build SOURCE_DIR=. tests/cli/json_test.py
"""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58, base58_decode  # noqa: E402 pylint: disable=wrong-import-position
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.abspath(os.path.join(BUILD, "bin", "claviger"))

# What another test runs with --json: (file, what stands there).
ELSEWHERE = {
    "table fetch": ("tests/cli/table_test.py", 'fetch(one, "--json")'),
    "tpm approve": ("tests/tpm/tpm_people.py", '"tpm", "approve", "--json"'),
    "recover share": ("tests/tpm/tpm_people.py", '"recover", "share", "--json"'),
}
# What only says no here, and why; its yes is the mechanism's alone (cli_answer).
NO_YES = {
    "machine settings": "no appliance", "machine approvals": "no appliance", "machine update": "no appliance",
    "machine certificate": "no appliance", "machine config": "no appliance", "machine off": "no appliance", "image boot": "needs a disk and an image",
    "machine restart": "no appliance", "bench": "takes minutes", "change sign": "what a page prepared",
    "image predict": "needs an EFI program", "time give": "the clock may not be synchronised", "completion": "a shell reads it",
    "attest checkquote": "needs a TPM's public key",
}
SILENT = {"wallet recover", "image disk", "receipt export", "attest unpack"}  # the file is the answer
passed = failed = 0
tried, said_yes = set(), set()


def expect(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL", what, str(shown)[:900], flush=True)


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.port, self.operators = free_port(), free_port()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("CLAVIGER_", "XDG_CONFIG"))}
        self.environment.update(HOME=folder, CLAVIGER_SERVER="https://127.0.0.1:%d" % self.port,
                                CLAVIGER_CA=folder + "/state/ca.pem", CLAVIGER_HOME=folder + "/home")
        self.commands = {c["name"]: c for c in json.loads(self.run("help", "--json").stdout)["commands"]}
        self.signer = None

    def run(self, *words, stdin=""):
        return subprocess.run([TOOL, *words], input=stdin, capture_output=True, text=True, timeout=120,
                              env=self.environment, cwd=self.folder)

    def judge(self, name, code, out, wanted=0, error=""):
        """The rule itself; returns the values."""
        tried.add(name)
        values = []
        try:
            values = [json.loads(line) for line in out.splitlines()]
        except ValueError:
            expect("%s --json: standard output is JSON" % name, False, out)
            return values
        many = "JSON lines" in self.commands[name]["help"]
        expect("%s --json: one value, or lines as its help says" % name, len(values) <= 1 or many, out)
        expect("%s ends with %d" % (name, wanted), code == wanted, (code, out, error))
        if code == 0 and name not in NO_YES:
            said_yes.add(name)
            expect("%s --json: an answer" % name, len(values) >= (name not in SILENT), error)
        return values

    def __call__(self, command, *words, wanted=0, stdin=""):
        done = self.run(*command.split(), "--json", *words, stdin=stdin)
        values = self.judge(command, done.returncode, done.stdout, wanted, done.stderr)
        return values[0] if len(values) == 1 else values

    def serve(self, *words):
        self.signer = subprocess.Popen(
            [TOOL, "serve", "--json", "--state", self.folder + "/state", "--listen", "127.0.0.1:%d" % self.port,
             "--metrics", "127.0.0.1:%d" % free_port(), "--operator-listen", "127.0.0.1:%d" % self.operators,
             "--verifiers", "1", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment)
        first = self.signer.stdout.readline()
        self.judge("serve", 0, first)
        if json.loads(first or "null") != {"ready": True}:
            sys.exit("claviger serve did not start\n%d passed, %d failed" % (passed, failed + 1))

    def stop(self):
        self.signer.send_signal(signal.SIGTERM)
        rest = self.signer.communicate(timeout=300)[0]
        expect("serve --json says nothing more, and ends in order", self.signer.returncode == 0 and rest == "", rest)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)
        return name


def transfer(wallet, to, lamports):
    """A legacy transaction with one System transfer, not signed."""
    keys = [base58_decode(wallet), to, bytes(32)]
    data = struct.pack("<IQ", 2, lamports)
    message = bytes([1, 0, 1, 3]) + b"".join(keys) + bytes([7]) * 32 + bytes([1, 2, 2, 0, 1, len(data)]) + data
    return base64.b64encode(bytes([1]) + bytes(64) + message).decode()


def offline(tool):
    """What needs no signer; what it makes is used below."""
    one = tool("key new", "user.json")
    expect("key show says the same", tool("key show", "user.json") == one, one)
    for name in ("second.json", "third.json", "fourth.json", "old.json"):
        tool("key new", name)
    tool("key escape", "escape.json")
    tool("version")
    tool("help", "sign")
    tool("help")
    tool("completion", "bash")
    tool("bench", "--rounds", "no number", wanted=2)
    tool("config check")
    done = tool.run("doctor", "--json")
    tool.judge("doctor", 0, done.stdout)  # what this machine lacks is not asked here
    tool("tpm key", "release.pem")
    odd = 'a "name" \\ of\na folder'  # would break a text that is put together by hand
    zeros = tool.write("pcrs.json", json.dumps({str(p): "00" * 32 for p in (0, 2, 4, 7, 9, 11, 12, 14)}))
    for words in (("--dry-run",), ()):
        tool("tpm provision", "--single-operator", "--out", "site", "--pcrs", zeros, *words)
    approvals = ("--approvals", "site/approvals")
    for words in (("--dry-run",), ()):
        tool("image appoint", "--as", "release", "--root", "site/release.pem", "--key", "release.pem.pub", *approvals, *words)
        tool("image approve", "--as", "release", "--key", "site/release.pem", "--pcrs", zeros, "--level", "2", "--name", odd,
             *approvals, *words)
        tool("recover accept", "--key", "site/site.pem", *approvals, "--genesis", "site/genesis", "--checkpoint", "00" * 32,
             "--anchor", "00" * 32, "--boots", "1", *words)
    tool("image approve", "--as", "site", "--key", "site/site.pem", "--pcrs", zeros, "--level", "2", *approvals)
    shown = tool("image approvals", "site/approvals")
    expect("all of a file of approvals", [x["level"] for x in shown["releases"]] == [1, 2] and shown["releases"][1]["name"] == odd and
           [x["level"] for x in shown["sites"]] == [1, 2] and len(shown["appointed"]) >= 2 and
           all(x["good"] for x in shown["releases"] + shown["sites"] + shown["appointed"]), shown)
    text = tool.run("image", "approvals", "site/approvals").stdout
    expect("a name is one line for people", "of\\na folder" in text and odd not in text, text)
    for words in (("--dry-run",), ()):
        tool("image drop", "--as", "release", "--below", "2", *approvals, *words)
    expect("a folder's name is text", tool("image keys", odd)["folder"] == odd)
    tool("image predict", TOOL, wanted=1)
    tool("image disk", "--size", "128", "--site-key", "site/site.pem", "--deployment", "00" * 32, "disk.img")
    tool("image boot", "none.efi", "disk.img", wanted=3)
    intent = SOURCE + "/intents/sol-transfer.toml"
    tool("policy build", intent, "-o", "transfer.wasm")
    tool("policy inspect", "transfer.wasm")
    tool("policy test", intent)
    tool("policy diff", intent, intent)
    tool("policy new", "mine")
    address = list(tool("key show", "old.json").values())[0]
    tool.write("tx.b64", transfer(address, bytes([9]) * 32, 5) + "\n")
    tool("policy new", "--from-tx", "tx.b64", "--wallet", address)
    tool("tx decode", "tx.b64")
    tool("tx decode", tool.write("bad.b64", "no\nbase64!\n"), wanted=1)
    params = tool.write("params.toml", 'recipients = ["%s"]\nmax_lamports = 10\nmax_fee_lamports = 5000\n' % base58(bytes([9]) * 32))
    policy = ("--module", "transfer.wasm", "--params", params, "--wallet", address)
    tool("policy check", *policy, "tx.b64")
    tool("policy check", *policy, "--explain", "tx.b64")
    tool("policy describe", *policy)
    tool("policy describe", *policy, "tx.b64")
    tool("table add", tool.write("tables.json", json.dumps({address: {"0": address}})))


def change_everything(tool, operator):
    """A wallet's life."""
    user = ("--key", "user.json", "--yes")
    tool("client new", "bot")
    tool("client token", "bot")
    tool("client new", "bot2", "--show-token")
    for command in ("client freeze", "client unfreeze"):
        tool(command, "bot2", *operator)
    tool("client list")
    tool("client list", *operator)
    tool("wallet create", "born", *user, "--escape-to", tool("key show", "escape.json")["escape_key"])
    tool("wallet recover", "born.escape", "--key", "escape.json", "--out", "recovered.json")
    tool("wallet import", "w", "--from", "old.json", *user)
    os.mkdir(tool.folder + "/bulk")
    for name in ("one", "two"):
        shutil.copyfile(tool.folder + "/third.json", "%s/bulk/%s.json" % (tool.folder, name))
    tool("wallet import", "--bulk", "bulk", *user)
    tool("wallet list", "--key", "user.json")
    tool("wallet show", "w", "--key", "user.json")
    tool("policy add", "transfer.wasm")
    terms = ("--client", "bot", "--policy", "transfer.wasm", "--params", "params.toml", "--wallet", "w")
    tool("grant link", *terms)
    grants = tool("grant create", *terms, *user, "--cap", "lamports:24h:1000000")
    listed = tool("grant list", "--wallet", "w", "--key", "user.json")
    expect("the grant is there", str(grants).count("'") > 0 and listed, (grants, listed))
    token = ("--token-file", tool.folder + "/home/clients/bot.token")
    sign = ("--wallet", "w", *token, "--transaction", "tx.b64")
    expect("a verdict", tool("sign", *sign, "--dry-run")["verdict"] == "allow")
    tool("sign", *sign, "--wire")
    more = tool.write("more.b64", transfer(list(tool("key show", "old.json").values())[0], bytes([9]) * 32, 11))
    tool("sign", "--wallet", "w", *token, "--transaction", more, wanted=1)
    tool("sign", "--wallet", "w", *token, "--transaction", more, "--dry-run", wanted=1)
    wallet = ("--wallet", "w", *token, "--out")
    tool("receipt export", *wallet, "receipts")
    said = tool("receipt verify", "receipts")  # of what came after the head nothing is known
    expect("receipts are whole as far as the head", said["text"] == "all receipts up to the signed head are there and unchanged", said)
    for command in ("wallet freeze", "wallet unfreeze"):
        tool(command, "w", *user)
        done = tool.run("sign", *sign)
        expect("a frozen wallet signs nothing", (done.returncode == 0) == (command == "wallet unfreeze"), done.stderr)
    right = {"same": 2, "different": 0, "input_not_kept": 0, "no_module": 1, "other_module": 0, "other_engine": 0}
    for i in range(120):  # a receipt, and its input, may take a while to be there
        tool("receipt export", *wallet, "later%d" % i)
        replayed = tool("receipt replay", "later%d" % i, "--module", "transfer.wasm")
        if replayed == right:
            break
        time.sleep(0.25)
    expect("what asked no module is no input that was not kept", replayed == right, replayed)
    tool("audit export", *wallet, "audit", "--key", "user.json")
    tool("audit verify", "audit")
    message = hashlib.sha256(base64.b64decode(open(tool.folder + "/tx.b64", encoding="ascii").read())[65:]).hexdigest()
    tool("decision show", *token, "--message", message)
    grant = grants["grants"][0]["grant"]
    tool("grant limit", grant, "--wallet", "w", *user, "--cap", "lamports:24h:900000")
    os.mkdir(tool.folder + "/plan")
    tool("grant plan", "--from", listed["module"], "--to", listed["module"], "--policy", "transfer.wasm", "--key", "user.json",
         "--out", "plan/new")
    tool("grant create", *terms, *user, "--keep", "held", "--hold")
    tool("change submit", "held")
    tool("grant revoke", grant, "--wallet", "w", "--key", "user.json")
    tool("policy unused", *operator)
    tool("policy unused", *operator, "--remove")
    tool("wallet limit", "w", *user, "--cap", "lamports:24h:5000000")


def say_what_is_wrong(tool):
    """B12: what was named wrongly is named in the answer, once, and what there is to do."""
    token, none = ("--token-file", tool.folder + "/home/clients/bot.token"), "ab" * 32
    sign = ("sign", "--wallet", "w", *token, "--transaction")
    user = ("--wallet", "w", "--key", "user.json")
    for words, status, said in (
            (("wallet", "show", "nope", "--key", "user.json"), 1, "this key has no wallet nope"),
            (("grant", "revoke", none, *user), 1, "wallet w has no grant %s (claviger grant list" % none),
            (("grant", "limit", none, *user, "--cap", "uses:total:1"), 1, "wallet w has no grant %s (claviger grant list" % none),
            (("decision", "show", *token, "--id", "zz"), 2, "--id takes 64 hex digits, not zz"),
            (("decision", "show", *token, "--message", none + "0"), 2, "--message takes 64 hex digits, not " + none + "0"),
            ((*sign, tool.write("no.b64", "AAA=BBB")), 1, "no.b64 is not base64"),
            ((*sign, tool.write("none.b64", "\n")), 1, "none.b64 is empty; base64 is expected"),
            (("wallet", "import", "self", "--from", "user.json", "--key", "user.json", "--yes"), 1,
             "user.json is the user key itself, which cannot be a wallet"),
            (("grant", "create", "--wallet", "w", "--client", "bot", "--policy", "user.json", "--params", "params.toml", "--key",
              "user.json", "--yes"), 1, "user.json is no WASM module (.wasm)"),
            (("sign", "--wallet", "w", "--token-file", "user.json", "--transaction", "tx.b64"), 3,
             "user.json holds no client's token: it is in clients/NAME.token of the home folder"),
            (("sign", "--wallet", "w", "--token-file", tool.write("two.token", "a\r\nX: b"), "--transaction", "tx.b64"), 3,
             "two.token holds no client's token"),
            (("audit", "export", *user, *token, "--out", "audit"), 3, "audit exists already and is not replaced; --append goes on"),
            (("change", "cancel", none, *user), 1, "no such change of wallet w waits (claviger change pending)"),
            (("grant", "create", "--wallet", "w", "--client", "bot", "--policy", "transfer.wasm", "--params", "params.toml", "--key",
              "user.json", "--not-before", "2d", "--expires", "1d"), 2, "--not-before 2d is not before --expires 1d"),
            (("tpm", "approve", "--key", "none", "--dry-run", "--health", "127.0.0.1:1"), 3,
             "cannot connect to the health listener 127.0.0.1:1: Connection refused; --health"),
            (("machine", "certificate", "--operator", "state/operator.json", "--operator-port", str(tool.operators),
              tool.write("no.pem", '"')), 1, "no.pem is no chain of certificates in PEM"),
            (("wallet", "create", "x", "--key", "user.json", "--delay", "5y"), 2, "a delay is seconds, or a number and s, m, h or d"),
            (("status", "--ca", "no.b64"), 3, "cannot take the CA file no.b64: no certificate in PEM is in it"),
            (("status", "--ca", tool.folder), 3, "cannot take the CA file %s: Is a directory" % tool.folder),
            (("status", "--ca", "none"), 3, "cannot take the CA file none: No such file or directory")):
        done = tool.run(*words)
        lines = [line for line in done.stderr.splitlines() if line.startswith("claviger ")]
        expect("%s is told: %s" % (" ".join(words[:2]), said), done.returncode == status and done.stdout == "" and
               len(lines) == 1 and said in lines[0] and "not_found" not in lines[0], (done.returncode, done.stderr))


def change_factors(tool):
    """Who may say what of a wallet, and what waits."""
    user = ("--key", "user.json", "--yes")
    tool("wallet create", "f", *user, "--export-delay", "1s")
    tool("factor list", "f", "--key", "user.json")
    tool("factor add", "f", "second.json", *user)
    second = (*user, "--second", "second.json")
    tool("factor recovery", "f", list(tool("key show", "fourth.json").values())[0], *second)
    tool("factor remove", "f", list(tool("key show", "third.json").values())[0], *second, wanted=1)
    with subprocess.Popen([TOOL, "factor", "codes", "f", "--json", *second], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=tool.environment, cwd=tool.folder) as run:
        first = run.stdout.readline()
        uri = json.loads(first or "{}").get("otpauth", "")
        secret = re.search(r"secret=([A-Z2-7]+)", uri)[1]
        secret = base64.b32decode(secret + "=" * (-len(secret) % 8))
        told = hmac.new(secret, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
        at = told[-1] & 15
        code = (struct.unpack(">I", told[at:at + 4])[0] & 0x7fffffff) % 10**6
        out, error = run.communicate("%06d\n" % code, timeout=300)
    tool.judge("factor codes", run.returncode, first + out, 0, error)
    waits = tool("wallet export", "f", *second, "--out", "f.json")
    expect("an export waits", "waits_until" in waits, waits)
    tool("change pending", "--wallet", "f", "--key", "user.json")
    tool("change cancel", waits["change"], "--wallet", "f", "--key", "user.json")
    waits = tool("wallet export", "f", *second, "--out", "g.json")
    time.sleep(1.5)
    tool("change complete", waits["change"], "--wallet", waits["wallet"])
    tool("wallet export", "--finish", "g.json.request", "--out", "g.json")
    tool("factor remove", "f", list(tool("key show", "second.json").values())[0], *second)
    tool("factor delay", "f", "--changes", "1h", *user)
    tool("change sign", "%", "--key", "user.json", wanted=2)


def look_at_the_machine(tool, operator, door):
    tool("receipt trim", "--older-than", "1d", *operator)
    tool("backup", "--out", "copy", "--state", "state")
    tool("backup", "--out", "copy2", *operator)
    tool("attest get", "--out", "evidence")
    tool("attest verify", "evidence")
    tool("attest unpack", "evidence", "unpacked")
    tool("attest checkquote", "-u", "none", "-m", "none", "-s", "none", "-f", "none", "-q", "00", wanted=3)
    tool("attest bench", "--seconds", "1", "--connections", "1")
    tool("tpm escrow", "state/store/escrow", "--key", "state/authority/escrow.json")
    tool("time give", "--key", "user.json", "--error", "1", wanted=1)
    for command, words in (("machine config", ()), ("machine certificate", ("state/ca.pem",)),
                           ("machine settings", ("params.toml",)), ("machine approvals", ("state/store/approvals",)),
                           ("machine update", ())):
        tool(command, *(door if command in ("machine config", "machine certificate") else operator), *words, wanted=1)


def raise_floor(tool):
    """What runs is approved at level 2, from the next start on; until then the floor stays."""
    path = "state/store/approvals"
    shown = tool("image approvals", path)
    pcrs = tool.write("own.json", json.dumps({**shown["releases"][0]["pcrs"], **shown["sites"][0]["pcrs"]}))
    for name in ("release", "site"):
        tool("image approve", "--as", name, "--key", "state/authority/%s.pem" % name, "--pcrs", pcrs, "--level", "2", "--approvals", path)
    tool("tpm floor raise", "--as", "site", "--key", "state/authority/site.pem", "--to", "2", "--approvals", path, wanted=1)
    return path


def online(tool):
    operator = ("--operator", tool.folder + "/state/operator.json")
    door = (*operator, "--operator-port", str(tool.operators))
    tool.serve()
    try:
        with_signer(tool, operator, door)
        raised = raise_floor(tool)
    finally:
        tool.stop()
    tool.serve()
    try:
        for words in (("--dry-run",), ()):
            tool("tpm floor raise", "--as", "site", "--key", "state/authority/site.pem", "--to", "2", "--approvals", raised, *words)
    finally:
        tool.stop()


def with_signer(tool, operator, door):
    for command in ("status", "time show", "tls csr", "tpm floor"):
        tool(command)
    for command in ("machine status", "machine log"):
        tool(command, *door)
    change_everything(tool, operator)
    say_what_is_wrong(tool)
    change_factors(tool)
    look_at_the_machine(tool, operator, door)
    for command in ("machine restart", "machine off"):
        tool(command, *operator, wanted=1)


def main(folder):
    tool = Run(folder)
    expect("there are commands", len(tool.commands) > 90, len(tool.commands))
    offline(tool)
    online(tool)
    for name, (file, text) in ELSEWHERE.items():
        with open(os.path.join(SOURCE, file), encoding="utf-8") as f:
            expect("%s is run by %s" % (name, file), text in f.read())
    left = set(tool.commands) - tried - set(ELSEWHERE)
    expect("every command is run", not left, sorted(left))
    left = tried - said_yes - set(NO_YES)
    expect("each said yes once, or is known not to", not left, sorted(left))


with tempfile.TemporaryDirectory(prefix="claviger-json-") as place:
    main(place)
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or not passed else 0)
