#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`claviger doctor --hardware` on copies of machines: each line of image/hardware.md that Linux can see is found
good on a machine that has it, and missing on one that lacks just that (S8, S10)."""
import json
import os
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.environ["BUILD_DIR"], "bin/claviger")
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
MOR = "e20939be-32d4-41be-a150-897f85d49829"
CPU = ("processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 4344P\nmicrocode\t: 0xa601209\n"
       "flags\t\t: fpu smep sme rdtscp\n\nprocessor\t: 1\n")
GOOD = {
    "proc/cpuinfo": CPU,
    "dmesg": "[    0.000000] Linux version 6.12\n",
    "sys/devices/system/cpu/present": "0-7\n",
    "sys/devices/system/cpu/smt/active": "0\n",
    "sys/devices/system/cpu/vulnerabilities/meltdown": "Not affected\n",
    "sys/devices/system/cpu/vulnerabilities/spectre_v2": "Mitigation: Retpolines\n",
    "sys/devices/system/edac/mc/mc0/size_mb": "32768\n",
    "sys/class/iommu/ivhd0/x": "",
    "sys/firmware/efi/efivars/SecureBoot-" + GLOBAL: b"\x06\0\0\0\x01",
    "sys/firmware/efi/efivars/SetupMode-" + GLOBAL: b"\x06\0\0\0\0",
    "sys/firmware/efi/efivars/MemoryOverwriteRequestControl-" + MOR: b"\x07\0\0\0\0",
    "sys/class/tpm/tpm0/tpm_version_major": "2\n",
    "sys/class/tpm/tpm0/pcr-sha256/0": "00\n",
    "sys/class/net/enp1s0/device/driver": ("link", "../../../bus/pci/drivers/igc"),
    "sys/class/block/nvme0n1/size": "262144\n",
    "sys/class/tty/ttyS0/type": "4\n",
    "sys/class/ipmi": None,
}
# What one lacks: name of the finding, what is changed, a word of what is said.
BAD = [
    ("processor", {"proc/cpuinfo": CPU.replace("AuthenticAMD", "CentaurHauls")}, "neither"),
    ("cores", {"sys/devices/system/cpu/present": "0-1\n"}, "2 processors"),
    ("cores", {"sys/devices/system/cpu/present": "0\n"}, "1 processors"),
    ("weaknesses", {"sys/devices/system/cpu/vulnerabilities/mds": "Vulnerable: no microcode\n"}, "mds"),
    ("SMT", {"sys/devices/system/cpu/smt/active": "1\n"}, "on;"),
    ("memory", {"proc/cpuinfo": CPU.replace(" sme ", " ")}, "no encryption seen"),
    ("ECC", {"sys/devices/system/edac/mc/mc0/size_mb": None}, "no ECC"),
    ("IOMMU", {"sys/class/iommu/ivhd0/x": None}, "none in use"),
    ("firmware", {n: None for n in GOOD if "efi" in n}, "not started by UEFI"),
    ("Secure Boot", {"sys/firmware/efi/efivars/SecureBoot-" + GLOBAL: b"\x06\0\0\0\0"}, "off"),
    ("Secure Boot", {"sys/firmware/efi/efivars/SetupMode-" + GLOBAL: b"\x06\0\0\0\x01"}, "setup mode"),
    ("Secure Boot", {"sys/firmware/efi/efivars/SecureBoot-" + GLOBAL: b"\x06\0\0\0\x01\0"}, "unknown"),
    ("memory clear", {"sys/firmware/efi/efivars/MemoryOverwriteRequestControl-" + MOR: None}, "not offered"),
    ("TPM", {"sys/class/tpm/tpm0/tpm_version_major": "1\n"}, "no TPM 2.0"),
    ("TPM", {"sys/class/tpm/tpm0/pcr-sha256/0": None}, "without a SHA-256"),
    ("network card", {"sys/class/net/enp1s0/device/driver": ("link", "../drivers/r8169")}, "no card"),
    ("data disk", {"sys/class/block/nvme0n1/size": "262143\n"}, "128 MiB"),
    ("data disk", {"sys/class/block/nvme0n1/size": None, "sys/class/block/sda/size": "262144000\n"}, "128 MiB"),
    ("serial console", {"sys/class/tty/ttyS0/type": "0\n"}, "no first serial"),
    ("BMC", {"sys/class/ipmi/ipmi0/x": ""}, "out-of-band"),
    ("Thunderbolt", {"sys/bus/thunderbolt/devices/domain0/x": ""}, "on:"),
]
NEEDED = {"processor", "firmware", "TPM", "network card", "data disk"}
passed = failed = 0


def say(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL %s: %s" % (what, shown))


def doctor(changes):
    """The findings, and how it ended, for the good machine with changes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**GOOD, **changes}.items():
            path = os.path.join(folder, name)
            if content is None:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(content, tuple):
                os.symlink(content[1], path)
            else:
                with open(path, "wb") as f:
                    f.write(content if isinstance(content, bytes) else content.encode())
        done = subprocess.run([TOOL, "doctor", "--hardware", "--from", folder, "--json"], stdout=subprocess.PIPE)
        return {f["name"]: f for f in json.loads(done.stdout)}, done.returncode


good, code = doctor({})
say("a machine that has everything", code == 0 and all(f["ok"] for f in good.values()), good)
say("every finding is tried", set(good) == {name for name, _, _ in BAD}, set(good) ^ {name for name, _, _ in BAD})
say("what is needed is marked", {n for n, f in good.items() if f["needed"]} == NEEDED, good)
for name, changes, word in BAD:
    found, code = doctor(changes)
    wrong = {n for n, f in found.items() if not f["ok"]} - ({"Secure Boot", "memory clear"} if name == "firmware" else set())
    say("%s (%s): this, and nothing else" % (name, word), wrong == {name} and word in found[name]["text"], found)
    say("%s (%s): how it ends" % (name, word), code == (1 if name in NEEDED else 0), code)
found, _ = doctor({"dmesg": "[    0.5] Memory Encryption Features active: AMD SME\n", "proc/cpuinfo": CPU.replace(" sme ", " ")})
say("memory encryption that the kernel reports", found["memory"]["ok"] and "(sme)" in found["memory"]["text"], found["memory"])
done = subprocess.run([TOOL, "doctor", "--from", "/"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
say("--from alone is refused", done.returncode == 2 and b"--hardware" in done.stderr, done)
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed else 0)
