#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bridge from outside: TLS, HTTP's dark corners, both dialects, limits of time and memory.

usage: http_test.py [NAME...]   only the tests whose name contains one of the words

Runs the real bridge in its sandbox; tests/http/stage.c answers for signer and authority. Proves N1,
N2, H11, R2 (bridge's part) and the interface's promises (B12, architecture section 9).
"""
import base64
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings

SOURCE = os.environ.get("SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
MESSAGE = base64.b64encode(b"hello").decode()
PATIENCE_S = 60  # for what comes in any case
AT_ONCE_S = 0.25  # for an answer under load: the best of several, for a machine with other work makes any one late
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, what=""):
    if not condition:
        raise AssertionError(what)


class Stage:
    """A bridge with its stand-ins; ends with the test."""

    def __init__(self, *settings):
        self.folder = tempfile.mkdtemp(prefix="claviger-http-")
        self.port, self.health = free_port(), free_port()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "http_stage"), self.folder,
             "listen=127.0.0.1:%d" % self.port, "metrics_listen=127.0.0.1:%d" % self.health]
            + list(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1)
        self.log = []
        threading.Thread(target=self._drain, daemon=True).start()
        line = self.process.stdout.readline()
        expect("ready" in line, "no bridge: %s %s" % (line, self.log))
        self.ready = json.loads(line)
        self.pid = self.ready["pid"]
        self.ca = os.path.join(self.folder, "ca.pem")

    def _drain(self):
        for line in self.process.stderr:
            self.log.append(line)

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        last = self.process.stdout.readlines()
        self.process.wait()
        shutil.rmtree(self.folder)
        return json.loads(last[-1])

    def context(self):
        context = ssl.create_default_context(cafile=self.ca)
        return context

    def connect(self, context=None, timeout=PATIENCE_S):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return (context or self.context()).wrap_socket(raw, server_hostname="localhost")

    def metric(self, name):
        _, _, body = Http(socket.create_connection(("127.0.0.1", self.health), timeout=PATIENCE_S)).ask(
            b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        for line in body.decode().splitlines():
            if line.startswith(name + " ") or line.startswith(name + "{"):
                return float(line.split()[-1])
        raise AssertionError("no metric " + name)

    def await_metric(self, name, wanted):
        """Until it is that, or less: the bridge does what it was told in its own time."""
        end = time.monotonic() + PATIENCE_S
        while self.metric(name) > wanted and time.monotonic() < end:
            time.sleep(0.02)
        return self.metric(name) <= wanted

    def await_asked(self):
        """Until a question is open that stays so."""
        end = time.monotonic() + PATIENCE_S
        while self.metric("claviger_questions_open") < 1:
            expect(time.monotonic() < end, "the bridge has not asked")
            time.sleep(0.005)


class Http:
    """One connection; reads responses strictly by Content-Length."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def send(self, data):
        self.sock.sendall(data)

    def read(self):
        while b"\r\n\r\n" not in self.rest:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("closed in headers: %r" % self.rest)
            self.rest += got
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict((k.lower(), v.strip()) for k, v in
                      (line.split(":", 1) for line in lines[1:]))
        length = int(fields.get("content-length", 0))
        while len(self.rest) < length:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("closed in body")
            self.rest += got
        body, self.rest = self.rest[:length], self.rest[length:]
        return status, fields, body

    def ask(self, data):
        self.send(data)
        return self.read()

    def is_closed(self):
        try:
            return self.rest == b"" and self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            return True


def request(method, path, body=None, token="t", headers=()):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: localhost"]
    if token:
        lines.append("Authorization: Bearer " + token)
    data = b""
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += ["Content-Type: application/json", "Content-Length: %d" % len(data)]
    return ("\r\n".join(lines + list(headers)) + "\r\n\r\n").encode() + data


def call(stage, method, path, body=None, **more):
    status, fields, data = Http(stage.connect()).ask(request(method, path, body, **more))
    return status, fields, json.loads(data)


def sign(stage, wallet="bot", message=MESSAGE, path="/api/v1/sign", headers=(), **more):
    return call(stage, "POST", path, dict({"wallet": wallet, "message": message}, **more),
                headers=headers)


def expect_problem(answer, status, code):
    got, fields, body = answer
    expect(got == status and body.get("code") == code, "%s %s" % (got, body))
    expect(fields["content-type"] == "application/problem+json", fields)
    for name in ("type", "title", "status", "code", "detail", "retryable"):
        expect(name in body, "no %s in %s" % (name, body))
    expect(body["status"] == status and body["type"] == "urn:claviger:problem:" + code, body)
    return body


# TLS (N1)

@test
def tls_1_3_and_nothing_older(stage):
    for name in ("TLSv1", "TLSv1_1", "TLSv1_2"):
        context = stage.context()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that these are old is the point
            context.maximum_version = getattr(ssl.TLSVersion, name)
        context.set_ciphers("ALL:@SECLEVEL=0")
        try:
            stage.connect(context)
            raise AssertionError("taken: " + name)
        except (ssl.SSLError, ConnectionError):
            pass
    with stage.connect() as s:
        expect(s.version() == "TLSv1.3", s.version())


@test
def no_tickets_are_given_so_nothing_can_be_resumed_or_sent_early(stage):
    with stage.connect() as s:
        http = Http(s)
        http.ask(request("GET", "/api/v1/channel"))
        expect(s.session is None or not s.session.has_ticket, "a ticket")


@test
def a_client_with_another_ca_refuses(stage):
    try:
        stage.connect(ssl.create_default_context())
        raise AssertionError("trusted")
    except ssl.SSLCertVerificationError:
        pass


@test
def noise_and_plain_http_on_the_tls_port_end_the_connection(stage):
    for noise in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", os.urandom(4096), b"\x16\x03\x01\xff\xff"
                  + b"\0" * 70000):
        with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE_S) as s:
            try:
                s.sendall(noise)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError:  # reset, as it should be
                pass
    expect(sign(stage)[0] == 200)


