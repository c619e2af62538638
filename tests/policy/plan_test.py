#!/usr/bin/env python3
"""`grant plan` against a running signer: which grants it replaces, with which parameters and limits, what it cannot carry over, and that
the old grant works until its owner has run what was prepared (B4, B7, S23)."""
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import json
import os
import sys
import tempfile
import time

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58, base58_decode  # noqa: E402 pylint: disable=wrong-import-position
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
from live_signer import LiveSigner  # noqa: E402 pylint: disable=wrong-import-position
RECIPIENT, OTHER, TABLE = (base58(bytes([byte]) * 32) for byte in (9, 8, 7))
FEE = 5000
INTENT = """intent = 1
name = "%s"
text = "Pay somebody"
nonce = true
%s
[[instruction]]
name = "nonce"
program = "system"
data = "04000000"
first = true
accounts = [{ name = "nonce", any = true, writable = true }, { is = "recent_blockhashes" }, { name = "authority", is = "wallet", signer = true, writable = "either" }]
[[instruction]]
name = "pay"
program = "system"
data = "02000000"
fields = [["lamports", "u64"]]
accounts = [{ name = "from", is = "wallet", writable = true }, { name = "payee", is = "to", writable = true }]
pays = [{ lamports = "lamports", as = "transfer", by = "from" }]
check = ["lamports <= most"]
"""
# A parameter: its name, type, and what else is said of it.
OLD = (("flag", "bool", "optional = true"), ("to", "pubkey", ""), ("goes", "u64", "optional = true"), ("most", "u64", "default = 7"),
       ("said", "text", "optional = true"), ("unsaid", "text", "optional = true"), ("list", "pubkey list", "max = 3\noptional = true"))
NEW = (("most", "u64", "default = 9"), ("asked", "u64", ""), ("flag", "u64", ""), ("unsaid", "text", ""), ("to", "pubkey", ""),
       ("said", "text", "optional = true"), ("more", "u64", "default = 1"), ("list", "pubkey list", "max = 3\noptional = true"))
MANY = (NEW[1], NEW[0], *NEW[2:]) + tuple(("a_name_of_many_small_letters_%d" % i, "u64", "") for i in range(20))


class Signer(LiveSigner):
    """A running one, and this side's folder."""

    def __init__(self, folder):
        super().__init__(folder)
        self.keys = {name: self.path(name + ".json") for name in ("user", "stranger")}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return file.name

    def good(self, *words, stdin=""):
        code, out, said = self.run(*words, stdin=stdin)
        expect("claviger %s %s" % words[:2], code == 0, out, said)
        return out

    def module(self, name, parameters):
        """Builds an intent; its file and hash."""
        rows = "".join('[[parameter]]\nname = "%s"\ntype = "%s"\n%s\ntext = "t"\n' % row for row in parameters)
        path = self.path(name + ".wasm")
        self.good("policy", "build", self.write(name + ".toml", INTENT % (name, rows)), "-o", path)
        return path, hashlib.sha256(open(path, "rb").read()).hexdigest()

    def grant(self, wallet, module, *more, params='to = "%s"\n' % RECIPIENT, key="user"):
        return json.loads(self.good("grant", "create", "--wallet", wallet, "--client", "bot", "--policy", module, "--params",
                                    self.write("params.toml", params), "--key", self.keys[key], "--yes", "--json", *more))["grants"][0]["grant"]

    def revoke(self, wallet, *grants):
        for grant in grants:
            self.good("grant", "revoke", grant, "--wallet", wallet, "--key", self.keys["user"], "--yes")

    def sign(self, wallet, address, grant, lamports):
        """A legacy message with one transfer."""
        message = bytes([1, 0, 1, 3]) + base58_decode(address) + base58_decode(RECIPIENT) + bytes(32) + b"\x07" * 32 + \
            bytes([1, 2, 2, 0, 1, 12, 2, 0, 0, 0]) + lamports.to_bytes(8, "little")
        return self.run("sign", "--wallet", wallet, "--token-file", os.path.join(self.home, "clients", "bot.token"), "--transaction", "-", "--json",
                        "--grant", grant, stdin=base64.b64encode(message).decode() + "\n")[0]

    def plan(self, old, new, out, *more, key="user"):
        return self.run("grant", "plan", "--from", old[1], "--to", new[1], "--policy", new[0], "--key", self.keys[key], "--out",
                        self.path(out), *more)

    def planned(self, what, old, new, out, count, by_hand):
        """The rows, of which so many need a hand."""
        code, rows, said = self.plan(old, new, out, "--json")
        rows = json.loads(rows)
        expect(what, code == (0 if count else 1) and len(rows) == count, code, rows, said)
        told = "%u grants of that module, %u of them need a hand (see the notes)" % (count, by_hand)
        expect(what + ": how many need a hand", told in said if by_hand or not count else "need a hand" not in said, said)
        return {row["grant"]: row for row in rows}


