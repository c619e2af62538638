#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole system on a software TPM, seen with other people's tools.

usage: tpm_system.py          (BUILD_DIR names the build; needs swtpm, tpm2-tools and root)

- tpm2-tools read what genesis made: attributes, NV indices, authorizations (S1, S2, C3);
- they unseal the node share too, by the policy of spec/sealing.md, so the test knows it, and then
  looks for it in every process's memory, every file and the logs of a running system (A22);
- after the start nobody can unseal, not even with every blob in hand (PH7); a TPM whose socket is
  cut, a damaged blob and a second start without reset are refused in words.
"""
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD_DIR", "build")
PRIMARY = "0x81434c01"
INDICES = ("0x1434c01", "0x1434c02", "0x1434c03", "0x1434c04")
START_LIMIT_S = 60

HERE = os.path.dirname(os.path.abspath(__file__))
LOADER = importlib.machinery.SourceFileLoader("canary_scan", os.path.join(HERE, "canary_scan"))
SPEC = importlib.util.spec_from_loader("canary_scan", LOADER)
canary_scan = importlib.util.module_from_spec(SPEC)
sys.dont_write_bytecode = True
LOADER.exec_module(canary_scan)
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import tpm_site  # noqa: E402
from ports import free_port  # noqa: E402

passed = failed = 0


def expect(what, condition, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAIL %s %s" % (what, detail), file=sys.stderr)


def skip(why):
    print(why)
    sys.exit(77)


def clear(node, base):
    """Ends what a run left of a node (None: nothing; its `system` and `tpm`), and its folder."""
    if node:
        if node.system and node.system.process.poll() is None:
            node.system.process.kill()
            node.system.process.wait()
        node.tpm.power_off()
    shutil.rmtree(base, ignore_errors=True)


def summary():
    """Says what was counted; the exit status."""
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


class Tpm:
    """One software TPM; `power_on` is a reset."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.socket = os.path.join(folder, "tpm.sock")

    def power_on(self):
        self.power_off()
        for name in (self.socket, self.socket + ".ctrl"):
            if os.path.exists(name):
                os.unlink(name)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.folder,
             "--server", "type=unixio,path=" + self.socket,
             "--ctrl", "type=unixio,path=%s.ctrl" % self.socket, "--flags", "startup-clear",
             "--log", "file=%s/swtpm.log" % self.folder], stdin=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(self.socket)
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("swtpm did not start")

    def power_off(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def tool(self, *command, check=True, binary=False):
        """Runs a tpm2-tools command on this TPM; returns its output, None when it was refused."""
        for context in ("-t", "-s", "-l"):  # swtpm has no resource manager
            subprocess.run(["tpm2_flushcontext", context], env=self.env(), capture_output=True)
        done = subprocess.run(command, env=self.env(), capture_output=True, cwd=self.folder)
        if done.returncode:
            if check:
                print(" ".join(command), done.stderr.decode(), file=sys.stderr)
            return None
        return done.stdout if binary else done.stdout.decode()

    def env(self):
        return dict(os.environ, TPM2TOOLS_TCTI="swtpm:path=" + self.socket)


class System:
    """One run of the supervisor and its processes."""

    def __init__(self, tpm, state, start, *words):
        self.log_path = os.path.join(os.path.dirname(state), "log.%d" % time.monotonic_ns())
        self.log = open(self.log_path, "wb")
        ports = [free_port() for _ in range(2)]
        self.port, self.health = ports
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "bin/claviger-supervisor"), "tpm=swtpm:path=" + tpm.socket,
             "state_dir=" + state, "start=" + start, "listen=127.0.0.1:%d" % ports[0],
             "metrics_listen=127.0.0.1:%d" % ports[1], *words], stderr=self.log, stdin=subprocess.DEVNULL)

    def events(self):
        with open(self.log_path) as f:
            lines = f.read().splitlines()
        # A process that was killed may have left half of a line.
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def event(self, process, name):
        return next((e for e in self.events()
                     if e["process"] == process and e["event"] == name), None)

    def wait_ready(self):
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until and self.process.poll() is None:
            if self.event("supervisor", "ready"):
                return True
            time.sleep(0.03)
        return False

    def wait_end(self):
        try:
            return self.process.wait(START_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None

    def pids(self):
        """name -> pid of everything that runs."""
        pids = {"supervisor": self.process.pid}
        for e in self.events():
            if e["event"] == "process.started":
                pids["%s.%d" % (e["name"], e["number"])] = e["pid"]
        return {name: pid for name, pid in pids.items() if os.path.exists("/proc/%d" % pid)}

    def stop(self):
        self.process.terminate()
        status = self.wait_end()
        self.log.close()
        return status


def provision(state, pcrs=None):
    """What a single operator needs, by the command line tool; PCRs are zero where not given."""
    values = {str(p): bytes(32).hex() for p in tpm_site.RELEASE_PCRS + tpm_site.SITE_PCRS}
    values.update(pcrs or {})
    path = state + ".pcrs.json"
    with open(path, "w") as f:
        json.dump(values, f)
    subprocess.run([os.path.join(BUILD, "bin/claviger"), "tpm", "provision", "--single-operator",
                    "--out", state, "--pcrs", path], check=True, stdout=subprocess.DEVNULL)


def check_objects(tpm, state):
    sealed = tpm_site.read(os.path.join(state, "sealed-share"))
    expect("the sealed file's version", sealed[1] == 3)
    expect("it says that one person holds the keys", tpm_site.cbor(sealed[3])[0][4] is True)
    read = tpm.tool("tpm2_readpublic", "-c", PRIMARY)
    expect("the primary's name is the pinned one",
           read and "name: " + sealed[2].hex() in read, read)
    expect("the primary's attributes", read and
           "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt" in read)
    for half, at in (("site", 6), ("release", 4)):
        with open(tpm.folder + "/share.pub", "wb") as f:
            f.write(sealed[at])
        with open(tpm.folder + "/share.priv", "wb") as f:
            f.write(sealed[at + 1])
        shown = tpm.tool("tpm2_print", "-t", "TPM2B_PUBLIC", "share.pub")
        expect("the attributes of the %s half" % half,
               shown and "value: fixedtpm|fixedparent|noda\n" in shown, shown)
    indices = tpm.tool("tpm2_nvreadpublic")
    expect("NV indices", indices and all(index in indices for index in INDICES), indices)
    variable = tpm.tool("tpm2_getcap", "properties-variable") or ""
    expect("no dictionary attack failure", "TPM2_PT_LOCKOUT_COUNTER: 0x0" in variable, variable)
    for name in ("ownerAuthSet", "lockoutAuthSet", "disableClear"):
        expect(name, any(line.split() == [name + ":", "1"] for line in variable.splitlines()),
               variable)
    expect("the owner's authorization is needed",
           tpm.tool("tpm2_nvundefine", INDICES[0], "-C", "o", check=False) is None)


def load_share(tpm):
    return tpm.tool("tpm2_load", "-C", PRIMARY, "-u", "share.pub", "-r", "share.priv", "-c",
                    "share.ctx") is not None


def check_canary(tpm, system, state, share):
    """A22: the share is nowhere, and the search would find it."""
    pids = system.pids()
    expect("nine processes run", len(pids) >= 8, str(pids))
    expect("the unsealer is gone", not any(n.startswith("unsealer") for n in pids), str(pids))
    files = [os.path.join(d, f) for d, _, fs in os.walk(os.path.dirname(state)) for f in fs
             if not d.startswith(tpm.folder)]
    found, read, unreadable = canary_scan.scan({"node share": share}, pids.values(), files)
    expect("the node share is in no process, file or log", not found, str(found))
    print("canary: read %d bytes of %d processes and %d files, %d bytes unreadable" % (
        read, len(pids), len(files), unreadable))
    expect("memory was read", read > 10_000_000)
    deployment = bytes.fromhex(system.event("signer", "signer.ready")["deployment"])
    found, _, _ = canary_scan.scan({"deployment": deployment}, [pids["signer.0"]], [])
    expect("the scan finds what is there", found)


def doctor(tpm, *words):
    done = subprocess.run([os.path.join(BUILD, "bin/claviger"), "doctor", "--json", "--tpm",
                           "swtpm:path=" + tpm.socket, *words], capture_output=True, text=True)
    return {f["name"]: f for f in json.loads(done.stdout)}


def check_doctor_sealed(tpm, state):
    """What genesis left, and what it says when the disk or the TPM is another one's."""
    path = os.path.join(state, "sealed-share")
    found = doctor(tpm, "--sealed", path)
    for name, words in (("tpm halves", "noDA, no password"), ("tpm primary", "sealed to"),
                        ("tpm floors", "release 0, site 0"), ("tpm guesses", "of 32 counted"),
                        ("tpm writes", "does not wear")):
        expect("doctor knows " + name, found[name]["ok"] and words in found[name]["text"], str(found.get(name)))
    mode = found["tpm mode"]
    expect("doctor knows the mode", not mode["ok"] and "one person holds both roots" in mode["text"] and
           "starts by itself" in mode["text"], str(mode))
    expect("doctor says what it cannot see", "no program sees" in found["tpm unseen"]["text"])
    parts = tpm_site.read(path)
    with open(path, "rb") as f:
        sealed = f.read()
    sealed = sealed[:sealed.index(parts[11]) + 32]  # without what fills the file
    bent = path + ".bent"

    def write(change):
        """`change` bends the file; its checksum is made to fit."""
        body = bytearray(sealed[:-35])
        change(body)
        with open(bent, "wb") as f:
            f.write(bytes(body) + sealed[-35:-32] + hashlib.sha256(body).digest())

    at = {key: sealed.index(parts[key]) for key in (2, 4, 6, 8, 9)}
    for what, name, key, offset in (("primary", "tpm primary", 2, 5), ("release base", "tpm floors", 8, 6),
                                    ("site base", "tpm floors", 9, 6), ("release half", "tpm halves", 4, 9),
                                    ("site half", "tpm halves", 6, 30)):
        write(lambda body: body.__setitem__(at[key] + offset, body[at[key] + offset] ^ 0x40))
        found = doctor(tpm, "--sealed", bent)
        expect("doctor sees another " + what, not found[name]["ok"], str(found[name]))
    with open(bent, "wb") as f:
        f.write(sealed[:100])
    found = doctor(tpm, "--sealed", bent)
    expect("doctor says that a file is none", "no sealed share" in found["tpm halves"]["text"] and
           "tpm floors" not in found, str(found.get("tpm halves")))
    os.unlink(bent)


def check_doctor(tpm, fresh):
    """claviger doctor --tpm: what it says of this TPM, before and after genesis."""
    found = doctor(tpm)
    expect("doctor looks at a software TPM", not found["tpm maker"]["ok"] and
           "software TPM" in found["tpm maker"]["text"], str(found.get("tpm maker")))
    for name in ("tpm banks", "tpm curve", "tpm room", "tpm owner", "tpm guesses", "tpm speed"):
        expect("doctor: " + name, found.get(name, {}).get("ok"), str(found.get(name)))
    expect("doctor knows genesis", ("fresh" if fresh else "after genesis") in
           found["tpm owner"]["text"], str(found["tpm owner"]))


def check_capped(tpm, state):
    """PH7: the data connection is the attestor's; who takes it over after its end still gets nothing."""
    expect("nobody unseals after the cap",
           load_share(tpm) and tpm_site.halves(tpm, state) == [None, None])
    capped = hashlib.sha256(bytes(32) + hashlib.sha256(b"claviger/cap/v1").digest()).hexdigest()
    read = (tpm.tool("tpm2_pcrread", "sha256:11") or "").lower()
    expect("PCR 11 is the capped one", capped in read, read)


def main():
    for program in ("swtpm", "tpm2_unseal"):
        if not shutil.which(program):
            skip(program + " is not installed")
    if os.geteuid() != 0:
        skip("reading other processes' memory takes root")
    base = tempfile.mkdtemp(prefix="tpm_system.")
    state = os.path.join(base, "state")
    os.mkdir(os.path.join(base, "tpm"), 0o700)
    tpm = Tpm(os.path.join(base, "tpm"))
    system = None
    try:
        provision(state)
        tpm.power_on()
        tpm.tool("tpm2_startup", "-c")
        check_doctor(tpm, True)
        tpm.power_on()
        system = System(tpm, state, "genesis")
        expect("genesis becomes ready", system.wait_ready(), str(system.events()[-3:]))
        expect("and stops in order", system.stop() == 0)

        tpm.power_on()
        tpm.tool("tpm2_startup", "-c")
        check_doctor(tpm, False)
        check_doctor_sealed(tpm, state)
        check_objects(tpm, state)
        share = tpm_site.unseal(tpm, state)
        expect("tpm2-tools unseal before the start", share is not None and len(share) == 32)
        load_share(tpm)
        expect("an empty password does not", tpm.tool("tpm2_unseal", "-c", "share.ctx",
                                                      check=False) is None)

        tpm.power_on()
        system = System(tpm, state, "unseal")
        expect("a later start becomes ready", system.wait_ready(), str(system.events()[-3:]))
        if share and system.event("signer", "signer.ready"):
            check_canary(tpm, system, state, share)
        expect("and stops in order", system.stop() == 0)
        check_capped(tpm, state)

        system = System(tpm, state, "unseal")  # no reset in between
        expect("a start without a reset fails", system.wait_end() not in (0, None))
        why = system.event("unsealer", "unsealer.failed")
        expect("and says why", why and "already taken" in why["reason"], str(why))

        tpm.power_on()
        with open(os.path.join(state, "sealed-share"), "r+b") as f:
            f.seek(150)
            byte = f.read(1)
            f.seek(150)
            f.write(bytes([byte[0] ^ 4]))
        system = System(tpm, state, "unseal")
        expect("a damaged share fails", system.wait_end() not in (0, None))
        why = system.event("unsealer", "unsealer.failed")
        expect("and says why", why and "damaged" in why["reason"], str(why))
        tpm.power_off()
        system = System(tpm, state, "unseal")
        expect("no TPM fails", system.wait_end() not in (0, None))
    finally:
        if system and system.process.poll() is None:
            system.process.kill()
            system.process.wait()
        tpm.power_off()
        shutil.rmtree(base, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
