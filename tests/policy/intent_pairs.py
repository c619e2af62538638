#!/usr/bin/env python3
"""`policy diff`, every way to ask for a thing against every other: accounts, mints, flags, data, numbers. Of each pair it is written
down whether the new one allows less; all others that are not the same MUST be told as wider. Each is compared once more with an old one
that allows something else, too, so that nothing stands in the tables where it stands in the new one's (S23, B3)."""
# SPDX-License-Identifier: Apache-2.0
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL, FOUND = os.path.join(BUILD, "bin", "claviger"), os.path.join(BUILD, "tests", "intent_pairs")
HEAD = """intent = 1
name = "pairs"
text = "One thing is asked for in many ways"
%s
[keys]
prog = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
a = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"
b = "4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7"
[lists]
one = ["a"]
both = ["a", "b"]
back = ["b", "a"]
[types.Zero]
variants = [{ tag = 0, name = "zero" }]
[types.Two]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one" }]
[types.Byte]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u8"]] }]
[types.Bool]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "bool"]] }]
[types.Vec]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "vec 2 u8"]] }]
[types.Word]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u16"]] }]
[types.Byte7]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u8", 7]] }]
[types.Word7]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u16", 7]] }]
[types.Word8]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u16", 8]] }]
[types.Split]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["n", "u8"], ["m", "array 1 u8"]] }]
[types.May]
fields = [["n", "option u8"], ["m", "u16"]]
[types.Must]
fields = [["n", "option Seven"], ["m", "u16"]]
[types.Shift]
variants = [{ tag = 1, name = "one" }, { tag = 5, name = "five" }]
[types.High]
variants = [{ tag = 0, name = "zero" }, { tag = 255, name = "last" }]
[types.Seven]
fields = [["n", "u8", 7]]
[types.Whole]
fields = [["n", "option bytes 3"]]
[types.Big]
fields = [["n", "u64", 72057594037927936]]
[types.Bigger]
fields = [["n", "u64", 144115188075855872]]
[types.Eight]
fields = [["n", "u8", 8]]
"""
PARAMETERS = "".join('[[parameter]]\nname = "%s"\ntype = "%s"\n%stext = "t"\n' % row for row in (
    ("p", "pubkey", ""), ("q", "pubkey", ""), ("v", "pubkey", "optional = true\n"), ("w", "pubkey", "optional = true\n"), ("ks", "pubkey list", "max = 3\n"),
    ("ls", "pubkey list", "max = 3\n"), ("m", "u64", ""), ("n", "u64", ""), ("us", "u64 list", "max = 3\n"), ("yes", "bool", ""), ("no", "bool", ""), ("ws", "u64 list", "max = 3\n")))
RULE = """[[total]]
name = "sum"
[[total]]
name = "more"
[[instruction]]
name = "before"
program = "prog"
data = "01"
accounts = [{ name = "x" }, { name = "y" }]
[[instruction]]
name = "call"
program = "prog"
data = "02"
%s
accounts = [{ name = "first", is = "wallet", signer = true }, { name = "second" }, { name = "third", any = true },
  { name = "src", own = "any", writable = true }, { name = "dst", own = "any", writable = true }, %s]
%s
"""


def intent(place='{ name = "last", is = "a" }', fields="", more="", head="", role="", behind="", first=""):
    """`role` of p, q, ks and ls; else it is what they are used as."""
    parameters = PARAMETERS if not role else re.sub(r'(name = "(p|q|ks|ls)"\n)', r'\1role = "%s"\n' % role, PARAMETERS)
    return HEAD % head + first + parameters + RULE % (fields and "fields = [%s]" % fields, place, more) + behind


# What stands before all else in a table: parameters, keys, lists, totals, rules, layouts, accounts that are kept.
ELSE = """[[parameter]]
name = "else_most"
type = "u64"
text = "t"
[[total]]
name = "else_sum"
[[instruction]]
name = "else"
program = "SysvarC1ock11111111111111111111111111111111"
data = "77"
fields = [["else_n", "u64", 77], ["else_v", "vec 3 u8"], ["else_e", "Bool"]]
accounts = [{ name = "else_x", in = "else_list" }, { name = "else_y", own = "rent", except = "else_list", select = true }]
let = ["else_z = else_n + else_most"]
adds = ["else_sum += else_z"]
max = 7
[[instruction]]
name = "else_again"
program = "SysvarC1ock11111111111111111111111111111111"
data = "78"
accounts = [{ is = "@else.else_y" }, { is = "@else.else_x" }]
"""


