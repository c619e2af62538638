#!/usr/bin/env python3
"""Intents that try to look narrower than they are: files and bent tables whose texts, or whose mark as a known module,
would hide what a grant of them allows. S15, A3, B7."""
# SPDX-License-Identifier: Apache-2.0
import base64
import os
import resource
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58, base58_decode  # noqa: E402 pylint: disable=wrong-import-position
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "bin", "claviger")
FRIEND = "ErigbMVRXgm2zELSZbAtngkcizM7veFP9PqPUpPAoTpE"
THIEF = "AYckEk2t9ct69UWpugdGEMPhmLtVy4uVnzqgcbtyMtoA"
FRESH, OWNED, CHOSEN, WITHOUT, HAS_DATA, LENGTH, GIVEN, TEXT = 18, 15, 32, 4, 31, 32, 33, 46
IS_KEY, IS_PARAM, IS_ACCOUNT, OWNED_OR, BIND, LITERAL, FIELD_KEY, LOAD, ADD, SCALE_UP, PAY, DELEGATE, CHECK = 5, 6, 7, 17, 19, 21, 22, 23, 25, 28, 37, 39, 41
NONE = 0xffff
PARTS = ("hash programs rules ops layouts enums keys lists image params groups checks fields names messages words "
         "schema").split()


def claviger(*words):
    run = subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout, run.stderr


class Module:
    """A built intent, and its table."""

    def __init__(self, folder, text, params=""):
        self.path, self.params = os.path.join(folder, "lie.wasm"), os.path.join(folder, "lie.params.toml")
        with open(os.path.join(folder, "lie.toml"), "w", encoding="utf-8") as file:
            file.write('intent = 1\nname = "lie"\ntext = "It looks narrow"\n' + text)
        with open(self.params, "w", encoding="utf-8") as file:
            file.write(params)
        if os.path.exists(self.path):
            os.remove(self.path)
        self.code, _, self.said = claviger("policy", "build", os.path.join(folder, "lie.toml"), "-o", self.path)
        if self.code == 0:
            self.data = bytearray(open(self.path, "rb").read())
            self.table = self.data.index(b"CVIT")

    def part(self, name):
        """Where a part begins, and how many entries it has."""
        off, count = struct.unpack_from("<HH", self.data, self.table + 112 - 4 - 4 * (len(PARTS) - PARTS.index(name)))
        return self.table + off, count

    def ops(self, op=None):
        off, count = self.part("ops")
        return [off + 8 * i for i in range(count) if op is None or self.data[off + 8 * i] == op]

    def word(self, at, value=None):
        """The u16 at a place of the module; `value` is put there first."""
        if value is not None:
            struct.pack_into("<H", self.data, at, value)
        return struct.unpack_from("<H", self.data, at)[0]

    def swap(self, one, other, operations=1):
        """Two operations change their places, or one and so many that stand together."""
        first, second = self.data[one:one + 8], self.data[other:other + 8 * operations]
        self.data[one:other + 8 * operations] = second + self.data[one + 8:other] + first

    def rule(self, index):
        return self.part("rules")[0] + 56 * index

    def known(self):
        with open(self.path, "wb") as file:
            file.write(self.data)
        code, out, said = claviger("policy", "inspect", self.path)
        return code == 0 and out.startswith("intent lie: "), out + said

    def text(self):
        code, out, said = claviger("policy", "describe", "--module", self.path, "--params", self.params)
        heading, _, text = out.partition("\n")
        expect("the text is headed as another's", heading.startswith("an intent that does not ship"), heading)
        return text if code == 0 else text + said


def rule(name, to, **more):
    lines = {"program": '"system"', "data": '"02000000"', "fields": '[["lamports", "u64"]]',
             "pays": '[{ lamports = "lamports", as = "transfer", by = "from" }]', **more}
    lines = {key: line for key, line in lines.items() if line}
    return '[[instruction]]\nname = "%s"\n' % name + "".join("%s = %s\n" % row for row in lines.items()) + (
        'accounts = [{ name = "from", is = "wallet", signer = true, writable = true }, '
        '{ name = "to", %s, writable = true }]\n' % to)


def lines(folder):
    """Two lines of one hash (FNV-1a, 32 bits) and one length are two lines."""
    m = Module(folder, '[lists]\npartners_020b40 = ["%s"]\npartners_80022f = ["%s"]\n' % (FRIEND, THIEF) +
               rule("send", 'in = "partners_020b40", select = true') +
               rule("send_again", 'in = "partners_80022f", select = true'))
    expect("both are told", m.code == 0 and FRIEND in m.text() and THIEF in m.text(), m.said, m.text())


def choice(folder):
    """A place that chose its rule is what the rule says of it: an own account's mint too."""
    text = ('[[parameter]]\nname = "mint"\ntype = "pubkey"\nrole = "mint"\ntext = "sent"\n'
            '[[parameter]]\nname = "other"\ntype = "pubkey"\nrole = "mint"\ntext = "named"\n'
            '[[parameter]]\nname = "vouched"\ntype = "pubkey"\noptional = true\ntext = "own"\n'
            '[[instruction]]\nname = "send"\nprogram = "token"\ndata = "03"\nfields = [["amount", "u64"]]\naccounts = ['
            '{ name = "source", own = "mint", except = "other", or = "vouched", token_program = "program", writable = true, '
            'select = true }, { name = "destination", writable = true }, { name = "owner", is = "wallet", signer = true }]\n'
            'sends = [{ amount = "amount", of = "source" }]\n')
    good = Module(folder, text)
    expect("a good one is known", good.code == 0 and good.known()[0], good.said)
    bent = 0
    for at in good.ops() if good.code == 0 else []:
        if good.data[at] != OWNED or not good.data[at - 6] & CHOSEN:
            continue
        for what, byte, change in (("mint", 2, 32), ("token program", 1, 16)):
            m = Module(folder, text)
            m.data[at + byte] ^= change
            known, out = m.known()
            expect("another %s than the one that chose" % what, not known, out)
            bent += 1
    expect("places were bent", bent == 2, bent)


def without(folder):
    """A rule that says it is the one before without some accounts: what more it allows is told."""
    m = Module(folder, '[lists]\nfriends = ["%s"]\nothers = ["%s"]\n' % (FRIEND, THIEF) +
               rule("send", 'in = "friends", select = true') + rule("send_more", 'in = "others"'))
    expect("it builds", m.code == 0, m.said)
    m.data[m.rule(1) + 17] |= WITHOUT
    for same_name in (False, True):
        if same_name:
            m.data[m.rule(1) + 46:m.rule(1) + 48] = m.data[m.rule(0) + 46:m.rule(0) + 48]
            m.data[m.rule(1) + 34:m.rule(1) + 36] = m.data[m.rule(0) + 34:m.rule(0) + 36]
        known, out = m.known()
        expect("it is another rule", not known and "refused: " in out, out)
    m = Module(folder, '[lists]\nfriends = ["%s"]\n' % FRIEND + rule("send", 'in = "friends", select = true') + rule("send_more", 'in = "friends"'))
    for at in (34, 46):
        m.word(m.rule(1) + at, m.word(m.rule(0) + at))
    for at in (36, 38):  # there is a count less
        m.word(m.table + at, m.word(m.table + at) - 8)
    m.data[m.rule(1) + 17] |= WITHOUT
    known, out = m.known()
    expect("a rule without none of the accounts", not known and "without some accounts" in out, out)


def wraps(folder):
    """`wrap` is believed only where the lamports stay the wallet's."""
    wrap = '[{ lamports = "lamports", as = "wrap", by = "from" }]'
    for to, good in (('own = "native_mint", token_program = "token"', True),
                     ('own = "native_mint"', False),
                     ('own = "native_mint", token_program = "token_2022"', False),
                     ('own = "any", token_program = "token"', False),
                     ('own = "native_mint", token_program = "token", optional = true', False),
                     ('is = "%s"' % THIEF, False), ("any = true", False)):
        m = Module(folder, rule("send", to, pays=wrap))
        expect("wrap to " + to, (m.code == 0) == good and (good or 'as = "wrap"' in m.said), m.code, m.said)
    for owner, good in (('{ is = "token" }', True), ('{ is = "%s" }' % THIEF, False), ("", False)):
        field = '["owner", "pubkey"%s]' % (owner and ", " + owner)
        made = '["lamports", "u64"], ["space", "u64"], %s]' % field
        for data, fields in (("00000000", "[" + made),
                             ("03000000", '[["base", "pubkey"], ["seed", "seed 32"], ' + made)):
            m = Module(folder, rule("send", "any = true", data='"%s"' % data, fields=fields, pays=wrap))
            expect("wrap by making " + field, (m.code == 0) == good and (good or 'as = "wrap"' in m.said), m.said)
    m = Module(folder, rule("send", "any = true", program='"%s"' % THIEF, pays=wrap))
    expect("wrap by another program", m.code == 1 and 'as = "wrap"' in m.said, m.said)
    m = Module(folder, '[[instruction]]\nname = "call"\nprogram = "%s"\npays = [{ lamports = 5, as = "wrap" }]\n' % THIEF)
    expect("wrap by one without accounts", m.code == 1 and 'as = "wrap"' in m.said, m.said)
    m = Module(folder, rule("send", 'is = "%s"' % THIEF, pays=wrap[:-1] + ', { lamports = 5, as = "transfer", by = "from" }]'))
    expect("wrap, and pay something else", m.code == 1 and 'as = "wrap"' in m.said, m.said)
    own = rule("send", 'own = "native_mint", token_program = "token"', pays=wrap)
    for mint, program in ((0, 0), (0, 1), (0, 3), (1, 0), (1, 1), (6, 0), (6, 1), (6, 3)):
        bent(folder, "wrap to an account of mint kind %d and token program kind %d" % (mint, program), own,
             lambda m, a=mint | program << 4: m.data.__setitem__(m.ops(OWNED)[0] + 1, a), 'as = "wrap"')
    made = rule("send", "any = true", data='"00000000"', fields='["lamports", "u64"], ["space", "u64"], ["owner", "pubkey", { is = "token" }]'.join("[]"), pays=wrap)
    for what, text, count in (("to an own account", own, 3), ("by making one", made, 2)):
        expect("the keys are those", Module(folder, text).part("keys")[1] == count)
        for key in range(count):
            bent(folder, "wrap %s, key %d changed in its last bit" % (what, key), text,
                 lambda m, at=32 * key + 31: m.data.__setitem__(m.part("keys")[0] + at, m.data[m.part("keys")[0] + at] ^ 1), 'as = "wrap"')


