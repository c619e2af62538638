#!/usr/bin/env python3
"""Intents that try to look narrower than they are: files and bent tables whose texts, or whose mark as a known module,
would hide what a grant of them allows. S15, A3, B7."""
# SPDX-License-Identifier: Apache-2.0
import base64
import os
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "bin", "claviger")
FRIEND = "ErigbMVRXgm2zELSZbAtngkcizM7veFP9PqPUpPAoTpE"
THIEF = "AYckEk2t9ct69UWpugdGEMPhmLtVy4uVnzqgcbtyMtoA"
OWNED, CHOSEN, WITHOUT, HAS_DATA, LENGTH = 14, 32, 4, 30, 31
PARTS = ("hash programs rules ops layouts enums keys lists image params groups checks fields names messages words "
         "schema").split()
passed = failed = 0


def expect(what, holds, *shown):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL", what, *shown)


def claviger(*words):
    run = subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=60)
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

    def ops(self):
        off, count = self.part("ops")
        return [off + 8 * i for i in range(count)]

    def rule(self, index):
        return self.part("rules")[0] + 56 * index

    def known(self):
        with open(self.path, "wb") as file:
            file.write(self.data)
        code, out, said = claviger("policy", "inspect", self.path)
        return code == 0 and out.startswith("known module: intent lie"), out + said

    def text(self):
        code, out, said = claviger("policy", "describe", "--module", self.path, "--params", self.params)
        return out if code == 0 else out + said


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
        expect("known or not, the second is told", not known or THIEF in m.text(), out, m.text())


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


def base58(text):
    number = 0
    for c in text:
        number = number * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(c)
    return number.to_bytes(32, "big")


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
        transaction = bytes([1, 0, 1, 3]) + base58(FRIEND) + base58(THIEF) + bytes(32) + b"\x07" * 32 + bytes(
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
            keys = base58(FRIEND) + b"\x01" * 32 + b"\x02" * 32 + base58(THIEF)
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
        other = base58("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr" if "memo" in lifts else THIEF)
        keys = base58(FRIEND) + b"\x02" * 32 + other + bytes(32)
        transaction = bytes([1, 0, 2, 4]) + keys + b"\x07" * 32 + bytes([2, 2, 1, 1, 0, 3, 2, 0, 1, 12, 2, 0, 0, 0]) + bytes(8)
        with open(os.path.join(folder, "lie.b64"), "w", encoding="utf-8") as file:
            file.write(base64.b64encode(transaction).decode() + "\n")
        code, out, err = claviger("policy", "check", "--module", m.path, "--params", m.params, "--wallet", FRIEND,
                                  os.path.join(folder, "lie.b64"))
        expect("read-only, and handed to " + lifts, code == (1 if "memo" in lifts else 0), code, out, err)


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
        expect("%d keys" % keys, ("refused: two of many" in told and "number of entries of many (%d) x 3 / 2 rounded up" % keys in told)
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
                transaction = bytes([1, 0, 1, 2]) + base58(FRIEND) + base58(THIEF) + b"\x07" * 32 + bytes(
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


def main():
    with tempfile.TemporaryDirectory() as folder:
        for test in (lines, choice, without, wraps, least, recipients, read_only, length, data_behind, nonces):
            test(folder)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or passed < 72 else 0


sys.exit(main())
