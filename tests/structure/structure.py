#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what was built with the tables that say what may be built.

usage: BUILD_DIR=build SOURCE_DIR=. tests/structure/structure.py [CHECK]

Each check_* function below is one rule of ARCHITECTURE.md; it yields a sentence per breach and
counts what it looked at, so that a check which sees nothing fails.
"""
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_DIR") or os.getcwd()
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")

# Third-party target -> who may name it in a row: a third-party header is seen by one adapter.
ADAPTERS = {
    "awslc_crypto": {"keys"}, "awslc_ssl": {"http"}, "llhttp": {"http"}, "sqlite3": {"db"},
    "tss2": {"tpm"}, "engine": {"wasm"}, "toml": {"claviger"}, "yyjson": {"bridge", "claviger"},
}
# Third-party target -> archives below the cache's prefix.
ARCHIVES = {
    "awslc_crypto": "awslc-*/lib/libcrypto.a", "awslc_ssl": "awslc-*/lib/libssl.a",
    "sqlite3": "sqlite3-*/lib/libsqlite3.a", "llhttp": "llhttp-*/lib/libllhttp.a",
    "yyjson": "yyjson-*/lib/libyyjson.a", "tss2": "tss2-*/lib/*.a",
}
# What links what else by itself.
BRINGS = {"awslc_ssl": {"awslc_crypto"}, "tss2": {"awslc_crypto"}}
# A function of each Rust library that nothing else defines.
RUST_MARKS = {"engine": "wasm_engine_wasmi", "toml": "claviger_toml"}
# Symbols that a module without system calls, time, randomness and allocation may take from libc.
PURE_LIBC = re.compile(
    r"^(mem(cpy|move|set|cmp|chr|mem|rchr)|__mem(cpy|move|set)_chk|str(len|nlen|cmp|ncmp|chr)|"
    r"explicit_bzero|__explicit_bzero_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|bsearch|qsort|"
    r"base_check_failed|__popcount[sdt]i2|(__)?v?snprintf(_chk)?|__(add|sub|mul|div|mod|udiv|umod)[a-z]*[0-9])$")
PURE = ("wire", "cbor", "solana", "policy", "authz", "approval", "attest", "call")
# Never in our own objects: a shell, a search path, hidden state, unbounded writes.
BANNED = set("system popen execvp execlp gets strcpy strcat sprintf vsprintf strtok rand srand tmpnam "
             "mktemp tempnam getpass dlopen setjmp longjmp alloca gethostbyname".split())
# Signer and bridge take memory at start and keep it: what is never given back is no allocation per
# request, and the sandbox kills who asks the kernel for more after start.
GIVES_BACK = {"realloc", "free", "reallocarray", "strdup", "asprintf", "getline"}
NO_ALLOCATION = ("signer", "bridge")


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return f.read()


def rows():
    """(kind, name, uses, third) of every module(), process() and tool() row, as CMake saw them."""
    found = []
    for line in open(os.path.join(BUILD, "rows.txt"), encoding="utf-8"):
        m = re.match(r"^(\w+) (\S+) uses (\S*) third (\S*)$", line.rstrip("\n"))
        found.append((m[1], m[2], [u for u in m[3].split(";") if u], [t for t in m[4].split(";") if t]))
    return found


def nm(path, *options):
    out = subprocess.run(["nm", "-P", *options, path], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout.decode(errors="replace")
    return {line.split()[0] for line in out.splitlines() if len(line.split()) >= 2}


def archive(name):
    return os.path.join(BUILD, "lib%s.a" % name)


def program_path(kind, name):
    return os.path.join(BUILD, "bin", name if kind == "tool" else "claviger-" + name)


def cache():
    return (os.environ.get("CLAVIGER_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "claviger"))


def programs():
    return [(k, n, u, t, program_path(k, n)) for k, n, u, t in rows() if k in ("process", "tool")]


def module_symbols():
    return {n: nm(archive(n), "-g", "--defined-only") for k, n, _, _ in rows()
            if k == "module" and os.path.exists(archive(n))}


def check_programs_hold_only_the_modules_of_their_row(seen):
    modules = module_symbols()
    for _, name, uses, _, path in programs():
        symbols = nm(path, "-g", "--defined-only")
        if not symbols:
            yield "%s has no symbol table: nothing can be compared" % path
        for module, own in modules.items():
            seen.append(module)
            extra = sorted(symbols & own)
            if extra and module not in uses:
                yield "%s holds %s (%s, ...), which its row in CMakeLists.txt does not name" % (
                    name, module, extra[0])


def check_programs_hold_only_the_third_party_code_of_their_row(seen):
    thirds = {n: t for _, n, _, t in rows()}
    symbols_of = {}
    for third, pattern in ARCHIVES.items():
        symbols_of[third] = set()
        for path in glob.glob(os.path.join(cache(), "lib", pattern)):
            symbols_of[third] |= nm(path, "-g", "--defined-only")
    for third, mark in RUST_MARKS.items():
        symbols_of[third] = {mark}
    for _, name, uses, third, path in programs():
        allowed = set(third)
        for module in uses:
            allowed |= set(thirds.get(module, []))
        for t in list(allowed):
            allowed |= BRINGS.get(t, set())
        symbols = nm(path, "-g", "--defined-only")
        for t, own in symbols_of.items():
            seen.append(t)
            extra = sorted(symbols & own)
            if extra and t not in allowed:
                yield "%s holds %s (%s, ...): no module of its row may bring it" % (name, t, extra[0])


def check_each_third_party_library_has_one_adapter(seen):
    for _, name, _, third in rows():
        for t in third:
            seen.append(t)
            if name not in ADAPTERS.get(t, set()):
                yield "%s names %s, whose adapter is %s" % (name, t, " or ".join(
                    sorted(ADAPTERS.get(t, {"nobody: add it to structure.py with its reason"}))))


def check_rows_name_modules_that_exist_and_arrows_have_no_circle(seen):
    uses_of = {n: u for k, n, u, _ in rows() if k == "module"}
    for kind, name, uses, _ in rows():
        seen.append(name)
        for u in uses:
            if u not in uses_of:
                yield "%s uses %s, which is no module" % (name, u)
    done = set()
    while True:
        ready = {n for n, u in uses_of.items() if n not in done and set(u) <= done}
        if not ready:
            break
        done |= ready
    for name in sorted(set(uses_of) - done):
        yield "module %s is part of a circle of USES" % name


def check_pure_modules_take_nothing_from_the_system(seen):
    modules = module_symbols()
    uses_of = {n: u for k, n, u, _ in rows() if k == "module"}
    for name in PURE:
        if name not in modules or not os.path.exists(archive(name)):
            continue
        seen.append(name)
        known = set().union(*modules.values()) if uses_of[name] else modules[name]
        for symbol in sorted(nm(archive(name), "-u") - known):
            if not PURE_LIBC.match(symbol):
                yield "%s calls %s: it is a module without system calls, time or allocation" % (
                    name, symbol)


def our_objects():
    """(folder of the source, object file) of everything of ours that goes into programs."""
    for path in glob.glob(os.path.join(BUILD, "CMakeFiles", "*.dir", "**", "*.o"), recursive=True):
        where = re.search(r"\.dir/((?:lib|proc|cli)/.*)\.c\.o$", path)
        if where and not re.search(r"_(test|fuzz)$", where[1]):
            yield where[1], path


def check_banned_calls_are_absent(seen):
    for source, path in our_objects():
        seen.append(source)
        for symbol in sorted(nm(path, "-u") & BANNED):
            yield "%s.c calls %s" % (source, symbol)


def check_signer_and_bridge_do_not_allocate_after_start(seen):
    for source, path in our_objects():
        seen.append(source)
        if source.split("/")[0] == "proc" and source.split("/")[1] in NO_ALLOCATION:
            for symbol in sorted(nm(path, "-u") & GIVES_BACK):
                yield "%s.c calls %s: sizes are known at start" % (source, symbol)


def elf(path):
    """(type, program headers, dynamic entries) of a 64-bit little-endian ELF file."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit ELF file")
    kind, = struct.unpack_from("<H", data, 16)
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers, dynamic = [], []
    for i in range(count):
        p_type, flags, start, _, _, file_len = struct.unpack_from("<IIQQQQ", data, offset + i * size)
        headers.append((p_type, flags))
        if p_type == 2:  # PT_DYNAMIC
            for at in range(start, start + file_len, 16):
                dynamic.append(struct.unpack_from("<QQ", data, at))
    return kind, headers, dynamic