def replaced(signer, old, new, address):
    """What is run replaces a grant, which works until then; what is planned twice is written to another folder."""
    grant = signer.grant("one", old[0])
    row = signer.planned("one plan", old, new, "plan", 1, 0)[grant]
    expect("until then the old grant works", signer.sign("one", address, grant, 6) == 0)
    code, _, said = signer.plan(old, new, "plan")
    expect("the folder is there, and so is the file", code == 3 and "cannot write %s: " % row["params"] in said, code, said)
    code, out, said = signer.plan(old, new, "plan_text")
    expect("the same as text", code == 0 and "need a hand" not in said and out == row["create"].replace("/plan/", "/plan_text/") + " &&\n  " + row["revoke"] + "\n", out)
    made = json.loads(signer.good(*row["create"].split()[1:], "--yes", "--json"))["grants"][0]["grant"]
    signer.good(*row["revoke"].split()[1:], "--yes")
    expect("the new one signs", signer.sign("one", address, made, 5) == 0)
    expect("the old one does not", signer.sign("one", address, grant, 4) != 0)
    signer.planned("nothing is left to plan", old, new, "plan_none", 0, 0)
    signer.revoke("one", made)


def parameters(signer, old, wide, many):
    """Values keep their names and types; all others are told, and what is missing."""
    full = 'to = "%s"\nsaid = "so"\nflag = true\ngoes = 3\nlist = ["%s", "%s"]\n' % (RECIPIENT, OTHER, RECIPIENT)
    one, two = signer.grant("one", old[0], params=full), signer.grant("two", old[0])
    rows = signer.planned("parameters", old, wide, "plan_parameters", 2, 2)
    expect("what goes and what must be added", rows[one]["notes"] == "flag goes; goes goes; asked must be added; flag must be added; unsaid must be added; ", rows[one])
    expect("of one with fewer", rows[two]["notes"] == "asked must be added; flag must be added; unsaid must be added; ", rows[two])
    expect("values are kept, and a default that TO has otherwise", open(rows[one]["params"], encoding="utf-8").read() ==
           'to = "%s"\nmost = 7\nsaid = "so"\nlist = ["%s", "%s"]\n' % (RECIPIENT, OTHER, RECIPIENT), open(rows[one]["params"], encoding="utf-8").read())
    expect("only what was given", open(rows[two]["params"], encoding="utf-8").read() == 'to = "%s"\nmost = 7\n' % RECIPIENT)
    expect("each wallet has its own", [(rows[grant]["wallet"], os.path.basename(rows[grant]["params"])) for grant in (one, two)] ==
           [("one", "one-%s.toml" % one[:8]), ("two", "two-%s.toml" % two[:8])], rows)
    row = signer.planned("more than notes have room for", old, many, "plan_many", 2, 2)[one]
    expect("is cut", row["notes"].startswith(rows[one]["notes"] + "a_name_of_many_small_letters_0 must be added; ") and len(row["notes"]) == 511, row)
    code, out, _ = signer.plan(old, wide, "plan_notes")
    expect("notes stand before their command", code == 0 and "# %s\nclaviger grant create --wallet one " % rows[one]["notes"] in out and
           "# %s\nclaviger grant create --wallet two " % rows[two]["notes"] in out, out)
    signer.revoke("one", one)
    signer.revoke("two", two)
    few = signer.module("few", OLD[1:2] + OLD[3:4])
    grant = signer.grant("one", few[0])
    row = signer.planned("what is the first of the old ones", few, old, "plan_few", 1, 0)[grant]
    expect("is kept", open(row["params"], encoding="utf-8").read() == 'to = "%s"\nmost = 7\n' % RECIPIENT, row)
    signer.revoke("one", grant)


