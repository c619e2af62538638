# SPDX-License-Identifier: Apache-2.0
"""Ports for signers under test."""
import random
import socket

KEPT = 128  # of those that were given last: a long run does not run out of descriptors
_given = []


def free_port():
    """Below those that connections are given: another test's connection does not take it before the signer does, nor while it
    is down for a moment. Nor does another test's signer: what was given is marked by a bound socket of UDP, which no signer
    uses, for as long as this process lives (tests/system/stage.mjs does the same)."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        _given.append(mark)
        if len(_given) > KEPT:
            _given.pop(0).close()
        return port
