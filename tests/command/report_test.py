#!/usr/bin/env python3
"""harrow report and harrow gate as their users meet them: many formats, shards, histories, verdicts, baselines; and
the reports that a run itself writes."""
import base64
import http.server
import json
import os
import re
import shlex
import sqlite3
import threading

from harness import MANIFEST, SOURCE, Folder, check, finish, harrow

STREAMS = os.path.join(SOURCE, "reports", "testdata", "streams")
FULL, PASSED, KILLED, RETRIED = (os.path.join(STREAMS, f"{name}.jsonl") for name in ("full", "passed", "killed", "retried"))
FILES = {"terminal": "summary.txt", "html": "report.html", "junit": "junit.xml", "tap": "results.tap", "ctrf": "ctrf.json",
         "sarif": "results.sarif", "markdown": "summary.md", "github": "annotations.txt", "openmetrics": "metrics.txt",
         "json": "report.json"}


def written(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def formats():
    with Folder() as folder:
        code, output = harrow("report", FULL, "--format", ",".join(FILES), "--out", "all", folder=folder)
        check(code == 0 and sorted(os.listdir(os.path.join(folder, "all"))) == sorted(FILES.values()),
              "every format into a folder", output)
        for name, file in FILES.items():
            code, output = harrow("report", FULL, "--format", name)
            with open(os.path.join(folder, "all", file), encoding="utf-8") as f:
                check(code == 0 and output == f.read(), f"{name} on standard output is the same")
        check(harrow("--help")[1].count("gate") == 1, "the gate is among the commands")
        help_text = harrow("report", "--help")[1]
        check(all(name in help_text for name in FILES), "help names all formats", help_text)
        code, output = harrow("report", FULL, "--format", "junit,htlm", "--out", folder)
        check(code == 2 and 'did you mean "html"?' in output, "a misspelt format", output)
        code, output = harrow("report", FULL, "--format", "junit,html")
        check(code == 2 and "--out FOLDER" in output, "several need a folder", output)
        code, output = harrow("report", FULL, "--out", folder, "--output", "x")
        check(code == 2 and "two places" in output, "two places are one too many", output)
        code, output = harrow("report", written(folder, "bad.jsonl", ["{oops\n", "{}\n"]))
        check(code == 4 and "bad.jsonl:1:" in output, "a stream that is none", output)
        empty, history = written(folder, "empty.jsonl", []), written(folder, "empty.db", [])
        for arguments in ((empty,), ("diff", empty, empty), ("diff", FULL, empty), (FULL, empty)):
            code, output = harrow("report", *arguments)
            check(code == 4 and "empty.jsonl: the stream is empty" in output, f"an empty stream: {arguments}", output)
        code, output = harrow("report", "history", history)
        check(code == 4 and "the file is empty" in output and os.path.getsize(history) == 0,
              "to look at an empty file writes nothing into it", output)
        code, output = harrow("report", os.path.join(folder, "none.jsonl"))
        check(code in (3, 4) and "none.jsonl" in output, "a run that is not there", output)


def shard(number, of, name, status, begun):
    return [{"type": "run", "t": 0, "id": "r1", "system": "micro", "started": f"2026-11-21T09:00:0{begun}.000Z", "shard": number,
             "shards": of},
            {"type": "case", "t": 5, "pillar": "e2e", "suite": "s", "name": name, "status": status, "duration": 5},
            {"type": "end", "t": 9, "exit": int(status == "failed")}]


def merges():
    with Folder() as folder:
        one = written(folder, "1.jsonl", shard(1, 2, "a", "failed", 1))
        two = written(folder, "2.jsonl", shard(2, 2, "b", "passed", 2))
        again = written(folder, "3.jsonl", shard(1, 2, "a", "passed", 3))
        verdict = json.loads(harrow("report", one, two, "--json")[1])
        check((verdict["verdict"], verdict["failed"], verdict["passed"]) == ("failed", 1, 1), "two shards are one run", verdict)
        verdict = json.loads(harrow("report", again, two, one, "--json")[1])
        check((verdict["verdict"], verdict["flaky"], verdict["failed"]) == ("passed", 1, 0),
              "a later try does not hide the failure, in whatever order they are named", verdict)
        verdict = json.loads(harrow("report", two, "--json")[1])
        check(verdict["verdict"] == "incomplete", "one shard is not the run", verdict)


def histories():
    with Folder() as folder:
        runs = [written(folder, f"{day}.jsonl", [
            {"type": "run", "t": 0, "id": f"run-{day}", "system": "micro", "started": f"2026-11-0{day}T09:00:00.000Z"},
            {"type": "case", "t": 1, "pillar": "e2e", "suite": "s", "name": "turns", "status": ["passed", "failed"][day % 2],
             "duration": day * 10**6},
            {"type": "finding", "t": 1, "pillar": "fuzz", "title": f"key of {day} bytes", "severity": "bug"},
            {"type": "end", "t": 9, "exit": 1}]) for day in range(1, 6)]
        for path in runs * 2:
            code, output = harrow("report", path, "--history", "runs.db", folder=folder)
            check(code == 0, f"kept {os.path.basename(path)}", output)
        code, output = harrow("report", "history", "runs.db", "--json", folder=folder)
        told = json.loads(output)
        check(code == 0 and len(told["runs"]) == 5, "five runs, each once", output)
        check(told["flakiest"][0]["flips"] == 4 and told["flakiest"][0]["name"] == "turns", "what flips", output)
        check(told["findings"][0]["first"].startswith("2026-11-01") and told["findings"][0]["runs"] == 5,
              "one finding with any number in it, and when it was first seen", output)
        code, output = harrow("report", "history", "runs.db", folder=folder)
        check(code == 0 and "Slowest cases" in output and "turns" in output, "as text", output)
        with sqlite3.connect(os.path.join(folder, "runs.db")) as db:
            check(db.execute("PRAGMA user_version").fetchone() == (1,), "the file says its version")
            check(db.execute("SELECT count(*) FROM cases").fetchone() == (5,), "replaced, not added")
        code, output = harrow("report", "history", "none.db", folder=folder)
        check(code == 4 and "there is no such history" in output and not os.path.exists(os.path.join(folder, "none.db")),
              "asking makes no file", output)


def differences():
    with Folder() as folder:
        def run(status):
            return written(folder, status, [
                {"type": "run", "t": 0, "id": status},
                {"type": "case", "t": 1, "pillar": "e2e", "suite": "s", "name": "x", "status": status},
                {"type": "end", "t": 2, "exit": 0}])
        good, bad = run("passed"), run("failed")
        code, output = harrow("report", "diff", good, bad)
        check(code == 1 and "broken" in output and "e2e / s / x" in output, "worse", output)
        code, output = harrow("report", "diff", bad, good, "--json")
        check(code == 0 and json.loads(output)["changes"][0]["change"] == "fixed", "better", output)
        code, output = harrow("report", "diff", good)
        check(code == 2, "it needs two", output)


def gates():
    with Folder() as folder:
        policy = written(folder, "gate.yaml", ["gate: 1\nfailures: 0\nminimum:\n  cases: 1\n"])
        code, output = harrow("gate", policy, PASSED)
        check(code == 0 and output.endswith("gate: passed\n"), "a run that passes", output)
        code, output = harrow("gate", policy, FULL)
        check(code == 1 and "FAIL  findings: 1 new" in output and "replay: harrow replay finding-1.json" in output and
              f"{policy}:2" in output, "one that does not, and why", output)
        code, output = harrow("gate", policy, FULL, "--json")
        check(code == 1 and json.loads(output)["passed"] is False, "the same as JSON", output)
        code, output = harrow("gate", policy, KILLED)
        check(code == 1 and "stop before the run's end" in output, "one that was killed", output)
        code, output = harrow("gate", written(folder, "bad.yaml", ["gate: 1\nflakey: 2\n"]), PASSED)
        check(code == 4 and "bad.yaml:2:1: " in output and "flaky" in output, "a policy with an error", output)
        code, output = harrow("gate", os.path.join(folder, "none.yaml"), PASSED)
        check(code == 4 and "there is no such file" in output, "a policy that is not there", output)

        known = os.path.join(folder, "known.yaml")
        code, output = harrow("gate", policy, FULL, "--baseline", known)
        check(code == 4 and "known.yaml" in output, "a baseline that is not there is told", output)
        code, output = harrow("gate", policy, FULL, "--baseline", known, "--accept", "issue 12", "--expires", "2099-01-01")
        check(code == 1 and "3 entries written" in output, "accepting still fails this once", output)
        with open(known, encoding="utf-8") as file:
            text = file.read()
        check(text.count('reason: "issue 12"') == 3 and text.count('expires: "2099-01-01"') == 3, "a file to review", text)
        code, output = harrow("gate", policy, FULL, "--baseline", known)
        check(code == 0 and "1 are in the baseline" in output, "then it passes", output)
        with open(known, "a", encoding="utf-8") as file:
            file.write("  # a comment that stays\n")
        code, output = harrow("gate", policy, RETRIED, "--baseline", known, "--accept", "later")
        with open(known, encoding="utf-8") as file:
            text = file.read()
        check("# a comment that stays" in text and text.count("reason") == 4, "what is there stays", text)
        old = written(folder, "old.yaml", [text.replace("2099-01-01", "2001-01-01")])
        code, output = harrow("gate", policy, FULL, "--baseline", old)
        check(code == 1 and "past its day, 2001-01-01: issue 12" in output, "past its day it counts again", output)
        flow = written(folder, "flow.yaml", ["baseline: [{case: x, reason: r, expires: \"2099-01-01\"}]\n"])
        code, output = harrow("gate", policy, FULL, "--baseline", flow, "--accept", "r")
        check(code == 4 and "one entry below the other" in output, "a file that cannot be added to is left alone", output)
        for arguments, said in ((("--accept", "r"), "--baseline FILE"), (("--expires", "2099-01-01"), "--accept"),
                                (("--accept", "r", "--baseline", known, "--expires", "soon"), "expected a day")):
            code, output = harrow("gate", policy, FULL, *arguments)
            check(code == 2 and said in output, f"{' '.join(arguments[:1])} alone", output)

        slower = written(folder, "slower.yaml", ["gate: 1\nfailures: 9\nfindings: 9\nregressions:\n"
                                                 "  - {series: throughput, ratio: 1.1}\n"])
        code, output = harrow("gate", slower, FULL)
        check(code == 1 and "--against RUN" in output, "nothing to compare with does not pass in silence", output)
        code, output = harrow("gate", slower, FULL, "--against", FULL, "--seed", "5")
        again = harrow("gate", slower, FULL, "--against", FULL, "--seed", "5")[1]
        check(code == 0 and "x1.00" in output and "seed 5" in output and again == output, "the same run is no slower", output)


def pages():
    """What docs/gate.md shows is read as it stands there."""
    with open(os.path.join(SOURCE, "docs", "gate.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```yaml\n(.*?)```", file.read(), re.S)
    with Folder() as folder:
        policies = [block for block in blocks if block.startswith("gate: 1")]
        known = [block for block in blocks if block.startswith("baseline:")]
        check(policies and known, "the page shows a policy and a baseline", blocks)
        for block in policies:
            code, output = harrow("gate", written(folder, "gate.yaml", [block]), FULL, "--against", FULL, "--baseline",
                                  written(folder, "known.yaml", known))
            check(code == 1 and "minimum of inputs" in output and "1 are in the baseline" in output, "both are read", output)
    for file in ("gate.yaml",):
        code, output = harrow("gate", os.path.join(SOURCE, "ci", file), PASSED)
        check(code == 0, f"ci/{file} is a policy", output)


def runs():
    """A run writes what it is asked for."""
    with Folder() as folder:
        code, output = harrow("e2e", MANIFEST, "--driver", "sim", "--seed", "3", "--format", "tap,ctrf,github", folder=folder)
        run = next(os.scandir(os.path.join(folder, "harrow-out"))).path
        there = set(os.listdir(run))
        check(code == 0 and {"results.tap", "ctrf.json", "annotations.txt"} <= there and "report.html" not in there,
              "the formats asked for, and no others", f"{there}\n{output}")
        check("::notice title=harrow::passed" in output, "GitHub reads its annotations from the log", output)
        code, output = harrow("e2e", MANIFEST, "--driver", "sim", "--format", "tab", folder=folder)
        check(code == 2 and 'did you mean "tap"?' in output, "a misspelt one is told before anything runs", output)


class Door(http.server.BaseHTTPRequestHandler):
    """Takes one name and password, and keeps what it was asked."""
    asked = []

    def do_GET(self):
        expected = "Basic " + base64.b64encode(b"me:s3cr3t+pw").decode()
        Door.asked.append((self.path, self.headers["authorization"] == expected))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def secrets():
    """What an address on the command line has of a secret is used, and stands in no report and in nothing printed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secret = {"password": "s3cr3t+pw", "another": "p4ssw0rd", "parameter": "t0k3n-value", "metadata": "b34r3r"}
    host = f"127.0.0.1:{server.server_port}"
    address = f"http://me:{secret['password']}@{host}"
    with Folder() as folder:
        written(folder, "f.yaml", ["flow: asks\nsteps:\n  - {http: 'GET ${gateway}/a'}\n  - {http: 'GET ${link}'}\n"
                                   "  - {http: 'GET ${other}/b', expect: {status: 404}}\n"])
        given = ["--variable", f"link=http://{host}/c?x=1&access_token={secret['parameter']}",
                 "--variable", f"other=http://you:{secret['another']}@{host}"]
        code, output = harrow("e2e", address, "f.yaml", *given, "-H", f"authorization: Bearer {secret['metadata']}", "--retries", "1",
                              "--format", ",".join(FILES), "--out", "runs", folder=folder)
        check(code == 1 and ("/a", True) in Door.asked and (f"/c?x=1&access_token={secret['parameter']}", True) not in Door.asked and
              any(path == f"/c?x=1&access_token={secret['parameter']}" for path, _ in Door.asked), "the secrets are used",
              f"exit {code}, {Door.asked}\n{output}")
        run = next(os.scandir(os.path.join(folder, "runs"))).path
        check({*FILES.values(), "results.jsonl"} <= set(os.listdir(run)), "every report is there", os.listdir(run))
        for name in [None, *sorted(os.listdir(run))]:
            text = output
            if name is not None:
                with open(os.path.join(run, name), encoding="utf-8") as file:
                    text = file.read()
            for what, value in secret.items():
                check(value not in text, f"the {what} is not in {name or 'what is printed'}", text)
            check("(hidden)" in text or name == "metrics.txt", f"{name or 'what is printed'} says that something is hidden", text)
        code, output = harrow("replay", run, folder=folder)
        check(code != 0 and "the command had a secret in it" in output, "it is not replayed without", f"exit {code}\n{output}")
        code, output = harrow("replay", run, "--print", folder=folder)
        words = shlex.split(output.strip().splitlines()[-1])
        shown = [word for word in words if "(hidden)" in word]
        check(len(shown) == 4, "the command is shown with the places", output)
        whole = iter([address, given[1], given[3], f"authorization: Bearer {secret['metadata']}"])
        code, output = harrow(*[next(whole) if "(hidden)" in word else word for word in words[1:]], folder=folder)
        check(code == 1 and "expected 404, got 200" in output, "completed by hand it runs", f"exit {code}\n{output}")
    server.shutdown()
    server.server_close()


formats()
merges()
histories()
differences()
gates()
pages()
runs()
secrets()
finish()
