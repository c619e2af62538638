# SPDX-License-Identifier: Apache-2.0
"""What a site has in its folder, read and used without this project's code: spec/approval.cddl and
spec/sealing.md, with tpm2-tools."""
import base64
import hashlib
import os
import subprocess

BOOTS = "0x1434c02"
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


def reference(purpose, genesis):
    """The policyRef of a purpose."""
    return hashlib.sha256(b"claviger/" + purpose.encode() + b"/v2" + genesis).digest()


def genesis_of(sealed):
    """The digest of the manifest in a sealed share: all but its three signatures."""
    return hashlib.sha256(b"claviger/genesis/v2" + sealed[3][:-3 * 67]).digest()


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
        self.file("tbs.bin", policy + reference)
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


def unseal_half(tools, sealed, approvals, release, site, is_site):
    """One half; None when the TPM refuses. Of `approvals` those of these numbers."""
    genesis, manifest = genesis_of(sealed), cbor(sealed[3])[0]
    release, site = approvals[5][release], approvals[6][site]
    key = site[1] if is_site else release[1]
    appointed = [a for a in approvals[8] if a[1] is is_site and a[2] == key][0]
    tools.file("share.pub", sealed[6 if is_site else 4])
    tools.file("share.priv", sealed[7 if is_site else 5])
    tools.flush()
    authorize = lambda key, purpose, signature: lambda: tools.authorize(
        key, reference(purpose, genesis), tools.now(), signature)
    steps = [
        lambda: tools.run("tpm2_load", "-C", "0x81434c01", "-u", "share.pub", "-r", "share.priv",
                          "-c", "share.ctx").returncode == 0,
        lambda: tools.run("tpm2_startauthsession", "--policy-session", "-S",
                          "policy.ctx").returncode == 0,
        lambda: tools.pcrs(RELEASE_PCRS),
        lambda: nv(tools, FLOOR, bytes([release[3]]), 7, "ule"),
        authorize(release[1], "seal/release", release[5])]
    if is_site:
        steps += [
            lambda: tools.pcrs(SITE_PCRS),
            lambda: nv(tools, SITE_FLOOR, bytes([site[4]]), 7, "ule"),
            authorize(site[1], "seal/site", site[6])]
    steps += [
        lambda: nv(tools, SITE_FLOOR if is_site else FLOOR, bytes([appointed[3]]), 7, "ule"),
        authorize(manifest[2 if is_site else 3], "appoint/site" if is_site else "appoint/release",
                  appointed[4]),
        lambda: nv(tools, FLOOR, sealed[8], 0, "eq"),
        lambda: nv(tools, SITE_FLOOR, sealed[9], 0, "eq"),
        lambda: nv(tools, BOOTS, sealed[10].to_bytes(8, "big"), 0, "uge")]
    half = None
    if all(step() for step in steps):
        done = tools.run("tpm2_unseal", "-c", "share.ctx", "-p", "session:policy.ctx")
        half = done.stdout if done.returncode == 0 else None
    tools.flush()
    return half


def halves(tpm, state, release=0, site=0):
    """The release half and the site half by tpm2-tools; None for what the TPM refuses."""
    sealed = read(os.path.join(state, "sealed-share"))
    approvals = read(os.path.join(state, "approvals"))
    return [unseal_half(Tools(tpm), sealed, approvals, release, site, is_site)
            for is_site in (False, True)]


def unseal(tpm, state, release=0, site=0):
    """The share; None when the TPM refuses either half."""
    parts = halves(tpm, state, release, site)
    return None if None in parts else bytes(a ^ b for a, b in zip(*parts))


def nv(tools, index, operand, offset, operation):
    """PolicyNV by the index's own empty authorization; keeps the digest for the next approval."""
    tools.file("operand", operand)
    return tools.run("tpm2_policynv", "-S", "policy.ctx", "-C", index, "-i", "operand",
                     "--offset", str(offset), "-L", "now.bin", index, operation).returncode == 0
