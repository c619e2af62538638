#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operators' door of a running signer: who comes in, and what he is told. `claviger machine` on one side,
openssl's and Python's TLS as strangers on the other.

Proves in spec/claims.md: O9, DS4 for the list of clients, and R2 as far as the disk goes.
"""
import hashlib
import http.client
import http.server
import json
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.environ.get("SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
passed = failed = 0


def expect(what, holds, shown=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print("FAIL %s: %s" % (what, shown), flush=True)
        for signer in Signer.running:
            with open(os.path.join(signer.folder, "log"), encoding="utf-8", errors="replace") as f:
                print("".join(f.readlines()[-8:]), flush=True)


class Signer:
    running = []

    def __init__(self, folder, *words, **settings):
        self.folder, self.state = folder, os.path.join(folder, "state")
        self.port, self.operators = free_port(), free_port()
        self.environment = dict(os.environ, CLAVIGER_SERVER="https://127.0.0.1:%d" % self.port,
                                CLAVIGER_CA=self.state + "/ca.pem", CLAVIGER_HOME=folder + "/home", **settings)
        self.metrics = free_port()
        self.log = open(os.path.join(folder, "log"), "wb")
        self.process = subprocess.Popen(
            [BUILD + "/bin/claviger", "serve", "--state", self.state, "--listen", "127.0.0.1:%d" % self.port,
             "--metrics", "127.0.0.1:%d" % self.metrics, "--operator-listen", "127.0.0.1:%d" % self.operators,
             *words],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.environment)
        Signer.running.append(self)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("claviger serve did not start\n0 passed, 1 failed")

    def claviger(self, *words):
        return subprocess.run([BUILD + "/bin/claviger", *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)

    def machine(self, word, *words, key=None):
        return self.claviger("machine", word, "--operator", key or self.state + "/operator.json", "--operator-port",
                             str(self.operators), *words)

    def pids(self, name):
        done = subprocess.run(["pgrep", "-P", str(self.supervisor()), "-f", name], capture_output=True, text=True)
        return [int(x) for x in done.stdout.split()]

    def supervisor(self):
        done = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "claviger-supervisor"],
                              capture_output=True, text=True)
        return int(done.stdout.split()[0])

    def stop(self):
        Signer.running.remove(self)
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def certificate(folder, name, *algorithm, seed=None):
    """(certificate, key) of a key of this kind, or of the Ed25519 key with this seed, by openssl."""
    key, path = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".pem")
    if seed is None:
        subprocess.run(["openssl", "genpkey", "-out", key, *algorithm], check=True, capture_output=True)
    else:  # RFC 8410: the 16 bytes before a seed
        der = bytes.fromhex("302e020100300506032b657004220420") + seed
        subprocess.run(["openssl", "pkey", "-inform", "DER", "-out", key], input=der, check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-new", "-x509", "-key", key, "-out", path, "-subj", "/CN=x", "-days", "1"],
                   check=True, capture_output=True)
    return path, key


def context(signer, pair=None, newest=None):
    made = ssl.create_default_context(cafile=signer.state + "/ca.pem")
    if pair:
        made.load_cert_chain(*pair)
    if newest:
        made.maximum_version = newest
    return made


def ask(port, with_context, method, path, body=None):
    """(status, JSON); (0, why) when TLS let nobody in."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=with_context, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected) as error:
        return 0, str(error)
    finally:
        connection.close()


