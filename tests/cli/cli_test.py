#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: help that is true, exit statuses, completion, the configuration file,
and that the documents name commands and options that exist.

usage: BUILD_DIR=build SOURCE_DIR=. tests/cli/cli_test.py
"""
import ctypes
import errno
import glob
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.abspath(os.path.join(BUILD, "bin", "claviger"))
FOLDER = tempfile.mkdtemp(prefix="claviger-cli-")
EVERYWHERE = {"--json", "--help", "--version"}
passed = failed = 0


def expect(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL", what, str(shown)[:600])


def claviger(*words, stdin="", before=None, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CLAVIGER_", "XDG_CONFIG"))}
    clean.update({"HOME": FOLDER, "CLAVIGER_HOME": os.path.join(FOLDER, "home"), **env})
    clean = {k: v for k, v in clean.items() if v is not None}
    run = subprocess.run([TOOL, *words], input=stdin, capture_output=True, text=True, timeout=300,
                         env=clean, cwd=FOLDER, preexec_fn=before)
    return run.returncode, run.stdout, run.stderr


def write(name, text):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


KEYS = ["11111111111111111111111111111112", "11111111111111111111111111111113"]
COMMANDS = {c["name"]: c for c in json.loads(claviger("help", "--json")[1])["commands"]}
OPTIONS = {n: {o["name"] for o in c["options"]} for n, c in COMMANDS.items()}


def find(words):
    """The command that the words begin with."""
    for name in COMMANDS:
        if words[:len(name.split())] == name.split():
            return name
    return None


def test_every_help_is_whole_and_true():
    expect("there are commands", len(COMMANDS) > 30)
    for name, command in COMMANDS.items():
        code, out, error = claviger(*name.split(), "--help")
        expect("%s --help" % name, code == 0 and error == "" and
               out.startswith("usage: claviger " + name), out + error)
        expect("help %s is the same" % name, claviger("help", *name.split())[1] == out)
        for option in OPTIONS[name]:
            expect("%s --help tells of %s" % (name, option), re.search(re.escape(option) + r"\b", out))
        # Options in the usage line, and those that begin a line of the text, are its own.
        usage = out.split("\n\n")[0]
        told = set(re.findall(r"--[a-z][a-z-]*", usage))
        expect("%s: its usage is broken into lines, and whole" % name, command["arguments"] in usage.replace("\n    ", " ") and
               all(len(line) <= 100 for line in usage.splitlines()), usage)
        expect("%s names no option twice in it" % name, all(usage.count("[%s " % option) <= 1 for option in told), usage)
        told |= {m for m in re.findall(r"^\s*(--[a-z][a-z-]*)", out, re.M)}
        expect("%s takes what its help tells" % name, told <= OPTIONS[name] | EVERYWHERE,
               told - OPTIONS[name])
    columns = {re.match(r"  \S+(?: \S+)* +(?=%s)" % re.escape(c["sentence"]), line)[0].__len__()
               for line in claviger("help")[1].splitlines() for n, c in COMMANDS.items() if line.startswith("  %s " % n) and
               line.endswith(" " + c["sentence"])}
    expect("the list has two columns", len(columns) == 1, columns)
    for word, status in ((("help", "wallet"), 0), (("wallet", "--help"), 0), (("help", "nothing"), 2),
                         (("help",), 0), (("--help",), 0), ((), 2), (("nothing",), 2), (("wall",), 2)):
        expect("%s ends with %d" % (word, status), claviger(*word)[0] == status)


def test_wrong_usage_ends_with_2_and_says_what_is_right():
    for name, command in COMMANDS.items():
        code, out, error = claviger(*name.split(), "--no-such-option")
        expect("%s with an unknown option" % name, code == 2 and out == "" and
               "unknown option --no-such-option" in error and "usage: claviger" in error, error)
        if command["arguments"] and not command["arguments"].startswith("["):
            code, out, error = claviger(*name.split())
            expect("%s without what it needs" % name, code == 2 and out == "" and error, error)
        for option in command["options"]:
            if option["takes_value"]:
                code, _, error = claviger(*name.split(), option["name"])
                expect("%s %s without a value" % (name, option["name"]),
                       code == 2 and "needs a value" in error, error)
                break


def test_the_other_exit_statuses():
    key = os.path.join(FOLDER, "k.json")
    garbage = write("garbage", "no receipts\n")
    for words, stdin, status in (
            (("version",), "", 0),
            (("key", "new", key), "", 0),
            (("key", "show", key), "", 0),
            (("key", "new", key), "", 3),  # is never replaced
            (("key", "show", os.path.join(FOLDER, "none.json")), "", 3),
            (("tx", "decode"), "AAAA\n", 1),
            (("tx", "decode", os.path.join(FOLDER, "none")), "", 3),
            (("policy", "inspect", garbage), "", 1),
            (("policy", "inspect", os.path.join(FOLDER, "none")), "", 3),
            (("receipt", "verify", garbage), "", 1),
            (("receipt", "verify", os.path.join(FOLDER, "none")), "", 3),
            (("status", "--server", "https://127.0.0.1:1", "--ca", os.path.join(FOLDER, "none")), "", 3),
            (("wallet", "list", "--key", key, "--server", "https://127.0.0.1:1", "--ca", garbage), "", 3),
            (("serve", "--verifiers", "0"), "", 2),
            (("serve", "--verifiers", "17"), "", 2),
            (("serve", "--verifiers", "1x"), "", 2),
            (("serve", "--tls-name", "a" * 401), "", 2),
            (("status", "--server", "http://127.0.0.1"), "", 2)):
        code, out, error = claviger(*words, stdin=stdin)
        expect("%s ends with %d" % (" ".join(words), status), code == status, (code, out, error))
        expect("%s complains when it should" % " ".join(words),
               code == 0 or error != "" or out != "", error)


def test_a_closed_descriptor_is_no_number_for_a_file_of_ours():
    """B12: what is printed for the caller, who closed it, must not land in a file of ours that has its number."""
    for closed in ((1,), (2,), (0, 1, 2)):
        key = os.path.join(FOLDER, "closed-%s.json" % "".join(map(str, closed)))
        code, _, _ = claviger("key", "new", key, before=lambda gone=closed: [os.close(fd) for fd in gone])
        shown, address, error = claviger("key", "show", key)
        expect("a key is whole with %s closed" % (closed,), shown == 0 and address, (code, error))
    pipe = os.path.join(FOLDER, "closed.pipe")
    os.mkfifo(pipe)
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        with subprocess.Popen([TOOL, "policy", "inspect", pipe], preexec_fn=lambda gone=closed: [os.close(fd) for fd in gone],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            with open(pipe, "w", encoding="utf-8"):  # opens while the tool is opening it: its number comes a moment later
                numbers, until = [], time.monotonic() + 30
                while not numbers and time.monotonic() < until:
                    numbers = [int(fd) for fd in os.listdir("/proc/%d/fd" % run.pid) if os.path.realpath("/proc/%d/fd/%s" % (run.pid, fd)) == pipe]
            run.wait(60)
        expect("a file has a number of its own with %s closed" % (closed,), len(numbers) == 1 and numbers[0] > 2, numbers)


def test_secret_files():
    """B12: a key never goes through a file or link that somebody else made, nor over one that is there."""
    planted, target = os.path.join(FOLDER, "planted.json"), write("target", "")
    for name in (".new", ".tmp"):
        write("planted.json" + name, "")
        os.chmod(planted + name, 0o666)
    os.symlink(target, os.path.join(FOLDER, "linked.json"))
    code, _, error = claviger("key", "new", planted)
    expect("a key is made", code == 0, error)
    expect("for its owner alone", os.stat(planted).st_mode & 0o777 == 0o600, oct(os.stat(planted).st_mode))
    expect("what lay there is left alone", all(os.stat(planted + name).st_size == 0 for name in (".new", ".tmp")))
    code, _, error = claviger("key", "new", os.path.join(FOLDER, "linked.json"))
    expect("not through a link", code == 3 and "exists already" in error and os.stat(target).st_size == 0, (code, error))
    code, _, error = claviger("key", "new", os.path.join(FOLDER, "none", "key.json"))
    expect("no folder", code == 3 and "No such file or directory" in error, (code, error))
    left = sorted(name for name in os.listdir(FOLDER) if name.startswith(("planted.json", "linked.json")))
    expect("nothing is left behind", left == ["linked.json", "planted.json", "planted.json.new", "planted.json.tmp"], left)


def without(numbers, folders=False):
    """For the process to be: these system calls fail, each with its number, as on other file systems; with
    `folders` none is opened."""
    def install():
        rows = [(0x20, 0, 0, 0)]  # the number of the call
        for call, error in numbers.items():
            rows += [(0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | error)]
        if folders:
            openat = 257 if os.uname().machine == "x86_64" else 56
            rows += [(0x15, 0, 3, openat), (0x20, 0, 0, 32), (0x45, 0, 1, os.O_DIRECTORY), (0x06, 0, 0, 0x00050000 | errno.EIO)]
        rows.append((0x06, 0, 0, 0x7fff0000))
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
        program = ctypes.create_string_buffer(struct.pack("@HP", len(rows), ctypes.addressof(code)))
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        if prctl(38, 1, 0, 0, 0) != 0 or prctl(22, 2, program, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
            raise OSError(ctypes.get_errno(), "seccomp")
    return install


def test_keys_on_sticks():
    """S18: an escape key goes to a stick, whose file system may know no hard links, or no renaming that keeps
    what is there; what may be gone after a power cut is told."""
    link, linkat, renameat2 = ((86, 265, 316) if os.uname().machine == "x86_64" else (37, 37, 276))
    for name, lacking in (("fat", {link: errno.EPERM, linkat: errno.EPERM}), ("old", {renameat2: errno.EINVAL})):
        path = os.path.join(FOLDER, name + ".escape")
        code, _, error = claviger("key", "escape", path, before=without(lacking))
        expect("%s: a key is made" % name, code == 0 and os.stat(path).st_nlink == 1, (code, error))
        code, _, error = claviger("key", "escape", path, before=without(lacking))
        expect("%s: and not replaced" % name, code == 3 and "exists already" in error, (code, error))
    expect("nothing is left behind", sorted(n for n in os.listdir(FOLDER) if n.startswith(("fat.", "old."))) == ["fat.escape", "old.escape"])
    path = os.path.join(FOLDER, "unsynced.escape")
    code, _, error = claviger("key", "escape", path, before=without({}, folders=True))
    expect("a folder that was not written is told", code == 3 and "power cut" in error and os.stat(path).st_size > 0, (code, error))


def test_escape_keys_are_no_other_keys():
    """S18: what opens escape copies is told from what signs, in both directions."""
    escape, user = os.path.join(FOLDER, "escape.json"), os.path.join(FOLDER, "user.json")
    code, made, error = claviger("key", "escape", escape)
    expect("an escape key", code == 0 and os.stat(escape).st_mode & 0o777 == 0o600, error)
    code, shown, error = claviger("key", "show", escape)
    expect("key show gives what key escape gave", code == 0 and shown == made, (shown, made, error))
    expect("and in JSON by its name", json.loads(claviger("key", "show", escape, "--json")[1]) == {"escape_key": made.strip()})
    expect("never replaced", claviger("key", "escape", escape)[0] == 3)
    claviger("key", "new", user)
    server = ("--server", "https://127.0.0.1:1")
    for words in (("wallet", "import", "one", "--from", escape, "--key", user, *server),
                  ("wallet", "list", "--key", escape, *server)):
        code, _, error = claviger(*words)
        expect("%s: not as a key that signs" % words[1], code == 3, (code, error))
    copy = write("copy.escape", json.dumps({"claviger_escape": 1, "deployment": "00" * 32, "wallet": "00" * 32,
                                            "address": "1" * 32, "sealed": "00" * 80}))
    for key, said in ((user, "is no escape key"), (escape, "not sealed to this key")):
        code, _, error = claviger("wallet", "recover", copy, "--key", key, "--out", os.path.join(FOLDER, "out.json"))
        expect("recover by %s" % os.path.basename(key), code in (1, 3) and said in error, (code, error))


def test_a_second_provisioning_replaces_nothing():
    """S19, A10: what a genesis is started with and what was approved for it, by whomever, may be all that there is."""
    escrow = claviger("key", "escape", os.path.join(FOLDER, "escrow.json"))[1].split()[-1]
    for name in ("site", "release"):
        claviger("tpm", "key", os.path.join(FOLDER, name))
    pcrs = write("pcrs.json", json.dumps({str(p): "00" * 32 for p in (0, 2, 4, 7, 9, 11, 12, 14)}))
    two = ("--site-root", "site", "--release-root", "release.pub", "--escrow", escrow)

    def content(folder):
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                found[name] = f.read()
        return found

    for out, words in (("single", ("--single-operator", "--pcrs", pcrs)), ("two", two)):
        provision = ("tpm", "provision", "--out", out, *words)
        folder = os.path.join(FOLDER, out)
        expect("%s: the first is made" % out, claviger(*provision)[0] == 0)
        key = out + "/release.pem" if out == "single" else "release"
        code, _, error = claviger("image", "approve", "--as", "release", "--key", key, "--pcrs", pcrs, "--level", "2",
                                  "--approvals", out + "/approvals")
        expect("%s: and another release is approved" % out, code == 0, error)
        for gone in (None, "approvals", "genesis"):  # the other one alone is kept, too
            kept = os.path.join(FOLDER, "kept")
            if gone:
                os.rename(os.path.join(folder, gone), kept)
            before = content(folder)
            for more in ((), ("--dry-run",)):
                code, said, error = claviger(*provision, *more)
                there = "approvals" if gone == "genesis" else "genesis"
                expect("%s without %s %s: refused, with what is there and how to go on" % (out, gone, more), code == 1 and
                       said == "" and "%s/%s is there" % (out, there) in error and "Name another folder" in error and
                       "take `genesis` and `approvals` away" in error, (code, said, error))
                expect("%s without %s %s: nothing is changed" % (out, gone, more), content(folder) == before)
            if gone:
                os.rename(kept, os.path.join(folder, gone))
        before = content(folder)
        for name in ("genesis", "approvals"):
            os.unlink(os.path.join(folder, name))
        expect("%s: a dry run says yes when they are gone" % out, claviger(*provision, "--dry-run")[0] == 0)
        expect("%s: so does the run" % out, claviger(*provision)[0] == 0)
        after = content(folder)
        expect("%s: it is another genesis, of the same keys" % out, after["genesis"] != before["genesis"] and
               {n: c for n, c in after.items() if n not in ("genesis", "approvals")} ==
               {n: c for n, c in before.items() if n not in ("genesis", "approvals")})
        for name in ("genesis", "approvals"):
            os.unlink(os.path.join(folder, name))
        os.symlink(FOLDER + "/nowhere", os.path.join(folder, "genesis"))
        expect("%s: what a link leads to is not asked" % out, claviger(*provision)[0] == 1 and
               os.path.islink(os.path.join(folder, "genesis")))
    code, _, error = claviger("tpm", "provision", "--out", "site", *two)
    expect("a file is no folder", code == 3 and "cannot look at site/sealed-share" in error, (code, error))


def test_documents_name_what_exists():
    seen = 0
    for path in [path for folder in ("", "docs", "image", "intents", "policies/*", "sdk/*", "spec")
                 for path in glob.glob(os.path.join(SOURCE, folder, "*.md"))]:
        text = open(path, encoding="utf-8").read().replace("\\\n", " ")
        lines = re.findall(r"`(?:build/bin/)?claviger ([a-z][^`]*)`", text)
        for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S):
            lines += re.findall(r"(?:^|;)\s*(?:build/bin/)?claviger ([a-z][^;#&\n]*)", block, re.M)
        for line in lines:
            words = line.split()
            name = find(words)
            seen += 1
            expect("%s: claviger %s is a command" % (os.path.basename(path), line),
                   name is not None or words[0] in {n.split()[0] for n in COMMANDS} and len(words) == 1)
            for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", " " + line) if name else []:
                expect("%s: claviger %s takes %s" % (os.path.basename(path), name, option),
                       option in OPTIONS[name] | EVERYWHERE)
    expect("documents show commands", seen > 10, seen)


COMPLETE = """source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_claviger
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(script, *words):
    out = subprocess.run(["bash", "-c", COMPLETE, "bash", script, "claviger", *words],
                         capture_output=True, text=True)
    expect("completion writes no errors", out.stderr == "", out.stderr)
    return out.stdout.split()