def least(folder):
    """What the text says must be there, is demanded."""
    text = rule("send", "any = true", min=1) + '[[group]]\nname = "some"\nmin = 2\nmax = 3\n' + rule(
        "more", "any = true", data='"00000000"', group='"some"',
        fields='[["lamports", "u64"], ["space", "u64"], ["owner", "pubkey"]]')
    good = Module(folder, text)
    expect("a good one is known", good.code == 0 and good.known()[0], good.said)
    for what, at in (("rule", good.rule(0) + 38), ("group", good.part("groups")[0] + 2)):
        m = Module(folder, text)
        m.data[at] += 1
        known, out = m.known()
        expect("a %s's least that nothing demands" % what, not known, out)


def recipients(folder):
    """Where the network's own programs let something go is told: any account, a fixed one, a hidden one (B7)."""
    told = 0
    for to, said in (("any = true", "to: ANY account\n"), ('is = "%s"' % THIEF, "to: " + THIEF),
                     ('is = "%s", hidden = true' % THIEF, "to: %s, or hidden in a lookup table" % THIEF),
                     ('is = "rent", hidden = true', "to: SysvarRent111111111111111111111111111111111, or hidden"),
                     ('is = "system"', "to: System"),
                     ('in = "friends", hidden = true', "to: one of friends = %s, or hidden" % FRIEND),
                     ("hidden = true", "to: ANY account that is not the wallet's, or hidden")):
        m = Module(folder, '[lists]\nfriends = ["%s"]\n' % FRIEND + rule("send", to))
        expect("a grant says " + said, m.code == 0 and said in m.text(), m.said, m.text())
        transaction = bytes([1, 0, 1, 3]) + base58_decode(FRIEND) + base58_decode(THIEF) + bytes(32) + b"\x07" * 32 + bytes(
            [1, 2, 2, 0, 1, 12, 2, 0, 0, 0]) + (5).to_bytes(8, "little")
        with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
            file.write(base64.b64encode(transaction).decode() + "\n")
        code, out, err = claviger("policy", "describe", "--module", m.path, "--params", m.params, "--wallet", FRIEND,
                                  os.path.join(folder, "lie.b64"))
        expect("a transaction says whom it pays", THIEF in out, to, code, out, err)
        told += THIEF in out
    expect("transactions were told", told == 7, told)
    approve = rule("approve", "any = true", program='"token"', data='"04"', fields='[["amount", "u64"]]', pays="",
                   sends='[{ amount = "amount", of = "from" }]', delegates="1").replace(
                       'is = "wallet", signer = true', 'own = "any", token_program = "program"').replace(
                           "any = true, writable = true }", 'is = "rent", hidden = true }, { is = "wallet", signer = true }')
    m = Module(folder, approve)
    expect("a hidden delegate is told", m.code == 0 and "or hidden" in m.text(), m.said, m.text())