def who_comes_in(signer):
    """Nobody but who proves that he has an operator's key; on the clients' port nobody is asked, and nothing told."""
    with open(signer.state + "/operator.json") as f:
        seed = bytes(json.load(f)[:32])
    operator = certificate(signer.folder, "operator", seed=seed)
    status, told = ask(signer.operators, context(signer, operator), "GET", "/api/v1/machine")
    expect("openssl's certificate of the operator's key", status == 200 and told["mode"] == "workstation", told)
    expect("and what clients have is there, too",
           ask(signer.operators, context(signer, operator), "GET", "/api/v1/status")[0] == 200)
    for name, pair, newest in (
            ("no certificate", None, None),
            ("another Ed25519 key", certificate(signer.folder, "ed", "-algorithm", "ed25519"), None),
            ("an RSA key", certificate(signer.folder, "rsa", "-algorithm", "RSA"), None),
            ("a P-256 key", certificate(signer.folder, "ec", "-algorithm", "EC", "-pkeyopt",
                                        "ec_paramgen_curve:P-256"), None),
            ("TLS 1.2", operator, ssl.TLSVersion.TLSv1_2)):
        status, told = ask(signer.operators, context(signer, pair, newest), "GET", "/api/v1/machine")
        expect(name + " does not come in", status == 0, (status, told))
    for path in ("/api/v1/machine", "/api/v1/machine/log", "/api/v1/machine/config"):
        status, told = ask(signer.port, context(signer, operator), "GET", path)
        expect("clients' port has no " + path, status == 404 and told["code"] == "path_unknown", told)
    asked = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % signer.port], input="",
                           capture_output=True, text=True, timeout=300).stdout
    expect("clients' port asks for no certificate", "Requested Signature Algorithms" not in asked, asked)


def what_is_told(signer):
    done = signer.machine("status", "--json")
    told = json.loads(done.stdout)
    expect("status", done.returncode == 0 and told["signer"]["unsealed"] and told["manifest_serial"] is None, told)
    expect("status for people", "unsealed" in signer.machine("status").stdout)
    for words in (("config",), ("certificate", signer.state + "/ca.pem")):
        done = signer.machine(*words)
        expect("%s says that this is no appliance" % words[0],
               done.returncode == 1 and "no appliance" in done.stderr, done.stderr)
    done = signer.claviger("key", "new", signer.folder + "/other.json")
    done = signer.machine("status", key=signer.folder + "/other.json")
    expect("the tool says who is no operator", "does not take this key" in done.stderr, done.stderr)