def test_completion_knows_every_command_and_option():
    script = write("bash", claviger("completion", "bash")[1])
    expect("first words", set(complete(script, "")) == {n.split()[0] for n in COMMANDS})
    expect("a beginning", complete(script, "wal") == ["wallet"])
    expect("second words", complete(script, "wallet", "un") == ["unfreeze"])
    for name in sorted(set(COMMANDS) - {"help", "completion"}):
        expect("options of " + name, set(complete(script, *name.split(), "--")) ==
               {o for o in OPTIONS[name] if o.startswith("--")} | {"--json", "--help"})
    expect("what is explained", "wallet" in complete(script, "help", ""))
    expect("shells", complete(script, "completion", "") == ["bash", "zsh", "fish"])
    expect("values are files", complete(script, "tx", "decode", "") == [])
    for shell in ("zsh", "fish"):
        code, out, _ = claviger("completion", shell)
        expect(shell, code == 0 and all(n.split()[-1] in out for n in COMMANDS))
        if shutil.which(shell):
            path = write(shell, out)
            run = subprocess.run([shell, "-n", path], capture_output=True, text=True)
            expect(shell + " can read it", run.returncode == 0, run.stderr)
    expect("another shell", claviger("completion", "tcsh")[0] == 2)


def test_wrong_words_are_told_what_is_wrong_and_what_there_is():
    key, others = os.path.join(FOLDER, "own.json"), os.path.join(FOLDER, "others.json")
    expect("a key is made", claviger("key", "new", key)[0] == 0)
    shutil.copyfile(key, others)
    os.chmod(others, 0o644)
    types = write("types.toml", 'recipients = ["nobody"]\n')
    module = os.path.join(BUILD, "share/policies/transfer.wasm")
    for words, status, said in (
            (["wallet"], 2, "`wallet` is the first word of these commands:\n  wallet create"),
            (["wallet", "crate"], 2, "no such command: wallet crate; there are\n  wallet create"),
            (["wal"], 2, "no such command: wal; `claviger help` lists all. Did you mean\n  wallet create"),
            (["nothing"], 2, "no such command: nothing; `claviger help` lists all\n"),
            (["status", "--nope"], 2, "unknown option --nope\nusage: claviger status\n"),
            (["change", "sign", "%", "--key", key], 2, "no change: copy the whole command"),
            (["policy", "check", "--module", SOURCE + "/intents/wrap.toml", "--wallet", "1" * 32, types], 1,
             "wrap.toml is an intent's text, and a module is expected: `claviger policy build "),
            (["policy", "inspect", types], 1, "is an intent's text, and a module is expected"),
            (["policy", "inspect", key], 1, "own.json is no WASM module (.wasm): it does not begin with 00 61 73 6d"),
            (["policy", "inspect", write("empty.wasm", "")], 1, "empty.wasm is empty; a module (.wasm) is expected"),
            (["policy", "inspect", write("short.wasm", "\0asm\1\0\0\0\1")], 1, "short.wasm: the module is refused at byte "),
            (["policy", "inspect", FOLDER], 3, "cannot read %s: Is a directory" % FOLDER),
            (["tx", "decode", FOLDER], 3, "cannot read %s: Is a directory" % FOLDER),
            (["table", "add", FOLDER], 3, "cannot read %s: Is a directory" % FOLDER),
            (["audit", "verify", FOLDER], 3, "cannot read %s: Is a directory" % FOLDER),
            (["audit", "verify", write("empty.audit", "")], 1, "empty.audit: the file holds no wallet"),
            (["audit", "verify", write("long.audit", "{" + "x" * 2**20 + "}\n")], 1, "line 1: no whole line of JSON"),
            (["policy", "diff", key, key], 3, "own.json is no WASM module (.wasm): it does not begin with 00 61 73 6d"),
            (["policy", "build", key], 3, "own.json is neither an intent (a file NAME.toml) nor a policy's folder"),
            (["policy", "add", key], 1, "own.json is no WASM module (.wasm): it does not begin with 00 61 73 6d"),
            (["policy", "add", FOLDER + "/empty.wasm"], 1, "empty.wasm is empty; a module (.wasm) is expected"),
            (["policy", "check", "--module", module, "--params", module, "--wallet", "1" * 32, types], 2, "parameters are TOML, lines of name = value"),
            (["policy", "build", module, "-o", FOLDER + "/o.wasm"], 2, "-o goes with an intent, a file NAME.toml"),
            (["policy", "build", types + ".none"], 3, "types.toml.none is neither an intent (a file NAME.toml) nor a policy's folder"),
            (["policy", "new", "--from-tx", module], 3, "transfer.wasm is no text; expected base64, one transaction or message a line"),
            (["policy", "new", "--from-tx", write("lines.txt", "AA==\n\nno base64\n")], 1, "line 3 is not base64"),
            (["policy", "test", types + "x"], 3, "neither an intent (a file NAME.toml) nor a policy's folder"),
            (["serve", "--listen", "127.0.0.1:99999", "--state", FOLDER + "/state"], 2, "--listen 127.0.0.1:99999: expected"),
            (["--server", "https://127.0.0.1:1", "status"], 2, "--server stands before the command"),
            (["backup", "--state", FOLDER + "/none", "--out", FOLDER + "/copy"], 3, "/none holds no store: "),
            (["policy", "describe", "--module", module, "--params", types], 2,
             'types.toml: parameter "recipients" must be a pubkey list; "nobody" is none: '),
            (["key", "show", others], 0, "others on this machine can reach %s: chmod 600 it" % others)):
        code, out, error = claviger(*words)
        expect("%s is told: %s" % (" ".join(words), said), code == status and said in error, (code, error))
        expect("%s says nothing of processes" % " ".join(words), '"process"' not in error, error)
    os.makedirs(FOLDER + "/kept/store")
    for name in ("state.db", "state.db-wal", "segments.db", "segments.db-wal"):
        write("kept/store/" + name, "")
    code, out, error = claviger("backup", "--state", FOLDER + "/kept", "--out", FOLDER + "/kept-copy")
    expect("a backup without a sealed share is not told to be of use, nor of none", code == 0 and out and
           "what opens this backup cannot be said" in error and "worth nothing" not in error, (code, out, error))
    code, out, _ = claviger("doctor", "--tpm", "/dev/none")
    expect("doctor says which TPM, and why", code == 1 and "/dev/none cannot be opened: No such file or directory" in out, out)
    expect("nothing was made for a backup that cannot be", not os.path.exists(FOLDER + "/copy"))
    expect("a key of one's own is no trouble", claviger("key", "show", key)[2] == "")