def limits(signer, old, new, address):
    """B4: the new grant has each limit of the old one and no wider one: of totals what is left, windows and times the same."""
    later = int(time.time()) + 86400
    mint, nonces = "mint=%s" % OTHER, "%s,%s" % (TABLE, OTHER)
    grants = {name: signer.grant("one", old[0], *more) for name, more in {
        "caps": ("--cap", "lamports:total:900000,lamports:1h:500000,%s:24h:8,uses:total:7,%s:total:6" % (mint, mint), "--uses", "3"),
        "times": ("--not-before", str(later), "--expires", str(later + 5)), "nonces": ("--nonce-account", nonces, "--cap", "lamports:total:9000"),
        "a total spent": ("--cap", "lamports:1h:900000,lamports:total:%d" % (FEE + 2)), "the first spent": ("--cap", "lamports:total:%d,lamports:1h:900000" % (FEE + 2)),
        "uses spent": ("--uses", "1"),
        "a window spent": ("--cap", "lamports:24h:%d" % (FEE + 2))}.items()}
    for name in ("caps", "a total spent", "the first spent", "uses spent", "a window spent"):
        expect("of %s something is spent" % name, signer.sign("one", address, grants[name], 2) == 0)
    rows = signer.planned("limits", old, new, "plan_limits", len(grants), 3)
    spent = "nothing is left of a limit, and 0 is none: write another, or revoke alone; "
    more = {"caps": " --cap lamports:total:%d,lamports:1h:500000,%s:24h:8,uses:total:6,%s:total:6 --uses 2" % (900000 - FEE - 2, mint, mint),
            "times": " --not-before %d --expires %d" % (later, later + 5), "nonces": " --cap lamports:total:9000 --nonce-account " + nonces,
            "a total spent": " --cap lamports:1h:900000,lamports:total:0", "the first spent": " --cap lamports:total:0,lamports:1h:900000", "uses spent": " --uses 0", "a window spent": " --cap lamports:24h:%d" % (FEE + 2)}
    client = json.loads(signer.run("grant", "list", "--wallet", "one", "--key", signer.keys["user"], "--json")[1].splitlines()[0])["client"]
    for name, grant in grants.items():
        row = rows[grant]
        expect("%s: what makes it" % name, row["create"] == "claviger grant create --wallet one --client %s --policy %s --params %s --key %s%s" % (
            client, new[0], row["params"], signer.keys["user"], more[name]), row)
        expect("%s: what takes the old one back" % name, row["revoke"] == "claviger grant revoke %s --wallet one --key %s" % (grant, signer.keys["user"]), row)
        expect("%s: what is told" % name, row["notes"] == (spent if name in ("a total spent", "the first spent", "uses spent") else ""), row)
        expect("%s: it is made" % name, (signer.run(*row["create"].split()[1:], "--yes")[0] == 0) == (row["notes"] == ""))
    # Both are of one description now.
    shown = [json.loads(line) for line in signer.good("grant", "list", "--wallet", "one", "--key", signer.keys["user"], "--json").splitlines()]
    was, now = ({name: g[name] for name in ("not_before", "expires", "client", "counters")} for g in shown if g["not_before"] == later)
    expect("the planned one has the same times", was == now, was, now)
    signer.revoke("one", *(g["grant"] for g in shown if g["live"]))


def pins(signer, old, new, wide):
    """What was pinned is not carried over: entries come from the owner's own file (B5)."""
    tables = signer.write("tables.json", json.dumps({TABLE: {"0": OTHER, "1": RECIPIENT}}))
    grant = signer.grant("one", old[0], "--tables", tables, "--pin", TABLE + ":2")
    row = signer.planned("pins", old, new, "plan_pins", 1, 1)[grant]
    expect("pins are told", row["notes"] == "its lookup tables must be pinned again; ", row)
    row = signer.planned("pins and parameters", old, wide, "plan_pins_wide", 1, 1)[grant]
    expect("pins are told last", row["notes"] == "asked must be added; flag must be added; unsaid must be added; its lookup tables must be pinned again; ", row)
    signer.revoke("one", grant)


def refused(signer, old, new):
    """Another module than named, what is no hash, no folder; and grants of other modules and keys are not planned."""
    other = signer.grant("one", new[0])
    signer.planned("another module's grant is not planned", old, new, "plan_other", 0, 0)
    grant = signer.grant("one", old[0])
    signer.planned("nor another key's wallet", old, new, "plan_stranger", 1, 0)
    for what, told, words in (
            ("no hash", "--from is a module's SHA-256 in hex", ("--from", "ab")), ("half a hash", "--to is a module's SHA-256 in hex", ("--to", new[1][:62])),
            ("another module than named", "is another module than --to names", ("--to", old[1])), ("no module", "cannot", ("--policy", signer.path("nope"))),
            ("no folder", "cannot make", ("--out", signer.path("nope/nope")))):
        asked = {"--from": old[1], "--to": new[1], "--policy": new[0], "--key": signer.keys["user"], "--out": signer.path("plan_" + words[0])}
        asked[words[0]] = words[1]
        code, out, said = signer.run("grant", "plan", *(word for pair in asked.items() for word in pair))
        expect(what, code != 0 and out == "" and told in said, code, out, said)
    for name in ("--from", "--to", "--policy", "--key", "--out"):
        asked = {"--from": old[1], "--to": new[1], "--policy": new[0], "--key": signer.keys["user"], "--out": signer.path("plan_none")}
        del asked[name]
        code, _, said = signer.run("grant", "plan", *(word for pair in asked.items() for word in pair))
        expect("without " + name, code == 2 and "needs --from, --to, --policy, --key and --out" in said, code, said)
    signer.revoke("one", other, grant)


def main():
    with tempfile.TemporaryDirectory() as folder:
        with Signer(folder) as signer:
            for key in signer.keys.values():
                signer.good("key", "new", key)
            address = json.loads(signer.good("wallet", "create", "one", "--key", signer.keys["user"], "--yes", "--json"))["address"]
            signer.good("wallet", "create", "two", "--key", signer.keys["user"], "--yes")
            signer.good("wallet", "create", "three", "--key", signer.keys["stranger"], "--yes")
            signer.good("client", "new", "bot")
            old, new, wide, many = (signer.module(*row) for row in (("old", OLD), ("new", OLD[::-1]), ("wide", NEW), ("many", MANY)))
            signer.grant("three", old[0], key="stranger")
            replaced(signer, old, new, address)
            parameters(signer, old, wide, many)
            limits(signer, old, new, address)
            pins(signer, old, new, wide)
            refused(signer, old, new)
    return summary(60)


sys.exit(main())
