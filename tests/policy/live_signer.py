# SPDX-License-Identifier: Apache-2.0
"""A signer that runs in a folder, and the command on its client's side, for the tests here."""
import os
import signal
import subprocess
import sys

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from counting import expect  # noqa: E402 pylint: disable=wrong-import-position
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
TOOL = os.path.join(os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build")), "bin", "claviger")
PATIENCE_S = 300


def claviger(*words, stdin="", environment=None):
    run = subprocess.run([TOOL, *words], input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, env=environment)
    return run.returncode, run.stdout, run.stderr


class LiveSigner:
    """`with` it runs; `run` is a client of it, whose home is `home`."""

    def __init__(self, folder):
        self.folder, self.home, state = folder, os.path.join(folder, "home"), os.path.join(folder, "state")
        listen = "127.0.0.1:%d" % free_port()
        self.environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen, "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": self.home}
        self.child = subprocess.Popen([TOOL, "serve", "--state", state, "--listen", listen, "--metrics", "127.0.0.1:%d" % free_port()],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        expect("the signer starts", any(line.strip() == "ready" for line in iter(self.child.stdout.readline, "")))
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        self.child.wait(timeout=PATIENCE_S)

    def run(self, *words, stdin=""):
        return claviger(*words, stdin=stdin, environment=self.environment)