def check_programs_are_hardened_static_pie(seen):
    for _, name, _, _, path in programs():
        seen.append(name)
        kind, headers, dynamic = elf(path)
        types = [t for t, _ in headers]
        tags = dict(dynamic)
        stack = [f for t, f in headers if t == 0x6474e551]
        for broken, text in (
                (kind != 3, "is not position-independent (ET_DYN)"),
                (3 in types, "asks for a loader (PT_INTERP)"),
                (1 in tags, "needs shared libraries (DT_NEEDED)"),
                (0x6474e552 not in types, "has no RELRO segment"),
                (not tags.get(0x6ffffffb, 0) & 1, "is not bound at start (DF_1_NOW)"),
                (not stack or stack[0] & 1, "has an executable stack"),
                (any(t == 1 and f & 3 == 3 for t, f in headers), "has a segment writable and executable"),
                (22 in tags or tags.get(30, 0) & 4, "has text relocations"),
                ("__stack_chk_fail" not in nm(path), "was built without stack protector")):
            if broken:
                yield "%s %s" % (name, text)


def check_what_ships_holds_no_path_of_the_machine_that_built_it(seen):
    """Else the bytes of programs and modules would be others at each place and time (S6)."""
    homes = [os.environ.get(name) or os.path.expanduser("~/" + usual) for name, usual in (
        ("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"))]
    places = [os.path.realpath(SOURCE), os.path.realpath(BUILD), cache(), *homes]
    modules = glob.glob(os.path.join(BUILD, "share", "*", "*.wasm"))
    if len(modules) < 20:
        yield "%d policies and intents in %s/share" % (len(modules), BUILD)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in [(p[1], p[4]) for p in programs()] + [(os.path.basename(m), m) for m in modules]:
            stripped = path
            if not name.endswith(".wasm"):
                stripped = os.path.join(folder, "stripped")
                subprocess.run(["strip", "--strip-all", "-o", stripped, path], check=True)
            with open(stripped, "rb") as f:
                data = f.read()
            seen.append(name)
            for place in places:
                at = data.find(place.encode() + b"/")
                if at >= 0:
                    yield "%s holds the path %s" % (name, data[at:at + 120].split(b"\0")[0].decode(errors="replace"))