def described(folder, module, params, keys, instructions, read_only=1, payer=b""):
    """What a policy says of a legacy message: FRIEND signs and pays, the last accounts are read-only; or signs read-only, behind who pays."""
    first = payer + base58_decode(FRIEND)
    message = bytes([len(first) // 32, len(payer) // 32, read_only, len(keys) + len(first) // 32]) + first + b"".join(keys) + b"\x07" * 32 + bytes([len(instructions)])
    for program, accounts, data in instructions:
        message += bytes([program, len(accounts), *accounts, len(data)]) + data
    with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
        file.write(base64.b64encode(message).decode() + "\n")
    return claviger("policy", "describe", "--module", module, "--params", params, "--wallet", FRIEND, os.path.join(folder, "lie.b64"))[1]


def foreign(folder):
    """What others chose, a memo or a text of the grant, is told, for it can say whose a deposit is; and it passes for no line of ours
    (A3, B7, S23)."""
    sends = 'recipients = ["%s"]\nmax_lamports = 9\nmax_fee_lamports = 5000\nallow_memo = true\n' % THIEF
    swaps = 'input_mint = "%s"\nmax_in = 9\nmax_slippage_bps = 1\nmax_fee_lamports = 5000\n' % THIEF
    params, told = os.path.join(folder, "memo.toml"), 0
    for name, text in (("policies/transfer", sends), ("policies/swap", swaps), ("intents/sol-transfer", sends)):
        with open(params, "w", encoding="utf-8") as file:
            file.write(text)
        for memo in ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo",
                     "Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH"):
            for wrote, said in (("104 for Ann", '"104 for Ann"'), ("x\nLeaves the wallet in all: at most 0 SOL.", '"x?Leaves the wallet in all: at most 0 SOL."'),
                                ('x". Leaves', '"x?. Leaves"'), ("", '""')):
                out = described(folder, os.path.join(BUILD, "share", name + ".wasm"), params, [base58_decode(THIEF), bytes(32), base58_decode(memo)],
                                [(2, (0, 1), b"\2\0\0\0" + (5).to_bytes(8, "little")), (3, (), wrote.encode())], read_only=2)
                expect("%s tells the memo %r" % (name, wrote), out.count(said + "\n") == 1, out)
                told += said in out
    expect("memos were told", told == 36, told)
    with open(params, "w", encoding="utf-8") as file:
        file.write('domain = "a.example\\"\\nNothing else is allowed."\n')
    out = claviger("policy", "describe", "--module", os.path.join(BUILD, "share", "intents", "sign-in.wasm"), "--params", params)[1]
    expect("a text of the grant", '<domain = "a.example??Nothing else is allowed.">' in out, out)
    for places, calls, cut in ((50, 1, False), (50, 7, True), (1, 50, False), (1, 62, True), (1, 63, True), (1, 64, True)):
        named = ", ".join('{ name = "one_of_many_%d", in = "friends" }' % i for i in range(places))
        m = Module(folder, '[lists]\nfriends = ["%s"]\n[[instruction]]\nname = "call"\nprogram = "%s"\naccounts = [%s]\nmax = 64\n' % (THIEF, THIEF, named))
        out = described(folder, m.path, m.params, [base58_decode(THIEF)], [(1, (1,) * places, b"")] * calls).partition("\n")[2]
        lines = out.strip().splitlines()
        expect("%d calls: what leaves in all is told, however long the text is" % calls, lines[-1] == "Network fee at most 0.000005 SOL. Leaves the wallet in all: at most 0.000005 SOL.", m.said, out)
        expect("%d calls: a text that is cut says so, and is cut behind a call" % calls, out.startswith("INCOMPLETE: ") == cut and
               all("one_of_many_%d " % (places - 1) in line for line in lines[1 + cut:-1]) and (len(lines) == calls + 1) != cut, m.said, out)


def message(folder):
    """Of an off-chain message the text says which one it is, and no more than can be known: what its reader does with it is his (B7)."""
    m = Module(folder, '[[message]]\nname = "hello"\npattern = "hello {digits 1 3}"\n')
    for said, wanted in (("hello 7", "Sign the off-chain message hello. It is no transaction: by itself it moves nothing."), ("hello you", "This would be refused")):
        asked = os.path.join(folder, "lie.b64")
        with open(asked, "w", encoding="utf-8") as file:
            file.write(base64.b64encode(b"\xffsolana offchain\1\1" + base58_decode(FRIEND) + said.encode()).decode() + "\n")
        out = claviger("policy", "describe", "--module", m.path, "--params", m.params, "--wallet", FRIEND, asked)[1]
        expect("of the message %r" % said, wanted in out and (said == "hello 7") == ("by itself it moves nothing" in out), m.said, out)


def how_many(folder):
    """An instruction with too few accounts, or too many, is refused with the number that it may have."""
    m = Module(folder, '[[instruction]]\nname = "call"\nprogram = "%s"\nremaining = { min = 2, max = 5 }\n' % THIEF)
    for has, may in ((1, 2), (6, 5)):
        out = described(folder, m.path, m.params, [base58_decode(THIEF)], [(1, (1,) * has, b"")])
        expect("%d accounts" % has, "expected accounts: %d, found accounts: %d" % (may, has) in out, m.said, out)


def handed(folder):
    """What leaves in all is not said to be all where a program that calls others has the wallet's signature: it and its reach are named (B7, A15)."""
    other, builtin = b"\x0b" * 32, base58_decode("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
    text = "".join('[[instruction]]\nname = "%s"\nprogram = "%s"\nremaining = { max = 2, wallet = true }\nmax = 4\n' % row
                   for row in (("call", THIEF), ("ask", base58(other)), ("memo", base58(builtin))))
    text = text.replace('name = "memo"', 'name = "memo"\nfields = [["text", "rest 9"]]')
    m = Module(folder, text)
    keys = [base58_decode(THIEF), other, builtin]
    begins = "Trusted to take no more than that of what this transaction hands them with the wallet's signature: "
    open_, closed = ", and all that they call. The wallet's SOL is within their reach.\n", ", and all that they call. The wallet is read-only: its SOL is out of their reach.\n"
    for what, calls, names in (("one", [(1, (0,), b"")], THIEF), ("one twice", [(1, (0,), b""), (1, (0,), b"")], THIEF), ("two", [(2, (0,), b""), (1, (0,), b"")], base58(other) + ", " + THIEF),
                               ("one of two", [(2, (), b""), (1, (2, 0), b"")], THIEF), ("none", [(1, (), b""), (2, (1,), b"")], ""), ("the network's own", [(3, (0,), b"")], "")):
        out = described(folder, m.path, m.params, keys, calls, read_only=3)
        expect("a call of %s" % what, out.count("in all: at most 0.000005 SOL.\n" + (begins + names + open_ if names else "")) == 1 and out.count("Trusted") == (names != ""), m.said, out)
        moved = [(program + 1, [at + 1 for at in accounts], data) for program, accounts, data in calls]
        out = described(folder, m.path, m.params, keys, moved, read_only=3, payer=b"\x0c" * 32)
        expect("a call of %s, the wallet read-only" % what, out.count("in all: at most 0 SOL.\n" + (begins + names + closed if names else "")) == 1 and out.count("Trusted") == (names != ""), out)


def fees(folder):
    """B7: a grant that lets a price be set, and bounds no fee, says so; without a price there is no more than the base fee."""
    price = '[[instruction]]\nname = "price"\nprogram = "compute_budget"\ndata = "03"\nfields = [["price", "u64"]]\ncheck = ["price <= 9"]\n'
    limit = '[[check]]\nthat = "%s"\ntext = "bounded"\n[[parameter]]\nname = "most"\ntype = "u64"\ndefault = 9\ntext = "most"\n[[total]]\nname = "sum"\n'
    for text, warned in ((price, True), ("", False), ('fee_payer = "other"\n' + price, False), ('fee_payer = "wallet"\n' + price, True),
                         (price + limit % "fact.fee <= most", False), (price + limit % "fact.lamports <= 2 * most", False), (price + limit % "tx.priority + 4 <= most", False),
                         (price + limit % "sum + fact.fee <= most", False), (price + limit % "sum <= most", True), (price + limit % "tx.compute_price <= most", True),
                         (price + limit % "fact.fee >= 1", True), (price + limit % "fact.fee != most", True), (price + limit % "fact.fee + 4 >= most", True), (price + limit % "4 <= fact.lamports", True),
                         (price + limit % "scale_up(fact.fee, 3, 2) > most", True), (price + limit % "fact.fee == most", False), (price + limit % "most >= fact.fee", False),
                         (price + limit % "2 * most > sum + fact.fee", False), (price + limit % "scale_up(fact.fee, 3, 2) < most", False), (price + limit % "scale_up(fact.fee + sum, 3, 2) < most", False),
                         *((price + '[[check]]\nthat = "%s"\ntext = "no bound"\n' % first + limit % second, True) for first, second in (
                             ("fact.fee + sum >= 2 * most", "sum + sum <= 2 * most"), ("scale_up(fact.fee, 3, 2) >= most", "scale_up(sum, 3, 2) <= most"))),
                         (price.replace("03", "02").replace("u64", "u32"), False)):
        m = Module(folder, text + rule("send", 'is = "%s"' % FRIEND))
        expect("a fee without a bound is told", m.code == 0 and ("WARNING: no limit of the transaction bounds it." in m.text()) == warned, text, m.said, m.text())


def authority(folder):
    """Who gets an account, and all that is in it, is told of a setAuthority, though it stands in the data (B7)."""
    key = '["key", "pubkey", { is = "%s" }]' % FRIEND
    fields = {"any": '["kind", "u8"], ["key", "option pubkey"]', "that": '["kind", "u8", 2], ["some", "u8", 1], ' + key,
              "shifted": '["kind", "u8"], %s, ["left", "u8"]' % key}
    told = 0
    for program, of in (("token", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"), ("token_2022", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")):
        for which, row in fields.items():
            m = Module(folder, '[[instruction]]\nname = "hand_over"\nprogram = "%s"\ndata = "06"\nfields = [%s]\nauthority_changes = 1\naccounts = ['
                       '{ name = "account", own = "any", writable = true }, { name = "owner", is = "wallet", signer = true }]\n' % (program, row))
            text = m.text() if m.code == 0 else ""
            expect("a grant: " + which, "WARNING: changes who has authority over an account of the wallet" in text and
                   ("of the wallet, to ANY key" in text) == (which != "that") and ("a key in the data is " + FRIEND in text) == (which != "any"), m.said, text)
            for kind, words in ((0, "who may mint"), (1, "who may freeze"), (2, "the owner"), (3, "who may close it"), (4, "an authority")):
                for new, to in ((b"\1" + base58_decode(THIEF), THIEF), (b"\0", "nobody")):
                    out = described(folder, m.path, m.params, [b"\5" * 32, base58_decode(of)], [(2, (1, 0), bytes([6, kind]) + new)])
                    expect("a transaction: %s" % words, which != "any" or ", changes %s to %s\n" % (words, to) in out, out)
                    told += which == "any" and to in out
    expect("changes were told", told == 20, told)


def rested_on(folder):
    """A place on which another rests is told though nothing goes there: which mint, whose account (A15, B7)."""
    told = 0
    for places, said in (('{ name = "m", any = true }, { name = "s", own = "@m" }', ("m: ANY account\n", "s: the wallet's own token account of the mint at m")),
                         ('{ name = "m", is = "%s" }, { name = "s", own = "@m" }' % FRIEND, ("m: " + FRIEND,)),
                         ('{ name = "m" }, { name = "s", own = "any", except = "@m" }', ("m: ANY account that is not the wallet's", "but not the mint at m")),
                         ('{ name = "o" }, { name = "s", ata = { owner = "@o", mint = "native_mint" } }', ("o: ANY account that is not the wallet's", "of o, for"))):
        m = Module(folder, '[[instruction]]\nname = "call"\nprogram = "%s"\naccounts = [%s, { name = "user", is = "wallet", signer = true }]\n' % (THIEF, places))
        text = m.text() if m.code == 0 else ""
        expect("it is told: " + places, all(words in text for words in said) and "user:" not in text, m.said, text)
        told += 1
    expect("all were", told == 4)


def read_only(folder):
    """A place that is read-only stays so, however many places of the transaction are."""
    places = ", ".join('{ name = "a%d", any = true }' % i for i in range(50))
    head = '[[instruction]]\nname = "%s"\nprogram = "%s"\ndata = "%s"\naccounts = [%s]\nmax = 8\n'
    m = Module(folder, head % ("pad", THIEF, "01", places) + head % (
        "read", THIEF, "02", '{ name = "user", is = "wallet", signer = true, writable = true }, { name = "kept", any = true }'))
    expect("it builds", m.code == 0, m.said)
    reads = 0
    for pads in (0, 5):
        for writable in (False, True):
            # Accounts: the payer and wallet, one that is writable, "kept", the program.
            keys = base58_decode(FRIEND) + b"\x01" * 32 + b"\x02" * 32 + base58_decode(THIEF)
            unsigned = 1 if writable else 2
            data = bytes([pads + 1]) + bytes([3, 50] + [2 if writable else 3] * 50 + [1, 1]) * pads + bytes([3, 2, 0, 2, 1, 2])
            transaction = bytes([1, 0, unsigned, 4]) + keys + b"\x07" * 32 + data
            with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
                file.write(base64.b64encode(transaction).decode() + "\n")
            code, out, err = claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet", FRIEND,
                                      os.path.join(folder, "lie.b64"))
            expect("%d instructions before one that reads" % pads, (code == 1) == writable and code < 2, writable, out, err)
            reads += code < 2
    expect("transactions were decided", reads == 4, reads)
    for lifts in ('"memo"', '"%s"' % THIEF):
        m = Module(folder, '[[instruction]]\nname = "lift"\nprogram = %s\nfields = [["text", "rest 9"]]\nremaining = {}\n' %
                   lifts + rule("send", "any = true").replace("any = true, writable = true", "any = true"))
        expect("it builds", m.code == 0, m.said)
        other = base58_decode("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr" if "memo" in lifts else THIEF)
        keys = base58_decode(FRIEND) + b"\x02" * 32 + other + bytes(32)
        transaction = bytes([1, 0, 2, 4]) + keys + b"\x07" * 32 + bytes([2, 2, 1, 1, 0, 3, 2, 0, 1, 12, 2, 0, 0, 0]) + bytes(8)
        with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
            file.write(base64.b64encode(transaction).decode() + "\n")
        code, out, err = claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet", FRIEND,
                                  os.path.join(folder, "lie.b64"))
        expect("read-only, and handed to " + lifts, code == (1 if "memo" in lifts else 0), code, out, err)


def options(folder):
    """What stands behind an option in a type is read there, whether the option is there or not (A1)."""
    decided, fields = 0, 'fields = [["may", "option u8"], ["is", "u16"]]'
    for type_, before in (("Part", b""), ("Kind", b"\3"), ("vec 1 Part", b"\1\0\0\0"), ("array 1 Part", b""), ("option Part", b"\1"), ("Around", b"")):
        m = Module(folder, '[types.Part]\n%s\n[types.Kind]\nvariants = [{ tag = 3, name = "k", %s }]\n[types.Around]\nfields = [["part", "Part"]]\n'
                   '[[instruction]]\nname = "call"\nprogram = "%s"\nfields = [["x", "%s"], ["end", "u8", 9]]\nmax = 1\n' % (fields, fields, THIEF, type_))
        expect("it builds", m.code == 0, m.said)
        for data, good in ((b"\0\7\7\x09", True), (b"\1\7\7\7\x09", True), (b"\0\x09", False), (b"\0\7\x09", False), (b"\1\7\7\x09", False)):
            with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
                file.write(base64.b64encode(b"\1\0\1\2" + base58_decode(FRIEND) + base58_decode(THIEF) + b"\7" * 32 + b"\1\1\0" +
                                            bytes([len(before + data)]) + before + data).decode() + "\n")
            code, out, err = claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet", FRIEND, os.path.join(folder, "lie.b64"))
            expect("%s in %s" % (data, type_), code == (0 if good else 1), out, err)
            decided += code < 2
    expect("transactions were decided", decided == 30, decided)


def length(folder):
    """How many entries a list has is read from a list, and what rests on parameters alone refuses the grant."""
    text = ('[[parameter]]\nname = "many"\ntype = "pubkey list"\nmax = 3\ntext = "keys"\n'
            '[[parameter]]\nname = "one"\ntype = "pubkey"\ntext = "a key"\n' + rule("send", 'in = "many"') +
            '[[check]]\nthat = "scale_up(length(many), 3, 2) + 1 == 4"\ntext = "two of many"\n'
            '[[check]]\nthat = "fact.lamports * 0 + length(many) * 1 >= 1"\n')
    for keys in (1, 2, 3):
        m = Module(folder, text, 'one = "%s"\nmany = [%s]\n' % (THIEF, ", ".join(['"%s"' % FRIEND] * keys)))
        expect("it is known", m.code == 0 and m.known()[0], m.said)
        told = m.text()
        expect("%d keys" % keys, ("refused: two of many" in told and "((the number of entries of many (%d)) x 3 / 2 rounded up) + 1 equals 4" % keys in told)
               if keys != 2 else told.startswith("Intent lie") and "two of many" not in told, told)
    bent = 0
    for at in m.ops():
        if m.data[at] != LENGTH or bent:
            continue
        m.data[at + 2] += 8
        known, out = m.known()
        expect("the length of a key", not known, out)
        bent += 1
    expect("a length was bent", bent == 1, bent)


