#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `claviger serve` says when it cannot start, that two throw-away signers live side by side, and
what the client's commands do with wrong words and with a folder of keys (B13)."""
import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE = os.environ.get("SOURCE_DIR", os.getcwd())
sys.path.insert(0, os.path.join(SOURCE, "tests"))
from addresses import base58, base58_decode  # noqa: E402 pylint: disable=wrong-import-position
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
PROGRAM = os.path.join(BUILD, "bin/claviger")
checked = failed = 0


def expect(what, holds, shown=""):
    global checked, failed
    checked += 1
    if not holds:
        failed += 1
        print(f"FAIL: {what}: {shown}")


def refuse(what, status, word, *words):
    """A start that must fail at once, with that exit status and a sentence that has `word`."""
    done = subprocess.run([PROGRAM, "serve", *words], capture_output=True, text=True, timeout=300)
    said = done.stderr.strip().splitlines()
    first = said[0] if said else ""
    expect(what, done.returncode == status and word in first and done.stdout == "",
           (done.returncode, done.stdout, said[:3]))


def start(*words):
    """A signer that says `ready`, and what it printed before."""
    child = subprocess.Popen([PROGRAM, "serve", *words], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    lines = []
    for line in child.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == "ready":
            break
    return child, lines


def end(child):
    child.send_signal(signal.SIGINT)
    return child.wait(timeout=300)


def free_address():
    return "127.0.0.1:%d" % free_port()


def misuse(folder, state, listen):
    """Words of the client's commands that are wrong: said so, and nothing is made."""
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen,
                   "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": folder + "/home"}
    key, other, terms = (os.path.join(folder, n) for n in ("user.json", "other.json", "terms.toml"))

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300,
                              env=environment, stdin=subprocess.DEVNULL)
        said = [line for line in done.stderr.splitlines() if line.startswith("claviger ")]
        return done.returncode, done.stdout.strip(), said[0] if said else ""

    expect("a key", run("key", "new", key)[0] == 0)
    address = run("key", "new", other)[1]
    for name in (address, "ab" * 32, "AB" * 32, "", "a/b", "x" * 65, "a b"):
        for words in (["wallet", "create", name, "--key", key, "--yes"], ["client", "new", name]):
            code, out, said = run(*words)
            expect(f"{words[0]} named {name!r}", (code, out) == (2, "") and "is no name" in said, said)
    expect("no trace of a refused client", not os.path.exists(folder + "/home/clients") or
           os.listdir(folder + "/home/clients") == [])
    expect("a wallet", run("wallet", "create", "one", "--key", key, "--yes")[0] == 0)
    code, _, said = run("wallet", "create", "one", "--key", key, "--yes")
    expect("the same name again", code == 1 and "another name" in said, said)
    expect("a client", run("client", "new", "bot")[0] == 0)

    with open(terms, "w") as f:
        f.write("any_recipient = true\nmax_lamports = 1\nmax_fee_lamports = 1\n")
    grant = ["grant", "create", "--wallet", "one", "--client", "bot", "--policy",
             os.path.join(BUILD, "share/policies/transfer.wasm"), "--key", key, "--yes"]
    for option, values in (
            ("--uses", ("-1", " 1", "0", "", "x", "1x", "18446744073709551616")),
            ("--cap", ("", "lamports:total:-1", "lamports:total: -1", "lamports:total:0",
                       "lamports:7h:1", "lamports:total:1,", "mint=x:1h:1",
                       "uses:1h:18446744073709551616")),
            ("--expires", ("-1", " -1", "0", "5", "1x", "", "2020-01-01")),
            ("--nonce-account", ("", "x"))):
        for value in values:
            code, out, said = run(*grant, "--params", terms, option, value)
            expect(f"{option} {value!r}", (code, out) == (2, "") and option in said, (code, said))
    code, _, said = run(*grant, "--params", folder + "/none.toml")
    expect("no file of parameters", code == 3 and "none.toml" in said, said)
    code, out, _ = run("grant", "list", "--wallet", "one", "--key", key, "--json")
    expect("no grant was made", code == 0 and out == "", out)
    expect("a grant", run(*grant, "--params", terms, "--uses", "1", "--expires", "1d")[0] == 0)