def the_log(signer):
    """What standard error has, operators read; no token is in it; a bridge that was away misses nothing."""
    signer.claviger("client", "new", "bot")
    with open(signer.folder + "/home/clients/bot.token") as f:
        token = f.read().strip()
    done = signer.machine("log")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expect("one event a line", len(lines) > 15 and all(x["event"] and x["process"] for x in lines), done.stderr)
    expect("of several processes", len({x["process"] for x in lines}) >= 6, {x["process"] for x in lines})
    expect("of the start, too", lines[0]["process"] == "supervisor" or "sandbox.entered" in {x["event"] for x in lines})
    expect("no token", token not in done.stdout)
    at = int(done.stderr.split()[-1])
    expect("nothing new", signer.machine("log", "--from", str(at)).stdout == "")
    with open(signer.folder + "/log") as f:
        shown = f.read().splitlines()
    expect("the same as on standard error", done.stdout.splitlines()[-1] in shown)
    (bridge,) = signer.pids("claviger-bridge")
    os.kill(bridge, signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end:  # the new bridge has read what came while none was there
        done = signer.machine("log")
        if "process.ended" in done.stdout:
            break
        time.sleep(0.1)
    expect("a new bridge tells of the end of the old one",
           any(x["event"] == "process.ended" and x["name"] == "bridge" for x in
               (json.loads(line) for line in done.stdout.splitlines())), done.stdout)
    done = signer.machine("log", "--from", "1000000")
    expect("a number of before: all that the new one has", "began anew" in done.stderr and
           "process.ended" in done.stdout, done.stderr)
    for query in ("cursor=x", "cursor=", "other=1", "cursor=1&cursor=2"):
        status, told = ask(signer.operators, context(signer, (signer.folder + "/operator.pem",
                                                              signer.folder + "/operator.key")),
                           "GET", "/api/v1/machine/log?" + query)
        expect("log?%s is refused" % query, status == 400, told)


PAGE = 32  # clients in one answer (AUTHZ_CLIENTS_MAX)
CREDENTIAL = 4  # kind of a client's record (call_store.h)


def listed(signer, *words):
    done = signer.claviger("client", "list", "--operator", signer.state + "/operator.json", "--json", *words)
    return done.returncode, json.loads(done.stdout or "null"), done


def all_clients(folder):
    """An operator, and nobody else, sees every client, also those behind the first page, who froze which; a store that
    leaves one out, or damages one, is found out."""
    signer = Signer(folder, CLAVIGER_CLIENT_WALLETS_MINUTE="20")
    try:
        code, told, done = listed(signer)
        expect("no clients", code == 0 and told["clients"] == [] and told["registered"] == 0 and told["whole"], done)
        for i in range(PAGE + 3):
            expect("client new", signer.claviger("client", "new", "bot%d" % i).returncode == 0)
        own = {x["client"]: x["name"] for x in
               map(json.loads, signer.claviger("client", "list", "--json").stdout.splitlines())}
        ids = sorted(own)
        code, told, done = listed(signer)
        expect("all of them, once, in order", code == 0 and len(ids) == PAGE + 3 and
               [x["client"] for x in told["clients"]] == ids and told["registered"] == len(ids) and told["whole"], done)
        expect("with the names of this machine", {x["client"]: x.get("name") for x in told["clients"]} == own, done)
        expect("and what of it is so", all(x["frozen"] is False and x["frozen_by"] is None and x["expires"] is None and
                                           not x["damaged"] for x in told["clients"]) and told["all_frozen"] is False, told)
        expect("the site's ceilings", told["ceilings"] == {"signatures_second": None, "wallets_minute": "20",
                                                           "lamports_hour": None}, told)
        for client in ids:
            with open("%s/home/clients/%s.token" % (folder, own[client])) as f:
                token = f.read().strip()
            told_hash = hashlib.sha256(token.encode()).hexdigest()
            expect("no token, no hash of one", token not in done.stdout and told_hash not in done.stdout)
        # The last of the first page, the first and the last of the second.
        chosen = {ids[PAGE - 1], ids[PAGE], ids[-1]}
        for client in chosen:
            signer.claviger("client", "freeze", client, "--operator", signer.state + "/operator.json")
        signer.claviger("client", "token", own[ids[-1]])  # a new credential lifts nothing

        def frozen():
            return {x["client"]: x["frozen_by"] for x in told["clients"] if x.get("frozen")}
        code, told, done = listed(signer, "--home", folder + "/elsewhere")
        expect("who is frozen", frozen() == dict.fromkeys(chosen, "operator"), told)
        expect("elsewhere nobody has a name", code == 0 and not any("name" in x for x in told["clients"]), told)
        signer.claviger("client", "unfreeze", ids[-1], "--operator", signer.state + "/operator.json")
        signer.claviger("client", "freeze", "--all", "--operator", signer.state + "/operator.json")
        code, told, done = listed(signer)
        expect("one is let go, and all are frozen", told["all_frozen"] is True and told["clients"][-1]["frozen"] is False and
               told["clients"][-1]["frozen_by"] is None, told)
        text = signer.claviger("client", "list", "--operator", signer.state + "/operator.json").stdout.splitlines()
        expect("for people", [x.split()[1] for x in text[:-2]] == ids and "all are frozen" in text[-2] and
               sum("frozen by an operator" in x for x in text) == 2 and "20 wallets a minute" in text[-1], text)
        signer.claviger("key", "new", folder + "/stranger.json")
        for name, key in (("a stranger", folder + "/stranger.json"),
                          ("a client's own root key", "%s/home/clients/bot0.json" % folder)):
            done = signer.claviger("client", "list", "--operator", key, "--json")
            expect(name + " sees none", done.returncode == 1 and not done.stdout and "not an operator" in done.stderr, done)
        expect("an orderly end", signer.stop() == 0)
        disk = sqlite3.connect(signer.state + "/store/state.db")
        with disk:
            for client, what in ((ids[1], "UPDATE value SET body=body||x'00'"),
                                 (ids[PAGE + 1], "DELETE FROM value")):
                at = (CREDENTIAL, bytes.fromhex(client))
                expect("one row", disk.execute(what + " WHERE kind=? AND id=?", at).rowcount == 1)
        disk.close()
        signer = Signer(folder)
        code, told, done = listed(signer)
        expect("a damaged one is named, and the others are there", [x["client"] for x in told["clients"]] ==
               ids[:PAGE + 1] + ids[PAGE + 2:] and [x["client"] for x in told["clients"] if x["damaged"]] == [ids[1]], done)
        expect("one that the disk leaves out is missed", code == 3 and told["whole"] is False and
               told["registered"] == PAGE + 3 and "%d are listed, but the signer counted %d" % (PAGE + 2, PAGE + 3)
               in done.stderr, done)
        expect("frozen they are after a restart, too", frozen() == dict.fromkeys(chosen - {ids[-1]}, "operator") and
               told["all_frozen"] is True and told["ceilings"]["wallets_minute"] is None, told)
    finally:
        expect("an orderly end", signer.stop() == 0)


def a_site_certificate(folder):
    """A CA's chain that is in use stays when the authority starts again, although the signer tells the bridge anew."""
    chain, (ca, key) = folder + "/chain.pem", certificate(folder, "site", "-algorithm", "EC", "-pkeyopt",
                                                          "ec_paramgen_curve:P-256")
    signer = Signer(folder)
    done = subprocess.run(["openssl", "x509", "-req", "-CA", ca, "-CAkey", key, "-copy_extensions", "copy", "-days", "2"],
                          input=signer.claviger("tls", "csr").stdout, capture_output=True, text=True, check=True)
    expect("an orderly end", signer.stop() == 0)
    with open(chain, "w") as f, open(ca) as root:
        f.write(done.stdout + root.read())
    site = ssl.create_default_context(cafile=ca)
    signer = Signer(folder, "--tls-certificate", chain)
    try:
        status, was = ask(signer.port, site, "GET", "/api/v1/channel")
        expect("a CA's chain is shown", status == 200, was)
        open(signer.state + "/tls.pem", "w").close()  # only the running bridge has it now
        (authority,) = signer.pids("claviger-authority")
        os.kill(authority, signal.SIGKILL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            status, told = ask(signer.port, site, "GET", "/api/v1/channel")
            if status != 200 or told["certificates"]["authority"] != was["certificates"]["authority"]:
                break
            time.sleep(0.1)
        expect("the chain stays, the authority's certificate is new",
               status == 200 and told["certificates"]["authority"] != was["certificates"]["authority"], told)
    finally:
        expect("an orderly end", signer.stop() == 0)


def what_would_not_start(signer):
    """A file of approvals with which the machine would not start again does not leave the operator's desk."""
    def approvals(path):
        done = signer.claviger("machine", "approvals", "--operator", signer.state + "/operator.json", path)
        return done.returncode, done.stderr
    good, bad, junk = signer.state + "/store/approvals", signer.folder + "/bad", signer.folder + "/junk"
    with open(good, "rb") as f:
        whole = f.read()
    for path, what in ((bad, whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:]),
                       (junk, b"no approvals")):
        with open(path, "wb") as f:
            f.write(what)
        code, why = approvals(path)
        expect(path + " stays here", code != 0 and "appliance" not in why, why)
    expect("a good one is sent", "no appliance" in approvals(good)[1], approvals(good))


def a_bridge_that_talks_to_the_terminal(signer, folder):
    """What a taken-over bridge says is shown, and obeyed by no terminal."""
    evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202e\x00fake"
    asked, junk = [], []

    class Evil(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            said = {"lines": ["before", evil, "after"], "more": False, "first": "1", "next_cursor": "4"} if "log" in self.path \
                else {"time_state": evil, evil: evil, "inside": {"word": evil}, "list": [evil]}
            busy = self.path.endswith("/api/v1/status") and asked.count(self.path) < 3
            self.answer(503 if busy else 200, {"code": "overloaded", "detail": "come again"} if busy else said)

        def do_POST(self):
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            if "check" in self.path:
                self.answer(200, {"verdict": "deny", "reasons": [{"text": evil}]})
            else:
                self.answer(422, {"code": evil, "detail": evil})

        def answer(self, status, said):
            body = junk[0] if junk else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    certificate_file, key = os.path.join(folder, "evil.pem"), os.path.join(folder, "evil.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    certificate_file, "-days", "9", "-subj", "/CN=evil", "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate_file, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    door = ("--operator", signer.state + "/operator.json", "--operator-port", str(server.server_port), "--server", "https://127.0.0.1:1")
    api = ("--server", "https://127.0.0.1:%d" % server.server_port)
    token, transaction = os.path.join(folder, "evil.token"), os.path.join(folder, "evil.tx")
    for path, text in ((token, "0" * 64), (transaction, "AAAA")):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    sign = ("sign", *api, "--wallet", "w", "--token-file", token, "--transaction", transaction)
    for code, words in ((0, ("machine", "log", *door)), (0, ("machine", "status", *door)), (0, ("status", *api)), (1, (*sign, "--dry-run")),
                        (1, sign)):
        done = subprocess.run([os.path.join(BUILD, "bin/claviger"), *words, "--ca", certificate_file], capture_output=True, timeout=300)
        said, which = done.stdout + done.stderr, "%s %s %s" % (*words[:2], words[-1])
        expect(which + " shows it, as escapes", done.returncode == code and rb"\u001b[2J" in said and b"owned" in said, said)
        expect(which + " hands nothing on to the terminal", all(byte == 10 or 32 <= byte < 127 for byte in said), said)
        expect(which + " shows it as no line of its own", re.search(rb"^\\u202e", said, re.M) is None, said)
    expect("all were asked for, and again what was refused for load", len(asked) == 7, asked)
    junk.append(evil.encode())
    for words in (("status", *api), ("machine", "status", *door), ("tls", "csr", *api)):
        done = subprocess.run([os.path.join(BUILD, "bin/claviger"), *words, "--json", "--ca", certificate_file], capture_output=True,
                              timeout=300)
        expect("%s: what is no JSON is no answer for a program" % words[0], done.returncode == 3 and done.stdout == b"", done)
    server.shutdown()


def leb(number):
    return bytes([number & 127 | (128 if number > 127 else 0)]) + (leb(number >> 7) if number > 127 else b"")


def a_full_disk(folder):
    """A store is filled with modules that grants keep, as far as users may, and is then given less place: told at 95 and, with
    one MiB less, at 100; then nothing that gives power is taken, and freezing goes on."""
    signer = Signer(folder, CLAVIGER_STORE_MAX_MB="64")
    policies = os.path.join(BUILD, "share/policies/transfer.wasm")
    with open(folder + "/transfer.toml", "w") as f:
        f.write("any_recipient = true\nmax_lamports = 1000\nmax_fee_lamports = 100000\n")
    users = [folder + "/user.json"] + [folder + "/user%d.json" % i for i in range(1, 5)]  # one has his share of changes a minute
    grant = ["grant", "create", "--wallet", "w", "--client", "bot", "--key", users[0], "--params",
             folder + "/transfer.toml", "--policy", policies, "--cap", "lamports:total:100000", "--yes"]
    slow = [word if word != "w" else "slow" for word in grant]  # that wallet's grants wait, for a second
    for words in (*(["key", "new", user] for user in users), ["client", "new", "bot"],
                  ["wallet", "create", "w", "--key", users[0], "--yes"],
                  *(["wallet", "create", "w%d" % i, "--key", users[i], "--yes"] for i in range(1, len(users))),
                  ["policy", "add", policies, "--key", users[0]], grant, ["wallet", "create", "slow", "--key", users[0], "--delay", "1s", "--yes"], slow):
        done = signer.claviger(*words)
        expect(" ".join(words[:2]), done.returncode == 0, done.stdout + done.stderr)
    told_slow = done.stdout + done.stderr
    with open(policies, "rb") as f:
        module = f.read()

    full = folder + "/full.wasm"
    for added in range(29):
        user = users[1 + added // 8]
        padding = b"\4full" + added.to_bytes(4, "little") + bytes(192000)
        with open(full, "wb") as f:
            f.write(module + b"\0" + leb(len(padding)) + padding)
        kept = [{"w": "w%d" % users.index(user), users[0]: user, policies: full}.get(word, word) for word in grant]
        for words in (["policy", "add", full, "--key", user], kept):
            done = signer.claviger(*words)
            expect("a grant keeps module %d" % added, done.returncode == 0, done.stderr)
        listed = re.search(r"\b[0-9a-f]{64}\b", done.stdout).group()
        done = signer.claviger("grant", "revoke", listed, "--wallet", kept[3], "--key", user, "--yes")
        expect("revoked, and kept", done.returncode == 0, done.stderr)
    done = signer.claviger("policy", "unused", "--operator", users[0])
    expect("only operators sweep", done.returncode != 0 and "not an operator" in done.stderr, done.stderr)
    done = signer.claviger("policy", "unused", "--operator", signer.state + "/operator.json", "--json")
    swept = json.loads(done.stdout or "{}")
    expect("what was revoked is unused, what a grant names is not", (swept.get("named"), swept.get("unused"), swept.get("removed")) ==
           ("1", "29", False), done.stdout + done.stderr)
    fills = []
    for place in ("17", "16"):
        expect("an orderly end", signer.stop() == 0)
        signer = Signer(folder, CLAVIGER_STORE_MAX_MB=place)
        told = {"state_fill": "0"}
        while told["state_fill"] == "0":  # the store tells it a moment after the start
            told = json.loads(signer.machine("status", "--json").stdout)
        connection = http.client.HTTPConnection("127.0.0.1", signer.metrics, timeout=20)
        connection.request("GET", "/metrics")
        shown = re.search(rb'^claviger_store_fill_percent{part="state"} (\d+)$', connection.getresponse().read(), re.MULTILINE)
        expect("told to operators and to Prometheus", shown is not None and shown[1].decode() == told["state_fill"] and
               int(told["receipts_fill"]) < 95, (shown, told))
        log = [json.loads(x) for x in signer.machine("log").stdout.splitlines() if '"store.fill"' in x]
        fills += [(x["level"], 95 <= x["state_percent"] < 100) for x in log]
    expect("logged at 95 and at 100", fills == [("warn", True), ("error", False)] and 100 <= int(told["state_fill"]) < 105,
           (fills, told))

    def refuses():
        for words in (grant, ["client", "new", "other"], ["wallet", "create", "v", "--key", folder + "/user.json", "--yes"]):
            done = signer.claviger(*words)
            expect(" ".join(words[:2]) + " is refused", done.returncode != 0 and "disk is full" in done.stderr,
                   done.stderr)
    refuses()
    waits = re.search(r"change complete (\S+) --wallet (\S+)", told_slow)
    expect("a grant waits", waits is not None, told_slow)
    done = signer.claviger("change", "complete", waits.group(1), "--wallet", waits.group(2))
    expect("it is not carried out", done.returncode != 0 and "disk is full" in done.stderr, done.stdout + done.stderr)
    listed = signer.claviger("grant", "list", "--wallet", "w", "--key", folder + "/user.json").stdout
    for cap, taken in (("200000", False), ("50000", True)):
        done = signer.claviger("grant", "limit", re.search(r"\b[0-9a-f]{64}\b", listed).group(), "--wallet", "w", "--key",
                               folder + "/user.json", "--cap", "lamports:total:" + cap, "--yes")
        expect("a limit of " + cap, (done.returncode == 0) == taken and (taken or "disk is full" in done.stderr),
               done.stdout + done.stderr)
    done = signer.claviger("wallet", "freeze", "w", "--key", folder + "/user.json", "--yes")
    expect("its user freezes a wallet", done.returncode == 0, done.stderr)
    for words in (["freeze", "bot"], ["freeze", "--all"]):
        done = signer.claviger("client", *words, "--operator", signer.state + "/operator.json")
        expect("an operator says " + " ".join(words), done.returncode == 0, done.stderr)
    status = json.loads(signer.claviger("status", "--json").stdout)
    expect("and it holds", status["frozen"] is True, status)
    expect("an orderly end", signer.stop() == 0)


def main():
    with tempfile.TemporaryDirectory(prefix="claviger-operators-") as folder:
        signer = Signer(folder)
        try:
            who_comes_in(signer)
            what_is_told(signer)
            the_log(signer)
            what_would_not_start(signer)
            a_bridge_that_talks_to_the_terminal(signer, folder)
        finally:
            expect("an orderly end", signer.stop() == 0)
        clients = os.path.join(folder, "clients")
        os.mkdir(clients)
        all_clients(clients)
        site = os.path.join(folder, "site")
        os.mkdir(site)
        a_site_certificate(site)
        full = os.path.join(folder, "full")
        os.mkdir(full)
        try:
            a_full_disk(full)
        finally:
            for left in list(Signer.running):
                left.stop()
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or passed < 240 else 0)


main()