ROWS, WHOLE = 3000, 30  # of what is backed up; copies that are wanted


def open_written(name):
    """A database as the store has them: in write-ahead mode, its log folded and begun anew again and again."""
    db = sqlite3.connect(name, isolation_level=None, timeout=30)
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "wal_autocheckpoint = 400"):
        db.execute("PRAGMA " + pragma).fetchall()
    return db


def go_on_writing(name, commits):
    """Each commit moves something from row to row: their sum stays."""
    db, rng = open_written(name), random.Random(1)
    while True:
        db.execute("BEGIN")
        for _ in range(40):
            rows = rng.sample(range(ROWS), 2)
            for row, by in zip(rows, (1, -1)):
                db.execute("UPDATE t SET n = n + ?, pad = randomblob(700) WHERE id = ?", (by, row))
        db.execute("COMMIT")
        commits.value += 1
        if commits.value % 5 == 0:  # folded, and not begun anew for a moment
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            time.sleep(0.02)


def test_a_backup_of_a_folder_is_whole_while_it_is_written():
    """Online backup (docs/recovery.md), by somebody else's SQLite: one commit's state, or the command says that it is none."""
    folder = os.path.join(FOLDER, "written")
    os.mkdir(folder)
    kept = [open_written(os.path.join(folder, name)) for name in ("state.db", "segments.db")]
    kept[0].execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, pad BLOB)")
    kept[0].executemany("INSERT INTO t VALUES (?, 1000, randomblob(700))", ((i,) for i in range(ROWS)))
    kept[1].execute("CREATE TABLE t (id INTEGER)")
    commits = multiprocessing.Value("Q", 0)
    writer = multiprocessing.Process(target=go_on_writing, args=(os.path.join(folder, "state.db"), commits), daemon=True)
    writer.start()
    whole = tried = during = 0
    end = time.monotonic() + 60
    while whole < WHOLE and time.monotonic() < end:
        out, before = os.path.join(FOLDER, "copy.%d" % tried), commits.value
        code, _, error = claviger("backup", "--state", folder, "--out", out)
        tried, during = tried + 1, during + commits.value - before
        if code != 0:
            expect("one that is none says so", code == 3 and "no whole backup" in error, (code, error))
            continue
        whole += 1
        try:
            copy = sqlite3.connect(os.path.join(out, "state.db"))
            said = copy.execute("PRAGMA integrity_check").fetchall(), copy.execute("SELECT sum(n), count(*) FROM t").fetchall()
            copy.close()
        except sqlite3.Error as error:
            said = error
        expect("a copy is of one moment", said == ([("ok",)], [(1000 * ROWS, ROWS)]), said)
        shutil.rmtree(out)
    writer.terminate()
    writer.join()
    expect("copies were made", whole == WHOLE, "%d of %d" % (whole, tried))
    expect("while it was written", writer.exitcode == -signal.SIGTERM and during >= tried, (writer.exitcode, during, tried))
    print("backup: %d whole ones of %d, %d commits meanwhile" % (whole, tried, during))


