#!/usr/bin/env python3
"""`claviger policy`: what a person gets, with good and with bad input. Mission B7, S23; threats A2, A3."""
# SPDX-License-Identifier: Apache-2.0
import json
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
TRANSFER = os.path.join(BUILD, "share", "policies", "transfer.wasm")
CASES = [json.loads(line) for line in open(os.path.join(SOURCE, "policies", "template", "cases.jsonl"))]
GOOD = CASES[0]
RECIPIENT = "HWHZUvyWPXvn6XqE1YTNyYjb8jEZ3KEWf6igMspdKgbA"


def claviger(*words, stdin=""):
    run = subprocess.run([TOOL, *words], input=stdin, capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout, run.stderr


def parameters(folder, text):
    path = os.path.join(folder, "p.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def check(folder, text, *words, transaction=None):
    lines = (transaction or GOOD["transaction"]) + "\n"
    return claviger("policy", "check", "--module", TRANSFER, "--params", parameters(folder, text),
                    "--wallet", GOOD["wallet"], *words, stdin=lines)


RIGHT = 'recipients = ["%s"]\nmax_lamports = 1500000000\nmax_fee_lamports = 100000\n' % RECIPIENT


def test_json(folder):
    code, out, _ = check(folder, RIGHT, "--json")
    answer = json.loads(out)
    expect("an allow ends with 0", code == 0, out)
    expect("verdict", answer["verdict"] == "allow")
    expect("reason", answer["reason"] == {"code": "none", "instruction": None, "text": ""})
    expect("facts", answer["facts"]["lamports_out"] == "1500035000" and
           answer["facts"]["fee_lamports"] == "35000" and answer["facts"]["tokens"] == [])
    expect("charges and fuel", answer["charges"] == [] and 0 < answer["fuel"] < 500000)
    code, out, _ = check(folder, RIGHT.replace("1500000000", "1499999999"), "--json")
    answer = json.loads(out)
    expect("a denial ends with 1", code == 1 and answer["verdict"] == "deny")
    expect("its reason", answer["reason"]["code"] == "amount-over-limit" and
           answer["reason"]["instruction"] == 2 and "1499999999" in answer["reason"]["text"], out)


def test_counters(folder):
    path = os.path.join(folder, "counters.json")
    for left, allowed in (("1500035000", True), ("1500034999", False)):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"sol": {"unit": "lamports", "window": "24h", "left": left},
                       "uses": {"unit": "uses", "left": 3}}, file)
        code, out, _ = check(folder, RIGHT, "--json", "--counters", path)
        answer = json.loads(out)
        expect("a counter with %s left" % left, (answer["verdict"] == "allow") == allowed, out)
        if allowed:
            expect("charges", answer["charges"] == [{"counter": 0, "amount": "1500035000"},
                                                    {"counter": 1, "amount": "1"}], out)
        else:
            expect("reason", answer["reason"]["code"] == "counter-exhausted")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"x":{"unit":"sol","left":1}}')
    expect("a wrong counter", check(folder, RIGHT, "--counters", path)[0] == 2)


def test_explain(folder):
    text = RIGHT.replace("1500000000", "1").replace("100000", "1").replace(RECIPIENT, GOOD["wallet"])
    code, out, _ = check(folder, text, "--json", "--explain")
    constraints = json.loads(out)["constraints"]
    failing = [c["code"] for c in constraints if not c["holds"]]
    expect("explain lists all failures", sorted(failing) == ["amount-over-limit", "fee-over-limit",
                                                             "recipient-not-allowed"], out)
    expect("and what holds", any(c["holds"] for c in constraints) and code == 1)
    expect("expected and actual", all(c["expected"] and c["actual"] for c in constraints), out)


def describe(folder, text, *words, transactions=(), module=TRANSFER):
    wallet = ["--wallet", GOOD["wallet"], "-"] if transactions else []
    return claviger("policy", "describe", "--module", module, "--params", parameters(folder, text), *wallet, *words,
                    stdin="\n".join(transactions))


def test_describe(folder):
    """S12, B7: a script that asks `describe` takes no yes for a transaction that would be refused, though it is described."""
    intent = os.path.join(BUILD, "share", "intents", "sol-transfer.wasm")
    dear = RIGHT.replace("1500000000", "1499999999")
    good, bad = (next(case["transaction"] for case in CASES if case["expect"] == word) for word in ("allow", "amount-over-limit"))
    told = 0
    for module in (TRANSFER, intent):
        for text, transactions in ((RIGHT, (good,)), (dear, (good,)), (RIGHT, (bad,)), (RIGHT, (good, bad)), (RIGHT, (bad, good))):
            holds = [text == RIGHT and transaction == good for transaction in transactions]
            code, out, error = describe(folder, text, "--json", transactions=transactions, module=module)
            answers = [json.loads(line) for line in out.splitlines()]
            expect("allowed: %s" % holds, [answer["allowed"] for answer in answers] == holds, out)
            expect("exit status for %s" % holds, code == (0 if all(holds) else 1), "%d %s" % (code, error))
            expect("each is described", all(answer["described"] and RECIPIENT in answer["text"] for answer in answers), out)
            expect("and says so", ["would be refused" not in answer["text"] for answer in answers] == holds, out)
            code, out, _ = describe(folder, text, transactions=transactions, module=module)
            expect("exit status in words", code == (0 if all(holds) else 1) and out.count(RECIPIENT) >= len(holds), out)
            told += len(answers)
        code, out, _ = describe(folder, RIGHT, "--json", module=module)
        expect("of a grant nothing is allowed or not", code == 0 and "allowed" not in json.loads(out), out)
        code, out, error = describe(folder, RIGHT, "--json", transactions=("AAAA",), module=module)
        expect("bytes that are nothing", code == 1 and out == "" and "line 1" in error, out + error)
    expect("transactions were described", told == 14, told)


