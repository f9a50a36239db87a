#!/usr/bin/env python3
"""harrow e2e on a disk that takes no more: whatever length a file may have, what is there afterwards is whole or is
said not to be.

disk_test.py BIN SOURCE"""
import glob
import json
import os
import resource
import signal
import subprocess
import xml.etree.ElementTree

from harness import BIN, MANIFEST, Folder, check, finish

FLOWS = """flows:
""" + "".join(f"  - {{flow: f{i}, steps: [{{call: helloworld.Helloworld/Call, request: {{name: f{i}}}}}]}}\n"
             for i in range(12)) + "  - {flow: bad, steps: [{set: {x: '${nothing}'}}]}\n"

FILES = {"results.jsonl", "report.html", "junit.xml", "system.log"}


def limited(length):
    """For the child: no file of it grows longer, and it hears of that as an error, not as a signal."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, length))
    return limit


def run(folder, name, length=None, *arguments):
    out = os.path.join(folder, name)
    done = subprocess.run([os.path.join(BIN, "harrow"), "e2e", MANIFEST, os.path.join(folder, "flows.yaml"), "--driver",
                           "sim", "--quiet", "--seed", "7", "--out", out, *arguments],
                          env={**os.environ, "CI": "true", "NO_COLOR": "1"}, timeout=120,
                          preexec_fn=limited(length) if length is not None else None,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = glob.glob(os.path.join(out, "*"))
    return done.returncode, done.stdout, runs[0] if runs else None


def whole(path):
    """Of a report; None: there is none, which is no lie."""
    if not os.path.exists(path):
        return None
    if path.endswith(".xml"):
        try:
            return len(xml.etree.ElementTree.parse(path).getroot().findall(".//testcase")) >= 13
        except xml.etree.ElementTree.ParseError:
            return False
    with open(path, errors="replace") as f:
        return f.read().rstrip().endswith("</html>")


def verdicts(path):
    """Names of the cases whose lines can be read."""
    names = []
    with open(path, "rb") as f:
        for line in f:
            try:
                read = json.loads(line)
            except ValueError:
                continue
            if read["type"] == "case" and read.get("pillar") == "e2e":
                names.append(read["name"])
    return names


def lengths():
    with Folder() as folder:
        with open(os.path.join(folder, "flows.yaml"), "w") as f:
            f.write(FLOWS)
        code, out, first = run(folder, "whole")
        check(code == 1 and first is not None, "with all the room there is, the one flow that fails decides", out)
        stream = os.path.getsize(os.path.join(first, "results.jsonl"))
        report = max(os.path.getsize(os.path.join(first, name)) for name in ("report.html", "junit.xml"))
        tried = [0, 1, 200] + [stream * i // 9 for i in range(1, 9)] + [stream - 1, stream, (stream + report) // 2,
                                                                      report - 256]
        for n, length in enumerate(tried):
            code, out, folder_of_run = run(folder, f"run-{n}", length)
            what = f"no file above {length} bytes"
            check(code == 3, f"{what}: the exit code says that a file could not be written", f"{code} {out}")
            check("results.jsonl" in out or "report.html" in out or "junit.xml" in out, f"{what}: and which", out)
            left = sorted(set(os.listdir(folder_of_run)) - FILES)
            check(left == [], f"{what}: nothing is left over", left)
            for name in ("report.html", "junit.xml"):
                is_whole = whole(os.path.join(folder_of_run, name))
                check(is_whole is not False or "incomplete" in out, f"{what}: {name} is whole, or not there", out)
            # What is there of the stream is resumed from, with the cases that are missing run again.
            if length < 200 or n % 4 != 0:
                continue
            have = verdicts(os.path.join(folder_of_run, "results.jsonl"))
            code, out, again = run(folder, f"resumed-{n}", None, "--resume", folder_of_run)
            names = verdicts(os.path.join(again, "results.jsonl")) if again else []
            complete = sorted(set(names)) == sorted([f"f{i}" for i in range(12)] + ["bad"])
            check((code == 1 and complete) or (code == 4 and not have),
                  f"{what}: the run is resumed from the {len(have)} cases that are known", out)


lengths()
finish()