def test_a_configuration_is_taken_whole_or_refused_with_its_place():
    good = write("good.toml", '[serve]\nstate = "/s"\nlisten = "127.0.0.1:1"\nmetrics = "127.0.0.1:2"\n'
                 'verifiers = 2\ntls_name = ["a", "b"]\noperators = "%s"\n[client]\n'
                 'server = "https://127.0.0.1:3"\nca = "/c"\nhome = "/h"\n' % KEYS[0])
    code, out, _ = claviger("config", "check", good, "--json", CLAVIGER_HOME=None)
    expect("every setting", code == 0 and json.loads(out)["settings"] == {
        "serve.state": "/s", "serve.listen": "127.0.0.1:1", "serve.metrics": "127.0.0.1:2",
        "serve.verifiers": "2", "serve.tls_name": "a,b", "serve.operators": KEYS[0],
        "client.server": "https://127.0.0.1:3", "client.ca": "/c", "client.home": "/h"}, out)
    for text, place in (
            ("[serve]\nstate = '/s'\n  stat = '/s'\n", "line 3, column 3: serve.stat is no setting"),
            ("serve.listen = '127.0.0.1:1'\nserve.lisen = 'y'\n", "line 2, column 1: serve.lisen is no setting"),
            ("[client]\n[ served ]\nlisten = 'x'\n", "line 2, column 3: served is no table"),
            ("[client]\nserver = 5\n", "line 2, column 1: client.server must be a text"),
            ("[client]\nhome = ''\n", "line 2, column 1: client.home must be a text"),
            ("[serve]\n\"verifiers\" = -1\n", "line 2, column 1: serve.verifiers must be a whole number"),
            ("[serve]\ntls_name = [1]\n", "line 2, column 1: serve.tls_name must be a text or a list"),
            ("client = 1\n", "line 1, column 1: client must be a table"),
            ("[serve]\nlisten = \n", "line 2, column 10: "),
            ("[serve]\nlisten = '1'\nlisten = '2'\n", "line 3, column 1: ")):
        bad = write("bad.toml", text)
        code, out, error = claviger("config", "check", bad)
        expect("refused: " + text, code == 1 and out == "" and "bad.toml, " + place in error, error)
        code, out, error = claviger("status", CLAVIGER_CONFIG=bad)
        expect("nothing runs on it", code == 2 and place in error, error)
    expect("a missing file is not a refused one", claviger("config", "check", FOLDER + "/none")[0] == 3)
    with open(os.path.join(SOURCE, "cli/cli_config.c"), encoding="utf-8") as f:
        rows = re.findall(r'\] = \{"(?:serve|client)", +"(\w+)"', f.read())
    for name in rows:
        expect("%s is among all settings" % name, "\n  %s = " % name in COMMANDS["config check"]["help"])
    expect("settings were found", len(rows) >= 23, rows)
    expect("a named file must be there", claviger("status", CLAVIGER_CONFIG=FOLDER + "/none")[0] == 3)


