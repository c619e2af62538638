# SPDX-License-Identifier: Apache-2.0
"""A machine for the appliance: QEMU (TCG, q35 with system management mode), OVMF with Secure Boot and
keys of our own, swtpm, a boot disk with the image, a data disk. Used by the boot tests and `make boot`.

Only TCG: a /dev/kvm that is there may still not run foreign kernels.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from ports import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(os.environ.get("BUILD_DIR") or os.path.join(ROOT, "build"), "bin/claviger")
FIRMWARE = "/usr/share/OVMF"
GLOBAL_VARIABLE = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")
PATIENCE = float(os.environ.get("MACHINE_PATIENCE_S", "300"))  # for any one event; a loaded machine is slow
# The kernel counts ticks for a while before any of our code runs, and stops where a busy host lets none through.
STARVED = "IO-APIC + timer doesn't work"


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stdout.decode(errors="replace")[-2000:]))
    return done.stdout.decode(errors="replace")


class Machine:
    """One machine: its folder has firmware variables, TPM state and disks, which outlive the power."""

    def __init__(self, folder, keys=None, data_bytes=256 << 20):
        self.folder = os.path.abspath(folder)
        os.makedirs(os.path.join(self.folder, "tpm"), exist_ok=True)
        self.variables = self.path("variables.fd")
        self.data = self.path("data.img")
        if not os.path.exists(self.variables):
            shutil.copy(os.path.join(FIRMWARE, "OVMF_VARS_4M.fd"), self.variables)
            for name in ("PK", "KEK", "db") if keys else ():
                run("flash-var", "-t", "2024-01-01 00:00:00", self.variables, name,
                    os.path.join(keys, name + ".esl"))
        if not os.path.exists(self.data):
            with open(self.data, "wb") as f:
                f.truncate(data_bytes)
        self.qemu = self.tpm = None
        self.lines, self.events, self.more = [], [], threading.Condition()
        self.ports = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def manufacture(self):
        """Gives the TPM, before its first use, a maker: an endorsement key and its certificate. Returns the
        maker's certificates, root and issuer, as PEM files."""
        ca = self.path("maker")
        os.makedirs(ca, exist_ok=True)
        for name, text in (
                ("ca", "statedir = {0}\nsigningkey = {0}/signkey.pem\nissuercert = {0}/issuercert.pem\n"
                       "certserial = {0}/certserial\n"),
                ("options", "--platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n"),
                ("setup", "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = {0}/ca.conf\n"
                          "create_certs_tool_options = {0}/options.conf\n")):
            with open(os.path.join(ca, name + ".conf"), "w") as f:
                f.write(text.format(ca))
        run("swtpm_setup", "--tpm2", "--tpmstate", self.path("tpm"), "--create-ek-cert", "--config",
            os.path.join(ca, "setup.conf"), "--overwrite")
        return [os.path.join(ca, "issuercert.pem"), os.path.join(ca, "swtpm-localca-rootca-cert.pem")]

    def boot_entry(self, options):
        """Makes firmware start the image by an entry of its own with these options, as whoever has the machine
        can: Boot0A11 (a number that no other entry has: with two of one name firmware hangs) and BootNext, put
        behind what is in EDK2's store of variables (UEFI 2.10 section 3.1.3 has their form)."""
        path = "\\EFI\\BOOT\\BOOTX64.EFI\0".encode("utf-16-le")
        node = bytes([4, 4]) + (4 + len(path)).to_bytes(2, "little") + path + bytes([0x7f, 0xff, 4, 0])
        entry = ((1).to_bytes(4, "little") + len(node).to_bytes(2, "little") + "test\0".encode("utf-16-le") + node +
                 (options + "\0").encode("utf-16-le"))
        with open(self.variables, "r+b") as f:
            store = bytearray(f.read())
            at = int.from_bytes(store[48:50], "little") + 28  # behind the volume's head and the store's
            while store[at:at + 2] == b"\xaa\x55":
                sizes = (int.from_bytes(store[at + n:at + n + 4], "little") for n in (36, 40))
                at = at + 60 + sum(sizes) + 3 & ~3
            for name, value in (("Boot0A11", entry), ("BootNext", b"\x11\x0a")):
                name = (name + "\0").encode("utf-16-le")
                head = (b"\xaa\x55\x3f\0" + (7).to_bytes(4, "little") + bytes(28) +
                        len(name).to_bytes(4, "little") + len(value).to_bytes(4, "little") + GLOBAL_VARIABLE)
                store[at:at + len(head + name + value)] = head + name + value
                at = at + len(head + name + value) + 3 & ~3
            f.seek(0)
            f.write(store)

    def fill_variables(self, leave):
        """Puts variables of nobody's behind those that are there, until so many bytes are left for others. Deleted
        ones, whose room firmware would take back, go."""
        with open(self.variables, "r+b") as f:
            store = bytearray(f.read())
            begin = int.from_bytes(store[48:50], "little")
            end = begin + int.from_bytes(store[begin + 16:begin + 20], "little")
            at, kept = begin + 28, bytearray()
            while store[at:at + 2] == b"\xaa\x55":
                sizes = (int.from_bytes(store[at + n:at + n + 4], "little") for n in (36, 40))
                following = at + 60 + sum(sizes) + 3 & ~3
                kept += store[at:following] if store[at + 2] == 0x3f else b""
                at = following
            for number in range(1000):
                name = ("Fill%03d\0" % number).encode("utf-16-le")
                size = min(4000, end - leave - begin - 28 - len(kept) - 60 - len(name)) & ~3
                if size <= 0:
                    break
                kept += (b"\xaa\x55\x3f\0" + (7).to_bytes(4, "little") + bytes(28) + len(name).to_bytes(4, "little") +
                         size.to_bytes(4, "little") + bytes(range(16)) + name + bytes(size))
                kept += bytes(-(begin + 28 + len(kept)) % 4)
            store[begin + 28:end] = kept + b"\xff" * (end - begin - 28 - len(kept))
            f.seek(0)
            f.write(store)

    def insert(self, image, more=()):
        """Makes the boot disk with the image as what firmware starts by itself; with more files (name, path), for
        which a boot disk of ours has no place, it is a FAT file system alone."""
        disk = self.path("boot.img")
        if os.path.exists(disk):
            os.unlink(disk)
        if not more:
            run(TOOL, "image", "boot", image, disk)
            return
        run("truncate", "-s", "64M", disk)
        run("mformat", "-i", disk, "-F", "-v", "ESP", "-N", "12345678", "::")
        run("mmd", "-i", disk, "::/EFI", "::/EFI/BOOT")
        run("mcopy", "-i", disk, image, "::/EFI/BOOT/BOOTX64.EFI")
        for name, path in more:
            run("mcopy", "-i", disk, path, "::/" + name)

    def start_tpm(self):
        control = self.path("tpm/control")
        for name in (control, self.path("tpm/pid")):
            if os.path.exists(name):
                os.unlink(name)
        # An absolute folder: with --daemon and a relative one every command fails.
        run("swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.path("tpm"), "--ctrl",
            "type=unixio,path=" + control, "--terminate", "--daemon", "--pid",
            "file=" + self.path("tpm/pid"))
        return control

    def tools(self, *commands):
        """What somebody does who has the TPM in another machine: commands of tpm2-tools, one after the other; their exit
        statuses."""
        socket_path = self.path("tpm/socket")
        for name in (socket_path, socket_path + ".ctrl"):
            if os.path.exists(name):
                os.unlink(name)
        swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.path("tpm"), "--server",
                                  "type=unixio,path=" + socket_path, "--ctrl", "type=unixio,path=%s.ctrl" % socket_path,
                                  "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        environment = dict(os.environ, TPM2TOOLS_TCTI="swtpm:path=" + socket_path)
        try:
            while not os.path.exists(socket_path + ".ctrl"):
                time.sleep(0.02)
            return [subprocess.run(command, env=environment, capture_output=True).returncode for command in commands]
        finally:
            swtpm.kill()
            swtpm.wait()

    def drive(self, name, path, bad):
        """A disk, whose sectors `bad` take no writes: [(number of the sector), ...]."""
        if not bad:
            return "if=none,id=%s,format=raw,cache=writethrough,file=%s" % (name, path)
        rules = "".join(",file.inject-error.%d.event=none,file.inject-error.%d.iotype=write,file.inject-error.%d.sector=%d" %
                        (i, i, i, sector) for i, sector in enumerate(bad))
        return ("if=none,id=%s,driver=raw,cache=writethrough,file.driver=blkdebug,file.image.driver=file,"
                "file.image.filename=%s%s" % (name, path, rules))

    def start(self, services=(8200, 8201), **more):
        """Power on. `services`: ports of the machine that this host reaches at self.ports[port]; more: of _start."""
        self.ports = {p: free_port() for p in services}
        self.how = more
        self._start(**more)

    def _start(self, smp=1, memory=768, options=(), restarts=False, network=True, tpm=True, bad=None):
        """`bad`: sectors of the disks boot and data that take no writes."""
        forwards = "".join(",hostfwd=tcp:127.0.0.1:%d-:%d" % (h, p) for p, h in self.ports.items())
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=%s" % ("single" if smp == 1 else "multi"),
            "-cpu", "max", "-machine", "q35,smm=on", "-smp", str(smp), "-m", str(memory),
            "-nodefaults", "-no-user-config", "-display", "none",
            "-global", "driver=cfi.pflash01,property=secure,value=on",
            "-global", "ICH9-LPC.disable_s3=1",
            "-drive", "if=pflash,format=raw,unit=0,readonly=on,file=%s/OVMF_CODE_4M.secboot.fd" % FIRMWARE,
            "-drive", "if=pflash,format=raw,unit=1,file=" + self.variables,
            "-drive", self.drive("boot", self.path("boot.img"), (bad or {}).get("boot")),
            "-device", "virtio-blk-pci,drive=boot,bootindex=0",
            "-drive", self.drive("data", self.data, (bad or {}).get("data")),
            "-device", "virtio-blk-pci,drive=data",
            "-device", "virtio-rng-pci", "-chardev", "stdio,id=console,signal=off",
            "-serial", "chardev:console",
            "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp"), *options]
        if tpm:
            command += ["-chardev", "socket,id=tpm,path=" + self.start_tpm(), "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                        "-device", "tpm-tis,tpmdev=tpm0"]
        if network:
            command += ["-netdev", "user,id=net,restrict=on" + forwards, "-device", "virtio-net-pci,netdev=net"]
        if not restarts:
            command.append("-no-reboot")
        self.began = time.monotonic()
        self.lines, self.events = [], []
        self.console = open(self.path("console.txt"), "wb")
        self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=open(self.path("qemu.err"), "wb"))
        self.reader = threading.Thread(target=self._read, args=(self.qemu,), daemon=True)
        self.reader.start()

    def _read(self, qemu):
        for raw in qemu.stdout:
            self.console.write(b"%8.2f " % (time.monotonic() - self.began) + raw)
            self.console.flush()
            line = raw.decode(errors="replace").strip()
            event = None
            if line.startswith("{"):
                try:
                    event = json.loads(line)
                except ValueError:
                    pass
            with self.more:
                self.lines.append(line)
                if event is not None:
                    self.events.append(dict(event, at=time.monotonic() - self.began))
                self.more.notify_all()
        with self.more:
            self.lines.append(None)
            self.more.notify_all()

    def wait(self, what, patience=None):
        """The first event of this name, or line with this text; None when the machine went off before."""
        found = self._wait(what, patience)
        while found is None and any(STARVED in line for line in self.lines if line):
            print("the host gave the virtual machine no time while its kernel looked for a timer: power on again", flush=True)
            self.off()
            self._start(**self.how)
            found = self._wait(what, patience)
        return found

    def _wait(self, what, patience):
        end = time.monotonic() + (patience or PATIENCE)
        with self.more:
            while True:
                for event in self.events:
                    if event.get("event") == what:
                        return event
                for line in self.lines:
                    if line is None:
                        return None
                    if what in line and not line.startswith("{"):
                        return line
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("no %r on the console within %.0f s; its end:\n%s" % (
                        what, patience or PATIENCE, "\n".join(str(x) for x in self.lines[-15:])))
                self.more.wait(left)

    def type(self, keys):
        """What somebody at the serial line types."""
        self.qemu.stdin.write(keys)
        self.qemu.stdin.flush()

    def find(self, name):
        return [e for e in self.events if e.get("event") == name]

    def qmp(self, *commands):
        """Commands to QEMU's monitor; their answers."""
        answers = []
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path("qmp"))
            stream = s.makefile("rw")
            stream.readline()
            for command in ({"execute": "qmp_capabilities"}, *commands):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                while True:
                    answer = json.loads(stream.readline())
                    if "event" not in answer:
                        break
                answers.append(answer)
        return answers[1:]

    def off(self):
        """Pulls the plug."""
        if self.qemu is not None:
            self.qemu.kill()
            self.qemu.wait()
            self.reader.join()
            self.console.close()
            self.qemu = None
        try:
            with open(self.path("tpm/pid")) as f:
                os.kill(int(f.read()), signal.SIGTERM)
        except (OSError, ValueError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.off()