def shifted(text):
    text = text.replace("[lists]\n", '[lists]\nelse_list = ["rent", "a", "clock"]\n', 1)
    at = text.index("\n[[") + 1
    return text[:at] + ELSE + text[at:]


def each(old, *new):
    return {(old, one) for one in new}


def alike(*names):
    return {(old, new) for old in names for new in names}


def place(spec, flags="", **more):
    return intent(", ".join(filter(None, ('{ name = "last"', spec, flags))) + " }", **more)


def data(row):
    """Fields of these types, perhaps each of one value alone."""
    rows = enumerate(one.partition(" = ") for one in row.split("; "))
    return intent(fields=", ".join('["f%d", "%s"%s]' % (i, type_, is_ and ", " + value) for i, (type_, is_, value) in rows) if row else "")


ASKS = {"any": "any = true", "other": "", "wallet": 'is = "wallet"', "program": 'is = "program"', "a": 'is = "a"', "b": 'is = "b"', "p": 'is = "p"',
        "q": 'is = "q"', "v": 'is = "v"', "w": 'is = "w"', "one": 'in = "one"', "both": 'in = "both"', "back": 'in = "back"', "ks": 'in = "ks"',
        "ls": 'in = "ls"', "@second": 'is = "@second"', "@third": 'is = "@third"', "@before.x": 'is = "@before.x"', "@before.y": 'is = "@before.y"',
        "@before.x?": 'is = "@before.x?"', "@before.y?": 'is = "@before.y?"', "@call.second?": 'is = "@call.second?"', "mint of src": 'mint_of = "@src"', "mint of dst": 'mint_of = "@dst"', "own": 'own = "a"', "ata": 'ata = { owner = "a", mint = "b" }'}
LISTS = each("both", "a", "b", "one") | each("back", "a", "b", "one") | each("one", "a")
MINTS = ("any", "a", "b", "p", "q", "one", "both", "back", "ks", "ls", "ks?", "@second", "@third", "@src", "@dst")
TOKENS = {"any": "", **{name: 'token_program = "%s"' % name for name in ("program", "token", "token_2022", "@second", "@third")}}
EXCEPT = {"none": "", **{name: 'except = "%s"' % name for name in ("a", "b", "p", "q", "one", "both", "back", "ks", "ls", "@second", "@src")}}
MORE = {"any": 'own = "any"', "a": 'own = "a"', "any fresh": 'own = "any", fresh = true', "a fresh": 'own = "a", fresh = true',
        "any or v": 'own = "any", or = "v"', "any or w": 'own = "any", or = "w"', "a or v": 'own = "a", or = "v"',
        "any fresh or v": 'own = "any", fresh = true, or = "v"', "any except b": 'own = "any", except = "b"',
        "any except b or v": 'own = "any", except = "b", or = "v"'}
OWNERS = ("a", "b", "p", "q", "one", "both", "back", "ks", "ls", "@second", "@third")
FLAGS = {"": "", "w": "writable = true", "e": 'writable = "either"', "s": "signer = true", "h": "hidden = true", "o": "optional = true",
         "ho": "hidden = true, optional = true", "eh": 'writable = "either", hidden = true'}
BEHIND = {"none": "", "0..4": "remaining = { max = 4 }", "0..3": "remaining = { max = 3 }", "1..4": "remaining = { min = 1, max = 4 }",
          "own": "remaining = { max = 4, own = true }", "wallet": "remaining = { max = 4, wallet = true }", "known": "remaining = { max = 4, known = true }",
          "extra": "extra_accounts = 4"}
