#!/usr/bin/env python3
"""`policy diff`: each way in which an intent can allow more is told as wider, and what allows less is not. What is the same,
however it is written, differs in nothing. S23, B3, issue of what a new version of an intent allows."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "bin", "claviger")
KEY = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"

BASE = """intent = 1
name = "base"
text = "Two programs and all that can be said of them"
nonce = "allow_nonce"
accept_unproven = "accept_unproven"
fee_payer = "wallet"
formats = ["legacy", "v0"]

[keys]
prog = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
friend = "%s"
other_friend = "4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7"

[lists]
friends = ["%s", "4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7"]

[types.Step]
variants = [{ tag = 0, name = "Saber" }, { tag = 2, name = "Crema", fields = [["a_to_b", "bool"]] }]

[[parameter]]
name = "allow_nonce"
type = "bool"
default = false
text = "nonces"

[[parameter]]
name = "accept_unproven"
type = "bool"
default = false
text = "unproven"

[[parameter]]
name = "people"
type = "pubkey list"
max = 8
text = "who is paid"

[[parameter]]
name = "most"
type = "u64"
default = 5
text = "at most"

[[parameter]]
name = "note"
type = "text"
text = "a note"

[[total]]
name = "paid"

[[group]]
name = "moves"
min = 1
max = 2

[[instruction]]
name = "nonce"
program = "system"
data = "04000000"
first = true
accounts = [
  { name = "nonce", writable = true },
  { is = "recent_blockhashes", hidden = true },
  { name = "authority", is = "wallet", signer = true, writable = "either" },
]

[[instruction]]
name = "swap"
program = "prog"
data = "0102030405060708"
fields = [["amount", "u64"], ["least", "u64"], ["kind", "u8", 7], ["steps", "vec 1..3 Step"], ["to", "pubkey", { is = "friend" }], ["way", "option u16"], ["left", "tail u8"]]
accounts = [
  { name = "user", is = "wallet", writable = false },
  { name = "src", own = "native_mint", token_program = "token", writable = true },
  { name = "dst", own = "any", except = "native_mint", writable = "either" },
  { name = "pool", is = "friend" },
  { name = "list", in = "friends", hidden = true },
  { name = "perhaps", is = "other_friend", optional = true },
  { name = "other" },
]
remaining = { min = 0, max = 4, own = true, known = true }
let = ["net = amount - least"]
sends = [{ amount = "amount", of = "src" }]
check = ["amount <= 100", "least >= 9007199254740992", "least * 2 >= amount"]
group = "moves"

[[instruction]]
name = "pay_friend"
program = "system"
data = "02000000"
fields = [["lamports", "u64"]]
accounts = [
  { name = "from", is = "wallet", writable = true },
  { name = "to", is = "friend", writable = true, select = true },
]
pays = [{ lamports = "lamports", as = "transfer", by = "from" }]
check = ["lamports <= 9007199254740992"]
after = "swap"

[[instruction]]
name = "pay_any"
program = "system"
data = "02000000"
fields = [["lamports", "u64"]]
accounts = [
  { name = "from", is = "wallet", writable = true },
  { name = "to", in = "people", writable = true },
]
pays = [{ lamports = "lamports", as = "transfer", by = "from" }]
adds = ["paid += lamports"]
check = ["lamports <= 18446744073709551615", "lamports != 18446744073709551615"]
group = "moves"

[[instruction]]
name = "again"
program = "prog"
data = "11"
accounts = [{ name = "pool", is = "@swap.pool" }, { name = "third", is = "@swap.list?" }, { name = "dst", is = "@swap.dst" }]
max = 2

[[check]]
that = "paid <= most"
reason = "amount-over-limit"

[[check]]
that = "count(pay_any) <= 5"

