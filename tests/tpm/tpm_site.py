# SPDX-License-Identifier: Apache-2.0
"""What a site has in its folder, read and used without this project's code: spec/approval.cddl and
spec/sealing.md, with tpm2-tools."""
import base64
import os
import subprocess

FLOOR, SITE_FLOOR = "0x1434c03", "0x1434c04"
RELEASE_PCRS, SITE_PCRS = (4, 9, 11, 12, 14), (0, 2, 7)


def cbor(data, at=0):
    """(item, next offset): unsigned integers, bytes, text, arrays, maps, booleans."""
    kind, short = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7:
        return {20: False, 21: True}[short], at
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    value = int.from_bytes(data[at:at + size], "big") if size else short
    at += size
    if kind == 0:
        return value, at
    if kind in (2, 3):
        run = data[at:at + value]
        return (run if kind == 2 else run.decode()), at + value
    if kind == 4:
        items = []
        for _ in range(value):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    assert kind == 5, kind
    pairs = {}
    for _ in range(value):
        key, at = cbor(data, at)
        pairs[key], at = cbor(data, at)
    return pairs, at


def read(path):
    with open(path, "rb") as f:
        return cbor(f.read())[0]


def der(raw):
    """r || s as ASN.1, what tpm2-tools take for `ecdsa`."""
    parts = b""
    for number in (raw[:32], raw[32:]):
        number = number.lstrip(b"\0") or b"\0"
        number = b"\0" + number if number[0] & 0x80 else number
        parts += bytes([2, len(number)]) + number
    return bytes([0x30, len(parts)]) + parts


def pem(key):
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    text = base64.encodebytes(head + key).decode()
    return "-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n" % text


class Tools:
    """tpm2-tools in a folder of the TPM's, without a resource manager."""

    def __init__(self, tpm):
        self.tpm = tpm

    def file(self, name, data):
        path = os.path.join(self.tpm.folder, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def run(self, *command):
        """Objects of the command before are flushed first; sessions stay."""
        subprocess.run(["tpm2_flushcontext", "-t"], env=self.tpm.env(), capture_output=True)
        return subprocess.run(command, env=self.tpm.env(), capture_output=True,
                              cwd=self.tpm.folder)

    def flush(self):
        for context in ("-t", "-s", "-l"):
            subprocess.run(["tpm2_flushcontext", context], env=self.tpm.env(),
                           capture_output=True)

    def authorize(self, key, reference, policy, signature):
        """PolicyAuthorize over the digest that the session has now."""
        self.file("key.pem", pem(key))
        self.file("sig.der", der(signature))
        self.file("ref.bin", reference)
        self.file("approved.bin", policy)
        self.file("tbs.bin", policy + reference.encode())
        steps = [
            ("tpm2_loadexternal", "-C", "o", "-G", "ecc", "-a", "sign", "-u", "key.pem",
             "-c", "key.ctx", "-n", "key.name"),
            ("tpm2_verifysignature", "-c", "key.ctx", "-g", "sha256", "-m", "tbs.bin", "-f", "ecdsa",
             "-s", "sig.der", "-t", "ticket"),
            ("tpm2_policyauthorize", "-S", "policy.ctx", "-i", "approved.bin", "-n", "key.name",
             "-q", "ref.bin", "-t", "ticket")]
        return all(self.run(*step).returncode == 0 for step in steps)

    def pcrs(self, pcrs):
        """PolicyPCR; the digest afterwards."""
        done = self.run("tpm2_policypcr", "-S", "policy.ctx", "-L", "now.bin", "-l",
                        "sha256:" + ",".join(map(str, pcrs)))
        return done.returncode == 0

    def now(self):
        with open(os.path.join(self.tpm.folder, "now.bin"), "rb") as f:
            return f.read()


def unseal(tpm, state, release=0, site=0):
    """The share by tpm2-tools and the approvals of those numbers; None when the TPM refuses."""
    tools = Tools(tpm)
    sealed = read(os.path.join(state, "sealed-share"))
    approvals = read(os.path.join(state, "approvals"))
    release, site = approvals[3][release], approvals[4][site]
    tools.file("share.pub", sealed[3])
    tools.file("share.priv", sealed[4])
    tools.flush()
    steps = [
        lambda: tools.run("tpm2_load", "-C", "0x81434c01", "-u", "share.pub", "-r", "share.priv",
                          "-c", "share.ctx").returncode == 0,
        lambda: tools.run("tpm2_startauthsession", "--policy-session", "-S",
                          "policy.ctx").returncode == 0,
        lambda: tools.pcrs(RELEASE_PCRS),
        lambda: nv(tools, FLOOR, bytes([release[3]]), 7, "ule"),
        lambda: tools.authorize(release[1], "claviger/seal/release/v1", tools.now(), release[5]),
        lambda: tools.pcrs(SITE_PCRS),
        lambda: nv(tools, SITE_FLOOR, bytes([site[3]]), 7, "ule"),
        lambda: tools.authorize(sealed[5], "claviger/seal/site/v1", tools.now(), site[5]),
        lambda: nv(tools, FLOOR, sealed[6], 0, "eq"),
        lambda: nv(tools, SITE_FLOOR, sealed[7], 0, "eq"),
    ]
    share = None
    if all(step() for step in steps):
        done = tools.run("tpm2_unseal", "-c", "share.ctx", "-p", "session:policy.ctx")
        share = done.stdout if done.returncode == 0 else None
    tools.flush()
    return share


def nv(tools, index, operand, offset, operation):
    """PolicyNV by the index's own empty authorization; keeps the digest for the next approval."""
    tools.file("operand", operand)
    return tools.run("tpm2_policynv", "-S", "policy.ctx", "-C", index, "-i", "operand",
                     "--offset", str(offset), "-L", "now.bin", index, operation).returncode == 0