KEYS = ("wallet", "a", "b", "p", "q", "v", "w", "one", "both", "back", "ks", "ls")
DATA = ("", "u8", "bool", "bool; u8", "u8; bool", "bool; bool", "u8 = 7", "u8 = 8", "i8", "u16", "bytes 2", "u64", "u8; u8 = 7", "u8 = 7; u8", "option u8", "option bool", "option u16", "vec 2 u8", "vec 3 u8", "vec 200 u8", "vec 300 u8", "Big", "Bigger", "Whole",
        "vec 1..2 u8", "vec 2 u16", "vec 2 bool", "vec 1..2 bool", "string 2", "seed 2", "seed 3", "rest 2", "rest 3", "tail u8", "tail bool", "tail u8; tail u8", "u8; tail u8",
        "u8; rest 2", "Zero", "Two", "Shift", "High", "tail Two", "vec 2 u8; tail Two", "vec 2 u8; Two", "vec 2 u8; tail bool", "vec 2 u8; bool", "vec 2 u8; tail u8", "vec 2 u8; u8", "Byte", "Bool", "Vec", "Word", "Byte7", "Word7", "Word8", "Seven", "Eight", "array 2 u8", "array 2 bool", "array 3 bool", "array 2 Two", "vec 2 Two", "vec 2 Zero",
        "option Byte", "option Bool", "option array 2 bool", "vec 2 u8; u16", "vec 2 u8; u8; u8", "vec 2 u8; u8; bool", "vec 2 u8; bool; u8", "vec 2 u8; option u8; u8", "option Seven", "option Seven; u8", "option u8; u8", "May", "Must", "array 2 May", "array 2 Must", "Split")
CHECKS = ("x <= 5", "x <= 6", "x < 5", "x < 6", "x >= 5", "x >= 6", "x > 5", "x > 6", "x == 5", "x == 6", "x != 5", "x != 6", "5 <= x", "6 <= x", "5 > x", "6 > x", "x <= m", "x <= n",
          "y <= 5", "x + y <= 5", "y + x <= 5", "x * 2 <= y * 3", "2 * x <= 3 * y", "x * 2 <= y * 4", "x * 2 < y * 3", "x * 2 + y <= y * 3", "x * 2 <= y * 3 + x",
          "x * 2 + y * 3 <= 5", "x * 2 <= y * 3 + 5",
          "scale_up(x, 2, 3) <= 5", "scale_up(x, 2, 4) <= 5", "scale_up(x, 4, 3) <= 5", "scale_up(x, y, 3) <= 5", "scale_down(x, 2, 3) <= 5", "length(us) <= 2", "length(ws) <= 2", "given(v) <= 0",
          "given(w) <= 0", "sent(a) <= 5", "sent(b) <= 5", "sent(p) <= 5", "per(ks, us, a) <= 5", "per(ks, us, b) <= 5", "per(ks, ws, a) <= 5", "per(ls, us, a) <= 5",
          "sum <= 5", "count(before) <= 0", "count(call) <= 0", "fact.fee <= 5", "fact.tips <= 5", "x <= fact.fee")
BOUNDS = {("x <= 6", "x <= 5"), ("x < 6", "x < 5"), ("x >= 5", "x >= 6"), ("x > 5", "x > 6"), ("5 <= x", "6 <= x"), ("6 > x", "5 > x")}
EFFECTS = ('pays = [{ lamports = "x", as = "transfer", by = "first" }]', 'pays = [{ lamports = "y", as = "transfer", by = "first" }]', 'pays = [{ lamports = "x", as = "transfer" }]',
           'pays = [{ lamports = "x", as = "tip", by = "first" }]', 'pays = [{ lamports = "x", as = "transfer", by = "second" }]', 'sends = [{ amount = "x", of = "src" }]',
           'sends = [{ amount = "y", of = "src" }]', 'sends = [{ amount = "x", of = "dst" }]', 'sends = [{ amount = "x", mint = "a" }]', 'sends = [{ amount = "x", mint = "b" }]',
           'sends = [{ amount = "x", of = "src", by = "first" }]', 'sends = [{ amount = "x", of = "src", by = "second" }]', "delegates = 1", "delegates = 2", "authority_changes = 1",
           'adds = ["sum += x"]', 'adds = ["sum += y"]', 'adds = ["more += x"]', 'adds = ["sum += x", "sum += x"]', 'let = ["z = x - y"]', 'let = ["z = x + y"]', 'let = ["z = m + n"]', 'let = ["z = scale_down(x, 2, 3)"]', 'let = ["z = scale_up(x, 2, 3)"]', 'let = ["z = per(ks, us, a)"]')
WHOLE = ("sum <= 5", "sum <= 6", "more <= 5", "sum <= m", "sum <= n", "sum >= 5", "sum >= 4", "count(call) <= 5", "count(before) <= 5", "count(call) >= 1", "sent(a) <= 5",
         "sent(b) <= 5", "fact.lamports <= 5", "fact.lamports <= 4", "tx.nonce == 0", "tx.accounts <= 5", "sum + more <= 5", "length(us) <= 2", "per(ks, us, a) <= 5")
