# SPDX-License-Identifier: Apache-2.0
"""A throw-away signer (`claviger serve --dev`) and a bot of its own, for the tests here."""
import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from addresses import base58_decode  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.join(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build")), "bin/claviger")


class DevSigner:
    """Runs until stop(); `log` is where its log lines go."""

    def __init__(self, folder, *words, **settings):
        self.log = os.path.join(folder, "signer.log")
        self.child = subprocess.Popen([TOOL, "serve", "--dev", *words], cwd=folder, env={**os.environ, **settings},
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.log, "wb"), text=True)
        self.env = {}
        for line in self.child.stdout:
            if line.strip() == "ready":
                break
            name, _, value = line.strip().removeprefix("export ").partition("=")
            self.env[name] = value.strip("'\"")
        self.tls = ssl.create_default_context(cafile=self.env["NODE_EXTRA_CA_CERTS"])

    def transfer(self, lamports):
        """A fresh legacy message: System transfer from the wallet to an address that is 32 times 7."""
        return (bytes([1, 0, 1, 3]) + base58_decode(self.env["CLAVIGER_ADDRESS"]) + bytes([7] * 32) + bytes(32)
                + os.urandom(32) + bytes([1, 2, 2, 0, 1, 12]) + (2).to_bytes(4, "little") + lamports.to_bytes(8, "little"))

    def call(self, path, members):
        """(HTTP status, answer) of the native API."""
        request = urllib.request.Request(self.env["VAULT_ADDR"] + path, json.dumps(members).encode(), {
            "Authorization": "Bearer " + self.env["VAULT_TOKEN"], "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def sign(self, lamports, path="/api/v1/sign"):
        return self.call(path, {"wallet": self.env["CLAVIGER_WALLET"],
                                "transaction": base64.b64encode(self.transfer(lamports)).decode()})

    def events(self, name):
        """Log lines of that event."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return [json.loads(line) for line in f if '"event":"%s"' % name in line]

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        return self.child.wait(timeout=300)
