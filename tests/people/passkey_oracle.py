#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Yubico's libfido2 as a second opinion on passkeys (U8).

usage: passkey_oracle.py [COUNT [SEED]]        (BUILD_DIR names the build)

passkey_cases makes honest and bent assertions and registrations and says what we say. What we take
libfido2 must take: the same signature over the same bytes, the same credential id and key out of a
registration. What we refuse for signature, relying party or flags of presence and verification it must
refuse. It knows nothing of client data, counters and backup flags; there we may be stricter.
"""
import ctypes
import ctypes.util
import os
import subprocess
import sys

BUILD = os.environ.get("BUILD_DIR") or "build"
GOOD, LENGTH, RP_ID, NOT_PRESENT, NOT_VERIFIED, SIGNATURE = 1, 2, 3, 4, 5, 15  # enum authz_passkey_fault
BOTH_REFUSE = {RP_ID, NOT_PRESENT, NOT_VERIFIED, SIGNATURE}
COSE = {2: -7, 3: -8}  # our kinds: ES256, EdDSA
OPT_TRUE, OK = 2, 0

try:
    fido = ctypes.CDLL("libfido2.so.1")
except OSError:
    print("libfido2-1 is not installed")
    sys.exit(77)
for name in ("fido_assert_new", "fido_cred_new", "es256_pk_new", "eddsa_pk_new", "fido_cred_id_ptr",
             "fido_cred_pubkey_ptr"):
    getattr(fido, name).restype = ctypes.c_void_p
for name in ("fido_cred_id_len", "fido_cred_pubkey_len"):
    getattr(fido, name).restype = ctypes.c_size_t
fido.fido_init(0)


def run(text):
    return b"" if text == "-" else bytes.fromhex(text)


def call(name, *arguments):
    """Calls a function; bytes become a pointer and a length, handles a pointer."""
    words = []
    for argument in arguments:
        if isinstance(argument, bytes):
            words += [ctypes.c_char_p(argument), ctypes.c_size_t(len(argument))]
        elif isinstance(argument, (str, type(None))):
            words.append(ctypes.c_char_p(argument.encode() if argument else None))
        else:
            words.append(argument)
    return getattr(fido, name)(*words)


def handle(name):
    made = getattr(fido, name)()
    return ctypes.c_void_p(made)


def public_key(kind, key):
    prefix = "es256" if kind == 2 else "eddsa"
    pk = handle(prefix + "_pk_new")
    if call(prefix + "_pk_from_ptr", pk, key) != OK:
        return None, prefix
    return pk, prefix


def takes_assertion(kind, key, data, client_hash, signature):
    pk, prefix = public_key(kind, key)
    asserted = handle("fido_assert_new")
    good = pk is not None
    good = good and call("fido_assert_set_clientdata_hash", asserted, client_hash) == OK
    good = good and call("fido_assert_set_rp", asserted, "localhost") == OK
    good = good and fido.fido_assert_set_count(asserted, ctypes.c_size_t(1)) == OK
    good = good and fido.fido_assert_set_up(asserted, OPT_TRUE) == OK and fido.fido_assert_set_uv(asserted, OPT_TRUE) == OK
    first = ctypes.c_size_t(0)
    good = good and fido.fido_assert_set_authdata_raw(asserted, first, data, ctypes.c_size_t(len(data))) == OK
    good = good and fido.fido_assert_set_sig(asserted, first, signature, ctypes.c_size_t(len(signature))) == OK
    good = good and fido.fido_assert_verify(asserted, first, COSE[kind], pk) == OK
    fido.fido_assert_free(ctypes.byref(asserted))
    if pk is not None:
        getattr(fido, prefix + "_pk_free")(ctypes.byref(pk))
    return good


def takes_registration(kind, key, credential, data):
    cred = handle("fido_cred_new")
    good = fido.fido_cred_set_type(cred, COSE[kind]) == OK
    good = good and call("fido_cred_set_authdata_raw", cred, data) == OK
    if good:
        found_id = ctypes.string_at(fido.fido_cred_id_ptr(cred), fido.fido_cred_id_len(cred))
        found_key = ctypes.string_at(fido.fido_cred_pubkey_ptr(cred), fido.fido_cred_pubkey_len(cred))
        good = found_id == credential and found_key == key
    fido.fido_cred_free(ctypes.byref(cred))
    return good


def main(count, seed):
    cases = subprocess.Popen([os.path.join(BUILD, "tests/passkey_cases"), count, seed],
                             stdout=subprocess.PIPE, text=True)
    taken = refused = stricter = 0
    wrong = []
    for line in cases.stdout:
        what, kind, *words = line.split()
        fault = int(words.pop())
        kind, runs = int(kind), [run(w) for w in words]
        if what == "get":
            key, _, data, client_hash, signature = runs
            theirs = takes_assertion(kind, key, data, client_hash, signature)
        else:
            theirs = takes_registration(kind, *runs)
        if fault == GOOD and not theirs or fault in BOTH_REFUSE and what == "get" and theirs:
            wrong.append("we say %d, libfido2 %s: %s" % (fault, "yes" if theirs else "no", line.strip()))
        taken += fault == GOOD
        refused += fault != GOOD and not theirs
        stricter += fault != GOOD and theirs
    cases.wait()
    print("%d that both take, %d that both refuse, %d that only we refuse" % (taken, refused, stricter))
    print("\n".join(wrong[:10]))
    enough = taken > int(count) // 5 and refused > int(count) // 5 and cases.returncode == 0
    print("%d passed, %d failed" % (1 if enough and not wrong else 0, 0 if enough and not wrong else 1))
    sys.exit(0 if enough and not wrong else 1)


main(*(sys.argv[1:] + ["3000", "1"][len(sys.argv) - 1:])[:2])