def table(text, first_column):
    """Rows (lists of cells) of the Markdown table whose first heading is first_column."""
    lines, found = iter(text.splitlines()), []
    for line in lines:
        if re.match(r"^\|\s*%s\s*\|" % first_column, line):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    return found
                found.append([c.strip() for c in row.strip("|").split("|")])
    return found


def topology():
    text = re.sub(r"/\*.*?\*/", "", read("proc/topology.def"), flags=re.S)
    return set(re.findall(r"^PROCESS\((\w+)", text, re.M)) | {"supervisor"}


def check_clocks_are_allowed_where_the_vdso_cannot_answer(seen):
    """With another clock source than the TSC the C library asks the kernel: a call that no test machine makes."""
    common = read("proc/proc.seccomp")
    for kind, name, _, _ in rows():
        if kind != "process" or name == "supervisor":
            continue
        allowed = set(re.findall(r"^(\w+)", common + read("proc/%s/%s.seccomp" % (name, name)), re.M))
        for call in {"clock_gettime", "gettimeofday"} & nm(program_path(kind, name)):
            seen.append((name, call))
            if call not in allowed:
                yield "%s can call %s, and its filter kills it" % (name, call)


def check_process_tables_agree(seen):
    document = {r[0] for r in table(read("ARCHITECTURE.md"), "process")}
    built = {n for k, n, _, _ in rows() if k == "process"}
    for left, right, words in (
            (document, built, "ARCHITECTURE.md lists %s, CMakeLists.txt has no process() row for it"),
            (built, document, "CMakeLists.txt builds %s, ARCHITECTURE.md's table lacks it"),
            (topology(), built, "topology.def starts %s, CMakeLists.txt does not build it"),
            (built, topology(), "CMakeLists.txt builds %s, topology.def does not start it")):
        seen.extend(left)
        for name in sorted(left - right):
            yield words % name


def check_channel_tables_agree(seen):
    text = re.sub(r"/\*.*?\*/", "", read("proc/topology.def"), flags=re.S)
    built = set(re.findall(r"^CHANNEL\((\w+),\s*(\w+)", text, re.M))
    document = {tuple(r[0].split(", ")) for r in table(read("ARCHITECTURE.md"), "channel")}
    seen.extend(built)
    for a, b in sorted(built ^ document):
        yield "channel %s, %s stands in %s only" % (
            a, b, "proc/topology.def" if (a, b) in built else "ARCHITECTURE.md")