PAYERS = ("any", "other", "wallet", "a", "b", "p", "q", "v", "w", "one", "both", "back")
PATTERNS = ("hi", "ho", "hi ", "hi {p}!", "hi {wallet}", "hi {p}", "hi {q}", "hi {v}", "hi {digits 1 3}", "hi {digits 1 4}", "hi {digits 2 3}", "hi {alnum 1 3}", "hi {[}!{]}", "hi {[}?{]}", "hi {[}?{p}{]}")
# Two rules for the same bytes: what the first does not take any more, the second takes.
FIRST = {"a": 'is = "a"', "b": 'is = "b"', "p": 'is = "p"', "q": 'is = "q"', "one": 'in = "one"', "both": 'in = "both"', "back": 'in = "back"', "ks": 'in = "ks"',
         "hidden": 'is = "a", hidden = true', "optional": 'is = "a", optional = true', "own": 'own = "any"', "own a": 'own = "a"', "fresh": 'own = "any", fresh = true',
         "@second": 'is = "@second"', "0..1": "remaining = { max = 1 }", "0..2": "remaining = { max = 2 }", "1..2": "remaining = { min = 1, max = 2 }"}
EFFECT_FIRST = {"a total": ("sum + x", 'adds = ["sum += x"]'), "a total, scaled": ("scale_up(sum, 2, 3)", 'adds = ["sum += x"]'),
                "a sum": ("scale_up(sum + x, 2, 3)", 'adds = ["sum += x"]'), "a difference": ("scale_up(x - sum, 2, 3)", 'adds = ["sum += x"]'),
                "a sum, later": ("scale_up(sum + length(us), 2, 3)", 'adds = ["sum += x"]'),
                "a fact": ("scale_up(x + fact.tips, 2, 3)", 'pays = [{ lamports = "x", as = "tip" }]'), "a mint": ("sent(a)", 'sends = [{ amount = "x", mint = "a" }]')}
STAYS = ("scale_up(x, 2, 3)", "scale_down(m, x, 3)", "scale_up(count(before), 2, 3)", "length(us)", "given(v)", "per(ks, us, a)")
# The same words about another place or other bytes.
READ = {"u16": ("u16", "x <= 5"), "u8": ("u8; u8", "x <= 5"), "u8 behind": ("u8; u8", "y <= 5"), "tail": ("tail u8; tail u8", "x <= 5"), "tail behind": ("tail u8; tail u8", "y <= 5"),
        "has tail": ("tail u8; tail u8", "has(x) == 1"), "has tail behind": ("tail u8; tail u8", "has(y) == 1"), "has": ("", "has(last) == 1"), "has next": ("", "has(next) == 1")}
OF_MINT = ("", 'check = ["sent(@last) <= 5"]', 'check = ["per(ks, us, @last) <= 5"]', 'sends = [{ amount = "m", of = "last" }]')
PLAIN = ("required", "optional", "default 5", "default 6", "bool", "a key", "3 keys", "4 keys")
PARAMETER = {name: 'type = "%s"\n%s' % row for name, row in zip((*PLAIN, "a mint", "an owner"), (
    ("u64", ""), ("u64", "optional = true"), ("u64", "default = 5"), ("u64", "default = 6"), ("bool", ""), ("pubkey", ""), ("pubkey list", "max = 3"), ("pubkey list", "max = 4"),
    ("pubkey", 'role = "mint"'), ("pubkey", 'role = "owner"')))}
GROUPS = '[[group]]\nname = "few"\nmax = 2\n[[group]]\nname = "many"\nmax = 5\n' + "".join(
    '[[instruction]]\nname = "in_%s"\nprogram = "prog"\ndata = "0%d"\ngroup = "%s"\nmax = 3\n' % (name, n, name) for n, name in ((3, "few"), (4, "many")))
OFTEN = {"once": "", "twice": "max = 2", "thrice": "max = 3", "first": "first = true", "after": 'after = "before"', "before": 'before = "before"', "after few": 'after = "few"',
         "before few": 'before = "few"', "few": 'group = "few"', "many": 'group = "many"', "alone": 'group = "alone"\n[[group]]\nname = "alone"\nmax = 2', "at least": "min = 1", "two at least": "max = 2\nmin = 2", "twice at most": "max = 2\nmin = 1",
         "flags": "changed_writable = true"}


