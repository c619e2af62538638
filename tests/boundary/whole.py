#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# whole: the real processes, all of them, with a software TPM: what the kernel says about each of them
# while they serve. As root with user ids of their own, and as one unprivileged user.
import json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

BIN = os.path.join(os.environ["BUILD_DIR"], "bin")
PLAIN_UID = 65534
ALL = {"bridge", "authority", "signer", "attestor", "store", "verifier"}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proc/topology.def")) as topology:
    CHANNELS = [end for row in re.findall(r"^CHANNEL\((\w+),\s*(\w+),", topology.read(), re.M) for end in row]
passed = failed = 0


def expect(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("not true:", what)


def read(path):
    with open(path) as file:
        return file.read()


def descriptors(pid):
    folder = f"/proc/{pid}/fd"
    return {int(fd): os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)}


def wait_for_socket(path, seconds=60):
    """Until somebody takes connections there: the name alone is there before that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(path) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"nobody listens at {path}")


class System:
    """One TPM and one supervisor on a folder, as `user` (None: as we are)."""

    def __init__(self, folder, user):
        tpm = os.path.join(folder, "tpm")
        as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
        os.makedirs(tpm, exist_ok=True)
        if user:
            for path in (folder, tpm):
                os.chown(path, user, user)
        if os.path.exists(f"{tpm}/sock"):  # of the TPM before, whom nobody answers for
            os.unlink(f"{tpm}/sock")
        self.tpm = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tpm}", "--server",
             f"type=unixio,path={tpm}/sock", "--flags", "startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)
        wait_for_socket(f"{tpm}/sock")
        programs = BIN
        if user:  # who may not reach the folder of the build
            programs = os.path.join(folder, "bin")
            if not os.path.exists(programs):
                shutil.copytree(BIN, programs)
        state = os.path.join(folder, "state")
        start = "unseal" if os.path.exists(state) else "genesis"
        if start == "genesis":
            zeros = os.path.join(folder, "pcrs.json")
            with open(zeros, "w") as f:
                json.dump({str(pcr): bytes(32).hex() for pcr in (0, 2, 4, 7, 9, 11, 12, 14)}, f)
            os.chmod(zeros, 0o644)
            subprocess.run([os.path.join(programs, "claviger"), "tpm", "provision", "--out", state,
                            "--single-operator", "--pcrs", zeros], check=True,
                           stdout=subprocess.DEVNULL, **as_user)
        self.process = subprocess.Popen(
            [os.path.join(programs, "claviger-supervisor"), f"state_dir={state}",
             f"tpm=swtpm:path={tpm}/sock", f"start={start}", "listen=127.0.0.1:0",
             "metrics_listen=127.0.0.1:0", "connections_max=16", "verifiers=2"],
            stderr=subprocess.PIPE, text=True, **as_user)
        self.lines = []
        self.pids = {}

    def wait_for(self, event, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            line = self.process.stderr.readline()
            if not line:
                return None
            entry = json.loads(line)  # every line is JSON
            self.lines.append(entry)
            if entry["event"] == "process.started":
                self.pids[(entry["name"], entry["number"])] = entry["pid"]
            if entry["event"] == event:
                return entry
        return None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            for line in self.process.stderr:
                self.lines.append(json.loads(line))
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = None
        self.tpm.kill()
        self.tpm.wait()
        return status


def look_at_descriptors(name, pid, state):
    fds = descriptors(pid)
    rest = {fd: target for fd, target in fds.items() if fd > 2}
    expect({0, 1, 2} <= set(fds) and fds[0] == "/dev/null", f"{name}: standard descriptors")
    if name in ("signer", "authority", "verifier"):
        expect(not rest, f"{name} has no other descriptor: {rest}")
    elif name == "store":
        expect(rest and all(t.startswith(state) for t in rest.values()), f"store: {rest}")
    elif name == "bridge":
        allowed = re.compile(r"socket:|anon_inode:\[eventpoll\]|pipe:")  # of log lines, to be read
        expect(rest and all(allowed.match(t) for t in rest.values()), f"bridge: {rest}")
    elif name == "attestor":
        expect(1 <= len(rest) <= 2 and all(t.startswith("socket:") for t in rest.values()),
               f"attestor: {rest}")


def look_at_memory(name, pid):
    maps = read(f"/proc/{pid}/maps").splitlines()
    writable_code = [m for m in maps if "w" in m.split()[1] and "x" in m.split()[1]]
    shared = [m for m in maps if "memfd:claviger-channel" in m]
    written = [m for m in shared if m.split()[1].startswith("rw")]
    expect(not writable_code, f"{name}: no memory is writable and executable: {writable_code}")
    # Of each channel a process writes one side; the signer a window for each verifier too.
    if name != "signer":
        expect(len(written) == CHANNELS.count(name), f"{name}: writes {len(written)} channels' sides")
    expect(all(m.split()[1] in ("rw-s", "r--s") for m in shared), f"{name}: {shared}")


def look_at_process(name, pid, own_uid, user):
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines()
                  if ":\t" in line)
    expect(status["Seccomp"].strip() == "2", f"{name}: seccomp filter")
    expect(status["NoNewPrivs"].strip() == "1", f"{name}: no new privileges")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        expect(int(status[kind], 16) == 0, f"{name}: {kind} is empty")
    uids = set(status["Uid"].split())
    expect(len(uids) == 1, f"{name}: one user id")
    if own_uid:
        expect(int(status["CapBnd"], 16) == 0, f"{name}: CapBnd is empty")
        expect(uids != {"0"}, f"{name}: is not root")
    limits = read(f"/proc/{pid}/limits")
    expect(re.search(r"Max core file size\s+0\s+0", limits), f"{name}: no core dumps")
    expect(re.search(r"Max processes\s+0\s+0", limits), f"{name}: no new processes")
    return uids.pop()


def look(folder, user):
    who = f"user {user}" if user else "as started"
    system = System(folder, user)
    ready = system.wait_for("ready")
    expect(ready is not None, f"{who}: everything gets ready; the log: {system.lines[-5:]}")
    if ready is None:
        system.stop()
        return
    uids = {}
    for (name, number), pid in system.pids.items():
        if name == "unsealer":
            expect(not os.path.exists(f"/proc/{pid}"), "the unsealer has ended")
            continue
        uids[(name, number)] = look_at_process(name, pid, os.geteuid() == 0 and not user, user)
        if os.geteuid() == 0:
            look_at_descriptors(name, pid, os.path.join(folder, "state"))
            look_at_memory(name, pid)
    expect({name for name, _ in uids} == ALL, f"{who}: all processes are there: {uids}")
    if os.geteuid() == 0 and not user:
        expect(len(set(uids.values())) == len(uids), f"every process has its own user id: {uids}")
    entered = [e for e in system.lines if e["event"] == "sandbox.entered"]
    expect(len(entered) >= len(uids), f"{who}: each tells which layers are in force")
    layers = set.intersection(*(set(e["layers"].split()) for e in entered)) if entered else set()
    print(f"{who}: layers in force everywhere: {' '.join(sorted(layers))}")
    expect("seccomp" in layers, f"{who}: seccomp everywhere")
    pids = list(system.pids.values())
    expect(system.stop() == 0, f"{who}: stops in order")
    expect(not any(os.path.exists(f"/proc/{pid}") for pid in pids), f"{who}: nothing is left")


def main():
    if shutil.which("swtpm") is None:
        print("swtpm is not installed: the whole was not looked at")
        return 77
    # A socket's path is short, and an unprivileged user must reach the folder.
    for user in [None] + ([PLAIN_UID] if os.geteuid() == 0 else []):
        folder = tempfile.mkdtemp(prefix="whole-", dir="/tmp")
        os.chmod(folder, 0o755)
        try:
            look(folder, user)  # genesis
            look(folder, user)  # and unsealed again
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
