#!/usr/bin/env python3
"""What is no intent is refused, in words that say what was wrong, and where: each thing that `policy build` demands of a file, broken alone
(S11, S15: what is not understood is not allowed)."""
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58  # noqa: E402 pylint: disable=wrong-import-position
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.join(os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build")), "bin", "claviger")
BASE = """intent = 1
name = "base"
text = "All that can be wrong"
formats = ["legacy", "v0"]
fee_payer = "wallet"
accept_unproven = "flag"
[keys]
prog = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
a = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"
[lists]
two = ["a", "rent"]
[types.Kind]
variants = [{ tag = 0, name = "zero" }, { tag = 1, name = "one", fields = [["x", "u8", 7]] }]
refused = [9]
[types.Pair]
fields = [["x", "u8"], ["y", "bool"]]
[[parameter]]
name = "most"
type = "u64"
text = "a number"
unit = "lamports"
[[parameter]]
name = "people"
type = "pubkey list"
max = 3
text = "keys"
[[parameter]]
name = "prices"
type = "u64 list"
max = 3
text = "numbers"
[[parameter]]
name = "perhaps"
type = "pubkey"
optional = true
text = "a key, or none"
[[parameter]]
name = "must"
type = "pubkey"
role = "none"
text = "a key"
[[parameter]]
name = "flag"
type = "bool"
default = false
text = "yes or no"
[[parameter]]
name = "note"
type = "text"
text = "words"
[[total]]
name = "sum"
[[group]]
name = "few"
max = 2
[[instruction]]
name = "one"
program = "prog"
data = "01"
fields = [["n", "u64"], ["key", "pubkey", { is = "a" }], ["kind", "Kind"], ["pair", "Pair"], ["vec", "vec 1..2 u8"], ["left", "tail u8"]]
accounts = [
  { name = "w", is = "wallet", writable = "either" },
  { name = "src", own = "any", token_program = "token", except = "native_mint", or = "perhaps" },
  { name = "dst", ata = { owner = "must", mint = "a" } },
  { name = "minted", mint_of = "@src" },
  { name = "opt", own = "a", optional = true },
  { name = "last", in = "two" },
]
group = "few"
max = 2
let = ["z = n + 1"]
sends = [{ amount = "n", of = "src", by = "w" }]
adds = ["sum += n"]
check = ["z <= most"]
[[instruction]]
name = "two"
program = "prog"
anchor = "two"
accounts = [{ name = "again", is = "@one.w" }, { name = "named", any = true }]
remaining = { max = 3 }
after = "one"
[[instruction]]
name = "three"
program = "prog"
data = "03"
accounts = [{ name = "may", is = "a", maybe = true }, { name = "b", is = "wallet" }]
[[check]]
that = "sum <= most"
text = "in all"
[[message]]
name = "hello"
pattern = "hi {digits 1 3} {note}"
"""
ONE, LAST, THAT, PATTERN = '["left", "tail u8"]', '{ name = "last", in = "two" }', 'that = "sum <= most"', "hi {digits 1 3} {note}"
ADDRESS = [base58(bytes([1 + i // 256, i % 256]) + bytes(30)) for i in range(400)]


def rows(head, count, row):
    return "".join(head + "\n" + row % ((i,) * row.count("%d")) + "\n" for i in range(count))


# A part of the file, what stands there instead, and what is said of it.
WRONG = [
    # the whole
    ('intent = 1\n', '', "intent = 1 is missing"), ('name = "base"', 'name = "Base"', "name is small letters, digits and -"), ('name = "base"', 'name = ""', "name is small letters"),
    ('name = "base"', 'name = "%s"' % ("b" * 33), "at most 32"), ('name = "base"', 'name = "1base"', "name is small letters"), ('name = "base"', 'name = 3', '"name" must be a text in quotation marks'),
    ('name = "base"\n', '', '"name" is missing'), ('text = "All that can be wrong"', 'text = ""', "text is one line of 1 to 120"), ('text = "All that can be wrong"', 'text = "%s"' % ("t" * 121), "text is one line"),
    ('text = "All that can be wrong"', 'text = "two\\nlines"', "text is one line"), ('text = "All that can be wrong"', "text = 'a \"word\"'", "text is one line"),
    ('["legacy", "v0"]', '[]', "or some of them"), ('["legacy", "v0"]', '"v0"', "or some of them"), ('["legacy", "v0"]', '["v2"]', "a format is legacy, v0 or v1"), ('["legacy", "v0"]', '[0]', "a format is"),
    ('fee_payer = "wallet"', 'fee_payer = "nobody"', "fee_payer is any, wallet, other"), ('accept_unproven = "flag"', 'accept_unproven = "most"', "the name of a bool parameter is expected"),
    ('accept_unproven = "flag"', 'accept_unproven = "nope"', "the name of a bool parameter"), ('accept_unproven = "flag"', 'nonce = 1', "the name of a bool parameter"),
    # names
    ('name = "sum"', 'name = "Sum"', "is no name: small letters, digits and _"), ('name = "sum"', 'name = "%s"' % ("s" * 33), "is no name"), ('name = "sum"', 'name = "1"', "is no name"),
    ('[[total]]\n', rows("[[total]]", 512, 'name = "t%d"') + "[[total]]\n", "more than 512 names"), ('[[total]]\n', rows("[[total]]", 300, 'name = "a_name_that_is_rather_long_%d"') + "[[total]]\n", "names and texts take more than 8192 bytes"),
    ('[[total]]\n', rows("[[total]]", 490, 'name = "t%d"') + "[[total]]\n", "too many numbers"),
    ('name = "few"\n', 'name = "sum"\n', "no [[group]] is called"), ('name = "few"\n', 'name = "one"\n', '"one" is defined twice'), ('unit = "lamports"', 'unit = "sol"', "unit must be lamports, raw, bps or seconds"),
    ('default = false', 'default = 1', "a default is for bool"), ('optional = true', 'default = 1', "a default is for bool"), ('default = false', 'default = false\noptional = true', "is not optional"),
    ('unit = "lamports"', 'default = "5"', "a default is for bool"), ('[[parameter]]\n', rows("[[parameter]]", 32, 'name = "p%d"\ntype = "bool"\ntext = "t"') + "[[parameter]]\n", "more than 32 parameters"),
    ('type = "text"', 'type = "texts"', "type must be bool"), ('text = "words"', 'text = "two\\nlines"', "text must be one line"), ('text = "words"', 'text = "%s"' % ("w" * 201), "text must be one line"),
    ('text = "words"', 'text = ""', "text must be one line"), ('text = "words"', "text = 'a \"word\"'", "text must be one line"), ('role = "none"', 'role = "payer"', "role is none, owner or mint"),
    ('unit = "lamports"', 'role = "mint"', "role is none, owner or mint, of pubkeys"), ('max = 3\ntext = "keys"', 'text = "keys"', "lists, and only lists, have max"),
    ('unit = "lamports"', 'max = 2', "lists, and only lists, have max"), ('[[parameter]]\n', rows("[[parameter]]", 25, 'name = "p%%d"\ntype = "bool"\ntext = "%s"' % ("t" * 200)) + "[[parameter]]\n", "parameters: "),
    ('a = "HWHZ', 'a = "0HWHZ', "an address in base58 is expected here"), ('a = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"', 'a = 7', "an address in base58"),
    ('a = "HWHZ', 'rent = "HWHZ', '"rent" is always defined'), ('two = ["a", "rent"]', 'two = "a"', "a list of addresses is expected"), ('two = ["a", "rent"]', 'two = ["a", "nope"]', "an address in base58"),
    ('two = ["a", "rent"]', 'two = ["a", 3]', "an address in base58"), ('two = ["a", "rent"]', 'two = ["a", "two"]', "an address in base58"), ('two = ["a", "rent"]', 'two = []', "an empty list allows nothing"),
    ('two = [', "".join('l%d = ["rent"]\n' % i for i in range(64)) + 'two = [', "more than 64 lists"), ('two = [', 'more = %s\ntwo = [' % str(ADDRESS[:321]).replace("'", '"'), "more than 320 addresses"),
    ('[types.Pair]\nfields = [["x", "u8"], ["y", "bool"]]', '[types]\nPair = 3', "a type is a table: fields or variants"), ('[[group]]\n', rows("[[group]]", 64, 'name = "g%d"') + "[[group]]\n", "more than 64 groups"),
    ('intent = 1\n', 'intent = 1\nkeys = 3\n', ""), ('[[total]]\nname = "sum"\n', '[total]\nname = "sum"\n', "write [[total]]: there can be many"),
    # accounts
    ('is = "@one.w"', 'is = "@nope"', 'no account before this one is called "nope"'), ('is = "@one.w"', 'is = "@named"', 'no account before this one is called "named"'), ('mint_of = "@src"', 'mint_of = "@last"', "no account before this one"),
    ('token_program = "token"', 'token_program = "@dst"', "no account before this one"), ('of = "src"', 'of = "n"', "no account before this one"), ('is = "@one.w"', 'is = 3', 'is = "..." is expected'),
    ('is = "@one.w"', 'is = "nope"', '"nope" is no key, pubkey parameter or address, nor wallet, program or @account'), ('{ is = "a" }]', '{ is = "@src" }]', "nor wallet"), ('{ is = "a" }]', '{ is = "program" }]', "nor wallet"),
    ('is = "@one.w"', 'is = "most"', "is no key"), ('is = "@one.w"', 'is = "people"', "is no key"), ('in = "two"', 'in = 2', "in = \"the name of a list\" is expected"), ('in = "two"', 'in = "must"', "is no list and no pubkey list parameter"),
    ('in = "two"', 'in = "prices"', "is no list"), ('{ is = "a" }]', '{ }]', "one of is = ... and in = ... is expected"), ('{ is = "a" }]', '{ is = "a", in = "two" }]', "one of is"), ('{ is = "a" }]', '{ own = "a" }]', '"own" is no key here'),
    ('mint_of = "@src"', 'mint_of = "@opt"', "no account before"), (LAST, '{ name = "last", mint_of = "@opt" }', "may be left out has no mint to rely on"), ('is = "@one.w"', 'is = "@one.nope"', 'the instruction has no account "one.nope"'),
    ('own = "any", token_program', 'own = "most?", token_program', "? is for a pubkey list parameter"), ('own = "any", token_program', 'own = "nope", token_program', '"nope" is no mint: any, @account'),
    ('own = "any", token_program', 'own = 3, token_program', "a mint in quotation marks is expected"), ('own = "any", token_program', 'own = "", token_program', "is no mint"), ('own = "any", token_program', 'own = "?", token_program', "is no mint"),
    ('of = "src"', 'mint = "two"', '"two" is no mint: @account, a key, a pubkey parameter or an address'), ('of = "src"', 'mint = "any"', "is no mint"), ('of = "src"', 'mint = "people"', "is no mint"),
    ('token_program = "token"', 'token_program = "nope"', 'token_program is "any", "program", "@account" or a key'), ('token_program = "token"', 'token_program = "@"', "token_program is"),
    ('owner = "must"', 'owner = 3', 'owner = "..." is expected'), ('owner = "must"', 'owner = "perhaps"', "an owner is a key, a required parameter, a list or @account"), ('owner = "must"', 'owner = "program"', "an owner is a key"),
    ('owner = "must"', 'owner = "@one.w"', "an owner is a key"), ('owner = "must"', 'owner = "@one.w?"', "an owner is a key"), ('owner = "must", mint = "a"', 'owner = "must"', "ata = { owner = ..., mint = ... } is expected"),
    ('owner = "must", mint = "a"', 'mint = "a"', "ata = { owner"), ('owner = "must", mint = "a"', 'owner = "must", mint = "a", more = 1', '"more" is no key here'), ('or = "perhaps"', 'or = "most"', '"most" is no pubkey parameter'),
    ('or = "perhaps"', 'or = "nope"', "is no pubkey parameter"), ('mint_of = "@src"', 'mint_of = "src"', "mint_of = \"@account\" is expected"), ('mint_of = "@src"', 'mint_of = 3', "mint_of = \"@account\""),
    ('mint_of = "@src"', 'mint_of = "@w"', "mint_of names an account with own or ata"), ('in = "two" }', 'in = "two", any = true }', "one of is, in, own, ata and any at most"), ('in = "two" }', 'in = "two", own = "a" }', "one of is, in, own"),
    ('in = "two" }', 'in = "two", is = "a" }', "one of is, in, own"), ('in = "two" }', 'in = "two", mint_of = "@src" }', "one of is, in, own"), ('in = "two" }', 'in = "two", ata = { owner = "must", mint = "a" } }', "one of is, in, own"),
    ('in = "two" }', 'in = "two", token_program = "token" }', "token_program and except go with own and ata"), ('in = "two" }', 'in = "two", except = "a" }', "token_program and except"), ('in = "two" }', 'in = "two", or = "perhaps" }', "or and fresh go with own"),
    ('in = "two" }', 'in = "two", fresh = true }', "or and fresh go with own"), ('mint = "a" } }', 'mint = "a" }, fresh = true }', "or and fresh"), ('any = true', 'any = false', "any = true, or nothing"), ('any = true', 'any = 1', "true or false"),
    ('except = "native_mint"', 'except = "any"', "would allow nothing"), ('optional = true },', 'hidden = true },', "hidden in a lookup table can be nothing of the wallet's"), ('mint = "a" } }', 'mint = "a" }, hidden = true }', "hidden in a lookup table"),
    ('writable = "either"', 'hidden = true', "hidden in a lookup table"), ('any = true', 'any = true, select = true', "select needs a requirement"), ('{ name = "named", any = true }', '{ name = "named", select = true }', "select needs a requirement"),
    ('writable = "either"', 'writable = "maybe"', '"writable" must be true or false'), ('writable = "either"', 'signer = 1', '"signer" must be true or false'), ('name = "last"', 'name = "sum"', "is no name for this"),
    ('name = "last"', 'name = "src"', "is no name for this"), ('name = "last"', 'name = "Last"', "is no name for this"), ('name = "last"', 'name = ""', "is no name for this"), (LAST, LAST + ", " + ", ".join(["{ }"] * 59), "more than 64 accounts"),
    ('fields = [["n", "u64"],', "fields = [%s," % ", ".join(["[\"f%d\", \"u8\"]" % i for i in range(130)] + ['["n", "u64"]']), "too many fields and accounts in one instruction"),
    ('accounts = [{ name = "again", is = "@one.w" }, { name = "named", any = true }]', 'accounts = 3', "accounts = [{ ... }, ...] is expected"), (LAST, '3', "a table { ... } is expected here"),
    ('{ name = "b", is = "wallet" }', '{ name = "b", is = "@may" }', "this account is always there, and one that it names may be left out (maybe)"),
    ('[[check]]\nthat', "".join('[[instruction]]\nname = "%s"\nprogram = "prog"\ndata = "0%d"\naccounts = [%s]\n' % (
        name, 5 + n, ", ".join(('{ name = "x%d" }' if n == 0 else '{ is = "@far.x%d" }') % i for i in range(33))) for n, name in enumerate(("far", "near"))) + "[[check]]\nthat",
     "too many accounts of other instructions"),
    # instructions
    ('program = "prog"\ndata = "01"', 'program = "nope"\ndata = "01"', '"nope" is no key and no address'), ('let = ["z = n + 1"]', 'let = 3', "let = [ ... ] is expected"), ('by = "w"', 'by = "nope"', 'no account of this instruction is called "nope"'),
    ('by = "w"', 'by = "n"', "no account of this instruction"), ('amount = "n"', 'amount = true', 'amount = "..." is expected'), ('amount = "n", ', '', 'amount = "..." is expected'), (', of = "src"', '', "one of of ="), (', of = "src"', ', of = "src", mint = "a"', "one of of ="),
    ('of = "src"', 'of = 3', "one of of ="), ('of = "src"', 'of = "%s"' % ("s" * 40), "this is no account of the instruction"), ('of = "src"', 'of = "%s"' % ("s" * 32), "no account before"), ('of = "src"', 'mint = "@src"', 'write of = "account"'),
    ('sends = [{', 'delegates = 65\nsends = [{', "from 0 to 64"), ('sends = [{', 'authority_changes = 65\nsends = [{', "from 0 to 64"), ('sends = [{ amount = "n", of = "src", by = "w" }]', 'pays = [{ lamports = "n", as = "gift" }]', "as is transfer, tip, rent or wrap"),
    ('data = "01"', 'data = "01"\nanchor = "x"', "data or anchor, not both"), ('anchor = "two"', 'anchor = "Two"', "anchor is the method's name"), ('anchor = "two"', 'anchor = ""', "anchor is the method's name"),
    ('anchor = "two"', 'anchor = "%s"' % ("t" * 65), "anchor is the method's name"), ('data = "01"', 'data = "0g"', "data is at most 8 bytes in hex"), ('data = "01"', 'data = "010203040506070809"', "data is at most 8 bytes"),
    ('remaining = { max = 3 }', 'remaining = { max = 3 }\nextra_accounts = 2', "remaining or extra_accounts, not both"), ('data = "03"', 'data = "03"\nremaining = { max = 1 }', "an account with maybe does not go with"),
    ('data = "03"', 'data = "03"\nextra_accounts = 1', "an account with maybe does not go with"), ('remaining = { max = 3 }', 'remaining = 3', "a table { ... } is expected"), ('remaining = { max = 3 }', 'remaining = { min = 4, max = 3 }', '"min" must be a number from 0 to 3'),
    ('remaining = { max = 3 }', 'remaining = { max = 192 }', "from 0 to 191"), ('remaining = { max = 3 }', 'extra_accounts = 33', "from 0 to 32"), ('after = "one"', 'after = "nope"', 'no instruction or group is called "nope"'),
    ('after = "one"', 'before = "sum"', "no instruction or group"), ('group = "few"', 'group = "one"', 'no [[group]] is called "one"'), ('group = "few"', 'group = "nope"', "no [[group]] is called"), ('group = "few"\nmax = 2', 'group = "few"\nmax = 2\nmin = 3', "from 0 to 2"),
    ('[[check]]\nthat', rows("[[instruction]]", 130, 'name = "i%d"\nprogram = "prog"\ndata = "05"') + "[[check]]\nthat", "too many instructions"), ('[[check]]\nthat = "sum <= most"\ntext = "in all"', '[check]\nthat = "sum <= most"', "write [[check]]: there can be many"),
    ('[[check]]\nthat', "".join('[[instruction]]\nname = "i%d"\nprogram = "%s"\ndata = "05"\n' % (i, ADDRESS[i]) for i in range(70)) + "[[check]]\nthat", "too many programs"),
    ('[[check]]\nthat', "".join('[[instruction]]\nname = "i%d"\nprogram = "prog"\ndata = "05"\naccounts = [%s]\n' % (i, ", ".join(["{ }"] * 64)) for i in range(40)) + "[[check]]\nthat", "too many operations"),
    ('[[check]]\nthat', rows("[[check]]", 257, 'that = "sum <= 1%d"') + "[[check]]\nthat", "more than 256 constants"),
    # expressions
    (THAT, 'that = 3', "an expression in quotation marks is expected"), (THAT, 'reason = "fee-over-limit"', 'that = "..." is missing'), ('text = "in all"', 'text = "%s"' % ("t" * 33), "text is a name of at most 32"),
    ('text = "in all"', 'text = "in\\nall"', "text is a name of at most 32"), ('text = "in all"', "text = 'in \"all\"'", "text is a name"), (THAT, 'that = "sum most"', "one of <= >= < > == != is expected here"), (THAT, 'that = "sum <= most most"', "this does not belong"),
    (THAT, 'that = "sum <= "', "a number or a name is expected here"), (THAT, 'that = "sum <= 18446744073709551616"', "is not one from 0 to 2^64-1"), (THAT, 'that = "sum <= 5x"', "is not one from 0 to 2^64-1"), (THAT, 'that = "n <= most"', "this is no field, value, total"),
    (THAT, 'that = "z <= most"', "this is no field, value"), (THAT, 'that = "sum <= people"', "only u64 and bool parameters are values"), (THAT, 'that = "sum <= must"', "only u64 and bool parameters"), ('["z <= most"]', '["w <= most"]', "an account is no number; has(account) is one"),
    ('["z <= most"]', '["key <= most"]', "only u8 to u64 and bool fields are values"), ('["z <= most"]', '["pair <= most"]', "only u8 to u64"), (THAT, 'that = "scale_up(sum, 2, 0) <= 1"', "the divisor before this must be 1 to 4294967295"),
    (THAT, 'that = "scale_up(sum, 2, 4294967296) <= 1"', "the divisor before this"), (THAT, 'that = "scale_up(sum, 2, most) <= 1"', "is not one from 0"), (THAT, 'that = "scale_up(sum 2, 3) <= 1"', '"," is expected here'), (THAT, 'that = "scale_up(sum, 2, 3 <= 1"', '")" is expected here'),
    (THAT, 'that = "has(src) == 1"', "has() takes an account of this instruction"), ('["z <= most"]', '["has(n) == 1"]', "has() takes an account"), ('["z <= most"]', '["has(nope) == 1"]', "has() takes an account"), ('["z <= most"]', '["has(left == 1"]', '")" is expected'),
    (THAT, 'that = "sent(@src) <= most"', "there are no accounts here"), (THAT, 'that = "sent(nope) <= most"', "is no mint"), (THAT, 'that = "per(prices, prices, a) <= most"', "a pubkey list parameter is expected before this"), (THAT, 'that = "per(people, people, a) <= most"', "a u64 list parameter is expected"),
    (THAT, 'that = "per(people, nope, a) <= most"', "a u64 list parameter"), (THAT, 'that = "given(must) == 1"', "given() takes a pubkey parameter that is optional"), (THAT, 'that = "given(nope) == 1"', "given() takes"), (THAT, 'that = "length(most) == 1"', "length() takes a list"),
    (THAT, 'that = "length(nope) == 1"', "length() takes a list"), (THAT, 'that = "count(nope) == 1"', "count() takes an instruction or a group"), (THAT, 'that = "sqrt(sum) == 1"', "no function before this"), (THAT, 'that = "sum + sum + sum + sum + sum + sum + sum + sum + sum <= most"', "more than 8 products on one side"),
    (THAT, 'that = "most >= sum + sum + sum + sum + sum + sum + sum + sum + sum"', "more than 8 products"), ('let = ["z = n + 1"]', 'let = ["n = 1"]', "with a name that is not used yet"), ('let = ["z = n + 1"]', 'let = ["sum = 1"]', "not used yet"), ('let = ["z = n + 1"]', 'let = ["Z = 1"]', "not used yet"),
    ('let = ["z = n + 1"]', 'let = ["z n"]', '"=" is expected here'), ('let = ["z = n + 1"]', 'let = ["z = n + 1 2"]', "this does not belong"), ('let = ["z = n + 1"]', 'let = [3]', "an expression in quotation marks"), ('adds = ["sum += n"]', 'adds = ["most += n"]', "TOTAL += ... is expected"),
    ('adds = ["sum += n"]', 'adds = ["nope += n"]', "TOTAL += ..."), ('adds = ["sum += n"]', 'adds = ["sum = n"]', '"+=" is expected'), ('adds = ["sum += n"]', 'adds = ["sum += n n"]', "this does not belong"), ('let = ["z = n + 1"]', "let = [%s]" % ", ".join('"z%s = n"' % ("" if i == 0 else i) for i in range(130)), "too many names in one instruction"),
    # types
    ('"vec 1..2 u8"', '"vec 2..1 u8"', "MIN..MAX is expected here"), ('"vec 1..2 u8"', '"vec x..1 u8"', "MIN..MAX"), ('"vec 1..2 u8"', '"vec 1..x u8"', "MIN..MAX"), ('"vec 1..2 u8"', '"vec u8"', "how many at most, a number"), ('"vec 1..2 u8"', '"vec 4097 u8"', "how many at most"),
    ('"vec 1..2 u8"', '"array x u8"', "a number from 0 to 4096 is expected"), ('"vec 1..2 u8"', '"bytes 4097"', "a number from 0 to 4096"), ('"vec 1..2 u8"', '"array 4096 u16"', "this array is too long"), ('"vec 1..2 u8"', '"vec 1..2 u8 u8"', "the type ends before this"),
    ('"vec 1..2 u8"', '"string x"', "a number from 0"), ('"vec 1..2 u8"', '"seed x"', "a number from 0"), ('"vec 1..2 u8"', '"nope"', '"nope" is no type'), ('"vec 1..2 u8"', '"option"', "is no type"), ('["n", "u64"]', '["n", "u64 u8"]', "the type ends before this"),
    ('["x", "u8", 7]', '["x", "u128", 7]', "a value is for u8, u16, u32, u64 and bool"), ('["x", "u8", 7]', '["x", "u8", 256]', "this value does not fit the type"), ('["x", "u8", 7]', '["x", "u8", "7"]', "a value is a number or true or false"), ('["x", "u8", 7]', '["x", "vec 2 u8", 7]', "a value is a number or true"),
    ('["x", "u8", 7]', '["x", "u8", 7, 8]', 'a field is ["name", "type"]'), ('["x", "u8", 7]', '["x"]', "a field is"), ('["x", "u8", 7]', '["x", "u8 u8"]', "the type ends before this"), ('fields = [["x", "u8", 7]]', 'fields = 3', 'fields = [["name", "type"], ...] is expected'),
    ('{ tag = 1, name = "one"', '{ name = "one"', '"tag" is missing: 0 to 255'), ('{ tag = 1, name = "one"', '{ tag = 0, name = "one"', "tag 0 stands twice"), ('{ tag = 1, name = "one"', '{ tag = 256, name = "one"', "from 0 to 255"), ('{ tag = 1, name = "one"', '{ tag = 1', '"name" is missing'),
    ('refused = [9]', 'refused = 9', "refused = [tag, ...] is expected"), ('refused = [9]', 'refused = [1]', "a tag from 0 to 255 that is no variant"), ('refused = [9]', 'refused = [256]', "a tag from 0 to 255"), ('refused = [9]', 'refused = ["9"]', "a tag from 0 to 255"),
    ('fields = [["x", "u8"], ["y", "bool"]]', 'variants = []', "variants = [{ tag, name, fields }, ...] is expected"), ('fields = [["x", "u8"], ["y", "bool"]]', '', "a type has either fields (a struct) or variants"), ('refused = [9]', 'fields = []', "a type has either"),
    ('["y", "bool"]', '["y", "Pair"]', "types nest too deep, or a type is in itself"), ('["kind", "Kind"]', '["Kind", "Kind"]', "is no name for this"), ('["kind", "Kind"]', '["n", "Kind"]', "is no name for this"), ('["kind", "Kind"]', '["kind", "Kind", 3]', "a value is for numbers, bools and pubkeys"),
    ('["kind", "Kind"]', '["kind"]', 'a field is ["name", "type"], perhaps with a value'), ('["kind", "Kind"]', '["kind", "Kind", 3, 4]', "a field is"), ('["key", "pubkey", { is = "a" }]', '["key", "pubkey", 3]', "a number or true or false for numbers"), ('["n", "u64"]', '["n", "u64", { is = "a" }]', "a number or true"),
    ('["n", "u64"]', '["n", "u128", 3]', "a number or true"), ('["n", "u64"]', '["n", "u64", "3"]', "a number or true"), (ONE, '["left", "tail u8"], ["more", "u8"]', "tail is for the last field, or before a tail or a rest"), (ONE, '["left", "rest 8"], ["more", "u8"]', "rest is for the last field"),
    (ONE, '["left", "rest 8"], ["more", "tail u8"]', "rest is for the last field"), (ONE, '["left", "tail u8", 3]', "a tail has no value of its own"), (ONE, '["left", "rest x"]', "a number from 0"), (ONE, ", ".join('["v%d", "vec 2 u8"]' % i for i in range(17)), "too many fields of changing length"),
    ('fields = [["n", "u64"],', 'fields = 3 # [["n", "u64"],', 'fields = [["name", "type"], ...] is expected'),
    # messages
    ('name = "hello"', 'name = "Hello"', "no name: small letters, digits, _"), (PATTERN, "", "an empty pattern matches nothing"), ('[[message]]\n', rows("[[message]]", 64, 'name = "m%d"\npattern = "m%d"') + "[[message]]\n", "too many messages"),
    ('[[message]]\nname = "hello"\npattern = "hi {digits 1 3} {note}"', '[message]\nname = "hello"\npattern = "hi"', "write [[message]]: there can be many"), (PATTERN, "hi {digits 1 3}4", "the class before this text would take its first byte"),
    (PATTERN, "hi {alnum 1 3}x", "would take its first byte"), (PATTERN, "hi {time 1 3}Z", "would take its first byte"), (PATTERN, "hi {line 1 3} x", "would take its first byte"), (PATTERN, "hi {digits 1 3}{[}4{]}", "would take its first byte"), (PATTERN, "hi {digits 3 1}", "a class is {name MIN MAX}, at most 1024"),
    (PATTERN, "hi {digits 1 1025}", "a class is"), (PATTERN, "hi {digits 0 0}", "a class is"), (PATTERN, "hi {digits 1}", "a class is"), (PATTERN, "hi {digits 1 2 3}", "a class is"), (PATTERN, "hi {digits 1 3}{alnum 1 3}", "a class cannot follow a class"), (PATTERN, "hi {digits 1 3}{note}", "a parameter cannot follow a class"),
    (PATTERN, "hi {digits 1 3}{wallet}", "the wallet's address cannot follow a class"), (PATTERN, "hi {nope}", "or a parameter is expected; a brace is {{"), (PATTERN, "hi {sum}", "or a parameter is expected"), (PATTERN, "hi {most}", "only text and pubkey parameters stand in a pattern"),
    (PATTERN, "hi {note 3}", "a name alone is expected in these braces"), (PATTERN, "hi {wallet 3}", "a name alone"), (PATTERN, "hi {[}x", "{[} without {]}"), (PATTERN, "hi {]}", "{]} without {[}"), (PATTERN, "hi {[}{note}{]}", "text is expected behind {[}"), (PATTERN, "hi {[}{]}", "text is expected behind {[}"),
    (PATTERN, "hi {note", "a brace that is not closed"), (PATTERN, "hi }", "a closing brace without an opening one; a brace is }}"), (PATTERN, "x" * 1025, "too long a text, or a zero byte"), (PATTERN, "hi \\u0000", ""), (PATTERN, "hi " + "".join("{[}a" for i in range(17)) + "{]}" * 17, "too many parts within parts"),
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        path, module = os.path.join(folder, "file.toml"), os.path.join(folder, "module.wasm")

        def build(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            run = subprocess.run([TOOL, "policy", "build", path, "-o", module], capture_output=True, text=True, timeout=60)
            return run.returncode, run.stderr

        expect("as it is it builds", build(BASE)[0] == 0, build(BASE))
        os.unlink(module)
        for old, new, words in WRONG:
            expect("%r is there" % old, old in BASE)
            code, said = build(BASE.replace(old, new, 1))
            expect("%.200r instead of %.80r" % (new, old), code == 1 and words in said and said.count("\n") == 1 and path + ":" in said, code, said[:300])
            expect("no module is written", not os.path.exists(module))
            if os.path.exists(module):
                os.unlink(module)
        nothing = BASE[:BASE.index("[[instruction]]")].replace('formats = ["legacy", "v0"]\n', "")
        code, said = build(nothing)
        expect("an intent of nothing", code == 1 and "allows nothing" in said, code, said)
        code, said = build(BASE[:BASE.index("[[instruction]]")] + BASE[BASE.index("[[message]]"):])
        expect("formats without instructions", code == 1 and "for an intent with instructions" in said, code, said)
    return summary(3 * len(WRONG))


sys.exit(main())
