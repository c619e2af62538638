#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`claviger table fetch|add` against sources of its own on loopback: what they agree on is kept, what
they do not is a clear no. Nothing outside this machine is asked."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
PROGRAM = os.path.join(BUILD, "bin/claviger")
PROGRAM_ID = "AddressLookupTab1e1111111111111111111111111"
passed = failed = 0


def expect(what, holds, shown=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAIL: {what}: {shown}")


def entry(i):
    return bytes([i + 1]) * 32


def account(entries, kind=1, deactivation=2**64 - 1, owner=PROGRAM_ID, cut=0):
    """An account as getAccountInfo shows it; layout of the program's own crate."""
    data = (kind.to_bytes(4, "little") + deactivation.to_bytes(8, "little") + bytes(8) + b"\0" + b"\1" +
            bytes(32) + bytes(2) + b"".join(entries))
    data = data[:len(data) - cut]
    return {"owner": owner, "data": [base64.b64encode(data).decode(), "base64"], "executable": False,
            "lamports": 1, "rentEpoch": 0, "space": len(data)}


class Source:
    """A JSON-RPC server that answers with what `accounts` holds, on TLS."""

    def __init__(self, folder):
        self.accounts, self.asked, self.status, self.chunked = {}, [], 200, False
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                source.asked.append((self.path, request))
                value = source.accounts.get(request["params"][0])
                body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {
                    "context": {"slot": 1}, "value": value}}).encode()
                self.send_response(source.status)
                if source.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(body), 100):
                        part = body[at:at + 100]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "https://127.0.0.1:%d/v2?api-key=s3cret" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def main(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem", "-days", "2",
                    "-subj", "/CN=source", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)
    a, b = Source(folder), Source(folder)
    one, two = base58(bytes([7]) * 32), base58(bytes([9]) * 32)
    home = folder + "/home"

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, env={**os.environ, "CLAVIGER_HOME": home})
        return done.returncode, done.stdout, done.stderr

    def fetch(tables, *words, rpc=None):
        return run("table", "fetch", tables, "--rpc", rpc or a.url + "," + b.url, "--ca",
                   folder + "/cert.pem", *words)

    def kept(path=home + "/tables.json"):
        with open(path) as f:
            return json.load(f)

    def set_both(table, shown):
        a.accounts[table] = b.accounts[table] = shown

    set_both(one, account([entry(i) for i in range(5)]))
    code, out, said = fetch(one, "--json")
    expect("both agree", code == 0 and json.loads(out) == {"table": one, "entries": 5}, (code, said))
    expect("they are kept", kept() == {one: {str(i): base58(entry(i)) for i in range(5)}}, kept())
    path, asked = a.asked[0]
    expect("finalized, base64, by the path that was given", path == "/v2?api-key=s3cret" and
           asked["method"] == "getAccountInfo" and asked["params"] ==
           [one, {"commitment": "finalized", "encoding": "base64"}], a.asked[0])
    expect("both were asked", len(a.asked) == len(b.asked) == 1)

    # One has seen an extension that the other has not: what both have is kept.
    b.accounts[two] = account([entry(i) for i in range(8)])
    a.accounts[two] = account([entry(i) for i in range(6)])
    a.chunked = True
    code, _, said = fetch(two)
    expect("the shorter begins the longer", code == 0 and len(kept()[two]) == 6 and len(kept()[one]) == 5,
           (code, said))
    before = kept()

    def refused(what, status, word, tables=two, rpc=None):
        code, out, said = fetch(tables, rpc=rpc)
        expect(what, code == status and out == "" and word in said and kept() == before and
               "s3cret" not in said, (code, said))

    lie = [entry(i) for i in range(6)]
    lie[3] = entry(99)
    b.accounts[two] = account(lie)
    refused("one address differs", 1, "index 3")
    set_both(two, account([entry(0)], owner=base58(bytes([3]) * 32)))
    refused("another program's account", 1, "not an address lookup table")
    set_both(two, account([entry(0)], kind=2))
    refused("another kind", 1, "not an address lookup table")
    set_both(two, account([entry(0), entry(1)], cut=1))
    refused("a cut entry", 1, "not an address lookup table")
    set_both(two, account([entry(0)], deactivation=5))
    refused("one that is being deactivated", 1, "deactivated")
    set_both(two, account([]))
    refused("an empty one", 1, "no entries")
    set_both(two, account([entry(i % 200) for i in range(257)]))
    refused("too many entries", 1, "too many")
    set_both(two, None)
    refused("none", 1, "no such account")
    a.status = 429
    refused("a source that is busy", 3, "status 429")
    a.status = 200
    refused("one source", 2, "two different", rpc=a.url)
    refused("the same source twice", 2, "two different", rpc=a.url + "," + a.url)
    refused("a source in clear", 2, "two different", rpc=a.url + ",http://127.0.0.1:1")
    refused("a source that is away", 3, "cannot connect", rpc=a.url + ",https://127.0.0.1:1")
    refused("a table twice", 2, "each once", tables=one + "," + one)
    refused("no table", 2, "each once", tables="x")
    code, _, said = run("table", "fetch", one, "--rpc", a.url + "," + b.url)
    expect("a source that no authority vouches for", code == 3 and "vouches" in said, (code, said))

    other, file = folder + "/other.json", folder + "/mine.json"
    with open(file, "w") as f:
        json.dump({two: {"0": one, "1": two}}, f)
    expect("add", run("table", "add", file, "--out", other)[0] == 0 and kept(other) ==
           {two: {"0": one, "1": two}})
    with open(file, "w") as f:
        json.dump({two: {"0": one, "2": two}}, f)
    code, _, said = run("table", "add", file, "--out", other)
    expect("a gap", code == 2 and "without a gap" in said, (code, said))


with tempfile.TemporaryDirectory() as place:
    main(place)
print(f"{passed} passed, {failed} failed")
raise SystemExit(failed != 0)
