# SPDX-License-Identifier: Apache-2.0
"""A site that owns appliances: its keys, its disks, its clients; everything through the command line tool,
as an operator and a user do it."""
import base64
import json
import os
import random
import re
import ssl
import subprocess
import time

from addresses import DIGITS, base58_decode
from machine import run


def transfer(payer, recipient, lamports, number):
    """A legacy message that transfers lamports: what a bot wants signed. Base64 by the tool's rules."""
    keys = [payer, recipient, bytes(32)]
    data = (2).to_bytes(4, "little") + lamports.to_bytes(8, "little")
    message = (bytes([1, 0, 1, 3]) + b"".join(keys) + number.to_bytes(32, "big") +
               bytes([1, 2, 2, 0, 1, len(data)]) + data)
    return base64.b64encode(message), message


LOST = re.compile("verifier_failed|the verifier was lost")
LATE = re.compile("no_answer|overloaded")
CAME = re.compile(LATE.pattern + "|exists already")  # what came too late was done all the same
ASKED_AGAIN = 10


def address():
    """A random address that nobody has a key of. What begins so is below 2^256 and has no zero in front."""
    return random.choice(DIGITS[1:9]) + "".join(random.choices(DIGITS, k=43))


# What fills a store soonest (spec/store.md, lib/base/base_limits.h).
USERS = 16  # eight have used up what all have
LARGEST = 262000  # bytes of a module, with what else a request has
OF_USER, OF_ALL = ("%s modules and lookup tables of" % who for who in ("of this user keep", "this deployment keeps"))
KEYS, FOLDER = 8192, 64


def keypair():
    """An ed25519 key as Solana's tools write it: 64 numbers, the seed and the public key."""
    shown = re.findall(r"^ +((?:[0-9a-f]{2}:?)+)$", run("openssl", "genpkey", "-algorithm", "ed25519", "-text"), re.M)
    return list(bytes.fromhex("".join(shown).replace(":", "")))


def padding(number, size):
    """A custom section of this size: it makes a module another one, and does nothing."""
    rest = size - 4
    head = bytes([0, rest & 127 | 128, rest >> 7 & 127 | 128, rest >> 14])
    return head + b"\4full" + number.to_bytes(4, "little") + bytes(rest - 9)