def test_bad_input(folder):
    for text, words in (("max_lamports = 1\n", "max_fee_lamports"),
                        (RIGHT + "max_lamport = 1\n", "max_lamport"),
                        (RIGHT.replace("1500000000", '"x"'), "max_lamports"),
                        (RIGHT.replace(RECIPIENT, RECIPIENT + "1"), "recipients"),
                        (RIGHT + "x = = 1\n", "line 4")):
        code, out, error = check(folder, text)
        expect("parameters: " + words, code == 2 and out == "" and words in error and
               "p.toml" in error, error)
    code, out, error = claviger("policy", "check", "--module", TRANSFER, "--params",
                                os.path.join(folder, "none.toml"), "--wallet", GOOD["wallet"])
    expect("no parameters' file", code == 3 and out == "" and "none.toml" in error, error)
    for nothing in ("", "\n", "\r\n\n"):
        code, out, error = claviger("policy", "check", "--module", TRANSFER, "--params",
                                    parameters(folder, RIGHT), "--wallet", GOOD["wallet"],
                                    stdin=nothing)
        expect("no transaction is no yes", code == 3 and out == "" and "no transaction" in error,
               error)
    code, out, _ = check(folder, RIGHT, "--json", transaction="AAAA")
    expect("bytes that are nothing", code == 1 and json.loads(out)["verdict"] == "deny", out)
    code, out, _ = check(folder, RIGHT, "--json", transaction="no base64")
    expect("text that is no base64", code == 1 and json.loads(out)["reason"]["code"] == "base64")
    code, out, _ = claviger("policy", "check", "--module", TRANSFER, "--params",
                            parameters(folder, RIGHT), "--wallet", RECIPIENT, "--json",
                            stdin=GOOD["transaction"] + "\n")
    expect("a wallet that does not sign", json.loads(out)["reason"]["code"] == "signer-not-allowed")
    broken = os.path.join(folder, "broken.wasm")
    with open(broken, "wb") as file:
        file.write(open(TRANSFER, "rb").read()[:-1])
    expect("a module that ends early", claviger("policy", "inspect", broken)[0] == 1)
    expect("no module", claviger("policy", "inspect", os.path.join(folder, "none"))[0] == 3)
    expect("no words", claviger("policy", "check")[0] == 2)


def test_known_and_custom(folder):
    code, out, _ = claviger("policy", "inspect", TRANSFER, "--json")
    expect("a shipped module is known", code == 0 and json.loads(out)["known"] == "transfer", out)
    custom = os.path.join(folder, "custom.wasm")
    with open(custom, "wb") as file:
        file.write(open(TRANSFER, "rb").read() + b"\0\2\1x")
    code, out, _ = claviger("policy", "inspect", custom)
    expect("the same with one section more is custom", code == 0 and out.startswith("custom code"), out)
    code, out, _ = claviger("policy", "describe", "--module", custom, "--params",
                            parameters(folder, RIGHT))
    expect("its text is its author's claim", out.startswith("custom code") and RECIPIENT in out)


def test_new_folder(folder):
    mine = os.path.join(folder, "mine")
    expect("policy new", claviger("policy", "new", mine)[0] == 0)
    expect("not twice", claviger("policy", "new", mine)[0] == 3)
    expect("a bad name", claviger("policy", "new", os.path.join(folder, "Mine"))[0] == 2)
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        print("policy build is not tested: no clang or wasm-ld")
        return
    code, out, error = claviger("policy", "build", mine)
    expect("policy build, without a word of the compiler's", code == 0 and error == "", error)
    first = out
    expect("the same hash again", claviger("policy", "build", mine)[1] == first)
    code, out, error = claviger("policy", "test", mine)
    expect("policy test", code == 0 and "%d passed, 0 failed" % len(CASES) in out, out + error)
    with open(os.path.join(mine, "cases.jsonl"), "a", encoding="utf-8") as file:
        file.write(json.dumps({**GOOD, "expect": "amount-over-limit"}) + "\n")
    expect("a case that differs", claviger("policy", "test", mine)[0] == 1)
    with open(os.path.join(mine, "mine.c"), "a", encoding="utf-8") as file:
        file.write("\nint x = ;\n")
    expect("C that is none", claviger("policy", "build", mine)[0] == 1)
    empty = os.path.join(folder, "empty")
    os.mkdir(empty)
    code, out, error = claviger("policy", "build", empty)
    expect("a folder that is none", code == 3 and "empty/empty.c" in error and "policy new" in error and "clang" not in error, error)


with tempfile.TemporaryDirectory() as place:
    for test in (test_json, test_counters, test_explain, test_describe, test_bad_input, test_known_and_custom,
                 test_new_folder):
        test(place)
sys.exit(summary())
