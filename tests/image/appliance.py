#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The appliance in a virtual machine with Secure Boot, keys of its own and a TPM: it is found, approved,
used, switched off and on, and attacked. Every boot is of the real image; what an operator or a user does,
the command line tool does.

usage: tests/image/appliance.py         the cases of `make test`
       tests/image/appliance.py boot    the first ones: genesis, a signature over the network, evidence, power off and on
       tests/image/appliance.py all     those of the soak, too; goes on where $SOAK_STATE says that it was
       tests/image/appliance.py NAME... the first ones, and those whose name contains a NAME

Proves in spec/claims.md: S1, S2, S3, S5, S7, B9 and DS1, PH2, PH6, PH7, PH10, A9, R2, H7, O7, O9, G1, G2, G4, T1, T3, A13 as far as each case says.
"""
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/image"), os.path.join(ROOT, "tests")]
from dhcp import Server  # noqa: E402
from machine import FIRMWARE, PATIENCE, Machine, run  # noqa: E402
from owner import OF_ALL, OF_USER, Owner  # noqa: E402

BUILD = os.environ.get("BUILD_DIR") or os.path.join(ROOT, "build")
TOOL = os.path.join(BUILD, "bin/claviger")
IMAGE = os.path.join(BUILD, "image")
passed, failed = 0, 0


def expect(what, holds, shown=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print("FAIL %s %s" % (what, shown), flush=True)


class World:
    """What the cases share, each building on those before."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = os.path.join(folder, "keys")
        run(TOOL, "image", "keys", self.keys)
        self.environment = dict(os.environ, CLAVIGER_IMAGE_KEYS=self.keys)
        self.image = self.build("image")
        with open(os.path.join(self.image, "pcrs.json")) as f:
            self.predicted = json.load(f)["sha256"]
        self.signed = os.path.join(self.image, "claviger-signed.efi")
        self.owner = Owner(os.path.join(folder, "owner"), TOOL, os.path.join(BUILD, "share/policies"))
        self.owner.found()
        shutil.copy(self.owner.path("machine/approvals"), self.owner.path("machine/approvals.first"))
        self.machine = Machine(os.path.join(folder, "machine"), self.keys)
        self.roots = self.machine.manufacture()
        os.unlink(self.machine.data)
        self.owner.disk(self.machine.data)
        self.measured = {}
        self.next_is_approved = False

    def build(self, name, programs=None, init=None):
        """An image, signed with this world's keys; the unsigned one of build/image is taken where it fits."""
        out = os.path.join(self.folder, name)
        if programs is None and init is None and os.path.isdir(os.path.join(IMAGE, "work")):
            shutil.copytree(IMAGE, out)
        words = (["--bin", programs] if programs else []) + (["--init", init] if init else [])
        run(os.path.join(ROOT, "tools/image"), "--out", out, *words, env=self.environment)
        return out

    def settings(self):
        """What the machine runs by, as it tells an operator."""
        return json.loads(self.owner.claviger("machine", "config", "--operator", self.owner.path("operator.json"), "--json",
                                              "--operator-port", str(self.machine.ports[8201])))["settings"]

    def fails(self, image, code, more=(), genesis=False, **start):
        """Boots an image that must not come to serve; its boot failure. One of a genesis switches the machine off."""
        machine = self.machine
        machine.insert(image, more)
        with machine:
            machine.start(restarts=genesis, **start)
            end = machine.wait("machine.ends")
            expect("boot failure %d" % code, end is not None and end["code"] == code, end)
            expect("what comes then", end is not None and end["then"] == ("off" if genesis else "restart"), end)
            if genesis:
                expect("and it is off", machine.qemu.wait(timeout=300) == 0, machine.qemu.returncode)
            expect("no signer is ready", not machine.find("signer.ready") and not machine.find("ready"))
            return machine.find("unsealer.pcrs")

    def serves(self, what, smp=1, options=(), restarts=False):
        self.machine.insert(self.signed)
        self.machine.start(smp=smp, options=options, restarts=restarts)
        ready = self.machine.wait("ready")
        expect(what, ready is not None, self.machine.lines[-5:])
        print("%-40s %6.1f s after power on" % (what, ready["at"] if ready else 0), flush=True)


def case_a_new_machine_says_what_was_measured_and_waits_for_approval(world):
    """S2: what our own code predicted is what firmware measured; nothing unseals that nobody approved. A genesis that
    failed is not tried again by itself: each try wears the TPM."""
    (line,) = world.fails(world.signed, 120, genesis=True)
    world.measured = {k[3:]: v for k, v in line.items() if k.startswith("pcr")}
    for pcr in ("4", "7", "9", "11", "12", "14"):
        expect("PCR %s as predicted" % pcr, world.measured[pcr] == world.predicted[pcr],
               (world.measured[pcr], world.predicted[pcr]))
    world.owner.approve("release", {"sha256": world.predicted})
    world.owner.approve("site", world.measured)
    world.owner.disk(world.machine.data)


def case_an_approved_machine_serves_by_the_usual_interfaces(world):
    """S1, S5, S8: a wallet, a policy, a signature over the network. Who types at the console, Ctrl-S and Ctrl-C
    too, neither stops the log nor stands in it."""
    world.serves("first start serves")
    world.machine.type(b"\x13\x03\r\nroot\r\n")
    world.owner.meet(world.machine.ports[8200])
    world.owner.set_up_wallet()
    world.owner.sign()
    print("%-40s %6.1f s after power on" % ("first signature of a new machine",
                                            time.monotonic() - world.machine.began), flush=True)
    judge(world)
    check_time(world)
    lines = [str(x) for x in world.machine.lines]
    first = next(i for i, line in enumerate(lines) if line.startswith("{"))  # before it firmware and kernel speak
    for line in lines[first:]:
        if not line.startswith("{"):
            expect("the console has events only", not line, line)
    expect("the console goes on", len(world.machine.find("time.proven")) == 1)
    world.machine.off()


def check_time(world):
    """T3: the machine's clock proves nothing; two of the site's three time keys do, and one does not."""
    owner = world.owner
    said = owner.time()
    expect("no proof of the time yet", said["source"] == "site" and said["state"] == "unproven" and
           int(said["low"]) < 86400, said)
    said = owner.tell_time(0)
    expect("one key proves nothing", said["state"] == "unproven", said)
    now = time.time()
    said = owner.tell_time(1)
    expect("two keys prove the time", said["state"] == "proven" and said["agreeing"] == "2", said)
    expect("and it is this", now - 300 < int(said["low"]) <= time.time() + 1 and
           now - 3 < int(said["high"]) < time.time() + 300, (now, said))
    # The serial line may be late.
    expect("it is said on the console", world.machine.wait("time.unproven") and world.machine.wait("time.proven"))
    owner.grant_for_a_day("daily")
    owner.sign(client="daily")
    world.known_s = int(owner.time()["low"])


def attest(world, name, policy, *words):
    """`claviger attest` by a policy; what it says, as JSON."""
    path = world.owner.path("policy.json")
    with open(path, "w") as f:
        json.dump(policy, f)
    done = world.owner.claviger("attest", name, "--json", "--policy", path, *words, ok=False)
    return dict(json.loads(done.stdout or "{}"), exit=done.returncode, said=done.stderr)