def receipts(folder, state, listen):
    """A file of receipts in which the input kept for a replay was changed is not verified (B3)."""
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen,
                   "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": folder + "/home"}
    token, file, bent = folder + "/home/clients/bot.token", folder + "/r", folder + "/bent"
    module = os.path.join(BUILD, "share/policies/transfer.wasm")

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    address = json.loads(run("wallet", "show", "one", "--key", folder + "/user.json", "--json")[1])["address"]
    message = (bytes([1, 0, 1, 3]) + base58_decode(address) + b"\7" * 32 + bytes(32) + b"\5" * 32 +
               bytes([1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]))
    with open(folder + "/tx", "wb") as f:
        f.write(base64.b64encode(message))
    code, _ = run("sign", "--wallet", "one", "--token-file", token, "--transaction", folder + "/tx")
    expect("nine lamports are denied", code == 1, code)
    for _ in range(300):  # a receipt is durable a moment later
        code, _ = run("receipt", "export", "--wallet", "one", "--token-file", token, "--out", file)
        content = open(file, "rb").read() if code == 0 else b""
        if message in content:
            break
        os.path.exists(file) and os.remove(file)
        time.sleep(0.1)
    expect("the input is kept", message in content)
    code, _ = run("receipt", "export", "--wallet", "one", "--token-file", token, "--out", file)
    expect("an earlier export is not replaced", code == 3 and open(file, "rb").read() == content, code)
    full = subprocess.run(["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", PROGRAM, "receipt", "export",
                           "--wallet", "one", "--token-file", token, "--out", bent], capture_output=True, text=True,
                          timeout=300, env=environment, stdin=subprocess.DEVNULL)
    expect("one that finds no space leaves no file", full.returncode == 3 and "cannot write" in full.stderr and
           not os.path.exists(bent), full)
    expect("verified", run("receipt", "verify", file)[0] == 0)
    expect("replays", run("receipt", "replay", file, "--module", module)[0] == 0)
    at = content.index(message)
    for place in (at, at + 40, at + len(message) - 8, at - 1, at - 100):
        with open(bent, "wb") as f:
            f.write(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
        code, out = run("receipt", "verify", bent)
        expect(f"byte {place} changed", code == 1 and "NOT VERIFIED" in out, out)
    code, _ = run("receipt", "replay", bent, "--module", module)
    expect("a changed input does not replay", code == 1, code)
    # What is missing, or no receipt any more, is not passed over in silence.
    first = len("claviger-receipts-1\n") + 64
    while content[first] != 2:
        first += 5 + int.from_bytes(content[first + 1:first + 5], "little")
    for what, data in (("its last byte gone", content[:-1]), ("cut in the input", content[:at]),
                       ("a receipt that is none", content[:first + 5] + b"\0" + content[first + 6:])):
        with open(folder + "/parts", "wb") as f:
            f.write(data)
        done = subprocess.run([PROGRAM, "receipt", "replay", folder + "/parts", "--module", module], capture_output=True, text=True, timeout=300)
        expect(f"{what}: told", done.returncode == 1 and "damaged or cut short" in done.stderr, done)

    # The same for a decision by an intent: its module is the evaluator with that intent's table.
    intent, terms = os.path.join(BUILD, "share/intents/sol-transfer.wasm"), folder + "/intent.toml"
    with open(terms, "w") as f:
        f.write('recipients = ["%s"]\nmax_lamports = 100\nmax_fee_lamports = 5000\n' % base58(b"\7" * 32))
    code, _ = run("grant", "create", "--wallet", "one", "--client", "bot", "--policy", intent,
                  "--params", terms, "--key", folder + "/user.json", "--yes")
    expect("a grant of an intent", code == 0, code)
    code, _ = run("sign", "--wallet", "one", "--token-file", token, "--transaction", folder + "/tx")
    expect("nine lamports are signed", code == 0, code)
    said = {"same": 0}
    for _ in range(300):
        os.remove(file)
        run("receipt", "export", "--wallet", "one", "--token-file", token, "--out", file)
        code, out = run("receipt", "replay", file, "--module", intent, "--json")
        said = json.loads(out)
        if said["same"] == 1:
            break
        time.sleep(0.1)
    expect("it replays", code == 0 and (said["same"], said["different"]) == (1, 0), said)

    # All of them at once: each by the module that it names, wherever that lies among others.
    modules = folder + "/modules"
    os.mkdir(modules)
    for path in (module, intent, os.path.join(BUILD, "share/intents/wrap.wasm")):
        shutil.copy(path, modules)
    code, out = run("receipt", "replay", file, file, "--module", modules, "--json")
    said = json.loads(out)
    expect("with a folder of modules all replay, of both files", code == 0 and said["same"] == 4 and
           sum(said.values()) == 4, said)
    os.remove(modules + "/transfer.wasm")
    code, out = run("receipt", "replay", file, "--module", modules, "--json")
    said = json.loads(out)
    expect("one that lacks is said", code == 0 and (said["same"], said["other_module"]) == (1, 1), said)
    shutil.copy(module, modules)
    code, out = run("receipt", "replay", bent, file, "--module", modules)
    expect("one file that was changed is enough", code == 1, (code, out))


def limits(folder, state, listen):
    """What all grants of a wallet may spend together: set, shown, refused by its own code, and replayed
    from the receipts (B3, B4)."""
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen,
                   "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": folder + "/home"}
    key, token, file = folder + "/user.json", folder + "/home/clients/bot.token", folder + "/limited"
    module = os.path.join(BUILD, "share/policies/transfer.wasm")
    cap = 0x1122334455667788  # a number that is found again in a file of receipts

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def limit(*caps):
        code, _, said = run("wallet", "limit", "capped", "--key", key, "--yes", "--cap", ",".join(caps))
        return code if code != 2 else said

    def shown():
        return json.loads(run("wallet", "show", "capped", "--key", key, "--json")[1])

    def sign(lamports):
        message = (bytes([1, 0, 1, 3]) + base58_decode(shown()["address"]) + b"\7" * 32 + bytes(32) + b"\5" * 32 +
                   bytes([1, 2, 2, 0, 1, 12, 2, 0, 0, 0]) + lamports.to_bytes(8, "little"))
        with open(folder + "/tx-limits", "wb") as f:
            f.write(base64.b64encode(message))
        return run("sign", "--wallet", "capped", "--token-file", token, "--transaction", folder + "/tx-limits",
                   "--json")

    with open(folder + "/terms.toml", "w") as f:
        f.write("any_recipient = true\nmax_lamports = 100\nmax_fee_lamports = 5000\n")
    for bad in ("", "lamports:24h", "lamports:24h:none", "uses:1h:1,uses:1h:2", "x:24h:1"):
        code, _, said = run("wallet", "create", "capped", "--key", key, "--yes", "--limit", bad)
        expect(f"--limit {bad!r}", code == 2 and "--limit" in said, said)
    code, _, said = run("wallet", "create", "born", "--key", key, "--yes", "--limit", "uses:1h:7,lamports:total:5")
    expect("a wallet that is born with limits", code == 0 and "limit 1: at most 7 signatures in any hour" in said, said)
    born = json.loads(run("wallet", "show", "born", "--key", key, "--json")[1])
    expect("has them", [(l["id"], l["unit"], l["window"], l["cap"], l["left"]) for l in born["limits"]] ==
           [(1, "uses", "1h", "7", "7"), (2, "lamports", "total", "5", "5")] and born["version"] == "1", born)
    expect("a wallet", run("wallet", "create", "capped", "--key", key, "--yes")[0] == 0)
    for _ in range(2):
        code, _, said = run("grant", "create", "--wallet", "capped", "--client", "bot", "--policy", module,
                            "--params", folder + "/terms.toml", "--uses", "9", "--key", key, "--yes")
        expect("a grant", code == 0, said)
    for bad in ("", "lamports:24h", "lamports:24h:none", "lamports:24h:1,lamports:24h:2", "x:24h:1", "uses:1h:0"):
        expect(f"--cap {bad!r}", "--cap" in str(limit(bad)), limit(bad))
    expect("limits", limit(f"lamports:24h:{cap}", "uses:24h:1") == 0)
    expect("they are shown", [(l["id"], l["unit"], l["window"], l["cap"], l["left"]) for l in shown()["limits"]] ==
           [(1, "lamports", "24h", str(cap), str(cap)), (2, "uses", "24h", "1", "1")], shown()["limits"])
    code, out, said = sign(9)
    expect("one is signed", code == 0, said)
    expect("and counted, with its fee", [l["left"] for l in shown()["limits"]] == [str(cap - 5009), "0"])
    code, out, said = sign(8)
    expect("two grants together do not sign another", code == 1 and "wallet_window_spent" in out + said and
           "limit 2 of the wallet" in out + said, out + said)
    code, out, said = run("decision", "show", "--message", hashlib.sha256(base64.b64decode(
        open(folder + "/tx-limits").read())).hexdigest(), "--token-file", token, "--json")
    decision = json.loads(out)
    expect("the receipt holds them", [(l["id"], l["left"], l["amount"]) for l in decision["wallet_limits"]] ==
           [(1, str(cap - 5009), "5008"), (2, "0", "1")] and decision["result"] == "wallet_window_spent", out)

    def replay(path):
        code, out, _ = run("receipt", "replay", path, "--module", module, "--json")
        return code, json.loads(out)

    for _ in range(300):
        os.path.exists(file) and os.remove(file)
        run("receipt", "export", "--wallet", "capped", "--token-file", token, "--out", file)
        code, said = replay(file)
        if said["same"] == 2:
            break
        time.sleep(0.1)
    expect("both replay", code == 0 and said["same"] == 2 and said["different"] == 0, said)
    expect("and verify", run("receipt", "verify", file)[0] == 0)
    content = open(file, "rb").read()
    row = b"\x1b" + cap.to_bytes(8, "big") + b"\x02\x1b" + cap.to_bytes(8, "big") + b"\x03\x19" + (5009).to_bytes(2, "big")
    spent = b"\x04\x01\x02\x00\x03\x01"  # cap 1, left 0, takes 1
    expect("the rows stand in the receipts", (content.count(row), content.count(spent)) == (1, 1))
    for what, at, to in (("another amount", row, row[:-1] + b"\x92"), ("a refusal of what fits", spent, b"\x04\x01\x02\x01\x03\x01"),
                         ("more left than the cap", spent, b"\x04\x01\x02\x02\x03\x01")):
        with open(folder + "/bent", "wb") as f:
            f.write(content.replace(at, to))
        code, said = replay(folder + "/bent")
        expect(what + " does not replay", code == 1 and said["different"] == 1, said)
    expect("a limit goes", limit("uses:24h:none") == 0 and len(shown()["limits"]) == 1)
    expect("and then it is signed", sign(8)[0] == 0)
    expect("one in total, below what was spent before, is new", limit("lamports:total:5000") == 0 and
           [l["id"] for l in shown()["limits"]] == [1, 2])
    code, out, said = sign(7)
    expect("it would pass it", code == 1 and "wallet_cap_exceeded" in out + said, out + said)