# HTTP (N2)

SMUGGLE = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5, 5",
    "Content-Length: +5",
    "Content-Length : 5",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "X: y\r\n Content-Length: 5",
    "Content-Length: 5\nX: y",
    "\x00Content-Length: 5",
    "Foo\r\nContent-Length: 5",
]


@test
def smuggled_requests_are_refused_and_never_run(stage):
    before = stage.tell("count")["asked"]
    hidden = request("POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE})
    for pair in SMUGGLE:
        http = Http(stage.connect())
        status, fields, body = http.ask(
            ("POST /api/v1/sign HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"
             "Content-Type: application/json\r\n%s\r\n\r\n" % pair).encode("latin1")
            + b"0\r\n\r\n" + hidden)
        expect(status == 400 and fields.get("connection") == "close", "%r: %s" % (pair, status))
        expect(http.is_closed(), "open after %r" % pair)
    expect(stage.tell("count")["asked"] == before, "a hidden request was run")


@test
def pipelined_requests_are_answered_each_in_its_order(stage):
    http = Http(stage.connect())
    bodies = [{"input": base64.b64encode(b"message %d" % i).decode()} for i in range(200)]
    wallets = ["slow" if i in (0, 50) else "bot" for i in range(200)]
    http.send(b"".join(request("POST", "/v1/transit/sign/" + w, b)
                       for w, b in zip(wallets, bodies)))
    piped = [json.loads(http.read()[2])["data"]["signature"] for _ in bodies]
    single = [json.loads(http.ask(request("POST", "/v1/transit/sign/bot", b))[2])["data"]["signature"]
              for b in bodies]
    expect(piped == single and len(set(piped)) == 200, "mixed up")


@test
def bytes_may_come_one_by_one_and_chunks_are_joined(stage):
    http = Http(stage.connect())
    body = json.dumps({"input": MESSAGE}).encode()
    for byte in request("POST", "/v1/transit/sign/bot", {"input": MESSAGE}):
        http.send(bytes([byte]))
    first = json.loads(http.read()[2])
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, body[i:i + 1]) for i in range(len(body)))
    second = json.loads(http.ask(b"PUT /v1/transit/sign/bot HTTP/1.1\r\nHost: h\r\n"
                                 b"X-Vault-Token: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 + chunks + b"0\r\n\r\n")[2])
    expect(first["data"] == second["data"] and first["data"]["signature"].startswith("vault:v1:"))


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return [int(line.split()[1]) for line in f if line.startswith("VmRSS")][0]


@test
def a_body_of_a_gigabyte_is_refused_at_once_and_costs_no_memory(stage):
    before = rss(stage.pid)
    for head in (b"Content-Length: 1073741824\r\n", b"Transfer-Encoding: chunked\r\n"):
        for path in (b"/api/v1/sign", b"/api/v1/batch", b"/v1/transit/sign/bot"):
            http = Http(stage.connect())
            http.send(b"POST " + path + b" HTTP/1.1\r\nHost: h\r\nX-Vault-Token: t\r\n"
                      b"Content-Type: application/json\r\n" + head + b"\r\n")
            try:
                for _ in range(4096):  # as long as it is taken
                    http.send(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")
            except (ConnectionError, ssl.SSLError, socket.timeout):
                pass
            try:
                status, _, body = http.read()
                expect(status == 413, "%s %s" % (status, body))
            except (ConnectionError, ssl.SSLError):
                pass  # reset after we kept sending: refused all the same
    expect(rss(stage.pid) - before < 16384, "memory grew by %d KiB" % (rss(stage.pid) - before))


@test
def header_bombs_are_refused(stage):
    for bomb in (b"X: " + b"a" * 20000, b"\r\n".join(b"X%d: y" % i for i in range(200)),
                 b"X" * 20000 + b": y", b"Authorization: Bearer " + b"t" * 1000):
        http = Http(stage.connect())
        status, _, _ = http.ask(b"GET /api/v1/status HTTP/1.1\r\nHost: h\r\n" + bomb + b"\r\n\r\n")
        expect(status == 431 and http.is_closed(), status)
    status, _, _ = Http(stage.connect()).ask(
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    expect(status == 431, status)


@test
def expect_100_is_answered_and_others_are_refused(stage):
    http = Http(stage.connect())
    body = json.dumps({"wallet": "bot", "message": MESSAGE}).encode()
    head = request("POST", "/api/v1/sign", body, headers=["Expect: 100-continue"])[:-len(body)]
    status, _, _ = http.ask(head)
    expect(status == 100, status)
    expect(http.ask(body)[0] == 200)
    status, _, _ = Http(stage.connect()).ask(
        request("POST", "/api/v1/sign", body, headers=["Expect: the-unexpected"]))
    expect(status == 417, status)
    refused = Http(stage.connect())
    status, _, _ = refused.ask(b"POST /api/v1/sign HTTP/1.1\r\nHost: h\r\n"
                               b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    expect(status == 401 and refused.is_closed(), status)


@test
def slow_senders_lose_their_connection_and_others_are_served(stage):
    begun, slow = time.time(), []
    for i in range(40):
        s = stage.connect()
        s.sendall(b"POST /api/v1/sign HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        slow.append(s)
    with socket.create_connection(("127.0.0.1", stage.port)) as silent:  # no handshake at all
        silent.settimeout(PATIENCE_S)
        took = []
        while time.time() - begun < 4:
            for s in slow:
                if time.time() - begun < 4:  # each more than a second before its time is over
                    s.sendall(b"a")
            asked = time.time()
            expect(sign(stage)[0] == 200)
            took.append(time.time() - asked)
            time.sleep(0.2)
        expect(min(took) < 0.5, "others waited for at least %.3f s" % min(took))
        answers = []
        for s in slow:
            status, _, body = Http(s).read()
            answers.append((status, json.loads(body)["code"]))
        took = time.time() - begun
        expect(set(answers) == {(408, "request_timeout")}, set(answers))
        expect(4.5 < took < PATIENCE_S, took)
        expect(silent.recv(1) == b"", "a silent peer is kept")


@test
def slow_senders_of_large_bodies_do_not_keep_batches_out(stage):
    slow = []
    for _ in range(80):
        s = stage.connect()
        s.sendall(b"POST /api/v1/changes HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 500000\r\n\r\n{")
        slow.append(s)
    end = time.monotonic() + 15  # half of what a large body may take
    while batch(stage, ["bot", "bot"])[0] != 200 and time.monotonic() < end:  # until they count as slow
        time.sleep(0.1)
    for _ in range(5):
        status, _, body = batch(stage, ["bot", "bot"])
        expect(status == 200, body)


@test
def a_signer_that_never_answers_is_a_504_that_is_safe_to_repeat(stage):
    begun = time.time()
    body = expect_problem(sign(stage, "never"), 504, "no_answer")
    expect(body["retryable"] is True and 4.5 < time.time() - begun < PATIENCE_S)
    expect(stage.metric("claviger_questions_open") == 0)


@test
def a_client_that_leaves_in_the_middle_leaves_nothing_behind(stage):
    for wallet in ("slow", "never", "bot"):
        for _ in range(20):
            s = stage.connect()
            s.sendall(request("POST", "/api/v1/sign", {"wallet": wallet, "message": MESSAGE}))
            s.close()
    for _ in range(20):
        s = stage.connect()
        s.sendall(b"POST /api/v1/sign HT")
        s.close()
    expect(stage.await_metric("claviger_exchanges_busy", 1), "more than the one that asks")
    expect(stage.await_metric("claviger_connections_open", 1), "more than the one that asks")
    expect(stage.metric("claviger_questions_open") == 0)
    expect(sign(stage)[0] == 200)


@test
def a_late_answer_goes_to_nobody_else(stage):
    other = base64.b64encode(b"what the second client asked").decode()
    right = sign(stage, message=other)[2]["signature"]
    for _ in range(5):
        asked, end = stage.tell("count")["asked"], time.monotonic() + PATIENCE_S
        gone = stage.connect()
        gone.sendall(request("POST", "/api/v1/sign", {"wallet": "slow", "message": MESSAGE}))
        while stage.tell("count")["asked"] == asked and time.monotonic() < end:
            time.sleep(0.005)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # with a reset
        expect(stage.await_metric("claviger_connections_open", 1))  # its place is free; the next client gets the same one
        body = sign(stage, "slow", message=other)[2]
        expect(body["signature"] == right, "another client's signature")


# What the paths say

@test
def refusals_are_problem_documents(stage):
    expect_problem(sign(stage, "deny"), 422, "policy_denied")
    body = sign(stage, "deny")[2]
    expect(body["decision"] == "d0" * 32 and len(body["reasons"]) == 2, body)
    expect(body["reasons"][0] == {"grant": "a1" * 32, "code": "policy_denied", "policy_code": 17,
                                  "instruction": 2, "fuel": "4321",
                                  "text": 'recipient "X" is not allowed'}, body)
    answer = sign(stage, "window")
    expect_problem(answer, 429, "window_spent")
    expect(answer[1]["retry-after"] == "3", answer[1])
    expect_problem(sign(stage, "frozen"), 403, "wallet_frozen")
    expect_problem(sign(stage, "unknown"), 403, "no_grant")
    answer = call(stage, "POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE}, token=None)
    expect_problem(answer, 401, "token_missing")
    expect(answer[1]["www-authenticate"] == "Bearer")
    expect_problem(call(stage, "POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE},
                        token="bad-token"), 401, "token_refused")
    expect_problem(call(stage, "POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE},
                        headers=["X-Vault-Token: other"]), 401, "token_refused")
    expect_problem(call(stage, "GET", "/api/v1/nothing"), 404, "path_unknown")
    expect_problem(call(stage, "GET", "/metrics"), 404, "path_unknown")
    answer = call(stage, "GET", "/api/v1/sign")
    expect_problem(answer, 405, "method_refused")
    expect(answer[1]["allow"] == "POST", answer[1])
    expect_problem(call(stage, "DELETE", "/api/v1/wallets/bot"), 405, "method_refused")
    status, fields, data = Http(stage.connect()).ask(
        b"POST /api/v1/sign HTTP/1.1\r\nHost: h\r\nX-Vault-Token: t\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 2\r\n\r\n{}")
    expect_problem((status, fields, json.loads(data)), 415, "media_refused")


BAD_BODIES = [
    (b"", "request_malformed"),
    (b"{", "request_malformed"),
    (b"[]", "request_malformed"),
    (b"null", "request_malformed"),
    (b"{} {}", "request_malformed"),
    (b"{'wallet':'bot'}", "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=",}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk="/*x*/}', "request_malformed"),
    (b'{"wallet":"bot","message":NaN}', "request_malformed"),
    (b'{"wallet":"bot","message":"\xff"}', "request_malformed"),
    (b'\xef\xbb\xbf{"wallet":"bot","message":"aGk="}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","x":1}', "field_unknown"),
    (b'{"wallet":"bot","wallet":"bot","message":"aGk="}', "field_unknown"),
    (b'{"wallet":"bot","message":"aGk=","Wallet":"bot"}', "field_unknown"),
    (b'{"wallet":"bot"}', "request_malformed"),
    (b'{"message":"aGk="}', "request_malformed"),
    (b'{"wallet":7,"message":"aGk="}', "request_malformed"),
    (b'{"wallet":"bot","message":7}', "request_malformed"),
    (b'{"wallet":"bot","message":""}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","transaction":"aGk="}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk"}', "bytes_malformed"),
    (b'{"wallet":"bot","message":"aGk=\\n"}', "bytes_malformed"),
    (b'{"wallet":"bot","message":"aGl="}', "bytes_malformed"),
    (b'{"wallet":"bot","message":"' + base64.b64encode(b"x" * 4097) + b'"}', "bytes_malformed"),
    (b'{"wallet":"bot","transaction":"aGk="}', "bytes_malformed"),
    (b'{"wallet":"a b","message":"aGk="}', "name_refused"),
    (b'{"wallet":"../etc","message":"aGk="}', "name_refused"),
    (b'{"wallet":"' + b"a" * 65 + b'","message":"aGk="}', "name_refused"),
    (b'{"wallet":"bot","message":"aGk=","grant":"00"}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","grant":"' + b"g" * 64 + b'"}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","wire":true}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","explain":1}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","tables":{}}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","tables":[1]}', "request_malformed"),
    (b'{"wallet":"bot","message":"aGk=","tables":[{"table":"x","index":1,"address":"y"}]}',
     "request_malformed"),
    (b"[" * 20000, "request_malformed"),
    (b'{"wallet":' * 9 + b"1" + b"}" * 9, "request_malformed"),
]


@test
def bodies_that_are_not_exactly_right_are_refused_and_the_connection_lives_on(stage):
    http = Http(stage.connect())
    before = stage.tell("count")["asked"]
    for body, code in BAD_BODIES:
        status, fields, data = http.ask(request("POST", "/api/v1/sign", body))
        try:
            expect_problem((status, fields, json.loads(data)), 400, code)
        except AssertionError as error:
            raise AssertionError("%r: %s" % (body[:80], error))
    expect(http.ask(request("POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE}))[0]
           == 200)
    expect(stage.tell("count")["asked"] == before + 1, "a refused one reached the signer")


@test
def one_key_for_one_request_and_no_other(stage):  # H11
    key = ["Idempotency-Key: order-1"]
    before = stage.tell("count")["signed"]
    first = sign(stage, headers=key)[2]
    again = sign(stage, headers=key)[2]
    expect(first["signature"] == again["signature"] and again["repeated"] is True, again)
    other = base64.b64encode(b"other bytes").decode()
    expect_problem(sign(stage, message=other, headers=key), 422, "idempotency_mismatch")
    expect("repeated" not in sign(stage, message=other, headers=["Idempotency-Key: order-2"])[2])
    expect(stage.tell("count")["signed"] == before + 2)
    for bad in ("", "x" * 129, "caf\u00e9"):
        status = Http(stage.connect()).ask(request(
            "POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE},
            headers=["Idempotency-Key: " + bad]))[0]
        expect(status == 400, (bad, status))


# A legacy transfer: two signers are possible; the message is what is signed.
def transfer(signers):
    keys = b"".join(bytes([i + 1]) * 32 for i in range(signers)) + b"\x09" * 32 + b"\0" * 32
    program, recipient = signers + 1, signers
    message = (bytes([signers, 0, 1, signers + 2]) + keys + b"\x07" * 32
               + bytes([1, program, 2, 0, recipient, 12]) + b"\x02\0\0\0" + b"\x01" + b"\0" * 7)
    return bytes([signers]) + b"\0" * 64 * signers + message, message


@test
def a_wire_transaction_comes_back_with_its_signature_in_place(stage):
    wire, message = transfer(1)
    encoded = base64.b64encode(wire).decode()
    status, _, body = call(stage, "POST", "/api/v1/sign",
                           {"wallet": "bot", "transaction": encoded, "wire": True})
    expect(status == 200, body)
    signed, signature = base64.b64decode(body["transaction"]), base64.b64decode(body["signature"])
    expect(signed == b"\x01" + signature + message and signature != b"\0" * 64, body)
    expect(body["missing_signers"] == [] and body["sequence"]["boot"] == "1", body)
    bare = call(stage, "POST", "/api/v1/sign",
                {"wallet": "bot", "transaction": base64.b64encode(message).decode(), "wire": True})[2]
    expect(bare["transaction"] == body["transaction"], "the bare message gives the same")
    plain = sign(stage, message=base64.b64encode(message).decode())[2]
    expect(plain["signature"] == body["signature"], "the same bytes are signed")


@test
def missing_signers_are_named_and_those_there_are_kept(stage):
    wire, message = transfer(2)
    body = call(stage, "POST", "/api/v1/sign",
                {"wallet": "two-signers", "transaction": base64.b64encode(wire).decode(),
                 "wire": True})[2]
    expect(body["missing_signers"] == ["8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR"], body)
    expect(base64.b64decode(body["transaction"])[65:129] == b"\0" * 64, "the other's is empty")
    filled = wire[:65] + b"\x55" * 64 + wire[129:]
    body = call(stage, "POST", "/api/v1/sign",
                {"wallet": "two-signers", "transaction": base64.b64encode(filled).decode(),
                 "wire": True})[2]
    expect(body["missing_signers"] == [] and
           base64.b64decode(body["transaction"])[65:129] == b"\x55" * 64, body)


@test
def a_dry_run_is_a_verdict_and_not_an_error(stage):
    status, _, body = sign(stage, path="/api/v1/check", describe=True, explain=True)
    expect(status == 200 and body["verdict"] == "allow" and "signature" not in body, body)
    expect(body["facts"] == {"lamports_out": "5000", "fee_lamports": "5000", "tokens": []}, body)
    expect(body["description"] == "send \u25ce 1 to X", body)
    status, _, body = sign(stage, "deny", path="/api/v1/check")
    expect(status == 200 and body["verdict"] == "deny" and len(body["reasons"]) == 2, body)
    expect_problem(sign(stage, "frozen", path="/api/v1/check"), 403, "wallet_frozen")


@test
def the_largest_answer_fits(stage):
    status, _, body = sign(stage, "largest", path="/api/v1/check", describe=True)
    with open(os.path.join(SOURCE, "lib", "call", "call_sign.h")) as f:
        bounds = f.read()
    description, reason = (int(re.search(r"CALL_%s_MAX +([0-9]+)" % name, bounds).group(1)) for name in ("DESCRIPTION", "REASON_TEXT"))
    expect(status == 200 and len(body["reasons"]) == 16 and len(body["description"]) == description, status)
    expect(len(body["facts"]["tokens"]) == 16 and body["reasons"][15]["text"] == '"' * reason)
    requests = [{"wallet": "largest", "message": MESSAGE}] * 16
    status, _, body = call(stage, "POST", "/api/v1/batch", {"requests": requests})
    expect(status == 200 and [r["status"] for r in body["results"]] == [422] * 16, status)


def batch(stage, wallets, **more):
    return call(stage, "POST", "/api/v1/batch", dict(
        {"requests": [{"wallet": w, "message": base64.b64encode(bytes([i]) + b"m").decode()}
                      for i, w in enumerate(wallets)]}, **more))


@test
def a_batch_answers_each_in_its_place(stage):
    status, _, body = batch(stage, ["shuffled"] * 16)
    expect(status == 200, body)
    single = [sign(stage, message=base64.b64encode(bytes([i]) + b"m").decode())[2]["signature"]
              for i in range(16)]
    expect([r["signature"] for r in body["results"]] == single, "mixed up")
    status, _, body = batch(stage, ["bot", "deny", "bot"])
    expect(status == 200 and [r["status"] for r in body["results"]] == [200, 422, 200], body)
    expect_problem(batch(stage, []), 400, "request_malformed")
    expect_problem(batch(stage, ["bot"] * 17), 400, "request_malformed")
    requests = [{"wallet": "bot", "message": MESSAGE}, {"wallet": "bot", "message": "%"}]
    body = call(stage, "POST", "/api/v1/batch", {"requests": requests})[2]
    expect([r["status"] for r in body["results"]] == [200, 400], body)
    before = stage.tell("count")["asked"]
    expect_problem(call(stage, "POST", "/api/v1/batch", {"requests": requests, "atomic": True}),
                   400, "bytes_malformed")
    expect(stage.tell("count")["asked"] == before, "half an atomic batch was asked")


@test
def a_batch_with_a_bad_token_is_refused_as_a_whole(stage):
    for more in ({}, {"atomic": True}):
        answer = call(stage, "POST", "/api/v1/batch", dict(
            {"requests": [{"wallet": "bot", "message": MESSAGE}, {"wallet": "bot", "message": "%"}]}
            if not more else {"requests": [{"wallet": "bot", "message": MESSAGE}] * 2}, **more), token="bad-token")
        expect_problem(answer, 401, "token_refused")
        expect(answer[1]["www-authenticate"] == "Bearer", answer[1])
    status, body = vault(stage, {"batch_input": [{"input": MESSAGE}] * 2}, token="bad-token")
    expect(status == 403 and body["errors"][0].startswith("token_refused: permission denied"), (status, body))


@test
def an_atomic_batch_is_all_or_nothing(stage):
    status, _, body = batch(stage, ["bot"] * 3, atomic=True)
    expect(status == 200 and all("signature" in r for r in body["results"]), body)
    answer = batch(stage, ["deny-second"] * 3, atomic=True)
    body = expect_problem(answer, 422, "batch_aborted")
    expect([r["code"] for r in body["results"]] == ["batch_aborted", "policy_denied",
                                                    "batch_aborted"], body)


@test
def what_a_client_may_read(stage):
    body = call(stage, "GET", "/api/v1/wallets/bot")[2]
    expect(body["address"] == stage.ready["address"] and body["origin"] == "created", body)
    expect(body["grants"][0]["uses_left"] is None and body["version"] == "3", body)
    expect_problem(call(stage, "GET", "/api/v1/wallets/unknown"), 404, "not_found")
    expect_problem(call(stage, "GET", "/api/v1/wallets/a%20b"), 400, "name_refused")
    expect_problem(call(stage, "GET", "/api/v1/wallets/bot?x=1"), 400, "field_unknown")
    body = call(stage, "GET", "/api/v1/decisions/" + "ab" * 32)[2]
    expect(base64.b64decode(body["receipt"]) == b"\xab" * 32, body)
    expect_problem(call(stage, "GET", "/api/v1/decisions/xyz"), 404, "not_found")
    seen, cursor = b"", "0"
    while cursor is not None:
        body = call(stage, "GET", "/api/v1/receipts?wallet=bot&cursor=" + cursor)[2]
        seen += base64.b64decode(body["bundle"])
        cursor = body["next_cursor"]
    items = [bytes([2]) + len(t).to_bytes(4, "little") + t
             for t in (b"first", b"second", b"third", b"fourth")]
    expect(seen == b"".join(items), seen)
    expect_problem(call(stage, "GET", "/api/v1/receipts"), 400, "name_refused")
    expect_problem(call(stage, "GET", "/api/v1/receipts?wallet=bot&cursor=x"), 400,
                   "request_malformed")
    body = call(stage, "GET", "/api/v1/status", token=None)[2]
    expect(body["unsealed"] is True and body["wallets"] == "2" and body["tpm"] == "software", body)
    body = call(stage, "GET", "/api/v1/channel", token=None)[2]
    expect(body["deployment"] == "de" * 32 and body["certificates"]["signer"] is None, body)
    expect(base64.b64decode(body["certificates"]["authority"]) == b"authority certificate", body)


@test
def sealed_changes_pass_through_unread(stage):
    def change(data, **more):
        return call(stage, "POST", "/api/v1/changes",
                    {"envelope": base64.b64encode(data).decode()}, token=None, **more)
    for size in (1, 1000, 300000, 393000):
        data = b"\x42" + os.urandom(size - 1)
        status, _, body = change(data)
        expect(status == 200 and base64.b64decode(body["envelope"]) == data[::-1], status)
    body = expect_problem(change(b"\0bad"), 400, "request_malformed")
    expect(body["detail"] == "cannot be opened", body)
    expect_problem(change(b"\x42" * 400000), 413, "body_too_large")
    expect_problem(call(stage, "POST", "/api/v1/changes", {"envelope": "%%"}, token=None), 400,
                   "request_malformed")


@test
def a_lost_authority_is_told_to_those_who_wait_for_it(stage):
    http = Http(stage.connect())
    http.send(request("POST", "/api/v1/changes", {"envelope": base64.b64encode(b"\1").decode()}))
    stage.await_asked()
    begun = time.time()
    stage.tell("lose")
    status, _, body = http.read()
    expect(status == 504 and time.time() - begun < 4, "%s %s" % (status, body))  # it would be given up after 5 s
    expect(call(stage, "POST", "/api/v1/changes",
                {"envelope": base64.b64encode(b"\x42").decode()})[0] == 200, "not back")


# The OpenAPI document

def faults(document, schema, value, where="$"):
    """What of a value breaks a schema; knows the words that our document uses and no others."""
    known = {"$ref", "type", "properties", "required", "additionalProperties", "items", "enum",
             "const", "pattern", "anyOf", "oneOf", "description", "contentEncoding", "minimum",
             "examples", "maximum", "minItems", "maxItems", "minLength", "maxLength"}
    if set(schema) - known:
        return ["%s: unknown words %s" % (where, set(schema) - known)]
    if "$ref" in schema:
        target = document
        for step in schema["$ref"].lstrip("#/").split("/"):
            target = target[step]
        return faults(document, target, value, where)
    found = []
    types = {"string": str, "object": dict, "array": list, "boolean": bool, "integer": int,
             "null": type(None)}
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(isinstance(value, types[n]) and (n != "integer" or value is not True and
                                                    value is not False) for n in names):
            return ["%s: %r is no %s" % (where, value, names)]
    if "enum" in schema and value not in schema["enum"]:
        found.append("%s: %r is not listed" % (where, value))
    if "const" in schema and value != schema["const"]:
        found.append("%s: %r" % (where, value))
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append("%s: %r does not match" % (where, value))
    if "anyOf" in schema and all(faults(document, s, value, where) for s in schema["anyOf"]):
        found.append("%s: fits none of anyOf" % where)
    if isinstance(value, dict) and "properties" in schema:
        found += ["%s: no %s" % (where, n) for n in schema["required"] if n not in value]
        for name, inner in value.items():
            if name not in schema["properties"]:
                found.append("%s: %s is not described" % (where, name))
            else:
                found += faults(document, schema["properties"][name], inner, where + "." + name)
    if isinstance(value, list) and "items" in schema:
        for i, inner in enumerate(value):
            found += faults(document, schema["items"], inner, "%s[%d]" % (where, i))
    return found


@test
def the_openapi_document_says_what_the_bridge_does(stage):
    with open(os.path.join(SOURCE, "proc", "bridge", "openapi.json")) as f:
        document = json.load(f)
    expect(call(stage, "GET", "/api/v1/openapi.json", token=None)[2] == document, "another one")
    expect(document["openapi"] == "3.1.0")
    with open(os.path.join(SOURCE, "proc", "bridge", "api_route.c")) as f:
        rows = re.findall(r'\{"(/api/v1/[a-z./]+)",\s*API_PATH_\w+,\s*API_DIALECT_NATIVE,\s*([A-Z_ |\n]+)', f.read())
    routes = set()
    for path, takes in rows:
        path += "{}" * ("TAKES_REST" in takes) + "/events" * ("TAKES_EVENTS" in takes)
        routes |= {(m.lower(), path) for m in ("GET", "POST", "PUT") if "TAKES_" + m in takes}
    routes.discard(("post", "/api/v1/echo"))  # the benchmark's, offered only where it is asked for
    described = {(method, re.sub(r"\{[a-z]+\}", "{}", path)) for path in document["paths"]
                 for method in document["paths"][path]}
    expect(routes == described and len(routes) >= 18, (len(routes), routes ^ described))
    with open(os.path.join(SOURCE, "lib", "call", "call_result.h")) as f:
        codes = re.findall(r'ROW\(\s*[A-Z_]+,\s*"([a-z_]+)"', f.read().replace("\\\n", ""))
    expect(document["components"]["schemas"]["Code"]["enum"] == codes, "codes differ")

    wire = base64.b64encode(transfer(2)[0]).decode()
    answers = [
        ("Signed", sign(stage)), ("Problem", sign(stage, "deny")),
        ("Problem", sign(stage, "window")), ("Problem", sign(stage, x=1)),
        ("Signed", call(stage, "POST", "/api/v1/sign", {
            "wallet": "two-signers", "transaction": wire, "wire": True, "describe": True})),
        ("Checked", sign(stage, path="/api/v1/check", describe=True)),
        ("Checked", sign(stage, "largest", path="/api/v1/check")),
        ("BatchAnswer", batch(stage, ["bot", "deny"])),
        ("Problem", batch(stage, ["deny-second"] * 2, atomic=True)),
        ("Wallet", call(stage, "GET", "/api/v1/wallets/bot")),
        ("Receipt", call(stage, "GET", "/api/v1/decisions/" + "ab" * 32)),
        ("Receipts", call(stage, "GET", "/api/v1/receipts?wallet=bot")),
        ("Envelope", call(stage, "POST", "/api/v1/changes", {"envelope": MESSAGE})),
        ("Channel", call(stage, "GET", "/api/v1/channel")),
        ("Status", call(stage, "GET", "/api/v1/status")),
    ]
    for name, (_, _, body) in answers:
        found = faults(document, {"$ref": "#/components/schemas/" + name}, body)
        expect(not found, "%s: %s" % (name, found))
    # Every operation, asked without a token or a body that it could use, answers as it is described.
    for method, path in sorted(routes):
        told = document["paths"][[p for p in document["paths"] if re.sub(r"\{[a-z]+\}", "{}", p) == path][0]][method]
        ask = path.replace("{}", "ab" * 32 if "decisions" in path else "bot")
        status, fields, data = Http(stage.connect()).ask(request(
            method.upper(), ask, {} if method != "get" else None, token=None))
        response = told["responses"].get(str(status), told["responses"].get("default"))
        expect(response is not None, "%s %s: %d is not described" % (method, path, status))
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].split("/")[-1]]
        media = fields["content-type"].split(";")[0]
        expect(media in response["content"], "%s %s: %d %s" % (method, path, status, media))
        if "json" in media and path != "/api/v1/openapi.json":
            found = faults(document, response["content"][media]["schema"], json.loads(data))
            expect(not found, "%s %s: %s" % (method, path, found))
    print("%d operations, all of them described and asked" % len(routes))
    spoiled = dict(answers[0][1][2], signature=7)
    expect(faults(document, {"$ref": "#/components/schemas/Signed"}, spoiled), "checks nothing")


# Vault's dialect (B12)

def vault(stage, body, wallet="bot", method="POST", token="t"):
    status, fields, data = Http(stage.connect()).ask(request(
        method, "/v1/transit/sign/" + wallet, body, token=None,
        headers=["X-Vault-Token: " + token] if token else []))
    return status, json.loads(data)


@test
def vault_signs_and_refuses_as_vault_does(stage):
    for method in ("POST", "PUT"):
        status, body = vault(stage, {"input": MESSAGE}, method=method)
        expect(status == 200 and body["data"]["signature"].startswith("vault:v1:"), body)
    native = sign(stage)[2]["signature"]
    expect(body["data"]["signature"] == "vault:v1:" + native, "another signature")
    for more in ({"prehashed": False}, {"key_version": 1}, {"hash_algorithm": "sha2-256"},
                 {"marshaling_algorithm": "asn1"}, {"signature_algorithm": "pkcs1v15"}):
        expect(vault(stage, dict({"input": MESSAGE}, **more))[0] == 200, more)
    for more in ({"prehashed": True}, {"context": "aGk="}, {"key_version": 2},
                 {"marshaling_algorithm": "jws"}, {"salt_length": "auto"}):
        status, body = vault(stage, dict({"input": MESSAGE}, **more))
        expect(status == 400 and len(body["errors"]) == 1, "%s %s" % (more, body))
    status, body = vault(stage, {"input": MESSAGE}, "deny")
    expect(status == 422 and body == {"errors": [
        "policy_denied: every live grant's policy denied it; recipient \"X\" is not allowed; "
        "1 lamport over the cap (decision %s)" % ("d0" * 32)]}, body)
    # Vault's clients know one answer to whoever may not: 403, "permission denied".
    for wallet, token, code in (("bot", None, "token_missing"), ("bot", "bad-token", "token_refused"),
                                ("frozen", "t", "wallet_frozen"), ("unknown", "t", "no_grant")):
        status, body = vault(stage, {"input": MESSAGE}, wallet, token=token)
        expect(status == 403 and body["errors"][0].startswith(code + ": permission denied, "), (status, body))
    status, body = vault(stage, {"input": MESSAGE}, "a%2fb")
    expect(status == 400 and body["errors"][0].startswith("name_refused: "), body)
    status, body = vault(stage, {"input": MESSAGE}, stage.ready["address"])
    expect(status == 200, "by address")


@test
def vault_batches(stage):
    inputs = [{"input": MESSAGE, "reference": "r%d" % i} for i in range(3)]
    status, body = vault(stage, {"batch_input": inputs})
    results = body["data"]["batch_results"]
    expect(status == 200 and [r["reference"] for r in results] == ["r0", "r1", "r2"], body)
    status, body = vault(stage, {"batch_input": [{"input": MESSAGE}, {"input": "%"}]})
    # One was signed, so the whole is no 4xx, unless the client asks for it.
    expect(status == 200 and "error" in body["data"]["batch_results"][1], body)
    status, body = vault(stage, {"batch_input": [{"input": MESSAGE}, {"input": "%"}],
                                 "partial_failure_response_code": 400})
    expect(status == 400 and "signature" in body["data"]["batch_results"][0], body)
    status, body = vault(stage, {"batch_input": [{"input": "%"}, {"input": "%"}]})
    expect(status == 400, body)


@test
def vault_keys_and_health(stage):
    status, _, body = call(stage, "GET", "/v1/transit/keys/bot", token=None,
                           headers=["X-Vault-Token: t"])
    data = body["data"]
    expect(status == 200 and data["type"] == "ed25519" and data["supports_signing"] is True, body)
    expect(data["latest_version"] == 1 and
           len(base64.b64decode(data["keys"]["1"]["public_key"])) == 32, body)
    status, _, body = call(stage, "GET", "/v1/transit/keys/unknown")
    expect(status == 404 and list(body) == ["errors"], body)
    status, _, body = call(stage, "GET", "/v1/nothing")
    expect(status == 404 and list(body) == ["errors"], body)
    status, _, body = call(stage, "GET", "/v1/sys/health", token=None)
    expect(status == 200 and body["sealed"] is False and body["initialized"] is True, body)


@test
def unmodified_keychain_and_kit_sign_through_it(stage):
    done = subprocess.run(["node", os.path.join(SOURCE, "tests", "js", "keychain_bridge.mjs"),
                           "https://localhost:%d" % stage.port, stage.ready["address"]],
                          env=dict(os.environ, NODE_EXTRA_CA_CERTS=stage.ca),
                          capture_output=True, text=True, timeout=100)
    expect(done.returncode == 0 and "7 passed, 0 failed" in done.stdout,
           done.stdout + done.stderr)


# Health, load, end

@test
def health_and_metrics_have_their_own_door(stage):
    def ask(line, fields="Host: h\r\n"):
        http = Http(socket.create_connection(("127.0.0.1", stage.health), timeout=PATIENCE_S))
        status, _, body = http.ask(("%s\r\n%s\r\n" % (line, fields)).encode())
        return status, body
    expect(ask("GET /livez HTTP/1.1") == (200, b"ok\n"))
    expect(ask("GET /readyz HTTP/1.0", "") == (200, b"ok\n"), "a load balancer's HTTP/1.0")
    expect(ask("POST /api/v1/sign HTTP/1.1")[0] == 404)
    status, body = ask("GET /metrics HTTP/1.1")
    expect(status == 200 and b"claviger_build_info{" in body, body)
    for name in ("claviger_sign_requests_total", "claviger_sign_duration_seconds",
                 "claviger_policy_check_duration_seconds"):
        expect(b"# TYPE %s " % name.encode() in body, name)
    expect(b"wallet=" not in body and b"\nbot" not in body)


@test
def an_overloaded_signer_is_a_503_within_250_ms(stage):
    stage.tell("hold")
    connections = [Http(stage.connect()) for _ in range(90)]
    ask = request("POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE})
    for http in connections:
        http.send(ask)
    stage.await_asked()
    time.sleep(0.3)
    full, took = 0, []
    for _ in range(20):
        begun = time.time()
        answer = sign(stage)
        took.append(time.time() - begun)
        expect_problem(answer, 503, "overloaded")
        expect(answer[1]["retry-after"] == "1" and answer[2]["retryable"] is True, answer)
    expect(min(took) < AT_ONCE_S, "%.3f s" % min(took))
    stage.tell("go")
    for http in connections:
        full += http.read()[0] == 503
    expect(full >= 90 - 64, "only %d of 90 were refused with a ring of 64" % full)
    expect(sign(stage)[0] == 200, "not back to work")


@test
def a_silent_signer_is_noticed_before_its_ring_is_full(stage):
    stage.tell("hold")
    ask = request("POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE})
    first = Http(stage.connect())
    first.send(ask)
    stage.await_asked()
    time.sleep(0.4)  # longer than a working signer is ever silent
    took = []
    for _ in range(5):
        begun = time.time()
        expect_problem(sign(stage), 503, "overloaded")
        took.append(time.time() - begun)
        if took[-1] < AT_ONCE_S:
            break  # the first one has 5 s
    expect(min(took) < AT_ONCE_S, "%.3f s" % min(took))
    stage.tell("go")
    expect(first.read()[0] == 200, "the first one is answered all the same")


@test
def what_is_read_from_the_disk_makes_no_signer_silent(stage):  # A25
    """One who looks for a decision that is not there holds up nobody: reading takes seconds, signing none."""
    reader = Http(stage.connect())
    reader.send(request("GET", "/api/v1/decisions/" + "ff" * 32))
    stage.await_asked()
    time.sleep(0.4)  # longer than a working signer is ever silent
    for _ in range(3):
        answer = sign(stage)
        expect(answer[0] == 200, answer)
    reader.sock.close()


@test
def a_signer_that_breaks_the_rules_is_complained_about(stage):
    expect(stage.tell("count")["complaint"] == 0)
    stage.tell("broken")
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and stage.tell("count")["complaint"] == 0:
        time.sleep(0.02)
    expect(stage.tell("count")["complaint"] == 1)


@test
def more_connections_than_slots_push_out_the_idle_ones(_):
    stage = Stage("connections_max=50")
    try:
        kept = [stage.connect() for _ in range(200)]
        expect(sign(stage)[0] == 200, "no room for one more")
        expect(stage.metric("claviger_connections_open") <= 50)
        expect(stage.metric("claviger_connections_evicted_total") >= 150)
        expect(len(kept) == 200)
    finally:
        stage.stop()


@test
def a_stop_lets_the_open_request_end_and_leaves_with_zero(_):
    stage = Stage()
    idle, busy = Http(stage.connect()), Http(stage.connect())
    stage.tell("hold")
    busy.send(request("POST", "/api/v1/sign", {"wallet": "bot", "message": MESSAGE}))
    stage.await_asked()
    os.kill(stage.pid, 15)
    end = time.monotonic() + 4  # of the 5 s that it waits
    while not any('"stopping"' in line for line in stage.log) and time.monotonic() < end:
        time.sleep(0.005)
    stage.tell("go")
    status, fields, _ = busy.read()
    expect(status == 200 and fields["connection"] == "close", status)
    expect(idle.is_closed(), "an idle connection is kept")
    expect(stage.stop() == {"exit": 0, "signal": 0})


def main():
    wanted = sys.argv[1:]
    passed = failed = 0
    stage = Stage("echo=yes")
    for function in TESTS:
        if wanted and not any(word in function.__name__ for word in wanted):
            continue
        begun = time.time()
        try:
            function(stage)
            passed += 1
        except Exception as error:  # every kind counts as this test's failure
            failed += 1
            if stage.process.poll() is None:
                stage.tell("go")  # what it held is no failure of the next
            print("FAIL %s: %s: %s" % (function.__name__, type(error).__name__, error))
        if time.time() - begun > 10:
            print("slow: %s %.1f s" % (function.__name__, time.time() - begun))
        if stage.process.poll() is not None:
            failed += 1
            print("the bridge ended: %s" % "".join(stage.log[-5:]))
            stage = Stage("echo=yes")
    ended = stage.stop()
    if ended != {"exit": 0, "signal": 0}:
        failed += 1
        print("the bridge did not end well: %s" % ended)
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