def check_evidence(world):
    """S7, B9, H7: a stranger who has the predicted values, a board's values and the TPM maker's root."""
    policy = {"vendor_roots": world.roots, "releases": [os.path.join(world.image, "pcrs.json")], "event_log": True,
              "firmwares": [{"name": "this OVMF", "sha256": {k: world.measured[k] for k in ("0", "2", "7")}}],
              "single_operator": True, "unattended": True, "recovery_key": True}
    kept = world.owner.path("evidence.cbor")
    said = attest(world, "get", policy, "--activate", "--out", kept)
    expect("evidence of the real boot", said["exit"] == 0 and said["hardware"] and said["mode"] == "appliance", said)
    expect("the event log leads there", int(said.get("events") or 0) > 20, said)
    policy["deployment_key"] = said.get("deployment_key", "")
    said = attest(world, "verify", policy, kept)
    expect("offline, by the deployment key", said["exit"] == 0 and said["activated"], said)
    other = dict(policy, releases=[{"name": "another", "sha256": dict(world.predicted, **{"4": "ab" * 32})}])
    expect("another image", attest(world, "verify", other, kept).get("code") == "pcr-release")
    other = dict(policy, firmwares=[{"name": "x", "sha256": {k: "ab" * 32 for k in ("0", "2", "7")}}])
    expect("another board", attest(world, "verify", other, kept).get("code") == "pcr-firmware")
    parts = world.owner.path("parts")
    world.owner.claviger("attest", "unpack", kept, parts)
    text = run("tpm2_eventlog", os.path.join(parts, "binary_bios_measurements"))
    expect("tpm2_eventlog reads the log", world.measured["4"] in text.lower() and world.measured["7"] in text.lower())


def judge(world):
    """S7: evidence is accepted for the predicted PCRs, and for no others."""
    policy = {"software_tpm": True, "releases": [os.path.join(world.image, "pcrs.json")],
              "firmwares": [{"name": "ovmf", "sha256": {k: world.measured[k] for k in ("0", "2", "7")}}]}
    evidence, name = world.owner.path("evidence"), world.owner.path("policy.json")
    with open(name, "w") as f:
        json.dump(policy, f)
    done = world.owner.claviger("attest", "get", "--out", evidence, "--policy", name, ok=False)
    expect("evidence fits the prediction", done.returncode == 0, done.stdout + done.stderr)
    done = world.owner.claviger("attest", "verify", "--policy", name, evidence, ok=False)
    expect("offline, too", done.returncode == 0, done.stdout + done.stderr)
    other = dict(world.predicted, **{"4": "00" * 32})
    policy["releases"] = [{"name": "another", "sha256": other}]
    with open(name, "w") as f:
        json.dump(policy, f)
    done = world.owner.claviger("attest", "verify", "--policy", name, evidence, ok=False)
    expect("evidence of another image is refused", done.returncode == 1, done.stdout + done.stderr)


def operate(world):
    """O9: an operator at his door of the machine: its state, its log, its settings, its certificate; then he freezes."""
    owner = world.owner

    def machine(*words, ok=True):
        return owner.claviger("machine", words[0], "--operator", owner.path("operator.json"), "--operator-port",
                              str(world.machine.ports[8201]), *words[1:], ok=ok)
    told = json.loads(machine("status", "--json"))
    expect("status", told["mode"] == "appliance" and told["signer"]["unsealed"] and int(told["state_fill"]) < 50, told)
    lines = [json.loads(x) for x in machine("log").splitlines()]
    expect("the log from the start on", {"network.address", "sandbox.entered", "ready"} <= {x["event"] for x in lines},
           len(lines))
    shown = [json.loads(x) for x in world.machine.lines if x and x.startswith("{")]
    expect("the console has the same", all(x in shown for x in lines[5:20]))
    settings = json.loads(machine("config", "--json"))["settings"]
    expect("settings", settings["operators"] == [owner.operator] and settings["operator_port"] == 8201, settings)
    refused = owner.claviger("machine", "status", "--operator", owner.path("user.json"), "--operator-port",
                             str(world.machine.ports[8201]), ok=False)
    expect("nobody else", refused.returncode == 3 and "does not take this key" in refused.stderr, refused.stderr)
    chain = owner.certify(owner.claviger("tls", "csr"))
    before = owner.environment["CLAVIGER_CA"]
    refused = machine("certificate", owner.certify(owner.claviger("tls", "csr"), "stranger"), ok=False)
    expect("a stranger's CA", refused.returncode == 1 and "CA" in refused.stderr, refused.stderr)
    machine("certificate", chain)
    owner.environment["CLAVIGER_CA"] = owner.path("site-ca.pem")
    owner.sign()
    owner.environment["CLAVIGER_CA"] = before
    refused = owner.sign(ok=False)
    expect("the former certificate is gone", "vouches" in refused.stderr, refused.stderr)
    owner.shown = "site-ca.pem"  # from here on, over every start
    owner.environment["CLAVIGER_CA"] = owner.path(owner.shown)
    for words in (["freeze", "bot"], ["unfreeze", "bot"], ["freeze", "--all"], ["unfreeze", "--all"]):
        owner.claviger("client", *words, "--operator", owner.path("operator.json"))
        done = owner.sign(ok=False)
        expect("client " + " ".join(words), (done.returncode == 0) == (words[0] == "unfreeze"), done.stderr)


def settle(world):
    """O9: another manifest from afar, for the next start; whatever raises power is refused in words."""
    owner = world.owner

    def settings(path, word="settings"):
        return owner.claviger("machine", word, "--operator", owner.path("operator.json"), path, ok=False)
    another = owner.claviger("key", "new", owner.path("another.json")).strip()
    now, after = world.settings()["serial"], str(int(world.settings()["serial"]) + 1)
    owner.claviger("tpm", "key", owner.path("no-site"))
    for what, path, why in (
            ("the same serial", owner.manifest(owner.path("m1"), "--serial", now), "serial"),
            ("an operator more", owner.manifest(owner.path("m2"), "--serial", after, operators=owner.operator + "," + another),
             "an operator more"),
            ("passkeys elsewhere", owner.manifest(owner.path("m3"), "--serial", after, "--rp-id", "evil.example",
                                                  "--origins", "https://evil.example"),
             "at the machine only"),
            ("another site's", owner.manifest(owner.path("m4"), "--serial", after, site="no-site"), "another site"),
            ("no manifest", owner.path("operator.json"), "malformed")):
        done = settings(path)
        expect(what + " is refused", done.returncode == 1 and why in done.stderr, done.stderr)
    refused = owner.claviger("machine", "settings", "--operator", owner.path("user.json"), owner.path("m1"), ok=False)
    expect("by nobody but an operator", refused.returncode == 1 and "not an operator" in refused.stderr, refused.stderr)
    done = settings(owner.manifest(owner.path("m5"), "--serial", after, "--verifiers", "2"))
    expect("fewer verifiers are taken", done.returncode == 0, done.stderr)
    world.serial = after
    for what, path, why in (("of another genesis", foreign_approvals(world), "144"),
                            ("of another image alone", approvals_of(world, "alone", release={"4": "ab" * 32}), "145"),
                            ("for another board", approvals_of(world, "board", site={"7": "ab" * 32}), "no site approval")):
        done = settings(path, "approvals")
        expect("approvals %s are refused" % what, done.returncode == 1 and why in done.stderr, done.stderr)
    done = settings(owner.path("machine/approvals"), "approvals")
    expect("approvals are taken", done.returncode == 0, done.stderr)


def approvals_of(world, name, release=None, site=None):
    """A file of approvals of this genesis that lets in this image on this board, but for these PCRs of it."""
    owner, path = world.owner, world.owner.path("approvals-" + name)
    shutil.copy(owner.path("machine/approvals.first"), path)
    for who, pcrs in (("release", dict(world.predicted, **(release or {}))), ("site", dict(world.measured, **(site or {})))):
        owner.approve(who, pcrs, approvals=path)
    return path


def foreign_approvals(world):
    """A file of approvals that is whole, of another genesis."""
    other = Owner(os.path.join(world.folder, "foreign"), TOOL, os.path.join(BUILD, "share/policies"))
    if not os.path.exists(other.path("machine")):
        other.found()
        other.approve("release", world.predicted)
        other.approve("site", world.measured)
    return other.path("machine/approvals")


