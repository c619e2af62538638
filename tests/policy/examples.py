#!/usr/bin/env python3
"""Modules by hand in C, Rust and AssemblyScript: each is built from its source and gives the template's cases their
verdicts, in the real engine. S14, B7."""
# SPDX-License-Identifier: Apache-2.0
import glob
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from counting import expect, summary  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
TOOL = os.path.join(BUILD, "bin", "claviger")
TEMPLATE = os.path.join(SOURCE, "policies", "template")
EXAMPLES = os.path.join(SOURCE, "policies", "examples")
EXPORTS = ["--export=" + name for name in ("policy_abi", "policy_io", "policy_check", "policy_describe")]
WASM_LD = shutil.which("wasm-ld") or shutil.which("wasm-ld-14") or "wasm-ld"
MEMORY = ["--initial-memory=131072", "--max-memory=131072"]


def run(*words, cwd=None, environment=None):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=240,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        print(done.stdout[-400:], done.stderr[-800:])
    return done.returncode == 0


def leb(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def to_leb(value):
    out = b""
    while True:
        out += bytes([value & 127 | (128 if value > 127 else 0)])
        value >>= 7
        if not value:
            return out


def schema_of(module):
    data, at, name = open(module, "rb").read(), 8, b"\x13claviger.parameters"
    while at < len(data):
        kind, (size, start) = data[at], leb(data, at + 1)
        if kind == 0 and data[start:start + len(name)] == name:
            return data[start + len(name):start + size]
        at = start + size
    return b""


def in_c(folder):
    place = os.path.join(folder, "template")
    shutil.copytree(TEMPLATE, place)
    os.mkdir(os.path.join(place, "sdk"))
    for header in glob.glob(os.path.join(SOURCE, "policies/sdk/*.h")) + [os.path.join(SOURCE, "abi/policy_abi.h")]:
        shutil.copy(header, os.path.join(place, "sdk"))
    return os.path.join(place, "template.wasm") if run(TOOL, "policy", "build", place) else None


def in_rust(folder, schema):
    """Debian's own rustc of 12, which has the library for wasm32 beside it (tools/deps rust-wasm)."""
    root = subprocess.run([os.path.join(SOURCE, "tools/deps"), "rust-wasm"], capture_output=True, text=True)
    if root.returncode != 0:
        print(root.stderr)
        return None
    root = root.stdout.strip().splitlines()[-1]
    shutil.copy(os.path.join(EXAMPLES, "policy.rs"), folder)
    open(os.path.join(folder, "parameters.cbor"), "wb").write(schema)
    open(os.path.join(folder, "parameters.len"), "w", encoding="ascii").write(str(len(schema)))
    libraries = ":".join(os.path.join(root, "usr/lib", name) for name in ("x86_64-linux-gnu", ""))
    good = run(os.path.join(root, "usr/bin/rustc"), "--sysroot", os.path.join(root, "usr"), "--edition", "2021",
               "--target", "wasm32-unknown-unknown", "-O", "-C", "panic=abort", "--crate-type", "lib", "--emit", "obj",
               "policy.rs", "-o", "policy.o", cwd=folder, environment={"LD_LIBRARY_PATH": libraries}) and \
        run(WASM_LD, "--no-entry", "--strip-debug", "--gc-sections", "--stack-first", "-z", "stack-size=16384", *MEMORY, *EXPORTS,
            "policy.o", *glob.glob(os.path.join(root, "usr/lib/rustlib/wasm32-unknown-unknown/lib/libc*.rlib")),
            "-o", "rust.wasm", cwd=folder)
    return os.path.join(folder, "rust.wasm") if good else None


def in_assemblyscript(folder, schema):
    shutil.copy(os.path.join(EXAMPLES, "policy.ts"), folder)
    compiler = os.path.join(SOURCE, "tests/js/node_modules/assemblyscript/bin/asc.js")
    good = run("node", compiler, "policy.ts", "-o", "bare.wasm", "--runtime", "stub", "--noAssert", "-O2",
               "--initialMemory", "2", "--maximumMemory", "2", "--use", "abort=", "--exportStart", "_initialize", "--disable", "bulk-memory",
               "--lowMemoryLimit", "131072", cwd=folder)
    if not good:
        return None
    name = b"\x13claviger.parameters"
    section = name + schema
    module = os.path.join(folder, "script.wasm")
    open(module, "wb").write(open(os.path.join(folder, "bare.wasm"), "rb").read() + b"\0" + to_leb(len(section)) +
                             section)
    return module


def main():
    with tempfile.TemporaryDirectory() as folder:
        c = in_c(folder)
        expect("the C example builds", c)
        schema = schema_of(c) if c else b""
        expect("it has a schema", len(schema) > 100)
        modules = {"C": c, "Rust": in_rust(folder, schema), "AssemblyScript": in_assemblyscript(folder, schema)}
        for language, module in modules.items():
            expect(language + " builds", module)
            if not module:
                continue
            done = subprocess.run([TOOL, "policy", "test", "--module", module, TEMPLATE], capture_output=True, text=True)
            expect(language + " gives every case its verdict", done.returncode == 0 and "5 passed, 0 failed" in done.stdout,
                   done.stdout, done.stderr)
            done = subprocess.run([TOOL, "policy", "inspect", module], capture_output=True, text=True)
            expect(language + " is custom code", done.returncode == 0 and done.stdout.startswith("custom code") and
                   "max_lamports" in done.stdout, done.stdout, done.stderr)
            done = subprocess.run([TOOL, "policy", "describe", "--module", module, "--params",
                                   os.path.join(TEMPLATE, "parameters.toml")], capture_output=True, text=True)
            expect(language + " says what it allows", done.returncode == 0 and "1.5 SOL" in done.stdout or
                   "1500000000 lamports" in done.stdout, done.stdout, done.stderr)
    return summary()


sys.exit(main())