def told_engine(folder, state, listen):
    """S7: who judges a machine hears that its policies are all interpreted: in its status and in its evidence."""
    context = ssl.create_default_context(cafile=state + "/ca.pem")
    with open(folder + "/home/clients/bot.token") as f:
        fields = {"Authorization": "Bearer " + f.read().strip()}
    request = urllib.request.Request(f"https://{listen}/api/v1/status", headers=fields)
    with urllib.request.urlopen(request, context=context, timeout=300) as answer:
        said = json.load(answer)
    expect("its status says which engine", said["policy_engine"] == "interpreter", said)
    words = [PROGRAM, "attest", "get", "--out", folder + "/evidence.cbor"]
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen, "CLAVIGER_CA": state + "/ca.pem"}
    said = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False, env=environment).stdout
    expect("its evidence, too", json.loads(said)["policy_engine"] == "interpreter", said)
    said = subprocess.run(words, capture_output=True, text=True, check=False, env=environment).stdout
    expect("in words", "policies        all run interpreted" in said, said)


def old_receipts(folder, state, listen):
    """After a start in which all policies are interpreted: decisions of before it are found, replay beside those
    of now, each in its engine (B3), are deleted by an operator, and what remains verifies (B2)."""
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen,
                   "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": folder + "/home"}
    token = folder + "/home/clients/bot.token"
    count = 0

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def exported():
        nonlocal count
        count += 1
        file = f"{folder}/old{count}"
        run("receipt", "export", "--wallet", "one", "--token-file", token, "--out", file)
        code, out, _ = run("receipt", "verify", file, "--json")
        return code, json.loads(out)["receipts"]

    with open(folder + "/tx") as f:
        message = base64.b64decode(f.read())
    show = ("decision", "show", "--message", hashlib.sha256(message).hexdigest(), "--token-file",
            token, "--json")
    code, out, said = run(*show)
    expect("a decision of an earlier start", code == 0 and
           json.loads(out)["tried"][0]["text"] != "", (code, said))
    expect("another hash", run(*show[:3], "ab" * 32, *show[4:])[0] == 1)
    # What is shown without --json is for people: the same values, and no JSON.
    decision = json.loads(out)
    owner = ("--key", folder + "/user.json")
    wallet = json.loads(run("wallet", "show", "one", *owner, "--json")[1])
    grant = json.loads(run("grant", "list", "--wallet", "one", *owner, "--json")[1].splitlines()[0])
    status = json.loads(run("status", "--json")[1])
    for words, named in ((show[:-1], (("decision", decision["decision"]), ("text", decision["tried"][0]["text"]),
                                      ("lamports_out", decision["facts"]["lamports_out"]))),
                         (("wallet", "show", "one", *owner), (("address", wallet["address"]), ("frozen", "no"),
                                                              ("export_delay", "86400 s"))),
                         (("grant", "list", "--wallet", "one", *owner), (("grant", grant["grant"]), ("live", "yes"),
                                                                         ("left", grant["counters"][0]["left"]))),
                         (("status",), (("boot", status["boot"]), ("unsealed", "yes")))):
        code, out, _ = run(*words)
        expect(" ".join(words[:2]) + " for people", code == 0 and '"' not in out and
               all(re.search(r"^[ -]*%s +%s$" % (name, re.escape(value or "-")), out, re.M) for name, value in named), out)
    code, before = exported()
    expect("they are exported", (code, before) == (0, 2), (code, before))
    # One that is cut is not there under its name.
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    done = subprocess.run([PROGRAM, "receipt", "export", "--wallet", "one", "--token-file", token, "--out", folder + "/cut"],
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False, preexec_fn=small)
    expect("a cut export", os.path.getsize(f"{folder}/old{count}") > 600 and done.returncode == -signal.SIGXFSZ and
           not os.path.exists(folder + "/cut"), done)
    with open(folder + "/tx", "w") as f:  # another decision, of this start
        f.write(base64.b64encode(message[:-8] + b"\xf5" + bytes(7)).decode())
    run("sign", "--wallet", "one", "--token-file", token, "--transaction", folder + "/tx")
    for _ in range(300):
        if exported() == (0, 3):
            break
        time.sleep(0.1)
    code, out, said = run("receipt", "replay", f"{folder}/old{count}", "--module", folder + "/modules", "--json")
    expect("compiled and interpreted ones replay", code == 0 and json.loads(out)["same"] == 3, (code, out, said))
    with open(f"{folder}/old{count}", "rb") as f:
        content = f.read()
    expect("each names its engine", (content.count(b"wasmi 2.0.0, built 1"), content.count(b"wasmi 2.0.0")) ==
           (2, 3), content.count(b"wasmi"))
    with open(folder + "/bent", "wb") as f:
        f.write(content.replace(b"built 1", b"built 9"))
    code, out, said = run("receipt", "replay", folder + "/bent", "--module", folder + "/modules", "--json")
    expect("an engine that this tool has not is said", code == 0 and
           (json.loads(out)["same"], json.loads(out)["other_engine"]) == (1, 2), (code, out, said))
    operator = state + "/operator.json"
    code, _, said = run("receipt", "trim", "--older-than", "0d", "--operator", operator)
    expect("an age of nothing", code == 2, said)
    code, _, said = run("receipt", "trim", "--older-than", "1d", "--operator", operator)
    expect("nothing is so old", code == 0 and exported() == (0, 3), (code, said))
    code, _, said = run("receipt", "trim", "--older-than", "1d", "--operator", folder + "/user.json")
    expect("a user is no operator", code == 1, (code, said))
    # What the next start would read stays until heads are in the map, about a second.
    for _ in range(300):
        code, _, said = run("receipt", "trim", "--older-than", "1s", "--operator", operator)
        expect("receipts are deleted", code == 0, (code, said))
        if exported()[1] == 1:
            break
        time.sleep(0.2)
    expect("the rest verifies, with the record of its boot", exported() == (0, 1), exported())
    expect("the old decision is gone", run(*show)[0] == 1)