def case_power_off_and_on_keeps_the_wallets(world):
    """DS1: the store on a bare block device, without an orderly stop. T1, A13: the machine comes back with its
    clock ten years ahead: that ends what has an end, and opens nothing; the site's time keys say what time it is."""
    known = world.known_s
    world.serves("start after a power cut serves", options=("-rtc", "base=2036-11-26T00:00:00"))
    world.owner.reach(world.machine.ports[8200])
    said = world.owner.time()
    expect("a clock that is ahead is no proof", said["state"] == "unproven" and
           known - 60 <= int(said["low"]) < time.time() + 60 and int(said["high"]) > time.time() + 9 * 365 * 86400, said)
    done = world.owner.sign(client="daily", ok=False)
    expect("what has an end has ended, as far as is known", "grant_expired" in done.stdout + done.stderr,
           (done.stdout, done.stderr))
    expect("the time is proven again", world.owner.tell_time(1, 2)["state"] == "proven")
    world.owner.sign(client="daily")
    expect("the same wallet", world.owner.wallet() == world.owner.address)
    world.owner.sign()
    print("%-40s %6.1f s after power on" % ("boot to first signature",
                                            time.monotonic() - world.machine.began), flush=True)
    operate(world)
    settle(world)
    check_evidence(world)
    world.machine.off()


