# SPDX-License-Identifier: Apache-2.0
"""Ports for signers under test."""
import random
import socket


def free_port():
    """Below those that connections are given: another test's connection does not take it before the signer does, nor while it
    is down for a moment."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