def given(folder):
    """A pair of parameters of which one needs the other: a grant with one alone is refused."""
    text = ('[[parameter]]\nname = "many"\ntype = "pubkey list"\nmax = 3\noptional = true\ntext = "keys"\n'
            '[[parameter]]\nname = "one"\ntype = "pubkey"\n%stext = "a key"\n' + rule("send", 'in = "many"') +
            '[[check]]\nthat = "given(one) * length(many) == given(one)"\ntext = "one of many with one"\n')
    for one, keys, good in (("", 0, True), ("", 2, True), (THIEF, 1, True), (THIEF, 0, False), (THIEF, 2, False),
                            ("1" * 32, 2, True)):
        m = Module(folder, text % "optional = true\n", ('one = "%s"\n' % one if one else "") +
                   "many = [%s]\n" % ", ".join(['"%s"' % FRIEND] * keys))
        told = m.text()
        expect("%r with %d" % (one, keys), m.code == 0 and m.known()[0] and
               told.startswith("Intent lie") == good and ("refused: one of many with one" in told) != good, m.said, told)
    bent = 0
    for at in m.ops():
        if m.data[at] == GIVEN and not bent:
            m.data[at + 2] += 8
            known, out = m.known()
            expect("a key that is no parameter", not known, out)
            bent += 1
    expect("a given() was bent", bent == 1, bent)
    m = Module(folder, text % "")
    expect("of a key that always is", m.code == 1 and "optional" in m.said, m.said)


def values(folder):
    """What a text leaves out because of the grant's values is what these values refuse, or allow, by themselves."""
    head = ('[[parameter]]\nname = "yes"\ntype = "bool"\ntext = "t"\n[[parameter]]\nname = "least"\ntype = "u64"\ntext = "t"\n'
            '[[parameter]]\nname = "many"\ntype = "pubkey list"\nmax = 3\noptional = true\ntext = "t"\n')
    message = (bytes([1, 0, 1, 3]) + base58_decode(FRIEND) + base58_decode(THIEF) + bytes(32) + b"\5" * 32 + bytes([1, 2, 2, 0, 1, 12, 2]) +
               bytes(3) + (9).to_bytes(8, "little"))
    with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
        file.write(base64.b64encode(message).decode() + "\n")
    seen = set()
    for place in ('in = "many"', "any = true", 'in = "many", optional = true'):
        for check, holds in (("yes == 1", lambda yes, least: yes), ("yes != 1", lambda yes, least: not yes),
                             ("least <= 3", lambda yes, least: least <= 3), ("least > yes", lambda yes, least: least > yes),
                             ("lamports <= least", lambda yes, least: 9 <= least), ("3 >= 4", lambda yes, least: False)):
            m = Module(folder, head + rule("send", place, check='["%s"]' % check))
            if m.code != 0:
                expect("an account that may be left out is no recipient", "optional" in place, m.said)
                continue
            for yes in (0, 1):
                for least in (0, 3, 9):
                    for many in ((), (THIEF,)):
                        with open(m.params, "w", encoding="utf-8") as file:
                            file.write("yes = %s\nleast = %d\nmany = [%s]\n" % (
                                "true" if yes else "false", least, ", ".join('"%s"' % key for key in many)))
                        told = m.text()
                        code, out, err = claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet",
                                                  FRIEND, os.path.join(folder, "lie.b64"))
                        good = holds(yes, least) and ("many" not in place or bool(many))
                        expect("it decides", (code == 0) == good, place, check, yes, least, many, out, err)
                        refused = "(refused: " in told
                        expect("what is called refused is refused", not (refused and good), place, check, yes, least, many, told)
                        expect("and nothing is left out of what is not", refused or "SOL that leaves: lamports" in told, told)
                        seen.add((refused, good))
    expect("both were seen", seen == {(True, False), (False, True), (False, False)}, seen)
    for left, words in (("fact.lamports * least", "all SOL that leaves x least = 1"), ("least * fact.lamports", "least = 1 x all SOL that leaves")):
        text = head + rule("send", "any = true") + '[[check]]\nthat = "%s <= yes * least"\ntext = "what is asked"\n' % left
        for yes, least, asked in (("true", 0, False), ("true", 1, True), ("false", 1, True)):
            told = Module(folder, text, "yes = %s\nleast = %d" % (yes, least)).text()
            expect("a limit that is none is said to be none", ('not asked for: "what is asked" (least = 0, least = 0)' in told) != asked and
                   ('%s at most yes = %d x least = 1 ("what is asked")' % (words, yes == "true") in told) == asked, told)


def data_behind(folder):
    """has() of a field that may be missing looks at a part of the data that the rule has."""
    text = ('[[parameter]]\nname = "more"\ntype = "bool"\ntext = "more bytes"\n[[instruction]]\nname = "call"\nprogram = "%s"\n' % THIEF +
            'fields = [["n", "u8"], ["rest_of_it", "%s"]]\naccounts = [{ is = "wallet", signer = true, writable = true }]\n'
            'check = ["has(rest_of_it) <= more"]\n')
    for kind in ("rest 3", "tail u16"):
        m = Module(folder, text % kind, "more = false")
        expect("it is known", m.code == 0 and m.known()[0], m.said)
        codes = []
        for behind in (b"", b"\0\0"):
            for more in ("false", "true"):
                with open(m.params, "w", encoding="utf-8") as file:
                    file.write("more = %s\n" % more)
                transaction = bytes([1, 0, 1, 2]) + base58_decode(FRIEND) + base58_decode(THIEF) + b"\x07" * 32 + bytes(
                    [1, 1, 1, 0, 1 + len(behind), 9]) + behind
                with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
                    file.write(base64.b64encode(transaction).decode() + "\n")
                codes.append(claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet", FRIEND,
                                      os.path.join(folder, "lie.b64"))[0])
        expect("bytes behind, " + kind, codes == [0, 0, 1, 0], codes)
        bent = 0
        for at in m.ops():
            if m.data[at] == HAS_DATA:
                m.data[at + 1] += 1
                known, out = m.known()
                expect("another part", not known, out)
                bent += 1
        expect("a part was bent", bent == 1, bent)
    m = Module(folder, text % "u16")
    expect("a field that always is", m.code == 1 and "tail or rest" in m.said, m.said)


def nonces(folder):
    """Who moves a durable nonce on signs."""
    for authority, good in (('is = "wallet", signer = true', True), ("any = true, signer = true", True), ("any = true", False),
                            ("any = true, signer = true, optional = true", False)):
        m = Module(folder, 'nonce = true\n' + rule("send", "any = true") + '[[instruction]]\nname = "nonce"\nprogram = "system"\n'
                   'data = "04000000"\nfirst = true\naccounts = [{ writable = true }, { is = "recent_blockhashes" }, { %s }]\n' % authority)
        expect("a nonce's authority: " + authority, (m.code == 0) == good and (good or "advanceNonceAccount" in m.said), m.said)
        if good:
            said = next((line for line in m.text().splitlines() if "WARNING: durable nonces" in line), "")
            expect("who can end such signatures is said", "the nonce's authority, maybe not the wallet" in said, said)
    nonce = ('[[instruction]]\nname = "nonce"\nprogram = "system"\ndata = "04000000"\n%saccounts = [{ writable = true }, '
             '{ is = "recent_blockhashes" }, { is = "wallet", signer = true }]\n')
    for head, more, good in (("nonce = true\n", "first = true\n", True), ("nonce = true\n", "", False), ("", "first = true\n", False),
                             ("nonce = true\n", 'first = true\nfields = [["left", "u8"]]\n', False),
                             ("nonce = true\n", "first = true\nremaining = {}\n", False)):
        m = Module(folder, head + rule("send", "any = true") + nonce % more)
        expect("a nonce with %r and %r" % (head, more), (m.code == 0) == good, m.said)


def reads(folder):
    """No operation reads a part of the parameters as something of another type."""
    types = (("one", "pubkey", 'role = "mint"\n'), ("many", "pubkey list", 'max = 4\nrole = "mint"\n'), ("owner", "pubkey", 'role = "owner"\n'),
             ("numbers", "u64 list", "max = 4\n"), ("count", "u64", ""), ("words", "text", ""), ("flag", "bool", ""), ("more", "pubkey list", "max = 4\n"),
             ("maybe", "pubkey", "optional = true\n"))
    text = "".join('[[parameter]]\nname = "%s"\ntype = "%s"\n%stext = "t"\n' % row for row in types) + (
        '[[instruction]]\nname = "call"\nprogram = "%s"\nfields = [["k", "pubkey", { is = "one" }], ["l", "pubkey", { in = "many" }], ["n", "u64"]]\n'
        'accounts = [{ is = "one" }, { name = "a", own = "one", except = "many" }, { name = "b", own = "many?", or = "owner" }, '
        '{ name = "c", ata = { owner = "owner", mint = "one" } }, { name = "d", ata = { owner = "more", mint = "many" } }, '
        '{ in = "many" }]\nlet = ["p = per(many, numbers, one)"]\ncheck = ["n + p <= count"]\n'
        '[[check]]\nthat = "sent(one) + length(numbers) + given(maybe) <= count + flag"\n'
        '[[message]]\nname = "m"\npattern = "{words}: {one}"\n' % THIEF)
    good = Module(folder, text)
    expect("it is known", good.code == 0 and good.known()[0], good.said)
    off, places = 8, {}
    for _, kind, _ in types:
        places[off] = kind
        off += 32 if kind == "pubkey" else 8
    bents = 0
    for at in good.ops():
        op, a = good.data[at], good.data[at + 1]
        fields = []
        if op in (6, 11) or (op in (16, 22) and a >> 4 in (5, 10)):
            fields.append(4)
        if (op in (15, 16, 34, 35) and a & 15 in (2, 4, 5)) or op in (17, LENGTH, GIVEN, 36, TEXT):
            fields.append(2)
        if op == 35:
            fields.append(4)
        for field in fields:
            now = struct.unpack_from("<H", good.data, at + field)[0]
            for other in places:
                lists = op == LENGTH and "list" in places[other]
                if places[other] == places.get(now) or lists:
                    continue
                m = Module(folder, text)
                struct.pack_into("<H", m.data, at + field, other)
                known, out = m.known()
                expect("operation %d reads %s as %s" % (op, places[other], places.get(now)), not known, out[:200])
                bents += 1
    expect("operations were bent", bents > 100, bents)
    for payer, kind in (("one", "pubkey"), ("many", "pubkey list")):
        for other in (off for off, of in places.items() if of != kind):
            def pay(m, other=other):
                m.word(m.table + 24, other)
                m.word(m.table + 26, NONE)
            fits = kind != "pubkey" or other + 32 <= good.word(good.table + 20)
            bent(folder, "who pays the fee is read from %s, not %s" % (places[other], kind), 'fee_payer = "%s"\n' % payer + text, pay,
                 "parameters and table differ" if fits else "rules of its format")