def case_images_that_are_not_signed_by_db_do_not_start(world):
    """S3: unsigned, one byte flipped, signed with another key: three disks, one firmware."""
    unsigned = os.path.join(world.image, "claviger.efi")
    flipped = os.path.join(world.folder, "flipped.efi")
    with open(world.signed, "rb") as f:
        data = bytearray(f.read())
    data[len(data) // 2] ^= 1
    with open(flipped, "wb") as f:
        f.write(data)
    other = os.path.join(world.folder, "other-keys")
    run(TOOL, "image", "keys", other)
    foreign = os.path.join(world.folder, "foreign.efi")
    run("sbsign", "--key", other + "/db.key", "--cert", other + "/db.pem", "--output", foreign, unsigned)
    options = []
    for number, image in enumerate((unsigned, flipped, foreign)):
        world.machine.insert(image)
        disk = world.machine.path("boot%d.img" % number)
        os.replace(world.machine.path("boot.img"), disk)
        options += ["-drive", "if=none,id=b%d,format=raw,readonly=on,file=%s" % (number, disk), "-device",
                    "virtio-blk-pci,drive=b%d,bootindex=%d" % (number, number + 1)]
    shutil.copy(world.machine.path("boot0.img"), world.machine.path("boot.img"))
    with world.machine:
        world.machine.start(options=options)
        end, refused = time.monotonic() + PATIENCE, set()
        while time.monotonic() < end and len(refused) < 4:
            time.sleep(0.2)
            text = "\n".join(str(x) for x in world.machine.lines)
            refused = set(re.findall(r"failed to load Boot\w+ .* from (\S+): Access Denied", text))
        expect("firmware refused all four disks", len(refused) == 4, text[-2000:])
        expect("no kernel ran", "EFI stub" not in text and not world.machine.events)
    for number in range(3):
        os.unlink(world.machine.path("boot%d.img" % number))


def changed_programs(world):
    """The programs with one byte of the bridge's text changed."""
    folder = os.path.join(world.folder, "changed-bin")
    shutil.copytree(os.path.join(BUILD, "bin"), folder)
    path = os.path.join(folder, "claviger-bridge")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = data.index(b"listen.malformed")
    data[at] ^= 1
    with open(path, "wb") as f:
        f.write(data)
    return folder


def case_a_signed_image_with_one_byte_changed_starts_and_cannot_unseal(world):
    """S2, O7: the owner of db alone is not enough."""
    changed = world.build("changed", changed_programs(world))
    (line,) = world.fails(os.path.join(changed, "claviger-signed.efi"), 120)
    for pcr in ("0", "2", "7", "9", "11", "12", "14"):
        expect("PCR %s is the same" % pcr, line["pcr" + pcr] == world.measured[pcr])
    expect("PCR 4 is another", line["pcr4"] != world.measured["4"])
    world.serves("the approved image still serves", restarts=True)
    world.owner.reach(world.machine.ports[8200])
    world.owner.sign()
    settings = world.settings()
    expect("by the settings that the operator brought", (settings["serial"], settings["verifiers"]) == (world.serial, 2),
           settings)
    try_next_release(world)
    world.machine.off()


def case_what_is_missing_or_damaged_is_said_with_its_number(world):
    """Disks, network, TPM and store that are not what a machine needs, each with its code of image/runbook.md; and what
    is whole again serves, by an address of its manifest."""
    machine, owner = world.machine, world.owner
    kept, second = machine.path("data.kept"), machine.path("second.img")
    owner.disk(machine.data, "--address", "10.0.2.15/24", "--router", "10.0.2.2", "--interpreter", new=False)
    for path in (kept, second):
        run("cp", "--sparse=always", machine.data, path)
    nobody = ("-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-pci,netdev=net")
    for code, start, place in (
            (102, {}, (0, 128)),  # where the manifest is, in KiB (spec/disk.md)
            (103, {"options": ("-drive", "if=none,id=second,format=raw,file=" + second, "-device",
                               "virtio-blk-pci,drive=second")}, None),
            (104, {"network": False}, None),
            (111, {"tpm": False}, None),
            (113, {}, (128, 32)),
            (124, {}, (160, 128)),
            (130, {}, (512, 64))):
        if place:
            with open(machine.data, "r+b") as f:
                f.seek(place[0] << 10)
                f.write(b"\xff" * (place[1] << 10))
        world.fails(world.signed, code, **start)
        run("cp", "--sparse=always", kept, machine.data)
    world.serves("by an address of its manifest")
    (address,) = machine.find("network.address")
    expect("it is the manifest's", address["from"] == "manifest" and address["address"] == "10.0.2.15", address)
    owner.reach(machine.ports[8200])
    owner.sign()
    told = json.loads(owner.claviger("machine", "status", "--operator", owner.path("operator.json"), "--operator-port",
                                     str(machine.ports[8201]), "--json"))
    judged = attest(world, "get", {"software_tpm": True})
    expect("and interprets all policies, as it says", (told["signer"]["policy_engine"], judged.get("policy_engine")) ==
           ("interpreter", "interpreter"), (told, judged))
    machine.off()
    owner.disk(machine.data, new=False)
    world.fails(world.signed, 105, network=False, options=nobody)
    for path in (kept, second):
        os.unlink(path)


def region(name):
    """Where an item of the data disk begins, and how long each of its halves is (spec/disk.md)."""
    at, size = {"share": (128, 32), "genesis": (288, 32), "escrow": (320, 32)}[name]
    return at << 10, size << 9


def read_item(disk, name):
    """The newer half of an item: where it begins, and its content."""
    at, half = region(name)
    with open(disk, "rb") as f:
        f.seek(at)
        halves = [f.read(half) for _ in range(2)]
    turns = [int.from_bytes(h[8:16], "little") if h[:8] == b"CITEM001" else 0 for h in halves]
    newer = turns.index(max(turns))
    return at + newer * half, halves[newer][64:64 + int.from_bytes(halves[newer][16:24], "little")]


def change_item(disk, name, change):
    """What somebody writes there who knows how a half is summed."""
    at, content = read_item(disk, name)
    changed = change(content)
    assert len(changed) == len(content) and changed != content
    with open(disk, "r+b") as f:
        f.seek(at)
        head = f.read(24)
        f.write(hashlib.sha256(head + changed).digest() + bytes(8) + changed)


def count_further(by):
    """Changes what a sealed share says of the boot counter at genesis (lib/approval/approval.c), and sums it anew."""
    def change(content):
        found = re.search(rb"\x0a(\x18.|\x19..|\x1a.{4}|\x1b.{8}|[\0-\x17])\x0b\x58\x20.{32}\0+\Z", content, re.S)
        number = int.from_bytes(found[1][1:] or found[1], "big") + by
        head = content[:found.start(1)]
        if number < 24:
            head += bytes([number])
        else:
            kind = [n for n in range(4) if number < 1 << (8 << n)][0]
            head += bytes([0x18 + kind]) + number.to_bytes(1 << kind, "big")
        return (head + b"\x0b\x58\x20" + hashlib.sha256(head).digest()).ljust(len(content), b"\0")
    return change


def spoiled(world, name, script):
    """An image that does this before its first own program, and is approved."""
    first = os.path.join(world.folder, "first-" + name)
    with open(os.path.join(BUILD, "tests/spoil"), "rb") as f:
        data = f.read()
    with open(first, "wb") as f:
        f.write(data.replace(b"script:" + bytes(len(script)), b"script:" + script, 1))
    os.chmod(first, 0o755)
    folder, approvals = world.build("spoiled-" + name, init=first), approvals_of(world, "spoiled-" + name)
    with open(os.path.join(folder, "pcrs.json")) as f:
        world.owner.approve("release", json.load(f), approvals=approvals)
    run(TOOL, "image", "disk", "--approvals", approvals, world.machine.data)
    return os.path.join(folder, "claviger-signed.efi")


def case_who_had_disk_or_tpm_is_found_out_with_a_number(world):
    """PH1, PH7, PH9: a share that is gone or says something else, a TPM whose owner's authorization was taken off, one
    that was used before our first program; an address that the card does not take, and a folder that is mounted."""
    machine, owner = world.machine, world.owner
    owner.disk(machine.data, new=False)
    kept, tpm = machine.path("data.kept"), machine.path("tpm.kept")
    run("cp", "--sparse=always", machine.data, kept)
    shutil.copytree(machine.path("tpm"), tpm, ignore=shutil.ignore_patterns("control", "socket*", "pid"))

    def emptied():
        with open(machine.data, "r+b") as f:
            for name in ("share", "genesis"):
                at, half = region(name)
                f.seek(at)
                f.write(bytes(2 * half))

    def unowned():
        with open(owner.path("escrow"), "wb") as f:
            f.write(read_item(machine.data, "escrow")[1])
        owned = json.loads(owner.claviger("--json", "tpm", "escrow", owner.path("escrow"), "--key",
                                          owner.path("escrow.json")))["owner"]
        expect("the owner's authorization is taken off",
               machine.tools(["tpm2_changeauth", "-c", "o", "-p", "hex:" + owned]) == [0])

    def far_router():
        owner.disk(machine.data, "--address", "10.0.2.15/24", "--router", "10.9.9.9", new=False)
    cap = hashlib.sha256(b"claviger/cap/v1").hexdigest()
    extend = "80020000004100000182" "0000000b" "00000009" "40000009" "0000000000" "00000001" "000b" + cap
    session = "80010000002b00000176" "40000007" "40000007" "0010" + "ab" * 16 + "0000" "00" "0010" "000b"
    for code, prepare, image in (
            (106, far_router, world.signed),
            (112, emptied, world.signed),
            (115, lambda: change_item(machine.data, "share", count_further(1000)), world.signed),  # above where it stands
            (118, lambda: change_item(machine.data, "share", count_further(-1)), world.signed),
            (127, unowned, world.signed),
            (101, None, spoiled(world, "mount", b"sys ")),
            (116, None, spoiled(world, "capped", extend.encode() + b" ")),
            (128, None, spoiled(world, "full", (session + " ").encode() * 3))):
        run("cp", "--sparse=always", kept, machine.data)
        if prepare:
            prepare()
        elif code != 101:
            run(TOOL, "image", "disk", "--approvals", owner.path("approvals-spoiled-" + ("capped" if code == 116 else "full")),
                machine.data)
        world.fails(image, code)
        shutil.rmtree(machine.path("tpm"))
        shutil.copytree(tpm, machine.path("tpm"))
    run("cp", "--sparse=always", kept, machine.data)
    world.serves("and what is whole again serves")
    owner.reach(machine.ports[8200])
    owner.sign()
    machine.off()
    os.unlink(kept)
    shutil.rmtree(tpm)


def case_a_genesis_that_cannot_be_is_said_with_its_number(world):
    """Another new machine, which each of these switches off: a manifest of genesis that nobody signed, a disk that takes
    no share, a TPM without room, one that takes no authorization for the time being; then it is this site's, and takes
    no second genesis."""
    owner = Owner(os.path.join(world.folder, "genesis-owner"), TOOL, os.path.join(BUILD, "share/policies"))
    owner.found()
    owner.approve("release", {"sha256": world.predicted})
    owner.approve("site", world.measured)
    usual, machine = world.machine, Machine(os.path.join(world.folder, "genesis"), world.keys)
    machine.manufacture()
    world.machine = machine

    def new_disk():
        os.unlink(machine.data)
        owner.disk(machine.data)
    new_disk()
    change_item(machine.data, "genesis", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    world.fails(world.signed, 125, genesis=True)
    new_disk()
    at, half = region("escrow")
    world.fails(world.signed, 119, genesis=True, bad={"data": [at >> 9, (at + half) >> 9]})
    indices = ["0x%x" % (0x1800000 + i) for i in range(200)]
    full = machine.tools(*(["tpm2_nvdefine", index, "-C", "o", "-s", str(size), "-a", "ownerread|ownerwrite"]
                           for index, size in [(index, 2048) for index in indices[:100]] + [(i, 16) for i in indices[100:]]))
    expect("the TPM is full", full[0] == 0 and full[-1] != 0, full)
    world.fails(world.signed, 128, genesis=True)
    machine.tools(*(["tpm2_nvundefine", index, "-C", "o"] for index in indices))
    expect("the TPM is locked", machine.tools(["tpm2_dictionarylockout", "-c", "-p", "wrong"]) != [0])
    world.fails(world.signed, 117, genesis=True)
    expect("the TPM is cleared", machine.tools(["tpm2_clear", "-c", "p"]) == [0])
    new_disk()
    world.serves("a genesis that nothing keeps from it")
    machine.off()
    new_disk()
    world.fails(world.signed, 126, genesis=True)
    world.machine = usual


def case_the_disk_beside_another_tpm_stays_closed(world):
    """PH10, PH2: same image, same firmware, same disk."""
    shutil.move(world.machine.path("tpm"), world.machine.path("tpm.away"))
    os.mkdir(world.machine.path("tpm"))
    world.fails(world.signed, 114)
    shutil.rmtree(world.machine.path("tpm"))
    shutil.move(world.machine.path("tpm.away"), world.machine.path("tpm"))


def case_without_secure_boot_or_with_other_keys_nothing_unseals(world):
    """S3, PH6: the image starts on such firmware, and PCR 7 tells."""
    for what, keys in (("off", None), ("other keys", os.path.join(world.folder, "other-db"))):
        image = world.signed
        if keys:
            run(TOOL, "image", "keys", keys)
            image = os.path.join(world.folder, "other-db.efi")
            run("sbsign", "--key", keys + "/db.key", "--cert", keys + "/db.pem", "--output", image,
                os.path.join(world.image, "claviger.efi"))
        kept = world.machine.variables
        other = Machine(os.path.join(world.folder, "firmware-" + what.replace(" ", "-")), keys)
        world.machine.variables = other.variables
        (line,) = world.fails(image, 122)
        expect("PCR 7 is another (%s)" % what, line["pcr7"] != world.measured["7"])
        expect("PCR 4 is the same (%s)" % what, line["pcr4"] == world.measured["4"])
        world.machine.variables = kept


def newc(inode, mode, name, content):
    """One file of a cpio archive in the "new" form, which the kernel takes."""
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % n for n in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def case_a_boot_entry_with_options_does_not_unseal(world):
    """A9, PH6: an edited command line, and a file that shall overlay the user space. The kernel takes neither
    command line, and the second file only as far as PCR 9 tells of it."""
    overlay = os.path.join(world.folder, "x.cpio")
    name = "claviger-was-here"
    with open(overlay, "wb") as f:
        f.write(newc(1, 0o100644, name.encode(), b"x\n") + newc(0, 0, b"TRAILER!!!", b""))
    kept = world.machine.path("variables.kept")
    shutil.copy(world.machine.variables, kept)
    for options in ("init=/bin/sh lockdown=none", "initrd=\\x.cpio"):
        world.machine.boot_entry(options)
        (line,) = world.fails(world.signed, 120, more=[("x.cpio", overlay)])
        expect("PCR 9 tells of %s" % options, line["pcr9"] != world.measured["9"], line)
        for pcr in ("4", "7", "11", "12", "14"):
            expect("PCR %s is the same with %s" % (pcr, options), line["pcr" + pcr] == world.measured[pcr], line)
        shutil.copy(kept, world.machine.variables)


def look_from_inside(world, smp):
    """A boot of the build whose first program looks at the kernel and, when all serve, at the processes."""
    with world.machine as machine:
        machine.start(smp=smp)
        expect("the self-test ends", machine.wait("selftest.done") is not None)
        expect("all serve", machine.wait("ready") is not None)  # each has said by then how it is locked in
        checks = machine.find("selftest")
        for check in checks:
            expect("from inside: " + check["check"], check["ok"], check["found"])
        expect("all was looked at", len(checks) >= 120, len(checks))
        (line,) = [c["found"] for c in checks if c["check"] == "cmdline"]
        with open(os.path.join(ROOT, "image/kernel.cmdline")) as f:
            expect("the built-in command line", line.split() == f.read().split(), line)
        (line,) = machine.find("machine.hardware")
        wanted = "cores=%d pinned=%s memory=none smt=off iommu=" % (smp, "yes" if smp > 2 else "no")
        expect("what the machine is", line["machine"].startswith(wanted), line)
        locked = [e for e in machine.find("sandbox.entered") if "landlock seccomp" in e["layers"] and
                  "empty-root own-uid" in e["layers"] and e["landlock_abi"] >= 6]
        expect("every process is locked in", len(locked) == len(machine.find("sandbox.entered")) >= 10,
               len(locked))


def insert_selftest(world):
    image = os.path.join(world.folder, "selftest")
    if not os.path.isdir(image):
        world.build("selftest", init=os.path.join(BUILD, "tests/selftest"))
        with open(os.path.join(image, "pcrs.json")) as f:
            world.owner.approve("release", json.load(f))
    world.owner.disk(world.machine.data, new=False)
    world.machine.insert(os.path.join(image, "claviger-signed.efi"))


def case_seen_from_inside_there_is_nothing_else(world):
    """S4, S8: no call, file, process, port or page that is not ours. PH7: nor the share, once it was given."""
    insert_selftest(world)
    look_from_inside(world, smp=1)


def case_with_three_cores_the_signer_has_one_to_itself(world):
    """S8. The site approves the firmware's other measurement of a board with other processors first."""
    (line,) = world.fails(world.signed, 122, smp=3)
    world.owner.approve("site", {k[3:]: v for k, v in line.items() if k.startswith("pcr")})
    insert_selftest(world)
    look_from_inside(world, smp=3)


def case_the_next_release_unseals_by_itself_and_the_floor_locks_this_one_out(world):
    """G1, G2: image v+1 with one more signature of the release key; then v is below the floor."""
    image = next_release(world)
    world.owner.disk(world.machine.data, new=False)
    world.machine.insert(image)
    with world.machine as machine:
        machine.start()
        expect("v+1 serves", machine.wait("ready") is not None)
        world.owner.reach(machine.ports[8200])
        expect("with v's wallets", world.owner.wallet() == world.owner.address)
        world.owner.sign()
        world.owner.claviger("tpm", "floor", "raise", "--as", "release", "--key", world.owner.path("release"),
                             "--to", "2", "--approvals", world.owner.path("machine/approvals"))
        world.owner.sign()
        status, said, _ = update(world, world.signed, ok=False)
        expect("v is not staged below the floor", status == 1 and said.get("code") == 121, said)
        world.owner.sign()
    world.fails(world.signed, 121)
    below_the_site_floor(world, image)


def below_the_site_floor(world, image):
    """G2: the same for the site's approval of the board: below its floor nothing is staged, kept or started."""
    owner, machine = world.owner, world.machine
    approvals, older = owner.path("machine/approvals"), owner.path("approvals-older")
    shutil.copy(approvals, older)
    owner.approve("site", world.measured, level=2)
    owner.disk(machine.data, new=False)
    machine.insert(image)
    with machine:
        machine.start()
        expect("v+1 serves by another approval of the board", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        owner.claviger("tpm", "floor", "raise", "--as", "site", "--key", owner.path("site"), "--to", "2", "--approvals", approvals)
        owner.sign()
        done = owner.claviger("machine", "approvals", "--operator", owner.path("operator.json"), older, ok=False)
        expect("the former approvals are refused, with the reason", done.returncode == 1 and "below the site floor" in done.stderr,
               done.stderr)
    run(TOOL, "image", "disk", "--approvals", older, machine.data)
    world.fails(image, 123)
    run(TOOL, "image", "disk", "--approvals", approvals, machine.data)


def update(world, image, approvals=None, ok=True):
    """`claviger machine update`; (exit status, what it says)."""
    owner = world.owner
    words = ["--approvals", approvals or owner.path("machine/approvals"), image] if image else []
    done = owner.claviger("machine", "update", "--json", "--operator", owner.path("operator.json"), *words, ok=False)
    said = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if ok:
        expect("staged", done.returncode == 0 and said.get("state") == "staged", (done.stdout, done.stderr))
    return done.returncode, said, done.stderr


def next_release(world):
    """Image v+1, which another byte of the programs makes, and its approval at level 2."""
    folder = os.path.join(world.folder, "changed")
    if not os.path.isdir(folder):
        world.build("changed", changed_programs(world))
    if not world.next_is_approved:
        with open(os.path.join(folder, "pcrs.json")) as f:
            world.owner.approve("release", json.load(f), level=2)
    world.next_is_approved = True
    return os.path.join(folder, "claviger-signed.efi")


def restart(world):
    """An operator restarts the machine, in order."""
    machine = world.machine
    machine.events.clear()
    world.owner.claviger("machine", "restart", "--operator", world.owner.path("operator.json"))
    expect("an orderly end", machine.wait("machine.ends")["code"] == 0)
    machine.events.clear()


def try_next_release(world):
    """G1, O9: v stages v+1 by its operator's door, restarts, and v+1 serves v's wallets without anybody."""
    owner, machine = world.owner, world.machine
    refused_updates(world)
    image, alone = next_release(world), owner.path("approvals-of-v+1-alone")
    shutil.copy(owner.path("machine/approvals"), alone)
    owner.claviger("image", "drop", "--approvals", alone, "--as", "release", "--below", "2")
    status, said, _ = update(world, image, approvals=alone, ok=False)
    expect("approvals that lock out what runs", status == 1 and said.get("code") == 145, said)
    began = time.monotonic()
    update(world, image)
    print("%-40s %6.1f s" % ("the same image again, nothing sent", time.monotonic() - began), flush=True)
    owner.sign()
    restart(world)
    expect("v+1 serves", machine.wait("ready") is not None)
    owner.reach(machine.ports[8200])
    expect("with v's wallets", owner.wallet() == owner.address)
    expect("and is kept not before it signed", not machine.find("update.kept"))
    owner.sign()
    expect("and is kept", machine.wait("update.kept") is not None)


def refused_updates(world):
    """Each with its number, and the machine as it was."""
    owner = world.owner
    unsigned, flipped = os.path.join(world.image, "claviger.efi"), os.path.join(world.folder, "flipped.efi")
    with open(world.signed, "rb") as f:
        data = bytearray(f.read())
    data[len(data) // 2] ^= 1
    with open(flipped, "wb") as f:
        f.write(data)
    for what, image, code in (("unsigned", unsigned, None), ("with a byte flipped", flipped, 120)):
        status, said, text = update(world, image, ok=False)
        expect("an image " + what, status == 1 and (said.get("code") == code or "143" in text), (said, text))
    owner.sign()


def falls_back(world, what, image):
    """An update that is staged and does not come to serve: the start behind it is the former image's."""
    machine = world.machine
    update(world, image)
    restart(world)
    expect("%s: the former image serves" % what, machine.wait("ready", 900) is not None)
    said = machine.wait("update.refused")
    expect("%s: and says so" % what, said is not None and said["code"] == 149, said)
    expect("%s: nothing was kept" % what, not machine.find("update.kept"))
    world.owner.reach(machine.ports[8200])
    world.owner.sign()


def case_an_update_that_does_not_come_to_serve_falls_back(world):
    """G4, O9: a kernel that stops before its first program, and an image that firmware does not start."""
    ends, owner = os.path.join(world.folder, "ends"), world.owner
    run("sh", "-c", "echo 'int main(void) { return 0; }' | gcc -static -x c -o %s -" % ends)
    folder = world.build("stops", init=ends)
    with open(os.path.join(folder, "pcrs.json")) as f:
        owner.approve("release", json.load(f), level=2)
    other, foreign = os.path.join(world.folder, "update-keys"), os.path.join(world.folder, "foreign-update.efi")
    run(TOOL, "image", "keys", other)
    run("sbsign", "--key", other + "/db.key", "--cert", other + "/db.pem", "--output", foreign,
        os.path.join(os.path.dirname(next_release(world)), "claviger.efi"))
    world.machine.insert(world.signed)
    with world.machine as machine:
        machine.start(restarts=True)
        expect("v serves", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        falls_back(world, "a kernel that stops", os.path.join(folder, "claviger-signed.efi"))
        falls_back(world, "a key that is not in db", foreign)


def case_another_order_takes_a_pending_trial_back(world):
    """O9: v+1 is staged; an order that is refused comes behind it, and the next start is v's, with nothing to say. The
    codes of approvals that do not fit, 144 and 122, on the way; and none of these orders counts twice."""
    owner, machine = world.owner, world.machine
    image = next_release(world)
    flipped = os.path.join(world.folder, "flipped.efi")
    if not os.path.exists(flipped):
        with open(world.signed, "rb") as f:
            data = bytearray(f.read())
        data[len(data) // 2] ^= 1
        with open(flipped, "wb") as f:
            f.write(data)
    unnamed = approvals_of(world, "unnamed")  # v+1 by a release key that its root appointed and the site does not name
    owner.claviger("tpm", "key", owner.path("second"))
    owner.claviger("image", "appoint", "--as", "release", "--root", owner.path("release"), "--key", owner.path("second.pub"),
                   "--approvals", unnamed)
    with open(os.path.join(os.path.dirname(image), "pcrs.json")) as f:
        owner.approve("release", json.load(f), level=2, key="second", approvals=unnamed)
    machine.insert(world.signed)
    with machine:
        machine.start(restarts=True)
        expect("v serves", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        for what, approvals, code in (("of another genesis", foreign_approvals(world), 144),
                                      ("of a key that the site does not name", unnamed, 122)):
            status, said, text = update(world, image, approvals=approvals, ok=False)
            expect("approvals %s" % what, status == 1 and said.get("code") == code, (said, text))
        update(world, image)
        status, said, text = update(world, flipped, ok=False)
        expect("an order behind it is refused", status == 1 and said.get("code") == 120, (said, text))
        restart(world)
        expect("v serves again", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        owner.sign()
        status, said, text = update(world, None, ok=False)
        expect("nothing was tried, and nothing is said", status == 0 and said.get("code") == 0 and
               not machine.find("update.refused") and not machine.find("update.kept"), (said, text))


def case_what_cannot_be_staged_is_said_with_its_number(world):
    """O9, DS4: no boot disk (140), a boot disk (146) or a data disk (148) that takes no writes where they are needed,
    firmware whose variables are full (147). Each time v goes on, and starts."""
    owner, machine = world.owner, world.machine
    image = next_release(world)
    kept = machine.path("variables.kept")
    shutil.copy(machine.variables, kept)
    for code, bad, prepare in (
            (140, None, lambda: machine.insert(world.signed, [("readme.txt", TOOL)])),
            (146, {"boot": [133120 + 4104]}, None),  # where the image begins in slot 1
            (148, {"data": [320, 448]}, None),  # the heads of both halves of the approvals
            (147, None, lambda: machine.fill_variables(4500))):
        machine.insert(world.signed)
        if prepare:
            prepare()
        with machine:
            machine.start(bad=bad)
            expect("%d: v serves" % code, machine.wait("ready") is not None)
            owner.reach(machine.ports[8200])
            status, said, text = update(world, image, ok=False)
            expect("refused with %d" % code, status == 1 and said.get("code") == code, (said, text))
            owner.sign()
        shutil.copy(kept, machine.variables)
    machine.insert(world.signed)
    world.serves("and v starts after all that")
    owner.reach(machine.ports[8200])
    owner.sign()
    machine.off()


def case_power_cuts_around_an_update_leave_a_machine_that_starts(world):
    """G1, DS4: the plug is pulled while the image comes, then between staging and the start that tries it."""
    owner, machine = world.owner, world.machine
    image = next_release(world)
    words = [TOOL, "machine", "update", "--operator", owner.path("operator.json"), "--approvals",
             owner.path("machine/approvals"), image]
    machine.insert(world.signed)
    with machine:
        machine.start()
        expect("v serves", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        with subprocess.Popen(words, env=owner.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as sender:
            shown = b""
            while b"7 of " not in shown:
                shown += sender.stderr.read(1)
            machine.off()
            sender.kill()
        machine.start()
        expect("v serves after the cut", machine.wait("ready") is not None)
        expect("and nothing was tried", not machine.find("update.refused") and not machine.find("update.kept"))
        owner.reach(machine.ports[8200])
        update(world, image)
        machine.off()
        machine.start()
        expect("v+1 serves after the second cut", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        status, said, _ = update(world, None, ok=False)
        expect("an operator is heard, and it is kept", machine.wait("update.kept") is not None, said)
        owner.sign()
        machine.off()
        machine.start()
        expect("v+1 is what starts by itself", machine.wait("ready") is not None)


def case_a_lease_is_renewed_rebound_refused_and_runs_out(world):
    """A DHCP server with leases of a minute: it gives more time when asked; it is silent, and an answer to the question
    to all servers counts; it refuses, and the address is given up at once; it is gone, and the lease runs out. Each
    time an address is looked for anew, and the machine goes on."""
    server, everybody = Server(), b"\xff" * 4
    machine = world.machine
    machine.insert(world.signed)

    def asked(to):
        return server.wait(lambda kind, by, where: kind == 3 and by == server.given and where == to, 120)
    with machine:
        machine.start(network=False, options=server.options())
        first = machine.wait("network.address")
        expect("an address", first is not None and first["address"] == "192.0.2.9" and first["lease_s"] == 60, first)
        expect("serves", machine.wait("ready") is not None)
        expect("asked its server for more time", asked(server.own) is not None, server.heard)
        expect("and has it", machine.wait("network.lease") is not None)
        machine.events.clear()
        server.answers = lambda to: to == everybody
        expect("asked all", asked(everybody) is not None, server.heard)
        expect("and has it from whoever answers", machine.wait("network.lease") is not None)
        expect("without losing its address", not machine.find("network.lost"))
        server.answers, server.address, server.refuses = lambda to: True, bytes([192, 0, 2, 10]), True
        expect("asked again", asked(server.own) is not None, server.heard)
        began = time.monotonic()
        expect("lost what was refused", machine.wait("network.lost") is not None)
        expect("at once, long before its end", time.monotonic() - began < 20, time.monotonic() - began)
        server.refuses = False
        second = machine.wait("network.address")
        expect("took another", second is not None and second["address"] == "192.0.2.10", second)
        machine.events.clear()
        server.answers = lambda to: False
        expect("asked", asked(everybody) is not None, server.heard)
        expect("lost what ran out", machine.wait("network.lost") is not None)
        server.answers = lambda to: True
        expect("found again", machine.wait("network.address") is not None)
        expect("and still serves", not machine.find("machine.ends") and not machine.find("process.ended"))


def case_the_manifest_of_another_site_is_refused(world):
    """The disk's owner cannot name other operators, however he signs; nor, O4, those whom the site left out since."""
    world.owner.disk(world.machine.data, new=False)
    world.serves("by the site's newest manifest")
    world.owner.reach(world.machine.ports[8200])
    newest = int(world.settings()["serial"])
    world.machine.off()
    for serial in (newest - 1, newest):  # of the same serial another one
        world.owner.disk(world.machine.data, "--serial", str(serial), "--verifiers", "1", new=False)
        world.fails(world.signed, 132)
        (refused,) = world.machine.find("start.site")
        expect("an older manifest is refused in words", "(serial %d) is older" % serial in refused["text"] and
               "(serial %d)" % newest in refused["text"], refused)
    world.owner.disk(world.machine.data, new=False)
    good = world.owner.path("site")
    world.owner.claviger("tpm", "key", world.owner.path("other-site"))
    os.rename(good, good + ".kept")
    os.rename(world.owner.path("other-site"), good)
    world.owner.disk(world.machine.data, new=False)
    world.fails(world.signed, 132)
    os.rename(good + ".kept", good)
    world.owner.disk(world.machine.data, new=False)


def found(machine, needle):
    """How often some bytes are in the machine's memory, which stands still meanwhile."""
    name = machine.path("memory.raw")
    machine.qmp({"execute": "stop"}, {"execute": "pmemsave", "arguments": {
        "val": 0, "size": 768 << 20, "filename": name}})
    with open(name, "rb") as f:
        count = f.read().count(needle)
    machine.qmp({"execute": "cont"})
    os.unlink(name)
    return count


def case_an_operator_restarts_it_and_memory_holds_nothing(world):
    """PH8: after an orderly restart no byte of what was secret is left: the bot's token is a canary that is
    there before, the seed of an imported wallet is not even there between two signatures (S21)."""
    world.machine.insert(world.signed)
    with world.machine as machine:
        machine.start(restarts=True)
        expect("serves before the restart", machine.wait("ready") is not None)
        world.owner.reach(machine.ports[8200])
        world.owner.claviger("key", "new", world.owner.path("imported.json"))
        world.owner.claviger("wallet", "import", "imported", "--from", world.owner.path("imported.json"),
                             "--key", world.owner.path("user.json"), "--yes")
        for _ in range(70):  # the bridge's ring has 64 slots (proc/topology.def): the token lies in each
            world.owner.sign()
        with open(world.owner.path("imported.json")) as f:
            seed = bytes(json.load(f)[:32])
        with open(world.owner.path("home/clients/bot.token")) as f:
            token = f.read().strip().encode()
        expect("the canary is in memory while it serves", found(machine, token) >= 60)
        expect("a wallet's seed is not", found(machine, seed) == 0)
        refused = world.owner.claviger("machine", "restart", "--operator", world.owner.path("user.json"), ok=False)
        expect("nobody but an operator restarts it", refused.returncode == 1, refused.stderr)
        # It stands still where it would begin anew: nothing that firmware writes over is forgiven.
        machine.qmp({"execute": "set-action", "arguments": {"reboot": "shutdown", "shutdown": "pause"}})
        world.owner.claviger("machine", "restart", "--operator", world.owner.path("operator.json"))
        end = machine.wait("machine.ends")
        expect("an orderly end", end is not None and end["code"] == 0 and end["then"] == "restart", end)
        limit = time.monotonic() + 300
        while time.monotonic() < limit and machine.qmp({"execute": "query-status"})[0]["return"]["status"] != "shutdown":
            time.sleep(0.1)
        expect("no canary is left behind", found(machine, token) == 0)
        expect("no seed is left behind", found(machine, seed) == 0)
        machine.qmp({"execute": "set-action", "arguments": {"reboot": "reset", "shutdown": "poweroff"}},
                    {"execute": "system_reset"}, {"execute": "cont"})
        machine.events.clear()
        expect("serves after the restart", machine.wait("ready") is not None)
        world.owner.sign()
        world.owner.claviger("machine", "off", "--operator", world.owner.path("operator.json"))
        machine.qemu.wait(timeout=300)
        expect("and is off when told so", machine.qemu.returncode == 0, machine.qemu.returncode)


def case_a_backup_serves_from_a_new_disk_when_the_site_says_so(world):
    """DS1, A16: the appliance's disk is lost: taken from afar while it serves, put onto a new disk, refused
    until the site accepts it, and then every wallet waits for its user."""
    owner, machine = world.owner, world.machine
    backup = owner.path("backup")
    machine.insert(world.signed)
    with machine:
        machine.start()
        expect("serves before the backup", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        refused = owner.claviger("backup", "--operator", owner.path("user.json"), "--out", owner.path("none"), ok=False)
        expect("nobody but an operator takes one", refused.returncode == 1, refused.stderr)
        owner.claviger("backup", "--operator", owner.path("operator.json"), "--out", backup)
        owner.sign()
        owner.claviger("client", "new", "late")
    lost = machine.data + ".lost"
    os.replace(machine.data, lost)
    owner.disk(machine.data, "--restore", backup, new=False)
    world.fails(world.signed, 131)
    (stale,) = machine.find("start.stale")
    expect("an older store is refused in words", "older" in stale["text"], stale)
    owner.claviger("recover", "accept", "--key", owner.path("site"), "--approvals", owner.path("machine/approvals"),
                   "--genesis", owner.path("machine/genesis"), "--checkpoint", stale["checkpoint"], "--anchor", stale["anchor"],
                   "--boots", str(stale["tpm_boots"]))
    run(TOOL, "image", "disk", "--approvals", owner.path("machine/approvals"), machine.data)
    world.serves("the restored disk serves")
    expect("and says that it recovered", len(machine.find("start.recovered")) == 1)
    owner.reach(machine.ports[8200])
    refused = owner.sign(ok=False)
    expect("every wallet is frozen", refused.returncode != 0 and "frozen" in refused.stdout + refused.stderr, refused.stderr)
    owner.claviger("wallet", "unfreeze", "trading", "--key", owner.path("user.json"), "--yes")
    owner.sign()
    machine.off()
    os.unlink(lost)


def case_a_full_disk_takes_no_power_and_freezes(world):
    """O9, R2, A25, DS5: another machine, whose disk is as small as one may be. No user's grants take more of it than his
    share, nor all grants' modules and tables more than half. All of it is filled with wallets, from afar: told at 95 %
    and at 100 % by console, log and metrics; then nothing that gives power is taken, a bot's signatures and freezing
    go on, and so it is after a power cut."""
    owner = Owner(os.path.join(world.folder, "small-owner"), TOOL, os.path.join(BUILD, "share/policies"))
    owner.found()
    with open(os.path.join(world.image, "pcrs.json")) as f:
        owner.approve("release", json.load(f))
    owner.approve("site", world.measured)
    machine = Machine(os.path.join(world.folder, "small"), world.keys)
    machine.manufacture()
    os.unlink(machine.data)
    owner.disk(machine.data, "--metrics-port", "9201", size_mib=128)
    machine.insert(world.signed)

    def freezes(what, *words):
        done = owner.claviger(*words, "--operator", owner.path("operator.json"), ok=False)
        expect(what, done.returncode == 0, done.stderr)

    def filled():
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % machine.ports[9201], timeout=300) as answer:
            shown = re.search(r'^claviger_store_fill_percent{part="state"} (\d+)$', answer.read().decode(), re.M)
        percents.append(int(shown[1]) if shown else 0)

    def refuses():
        for words in (["client", "new", "other"], ["wallet", "create", "v", "--key", owner.path("user.json"), "--yes"]):
            done = owner.claviger(*words, ok=False)
            expect(" ".join(words[:2]) + " is refused", done.returncode != 0 and "disk is full" in done.stderr, done.stderr)
    with machine:
        machine.start(services=(8200, 8201, 9201))
        expect("a small disk is enough", machine.wait("ready") is not None)
        owner.meet(machine.ports[8200])
        owner.set_up_wallet()
        percents = []
        added, said = owner.use_up_shares(filled)
        print("%-40s %d grants, %6.1f s after power on" % ("shares used up after", added, time.monotonic() - machine.began),
              flush=True)
        expect("each user's share is used up before that of all", OF_USER in said[0] and OF_USER in said[-3] and
               OF_ALL in said[-1], said)
        expect("which is half of the disk", 40 < percents[-1] < 70, percents)
        owner.grant_for_a_day("late")
        owner.sign()
        added, said = owner.fill_with_wallets(filled)
        print("%-40s %d wallets, %6.1f s after power on" % ("full after", added, time.monotonic() - machine.began), flush=True)
        expect("full at last", added > 1000 and "disk is full" in said, (added, said))
        filled()
        expect("told to Prometheus on the way", any(95 <= x < 100 for x in percents) and 100 <= percents[-1] < 110, percents)
        told = json.loads(owner.claviger("machine", "status", "--operator", owner.path("operator.json"), "--operator-port",
                                         str(machine.ports[8201]), "--json"))
        expect("told to operators", int(told["state_fill"]) == percents[-1], (told, percents[-1]))
        log = owner.claviger("machine", "log", "--operator", owner.path("operator.json"), "--operator-port",
                             str(machine.ports[8201]))
        for where, fills in (("on the console", machine.find("store.fill")),
                             ("in the log", [x for x in map(json.loads, log.splitlines()) if x["event"] == "store.fill"])):
            expect("told at 95 and at 100 " + where, [x["level"] for x in fills] == ["warn", "error"] and
                   95 <= fills[0]["state_percent"] < 100 <= fills[1]["state_percent"], fills)
        refuses()
        owner.sign()
    with machine:
        machine.start(services=(8200, 8201, 9201))
        expect("serves with a full disk", machine.wait("ready") is not None)
        owner.reach(machine.ports[8200])
        refuses()
        owner.sign()
        freezes("an operator freezes a bot", "client", "freeze", "bot")
        refused = owner.sign(ok=False)
        expect("it is frozen", refused.returncode != 0 and "frozen" in refused.stdout + refused.stderr, refused.stderr)
        done = owner.claviger("wallet", "freeze", "trading", "--key", owner.path("user.json"), "--yes", ok=False)
        expect("the user freezes a wallet", done.returncode == 0, done.stderr)
        freezes("an operator freezes all", "client", "freeze", "--all")
        expect("no process ended ill", not [e for e in machine.find("process.ended") if e["level"] != "info"] and
               not machine.find("machine.ends"))


CASES = [
    (case_a_new_machine_says_what_was_measured_and_waits_for_approval, "boot"),
    (case_an_approved_machine_serves_by_the_usual_interfaces, "boot"),
    (case_power_off_and_on_keeps_the_wallets, "boot"),
    (case_images_that_are_not_signed_by_db_do_not_start, "test"),
    (case_a_signed_image_with_one_byte_changed_starts_and_cannot_unseal, "test"),
    (case_seen_from_inside_there_is_nothing_else, "test"),
    (case_with_three_cores_the_signer_has_one_to_itself, "soak"),
    (case_a_boot_entry_with_options_does_not_unseal, "soak"),
    (case_a_backup_serves_from_a_new_disk_when_the_site_says_so, "soak"),
    (case_a_lease_is_renewed_rebound_refused_and_runs_out, "soak"),
    (case_a_full_disk_takes_no_power_and_freezes, "soak"),
    (case_the_manifest_of_another_site_is_refused, "soak"),
    (case_what_is_missing_or_damaged_is_said_with_its_number, "soak"),
    (case_who_had_disk_or_tpm_is_found_out_with_a_number, "soak"),
    (case_a_genesis_that_cannot_be_is_said_with_its_number, "soak"),
    (case_an_operator_restarts_it_and_memory_holds_nothing, "soak"),
    (case_the_disk_beside_another_tpm_stays_closed, "soak"),
    (case_without_secure_boot_or_with_other_keys_nothing_unseals, "soak"),
    (case_an_update_that_does_not_come_to_serve_falls_back, "soak"),
    (case_another_order_takes_a_pending_trial_back, "soak"),
    (case_what_cannot_be_staged_is_said_with_its_number, "soak"),
    (case_power_cuts_around_an_update_leave_a_machine_that_starts, "soak"),
    (case_the_next_release_unseals_by_itself_and_the_floor_locks_this_one_out, "soak"),
]


class Progress:
    """What a soak has behind it in this form, by image, tests, tool and machine: an interrupted one goes on."""

    def __init__(self, image):
        folder, hashed = os.environ.get("SOAK_STATE"), hashlib.sha256(run("qemu-system-x86_64", "--version").encode())
        for path in (os.path.join(image, "claviger.efi"), os.path.join(BUILD, "tests/selftest"), TOOL,
                     FIRMWARE + "/OVMF_CODE_4M.secboot.fd", *sorted(glob.glob(os.path.join(ROOT, "tests/image/*.py")))):
            with open(path, "rb") as f:
                hashed.update(hashlib.sha256(f.read()).digest())
        self.path, self.form = folder and os.path.join(folder, "done"), hashed.hexdigest()
        self.rows = []
        if self.path and os.path.exists(self.path):
            with open(self.path) as f:
                self.rows = [row for row in map(str.split, f) if row[0] == self.form]

    def has(self, case):
        return case.__name__ in [name for _, name, _ in self.rows]

    def put(self, case, count):
        self.rows.append((self.form, case.__name__, count))
        if self.path:
            with open(self.path, "w") as f:
                f.writelines("%s %s %s\n" % row for row in self.rows)


def main(words):
    folder = tempfile.mkdtemp(prefix="claviger-appliance-")
    world = None
    try:
        world = World(folder)
        progress = Progress(world.image)
        for case, when in CASES:
            wanted = when != "soak" and (when == "boot" or words != ["boot"])  # the others build on those of `boot`
            if words and words not in (["boot"], ["all"]):
                wanted = when == "boot" or any(word in case.__name__ for word in words)
            if words == ["all"]:
                wanted = when == "boot" or not progress.has(case)
            if not wanted:
                continue
            start, counted = time.monotonic(), passed
            case(world)
            print("%5.1f s  %s" % (time.monotonic() - start, case.__name__[5:].replace("_", " ")), flush=True)
            if words == ["all"] and when != "boot" and not failed:
                progress.put(case, passed - counted)
        if words == ["all"]:
            print("%d cases beside the first ones, %d checks of them in all parts of this soak" % (
                len(progress.rows), sum(int(count) for _, _, count in progress.rows)))
    finally:
        if world is not None:
            world.machine.off()
            if failed or sys.exc_info()[0]:
                print("\n".join(str(x) for x in world.machine.lines[-30:]))
        shutil.rmtree(folder, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