def bulk(folder, state, listen):
    """A folder of keys goes in as far as its files are keys; again, it goes on with the rest."""
    environment = {**os.environ, "CLAVIGER_SERVER": "https://" + listen,
                   "CLAVIGER_CA": state + "/ca.pem", "CLAVIGER_HOME": folder + "/home"}
    user, keys = os.path.join(folder, "bulk-user.json"), os.path.join(folder, "bulk")

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout.splitlines(), done.stderr

    run("key", "new", user)
    os.mkdir(keys)
    addresses = {run("key", "new", f"{keys}/k{i}.json")[1][0] for i in range(40)}
    named = run("key", "new", f"{keys}/x.json")[1][0]
    os.rename(f"{keys}/x.json", f"{keys}/{named}.json")
    shutil.copy(f"{keys}/k0.json", f"{keys}/again.json")
    shutil.copy(f"{keys}/k1.json", f"{keys}/a space.json")
    with open(f"{keys}/bad.json", "w") as f:
        f.write("[1,2,3]")
    words = ("wallet", "import", "--bulk", keys, "--key", user, "--yes")
    code, out, said = run(*words)
    made = {line.split()[1]: line.split()[0] for line in out if len(line.split()) == 2}
    expect("every key has its wallet", set(made) == addresses | {named}, sorted(made))
    expect("a file named by its address", made.get(named) == "key-" + named)
    expect("what is wrong is said", code == 1 and "bad.json is not" in said and
           "2 files" in said and "a space" in said, said[-400:])
    code, out, _ = run(*words)
    expect("again: all is there", code == 1 and len(out) == 42 and
           all(line.endswith("is there already") for line in out), out[:3])
    os.remove(f"{keys}/bad.json")
    os.remove(f"{keys}/a space.json")
    run("key", "new", f"{keys}/late.json")
    code, out, _ = run(*words)
    expect("one more", code == 0 and [line for line in out if line.startswith("late ")], out[:3])
    expect("42 wallets", len(run("wallet", "list", "--key", user)[1]) == 42)