def given_names(folder):
    """What a table calls a parameter, and where it takes it from, is what the schema says, which a grant is made by (A3, B7)."""
    keys = "".join('[[parameter]]\nname = "%s"\ntype = "pubkey"\ntext = "t"\n' % name for name in ("one", "two"))
    numbers = "".join('[[parameter]]\nname = "%s"\ntype = "u64"\ntext = "t"\n' % name for name in ("low", "top"))
    text = keys + numbers + rule("send", 'is = "one"', check='["lamports >= low", "lamports <= top"]') + rule("more", 'is = "two"', data='"0200000000"', fields="[]").replace(
        'pays = [{ lamports = "lamports", as = "transfer", by = "from" }]\n', "").replace('"system"', '"%s"' % THIEF)

    def call(**names):
        def bend(m):
            off, count = m.part("words")
            words = bytes(m.data[off:off + count])
            for old, new in names.items():
                words = words.replace(b"\0%s\0" % old.encode(), b"\0%s\0" % new.upper().encode())
            m.data[off:off + count] = words.lower()
        return bend

    def param(first, second):
        def bend(m):
            off, records = m.part("params")[0], [m.word(m.part("params")[0] + 4 * i) for i in range(2)]
            for i, of in enumerate((first, second)):
                m.word(off + 4 * i, records[of])
        return bend

    def unnamed(m):
        off, count = m.part("names")
        slots = {m.word(off + 4 * i): off + 4 * i for i in range(count)}
        m.word(slots[m.word(m.table + 32)], m.word(m.table + 32) - 8)
    for what, bend in (("two keys called as each other", call(one="two", two="one")), ("the first key called otherwise", call(one="own")),
                       ("the last number called otherwise", call(top="tip")), ("two numbers taken as each other", param(1, 0)),
                       ("the first number taken from the second", param(1, 1)), ("a number that has no name", unnamed)):
        bent(folder, what, text, bend, "parameters and table differ")
    def part_of_key(m):
        m.word(m.part("params")[0], 8)
        m.word(m.part("names")[0] + 2, m.word(m.part("fields")[0]))
    bent(folder, "a number that is part of a key", text, part_of_key, "parameters and table differ")
    bent(folder, "a least number that a parameter says", text.replace('name = "send"', 'name = "send"\nmin = 1'),
         lambda m: m.word(m.table + m.word(m.table + 52) + 8 * m.word(m.table + 108) + 4, m.word(m.table + 32)), "demands less than the least")


def makes(folder):
    """Only what makes an account of the wallet's makes one, so that `fresh` is believed of no other (A15)."""
    for what, program, data, accounts, fields in (("another program's", THIEF, "12", [ANY, ANY], ['["owner", "pubkey", { is = "wallet" }]']),
                                                  ("a revoke", "token", "05", [ANY, ANY, WALLET, ANY], [])):
        maker = floor_rule("token", "12" if fields else "01", fields, accounts, "").replace('"r"', '"make"')
        bent(folder, "an account that %s makes" % what, maker + floor_rule(program, data, fields, accounts, ""),
             lambda m: m.data.__setitem__(slice(m.rule(1) + 30, m.rule(1) + 34), m.data[m.rule(0) + 30:m.rule(0) + 34]), "makes no account of the wallet's")


PAYS = 'pays = [{ lamports = "lamports", as = "transfer", by = "a" }]\n'
RENT = 'pays = [{ lamports = %d, as = "rent", by = "a" }]\n'
SENDS = 'sends = [{ amount = "amount", of = "a" }]\n'
WALLET, ANY, OWN = 'is = "wallet"', "any = true", 'own = "any"'
L, S, O, A = '["lamports", "u64"]', '["space", "u64"]', '["owner", "pubkey"]', '["amount", "u64"]'
D, KEY = '["decimals", "u8"]', '["key", "option pubkey"]'
ALL = [L, S, O]
ATA = [ANY, ANY, WALLET, ANY, 'is = "system"', 'is = "token"']
# What spec/intent.md, 5, demands: program, data, fields, accounts, effects; then what of it makes it refused when it is changed.
FLOOR = (
    ("system", "00000000", ALL, [WALLET, ANY], PAYS, ("no pays", "const", "space", "by b", "more", "short", "long", "rest")),
    ("system", "02000000", [L], [WALLET, ANY], PAYS, ("no pays", "const", "by b", "more", "long", "rest")),
    ("system", "03000000", ['["base", "pubkey"]', '["seed", "seed 32"]', *ALL], [WALLET, ANY], PAYS,
     ("no pays", "const", "space", "by b", "more", "short", "long", "rest", "seed 33")),
    ("compute_budget", "01", ['["n", "u32"]'], [], "", ("place", "short", "long", "rest")),
    ("compute_budget", "02", ['["n", "u32"]'], [], "", ("place", "short", "long", "rest")),
    ("compute_budget", "03", ['["n", "u64"]'], [], "", ("place", "short", "long", "rest")),
    ("compute_budget", "04", ['["n", "u32"]'], [], "", ("place", "short", "long", "rest")),
    ("token", "01", [], [ANY, 'is = "native_mint"', WALLET, ANY], "", ("place 2", "more", "long", "rest")),
    ("token_2022", "10", ['["owner", "pubkey", { is = "wallet" }]'], [ANY, ANY, ANY], "", ("owner", "friend", "more", "long", "rest")),
    ("token", "12", ['["owner", "pubkey", { is = "wallet" }]'], [ANY, ANY], "", ("owner", "friend", "more", "long", "rest")),
    ("token", "03", [A], [OWN, ANY, WALLET], SENDS, ("no sends", "of b", "place 0", "more", "long", "rest")),
    ("token_2022", "04", [A], [OWN, ANY, WALLET], SENDS + "delegates = 1\n", ("no sends", "delegates", "place 0", "more", "long", "rest")),
    ("token", "05", [], [OWN, WALLET], "", ("more", "long", "rest")),
    ("token", "06", ['["kind", "u8"]', KEY], [OWN, WALLET], "authority_changes = 1\n", ("changes", "place 0", "more")),
    ("token", "08", [A], [OWN, ANY, WALLET], SENDS, ("no sends", "of b", "place 0", "more", "long", "rest")),
    ("token_2022", "09", [], [ANY, WALLET, WALLET], "", ("place 1", "more", "long", "rest")),
    ("token", "0c", [A, D], [OWN, ANY, ANY, WALLET], SENDS, ("no sends", "of b", "place 0", "more", "short", "long", "rest")),
    ("token", "0d", [A, D], [OWN, ANY, ANY, WALLET], SENDS + "delegates = 1\n", ("no sends", "delegates", "place 0", "more", "short", "long", "rest")),
    ("token", "0f", [A, D], [OWN, ANY, WALLET], SENDS, ("no sends", "of b", "place 0", "more", "short", "long", "rest")),
    ("token", "11", [], [OWN], "", ("more", "long", "rest")),
    ("token_2022", "1a01", [A, D, '["fee", "u64"]'], [OWN, ANY, ANY, WALLET], SENDS, ("no sends", "of b", "place 0", "more", "short", "long", "rest")),
    ("associated_token", "01", [], ATA, RENT % 2039280, ("no pays", "less", "as", "by b", "more", "long", "rest", "place 5", "hidden 5")),
    ("associated_token", "00", [], ATA, RENT % 2039280, ("no pays", "less", "as", "by b", "more", "long", "rest", "place 5")),
    ("associated_token", "", [], [*ATA[:5], ANY], RENT % 2282880, ("no pays", "less", "as", "by b", "more", "long", "rest")),
    ("memo", "", ['["text", "rest 9"]'], [], "", ()),
)


def floor_rule(program, data, fields, accounts, effects, more=""):
    places = ", ".join('{ name = "%s", %s }' % (name, is_) for name, is_ in zip("abcdefgh", accounts))
    return ('[[instruction]]\nname = "r"\nprogram = "%s"\n%sfields = [%s]\naccounts = [%s]\n%s%s' % (
        program, data and 'data = "%s"\n' % data, ", ".join(fields), places, effects, more))


def bend(how, program, data, fields, accounts, effects):
    """The same rule with one thing that the floor demands gone."""
    fields, accounts, more = list(fields), list(accounts), ""
    if how in ("no pays", "no sends"):
        effects = "".join(line + "\n" for line in effects.splitlines() if not line.startswith(how[3:]))
    elif how == "const":
        effects = effects.replace('"lamports"', "1000000", 1)
    elif how in ("by b", "of b"):
        effects = effects.replace('%s = "a"' % how[:2], '%s = "b"' % how[:2])
        accounts[1] = OWN if how == "of b" else accounts[1]
    elif how == "less":
        effects = effects.replace("80,", "79,")
    elif how == "as":
        effects = effects.replace('"rent"', '"transfer"')
    elif how in ("delegates", "changes"):
        effects = effects.replace(" = 1\n", " = 0\n")
    elif how == "more":
        more = "remaining = { max = 1 }\n"
    elif how == "short":
        fields.pop()
    elif how == "long":
        fields.append('["left", "u8"]')
    elif how == "rest":
        fields.append('["left", "rest 9"]')
    elif how == "space":
        effects = effects.replace('"lamports"', '"space"', 1)
    elif how == "seed 33":
        fields[1] = fields[1].replace("32", "33")
    elif how == "owner":
        fields[0] = O
    elif how == "friend":
        fields[0] = fields[0].replace('"wallet"', '"%s"' % FRIEND)
    elif how == "place":
        accounts.append(ANY)
    elif how.startswith("place "):
        accounts[int(how[6:])] = ANY
    elif how.startswith("hidden "):
        accounts[int(how[7:])] += ", hidden = true"
    return floor_rule(program, data, fields, accounts, effects, more)


