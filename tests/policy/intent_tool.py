#!/usr/bin/env python3
"""Intents as people meet them: errors that say where, the same module every time, known and custom, texts, diff,
drafts, the tutorial word for word, and an intent that a running signer enforces. S15, B7, A3, S23."""
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58, base58_decode  # noqa: E402 pylint: disable=wrong-import-position
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
from live_signer import TOOL, LiveSigner, claviger  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
BIN = os.path.join(BUILD, "bin")
OWNER = "4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7"
RECIPIENT = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"


def blocks(path):
    """The fenced blocks of a page: (first word, file name or "", text)."""
    text = open(path, encoding="utf-8").read()
    return re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", text, re.M | re.S)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def tutorial(folder):
    """spec/intent-tutorial.md: every file is written, every command runs and ends well."""
    commands = 0
    for kind, name, text in blocks(os.path.join(SOURCE, "spec", "intent-tutorial.md")):
        if name:
            write(folder, name, text)
        elif kind == "sh":
            for line in text.splitlines():
                run = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True,
                                     env={**os.environ, "PATH": BIN + ":" + os.environ["PATH"]})
                expect("tutorial: " + line, run.returncode == 0, run.stderr)
                commands += 1
                if "diff" in line:
                    expect("the diff says what widens", "widens" in run.stdout and "at most 20" in run.stdout,
                           run.stdout)
    expect("the tutorial has its commands", commands >= 8, commands)
    return os.path.join(folder, "payout.toml")


def tutorial_live(folder, server):
    """Its last part, with a signer: the wallet it makes, and a refusal that becomes a test."""
    done, run = [], None
    environment = {**os.environ, **server, "HOME": folder, "PATH": BIN + ":" + os.environ["PATH"]}
    environment.pop("CLAVIGER_HOME", None)
    for kind, _, text in blocks(os.path.join(SOURCE, "spec", "intent-tutorial.md")):
        for line in text.splitlines() if kind == "bash" else ():
            run = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, env=environment)
            word = " ".join(line.split()[1:3])
            done.append(word)
            expect("tutorial: " + line, run.returncode == (word == "sign --wallet"), run.stdout, run.stderr)
            if word == "wallet create":
                write(folder, "tx.txt", base64.b64encode(payment(run.stdout.split()[0], RECIPIENT, 1500000001)).decode() + "\n")
    expect("a refusal was saved, and passes", done[-2:] == ["decision show", "policy test"] and run.stdout.endswith("4 passed, 0 failed\n"), done, run.stdout)


def naming(account, flags):
    """Two instructions more, of which the second names an account of the first."""
    rule = '[[instruction]]\nname = "%s"\nprogram = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"\ndata = "0%d"\naccounts = [{ %s }]\n'
    return rule % ("a", 1, 'name = "x"' + flags) + rule % ("b", 2, 'is = "@%s"' % account) + "[[check]]"


# A rule that is two in the table, of a program whose rules lie behind those of the others.
AWAY = '[[instruction]]\nname = "away"\nprogram = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"\ndata = "01"\naccounts = [{ name = "x" }, { name = "y", maybe = true }]\n'


