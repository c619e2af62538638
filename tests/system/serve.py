#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `claviger serve` says when it cannot start, and that two throw-away signers live side by side."""
import os
import signal
import socket
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD_DIR", os.path.join(os.getcwd(), "build"))
PROGRAM = os.path.join(BUILD, "bin/claviger")
checked = failed = 0


def expect(what, holds, shown=""):
    global checked, failed
    checked += 1
    if not holds:
        failed += 1
        print(f"FAIL: {what}: {shown}")


def refuse(what, status, word, *words):
    """A start that must fail at once, with that exit status and a sentence that has `word`."""
    done = subprocess.run([PROGRAM, "serve", *words], capture_output=True, text=True, timeout=60)
    said = done.stderr.strip().splitlines()
    first = said[0] if said else ""
    expect(what, done.returncode == status and word in first and done.stdout == "",
           (done.returncode, done.stdout, said[:3]))


def start(*words):
    """A signer that says `ready`, and what it printed before."""
    child = subprocess.Popen([PROGRAM, "serve", *words], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    lines = []
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == "ready":
            break
    return child, lines


def end(child):
    child.send_signal(signal.SIGINT)
    return child.wait(timeout=60)


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % s.getsockname()[1]


def main(folder):
    state = os.path.join(folder, "with space", "state")
    listen, metrics, other = free_address(), free_address(), free_address()

    for bad in ("foo", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:8200x", ":8200", "1.2.3:8200"):
        refuse(f"--listen {bad}", 2, "expected ADDRESS:PORT", "--state", state, "--listen", bad)
        refuse(f"--metrics {bad}", 2, "--metrics", "--state", state, "--listen", listen,
               "--metrics", bad)
    file = os.path.join(folder, "file")
    with open(file, "w") as f:
        f.write("not a folder")
    refuse("a state that is a file", 3, "is not a folder", "--state", file)
    refuse("a state below a file", 3, "cannot make", "--state", file + "/below")
    refuse("a path too long for a socket", 2, "longer than", "--state", "/tmp/" + "x" * 200)

    signer, said = start("--state", state, "--listen", listen, "--metrics", metrics)
    expect("a path with a space serves", said == ["ready"], said)
    refuse("a second one on the same state", 3, "is in use by another", "--state", state,
           "--listen", other, "--metrics", other)
    refuse("a port that is taken", 3, f"cannot listen on {listen}: Address already in use",
           "--state", folder + "/second", "--listen", listen, "--metrics", other)
    refuse("the metrics port that is taken", 3, "choose another with --metrics",
           "--state", folder + "/second", "--listen", other, "--metrics", metrics)

    # The words: one `export NAME=value` a line, then `ready`; ports are found free.
    names = ["VAULT_ADDR", "VAULT_TOKEN", "NODE_EXTRA_CA_CERTS", "CLAVIGER_WALLET",
             "CLAVIGER_ADDRESS"]
    devs = [start("--dev"), start("--dev")]
    seen = []
    for dev, lines in devs:
        expect("what --dev prints", lines[-1:] == ["ready"] and
               [line.split("=")[0] for line in lines[:-1]] == ["export " + n for n in names], lines)
        seen.append(dict(line[7:].split("=", 1) for line in lines[:-1]))
    expect("two of them have their own ports", len({s.get("VAULT_ADDR") for s in seen}) == 2, seen)
    for dev, lines in devs:
        expect("Ctrl-C ends in order", end(dev) == 0)
    expect("nothing of --dev stays", not any(
        os.path.exists(s.get("NODE_EXTRA_CA_CERTS", "/")) for s in seen), seen)
    expect("Ctrl-C ends in order", end(signer) == 0)


with tempfile.TemporaryDirectory() as place:
    main(place)
print(f"{checked} checks, {failed} failed")
sys.exit(1 if failed or checked < 20 else 0)