def main(folder):
    state = os.path.join(folder, "with space", "state")
    listen, metrics, other = free_address(), free_address(), free_address()

    for bad in ("foo", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:8200x", ":8200", "1.2.3:8200"):
        refuse(f"--listen {bad}", 2, "expected", "--state", state, "--listen", bad)
        refuse(f"--metrics {bad}", 2, "--metrics", "--state", state, "--listen", listen,
               "--metrics", bad)
    file = os.path.join(folder, "file")
    with open(file, "w") as f:
        f.write("not a folder")
    refuse("a state that is a file", 3, "is not a folder", "--state", file)
    refuse("a state below a file", 3, "cannot make", "--state", file + "/below")
    refuse("a path too long for a socket", 2, "longer than", "--state", "/tmp/" + "x" * 200)

    signer, said = start("--state", state, "--listen", listen, "--metrics", metrics)
    expect("a path with a space serves", said == ["ready"], said)
    refuse("a second one on the same state", 3, "is in use by another", "--state", state,
           "--listen", other, "--metrics", other)
    refuse("a port that is taken", 3, f"cannot listen on {listen}: Address already in use",
           "--state", folder + "/second", "--listen", listen, "--metrics", other)
    refuse("the metrics port that is taken", 3, "choose another with --metrics",
           "--state", folder + "/second", "--listen", other, "--metrics", metrics)

    misuse(folder, state, listen)
    receipts(folder, state, listen)
    limits(folder, state, listen)
    bulk(folder, state, listen)
    expect("it stops in order", end(signer) == 0)
    os.environ["CLAVIGER_POLICY_ENGINE"] = "jit"
    refuse("an engine of another name", 2, "CLAVIGER_POLICY_ENGINE jit", "--state", state)
    os.environ["CLAVIGER_POLICY_ENGINE"] = "interpreter"
    said = subprocess.run([PROGRAM, "doctor"], capture_output=True, text=True, check=False).stdout
    expect("doctor says which engine", "all are interpreted" in said, said)
    signer, said = start("--state", state, "--listen", listen, "--metrics", metrics)
    del os.environ["CLAVIGER_POLICY_ENGINE"]
    told_engine(folder, state, listen)
    old_receipts(folder, state, listen)

    # The words: one `export NAME=value` a line, then `ready`; ports are found free.
    names = ["VAULT_ADDR", "VAULT_TOKEN", "NODE_EXTRA_CA_CERTS", "CLAVIGER_WALLET",
             "CLAVIGER_ADDRESS", "CLAVIGER_SERVER", "CLAVIGER_TOKEN", "CLAVIGER_CA",
             "CLAVIGER_DEPLOYMENT_KEY"]
    devs = [start("--dev"), start("--dev")]
    seen = []
    for dev, lines in devs:
        expect("what --dev prints", lines[-1:] == ["ready"] and
               [line.split("=")[0] for line in lines[:-1]] == ["export " + n for n in names], lines)
        seen.append(dict(line[7:].split("=", 1) for line in lines[:-1]))
    expect("two of them have their own ports", len({s.get("VAULT_ADDR") for s in seen}) == 2, seen)
    for dev, lines in devs:
        expect("Ctrl-C ends in order", end(dev) == 0)
    expect("nothing of --dev stays", not any(
        os.path.exists(s.get("NODE_EXTRA_CA_CERTS", "/")) for s in seen), seen)
    expect("Ctrl-C ends in order", end(signer) == 0)


with tempfile.TemporaryDirectory() as place:
    main(place)
print(f"{checked} checks, {failed} failed")
sys.exit(1 if failed or checked < 60 else 0)
