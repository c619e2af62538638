#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules and dashboard against a real Prometheus that scrapes a real signer under traffic: each alert fires
when it should and not before, every expression of the dashboard has an answer, and every metric that either
names is one that the signer has."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from dev_signer import ROOT, DevSigner
sys.path.insert(0, os.path.join(ROOT, "tests"))
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position

RULES = os.path.join(ROOT, "package/prometheus/claviger.rules.yml")
passed = failed = 0


def say(what, holds, shown=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAIL %s: %s" % (what, shown))


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def until(question, seconds=60):
    """The question's first true answer; else the last."""
    end = time.time() + seconds
    while True:
        try:
            answer = question()
        except (OSError, ValueError, KeyError) as error:
            answer, said = None, error
        if answer or time.time() > end:
            return answer
        time.sleep(0.2)


for tool in ("prometheus", "promtool"):
    if not shutil.which(tool):
        print("needs Prometheus (apt install prometheus)")
        sys.exit(77)
for words in (["check", "rules", RULES], ["test", "rules", RULES.replace(".rules.yml", "_test.yml")]):
    done = subprocess.run(["promtool", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    say("promtool " + words[0], done.returncode == 0, done.stdout.decode())

with tempfile.TemporaryDirectory(prefix="claviger-prometheus-") as folder:
    metrics_port, prometheus_port = free_port(), free_port()
    signer = DevSigner(folder, "--metrics", "127.0.0.1:%d" % metrics_port)
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as f:
        f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%s]\nscrape_configs:\n"
                "  - job_name: claviger\n    static_configs: [{targets: ['127.0.0.1:%d']}]\n" % (RULES, metrics_port))
    prometheus = subprocess.Popen(["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + folder + "/data",
                                   "--web.listen-address=127.0.0.1:%d" % prometheus_port, "--log.level=error"],
                                  stdin=subprocess.DEVNULL)
    api = "http://127.0.0.1:%d/api/v1/" % prometheus_port

    def query(expression):
        answer = json.loads(get(api + "query?" + urllib.parse.urlencode({"query": expression})))
        return answer["data"]["result"]

    try:
        say("the signer is scraped", until(lambda: [r for r in query("up") if r["value"][1] == "1"]))
        codes = []
        for _ in range(6):  # over several scrapes, so that rates are more than nothing
            codes += [signer.sign(1000)[0], signer.sign(10 ** 15)[0], signer.sign(5, "/api/v1/check")[0]]
            scraped = query("timestamp(claviger_unsealed)")[0]["value"][1]
            until(lambda: query("timestamp(claviger_unsealed)")[0]["value"][1] != scraped)
        say("one kind was signed, one refused, one asked dry", codes == [200, 422, 200] * 6, codes)
        groups = json.loads(get(api + "rules"))["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        say("all rules are evaluated", len(rules) >= 13 and until(lambda: all(
            r["health"] == "ok" for g in json.loads(get(api + "rules"))["data"]["groups"] for r in g["rules"])), rules)
        # Histograms of a bucket's upper bound make an idle machine's p99 a figure; alerts stay quiet all the same.
        firing = [r["metric"]["alertname"] for r in query('ALERTS{alertstate="firing"}')]
        say("nothing fires on a healthy signer", not firing, firing)

        board = json.load(open(os.path.join(ROOT, "package/grafana/claviger.json"), encoding="utf-8"))
        expressions = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
        say("the dashboard has expressions", len(expressions) >= 20, len(expressions))
        for expression in expressions:
            asked = expression.replace("$__rate_interval", "30s").replace("$instance", ".*")
            say("has an answer: " + expression, until(lambda: query(asked), 30), "no series")
        signed = query('sum(increase(claviger_sign_requests_total{result="signed"}[10m]))')
        say("the count is the traffic's", signed and 3 <= float(signed[0]["value"][1]) <= 12, signed)

        # What rules and dashboard name is what there is.
        have = set(re.findall(r"^# TYPE (\w+)", get("http://127.0.0.1:%d/metrics" % metrics_port), re.M))
        text = open(RULES, encoding="utf-8").read() + " ".join(expressions)
        named = {re.sub(r"_(bucket|sum|count)$", "", n) if re.sub(r"_(bucket|sum|count)$", "", n) in have else n
                 for n in re.findall(r"\bclaviger_[a-z_]+\b", text)}
        hardware = {"claviger_tpm_nv_writes_left"}  # a software TPM has no budget of writes, and says nothing of one
        say("no metric is made up", len(named) >= 12 and named <= have | hardware, named - have)

        signer.stop()
        pending = until(lambda: [r for r in query('ALERTS{alertname="ClavigerDown"}')])
        say("a signer that is gone is noticed", pending, pending)
    finally:
        signer.stop()
        prometheus.terminate()
        prometheus.wait(timeout=300)
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed or passed < 30 else 0)
