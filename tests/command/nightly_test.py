#!/usr/bin/env python3
"""Searches and nights as their users start them: the same seed is the same search; a planted bug is found, told small,
and shown again by the printed command; what was kept can be carried out; a night keeps to its time, goes on after it
was killed, and leaves its report when it is stopped."""
import glob
import json
import os
import signal
import subprocess
import time

from harness import BIN, MANIFEST, SOURCE, Folder, check, finish, harrow, left_behind, replay_command

PLAN = os.path.join(SOURCE, "chaos", "experiments", "store-kill.yaml")
SMALL = ["--duration", "1s", "--clients", "3", "--keys", "2", "--rate", "150", "--fault", "kill", "--fault", "stop"]


def lines_of(folder, kind):
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "harrow-out", "*", "results.jsonl"))):
        with open(path, encoding="utf-8") as f:
            found += [line for line in map(json.loads, f) if line["type"] == kind]
    return found


def searches(folder):
    for corpus in ("one", "two"):
        code, output = harrow("chaos", MANIFEST, "--runs", "18", "--seed", "5", *SMALL, "--jobs", str(1 + (corpus == "two")),
                              "--corpus", corpus, folder=folder)
        check(code == 0, "search: the right system passes", f"exit {code}\n{output}")
    one, two = lines_of(folder, "search")
    names = [sorted(os.listdir(os.path.join(folder, corpus))) for corpus in ("one", "two")]
    check(one["digest"] == two["digest"] and names[0] == names[1] and names[0], "search: one seed, one search", f"{one}\n{two}")
    check(one["runs"] == 18 and one["corpus"] == len(names[0]), "search: what is kept is in files", str(one))
    code, output = harrow("chaos", MANIFEST, "--schedule", os.path.join("one", names[0][0]), "--driver", "sim", "--seed", "5",
                          folder=folder)
    check(code == 0, "search: what is kept can be carried out", output)


def finds(folder):
    code, output = harrow("chaos", MANIFEST, "--runs", "16", "--seed", "11", *SMALL, "--target", "store", "--workload",
                          "store-register", program="harrow_early_ack", folder=folder)
    check(code == 1 and "store-register / " in output, "search: a planted bug is found", f"exit {code}\n{output}")
    small = [f for f in lines_of(folder, "finding") if "none can be left out" in f["detail"]]
    check(bool(small), "search: it is made smaller", output)
    replay = replay_command(output)
    check(replay is not None, "search: a command is printed", output)
    if replay:
        code, output = harrow(*replay[1:], "--shrink", "never", program="harrow_early_ack", folder=folder)
        check(code == 1, "search: the command shows it again", f"exit {code}\n{output}")


def confirms(folder):
    """Who is killed cannot answer within a microsecond, in whatever world."""
    code, output = harrow("chaos", MANIFEST, "--runs", "2", "--seed", "4", *SMALL[:-4], "--fault", "kill", "--target",
                          "store", "--workload", "store-register", "--recovery-within", "1us", folder=folder)
    found = lines_of(folder, "finding")
    check(code == 1 and len(found) == 1 and "recovery" in found[0]["title"], "search: a slow recovery is found", output)
    check("as processes it failed 1 time of 1: confirmed" in found[0]["detail"],
          "search: what is found is confirmed on processes", str(found))
    check("of which 1 ran as processes and 1 failed so" in output and lines_of(folder, "search")[0]["confirmed"] == 1,
          "search: how many were is told", output)


def table_of(folder):
    return {row[0]: row for line in lines_of(folder, "table") for row in line["rows"]}


def night(folder, seconds, *more):
    return harrow("chaos", "--nightly", f"{seconds}s", "--driver", "sim", "--corpus", "kept", "--seed", "3", "--duration", "1s",
                  PLAN, *more, folder=folder)


def started(folder):
    return subprocess.Popen([os.path.join(BIN, "harrow"), "chaos", "--nightly", "10m", "--driver", "sim", "--corpus", "kept",
                             "--seed", "4", "--duration", "1s", PLAN], cwd=folder, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def wait_for(holds, seconds=240):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def nights(folder):
    state = os.path.join(folder, "kept", "nightly.json")
    process = started(folder)
    check(wait_for(lambda: os.path.exists(state)), "nightly: what it knows is kept after each turn")
    process.kill()
    process.wait()
    check(not left_behind(folder), "nightly: nothing is left when it is killed")
    with open(state, encoding="utf-8") as f:
        before = json.load(f)
    check(not before["ended"] and before["spent"] > 0, "nightly: a night that was killed has not ended", str(before)[:300])

    code, output = night(folder, 9)
    rows = table_of(folder)
    turns = before["arms"]["store-kill.yaml (sim)"]["turns"]
    corpus = os.path.join(folder, "kept", "micro", "*.yaml")
    with open(state, encoding="utf-8") as f:
        check(json.load(f)["ended"], "nightly: at its end it has ended")
    if rows["micro.yaml (search)"][1] == 0 or not glob.glob(corpus):  # on a machine that hardly gets on in nine seconds
        night(folder, 120)
        rows["micro.yaml (search)"] = table_of(folder)["micro.yaml (search)"]
    check(code == 0, "nightly: it ends by itself", f"exit {code}\n{output}")
    check("going on with a night that was cut off" in output, "nightly: it goes on with the one that was killed", output)
    check(rows["store-kill.yaml (sim)"][1] >= turns >= 1 and rows["micro.yaml (search)"][1] >= 1,
          "nightly: each has its row", str(rows))
    check("\n| store-kill.yaml (sim) " in output, "nightly: its table is in the summary", output)
    check(glob.glob(corpus) != [], "nightly: the search has a corpus")

    out = os.path.join(folder, "harrow-out")
    newest = max(os.listdir(out))
    process = started(folder)
    check(wait_for(lambda: any(name > newest and os.path.isdir(os.path.join(out, name, "turns")) for name in os.listdir(out))),
          "nightly: another one begins")
    process.send_signal(signal.SIGTERM)
    code = process.wait(240)
    report = os.path.join(out, max(os.listdir(out)), "report.html")
    with open(report, encoding="utf-8") as f:
        check(code == 130 and "recovery p99" in f.read(), "nightly: SIGTERM leaves the report", f"exit {code}")


def refused(folder):
    for words in (["--nightly", "1m", "--search", "1m", PLAN], ["--search", "1m", "--schedule", "x.yaml", MANIFEST],
                  ["--corpus", "x", MANIFEST], [MANIFEST, PLAN], ["--search", "1m", "--driver", "attach", MANIFEST]):
        code, output = harrow("chaos", *words, folder=folder)
        check(code == 2, f"{' '.join(words[:3])}: is refused", f"exit {code}\n{output}")
    code, output = harrow("chaos", "--nightly", "1m", folder=folder)
    check(code == 4 and "chaos/experiments" in output, "nightly: nothing to do is told", output)


def main():
    for part in (refused, searches, finds, confirms, nights):
        with Folder() as folder:
            part(folder)
    finish()


main()
