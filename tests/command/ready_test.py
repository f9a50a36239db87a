#!/usr/bin/env python3
"""The ready files in ci/: they name only scripts, options, formats and reports there are; what a shell or systemd reads
is well formed; and what the gate tells as a result stream, harrow judges."""
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time

from harness import BIN, SOURCE, Folder, check, finish, harrow

CI = os.path.join(SOURCE, "ci")
READY = ["github-actions.yml", "gitlab-ci.yml", "Jenkinsfile", "harrow-nightly.service", "nightly.slurm", "cronjob.yaml"]
SCRIPTS = ["gate", "nightly", "setup.sh"]


def text_of(name):
    with open(os.path.join(CI, name), encoding="utf-8") as file:
        return file.read()


def options_of(script):
    done = subprocess.run([os.path.join(CI, script), "--help"], capture_output=True, text=True)
    return set(re.findall(r"--[a-z][a-z-]+", done.stdout)) if done.returncode == 0 else None


def names():
    options = {script: options_of(script) for script in SCRIPTS}
    check(all(found is not None for found in options.values()), "the scripts tell their options", options)
    used = {script: 0 for script in SCRIPTS}
    for name in READY:
        text = "\n".join(line for line in text_of(name).split("\n") if not line.lstrip().startswith(("#", "//")))
        text = text.replace("\\\n", " ")
        called = re.findall(r"\bci/([\w.-]+)([^\n]*)", text)
        check(called and all(script in SCRIPTS for script, _ in called), f"{name} calls the scripts there are", called)
        for script, rest in called:
            used[script] = used.get(script, 0) + 1
            rest = re.split(r"[&;]{1,2}\s|\)\"?$", rest)[0] if "$(" not in rest else rest
            wrong = [word for word in re.findall(r"(?<![\w$-])--[a-z][a-z-]+", rest) if word not in options[script]]
            check(not wrong, f"{name}: {script} has the options it is given", f"{wrong} of {rest}")
            if script == "setup.sh":
                check(re.match(r" (build|test|bench)\b", rest) is not None, f"{name}: set up as far as it can be", rest)
        formats = re.findall(r"--format (\S+?)['\"]?\s", text)
        with Folder() as folder:
            for some in formats:
                code, output = harrow("report", os.path.join(SOURCE, "reports/testdata/streams/passed.jsonl"), "--format", some,
                                      "--out", folder)
                check(code == 0, f"{name}: the formats {some}", output)
            there = os.listdir(folder)
        for file in re.findall(r"harrow-out/gate/([\w.]+)", text):
            check(file in there, f"{name}: {file} is written by the formats it asks for", there)
    check(all(used.values()), "each script is called somewhere", used)


def shells():
    for name in ["nightly.slurm", "setup.sh", "run.sh", "test.sh"]:
        done = subprocess.run(["bash", "-n", os.path.join(CI, name)], capture_output=True, text=True)
        check(done.returncode == 0, f"bash reads {name}", done.stderr)
    for at, command in enumerate(re.findall(r"sh '([^'\n]*)'", text_of("Jenkinsfile"))):
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        check(done.returncode == 0, f"bash reads command {at + 1} of the Jenkinsfile", done.stderr)
    jenkins = re.sub(r"//[^\n]*|'[^'\n]*'", "", text_of("Jenkinsfile"))
    check(jenkins.count("{") == jenkins.count("}") > 5, "the Jenkinsfile's blocks are closed")
    directives = [line for line in text_of("nightly.slurm").split("\n") if line.startswith("#SBATCH")]
    check(len(directives) > 3 and all(re.fullmatch(r"#SBATCH --[a-z-]+=\S+", line) for line in directives), "Slurm's directives",
          directives)


def units():
    for name in ("harrow-nightly.service", "harrow-nightly.timer"):
        section = None
        for number, line in enumerate(text_of(name).split("\n"), 1):
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                section = line
            check(section is not None and re.fullmatch(r"\[[A-Z]\w+\]|[A-Z]\w+=.+", line) is not None, f"{name}:{number}", line)
    if not shutil.which("systemd-analyze"):
        print("skipped systemd-analyze is not here: the units were read line by line only")
        return
    with Folder() as folder:  # at a place there is, with a user there is
        for name in ("harrow-nightly.service", "harrow-nightly.timer"):
            text = text_of(name).replace("/srv/harrow", SOURCE).replace("User=harrow", "User=root")
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run(["systemd-analyze", "verify", os.path.join(folder, "harrow-nightly.timer"),
                               os.path.join(folder, "harrow-nightly.service")], capture_output=True, text=True)
        ours = [line for line in done.stderr.split("\n") if "harrow-nightly" in line]
        check(not ours, "systemd reads the units", ours)


def gate_stream():
    """What ci/gate writes, judged by its policy: a crash fails it, and what is known does not."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("gate", os.path.join(CI, "gate"))
    gate = importlib.util.module_from_spec(importlib.util.spec_from_loader("gate", loader))
    loader.exec_module(gate)
    gate.HARROW = os.path.join(BIN, "harrow")

    class Args:
        base, seconds = "HEAD~1", 60.0
    good = {"target": "regressions", "seconds": 1.5, "ok": True, "executions": 40}
    bad = {"target": "json_fuzz", "seconds": 2, "ok": False, "executions": 7, "what": "a heap overflow", "because": ["a.c"],
           "replay": "json_fuzz crash-1"}
    for results, skipped, expected in (([good], [], 0), ([good, bad], ["other_fuzz"], 1), ([], [], 1)):
        with Folder() as folder:
            stream = os.path.join(folder, "results.jsonl")
            with open(stream, "w", encoding="utf-8") as file:
                file.write(gate.tell(Args, results, skipped, time.monotonic() - 5))
            code = gate.judge(folder, "html,junit,github")
            check(code == expected, f"the gate of {len(results)} results is {expected}", code)
            verdict = json.loads(harrow("report", stream, "--json")[1])
            check(verdict["passed"] + verdict["failed"] + verdict["skipped"] == len(results) + len(skipped), "nothing is lost")
            check({"report.html", "junit.xml"} <= set(os.listdir(folder)), "with its reports")


names()
shells()
units()
gate_stream()
finish()