def matrices():
    """A name, the intents by name, which pairs narrow, and which are the same."""
    yield ("accounts", {name: place(spec) for name, spec in ASKS.items()}, each("any", *(set(ASKS) - {"any"})) | LISTS, alike("both", "back"))
    yield ("mints", {mint: place('own = "%s"' % mint, role="mint") for mint in MINTS}, each("any", *MINTS[1:]) | LISTS | each("ks?", "ks"), alike("both", "back"))
    yield ("token programs", {name: place('own = "any"', spec) for name, spec in TOKENS.items()}, each("any", *(set(TOKENS) - {"any"})), ())
    yield ("exceptions", {name: place('own = "any"', spec, role="mint") for name, spec in EXCEPT.items()}, each("none", *(set(EXCEPT) - {"none"})), alike("both", "back"))
    yield ("what else is the wallet's", {name: place(spec) for name, spec in MORE.items()},
           each("any", "a", "any except b") | each("any fresh", "any", "a", "any except b") | each("a fresh", "a") | each("any or v", "any", "a", "any except b") |
           each("any or w", "any", "a", "any except b") | each("a or v", "a") | each("any fresh or v", "any", "a", "any fresh", "any except b") |
           each("any except b or v", "any except b"), ())
    yield ("owners", {owner: place('ata = { owner = "%s", mint = "b" }' % owner) for owner in OWNERS}, LISTS, alike("both", "back"))
    yield ("mints of another's", {mint: place('ata = { owner = "p", mint = "%s" }' % mint) for mint in ("any", "a", "both", "@src")},
           each("any", "a", "both", "@src") | each("both", "a"), ())
    yield ("flags", {name: place('is = "a"', spec) for name, spec in FLAGS.items()},
           each("e", "", "w") | each("h", "") | each("o", "") | each("ho", "h", "o", "") | each("eh", "e", "h", "", "w"), ())
    yield ("the wallet's flags", {"any": place("any = true"), **{name: place('is = "wallet"', FLAGS[name]) for name in ("", "s", "w")}}, each("any", "", "s") | each("", "s"), ())
    yield ("accounts behind", {name: intent(more=spec) for name, spec in BEHIND.items()},
           each("0..4", "none", "0..3", "1..4", "known", "extra") | each("0..3", "none") | each("1..4") | each("own", "none", "0..4", "0..3", "1..4", "known", "extra") |
           each("wallet", "none", "0..4", "0..3", "1..4", "known", "extra") | each("known", "none") | each("extra", "none"), ())
    key = '["k", "pubkey"%s], ["l", "pubkey"%s]'
    field = {"none": key % ("", ""), "other place": key % ("", ', { is = "a" }'), **{name: key % (", { %s }" % ASKS[name], "") for name in KEYS}}
    yield ("keys in data", {name: intent(fields=row) for name, row in field.items()}, each("none", *field) | LISTS, alike("both", "back"))
    yield ("data", {row: data(row) for row in DATA},
           each("u8", "bool", "u8 = 7", "u8 = 8") | each("i8", "bool", "u8 = 7", "u8 = 8") | each("vec 2 u8", "vec 1..2 u8") | each("string 2", "vec 1..2 u8") |
           each("vec 3 u8", "vec 2 u8", "vec 1..2 u8", "string 2") | each("vec 200 u8", "vec 3 u8", "vec 2 u8", "vec 1..2 u8", "string 2") | each("vec 300 u8", "vec 200 u8", "vec 3 u8", "vec 2 u8", "vec 1..2 u8", "string 2") | each("vec 2 bool", "vec 1..2 bool") | each("option u8", "option bool", "option Seven") | each("option u8; u8", "option Seven; u8") | each("May", "Must") | each("array 2 May", "array 2 Must") | each("seed 3", "seed 2") |
           each("vec 2 u8; u16", "vec 2 u8; u8; bool", "vec 2 u8; bool; u8") | each("vec 2 u8; u8; u8", "vec 2 u8; u8; bool", "vec 2 u8; bool; u8") |
           each("rest 3", "rest 2") | each("tail u8", "tail bool") | each("vec 2 u8; tail u8", "vec 2 u8; tail bool") | each("vec 2 u8; u8", "vec 2 u8; bool") | each("Two", "Zero") | each("Byte", "Zero", "Bool", "Byte7") | each("Word", "Zero", "Word7", "Word8") | each("Split", "Zero", "Word7", "Word8") | {(name, "Zero") for name in ("Byte7", "Word7", "Word8", "High")} | each("Bool", "Zero") |
           each("Vec", "Zero") | each("vec 2 Two", "vec 2 Zero") | each("option Byte", "option Bool") |
           each("bool; u8", "bool; bool") | each("u8; bool", "bool; bool") | set().union(*(each(two, "u8; u8 = 7", "u8 = 7; u8", "bool; u8", "u8; bool", "bool; bool") for two in ("u16", "bytes 2", "array 2 u8"))),
           alike("u8", "i8") | alike("u16", "bytes 2", "array 2 u8") | alike("vec 2 u8", "string 2") | alike("Word", "Split") | alike("vec 2 u8; u16", "vec 2 u8; u8; u8"))
    numbers = {name: intent(fields='["x", "u64"], ["y", "u64"]', more=name and 'check = ["%s"]' % name, role="mint") for name in ("", *CHECKS)}
    yield ("checks", numbers, each("", *CHECKS) | BOUNDS, alike("x * 2 <= y * 3", "2 * x <= 3 * y"))
    # Where the second comparison of two sides begins.
    sides = {", ".join(two): intent(fields='["x", "u64"], ["y", "u64"]', more="check = [%s]" % ", ".join('"%s"' % one for one in two))
             for two in (("x * 2 <= y * 3",), *(("x * 2 <= y * 3", one) for one in ("x * 4 <= y * 5", "x * 6 <= y * 5", "x * 4 <= y * 7", "y * 4 <= y * 5", "x * 4 + y <= y * 5")))}
    yield ("two comparisons of two sides", sides, each("x * 2 <= y * 3", *sides), ())
    # A number that has to fit now is demanded, but not told: it can only narrow.
    yield ("effects", {line: intent(fields='["x", "u64"], ["y", "u64"]', more=line) for line in ("", *EFFECTS)}, (), each("", *(line for line in EFFECTS if line.startswith("let"))))
    yield ("the whole", {line: intent(behind=line and '[[check]]\nthat = "%s"\n' % line) for line in ("", *WHOLE)},
           each("", *WHOLE) | each("sum <= 6", "sum <= 5") | each("sum >= 4", "sum >= 5") | each("fact.lamports <= 5", "fact.lamports <= 4"), ())
    yield ("who pays", {name: intent(head='fee_payer = "%s"\n' % name) for name in PAYERS}, each("any", *PAYERS) | LISTS, alike("both", "back"))
    yield ("messages", {name: intent(behind='[[message]]\nname = "m"\npattern = "%s"\n' % name) for name in PATTERNS}, (), ())
    for name, spec in ASKS.items():
        if name not in ("any", "other"):
            later = name in KEYS or name in ("program", "@second", "@third")  # is asked for again when the rule was chosen
            yield ("chosen by " + name, {how: place(spec, flag) for how, flag in (("chosen", "select = true"), ("not", ""))},
                   each("not", "chosen") | (each("chosen", "not") if later else set()), ())
    two = '[[instruction]]\nname = "%s"\nprogram = "prog"\ndata = "05"\naccounts = [{ name = "second", any = true }, { name = "k", %s }]\n%s\n'
    yield ("the first of two rules", {name: intent(behind=two % (("one", 'is = "a", select = true', spec) if "remaining" in spec else ("one", spec + ", select = true", "")) +
                                                   two % ("two", "any = true", "remaining = { max = 3 }")) for name, spec in FIRST.items()}, (), alike("both", "back"))
    third = ', { name = "l", is = "b", select = true }'
    yield ("what chooses the first of two rules", {how: intent(behind=(two % ("one", 'is = "a", select = true', "")).replace(" }]", " }%s]" % more) +
                                                               (two % ("two", "any = true", "")).replace(" }]", ' }, { name = "l", any = true }]'))
                                                   for how, more in (("a", third.replace('is = "b", select', "any")), ("a and b", third))}, (), ())
    yield ("optional keys", {need: place('is = "p"').replace('name = "p"\ntype = "pubkey"\n', 'name = "p"\ntype = "pubkey"\n' + need) for need in ("", "optional = true\n")},
           each("optional = true\n", ""), ())
    for name, (number, effect) in EFFECT_FIRST.items():
        yield ("before and after " + name, {when: intent(fields='["x", "u64"]', more=more % effect, role="mint") for when, more in (
            ("before", 'let = ["z = %s"]\n%%s\ncheck = ["z <= 5"]' % number), ("after", '%%s\ncheck = ["%s <= 5"]' % number))}, (), ())
    for number in STAYS:
        yield ("before and after a total, " + number, {when: intent(fields='["x", "u64"]', more=more, role="mint") for when, more in (
            ("before", 'let = ["z = %s"]\nadds = ["sum += x"]\ncheck = ["z <= 5"]' % number), ("after", 'adds = ["sum += x"]\ncheck = ["%s <= 5"]' % number))},
               (), alike("before", "after"))
    yield ("a total and what grew once", {z: intent(fields='["x", "u64"]', more='let = ["z = sum + x"]\nadds = ["sum += x", "sum += x"]\ncheck = ["%s <= 5"]' % z) for z in ("z", "sum")}, (), ())
    yield ("what is read", {what: intent('{ name = "last", is = "a", optional = true }, { name = "next", is = "b", optional = true }',
                                         ", ".join('["%s", "%s"]' % field for field in zip("xy", fields.split("; ")) if fields), 'check = ["%s"]' % check)
                            for what, (fields, check) in READ.items()}, (), ())
    for more in OF_MINT:
        # A key that is the mint, then an account of it: less is allowed there, but another mint is counted.
        yield ("a mint and its account: " + more, {spec: place(spec, more=more, role="mint") for spec in ("any = true", 'own = "any"')},
               each("any = true", 'own = "any"') if not more else (), ())
    yield ("parameters", {name: intent(first=name and '[[parameter]]\nname = "z"\n%s\ntext = "t"\n' % rows) for name, rows in {"": "", **PARAMETER}.items()},
           each("", *PLAIN) | {(name, "") for name in PLAIN} | each("optional", "required") | each("default 5", "required") | each("default 6", "required") |
           each("4 keys", "3 keys"), ())
    for what, always in (("nonce", ("true",)), ("accept_unproven", ())):
        yield (what, {value: intent(head=value and "%s = %s\n" % (what, value)) for value in ("", '"yes"', '"no"', *always)},
               {(value, "") for value in ('"yes"', '"no"', *always)} | {(value, name) for value in always for name in ('"yes"', '"no"')}, ())
    once, least = ("alone", "first", "after", "before", "after few", "before few"), ("at least", "twice at most", "two at least")
    yield ("how often", {name: intent(more=spec, behind=GROUPS) for name, spec in OFTEN.items()},
           each("once", "at least", *once) | each("twice", "once", *once, *least) | each("thrice", "once", "twice", *once, *least) |
           each("twice at most", "at least", "two at least") | each("flags", "once", "at least", *once), ())