def floor(folder):
    """Rules for the network's own programs say what these do at least, or there is no module (B4)."""
    bents = 0
    for row in FLOOR:
        what, bends = "%s %s" % row[:2], row[5]
        m = Module(folder, floor_rule(*row[:5]))
        expect(what, m.code == 0 and m.known()[0], m.said)
        for how in bends:
            m = Module(folder, bend(how, *row[:5]))
            expect("%s: %s" % (what, how), m.code == 1 and "r: " in m.said, m.code, m.said)
            bents += 1
    for program, data in (("system", "01000000"), ("system", "08000000"), ("token", "07"), ("token", "ff"), ("token_2022", "1a00"),
                          ("associated_token", "02"), ("compute_budget", "00"), ("system", "")):
        m = Module(folder, floor_rule(program, data, [], [WALLET], ""))
        expect("%s %s is none" % (program, data), m.code == 1 and "no instruction that begins so" in m.said, m.code, m.said)
    expect("rules were bent", bents > 110, bents)
    cap = '[[parameter]]\nname = "cap"\ntype = "u64"\ntext = "t"\n' + floor_rule("associated_token", "01", [], ATA, RENT % 2039280)
    atas = floor_rule("associated_token", "01", [], ATA, RENT % 2039280)
    bent(folder, "the rent of another program's account", atas, lambda m: m.word(m.ops(IS_KEY)[-1] + 4, m.word(m.ops(IS_KEY)[0] + 4)), "must have pays")

    def nearly(m):
        m.data[m.part("keys")[0] + 32 * m.word(m.ops(IS_KEY)[-1] + 4) + 31] ^= 1
    bent(folder, "the rent of an account of nearly the token program", atas, nearly, "must have pays")
    m = Module(folder, "nonce = true\n" + floor_rule("system", "04000000", [], [ANY, 'is = "recent_blockhashes"'], "", "first = true\n"))
    expect("a nonce is advanced without who may", m.code == 1 and "signer = true at account 2" in m.said, m.code, m.said)
    bent(folder, "rent as high as a parameter says", cap, lambda m: m.word(m.ops(PAY)[0] + 2, m.word(m.table + 32)), "must have pays")


def leaks(folder):
    """What one instruction adds to a comparison of sums counts in no other; a program of the table is found by its key."""
    text = rule("send", 'is = "%s"' % FRIEND, check='["lamports * 2 <= lamports * 3"]')
    good = Module(folder, text)
    expect("a good one is known", good.code == 0 and good.known()[0], good.said)
    bent = Module(folder, text)
    code_count = bent.rule(0) + 32
    bent.data[code_count] -= 1
    known, out = bent.known()
    expect("a product that no comparison takes", not known, out)
    bent = Module(folder, text)
    off, count = bent.part("hash")
    bent.data[off:off + count] = bytes(count)
    known, out = bent.known()
    expect("a program that no instruction finds", not known, out)


def bent(folder, what, text, bend, says, params=""):
    """A table that is told truly is known; bent so that its words mislead it is not, and `inspect` says why."""
    good = Module(folder, text, params)
    expect("before: " + what, good.code == 0 and good.known()[0], good.said)
    if good.code != 0:
        return
    bend(good)
    known, out = good.known()
    expect(what, not known and says in out, out[:400])


def one_name(folder):
    """Every name in a text stands for one thing, and no name can be read as a number (A14, B7)."""
    cap = '[[parameter]]\nname = "cap"\ntype = "u64"\nunit = "lamports"\ntext = "t"\n[[total]]\nname = "sum"\n[[total]]\nname = "all"\n'
    text = cap + '[lists]\nour = ["%s"]\n' % FRIEND + rule("send", 'in = "our"', let='["lot = lamports + 1"]', adds='["sum += lot", "all += lot"]',
                                                      check='["lot <= cap"]', data='"02000000"') + (
        '[[check]]\nthat = "sum <= cap"\n[[check]]\nthat = "all <= cap"\n')

    def call(old, new):
        def bend(m):
            at = m.data.index(b"\0%s\0" % old) + 1
            m.data[at:at + len(old)] = new
        return bend
    for what, old, new, says in (
            ("a value called as the limit that it has", b"lot", b"cap", "lot, cap: "), ("two totals", b"all", b"sum", ""),
            ("a total called as a parameter", b"sum", b"cap", ""), ("a total called as a list", b"sum", b"our", ""),
            ("a list called as a parameter", b"our", b"cap", ""), ("a value called as a list", b"lot", b"our", ""),
            ("an account called as a parameter", b"from", b"cap\0", ""), ("a value that reads as a number", b"lot", b"500", "no name"),
            ("a total that reads as a number", b"sum", b"500", "no name"), ("a list that reads as a number", b"our", b"500", ""),
            ("a value in capitals", b"lot", b"ANY", "no name"), ("a value with capitals", b"lot", b"lOT", "no name"), ("a total without a name", b"sum", b"\0um", ""),
            ("an account that reads as a number", b"from", b"1000", ""), ("a rule that reads as a number", b"send", b"1000", "no name")):
        bent(folder, what, text, call(old, new), "refused: " if not says or "," in says else says)
    two = rule("send", "any = true") + rule("more", "any = true", data='"00000000"', fields='[["lamports", "u64"], ["space", "u64"], ["owner", "pubkey"]]')
    bent(folder, "two rules of one name", two, call(b"more", b"send"), "one name or count")
    bent(folder, "two rules of one count", two, lambda m: m.word(m.rule(1) + 34, m.word(m.rule(0) + 34)), "one name or count")
    grouped = '[[group]]\nname = "some"\nmax = 3\n' + rule("send", "any = true", group='"some"')
    bent(folder, "a rule and its group of one count", grouped, lambda m: m.word(m.part("groups")[0], m.word(m.rule(0) + 34)), "one name or count")
    bent(folder, "a rule and its group of one name", grouped, call(b"send", b"some"), "one name or count")
    bent(folder, "a rule that asks for more than it allows", rule("send", "any = true", min=1), lambda m: m.word(m.rule(0) + 36, 0), "more than it allows")
    names = {}

    def units(m):
        off, count = m.part("names")
        for i in range(count):
            at = m.word(off + 8 * i + 2) + m.part("words")[0]
            names[bytes(m.data[at:m.data.index(b"\0", at)])] = off + 8 * i
        return names
    for what, name, unit, says in (("a value in SOL", b"lot", 1, "no unit"), ("a parameter shown otherwise", b"cap", 3, "two units"),
                                   ("a total in a unit that is none", b"sum", 9, "no unit")):
        bent(folder, what, text, lambda m, name=name, unit=unit: m.word(units(m)[name] + 4, unit), says)
    made = ('[[parameter]]\nname = "mint"\ntype = "pubkey"\nrole = "mint"\ntext = "t"\n[[parameter]]\nname = "mints"\ntype = "pubkey list"\nmax = 2\n'
            'role = "mint"\ntext = "t"\n[[parameter]]\nname = "most"\ntype = "u64 list"\nmax = 2\ntext = "t"\n' +
            rule("send", "any = true", let='["lots = paid - 1", "each = per(mints, most, mint)"]', check='["lots <= each"]', program='"%s"' % THIEF,
                 fields='[["paid", "u64"]]', pays='[{ lamports = "paid", as = "transfer", by = "from" }]'))
    for what, new in (("what is read", b"paid"), ("what is computed", b"lots"), ("what a parameter says", b"each")):
        bent(folder, "an account called as " + what, made, call(b"from", new), "two accounts or numbers")
    m = Module(folder, cap + rule("send", "any = true", adds='["sum += lamports", "sum += lamports"]', check='["sum <= cap", "all <= cap"]'))
    expect("one total, twice counted, is one name", m.code == 0 and m.known()[0], m.said)
    m.word(m.ops(PAY)[0] + 6, m.word(units(m)[b"lamports"]))
    expect("what an operation does not look at has no name", *m.known())
    text = cap.split("[[total]]")[0] + rule("send", "any = true", let='["lot = lamports + 1"]', check='["lot <= cap"]')
    both = "".join('[[parameter]]\nname = "%s"\ntype = "u64"\nunit = "lamports"\ntext = "t"\n' % name for name in ("cap", "top"))

    def twice(m):
        m.word(units(m)[b"top"] + 2, m.word(units(m)[b"cap"] + 2))
        m.word(m.part("params")[0] + 4, m.word(m.part("params")[0]))
    bent(folder, "a parameter that is two numbers", both + rule("send", "any = true", check='["lamports <= cap", "lamports <= top"]'), twice, "is two numbers")
    bent(folder, "a count called as a value", text, lambda m: m.word(units(m)[b"lamports"], m.word(m.table + 34)), "no name for a number")