class Owner:
    """Keys of the authorities, home of a user and his bot, in one folder."""

    def __init__(self, folder, tool, policies):
        self.folder, self.tool, self.policies = os.path.abspath(folder), tool, policies
        os.makedirs(self.folder, exist_ok=True)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                            "CLAVIGER_HOME": self.path("home")}
        self.sent = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def claviger(self, *words, ok=True):
        """What the tool says; without `ok`, however it ended. A verifier that a slow machine made late was replaced and
        nothing was decided, so the same is asked again."""
        for _ in range(ASKED_AGAIN):
            done = subprocess.run([self.tool, *words], env=self.environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)
            if not done.returncode or not LOST.search(done.stdout + done.stderr):
                break
        if ok and done.returncode:
            raise RuntimeError("claviger %s: %d\n%s%s" % (" ".join(words), done.returncode, done.stdout,
                                                         done.stderr))
        return done if not ok else done.stdout

    def found(self, *more):
        """Keys of both authorities, the escrow's, the operator's; genesis manifest and approvals."""
        for name in ("site", "release"):
            self.claviger("tpm", "key", self.path(name))
        escrow = self.claviger("key", "escape", self.path("escrow.json")).split()[-1]
        self.operator = self.claviger("key", "new", self.path("operator.json")).strip()
        self.times = [self.claviger("key", "new", self.path("time%d.json" % i)).strip() for i in range(3)]
        self.certify(None)
        self.claviger("tpm", "provision", "--out", self.path("machine"), "--site-root", self.path("site"),
                      "--release-root", self.path("release.pub"), "--escrow", escrow, *more)

    def certify(self, request, ca="site-ca"):
        """What a CA of that name makes of a request: a file with the chain."""
        paths = [self.path(ca + end) for end in (".key", ".pem", ".csr", ".leaf", ".chain")]
        if not os.path.exists(paths[1]):
            run("openssl", "req", "-new", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", paths[0], "-out", paths[1], "-subj", "/CN=" + ca, "-days", "30")
        if request:
            with open(paths[2], "w") as f:
                f.write(request)
            run("openssl", "x509", "-req", "-in", paths[2], "-CA", paths[1], "-CAkey", paths[0], "-copy_extensions",
                "copy", "-days", "2", "-out", paths[3])
            with open(paths[4], "w") as f:
                for path in (paths[3], paths[1]):
                    with open(path) as part:
                        f.write(part.read())
        return paths[4]

    def manifest(self, path, *more, site="site", operators=None):
        """Signs a site manifest into a file, for an operator to bring."""
        self.claviger("image", "disk", "--site-key", self.path(site), "--operator", operators or self.operator, "--name",
                      "127.0.0.1", "--ca", self.path("site-ca.pem"), "--time-key", ",".join(self.times), "--manifest",
                      path, *more)
        return path

    def disk(self, path, *more, new=True, size_mib=256):
        """Writes a site manifest of a higher serial than is there, and for a new machine genesis and approvals."""
        files = ["--genesis", self.path("machine/genesis")] if new else []
        self.claviger("image", "disk", "--size", str(size_mib), "--site-key", self.path("site"), "--operator",
                      self.operator, "--name", "127.0.0.1", "--ca", self.path("site-ca.pem"), "--time-key",
                      ",".join(self.times), *files, "--approvals", self.path("machine/approvals"), *more, path)

    def approve(self, who, pcrs, level=1, key=None, approvals=None):
        name = self.path("pcrs.json")
        with open(name, "w") as f:
            json.dump(pcrs, f)
        self.claviger("image", "approve", "--as", who, "--key", self.path(key or who), "--pcrs", name,
                      "--level", str(level), "--approvals", approvals or self.path("machine/approvals"))

    def meet(self, port):
        """Trusts the certificate that it sees first, as the owner of a new machine does."""
        for left in range(20, -1, -1):
            try:
                shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=30)
                break
            except OSError:  # a slow machine may be late for the other side
                if left == 0:
                    raise
                time.sleep(0.5)
        with open(self.path("ca.pem"), "w") as f:
            f.write(shown)
        self.shown = "ca.pem"
        self.reach(port)

    def reach(self, port):
        """Goes to this port from now on; the machine shows what it showed last."""
        self.environment.update(CLAVIGER_SERVER="https://127.0.0.1:%d" % port,
                                CLAVIGER_CA=self.path(self.shown))

    def time(self):
        """What the machine knows of the time."""
        return json.loads(self.claviger("time", "show", "--json"))

    def tell_time(self, *numbers):
        """The time keys of these numbers say what time it is, one after the other; what is known then."""
        for i in numbers:
            said = self.claviger("time", "give", "--json", "--error", "2", "--key", self.path("time%d.json" % i))
        return json.loads(said)

    def set_up_wallet(self):
        """A user, his wallet, a bot, a policy and a grant."""
        self.claviger("key", "new", self.path("user.json"))
        self.claviger("client", "new", "bot")
        self.claviger("wallet", "create", "trading", "--key", self.path("user.json"), "--yes")
        self.claviger("policy", "add", os.path.join(self.policies, "transfer.wasm"))
        with open(self.path("transfer.toml"), "w") as f:
            f.write("any_recipient = true\nmax_lamports = 1000000\nmax_fee_lamports = 100000\n")
        self.claviger("grant", "create", "--wallet", "trading", "--client", "bot", "--key",
                      self.path("user.json"), "--params", self.path("transfer.toml"), "--policy",
                      os.path.join(self.policies, "transfer.wasm"), "--cap", "lamports:total:1000000000",
                      "--yes")
        self.address = self.wallet()

    def use_up_shares(self, each):
        """Users make grants until no more modules and lookup tables of anybody's are kept: how many grants there are then,
        and in which words they were refused; each() is called behind every one. Each pins eight tables of its own, and
        names a module of its own while its user's share of them takes one more."""
        with open(os.path.join(self.policies, "transfer.wasm"), "rb") as f:
            module = f.read()
        own, tables, said, made = self.path("full.wasm"), self.path("full.json"), [], 0
        entries = {str(i): address() for i in range(256)}
        for number in range(USERS):
            user, wallet = self.path("user%d.json" % number), "full%d" % number
            self.claviger("key", "new", user)
            self.claviger("wallet", "create", wallet, "--key", user, "--yes")
            for size in (LARGEST - len(module), 0):
                while True:
                    with open(own, "wb") as f:
                        f.write(module + (padding(made, size) if size else b""))
                    pins = {table: dict(entries, **{"0": address()}) for table in sorted(address() for _ in range(8))}
                    with open(tables, "w") as f:
                        json.dump(pins, f)
                    done = self.claviger("grant", "create", "--wallet", wallet, "--client", "bot", "--key", user, "--params",
                                         self.path("transfer.toml"), "--policy", own, "--cap", "lamports:total:1000",
                                         "--tables", tables, "--pin", ",".join("%s:256" % table for table in pins), "--yes",
                                         ok=False)
                    made += 1
                    if done.returncode and not LATE.search(done.stderr):  # of one that came too late, the next is another one
                        said.append(done.stderr)
                        break
                    each()
            if OF_ALL in said[-1]:
                break
        return made, said

    def fill_with_wallets(self, each):
        """Users bring keys until one is refused: how many, and in which words; each() is called behind every folder."""
        folder = self.path("keys")
        os.mkdir(folder)
        for number in range(KEYS // FOLDER):
            user = self.path("many%d.json" % number)
            self.claviger("key", "new", user)
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            for i in range(FOLDER):
                path = os.path.join(folder, "m%d-%d.json" % (number, i))
                with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                    json.dump(keypair(), f)
            for _ in range(ASKED_AGAIN):
                done = self.claviger("wallet", "import", "--bulk", folder, "--key", user, "--yes", ok=False)
                if not done.returncode or not CAME.search(done.stderr):
                    break
                time.sleep(1)
            if done.returncode:
                return number * FOLDER, done.stderr
            each()
        return KEYS, ""

    def wallet(self):
        """The address of the wallet "trading", as the machine lists it now."""
        rows = [json.loads(line) for line in
                self.claviger("--json", "wallet", "list", "--key", self.path("user.json")).splitlines()]
        (row,) = [row for row in rows if row["name"] == "trading"]
        return row["address"]

    def grant_for_a_day(self, client):
        """Another bot of the same wallet, whose grant has an end and a window."""
        self.claviger("client", "new", client)
        self.claviger("grant", "create", "--wallet", "trading", "--client", client, "--key",
                      self.path("user.json"), "--params", self.path("transfer.toml"), "--policy",
                      os.path.join(self.policies, "transfer.wasm"), "--cap", "lamports:24h:1000000000",
                      "--expires", "1d", "--yes")

    def sign(self, lamports=1000, ok=True, client="bot"):
        """The bot asks for a signature; it is checked with openssl."""
        self.sent += 1
        text, message = transfer(base58_decode(self.address), b"\x01" * 32, lamports,
                                 int(time.time() * 1e6) + self.sent)
        with open(self.path("message"), "wb") as f:
            f.write(text)
        done = self.claviger("--json", "sign", "--wallet", "trading", "--token-file",
                             self.path("home/clients/%s.token" % client), "--transaction", self.path("message"),
                             ok=False)
        if not ok or done.returncode:
            if ok:
                raise RuntimeError(done.stdout + done.stderr)
            return done
        signature = json.loads(done.stdout)["signature"]
        self.check(signature, message)
        return signature

    def check(self, signature, message):
        raw = bytes.fromhex("302a300506032b6570032100") + base58_decode(self.address)
        with open(self.path("public.der"), "wb") as f:
            f.write(raw)
        with open(self.path("message.raw"), "wb") as f:
            f.write(message)
        with open(self.path("signature"), "wb") as f:
            f.write(base64.b64decode(signature, validate=True))
        shown = run("openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
                    self.path("public.der"), "-rawin", "-in", self.path("message.raw"), "-sigfile",
                    self.path("signature"))
        if not re.search("Verified Successfully", shown):
            raise RuntimeError("openssl: " + shown)