def test_options_win_over_environment_over_file():
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    of_file, of_environment, of_option = ("127.0.0.1:%d" % s.getsockname()[1] for s in taken)
    file = write("order.toml", '[client]\nserver = "file"\n[serve]\nlisten = "%s"\n' % of_file)
    for words, env, wins in (((), {}, "file"), ((), {"CLAVIGER_SERVER": "environment"}, "environment"),
                             (("--server", "option"), {"CLAVIGER_SERVER": "environment"}, "option"),
                             ((), {"CLAVIGER_SERVER": ""}, "file")):
        code, _, error = claviger("status", *words, CLAVIGER_CONFIG=file, **env)
        expect("the server is of the " + wins, code == 2 and error.startswith(
            "claviger status: %s is not https" % wins), error)
    for words, env, wins in (((), {}, of_file), ((), {"CLAVIGER_LISTEN": of_environment}, of_environment),
                             (("--listen", of_option), {"CLAVIGER_LISTEN": of_environment}, of_option)):
        code, _, error = claviger("serve", "--state", FOLDER + "/state", *words, CLAVIGER_CONFIG=file, **env)
        expect("the address is " + wins, code == 3 and "cannot listen on " + wins in error, (code, error))
    for one in taken:
        one.close()


def test_a_value_that_no_signer_takes_is_refused_with_its_place():
    """S19: from the file, the environment and the command line, before anything starts."""
    many = ",".join("1" * 31 + digit for digit in "23456789")
    cases = 0
    for name, bad, good, said in (
            ("listen", ("8200", "127.0.0.1:0", "localhost:1"), ("127.0.0.1:1", "[::1]:1"), "ADDRESS:PORT"),
            ("metrics", ("127.0.0.1:65536",), ("127.0.0.1:1",), "ADDRESS:PORT"),
            ("operator_listen", ("x",), ("0.0.0.0:1",), "ADDRESS:PORT"),
            ("verifiers", (0, 17), (1, 16), "a whole number from 1 to 16"),
            ("tls_name", ("a b", "https://a", "*.a", ",".join(["a"] * 15), "a" * 64), ("a,192.0.2.1,::1", ",".join(["a"] * 14)),
             "names of hosts"),
            ("operators", ("k", KEYS[0] + "," + KEYS[0], many), (",".join(KEYS), many[:many.rindex(",")]), "public keys"),
            ("recovery", ("k", "1" * 31, KEYS[0] + "," + KEYS[1]), (KEYS[0],), "claviger key escape"),
            ("time_keys", ("abc", many), (",".join(KEYS),), "public keys"),
            ("time_unproven_max", (0, 30 * 86400 + 1), (1, 30 * 86400), "a whole number from 1 to 2592000"),
            ("client_signatures_second", (0,), (1, 2**63), "a whole number from 1 on"),
            ("client_wallets_minute", (0, 257), (256,), "a whole number from 1 to 256"),
            ("client_lamports_hour", (0,), (1,), "a whole number from 1 on"),
            ("inputs_keep_mb", (2**30 + 1,), (0, 2**30), "a whole number from 0 to 1073741824"),
            ("store_max_mb", (0, 15, 2**22 + 1), (16, 2**22), "a whole number from 16 to 4194304"),
            ("receipts_keep_days", (36501,), (0, 36500), "a whole number from 0 to 36500"),
            ("policy_engine", ("fast",), ("compiled", "interpreter"), "compiled or interpreter")):
        for values, is_good in ((bad, False), (good, True)):
            for value in values:
                cases += 1
                file = write("value.toml", "[serve]\n %s = %s\n" % (name, json.dumps(value)))
                code, out, error = claviger("config", "check", file)
                expect("%s = %s in the file" % (name, value), code == (0 if is_good else 1) and (is_good or (
                    out == "" and "value.toml, line 2, column 2: serve.%s must be " % name in error and said in error)), error)
                variable = "CLAVIGER_" + name.upper()
                code, out, error = claviger("config", "check", **{variable: str(value)})
                expect("%s=%s" % (variable, value), code == (0 if is_good else 1) and (
                    is_good or "%s %s: expected " % (variable, value) in error and said in error), error)
                if not is_good:
                    code, out, error = claviger("serve", "--state", FOLDER + "/state", **{variable: str(value)})
                    expect("serve with it", code == 2 and said in error and '"process"' not in error, error)
    for rp_id, origins, is_good in (
            ("a.example", None, True), ("A.example", None, False), ("a..example", None, False),
            ("a.example", "https://x.a.example,https://a.example:8443", True), ("a.example", "https://b.example", False),
            ("a.example", "http://a.example", False), ("a.example", "https://a.example:443", False), (None, "https://a.example", False)):
        cases += 1
        text = "[serve]\n" + ("rp_id = %s\n" % json.dumps(rp_id) if rp_id else "") + ("origins = %s\n" % json.dumps(origins) if origins else "")
        code, out, error = claviger("config", "check", write("value.toml", text))
        expect("passkeys of %s at %s in the file" % (rp_id, origins), code == (0 if is_good else 1) and (is_good or (
            out == "" and "expected a domain in lower case" in error)), error)
        words = [word for name, value in (("--rp-id", rp_id), ("--origins", origins)) if value for word in (name, value)]
        code, out, error = claviger("image", "disk", "--size", "1", *words, FOLDER + "/disk")
        expect("and of an appliance, whose page is another one", code == 2 and
               ("expected a domain in lower case" in error) == (not is_good or not origins), error)
        if not is_good:
            code, out, error = claviger("serve", "--state", FOLDER + "/state", *words)
            expect("serve with it", code == 2 and "expected a domain in lower case" in error and '"process"' not in error, error)
    expect("cases", cases >= 53, cases)