def order(folder):
    """A limit stands behind all that it limits, and nothing is counted behind the last instruction (B4, B7)."""
    cap = '[[parameter]]\nname = "cap"\ntype = "u64"\ntext = "t"\n[[total]]\nname = "sum"\n'
    text = cap + rule("send", "any = true", adds='["sum += lamports"]', check='["sum <= cap"]')
    bent(folder, "a limit before what it limits", text, lambda m: m.swap(m.ops(ADD)[-1], m.ops(CHECK)[0]), "would not be understood")
    text = cap + rule("send", "any = true", adds='["sum += lamports"]', check='["scale_up(sum, 2, 1) <= cap"]')
    bent(folder, "a number made before it was counted", text, lambda m: m.swap(m.ops(ADD)[-1], m.ops(SCALE_UP)[0], 2), "before it was counted")
    text = cap + rule("send", "any = true", check='["scale_up(fact.lamports, 2, 1) <= cap"]')
    bent(folder, "a number made before it was paid", text, lambda m: m.swap(m.ops(PAY)[0], m.ops(SCALE_UP)[0], 2), "before it was counted")
    text = cap + rule("send", "any = true") + '[[check]]\nthat = "fact.lamports <= cap"\n'

    def last(op, *fields):
        def bend(m):
            at = m.ops(CHECK)[-1]
            m.data[at:at + 8] = struct.pack("<BBHHH", op, *fields)
        return bend
    slot = 144  # a constant's, or a parameter's
    for what, bend in (("lamports", last(PAY, 0, slot, NONE, 0)), ("a delegate", last(DELEGATE, 0, 1, 0, 0)),
                       ("an authority", last(DELEGATE + 1, 0, 1, 0, 0))):
        bent(folder, what + " after the last instruction", text, bend, "after the last instruction")
    first = Module(folder, cap + rule("call", "any = true", program='"%s"' % THIEF, fields="", let='["lot = cap + 1"]',
                                      pays='[{ lamports = "lot", as = "transfer", by = "from" }]'))
    expect("the first number that is computed is no total", first.code == 0 and first.known()[0], first.said)
    total = Module(folder, text)
    sum_slot = total.word(total.table + 36) if total.code == 0 else 0
    bent(folder, "a total after the last instruction", text, last(ADD, 0, sum_slot, slot, sum_slot), "after the last instruction")
    chosen = '[lists]\nfriends = ["%s"]\n' % FRIEND + rule("send", 'in = "friends", select = true').replace('"wallet", signer', '"wallet", select = true, signer')

    def choose(m):
        at = m.table + m.word(m.table + 52) + 8 * m.word(m.rule(0) + 26)
        m.data[at:at + 8] = struct.pack("<BBHHH", DELEGATE, 0, 1, 0, 0)
        for place in (op for op in m.ops() if m.data[op + 2] & CHOSEN):
            m.data[place + 2] &= ~CHOSEN
            break
    bent(folder, "an effect where a rule is chosen", chosen, choose, "does more than that")
    for what, one, other, good in (("all of them", "", "02000000", False), ("some", "02000000", "02000000", False)):
        both = [rule(name, "any = true", program='"%s"' % THIEF, data='"%s"' % data if data else "", pays="",
                     fields='[["n", "rest 9"]]') for name, data in (("wide", one), ("narrow", other))]
        m = Module(folder, "".join(both))
        expect("an instruction that is never reached, " + what, m.code == 1 and "narrow: no instruction reaches it" in m.said, m.said)
        expect("and the other way round", Module(folder, "".join(reversed(both))).code == (1 if one == other else 0))


def places(folder):
    """A place that rests on another rests on one before it that has a name; what is bound is bound afterwards (A14, A15)."""
    same = rule("send", 'is = "@from"')
    bent(folder, "the same as itself is any account", same, lambda m: m.word(m.ops(IS_ACCOUNT)[0] + 4, 1), "does not stand before it")
    bent(folder, "the same as one without a name", same, lambda m: m.data.__setitem__(
        slice(m.data.index(b"\0from\0") + 1, m.data.index(b"\0from\0") + 5), b"\0to\0"), "")
    owns = rule("call", "any = true", program='"%s"' % THIEF, fields="", pays="").replace('"from", is = "wallet"', '"oo"').replace('"to", any = true', (
        '"s", ata = { owner = "@oo", mint = "native_mint" }'))
    bent(folder, "a token account of one without a name", owns, lambda m: m.data.__setitem__(
        slice(m.data.index(b"\0oo\0s\0") + 1, m.data.index(b"\0oo\0s\0") + 6), b"\0s\0s\0"), "rests on an account without a name")
    m = Module(folder, '[lists]\nl = ["%s"]\n[[instruction]]\nname = "call"\nprogram = "%s"\ndata = "01"\naccounts = [{ name = "x", in = "l", '
               'maybe = true }, { name = "y", is = "@x", writable = true }, { is = "wallet", signer = true, writable = true }]\n' % (FRIEND, THIEF))
    expect("the same as one that may be left out", m.code == 1 and "may be left out (maybe)" in m.said, m.said)
    send = rule("send", 'is = "@again.to"', max=2) + rule("again", "any = true", data='"00000000"',
                                                          fields='[["lamports", "u64"], ["space", "u64"], ["owner", "pubkey"]]')

    def bind_first(m):
        bind = m.ops(BIND)[0]
        m.swap(bind - 8, bind)
    bent(folder, "an account is bound before it is looked at", send, bind_first, "would not be understood")
    # `policy diff` rests on it: of two rules for one instruction both make an account, and behind their places, or none does.
    begin = ('[[instruction]]\nname = "begin"\nprogram = "token"\ndata = "12"\nfields = [["owner", "pubkey", { is = "wallet" }]]\naccounts = ['
             '{ name = "made", writable = true }, { name = "mint" }, { any = true }]\n')
    bent(folder, "an account is made before all are looked at", begin, lambda m: m.swap(m.ops(FRESH)[0] - 8, m.ops(FRESH)[0]), "would not be understood")
    bent(folder, "an account is made nowhere", begin, lambda m: m.word(m.rule(0) + 32, m.word(m.rule(0) + 32) - 1), "initializeAccount3 must have")
    bent(folder, "an account that is bound nowhere", send, lambda m: m.word(m.ops(BIND)[0] + 2, 7), "in no instruction")
    bent(folder, "one that is asked for once it is bound, and bound nowhere", send.replace("@again.to", "@again.to?"), lambda m: m.word(m.ops(BIND)[0] + 2, 7),
         "in no instruction")
    optional = ('[[parameter]]\nname = "need"\ntype = "pubkey"\ntext = "t"\n[[parameter]]\nname = "more"\ntype = "pubkey"\noptional = true\n'
                'text = "t"\n[[instruction]]\nname = "call"\nprogram = "%s"\nfields = [["k", "pubkey", { is = "more" }]]\naccounts = [{ is = "more" }, '
                '{ own = "any", or = "more" }, { is = "need" }]\n[[message]]\nname = "m"\npattern = "a{more}"\n' % THIEF)
    for what, op, at, value in (("an account", IS_PARAM, 6, NONE), ("an account, by another's bit", IS_PARAM, 6, 0), ("a key of the data", FIELD_KEY, 6, NONE),
                                ("an account that is vouched for", OWNED_OR, 4, NONE), ("a text", TEXT, 6, NONE)):
        bent(folder, "none given is a key: " + what, optional, lambda m, op=op, at=at, value=value: m.word(m.ops(op)[0] + at, value),
             "would be taken for a key")
    bent(folder, "one that always is, by another's bit", optional, lambda m: m.word(m.ops(IS_PARAM)[-1] + 6, 1), "would be taken for a key")
    m = Module(folder, '[[parameter]]\nname = "more"\ntype = "pubkey"\noptional = true\ntext = "t"\n[lists]\n' +
               "".join('l%d = ["%s"]\n' % (i, FRIEND) for i in range(9)) + '[[instruction]]\nname = "call"\nprogram = "%s"\n'
               'fields = [["k", "pubkey", { in = "l8" }]]\naccounts = [{ is = "more" }, { ata = { owner = "l8", mint = "native_mint" } }]\n' % THIEF)
    expect("a list is no parameter, though its number is where one lies",
           m.code == 0 and [m.word(m.ops(op)[0] + 4) for op in (FIELD_KEY, OWNED + 1)] == [8, 8] and m.known()[0], m.said)
    owner = optional.replace('{ is = "need" }', '{ ata = { owner = "need", mint = "native_mint" } }')
    bent(folder, "none given is a token account's owner", owner, lambda m: m.word(m.ops(OWNED + 1)[-1] + 4, m.word(m.ops(IS_PARAM)[0] + 4)),
         "would be taken for a key")
    payer = 'fee_payer = "more"\n' + optional
    bent(folder, "none given pays the fee", payer, lambda m: m.word(m.table + 26, NONE), "would be taken for a key")
    yes, many = ('[[parameter]]\nname = "%s"\ntype = "%s"\ntext = "t"\n' % row for row in (("yes", "bool"), ("many", "u64")))
    for what, at in (("nonce", 16), ("accept_unproven", 18)):
        for rows, step in ((yes + many, 8), (many + yes, -8)):
            bent(folder, what + " by a number", '%s = "yes"\n' % what + rows + rule("send", "any = true"),
                 lambda m, at=at, step=step: m.word(m.table + at, m.word(m.table + at) + step), "no bool parameter")
    bent(folder, "nonce by what the transaction says", 'nonce = "yes"\n' + yes + rule("send", "any = true"), lambda m: m.word(m.table + 16, 72),
         "no bool parameter")
    m = Module(folder, '[lists]\nl = ["%s"]\n' % FRIEND + rule("send", 'in = "l", reason = "kind-not-allowed"'))
    expect("the first reason of all", m.code == 0 and m.known()[0], m.said)
    for flag in (64, 128):
        bent(folder, "a flag without words", rule("send", "any = true"), lambda m, flag=flag: m.data.__setitem__(m.ops()[1] + 2, m.data[m.ops()[1] + 2] | flag),
             "a flag that says nothing")

    counted = ('[[parameter]]\nname = "cap"\ntype = "u64"\ntext = "t"\n[[total]]\nname = "sum"\n' +
               rule("send", "any = true", program='"%s"' % THIEF, fields="", pays="", adds='["sum += 1"]', check='["scale_up(sum, 2, 1) <= cap"]'))
    bent(folder, "the first number of all, made before what it rests on", counted, lambda m: m.swap(m.ops(ADD)[0], m.ops(SCALE_UP)[0], 2), "before it was counted")
    extra = rule("send", "any = true", program='"%s"' % THIEF, pays="", extra_accounts=3)
    for flag in (16, 32):
        bent(folder, "extra accounts of the wallet's", extra, lambda m, flag=flag: m.data.__setitem__(m.rule(0) + 17, m.data[m.rule(0) + 17] | flag),
             "may not be the wallet's")


