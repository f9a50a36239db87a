#!/usr/bin/env python3
"""harrow on real processes: a whole run, two at once, Ctrl-C in the middle, SIGKILL. Nothing stays behind."""
import json
import os
import signal
import subprocess
import time

from harness import BIN, MANIFEST, Folder, check, finish, harrow, left_behind, processes_of


def results(folder):
    for base, _, files in os.walk(folder):
        if "results.jsonl" in files:
            with open(os.path.join(base, "results.jsonl")) as f:
                return base, [json.loads(line) for line in f if line.endswith("\n")]
    return None, []


def start(folder, *arguments):
    env = dict(os.environ, CI="true", NO_COLOR="1")
    return subprocess.Popen([os.path.join(BIN, "harrow"), *arguments], cwd=folder, env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")


def output_of(run, seconds=240):
    """Waits for its end; what does not end is killed, and its exit code says so."""
    try:
        return run.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        run.kill()
        return run.communicate()[0]


def wait_for(predicate, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if predicate():
            return True
        time.sleep(0.05)
    return False


def whole_run():
    with Folder() as folder:
        code, output = harrow("run", MANIFEST, "--budget", "12s", folder=folder)
        base, lines = results(folder)
        check(code == 0, "a whole run passes", output)
        pillars = [l["name"] for l in lines if l["type"] == "pillar" and l["state"] == "end"]
        check(pillars == ["contract", "e2e", "fuzz", "chaos"], "all four pillars ran", str(pillars))
        faults = [l for l in lines if l["type"] == "fault" and l["state"] == "inject"]
        # Two components need not be connected at the moment that was drawn to break their connections.
        said = [f["verified"] or f.get("detail", "").startswith("no connection to or from ") for f in faults]
        check(any(f["verified"] for f in faults) and all(said), "faults were injected, and verified", str(faults))
        check(any(l["type"] == "recovery" for l in lines), "recovery was measured")
        for name in ["report.html", "junit.xml", "system.log"]:
            check(os.path.getsize(os.path.join(base, name)) > 0, f"{name} is there")
        check(not os.path.exists(os.path.join(base, "data")), "the data folder is gone")
        check(not left_behind(folder), "no process is left", str(processes_of(folder)))


def two_at_once():
    with Folder() as one, Folder() as two:
        runs = [(folder, start(folder, "run", MANIFEST, "--budget", "6s", "--seed", "7")) for folder in (one, two)]
        for folder, run in runs:
            output = output_of(run, 600)
            check(run.returncode == 0, "two runs of one seed stand side by side", output)


def interrupted(arguments, name, number=signal.SIGINT):
    with Folder() as folder:
        run = start(folder, *arguments)
        base = lambda: results(folder)[0]
        check(wait_for(lambda: len(processes_of(folder)) > 5, 240), f"{name}: the system is up")
        time.sleep(1.5)
        run.send_signal(number)
        output = output_of(run)
        check(run.returncode == 130, f"{name}: exit 130", f"exit {run.returncode}\n{output}")
        check(os.path.exists(os.path.join(base(), "report.html")), f"{name}: the report covers what was done", output)
        check(not left_behind(folder), f"{name}: no process is left", str(processes_of(folder)))


def interrupted_simulation(pillar, arguments, number):
    """Virtual time runs ahead of the user; his Ctrl-C must reach it all the same."""
    name = f"{pillar} in simulation, {signal.Signals(number).name}"
    with Folder() as folder:
        run = start(folder, pillar, MANIFEST, "-d", "sim", *arguments)

        def working():
            return any(l["type"] == "pillar" and l["name"] == pillar for l in results(folder)[1])

        check(wait_for(working, 240), f"{name}: it is under way")
        time.sleep(0.5)
        run.send_signal(number)
        output = output_of(run)  # killed when it does not end: an hour's work is ahead of it
        check(run.returncode == 130, f"{name}: exit 130", f"exit {run.returncode}\n{output}")
        base, lines = results(folder)
        check(lines[-1]["type"] == "end" and lines[-1]["exit"] == 130, f"{name}: the stream has its end", str(lines[-1]))
        check(os.path.exists(os.path.join(base, "report.html")), f"{name}: the report covers what was done", output)


def up(number, arguments):
    """Being stopped is how `up` ends well, by whichever signal."""
    name = " ".join(["up", *arguments, signal.Signals(number).name])
    with Folder() as folder:
        run = start(folder, "up", MANIFEST, *arguments)
        first = run.stdout.readline()
        if "--json" in arguments:
            check(json.loads(first)["type"] == "run", f"{name}: the stream begins", first)
            note = json.loads(run.stdout.readline())
            parts = {c["name"]: c for c in note.get("components", [])}
            check(note["type"] == "note" and len(parts) == 12 and parts["store"]["address"].startswith("127.0.0.1:"),
                  f"{name}: the stream tells where everything is", str(note))
            check(note["token"].count(".") == 2 and note["gateway"] == parts["api"]["http"], f"{name}: and how to call it",
                  str(note))
        elif "--quiet" not in arguments:
            lines = [first]
            while lines[-1] and "Ctrl-C stops it" not in lines[-1]:
                lines.append(run.stdout.readline())
            text = "".join(lines)
            check("micro is up (processes): 12 components" in text and "token  " in text and "notes  " in text,
                  f"{name}: it tells where everything is", text)
        run.send_signal(number)
        output = output_of(run)
        check(run.returncode == 0, f"{name}: exit 0", f"exit {run.returncode}\n{output}")
        if "--json" in arguments:
            check(json.loads(output.splitlines()[-1])["type"] == "end", f"{name}: the stream has its end", output)
        check(not left_behind(folder), f"{name}: no process is left", str(processes_of(folder)))


def killed():
    with Folder() as folder:
        run = start(folder, "chaos", MANIFEST, "--duration", "30s", "--fault", "stop")
        check(wait_for(lambda: len(processes_of(folder)) > 5, 240), "killed: the system is up")
        time.sleep(3)
        run.kill()
        run.wait()
        check(not left_behind(folder), "after SIGKILL of harrow no process is left",
              str(processes_of(folder)))
        base, _ = results(folder)
        code, output = harrow("report", base, folder=folder)
        check(code == 0 and "incomplete" in output, "what a killed run left behind can be rendered", output)


def main():
    whole_run()
    two_at_once()
    interrupted(["run", MANIFEST, "--budget", "60s"], "Ctrl-C in a run")
    interrupted(["chaos", MANIFEST, "--duration", "60s", "--fault", "stop"], "Ctrl-C while something is stopped")
    interrupted(["fuzz", MANIFEST, "--budget", "60s"], "SIGTERM in a run", signal.SIGTERM)
    interrupted(["fuzz", MANIFEST, "--budget", "60s", "--jobs", "2"], "Ctrl-C in a campaign of two jobs")
    interrupted_simulation("chaos", ["--duration", "1h"], signal.SIGINT)
    interrupted_simulation("fuzz", ["--budget", "1h"], signal.SIGINT)
    interrupted_simulation("chaos", ["--duration", "1h"], signal.SIGTERM)
    up(signal.SIGINT, [])
    up(signal.SIGTERM, ["--json"])
    killed()
    finish()


main()
