#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrade, downgrade, firmware change and a new release key, as operators do them: by the command
line tool on running systems (G1, G2, G4, G6, G8), and a TPM that is reset under a running one (PH5).

usage: tpm_upgrade.py          (BUILD_DIR names the build; needs swtpm and tpm2-tools)

The test plays firmware and loader: it extends PCRs into a software TPM before each start.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tpm_system  # noqa: E402
import tpm_site  # noqa: E402
from tpm_system import BUILD, System, Tpm, expect, skip  # noqa: E402


def digest(what, pcr):
    return hashlib.sha256(("%s %d" % (what, pcr)).encode()).digest()


def pcrs_of(release, firmware):
    """pcrs.json: what the PCRs are after one extend each."""
    return {str(p): hashlib.sha256(bytes(32) + digest(release, p)).hexdigest()
            for p in tpm_site.RELEASE_PCRS} | {
                str(p): hashlib.sha256(bytes(32) + digest(firmware, p)).hexdigest()
                for p in tpm_site.SITE_PCRS}


class Machine:
    def __init__(self, base):
        self.base, self.state = base, os.path.join(base, "state")
        os.mkdir(os.path.join(base, "tpm"), 0o700)
        self.tpm = Tpm(os.path.join(base, "tpm"))
        self.system = None

    def claviger(self, *words, wanted=0):
        done = subprocess.run([os.path.join(BUILD, "bin/claviger"), *words], capture_output=True,
                              text=True, env=dict(os.environ, HOME=self.base))
        expect(" ".join(words[:3]) + " gives %d" % wanted, done.returncode == wanted,
               "%d %s %s" % (done.returncode, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def pcrs(self, release, firmware):
        path = os.path.join(self.base, "pcrs.json")
        with open(path, "w") as f:
            json.dump(pcrs_of(release, firmware), f)
        return path

    def boot(self, release, firmware, start="unseal"):
        """Power, firmware, loader, then the programs; True when they serve."""
        self.stop()
        self.tpm.power_on()
        words = ["%d:sha256=%s" % (p, digest(release, p).hex()) for p in tpm_site.RELEASE_PCRS]
        words += ["%d:sha256=%s" % (p, digest(firmware, p).hex()) for p in tpm_site.SITE_PCRS]
        self.tpm.tool("tpm2_pcrextend", *words)
        self.system = System(self.tpm, self.state, start)
        return self.system.wait_ready()

    def why(self):
        self.system.wait_end()
        event = self.system.event("unsealer", "unsealer.failed")
        return event["reason"] if event else ""

    def stop(self):
        if self.system and self.system.process.poll() is None:
            expect("it stops in order", self.system.stop() == 0)

    def approve(self, authority, key, release, firmware, level, *more):
        return self.claviger("image", "approve", "--as", authority, "--key", self.key(key), "--pcrs",
                             self.pcrs(release, firmware), "--level", str(level), "--approvals",
                             os.path.join(self.state, "approvals"), *more)

    def appoint(self, authority, root, key, *more, wanted=0):
        return self.claviger("image", "appoint", "--as", authority, "--root", self.key(root), "--key",
                             self.key(key), "--approvals", os.path.join(self.state, "approvals"),
                             *more, wanted=wanted)

    def key(self, name):
        return os.path.join(self.state, name)

    def server(self):
        """Options for the running system: its certificate is taken from it."""
        port = self.system.port
        ca = os.path.join(self.base, "ca.pem")
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        text = done.stdout
        begin, end = text.find("-----BEGIN"), text.find("-----END CERTIFICATE-----")
        with open(ca, "w") as f:
            f.write(text[begin:end] + "-----END CERTIFICATE-----\n")
        return ["--server", "https://127.0.0.1:%d" % port, "--ca", ca]

    def raise_floor(self, authority, key, to, *more, wanted=0):
        return self.claviger("tpm", "floor", "raise", "--as", authority, "--key", self.key(key),
                             "--to", str(to), "--approvals", os.path.join(self.state, "approvals"),
                             *self.server(), *more, wanted=wanted)

    def records(self):
        return self.system.event("signer", "signer.ready")["deployment"]


def upgrade(m):
    """G1, G2, G4: the next release, and no way back after the floor was raised."""
    provision = ("tpm", "provision", "--single-operator", "--out", m.state, "--pcrs", m.pcrs("one", "bios"))
    text = m.claviger(*provision, "--dry-run")
    expect("a dry run says what would happen", "Nothing was written" in text and "one person" in text.lower(), text)
    expect("and makes nothing", not os.path.exists(m.state))
    m.claviger(*provision)
    expect("release one starts", m.boot("one", "bios", "genesis"))
    deployment = m.deployment = m.records()
    text = m.claviger(*provision, wanted=1)
    expect("a second genesis is refused: it would make what is held unreadable", "provisioned already" in text, text)
    expect("a release that nobody approved does not", not m.boot("two", "bios"))
    expect("and it is said which PCRs", "PCR 4, 9, 11, 12, 14" in m.why(), m.why())
    m.approve("release", "release.pem", "two", "bios", 2, "--dry-run")
    expect("a dry run of an approval approves nothing", not m.boot("two", "bios"))
    text = m.approve("release", "release.pem", "two", "bios", 2, "--name", "two")
    expect("the text says what is allowed", "at\nmost 2" in text, text)
    expect("release two starts, sealed anew by nobody", m.boot("two", "bios"))
    expect("and reads the records", m.records() == deployment)
    expect("release one still does (G4)", m.boot("one", "bios"))
    text = m.raise_floor("release", "release.pem", 2, wanted=1)
    expect("a floor that would lock out what runs is refused", "would not unseal" in text, text)
    expect("release two again", m.boot("two", "bios"))
    before = m.claviger("tpm", "floor", *m.server())
    m.raise_floor("release", "release.pem", 2, "--dry-run")
    expect("a dry run changes nothing", m.claviger("tpm", "floor", *m.server()) == before)
    text = m.raise_floor("release", "site.pem", 2, wanted=1)
    expect("another key raises nothing", "has not given this release key" in text, text)
    m.raise_floor("release", "release.pem", 2)
    after = m.claviger("tpm", "floor", *m.server())
    expect("the floor is 2", "release floor 2" in after, after)
    expect("and never goes back", "never goes back" in m.raise_floor(
        "release", "release.pem", 1, wanted=1))
    expect("release one is locked out (G2)", not m.boot("one", "bios"))
    expect("and it is said why", "below the release floor" in m.why(), m.why())


def firmware(m):
    """G6: another firmware, as on another board that the TPM moved to (docs/recovery.md): nothing is lost."""
    expect("another firmware does not start", not m.boot("two", "new bios"))
    expect("and it is said which PCRs", "PCR 0, 2, 7" in m.why(), m.why())
    m.approve("site", "site.pem", "two", "new bios", 1)
    expect("it does with the site's approval", m.boot("two", "new bios"))
    expect("and reads the records", m.records() == m.deployment)


def unnamed(m):
    """An approval by a key that its root appointed and the site does not name: it stops nothing (the
    start takes the pair that opens), and is no reason to raise a floor above the one that does."""
    m.claviger("tpm", "key", m.key("unnamed.pem"))
    m.appoint("release", "release.pem", "unnamed.pem.pub")
    m.approve("release", "unnamed.pem", "two", "new bios", 9)
    expect("an approval that the site does not name stops nothing", m.boot("two", "new bios"))
    text = m.raise_floor("release", "release.pem", 3, wanted=1)
    expect("nor does it let the floor above what opens", "would not unseal" in text, text)
    expect("what runs starts again", m.boot("two", "new bios"))


def release_key(m):
    """G8, O7: the release root appoints another key and the site names it, neither alone; the old
    one's signatures die with the site floor."""
    m.claviger("tpm", "key", m.key("new.pem"))
    text = m.approve("release", "new.pem", "three", "new bios", 3)
    expect("the text says that it is not appointed", "has not appointed" in text, text)
    m.approve("site", "site.pem", "three", "new bios", 2, "--release-key", m.key("new.pem.pub"))
    expect("a key that only the site names opens nothing", not m.boot("three", "new bios"))
    text = m.appoint("release", "site.pem", "new.pem.pub", wanted=1)
    expect("the site root cannot appoint it", "is not the release root" in text, text)
    m.appoint("release", "release.pem", "new.pem.pub", "--dry-run")
    expect("a dry run changes nothing", not m.boot("three", "new bios"))
    m.appoint("release", "release.pem", "new.pem.pub")
    expect("it does when its root has appointed it", m.boot("three", "new bios"))
    m.raise_floor("site", "site.pem", 2)
    expect("the new key's release starts", m.boot("three", "new bios"))
    m.approve("release", "release.pem", "four", "new bios", 9)
    expect("what the old key signs opens nothing", not m.boot("four", "new bios"))
    expect("and it is said why", "below the site floor" in m.why(), m.why())
    text = m.claviger("image", "drop", "--approvals", os.path.join(m.state, "approvals"), "--as",
                      "release", "--below", "200", wanted=1)
    expect("dropping all that opens is refused", "no start would unseal" in text, text)


def site_key(m):
    """The site root appoints another site key, up to a floor."""
    m.claviger("tpm", "key", m.key("new-site.pem"))
    text = m.approve("site", "new-site.pem", "three", "newer bios", 3, "--release-key",
                     m.key("new.pem.pub"))
    expect("the text says that it is not appointed", "has not appointed" in text, text)
    expect("a site key that its root has not appointed opens nothing",
           not m.boot("three", "newer bios"))
    m.appoint("site", "site.pem", "new-site.pem.pub", "--until", "2")
    expect("it does afterwards", m.boot("three", "newer bios"))
    text = m.appoint("site", "site.pem", "new-site.pem.pub", "--until", "1", wanted=1)
    expect("a weaker appointment does not take its place unasked", "until level 2 already" in text, text)
    m.appoint("site", "site.pem", "new-site.pem.pub", "--until", "1", "--lower", "--dry-run")
    m.appoint("site", "site.pem", "new-site.pem.pub", "--until", "2")
    text = m.claviger("image", "approvals", os.path.join(m.state, "approvals"))
    expect("the list shows who is appointed until when", "site floor is at most 2" in text, text)
    text = m.raise_floor("site", "site.pem", 3, wanted=1)
    expect("a floor above its appointment would lock out", "would not unseal" in text, text)
    m.approve("site", "site.pem", "three", "newer bios", 4, "--release-key", m.key("new.pem.pub"))
    expect("the root approves the same", m.boot("three", "newer bios"))
    m.raise_floor("site", "new-site.pem", 3, wanted=1)
    m.raise_floor("site", "site.pem", 3)
    expect("with the root's approval it starts", m.boot("three", "newer bios"))


def reset(m):
    """PH5: a TPM that is reset under a running system ends it."""
    expect("it starts", m.boot("three", "newer bios"))
    subprocess.run(["swtpm_ioctl", "--unix", m.tpm.socket + ".ctrl", "-i"], check=True,
                   capture_output=True)
    until = time.monotonic() + 60
    while m.system.process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    expect("a reset is noticed and everything halts", m.system.process.poll() not in (None, 0))
    expect("and named", m.system.event("attestor", "attestor.tpm_was_reset") is not None)


def main():
    for program in ("swtpm", "swtpm_ioctl", "tpm2_pcrextend", "openssl"):
        if not shutil.which(program):
            skip(program + " is not installed")
    base = tempfile.mkdtemp(prefix="tpm_upgrade.")
    m = Machine(base)
    try:
        for part in (upgrade, firmware, unnamed, release_key, site_key, reset):
            began = time.monotonic()
            part(m)
            m.stop()
            print("%s: %.0f s" % (part.__name__, time.monotonic() - began))
    finally:
        tpm_system.clear(m, base)
    return tpm_system.summary()


if __name__ == "__main__":
    sys.exit(main())