def halves(folder):
    """A rule with and without its `maybe` accounts is told once: it is the same rule (A14)."""
    text = ('[lists]\nfriends = ["%s"]\nothers = ["%s"]\n[[instruction]]\nname = "call"\nprogram = "%s"\ndata = "01"\nfields = [["n", "u8"]]\naccounts = ['
            '{ name = "to", in = "friends", writable = true }, { name = "more", maybe = true }, { name = "wallet_", is = "wallet", signer = true }, '
            '{ name = "again", is = "@wallet_" }, { name = "source", own = "any", token_program = "program" }]\nmax = 2\n'
            '[[instruction]]\nname = "next"\nprogram = "%s"\ndata = "02"\naccounts = [{ is = "@call.to" }]\n' % (FRIEND, THIEF, THIEF, THIEF))

    def place(m, op, number=-1):
        return [at for at in m.ops(op) if at >= m.table + m.word(m.table + 52) + 8 * m.word(m.rule(1) + 30)][0 if number < 0 else number]
    for what, bend in (("another recipient", lambda m: m.word(place(m, 10) + 4, 1)), ("any recipient", lambda m: m.data.__setitem__(place(m, 10), 2)),
                       ("a writable wallet", lambda m: m.word(place(m, 3) + 2, 5)), ("another token program", lambda m: m.data.__setitem__(place(m, OWNED) + 1, 0)),
                       ("another account bound", lambda m: m.data.__setitem__(place(m, BIND) + 1, 1)),
                       ("another same account", lambda m: m.word(place(m, IS_ACCOUNT) + 4, 0)),
                       ("more of them", lambda m: m.word(m.rule(1) + 36, 9)), ("other data", lambda m: m.word(m.rule(1) + 22, m.word(m.rule(1) + 22) + 1)),
                       ("another name", lambda m: m.word(m.rule(1) + 46, m.word(m.rule(2) + 46))),
                       ("another's count", lambda m: m.word(m.rule(1) + 34, m.word(m.rule(2) + 34))),
                       ("another order", lambda m: m.data.__setitem__(m.rule(1) + 17, m.data[m.rule(1) + 17] | 1)),
                       ("further accounts", lambda m: m.data.__setitem__(m.rule(1) + 19, 9)),
                       ("a whole that takes further accounts", lambda m: m.data.__setitem__(m.rule(0) + 19, 9))):
        bent(folder, "half a rule with " + what, text, bend, "not the rule before it without some accounts")

    # Kept by one half alone: who asks for the same account would find none, and may then have another.
    ask = text.replace('[{ is = "@call.to" }]', '[{ is = "@call.to%s" }]')
    for mark in ("", "?"):
        for half in (0, 1):
            bent(folder, "half a rule without what it keeps, asked for with %r" % mark, ask % mark,
                 lambda m, half=half: m.word(m.rule(half) + 32, m.word(m.rule(half) + 32) - 1), "not the rule before it without some accounts")
    both = Module(folder, ask % "?")
    expect("what a rule keeps stands last", [both.data[both.ops()[both.word(both.rule(i) + 30) + both.word(both.rule(i) + 32) - 1]] for i in (0, 1)] ==
           [BIND, BIND], both.said)

    def orphan(m):
        for i in (0, 1):
            m.word(m.rule(i) + 32, m.word(m.rule(i) + 32) - 1)
    bent(folder, "an account kept by no rule", ask % "?", orphan, "the same as in no instruction")
    behind = Module(folder, text.replace('own = "any", token', 'own = "@mint", token').replace('{ name = "source"', '{ name = "mint" }, { name = "source"'))
    expect("what rests on a place is the same in both halves, which have it elsewhere", behind.code == 0 and behind.known()[0], behind.said)
    places_ = ('{ name = "by", in = "others" }, { name = "held", own = "any", token_program = "@by" }, { name = "their", ata = { owner = "@by", '
               'mint = "native_mint" } }, { name = "lent", own = "any", or = "one", token_program = "token" }')
    ones = "".join('[[parameter]]\nname = "%s"\ntype = "pubkey"\noptional = true\ntext = "t"\n' % name for name in ("one", "two"))
    lent = ones + text.replace('{ name = "source"', places_ + ', { name = "source"')
    behind = Module(folder, lent)
    expect("so is what rests on two places", behind.code == 0 and behind.known()[0], behind.said)

    def lend(m):
        at = m.ops(OWNED_OR)[-1]
        m.word(at + 2, m.word(at + 2) + 32)
        m.word(at + 4, m.word(at + 4) + 1)
    bent(folder, "half a rule with another that is vouched for", lent, lend, "not the rule before it without some accounts")
    own = ", ".join('{ name = "%s", own = "any", except = "%s", token_program = "token" }' % row for row in (("kept", "native_mint"), ("held", FRIEND)))
    for what, bend in (("another fixed token program", lambda m: m.word(place(m, OWNED, 1) + 4, m.word(place(m, OWNED, 1) + 4) ^ 1)),
                       ("another exception", lambda m: m.word(place(m, OWNED, 1) + 6, m.word(place(m, OWNED, 2) + 6))),
                       ("no exception", lambda m: m.word(place(m, OWNED, 1) + 6, 0))):
        bent(folder, "half a rule with " + what, text.replace('"program" }]', '"program" }, %s]' % own), bend,
             "not the rule before it without some accounts")
    params = '[[parameter]]\nname = "many"\ntype = "pubkey list"\nmax = 3\noptional = true\ntext = "keys"\n'
    m = Module(folder, params + text.replace('{ name = "more", maybe', '{ name = "more", in = "many", maybe'), "many = []")
    told = m.text()
    expect("a rule of which one half is refused is not", m.code == 0 and "refused" not in told and "[1 with 4 accounts] to: one of friends" in told, m.said, told)


def data_told(folder):
    """Data that is not what it must be refuses, whatever reason a table has for it; variants have no places to read (A1, B7)."""
    text = ('[types.T]\nfields = [["a", "u8", 7]]\n[types.E]\nvariants = [{ tag = 0, name = "x", fields = [["l", "vec 3 u8"]] }, { tag = 1, name = "y" }]\n'
            '[[instruction]]\nname = "call"\nprogram = "%s"\ndata = "01"\nfields = [["n", "u64"], ["v", "vec 3 u8"], ["t", "T"], ["e", "E"]]\n'
            'accounts = [{ is = "wallet", signer = true, writable = true }]\npays = [{ lamports = "n", as = "transfer" }]\n' % THIEF)

    def layouts(m):
        off, count = m.part("layouts")
        return off, bytes(m.data[off:off + count])

    def reason(op, length):
        def bend(m):
            off, bytes_ = layouts(m)
            at = next(i for i in range(len(bytes_)) if bytes_[i] == op and bytes_[i + 1:i + 3] == (26).to_bytes(2, "little") or
                      bytes_[i] == op and i + length <= len(bytes_) and struct.unpack_from("<H", bytes_, i + 1)[0] >= 20 and length)
            m.word(off + at + 1, 0)
        return bend
    bent(folder, "another number, for no reason", text, reason(4, 12), "rules of its format")
    bent(folder, "another tag, for no reason", text, reason(11, 5), "rules of its format")

    def segment(op):
        def bend(m):
            off, bytes_ = layouts(m)
            at = next(i for i in range(len(bytes_)) if bytes_[i] == 6)  # the variant's run becomes parts
            m.data[off + at:off + at + 7] = bytes([op] * 7)
        return bend
    bent(folder, "a variant with places", text, segment(1), "rules of its format")
    bent(folder, "a variant that may end the data", text, segment(13), "rules of its format")
    bent(folder, "a number where no field is", text, lambda m: m.word(m.ops(LOAD)[0] + 2, 2), "rules of its format")
    long = " + ".join(["lamports"] * 8)
    for terms, good in ((long, True), (long + " + lamports", False)):
        m = Module(folder, rule("send", "any = true", check='["scale_up(%s, 2, 1) <= 5"]' % terms))
        expect("an expression of %d terms" % len(terms.split("+")), (m.code == 0) == good and (good or "give parts of it names" in m.said), m.said)
        expect("and all of it is told", not good or m.text().count("lamports") > 8, m.text() if good else "")


def slow(folder):
    """A25: anybody may have a table looked at, by the one thread that signs. What rules share is no more work for being many names:
    it took 30 times as long as a table without such rules, and would be a second in the fullest one."""
    program, names = 'program = "%s"\n' % THIEF, 120
    lets = ", ".join('"v%d = %s + 1"' % (i, "v%d" % (i - 1) if i else "x") for i in range(names))
    adds = ", ".join('"t%d += v%d"' % (i, i % names) for i in range(2 * names))
    text = "".join('[[total]]\nname = "t%d"\n' % i for i in range(2 * names))
    for i in range(names + 1):
        text += '[[instruction]]\nname = "i%d"\n%sdata = "%04x"\nfields = [["x", "u64"]]\n' % (i, program, i)
        text += "" if i else "let = [%s]\nadds = [%s]\nmin = 1\n" % (lets, adds)
    m = Module(folder, text)

    def takes():
        """Seconds of a processor; the least of some, since a busy machine adds to it."""
        least = 1e9
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            expect("a table of many names is a known one", *m.known())
            least = min(least, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
        return max(least, 0.004)
    alone = takes()
    for i in range(1, names + 1):
        m.data[m.rule(i) + 30:m.rule(i) + 34] = m.data[m.rule(0) + 30:m.rule(0) + 34]
    shared = takes()
    expect("rules that share their operations are looked at in time", shared < 14 * alone, "%.3f s, not %.3f" % (shared, alone))


TESTS = (lines, choice, without, wraps, least, recipients, foreign, message, how_many, handed, fees, authority, rested_on, read_only, options, length, given, values, data_behind, nonces, reads, given_names, makes, leaks, floor,
         one_name, order, places, halves, data_told, slow)


def main():
    """usage: intent_lies.py [TEST ...]: these alone"""
    with tempfile.TemporaryDirectory() as folder:
        for test in TESTS:
            if len(sys.argv) == 1 or test.__name__ in sys.argv[1:]:
                test(folder)
    return summary(1300 if len(sys.argv) == 1 else 1)


sys.exit(main())