def errors(folder, good):
    """Each mistake is refused with file, line and column."""
    text = open(good, encoding="utf-8").read()
    for old, new, where, words in (
            ('max = 16', 'max = 65', ":8:7:", "1 to 64"),
            ('intent = 1', 'intent = 2', ":1:10:", "from 1 to 1"),
            ('type = "u64"', 'type = "u63"', ":13:8:", "type must be"),
            ('text = "who may be paid"', 'texts = "who"', ":9:9:", '"texts" is no key'),
            ('["lamports", "u64"]', '["lamports", "u65"]', "", "is no type"),
            ('["lamports", "u64"]', '["lamports", "u64"]' + ', ["_", "bytes 4096"]' * 16, "", "longer than any transaction's"),
            ('in = "recipients"', 'in = "friends"', "", "is no list"),
            ('"paid += lamports"', '"paid += lamport"', "", "is no field"),
            ('"paid <= max_lamports"', '"paid < = max_lamports"', "", "expected"),
            ('as = "transfer"', 'as = "gift"', "", "transfer, tip, rent or wrap"),
            ('reason = "fee-over-limit"', 'reason = "too-dear"', "", "is no reason"),
            ('pays = [{', 'gives = [{', "", '"gives" is no key'),
            ('intent = 1', 'intent = 1\ninclude = ["../x.toml"]', "", "a path like"),
            ('"paid <= max_lamports"', '"length(max_lamports) <= 1"', "", "length() takes a list parameter"),
            ('data = "02000000"', 'data = "03000000"', ":40:1:", "createAccountWithSeed"),
            ('data = "02000000"', 'data = "09000000"', ":40:1:", "no instruction that begins so"),
            ('pays = [{ lamports = "lamports", as = "transfer", by = "from" }]\n', '', "",
             "transfer must have pays"),
            ('by = "from"', 'by = "to"', "", "transfer must have pays"),
            ('lamports = "lamports", as', 'lamports = 0, as', "", "transfer must have pays"),
            ('name = "pay"', 'name = "unit_price"', "", "is defined twice"),
            ('[[check]]', naming("a.x", ", optional = true"), "", "may not be left out"),
            ('[[check]]', naming("a.x?", ", maybe = true"), "", "may not be left out"),
            ('[[check]]', naming("a.y?", ""), "", 'no account "a.y"'),
            ('[[check]]', naming("c.x?", ""), "", 'no instruction is called "c"'),
            ('[[check]]', AWAY + AWAY.replace("away", "behind") + "[[check]]", ":@behind:1:", "behind: no instruction reaches it"),
            ('intent = 1', 'intent = 1 1', ":1:", "")):
        path = write(folder, "wrong.toml", text.replace(old, new, 1))
        expect("the mistake is in the file", old in text, old)
        if "@" in where:  # of the rule of this name
            where = re.sub(r"@\w+", lambda name: str(text.replace(old, new, 1).partition('name = "%s"' % name[0][1:])[0].count("\n")), where)
        code, _, said = claviger("policy", "build", path, "-o", os.path.join(folder, "wrong.wasm"))
        expect("%r instead of %r" % (new, old), code == 1 and "wrong.toml" + where in said and words in said,
               code, said)
    expect("no module was written", not os.path.exists(os.path.join(folder, "wrong.wasm")))
    rules, test = text.split("[[test]]")[:2]
    for name, late in (("time_low", "time_high = 1790000002\n"), ("time_high", "")):
        for second in (1790000000, 1790000001):
            timed = write(folder, "timed.toml", '%s[[check]]\nthat = "tx.%s >= 1790000001"\ntext = "not so early"\n[[test]]%s%s = %d\n%s' %
                          (rules, name, test, name, second, late))
            code, out, said = claviger("policy", "test", timed)
            expect("%s %d of a test is its own" % (name, second), code == (1 if second < 1790000001 else 0), code, out, said)
    for first, last, said_first, said_last in ((1790000001, None, 1790000001, 1790000000), (None, 1789999999, 1790000000, 1789999999), (8, 7, 8, 7)):
        lines = "".join("%s = %d\n" % row for row in (("time_low", first), ("time_high", last)) if row[1] is not None)
        timed = write(folder, "timed.toml", rules + "[[test]]" + test + lines)
        code, out, said = claviger("policy", "test", timed)
        line = (rules + "[[test]]" + test).count("\n") + 1
        words = "timed.toml:%d: time_low, %d, is later than time_high, %d: write an earlier time_low or a later time_high (one that is not written is 1790000000)" % (line, said_first, said_last)
        expect("a time that ends before it begins", code == 1 and out == "0 passed, 1 failed\n" and words in said, code, out, said)
    none = write(folder, "untested.toml", text.split("[[test]]")[0])
    code, out, said = claviger("policy", "test", none)
    expect("no tests: said", code == 1 and out == "0 passed, 0 failed\n" and "has no [[test]]" in said, out, said)
    bad = write(folder, "params.toml", text.replace("max_lamports = 1500000000 }", "max_lamport = 1500000000 }", 1))
    code, out, said = claviger("policy", "test", bad)
    expect("wrong parameters: said once, no line 0", code == 1 and "max_lamport" in said and ":0:" not in said, said)
    code, _, said = claviger("policy", "build", os.path.join(folder, "none.toml"))
    expect("no file", code == 3 and "none.toml" in said, code, said)
    overwriting(folder, text)


def overwriting(folder, text):
    """A module takes an older module's place, whole, and no other file's."""
    own, module = write(folder, "slip.toml", text), os.path.join(folder, "slip.wasm")
    code, _, said = claviger("policy", "build", own, "-o", own)
    expect("an intent is not lost to its module", code == 3 and "slip.toml is there and is no module" in said and open(own, encoding="utf-8").read() == text, code, said)
    for before in ("", "\0asm of old"):
        write(folder, "slip.wasm", before)
        code, _, said = claviger("policy", "build", own, "-o", module)
        expect("its place is an older module's", code == 0 and len(open(module, "rb").read()) > 10000, code, said)
    limited = subprocess.run(["bash", "-c", 'ulimit -f 8; exec "$0" policy build "$1" -o "$2"', TOOL, own, module], capture_output=True, text=True, timeout=60)
    expect("a module that cannot be written whole leaves the old one", limited.returncode != 0 and len(open(module, "rb").read()) > 10000, limited)
    link = os.path.join(folder, "link.wasm")
    os.symlink(write(folder, "far.wasm", ""), link)
    code, _, said = claviger("policy", "build", own, "-o", link)
    expect("a link stays one", code == 0 and os.path.islink(link) and os.path.getsize(link) > 10000, code, said)
    piped = subprocess.run([TOOL, "policy", "build", own, "-o", "/dev/stdout"], capture_output=True, timeout=60)
    expect("what is no file takes it, too", piped.returncode == 0 and piped.stdout.startswith(b"\0asm") and os.path.exists("/dev/stdout"), piped.returncode, piped.stderr)