def test_the_file_starts_a_signer_whose_certificate_has_its_names():
    """S8, N1: the names of the setting, also when it changes later, as the way to a CA's chain has it; with the same
    names the same certificate, since clients pin it."""
    if not shutil.which("swtpm"):
        return
    ports = free_port(), free_port()
    state = os.path.join(FOLDER, "real")
    file = write("serve.toml", '[serve]\nstate = "%s"\nlisten = "127.0.0.1:%d"\nmetrics = "127.0.0.1:%d"\n'
                 'verifiers = 1\n[client]\nserver = "https://localhost:%d"\nca = "%s/ca.pem"\n' % (
                     state, *ports, ports[0], state))
    env = {k: v for k, v in os.environ.items() if not k.startswith("CLAVIGER_")}
    env["CLAVIGER_CONFIG"] = file
    first = "localhost,signer.example,192.0.2.7,2001:db8::7"
    shown = []
    for setting, names in (
            (first, {("DNS", "signer.example"), ("DNS", "localhost"), ("IP Address", "192.0.2.7"),
                     ("IP Address", "2001:DB8:0:0:0:0:0:7")}),
            (first, {("DNS", "signer.example")}),
            ("localhost,other.example", {("DNS", "other.example"), ("DNS", "localhost")})):
        with subprocess.Popen([TOOL, "serve", "--tls-name", setting], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            try:
                expect("it is ready", run.stdout.readline().strip() == "ready")
                has = set(ssl._ssl._test_decode_cert(state + "/ca.pem")["subjectAltName"])
                expect("the names", names <= has, has)
                with open(state + "/ca.pem", encoding="utf-8") as f:
                    shown.append(f.read())
                code, out, error = claviger("status", "--json", CLAVIGER_CONFIG=file)
                expect("the client finds it", code == 0 and json.loads(out), error)
                code, request, error = claviger("tls", "csr", CLAVIGER_CONFIG=file)
                said = subprocess.run(["openssl", "req", "-noout", "-text"], input=request, capture_output=True, text=True)
                for kind, name in names:
                    expect("a CA is asked for " + name, kind != "DNS" or "DNS:" + name in said.stdout, said)
            finally:
                run.send_signal(signal.SIGTERM)
                run.wait(60)
    expect("a certificate for each list of names", len(shown) == 3 and shown[0] == shown[1] != shown[2], shown)


def main():
    for name, function in sorted(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 2 or sys.argv[1] in name):
            function()
    shutil.rmtree(FOLDER, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main()