[[message]]
name = "hello"
pattern = "hello {digits 1 3} {note}"
""" % (KEY, KEY)

# What to change: what it is, the text, the text instead, words that the report must have.
WIDER = [
    ("a tag more", 'name = "Saber" }', 'name = "Saber" }, { tag = 1, name = "New" }', "other data"),
    ("a variant that holds more", '["a_to_b", "bool"]', '["a_to_b", "u8"]', "other data"),
    ("bytes behind the fields", '["left", "tail u8"]', '["left", "rest 64"]', "other data"),
    ("a longer vector", "vec 1..3 Step", "vec 1..4 Step", "other data"),
    ("a shorter vector", "vec 1..3 Step", "vec 3 Step", "other data"),
    ("a value that is not asked for", '["kind", "u8", 7]', '["kind", "u8"]', "not demanded any more"),
    ("another value", '["kind", "u8", 7]', '["kind", "u8", 8]', "another bound"),
    ("a key in the data", '["to", "pubkey", { is = "friend" }]', '["to", "pubkey"]', "not demanded any more"),
    ("another key in the data", '["to", "pubkey", { is = "friend" }]', '["to", "pubkey", { in = "friends" }]', "another bound"),
    ("an option that is always there", '["way", "option u16"]', '["way", "u16"]', "other data"),
    ("another order of fields", '["amount", "u64"], ["least", "u64"]', '["least", "u64"], ["amount", "u64"]', ""),
    ("the wallet writable", 'is = "wallet", writable = false', 'is = "wallet", writable = true', "another account"),
    ("the wallet read-only", '{ name = "from", is = "wallet", writable = true },\n  { name = "to", is = "friend"',
     '{ name = "from", is = "wallet" },\n  { name = "to", is = "friend"', "another account"),
    ("a signer", '{ name = "pool", is = "friend" }', '{ name = "pool", is = "friend", signer = true }', "another account"),
    ("a writable account", '{ name = "pool", is = "friend" }', '{ name = "pool", is = "friend", writable = true }', "another account"),
    ("hidden", '{ name = "pool", is = "friend" }', '{ name = "pool", is = "friend", hidden = true }', "another account"),
    ("left out", '{ name = "other" }', '{ name = "other", optional = true }', "another account"),
    ("any token program", ', token_program = "token"', '', "another account"),
    ("another mint", 'own = "native_mint"', 'own = "any"', "another account"),
    ("no exception", ', except = "native_mint"', '', "another account"),
    ("made by this transaction", 'own = "any", except', 'own = "any", fresh = true, except', "another account"),
    ("another key", '{ name = "pool", is = "friend" }', '{ name = "pool", is = "other_friend" }', "another account"),
    ("no key", '{ name = "pool", is = "friend" }', '{ name = "pool" }', "another account"),
    ("any account", '{ name = "other" }', '{ name = "other", any = true }', "another account"),
    ("an account more in a list", 'friends = ["%s", ' % KEY, 'friends = ["%s", "11111111111111111111111111111112", ' % KEY, "another account"),
    ("another place", 'is = "@swap.pool"', 'is = "@swap.other"', "another account"),
    ("another place only once there is one", 'is = "@swap.pool"', 'is = "@swap.pool?"', "another account"),
    ("another place once there is one", 'is = "@swap.list?"', 'is = "@swap.pool?"', "another account"),
    ("no place once there is one", ', is = "@swap.list?"', '', "another account"),
    ("the wallet behind", "own = true, known", "own = true, wallet = true, known", "behind the listed ones"),
    ("hidden ones behind", "own = true, known = true", "own = true", "behind the listed ones"),
    ("more behind", "min = 0, max = 4", "min = 0, max = 5", "behind the listed ones"),
    ("writable flags", 'name = "again"\n', 'name = "again"\nchanged_writable = true\n', "writable flags"),
    ("rules in another order", None, None, "takes now what this one took before"),
    ("a bound by one", "lamports <= 9007199254740992", "lamports <= 9007199254740993", "another bound"),
    ("a least bound by one", "least >= 9007199254740992", "least >= 9007199254740991", "another bound"),
    ("the largest bound", "lamports != 18446744073709551615", "lamports != 18446744073709551614", "another bound"),
    ("no bound", '"amount <= 100", ', '', "not demanded any more"),
    ("another comparison", '"amount <= 100"', '"amount >= 100"', "not demanded any more"),
    ("a factor", "least * 2 >= amount", "least * 3 >= amount", "not demanded any more"),
    ("a number that must fit", 'let = ["net = amount - least"]\n', '', "need not fit"),
    ("less is sent", 'sends = [{ amount = "amount", of = "src" }]', 'sends = [{ amount = "least", of = "src" }]', "counted otherwise"),
    ("nothing is sent", 'sends = [{ amount = "amount", of = "src" }]\n', '', "counted otherwise"),
    ("a total that does not grow", 'adds = ["paid += lamports"]\n', '', "counted otherwise"),
    ("more often", 'is = "@swap.dst" }]\nmax = 2', 'is = "@swap.dst" }]\nmax = 3', "how often"),
    ("not after", 'after = "swap"\n', '', "how often"),
    ("not first", None, None, "permissions"),
    ("another group", '"lamports != 18446744073709551615"]\ngroup = "moves"', '"lamports != 18446744073709551615"]', "how often"),
    ("a group with more", "min = 1\nmax = 2", "min = 1\nmax = 3", "how often"),
    ("a group with none", "min = 1\nmax = 2", "max = 2", "not demanded any more"),
    ("a rule more", '[[message]]', '[[instruction]]\nname = "more"\nprogram = "prog"\ndata = "12"\n[[message]]', "is allowed now"),
    ("another program", 'program = "prog"\ndata = "11"', 'program = "friend"\ndata = "11"', "is allowed now"),
    ("other first bytes", 'data = "11"', 'data = "13"', "is allowed now"),
    ("a format", 'formats = ["legacy", "v0"]', 'formats = ["legacy", "v0", "v1"]', "transaction format"),
    ("another pays", 'fee_payer = "wallet"', 'fee_payer = "any"', "who pays the fee"),
    ("nonces always", 'nonce = "allow_nonce"', 'nonce = true', "permissions"),
    ("another permission", 'accept_unproven = "accept_unproven"', 'accept_unproven = "allow_nonce"', "permissions"),
    ("a limit of the whole", 'that = "paid <= most"', 'that = "paid <= 18446744073709551615"', "another bound"),
    ("a count", "count(pay_any) <= 5", "count(pay_any) <= 6", "another bound"),
    ("another default", "default = 5", "default = 6", "another parameter: most: u64, default 5  ->  most: u64, default 6"),
    ("a longer list", "max = 8", "max = 9", "pubkey list of at most 8, required  ->  people: pubkey list of at most 9, required"),
    ("a mint more", '[[total]]', '[[parameter]]\nname = "mint"\ntype = "pubkey"\nrole = "mint"\ntext = "a mint"\n[[total]]', "new: mint: pubkey, a mint, required"),
    ("an owner more", '[[total]]', '[[parameter]]\nname = "owner"\ntype = "pubkey"\noptional = true\nrole = "owner"\ntext = "an owner"\n[[total]]', "new: owner: pubkey, an owner, optional"),
    ("another pattern", "{digits 1 3}", "{digits 1 4}", "allowed now"),
    ("a message more", '[[message]]', '[[message]]\nname = "bye"\npattern = "bye"\n[[message]]', "allowed now"),
]

NARROWER = [
    ("a tag less", '{ tag = 0, name = "Saber" }, ', '', "other data"),
    ("a shorter vector", "vec 1..3 Step", "vec 1..2 Step", "other data"),
    ("a writable account that need not be", 'writable = "either" },\n  { name = "pool"', 'writable = false },\n  { name = "pool"', "another account"),
    ("a key for a list", 'in = "friends", hidden = true', 'is = "friend", hidden = true', "another account"),
    ("not hidden", 'in = "friends", hidden = true', 'in = "friends"', "another account"),
    ("not left out", 'is = "other_friend", optional = true', 'is = "other_friend"', "another account"),
    ("a mint", 'own = "any", except', 'own = "friend", except', "another account"),
    ("a token program", 'own = "any", except', 'own = "any", token_program = "token", except', "another account"),
    ("fewer behind", "min = 0, max = 4", "min = 0, max = 3", "behind the listed ones"),
    ("none of its own behind", "own = true, known", "known", "behind the listed ones"),
    ("a bound by one", "lamports <= 9007199254740992", "lamports <= 9007199254740991", "another bound"),
    ("a least bound by one", "least >= 9007199254740992", "least >= 9007199254740993", "another bound"),
    ("a check more", '"amount <= 100", ', '"amount <= 100", "amount >= 1", ', "demanded now"),
    ("a check of the whole more", '[[check]]\nthat = "count', '[[check]]\nthat = "fact.fee <= 5"\n[[check]]\nthat = "count', "demanded now"),
    ("a total more", '[[total]]\nname = "paid"', '[[total]]\nname = "paid"\n[[total]]\nname = "more"', None),
    ("less often", 'is = "@swap.dst" }]\nmax = 2', 'is = "@swap.dst" }]\nmax = 1', "how often"),
    ("a group with fewer", "min = 1\nmax = 2", "min = 1\nmax = 1", "how often"),
    ("a format less", 'formats = ["legacy", "v0"]', 'formats = ["v0"]', "transaction format"),
    ("no unproven ones", 'accept_unproven = "accept_unproven"\n', '', "permissions"),
    ("a parameter that must be given", "default = 5\n", "", "another parameter"),
    ("a shorter list", "max = 8", "max = 7", "another parameter"),
    ("a message less", '[[message]]\nname = "hello"\npattern = "hello {digits 1 3} {note}"\n', '', "not allowed any more"),
]

# Two rules in which numbers are made of a total while it grows; what the first takes for it is counted otherwise or not, and what the
# second looks at is the total before or behind its own.
GROWS = """intent = 1
name = "grows"
text = "Two rules that a total counts"
[keys]
prog = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
[[total]]
name = "sum"
[[total]]
name = "more"
[[instruction]]
name = "one"
program = "prog"
data = "01"
fields = [["x", "u64"], ["y", "u64"]]
let = ["z = sum + x"]
adds = [%s]
check = ["z <= 5", "scale_up(sum + x, 2, 3) <= 6"]
[[instruction]]
name = "two"
program = "prog"
data = "02"
fields = [["x", "u64"]]
%s
"""
BEFORE, BEHIND = 'let = ["z = sum + x"]\nadds = ["sum += x"]\ncheck = ["z <= 5"]', 'adds = ["sum += x"]\ncheck = ["sum + x <= 5"]'
ADDED = 'let = ["z = sum + x"]\nadds = ["sum += x", "more += %s"]'
# Numbers made of numbers, each of the one before twice: as many as may be compared, and one more.
CHAIN = """intent = 1
name = "chain"
text = "Numbers made of numbers"
[keys]
prog = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
[[instruction]]
name = "one"
program = "prog"
data = "01"
fields = [["n0", "u64"]]
let = [%s]
check = ["n%d <= 5"]
"""


def chain(count):
    return CHAIN % (", ".join('"n%d = n%d + n%d"' % (i + 1, i, i) for i in range(count)), count)


def saying(*words):
    return chain(1) + "".join('[[message]]\nname = "say_%s"\npattern = "%s"\n' % (word, word) for word in words)


COUNTED = "widens  one: counted otherwise: counts x as sum  ->  counts y as sum"
# The whole report. What reads a total that is counted otherwise is told by that alone, in the rule that it is about.
EXACT = [
    ("counted otherwise", GROWS % ('"sum += x"', BEFORE), GROWS % ('"sum += y"', BEFORE), [COUNTED]),
    ("counted otherwise, and another moment", GROWS % ('"sum += x"', BEFORE), GROWS % ('"sum += y"', BEHIND), [COUNTED, "widens  two: not demanded any more: needs: z at most 5", "narrows two: demanded now: needs: sum + x at most 5"]),
    ("counted twice", GROWS % ('"sum += x"', BEFORE), GROWS % ('"sum += x", "sum += x"', BEFORE), ["widens  one: counted otherwise: counts x as sum"]),
    ("both counted otherwise", GROWS % ('"sum += x"', ADDED % "z"), GROWS % ('"sum += y"', ADDED % "sum + x"),
     [COUNTED, "widens  two: counted otherwise: counts z as more  ->  counts sum + x as more"]),
    ("parameters that nothing names", *(chain(1) + '[[parameter]]\nname = "%s"\ntext = "t"\n%s\n' % row for row in (
        ("old_one", 'type = "u64"\ndefault = 5'), ("new_one", 'type = "pubkey list"\nmax = 3'))),
     ["narrows parameters: gone: old_one: u64, default 5", "narrows parameters: new: new_one: pubkey list of at most 3, required", "nothing widens"]),
    ("one message less", saying("hi", "ho"), saying("ho"), ["narrows not allowed any more: - off-chain message say_hi:", '"hi"', "nothing widens"]),
    ("the second message less", saying("hi", "ho"), saying("hi"), ["narrows not allowed any more: - off-chain message say_ho:", '"ho"', "nothing widens"]),
    ("one message more", saying("ho"), saying("hi", "ho"), ["widens  allowed now: - off-chain message say_hi:", '"hi"']),
    ("one more behind it", saying("hi"), saying("hi", "ho"), ["widens  allowed now: - off-chain message say_ho:", '"ho"']),
    ("the same messages", saying("hi", "ho", "ha"), saying("ha", "hi", "ho"), ["nothing widens"]),
    ("the same chain", chain(11), chain(11), ["nothing widens"]),
    *(("a chain of %d is too long to be compared" % n, chain(n), chain(n), ["widens  one: not demanded any more: needs: n%d at most 5" % n, "narrows one: demanded now: needs: n%d at most 5" % n])
      for n in (12, 40)),
]


def claviger(*words):
    run = subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout, run.stderr


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def changed(what, old, new):
    if what == "rules in another order":
        a, b = BASE.index('[[instruction]]\nname = "pay_friend"'), BASE.index('[[instruction]]\nname = "pay_any"')
        c = BASE.index('[[instruction]]\nname = "again"')
        chooses = BASE[b:c].replace('in = "people",', 'in = "people", select = true,')  # else the other would never count
        return BASE[:a] + chooses + BASE[a:b] + BASE[c:]
    if what == "not first":  # and so no nonce
        a, b = BASE.index('[[instruction]]\nname = "nonce"'), BASE.index('[[instruction]]\nname = "swap"')
        return (BASE[:a] + BASE[b:]).replace('nonce = "allow_nonce"\n', "nonce = true\n")
    expect(what + ": the text is there once", BASE.count(old) == 1, BASE.count(old))
    return BASE.replace(old, new)


def words_differ(folder, base, other, what):
    """Two tables that decide otherwise never read the same, and what the report quotes of each is what `policy inspect` says there (M5)."""
    said = []
    for path in (base, other):
        module = os.path.join(folder, "words.wasm")
        code, _, err = claviger("policy", "build", path, "-o", module)
        expect(what + ": it builds", code == 0, err)
        code, out, _ = claviger("policy", "inspect", module)
        said.append("\n".join(line for line in out.splitlines() if not line.startswith("SHA-256")))
    expect(what + ": the words of `policy inspect` say it", said[0] != said[1])
    for change in json.loads(claviger("policy", "diff", "--json", base, other)[1])["changes"]:
        for side, text in zip(("old", "new"), said):
            if change["rule"] == "parameters" or change.get(side) in (None, "writable flags are compared"):
                continue
            quoted = re.sub(r"^data \d+: | = .*", "", change[side])  # a demand on data stands within all of it; lists are told at the end
            one = change["rule"] and not change["what"].startswith("takes now")  # which is another rule's
            of = change["rule"] + ": " + text.split("\n- %s: " % change["rule"])[1].split("\n- ")[0] if one else text
            expect("%s: it is quoted of the %s one" % (what, side), quoted != "" and quoted in of, quoted, of)


def main():
    with tempfile.TemporaryDirectory() as folder:
        base = write(folder, "base.toml", BASE)
        code, out, err = claviger("policy", "diff", base, base)
        expect("the same", (code, out) == (0, "nothing widens\n"), code, out, err)
        for rows, wide in ((WIDER, True), (NARROWER, False)):
            for what, old, new, words in rows:
                other = write(folder, "other.toml", changed(what, old, new))
                code, out, err = claviger("policy", "diff", base, other)
                lines = [line for line in out.splitlines() if line.startswith("widens" if wide else "narrows")]
                expect(what, code == (1 if wide else 0) and ("nothing widens" in out) != wide and err == "", code, out, err)
                expect(what + ": in words", words is None or any(words in line for line in lines), out)
                if words is not None:
                    words_differ(folder, base, other, what)
        for what, old, new, report in EXACT:
            code, out, err = claviger("policy", "diff", write(folder, "one.toml", old), write(folder, "two.toml", new))
            expect(what, (code, out.splitlines()) == (0 if report[-1] == "nothing widens" else 1, report), code, out, err)
        other = write(folder, "other.toml", BASE.replace("amount <= 100", "amount <= 99"))
        code, out, _ = claviger("policy", "diff", "--json", base, other)
        expect("as JSON", code == 0 and json.loads(out) == {"changes": [
            {"effect": "narrows", "rule": "swap", "what": "another bound", "old": "needs: amount at most 100",
             "new": "needs: amount at most 99"}], "widens": False}, out)
        custom = write(folder, "custom.wasm", "\0asm\1\0\0\0")
        expect("custom code cannot be compared", claviger("policy", "diff", base, custom)[0] == 3)
    return summary(3 * (len(WIDER) + len(NARROWER)))


sys.exit(main())
