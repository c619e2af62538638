#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the appliance is made of, looked at from outside: the kernel's options by kernel-hardening-checker,
its command line, the programs' ELF headers. Proves S4, and parts of S6 (no path of the build inside) and S8
in spec/claims.md.

Skipped (77) where the kernel was not built: tools/deps kernel.
"""
import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(ROOT, "build")
CHECKS_OK, CHECKS = 243, 250
passed, failed = 0, 0


def expect(what, holds, shown=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print("FAIL %s %s" % (what, shown))


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def deps(name):
    done = subprocess.run([os.path.join(ROOT, "tools/deps"), name], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()[-1]


def check(*words):
    """kernel-hardening-checker's failures and its last line's numbers."""
    import kernel_hardening_checker
    sys.argv = ["kernel-hardening-checker", *words, "-m", "show_fail"]
    with redirect_stdout(io.StringIO()) as out:
        try:
            kernel_hardening_checker.main()
        except SystemExit:
            pass
    text = out.getvalue()
    ok, fail = (int(n) for n in re.search(r"'OK' - (\d+).*'FAIL' - (\d+)", text).groups())
    return ok, fail, re.findall(r"^(\S+)\s*\|(?:kconfig|cmdline|sysctl)", text, re.M)


def check_kernel(kernel):
    config, words = os.path.join(kernel, "config"), read("image/kernel.cmdline").split()
    sys.path.insert(0, deps("khc"))
    ok, fail, lacking = check("-c", config)
    print("kernel-hardening-checker on the options: %d OK, %d FAIL" % (ok, fail))
    expect("at least %d of %d" % (CHECKS_OK, CHECKS), ok >= CHECKS_OK and ok + fail == CHECKS, (ok, fail))
    with open(os.path.join(BUILD, "cmdline.txt"), "w") as f:
        f.write(" ".join(words) + "\n")
    ok, fail, more = check("-c", config, "-l", f.name)
    print("with the command line: %d OK, %d FAIL" % (ok, fail))
    explained = read("image/hardening.md")
    for name in set(lacking + more):
        expect("%s is explained in image/hardening.md" % name, "`%s`" % name in explained)
    expect("there is something to explain", len(lacking) == CHECKS - CHECKS_OK, lacking)
    with open(config) as f:
        options = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", f.read(), re.M))
    expect("the command line is built in and nothing overrides it",
           options.get("CONFIG_CMDLINE") == '"%s"' % " ".join(words) and
           options.get("CONFIG_CMDLINE_OVERRIDE") == "y")
    file_systems = [o for o in options if re.match(r"CONFIG_(EXT\d_FS|XFS|BTRFS|F2FS|VFAT|FAT|ISO9660|FUSE|"
                                                   r"SQUASHFS|EROFS|OVERLAY|NFS|NTFS)", o)]
    expect("no file system for disks", not file_systems, file_systems)


def check_program(name):
    path = os.path.join(BUILD, "bin/claviger-" + name)
    head = subprocess.run(["readelf", "-hldW", path], stdout=subprocess.PIPE, check=True).stdout.decode()
    symbols = subprocess.run(["nm", path], stdout=subprocess.PIPE).stdout.decode()
    main = subprocess.run(["objdump", "-d", "--disassemble=main", path], stdout=subprocess.PIPE).stdout.decode()
    segments = re.findall(r"^  (\w+) +0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([RWE ]{3})", head, re.M)
    rules = {
        "position independent": "Type:                              DYN" in head,
        "no interpreter": "INTERP" not in head,
        "no library to load": "(NEEDED)" not in head,
        "nothing writable and executable": segments and not any("W" in f and "E" in f for _, f in segments),
        "stack not executable": ("GNU_STACK", "RW ") in segments,
        "read-only after relocation": any(kind == "GNU_RELRO" for kind, _ in segments),
        "bound at start": "BIND_NOW" in head or re.search(r"Flags:.*NOW", head),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified libc calls": "_chk" in symbols.replace("__stack_chk", ""),
        "functions begin with endbr64": "endbr64" in main,
        "no path of the build inside": ROOT.encode() not in open(path, "rb").read(),
    }
    for rule, holds in rules.items():
        expect("claviger-%s: %s" % (name, rule), holds)


def main():
    missing = subprocess.run([os.path.join(ROOT, "tools/deps"), "has", "kernel"]).returncode
    if missing:
        print("the kernel is not built here (tools/deps kernel): make image")
        sys.exit(77)
    check_kernel(deps("kernel"))
    programs = ["supervisor"] + re.findall(r"^PROCESS\((\w+)", read("proc/topology.def"), re.M)
    expect("all programs are looked at", len(programs) >= 10, programs)
    for name in programs:
        check_program(name)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


main()