def main():
    """usage: intent_pairs.py [MATRIX ...]: these alone"""
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for number, (what, intents, narrows, same) in enumerate(matrices()):
            if len(sys.argv) > 1 and what not in sys.argv[1:]:
                continue
            modules = {name: os.path.join(folder, "%d-%d.wasm" % (number, at)) for at, name in enumerate(intents)}
            for name, text in intents.items():
                for more, module in ((text, modules[name]), (shifted(text), modules[name] + ".else")):
                    with open(os.path.join(folder, "pair.toml"), "w", encoding="utf-8") as file:
                        file.write(more)
                    run = subprocess.run([TOOL, "policy", "build", file.name, "-o", module], capture_output=True, text=True, timeout=300)
                    expect("%s: %s builds" % (what, name), run.returncode == 0, run.stderr)
            expect(what + ": what narrows is there", all(a in modules and b in modules for a, b in (*narrows, *same)))
            for old, new in ((a, b) for a in modules for b in modules):
                wanted = "same" if old == new or (old, new) in same else "narrows" if (old, new) in narrows else "widens"
                pairs.append(("%s: %s, then %s" % (what, old or "none", new or "none"), wanted, modules[old], modules[new]))
                # What it allows besides is gone in the new one.
                pairs.append((pairs[-1][0] + ", of one more", "widens" if wanted == "widens" else "narrows", modules[old] + ".else", modules[new]))
        run = subprocess.run([FOUND], input="".join("%s %s\n" % pair[2:] for pair in pairs), capture_output=True, text=True, timeout=300)
        found = run.stdout.split("\n")[:-1]
        expect("every pair is compared", run.returncode == 0 and len(found) == len(pairs), run.stderr)
        for (what, wanted, *_), word in zip(pairs, found):
            expect("%s: it %s" % (what, wanted), word == wanted, word)
    return summary(24000 if len(sys.argv) == 1 else 1)


sys.exit(main())
