#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The OCI image, read by umoci and run by runc in a user namespace as a user without any privilege: it serves, keeps its state
over a restart, stops in order, and says in its log which layers of the sandbox a container costs."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST = 200000  # the host's user ids that the container has
passed = failed = 0


def say(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print("%s %s%s" % ("ok" if holds else "FAIL", what, "" if holds else ": %s" % (shown,)))


def skip(why):
    print(why)
    sys.exit(77)


def runc(*words, **more):
    return subprocess.Popen(["runc", "--root", os.path.join(folder, "runc"), *words], cwd=folder,
                            stdin=subprocess.DEVNULL, **more)


def change(config):
    """What Docker or podman would be told: no capabilities, and a folder as volume."""
    process = config["process"]
    process["terminal"] = False
    process["capabilities"] = {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    process.pop("rlimits", None)
    # The volume: a folder of the user's.
    config["mounts"] = [m for m in config["mounts"] if m["destination"] not in ("/var/lib/claviger", "/etc/resolv.conf")]
    config["mounts"].append({"destination": "/var/lib/claviger", "type": "none", "source": os.path.join(folder, "volume"),
                             "options": ["rbind", "nosuid", "nodev", "rw"]})
    return config["process"]["user"], process["noNewPrivileges"]


def run_once(name):
    """Runs the container until it serves, asks it, stops it."""
    log = open(os.path.join(folder, name + ".log"), "wb")
    child = runc("run", "--bundle", "bundle", name, stdout=log, stderr=subprocess.STDOUT)
    status = None
    for _ in range(600):
        asked = runc("exec", name, "/usr/bin/claviger", "status", "--json", "--ca", "/var/lib/claviger/ca.pem",
                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        said = asked.communicate()[0]
        if asked.returncode == 0:
            status = json.loads(said)
            break
        if child.poll() is not None:
            break
        time.sleep(0.1)
    if child.poll() is None:
        runc("kill", name, "TERM", stdout=log, stderr=subprocess.STDOUT).wait()
        try:
            code = child.wait(timeout=300)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            code = "it did not stop"
    else:
        code = child.returncode
    log.close()
    return status, code, open(log.name, encoding="utf-8", errors="replace").read()


if os.geteuid() != 0:
    skip("needs root, to make a container for a user without privileges")
for tool in ("umoci", "runc", "mmdebstrap"):
    if not shutil.which(tool):
        skip("needs %s (apt install umoci runc mmdebstrap)" % tool)
made = subprocess.run([os.path.join(ROOT, "tools/package"), "oci"], check=True, stdout=subprocess.PIPE)
archive = os.path.join(ROOT, made.stdout.decode().strip())
version = re.search(r"claviger_(.*)_oci", archive).group(1)
with tempfile.TemporaryDirectory(prefix="claviger-oci-") as folder:
    os.mkdir(os.path.join(folder, "layout"))
    os.mkdir(os.path.join(folder, "volume"), 0o700)
    subprocess.run(["tar", "-xf", archive, "-C", os.path.join(folder, "layout")], check=True)
    os.chown(os.path.join(folder, "volume"), FIRST + 1000, FIRST + 1000)
    os.chmod(folder, 0o755)
    unpacked = subprocess.run(["umoci", "unpack", "--uid-map", "0:%d:65536" % FIRST, "--gid-map", "0:%d:65536" % FIRST,
                               "--image", "layout:" + version, "bundle"], cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    say("umoci takes it as an OCI image", unpacked.returncode == 0, unpacked.stdout.decode()[-500:])
    os.chmod(os.path.join(folder, "bundle"), 0o755)
    path = os.path.join(folder, "bundle/config.json")
    with open(path, encoding="utf-8") as f:
        config = json.load(f)
    user, locked = change(config)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)
    say("its user is not root, and gains no privileges", user["uid"] == 1000 and locked, user)
    status, code, log = run_once("first")
    say("it serves, with no capability at all", status and status["unsealed"], log[-1500:])
    say("it stops in order", code == 0 and '"event":"stopped"' in log, (code, log[-300:]))
    named = [json.loads(line) for line in log.splitlines() if '"sandbox.entered"' in line]
    say("the log names each process's layers", len(named) >= 8 and all("seccomp" in n["layers"] for n in named), named)
    costs = [json.loads(line)["cost"] for line in log.splitlines() if '"sandbox.reduced"' in line]
    say("what a container costs is named, in words", len(costs) == len(named) and all("one user id" in c for c in costs), costs[:1])
    again, code, log = run_once("second")
    say("the next start finds the same deployment", again and status and again["deployment"] == status["deployment"]
        and int(again["boot"]) == int(status["boot"]) + 1, log[-500:])
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or passed < 7 else 0)
