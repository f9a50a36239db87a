#!/usr/bin/env python3
"""The fuzz command as its users meet it, over the toy of this folder as a process: what a campaign leaves, the corpus,
several workers of which one is lost, an interrupt, the user's invariant, and a finding's test in C."""
import glob
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "command"))
from harness import BIN, SOURCE, Folder, check, finish, harrow, left_behind, parent_of, processes_of  # noqa: E402

COUNTED = sys.argv[3] == "1"
MANIFEST = os.path.join(SOURCE, "tests", "fuzz", "toy.yaml")
ALL, NONE = {"TOY_BUGS": "0xfff"}, {"TOY_BUGS": "0"}
ACCEPTS, TENANT = {"TOY_BUGS": "0x20"}, {"TOY_BUGS": "0x400"}


def fuzz(folder, *arguments, bugs=ALL, out="out"):
    shutil.rmtree(os.path.join(folder, out), ignore_errors=True)  # the one run that is there is this one, whatever the clock
    return harrow("fuzz", MANIFEST, "--out", out, "--in-flight", "4", *arguments, folder=folder, environment=bugs)


def runs(folder, out="out"):
    return sorted(glob.glob(os.path.join(folder, out, "2*")))


def summary(run):
    with open(os.path.join(run, "fuzz.json")) as f:
        return json.load(f)


def lines(run, kind):
    with open(os.path.join(run, "results.jsonl")) as f:
        return [line for line in map(json.loads, f) if line["type"] == kind]


def campaign(folder):
    # Real processes answer in another order each time, so that a seed does not say how many calls a bug takes.
    for inputs in ("600", "4000", "30000"):
        code, output = fuzz(folder, "--inputs", inputs, "--seed", "3", "--only", "/", "--corpus", "kept", bugs=ACCEPTS)
        run = runs(folder)[-1]
        figures = summary(run)
        if figures["findings"]:
            break
    check(code == 1 and figures["findings"], "the bug is found", f"exit {code}\n{output}")
    check(all(f["oracle"] == "accepted" for f in figures["findings"]), "and nothing else", json.dumps(figures["findings"]))
    check(figures["findings"][0]["confirmed"] == "fresh system", "it came again on a fresh system", output)
    case, test = os.path.join(run, "findings", "1.case"), os.path.join(run, "findings", "1_test.c")
    check(os.path.exists(case) and os.path.exists(test), "a script and a test are there")
    check(figures["ended"] == "calls" and figures["points"] and figures["operators"], "the summary is whole")
    check(len(lines(run, "table")) >= 4, "tables for the report")
    check((figures["edges"] > 0) == COUNTED, "coverage is read where there is some", str(figures["edges"]))
    code, output = harrow("replay", case, folder=folder, environment=ACCEPTS)
    check(code == 1 and "accepted" in output, "harrow replay shows it again", f"exit {code}\n{output}")
    code, output = harrow("replay", case, folder=folder, environment=NONE)
    check(code == 0, "and not on a toy that was mended", f"exit {code}\n{output}")


def corpus(folder):
    code, output = fuzz(folder, "--inputs", "150", "--only", "/", "--corpus", "kept", bugs=NONE)
    figures = summary(runs(folder)[-1])
    check(code == 0 and figures["imported"] > 50, "a later campaign continues the corpus", f"exit {code}\n{output}")
    code, output = harrow("fuzz", MANIFEST, "--corpus", "kept", "--list", folder=folder, environment=NONE)
    check(code == 0 and "# made by" in output and "call /notes.Notes/" in output, "it can be read", output[-2000:])
    code, output = fuzz(folder, "--corpus", "kept", "--distil", "small", bugs=NONE)
    many, few = len(os.listdir(os.path.join(folder, "kept"))), len(os.listdir(os.path.join(folder, "small")))
    check(code == 0 and 0 < few <= many, "and be distilled", f"exit {code}, {few} of {many}\n{output}")