def check_the_runbook_has_every_number(seen):
    """Boot failures and refused updates: the same rows in the source and in what a person reads."""
    row = r'%s\(\w+,\s*(\d+),\s*"([^"]*)",\s*"([^"]*)"\)'
    built = [m for path, word in (("proc/boot.def", "BOOT"), ("lib/call/call_update.def", "UPDATE"))
             for m in re.findall(row % word, read(path))]
    document = re.findall(r"^\| (\d+) \| (.*) \| (.*) \|$", read("image/runbook.md"), re.M)
    seen.extend(built)
    for number, what, action in sorted(set(built) ^ set(document)):
        yield "image/runbook.md and the sources differ in %s: %s; %s" % (number, what, action)
    reached = re.findall(r"\b1\d\d\b", read("tests/image/appliance.py"))
    for number, what, _ in re.findall(row % "BOOT", read("proc/boot.def")):
        if number not in reached:
            yield "tests/image/appliance.py has no machine that ends with %s: %s" % (number, what)


def check_module_tables_agree(seen):
    layer_of = {}
    for i, row in enumerate(table(read("ARCHITECTURE.md"), "layer")):
        for name in re.findall(r"[a-z]+", row[1]):
            layer_of.setdefault(name, i)
    modules = {n: u for k, n, u, _ in rows() if k == "module"}
    for name, uses in modules.items():
        seen.append(name)
        if name not in layer_of:
            yield "module %s is missing in ARCHITECTURE.md's table of layers" % name
            continue
        for u in uses:
            if layer_of.get(u, 0) > layer_of[name]:
                yield "module %s uses %s of a higher layer" % (name, u)
    for name in sorted(set(layer_of) - set(modules) - {"proc", "cli"}):
        yield "ARCHITECTURE.md names the module %s, which CMakeLists.txt does not build" % name


def check_third_party_list_is_complete(seen):
    listed = set()
    for line in read("THIRD_PARTY.md").splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 3:
            names = re.sub(r"\(.*?\)", "", cells[0])
            listed |= {(n.strip(), cells[1]) for n in names.split(",")}
    wanted = set()
    for line in read("deps.lock").splitlines():
        if line and not line.startswith("#"):
            wanted.add(tuple(line.split()[:2]))
    if os.path.exists(os.path.join(SOURCE, "engine/Cargo.lock")):
        for name, version, tail in re.findall(
                r'name = "([^"]+)"\nversion = "([^"]+)"\n(.*)', read("engine/Cargo.lock")):
            if tail.startswith("source"):
                wanted.add((name, version))
    for name, version in sorted(wanted):
        seen.append(name)
        if (name, version) not in listed:
            yield "THIRD_PARTY.md lacks %s %s" % (name, version)


def check_there_is_one_version(seen):
    """lib/base/base_version.h's; what other tools want written once more says the same."""
    version = re.search(r'CLAVIGER_VERSION "(.+)"', read("lib/base/base_version.h"))[1]
    for path, pattern in (
            ("sdk/ts/package.json", r'^  "version": "(.+)",$'),
            ("sdk/ts/README.md", r"claviger-sdk-([0-9.]+)\.tgz"),
            ("sdk/rust/Cargo.toml", r'^version = "(.+)"$'),
            ("sdk/rust/Cargo.lock", r'name = "claviger-sdk"\nversion = "(.+)"'),
            ("docs/upgrade.md", r"^## ([0-9]+\.[0-9.]+)$")):
        found = re.search(pattern, read(path), re.M)
        seen.append(path)
        if found is None or found[1] != version:
            yield "%s: version %s, not %s" % (path, found and found[1], version)


def main(words):
    passed = failed = 0
    for name, function in sorted(globals().items()):
        if not name.startswith("check_") or (words and words[0] not in name):
            continue
        seen = []
        breaches = sorted(set(function(seen)))
        if not seen:
            breaches.append("looked at nothing")
        if breaches:
            failed += 1
            print("FAIL %s" % name[6:].replace("_", " "))
            for breach in breaches:
                print("     " + breach)
        else:
            passed += 1
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


main(sys.argv[1:])