def leb(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


# What heads an intent that does not ship.
OTHER = ("an intent that does not ship with this release: what it says of the instructions of programs other than the network's own is "
         "its author's claim")


def shipped_or_not(folder):
    """A3, B7, S23: an intent that calls itself as one of ours, and its amount sold the amount bought, is told from ours."""
    terms = write(folder, "swap.toml", 'input_mint = "So11111111111111111111111111111111111111112"\nmax_in = 9\nmin_out = 5\n'
                  'max_fee_lamports = 5000\noutput_mints = ["%s"]\n' % RECIPIENT)
    intents = os.path.join(folder, "intents")
    shutil.copytree(os.path.join(SOURCE, "intents"), intents)
    path = os.path.join(intents, "raydium-amm-v4.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('["give", "u64"], ["get", "u64"]', '["get", "u64"], ["give", "u64"]'))
    ours, theirs = os.path.join(BUILD, "share", "intents", "raydium-amm-v4.wasm"), os.path.join(folder, "theirs.wasm")
    expect("the other's is built", claviger("policy", "build", path, "-o", theirs)[0] == 0 and
           open(ours, "rb").read() != open(theirs, "rb").read())
    for module, ships in ((ours, True), (theirs, False)):
        code, out, said = claviger("policy", "inspect", module)
        expect("inspect tells them apart", code == 0 and (OTHER in out) != ships, out[:300], said)
        shown = json.loads(claviger("policy", "inspect", module, "--json")[1])
        expect("in JSON, too", shown["ships"] == ships and shown["known"] == "raydium-amm-v4", shown["ships"])
        code, out, said = claviger("policy", "describe", "--module", module, "--params", terms)
        expect("describe tells them apart", code == 0 and out.startswith(OTHER) != ships, out, said)


def options(folder):
    """B7: what stands behind a field that may be missing is told, whatever that field is."""
    for kind, words in (("u8", "1 byte"), ("u64", "8 bytes"), ("bool", "bool"), ("Side", "tag {"), ("Pair", "tag {"), ("vec 2 Side", "each (, tag {"), ("array 2 Side", "2 times ("),
                        ("option Side", "0 or 1 and ("), ("string 7", "count"), ("Fixed", "that is 7")):
        source = write(folder, "option.toml", 'intent = 1\nname = "option"\ntext = "x"\n[keys]\nprog = "%s"\n'
                       '[types.Side]\nvariants = [{ tag = 0, name = "a" }, { tag = 1, name = "b", fields = [["n", "u16"]] }]\n'
                       '[types.Pair]\nfields = [["one", "Side"], ["two", "u64", 9], ["three", "Side"]]\n[types.Fixed]\nfields = [["one", "u64", 7]]\n'
                       '[[instruction]]\nname = "call"\nprogram = "prog"\ndata = "01"\n'
                       'fields = [["maybe", "option %s"], ["behind", "u16"], ["last", "rest 77"]]\naccounts = [{ is = "wallet", signer = true }]\n' %
                       (base58(b"\x07" * 32), kind))
        module = os.path.join(folder, "option.wasm")
        code, out, said = claviger("policy", "build", source, "-o", module)
        expect("an option of " + kind, code == 0, out, said)
        code, out, said = claviger("policy", "inspect", module)
        expect("what it is, and what is behind it", code == 0 and words in out and "), 2 bytes, up to 77 bytes of any kind" in out, out, said)


def modules(folder, good):
    """Reproducible; known by its table alone; anything else is custom code (A3)."""
    one, two = os.path.join(folder, "one.wasm"), os.path.join(folder, "two.wasm")
    for to in (one, two):
        code, out, said = claviger("policy", "build", good, "-o", to)
        expect("it builds", code == 0 and hashlib.sha256(open(to, "rb").read()).hexdigest() in out, out, said)
    data = open(one, "rb").read()
    expect("the same bytes", data == open(two, "rb").read())
    code, out, _ = claviger("policy", "inspect", one)
    expect("known", code == 0 and out.startswith("intent payout: "), out[:200])
    expect("and whose word it is", OTHER in out, out)
    shipped_or_not(folder)
    for words in ("from: the wallet", "to: one of recipients", "at most 10, at least 1",
                  "paid at most max_lamports", "the network fee at most max_fee_lamports"):
        expect("inspect says " + words, words in out, out)
    code, out, _ = claviger("policy", "inspect", one, "--json")
    shown = json.loads(out)
    expect("parameters", shown["parameters"][0]["name"] == "recipients" and
           shown["parameters"][1] == {"name": "max_lamports", "type": "u64", "required": True, "default": None,
                                      "text": "paid in one transaction at most"} and
           shown["parameters"][2]["default"] == "100000" and shown["intent"] and shown["table"]["programs"])
    heading = "custom code: may allow anything; this text is its author's claim"
    table = data.index(b"CVIT")
    bent = []
    bent.append(("a byte of the code", bytearray(data), 2000))
    bent.append(("a name in the parameters", bytearray(data), data.rindex(b"max_lamports")))
    bent.append(("a name in the table", bytearray(data), data.index(b"max_lamports", table)))
    for what, changed, at in bent:
        changed[at] ^= 1
        path = os.path.join(folder, "bent.wasm")
        open(path, "wb").write(changed)
        code, out, said = claviger("policy", "inspect", path)
        expect(what + ": not known", code != 0 or out.startswith(heading), code, out[:100], said)
    # Another custom section behind it: the same code and table, but not what the build makes.
    path = os.path.join(folder, "more.wasm")
    open(path, "wb").write(data + b"\0\3\2hi")
    code, out, _ = claviger("policy", "inspect", path)
    expect("a section more: custom", code == 0 and out.startswith(heading), out[:100])
    # A table whose rule counts nothing: what is taken from it is still told as a claim.
    hit = data.index(bytes([2, 0, 0, 0]), table)
    expect("there is a rule to bend", hit > table)
    code, out, _ = claviger("policy", "describe", "--module", path, "--params",
                            write(folder, "p.toml", 'recipients = ["%s"]\nmax_lamports = 5\n' % RECIPIENT))
    expect("describe says it too", code == 0 and out.startswith(heading), out[:100])
    sample = os.path.join(folder, "sample.txt")
    said = claviger("policy", "describe", "--module", one, "--params", os.path.join(folder, "p.toml"), "--wallet",
                    OWNER, sample)
    expect("a refusal has a line of its own", "This would be refused: paid in all: expected at most 5, found 1500000000\n" in said[1],
           said)
    theft = write(folder, "theft.txt", base64.b64encode(payment(OWNER, base58(b"\x09" * 32), 50000000000)).decode() + "\n")
    terms = write(folder, "sol.toml", 'recipients = ["%s"]\nmax_lamports = 5\nmax_fee_lamports = 5000\n' % RECIPIENT)
    said = claviger("policy", "describe", "--module", os.path.join(BUILD, "share", "intents", "sol-transfer.wasm"), "--params", terms,
                    "--wallet", OWNER, theft)
    expect("what no rule takes is not said to be all that leaves (B7)", "This would be refused" in said[1] and "in all" not in said[1] and
           "Leaves the wallet, as far as a rule counts it: at most 0.000005 SOL" in said[1], said)
    nonce, account = nonced(RECIPIENT, 1000), base58(b"\x08" * 32)
    said = claviger("policy", "describe", "--module", os.path.join(BUILD, "share", "intents", "sol-transfer.wasm"), "--params",
                    write(folder, "sol.toml", open(terms, encoding="utf-8").read().replace("= 5\n", "= 1000\n") + "allow_nonce = true\n"),
                    "--wallet", OWNER, "--nonce", account, write(folder, "nonce.txt", base64.b64encode(nonce).decode() + "\n"))
    expect("what is signed on a durable nonce is described", said[0] == 0 and "in all: at most 0.000006 SOL" in said[1], said)
    code, out, _ = claviger("policy", "describe", "--module", one, "--params", os.path.join(folder, "p.toml"))
    expect("a grant's text", code == 0 and RECIPIENT in out and "0.000000005 SOL" in out and
           "no other" in out, out)


def payment(wallet, to, lamports):
    """A legacy message with one transfer."""
    return bytes([1, 0, 1, 3]) + base58_decode(wallet) + base58_decode(to) + bytes(32) + b"\x07" * 32 + \
        bytes([1, 2, 2, 0, 1, 12, 2, 0, 0, 0]) + lamports.to_bytes(8, "little")


def nonced(to, lamports):
    """The same on a durable nonce, whose account is at 0808..."""
    return bytes([1, 0, 2, 5]) + base58_decode(OWNER) + b"\x08" * 32 + base58_decode(to) + bytes(32) + \
        base58_decode("SysvarRecentB1ockHashes11111111111111111111") + b"\x07" * 32 + \
        bytes([2, 3, 3, 1, 4, 0, 4, 4, 0, 0, 0, 3, 2, 0, 2, 12, 2, 0, 0, 0]) + lamports.to_bytes(8, "little")


def cut(folder, run, key):
    """B7, S23: a grant whose text would not name everybody who may be paid is refused, and described as none."""
    text = 'intent = 1\nname = "lists"\ntext = "Pay people on lists"\n'
    for name in ("one", "two", "three", "four"):
        text += '[[parameter]]\nname = "%s"\ntype = "pubkey list"\nmax = 64\ntext = "who may be paid"\n' % name
    for name in ("one", "two", "three", "four"):
        text += ('[[instruction]]\nname = "pay_%s"\nprogram = "system"\ndata = "02000000"\nfields = [["lamports", "u64"]]\n'
                 'accounts = [{ name = "from", is = "wallet", writable = true }, { name = "to", in = "%s", writable = true, select = true }]\n'
                 'pays = [{ lamports = "lamports", as = "transfer", by = "from" }]\n' % (name, name))
    source, module = write(folder, "lists.toml", text), os.path.join(folder, "lists.wasm")
    expect("an intent with long lists", claviger("policy", "build", source, "-o", module)[0] == 0)
    for many in (40, 50):
        people = [base58(hashlib.sha256(b"%d" % i).digest()) for i in range(many)]
        terms = write(folder, "people.toml", "".join("%s = %s\n" % (name, json.dumps(people)) for name in ("one", "two", "three", "four")))
        code, out, _ = claviger("policy", "describe", "--json", "--module", module, "--params", terms)
        expect("%d in each are described" % many, (code == 0) == json.loads(out)["described"] == (many == 40), code, out[:200])
        code, out, said = run("grant", "create", "--wallet", "one", "--client", "bot", "--policy", module, "--params", terms,
                              "--key", key, "--yes")
        expect("%d in each are granted" % many, code == 0 if many == 40 else code == 1 and "nobody can sign what is not shown" in said,
               code, said)


def drafts(folder):
    """A draft is no wider than its samples: amounts to one recipient together, who pays, what a v1 header sets."""
    def draft(*messages):
        """Its text, and what it says of messages."""
        samples = write(folder, "drafted.txt", "".join(base64.b64encode(m).decode() + "\n" for m in messages))
        code, out, said = claviger("policy", "new", "--from-tx", samples, "--wallet", OWNER)
        expect("it is drafted", code == 0, said)
        path = write(folder, "drafted.toml", out)
        module = os.path.join(folder, "drafted.wasm")
        expect("it builds", claviger("policy", "build", path, "-o", module)[0] == 0)

        def verdict(message):
            file = write(folder, "asked.txt", base64.b64encode(message).decode() + "\n")
            return claviger("policy", "check", "--module", module, "--params", write(folder, "none.toml", ""), "--wallet", OWNER, file)[1]
        return out, verdict

    def paying(*amounts, payer=None, header=None, limits=()):
        """A message that pays RECIPIENT these amounts; `payer`: who else pays the fee; `header`: v1, with this priority fee and `limits`."""
        keys = [*([payer] if payer else []), base58_decode(OWNER), base58_decode(RECIPIENT), bytes(32)]
        of = len(keys) - 3
        head, data = bytes([of + 1, 0, 1]), [b"\2\0\0\0" + n.to_bytes(8, "little") for n in amounts]
        if header is None:
            return head + bytes([len(keys)]) + b"".join(keys) + b"\x07" * 32 + bytes([len(data)]) + b"".join(
                bytes([of + 2, 2, of, of + 1, 12]) + d for d in data)
        return b"\x81" + head + sum((3, *limits)).to_bytes(4, "little") + b"\x07" * 32 + bytes([len(data), len(keys)]) + b"".join(keys) + \
            header.to_bytes(8, "little") + b"".join((65536).to_bytes(4, "little") for _ in limits) + bytes([of + 2, 2, 12, 0]) * len(data) + b"".join(bytes([of, of + 1]) + d for d in data)
    text, verdict = draft(paying(1000, 5), paying(3, 4))
    expect("both together are the limit", verdict(paying(1000, 5)).startswith("allow") and verdict(paying(3, 1002)).startswith("allow") and
           verdict(paying(1000, 6)).startswith("deny (amount-over-limit)"), text)
    other = b"\x05" * 32
    expect("another payer than the samples' is refused", verdict(paying(1000, 5, payer=other)).startswith("deny (fee-payer-not-allowed)"), text)
    text, verdict = draft(paying(7, payer=other))
    expect("nor the wallet, or a third, in another's place", verdict(paying(7, payer=other)).startswith("allow") and "fee_lamports" not in text and
           all(verdict(m).startswith("deny (fee-payer-not-allowed)") for m in (paying(7), paying(7, payer=b"\x06" * 32))), text)
    text, verdict = draft(paying(7, payer=other), paying(7, payer=b"\x06" * 32))
    expect("several others", 'fee_payer = "other"' in text and verdict(paying(7)).startswith("deny (fee-payer-not-allowed)"), text)
    text, verdict = draft(paying(7, payer=other), paying(6))
    expect("both", "fee_payer" not in text and "default = 5000\n" in text and verdict(paying(7)).startswith("allow"), text)
    def calling(number, accounts=b"\0"):
        return bytes([1, 0, 1, 2]) + base58_decode(OWNER) + b"\x0a" * 32 + b"\x07" * 32 + bytes([1, 1, len(accounts)]) + accounts + bytes([16]) + b"\x01" * 8 + number.to_bytes(8, "little")
    text, verdict = draft(calling(100), calling(200))
    apart, behind = "# LOOK AT the fields where the samples differ", "# LOOK AT `remaining`"
    expect("data that differs is free between", [verdict(calling(n))[:5].strip() for n in (99, 100, 150, 200, 201)] == ["deny", "allow", "allow", "allow", "deny"], text)
    expect("which the draft says", apart in text and behind not in text, text)
    text, verdict = draft(calling(7, bytes([1] * 64)), calling(7, bytes([1] * 64)))
    expect("nothing is free", apart not in text and behind not in text and verdict(calling(7, bytes([1] * 63 + [0]))).startswith("deny"), text)
    text, verdict = draft(calling(7, bytes([1] * 65)))
    expect("what is behind the last account that a rule lists is free, and told", behind in text and verdict(calling(7, bytes([1] * 64 + [0]))).startswith("allow"), text)

    def making(account, owner=bytes(32), seed=None, lamports=9):
        """A new account that the wallet pays for; with `seed` at an address that is made of it."""
        signs = 2 if seed is None else 1
        data = (bytes(4) if seed is None else b"\3\0\0\0" + base58_decode(OWNER) + len(seed).to_bytes(8, "little") + seed) + \
            lamports.to_bytes(8, "little") + (165).to_bytes(8, "little") + owner
        return bytes([signs, 0, 1, 3]) + base58_decode(OWNER) + account + bytes(32) + b"\x07" * 32 + bytes([1, 2, 2, 0, 1, len(data)]) + data
    new, token = b"\x0b" * 32, base58_decode("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
    for seed in (None, b"a seed"):
        text, verdict = draft(making(new, token, seed))
        expect("a new account", verdict(making(new, token, seed)).startswith("allow: at most %d lamports" % (10009 if seed is None else 5009)) and all(
            verdict(m).startswith("deny") for m in (making(new, token, seed, 10), making(new, bytes(32), seed), making(other, token, seed))), text)

    def living(*steps, keyed=False):
        """A message that does these steps to token accounts: each a word and which of two; or pays RECIPIENT."""
        signing = sorted({which for word, which in steps if keyed and word == "make"})
        at = {which: place for place, which in enumerate([0, *signing, *({1, 2} - set(signing))])}
        keys = [base58_decode(OWNER), *(bytes([10 + which]) * 32 for which in list(at)[1:]), base58_decode(RECIPIENT), base58_decode("So11111111111111111111111111111111111111112"),
                base58_decode("SysvarRent111111111111111111111111111111111"), token, bytes(32)]
        made = (bytes(4) if keyed else b"\3\0\0\0" + base58_decode(OWNER) + (1).to_bytes(8, "little") + b"s") + (2039280).to_bytes(8, "little") + \
            (165).to_bytes(8, "little") + token
        message = bytes([1 + len(signing), 0, 4, 8]) + b"".join(keys) + b"\x07" * 32 + bytes([len(steps)])
        for word, which in steps:
            program, accounts, data = {"make": (7, (0, at[which]), made), "init": (6, (at[which], 4, 0, 5), b"\1"), "init3": (6, (at[which], 4), b"\x12" + keys[0]),
                                       "close": (6, (at[which], 0, 0), b"\x09"), "pay": (7, (0, 3), b"\2\0\0\0" + (5).to_bytes(8, "little"))}[word]
            message += bytes([program, len(accounts), *accounts, len(data)]) + data
        return message
    again = "is closed again, as in the samples."
    for keyed in (False, True):
        life, pay = (("make", 1), ("init", 1), ("close", 1)), ("pay", 0)
        text, verdict = draft(living(*life, keyed=keyed), living(pay, keyed=keyed), living(pay, *((word, 2) for word in ("make", "init3", "close")), keyed=keyed))
        for steps, allowed in ((life, True), ((pay,), True), ((life[0], life[1], pay, life[2]), True), ((pay, ("make", 2), ("init3", 2), ("close", 2)), True),
                               ((*life, ("make", 2), ("init3", 2), ("close", 2)), not keyed), (life[:1], False), (life[:2], False), (life[1:], False), (life[1:2], False),
                               (life[2:], False), ((life[0], life[2]), False), ((life[2], life[0], life[1]), False), ((life[1], life[0], life[2]), False),
                               ((life[0], life[1], ("close", 2)), False), ((life[0], ("init3", 2), life[2]), False)):
            expect("an account that samples make and close is not left: %r" % (steps,), verdict(living(*steps, keyed=keyed)).startswith("allow" if allowed else "deny"), text)
        expect("and the draft says so", text.count(again) == 2, text)
        text, verdict = draft(living(*life, keyed=keyed), living(*life[:2], keyed=keyed))
        expect("one that a sample leaves", again not in text and verdict(living(*life[:2], keyed=keyed)).startswith("allow"), text)

    def noting(*signers, text=b"hello"):
        """A memo that these sign; the wallet pays."""
        keys = [base58_decode(OWNER), *(key for key in signers if key != base58_decode(OWNER)), base58_decode("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")]
        at = bytes(keys.index(key) for key in signers)
        return bytes([len(keys) - 1, len(keys) - 2, 1, len(keys)]) + b"".join(keys) + b"\x07" * 32 + bytes([1, len(keys) - 1, len(at)]) + at + bytes([len(text)]) + text
    mine = base58_decode(OWNER)
    text, verdict = draft(noting(mine, other))
    expect("a memo with two signers", verdict(noting(mine, other, text=b"bye")).startswith("allow") and all(
        verdict(noting(*signers)).startswith("deny") for signers in ((mine, b"\6" * 32), (mine,), (other,), (), (mine, other, b"\6" * 32))), text)
    text, verdict = draft(noting(), noting(mine))
    expect("memos with one and with none", all(verdict(noting(*signers)).startswith("allow" if len(signers) < 2 else "deny") for signers in ((), (mine,), (mine, other))), text)
    text, verdict = draft(paying(7, header=11))
    expect("a header's price", verdict(paying(7, header=11)).startswith("allow") and verdict(paying(7, header=12)).startswith("deny (fee-over-limit)"), text)
    others = {bit: paying(7, header=11, limits=(bit,)) for bit in (4, 8, 16)}  # units, loaded data, heap
    expect("and none of its limits", all(verdict(m).startswith("deny (instruction-not-allowed)") for m in others.values()), text)
    for bit, message in others.items():
        text, verdict = draft(message)
        expect("a header's limit %d, and none else" % bit, [other for other, m in others.items() if verdict(m).startswith("allow")] == [bit], text)


    said_of_drafts(folder, draft)


def called(keys, signs, rest, *calls, hidden=0):
    """A message of the wallet: `keys` behind it, of which so many sign; calls of (program, accounts, data); `hidden`: v0, so many writable
    accounts in a table, numbered behind the others."""
    keys = [base58_decode(OWNER), *keys]
    body = bytes([1 + signs, 0, rest, len(keys)]) + b"".join(keys) + b"\x07" * 32 + bytes([len(calls)]) + b"".join(
        bytes([program, len(accounts), *accounts, len(data)]) + data for program, accounts, data in calls)
    return body if not hidden else b"\x80" + body + bytes([1]) + b"\x0d" * 32 + bytes([hidden, *range(hidden), 0])


def said_of_drafts(folder, draft):
    """What real bots add, and words that are so."""
    def move(n):
        return b"\2\0\0\0" + n.to_bytes(8, "little")
    system, to, mark = bytes(32), base58_decode(RECIPIENT), base58_decode("jitodontfront111111111111111111111111111111")

    def marked(last, *more):
        return called([to, system, last], 0, 2, (2, [0, 1, 3, *more], move(7)))
    text, verdict = draft(marked(mark))
    plain = called([to, system], 0, 1, (2, [0, 1], move(7)))
    expect("Jito's mark is no account of a rule", verdict(marked(mark)).startswith("allow") and verdict(plain).startswith("allow") and "jito" not in text and
           all(verdict(m).startswith("deny (account-count)") for m in (marked(b"\x0c" * 32), marked(mark, 3))), text)
    hides = called([to, system], 0, 1, (2, [0, 3], move(9)), (2, [0, 1], move(7)), hidden=1)
    text, verdict = draft(hides)
    expect("a rule with an account that hides takes none of the others' instructions", verdict(hides).startswith("allow") and
           verdict(called([to, system], 0, 1, (2, [0, 3], move(9)), (2, [0, 1], move(8)), hidden=1)).startswith("deny (amount-over-limit)"), text)
    nonces = base58_decode("SysvarRecentB1ockHashes11111111111111111111")

    def nonce(authority):
        return called([authority, b"\x08" * 32, to, system, nonces], 1, 2, (4, [2, 5, 1], b"\4\0\0\0"), (4, [0, 3], move(7)))
    text, _ = draft(nonce(b"\x0e" * 32))
    expect("a nonce that another key advances, and what that means", "# LOOK AT the nonce" in text and 'nonce = true' in text and base58(b"\x0e" * 32) in text, text)
    text, _ = draft(nonced(RECIPIENT, 7))
    expect("the wallet's own needs no such word", "LOOK AT" not in text, text)
    sponsored = write(folder, "sponsored.txt", base64.b64encode(bytes([2, 0, 1, 4]) + b"\x0e" * 32 + base58_decode(OWNER) + to + system + b"\x07" * 32 +
                                                                bytes([1, 3, 2, 1, 2, 12]) + move(7)).decode() + "\n")
    guess, own = claviger("policy", "new", "--from-tx", sponsored), claviger("policy", "new", "--from-tx", sponsored, "--wallet", OWNER)
    expect("whose a sample is with several signers is told where it is guessed", guess[0] == own[0] == 0 and "# LOOK AT whose they are" in guess[1] and
           "LOOK AT" not in own[1] and 'is = "wallet"' in own[1], guess, own)
    foreign = write(folder, "foreign.txt", base64.b64encode(bytes([2, 0, 1, 4]) + b"\x0e" * 32 + base58_decode(OWNER) + to + system + b"\x07" * 32 + bytes([1, 3, 1, 1, 4]) + b"\1\0\0\0").decode() + "\n")
    code, _, said = claviger("policy", "new", "--from-tx", foreign)
    expect("and where nothing is drafted of it", code == 1 and "--wallet names another" in said, code, said)
    odd = write(folder, "odd.txt", base64.b64encode(called([base58_decode("ComputeBudget111111111111111111111111111111")], 0, 1, (1, [], b"\3\1"))).decode() + "\n")
    code, _, said = claviger("policy", "new", "--from-tx", odd)
    expect("what is wrong with a sample is said", code == 1 and "line 1 is refused at byte" in said and "ComputeBudget" in said and "does not sign" not in said, code, said)
    many = write(folder, "many.txt", 40 * (base64.b64encode(plain).decode() + "\n"))
    code, _, said = claviger("policy", "new", "--from-tx", many)
    expect("too many samples, once", code == 1 and said.count("more than 32 samples") == 1, code, said)
    path = write(folder, "there.toml", "mine")
    code, _, said = claviger("policy", "new", "--from-tx", os.path.join(folder, "sample.txt"), "-o", path)
    expect("no file is replaced", code == 3 and "there.toml exists already" in said and open(path, encoding="utf-8").read() == "mine", code, said)


def thread(folder, good):
    """S12: a running signer signs what the intent allows and refuses one lamport more; what it refused becomes a test."""
    with LiveSigner(folder) as signer:
        run, home, environment = signer.run, signer.home, signer.environment
        lesson = os.path.join(folder, "lesson")
        os.mkdir(lesson)
        for name in ("payout.toml", "payout.wasm", "terms.toml"):
            shutil.copy(os.path.join(folder, name), lesson)
        tutorial_live(lesson, {name: environment[name] for name in ("CLAVIGER_SERVER", "CLAVIGER_CA")})
        key, module = os.path.join(folder, "user.json"), os.path.join(folder, "one.wasm")
        expect("a key", run("key", "new", key)[0] == 0)
        code, out, said = run("wallet", "create", "one", "--key", key, "--yes", "--json")
        expect("a wallet", code == 0, said)
        wallet = json.loads(out)["address"]
        expect("a client", run("client", "new", "bot")[0] == 0)
        terms = write(folder, "terms.toml", 'recipients = ["%s"]\nmax_lamports = 7\n' % RECIPIENT)
        code, out, said = run("policy", "add", module, "--json")
        expect("the signer knows the intent", code == 0 and json.loads(out)["known"] and not json.loads(out)["ships"] and
               json.loads(out)["name"] == "payout", out, said)
        code, out, said = run("grant", "create", "--wallet", "one", "--client", "bot", "--policy", module,
                              "--params", terms, "--key", key, "--yes")
        expect("a grant, in the evaluator's words", code == 0 and "custom code" not in out + said and
               "; intent payout\n- %s\n" % OTHER in out + said and "known module" not in out + said and
               "paid at most max_lamports = 0.000000007 SOL" in out + said, code, out, said)
        token = os.path.join(home, "clients", "bot.token")

        def sign(to, lamports, *more):
            message = base64.b64encode(payment(wallet, to, lamports)).decode()
            return run("sign", "--wallet", "one", "--token-file", token, "--transaction", "-", "--json", *more, stdin=message + "\n")

        code, out, said = sign(RECIPIENT, 7)
        expect("seven lamports are signed", code == 0 and "signature" in out, out, said)
        code, out, said = sign(RECIPIENT, 8)
        expect("one lamport more is refused", code == 1 and "paid in all: expected at most 7, found 8" in said, out, said)
        code, out, said = sign(base58(b"\x09" * 32), 1)
        expect("another recipient is refused", code == 1 and "one that the grant names" in said, out, said)
        # A14: values for which no transaction could pass are refused when the grant is made.
        swap = os.path.join(BUILD, "share", "intents", "raydium-cpmm.wasm")
        code, out, said = run("policy", "add", swap, "--json")
        expect("a swap's module ships", code == 0 and json.loads(out)["ships"], out, said)
        for mints, good_mints in (([RECIPIENT], True), ([RECIPIENT, base58(b"\x09" * 32)], False)):
            priced = write(folder, "priced.toml", 'input_mint = "So11111111111111111111111111111111111111112"\nmax_in = 9\n'
                           'max_fee_lamports = 5000\nmin_price_out = 2\nmin_price_in = 3\noutput_mints = %s\n' % json.dumps(mints))
            code, out, said = run("grant", "create", "--wallet", "one", "--client", "bot", "--policy", swap,
                                  "--params", priced, "--key", key, "--yes")
            expect("a price and %d tokens" % len(mints), (code == 0) == good_mints and
                   "known module raydium-cpmm" in out + said if good_mints else
                   "the module refuses these parameters: one output token with a price" in said, code, out, said)
        cut(folder, run, key)
        digest = hashlib.sha256(payment(wallet, base58(b"\x09" * 32), 1)).hexdigest()
        asked = write(folder, "asked.txt", base64.b64encode(payment(wallet, base58(b"\x09" * 32), 1)).decode() + "\n")
        shown = run("decision", "show", "--message", digest, "--token-file", token, "--json")
        expect("a decision is found by its hash and by its transaction", shown[0] == 0 and
               run("decision", "show", "--transaction", asked, "--token-file", token, "--json")[1] == shown[1], shown)
        for words, text in ((("--transaction", asked, "--message", digest), "one of --transaction"),
                            (("--transaction", write(folder, "twice.txt", 2 * open(asked, encoding="utf-8").read())), "2 transactions; name one"),
                            (("--transaction", write(folder, "bad.txt", "x\n")), "line 1 is not base64")):
            code, out, said = run("decision", "show", "--token-file", token, *words)
            expect("one transaction is named", code in (1, 2) and text in said, code, out, said)
        code, out, said = run("decision", "show", "--message", digest, "--token-file", token, "--save-test", good)
        expect("the refusal is saved", code == 0 and "saved as a test in " + good in out, out, said)
        code, out, said = claviger("policy", "test", good)
        expect("and is a test that passes", code == 0 and "4 passed" in out, out, said)
        saved = open(good, encoding="utf-8").read().split("[[test]]")[-1]
        low, high = (int(saved.split("\n%s = " % name)[1].split("\n")[0]) for name in ("time_low", "time_high"))
        expect("at the time of the decision", low <= high and abs(time.time() - low) < 3600, saved)
        # What was left of the grant's limits is part of what was asked.
        code, out, said = run("grant", "create", "--wallet", "one", "--client", "bot", "--policy", module, "--params", terms, "--key",
                              key, "--cap", "lamports:total:5001,uses:1h:3", "--yes", "--json")
        expect("a grant with a limit", code == 0, out, said)
        capped = json.loads(out)["grants"][0]["grant"]
        code, out, said = sign(RECIPIENT, 2, "--grant", capped)
        expect("a lamport more than is left is refused", code == 1 and "expected at most 5001, found 5002" in said, out, said)
        spent = hashlib.sha256(payment(wallet, RECIPIENT, 2)).hexdigest()
        code, out, said = run("decision", "show", "--message", spent, "--token-file", token, "--save-test", good)
        expect("that is saved, too", code == 0, out, said)
        code, out, said = claviger("policy", "test", good)
        expect("and passes", code == 0 and "5 passed" in out, out, said)
        # A disk that fills up within the test: nothing of it stays, or the file were no intent any more. A limit of files stands for it.
        before = open(good, encoding="utf-8").read()
        full = write(folder, "full.toml", before + "#" + "x" * (-len(before) % 1024 + 798) + "\n")
        size = os.path.getsize(full)
        limited = subprocess.run(["bash", "-c", 'trap "" XFSZ; ulimit -f %d; exec "$0" "$@"' % (size // 1024 + 1), TOOL, "decision", "show", "--message", spent, "--token-file", token,
                                  "--save-test", full], capture_output=True, text=True, timeout=60, env=environment)
        expect("no part of a test is left", limited.returncode == 3 and "cannot write" in limited.stderr and os.path.getsize(full) == size, limited, size)
        expect("the limited grant goes", run("grant", "revoke", capped, "--wallet", "one", "--key", key, "--yes")[0] == 0)
        # Another intent than the one that decided: its parameters would be read as others.
        wrong = os.path.join(folder, "wider.toml")
        before = open(wrong, encoding="utf-8").read()
        code, _, said = run("decision", "show", "--message", digest, "--token-file", token, "--save-test", wrong)
        expect("not into another intent", code == 1 and "that decision was made by module" in said and
               open(wrong, encoding="utf-8").read() == before, code, said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        good = tutorial(folder)
        errors(folder, good)
        options(folder)
        modules(folder, good)
        drafts(folder)
        thread(folder, good)
    return summary(64)


sys.exit(main())