def jobs(folder):
    # Without an end of its own: whatever is seen of it is still there when it is killed.
    command = [os.path.join(BIN, "harrow"), "fuzz", MANIFEST, "--out", "many", "--jobs", "2", "--budget", "1h", "--only", "/"]
    with subprocess.Popen(command, cwd=folder, env=dict(os.environ, CI="1", **NONE), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as p:
        workers = []
        while p.poll() is None:
            # Each has a guard besides, a copy of itself that heals when it dies: not the campaign's own child.
            workers = [pid for pid, line in processes_of(folder)
                       if " --json " in line and "/jobs/" in line and parent_of(pid) == p.pid]
            # Both are there, and at least one is at work: what it learnt is in the folder.
            if len(workers) == 2 and glob.glob(os.path.join(folder, "many", "2*", "corpus", "*")):
                break
            time.sleep(0.05)
        check(len(workers) == 2, "two workers run", str(workers))
        if workers:
            os.kill(workers[0], signal.SIGKILL)
        while p.poll() is None and not [pid for pid, line in processes_of(folder) if " --json " in line and "/jobs/" in line
                                        and parent_of(pid) == p.pid and pid not in workers]:
            time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        output = p.communicate()[0]
    run = runs(folder, "many")[-1]
    notes = json.dumps(lines(run, "note"))
    check(p.returncode == 130 and "was lost" in notes and "started again" in notes, "a lost worker is replaced",
          f"exit {p.returncode}\n{notes}\n{output}")
    # What the killed one had done is lost but for its corpus, and the others may hardly have begun: their sum is nobody's.
    code, output = fuzz(folder, "--jobs", "2", "--inputs", "60", "--only", "/", bugs=NONE, out="two")
    check(code == 0, "two that end by themselves and find nothing end well", f"exit {code}\n{output}")
    figures = summary(runs(folder, "two")[-1])
    # A case may be several calls: it is calls that --inputs counts.
    check(figures["calls"] >= 60 and figures["cases"] > 0 and figures["methods"], "what workers did is put together",
          json.dumps(figures)[:500])
    check(not left_behind(folder), "nothing is left running", str(processes_of(folder)))


def job_crashes(folder):
    """A worker that its simulated system takes down leaves a finding: one case, small, with its own command."""
    for budget in ("20s", "200s"):  # the first is plenty, but for a machine that hardly gets on
        code, output = harrow("fuzz", os.path.join(SOURCE, "systems", "micro.yaml"), "--driver", "sim", "--jobs", "2", "--budget",
                              budget, "--seed", "5", "--only", "helloworld.Helloworld/Call", "--out", "crashed",
                              program="harrow_crashing", folder=folder, timeout=500)
        run = runs(folder, "crashed")[-1]
        if code != 0:
            break
    found = lines(run, "finding")
    check(code == 1 and [f["oracle"] for f in found] == ["crash"] and "Helloworld/Call" in found[0]["title"],
          "a worker's crash is told once, of its call", f"exit {code}\n{found}\n{output}")
    check("is looked into" in json.dumps(lines(run, "note")), "and that it was lost", json.dumps(lines(run, "note")))
    check(any(f["oracle"] == "crash" for f in summary(run)["findings"]), "it is in the summary", str(summary(run)["findings"]))
    replay = shlex.split(found[0]["replay"]) if found else []
    with open(os.path.join(folder, replay[-1])) as f:
        script = f.read()
    check(script.count("\ncall ") == 1 and len(script) < 1000, "its case is small", script)
    done = subprocess.run(replay, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
    check(done.returncode == -signal.SIGABRT, "its command shows it again", f"exit {done.returncode}\n{done.stdout[-2000:]}")
    check(not left_behind(folder), "nothing is left running", str(processes_of(folder)))


def job_refusals(folder):
    """What no worker can begin with is told with its reason, and once."""
    with open(os.path.join(folder, "no-folder"), "w", encoding="utf-8") as f:
        f.write("x")
    code, output = fuzz(folder, "--jobs", "2", "--inputs", "60", "--corpus", "no-folder", bugs=NONE, out="refused")
    check(code == 3 and "no worker could begin" in output and "no-folder" in output, "a corpus that is no folder is told",
          f"exit {code}\n{output}")


def job_findings(folder):
    """A worker's finding is replayed by the program as the user called it, whoever started the worker."""
    for inputs in ("3000", "30000"):
        code, output = fuzz(folder, "--jobs", "2", "--inputs", inputs, "--only", "PingPong", bugs=ACCEPTS, out="named")
        run = runs(folder, "named")[-1]
        if code != 0:
            break
    commands = [line["replay"] for line in lines(run, "finding")]
    for case in glob.glob(os.path.join(run, "jobs", "*", "*", "findings", "*.case")):
        with open(case) as f:
            commands += [line[len("# replay: "):] for line in f if line.startswith("# replay: ")]
    program = os.path.join(BIN, "harrow") + " "
    check(code == 1 and len(commands) > 1 and all(c.startswith(program) for c in commands),
          "a worker's finding names the program", f"exit {code}\n{commands}\n{output}")


def interrupt(folder):
    command = [os.path.join(BIN, "harrow"), "fuzz", MANIFEST, "--out", "cut", "--budget", "1h", "--seed", "3", "--only", "/",
               "--corpus", "learnt"]
    with subprocess.Popen(command, cwd=folder, env=dict(os.environ, CI="1", **TENANT), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as p:
        while p.poll() is None and not glob.glob(os.path.join(folder, "learnt", "*")):
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        output = p.communicate()[0]
    figures = summary(runs(folder, "cut")[-1])
    check(p.returncode == 130 and figures["ended"] == "interrupted" and figures["calls"] > 0,
          "an interrupt keeps what was learnt", f"exit {p.returncode}\n{output}")


def interrupt_settling(folder):
    """An interrupt while a finding has its fresh system started ends both systems."""
    begun, held = os.path.join(folder, "begun"), os.path.join(folder, "held")
    script = os.path.join(folder, "once.sh")
    with open(script, "w") as f:  # the fresh system does not come up, so that it is there when the interrupt comes
        f.write(f'#!/bin/sh\nmkdir "{begun}" 2>/dev/null && exec "$@"\n: >"{held}"\nexec sleep 1000\n')
    os.chmod(script, 0o755)
    manifest = os.path.join(folder, "once.yaml")
    with open(MANIFEST) as f, open(manifest, "w") as out:
        out.write(f.read().replace('start: [', f'start: ["{script}", ').replace("ready_within: 20s", "ready_within: 600s"))
    for inputs in ("3000", "30000"):
        shutil.rmtree(begun, ignore_errors=True)
        shutil.rmtree(os.path.join(folder, "late"), ignore_errors=True)
        command = [os.path.join(BIN, "harrow"), "fuzz", manifest, "--out", "late", "--inputs", inputs, "--seed", "3", "--only",
                   "PingPong"]
        with subprocess.Popen(command, cwd=folder, env=dict(os.environ, CI="1", **ACCEPTS), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as p:
            while not os.path.exists(held) and p.poll() is None:
                time.sleep(0.02)
            p.send_signal(signal.SIGINT)
            output = p.communicate()[0]
        if os.path.exists(held):
            break
    fresh = os.path.join(runs(folder, "late")[-1], "fresh")
    found = [f for f in lines(runs(folder, "late")[-1], "finding") if f["oracle"] == "accepted"]
    check(os.path.exists(held) and p.returncode == 130 and len(found) == 1, "an interrupt behind the campaign tells what was found",
          f"exit {p.returncode}\n{output}")
    check(not left_behind(folder) and not os.path.exists(fresh), "nothing is left",
          str(processes_of(folder)))


def wrong_options(folder):
    """What cannot be meant is told before anything is started, and leaves nothing."""
    for arguments, code, words in (
            (["--minutes", "x"], 2, "expected an integer"), (["--minutes", "-1"], 2, "from 0 to 100000"),
            (["--jobs", "0"], 2, "from 1 to 64"), (["--jobs", "999"], 2, "from 1 to 64"), (["--corpus", ""], 2, "got nothing"),
            (["--minutes", "1", "--budget", "2s"], 2, "give one"), (["--jobs", "2", "--suspects", "j"], 2, "--jobs goes with"),
            (["--jobs", "2", "--journal", "j"], 2, "leave out --journal"), (["--suspects", "j"], 2, "add --driver sim"),
            (["--input", "a", "--distil", "b"], 2, "give one"), (["--distil", "b"], 2, "need --corpus"),
            (["--list", "--corpus", "none"], 4, "none: there is no such corpus folder"),
            (["--input", "none.case"], 4, "none.case: there is no such file"),
            (["--only", "no.Such"], 4, "no method is left: none contains \"no.Such\""),
            (["--out", "/proc/none"], 3, "cannot make the folder /proc/none"),
            (["--corpus", "/proc/none"], 3, "cannot make the corpus folder /proc/none")):
        got, output = fuzz(folder, *arguments, bugs=NONE, out="wrong")
        check(got == code and words in output, " ".join(arguments), f"exit {got}, not {code}\n{output}")
    check(not left_behind(folder), "nothing is left running", str(processes_of(folder)))


def shared_corpus(folder):
    """Two campaigns at once on one folder: both end well, and what one finds the other takes in, unless it is done by then."""
    command = [os.path.join(BIN, "harrow"), "fuzz", MANIFEST, "--inputs", "2000", "--only", "/", "--corpus", "shared", "--quiet"]
    both = []
    for i in range(2):
        both.append(subprocess.Popen([*command, "--out", f"shared-{i}"], cwd=folder, env=dict(os.environ, CI="1", **NONE),
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        while both[0].poll() is None and not glob.glob(os.path.join(folder, "shared", "*")):
            time.sleep(0.02)  # the second begins when there is something to take in
    said = [p.communicate()[0] for p in both]
    imported = [summary(runs(folder, f"shared-{i}")[-1])["imported"] for i in range(2)]
    check([p.returncode for p in both] == [0, 0] and any(imported), "two campaigns share a folder", f"{imported}\n{said}")
    code, output = harrow("fuzz", MANIFEST, "--corpus", "shared", "--list", folder=folder, environment=NONE)
    check(code == 0 and "nobody wrote down" not in output, "and every case in it is whole", output[-2000:])


def invariant(folder):
    path = os.path.join(folder, "check.sh")
    with open(path, "w") as f:
        f.write('#!/bin/sh\n[ -n "$HARROW_ADDRESS_TOY" ] && [ "$HARROW_TOKEN" = one ] || exit 0\necho the sum is wrong\nexit 3\n')
    os.chmod(path, 0o755)
    code, output = fuzz(folder, "--inputs", "60", "--only", "/", "--invariant", path, bugs=NONE)
    found = lines(runs(folder)[-1], "finding")
    check(code == 1 and [f["oracle"] for f in found] == ["invariant"] and "the sum is wrong" in found[0]["detail"],
          "the user's invariant is asked", f"exit {code}\n{output}")
    code, output = fuzz(folder, "--inputs", "60", "--only", "/", "--invariant", os.path.join(folder, "none"), bugs=NONE)
    check(code == 4, "one that is not there is told", f"exit {code}\n{output}")


def test_in_c():
    for bugs, right in ((ALL, 1), (NONE, 0)):
        with Folder() as folder:
            env = dict(os.environ, HARROW_MANIFEST=MANIFEST, **bugs)
            done = subprocess.run([os.path.join(BIN, "fuzz_finding_sample")], cwd=folder, env=env, timeout=240,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check((done.returncode != 0) == bool(right), f"a finding's test {'fails' if right else 'passes'}", done.stdout)


def main():
    with Folder() as folder:
        campaign(folder)
        corpus(folder)
        jobs(folder)
        job_crashes(folder)
        job_refusals(folder)
        job_findings(folder)
        interrupt(folder)
        interrupt_settling(folder)
        wrong_options(folder)
        shared_corpus(folder)
        invariant(folder)
    test_in_c()
    finish()


main()
