#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a Debian 12 that really boots: systemd as process 1 in a container installs,
starts, reloads, watches, stops and removes the signer. What ran inside is told by inside.sh, one line a
statement."""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("CLAVIGER_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "claviger")
BASE = os.path.join(CACHE, "package", "bookworm-systemd-1.tar")
STATEMENTS = 15


def base():
    """Debian 12 with systemd and swtpm, made once."""
    if not os.path.exists(BASE):
        os.makedirs(os.path.dirname(BASE), exist_ok=True)
        part = "%s.%d.tar" % (BASE, os.getpid())
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,swtpm,curl,openssl,procps",
                        "bookworm", part], check=True)
        os.rename(part, BASE)
    return BASE


def skip(why):
    print(why)
    sys.exit(77)


if os.geteuid() != 0:
    skip("needs root: the container boots with systemd as its process 1")
for tool in ("systemd-nspawn", "mmdebstrap"):
    if not shutil.which(tool):
        skip("needs %s (apt install systemd-container mmdebstrap)" % tool)
made = subprocess.run([os.path.join(ROOT, "tools/package"), "deb"], check=True, stdout=subprocess.PIPE)
package = os.path.join(ROOT, made.stdout.decode().strip())
with tempfile.TemporaryDirectory(prefix="claviger-package-") as folder:
    tree = os.path.join(folder, "root")
    os.mkdir(tree)
    subprocess.run(["tar", "-xf", base(), "-C", tree], check=True)
    shutil.copy(package, os.path.join(tree, "root/claviger.deb"))
    shutil.copy(os.path.join(ROOT, "tests/package/inside.sh"), os.path.join(tree, "root"))
    with open(os.path.join(tree, "etc/systemd/system/inside.service"), "w") as f:
        f.write("[Unit]\nAfter=multi-user.target\nSuccessAction=poweroff\nFailureAction=poweroff\n"
                "[Service]\nType=oneshot\nStandardOutput=file:/root/said\nStandardError=file:/root/complained\n"
                "ExecStart=/bin/bash /root/inside.sh\nTimeoutStartSec=240\n[Install]\nWantedBy=default.target\n")
    subprocess.run(["systemctl", "--root", tree, "enable", "-q", "inside.service"], check=True,
                   stderr=subprocess.DEVNULL)
    boot = subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
                           # What a host gives any service: a container is given less unless it is said.
                           "--capability=CAP_IPC_LOCK",
                           "--system-call-filter=@memlock memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self", "--boot", "-D", tree], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280)
    said = open(os.path.join(tree, "root/said")).read().splitlines() if os.path.exists(os.path.join(tree, "root/said")) else []
    complained = open(os.path.join(tree, "root/complained")).read() if said else boot.stdout.decode(errors="replace")
good = [line for line in said if line.startswith("ok ")]
bad = [line for line in said if line.startswith("FAIL ")]
print("\n".join(said))
if bad or len(good) != STATEMENTS:
    print(complained[-4000:])
    print("%d of %d statements were made" % (len(good) + len(bad), STATEMENTS))
print("%d passed, %d failed" % (len(good), max(len(bad), STATEMENTS - len(good))))
sys.exit(0 if len(good) == STATEMENTS and not bad else 1)
