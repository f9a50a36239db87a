#!/usr/bin/env python3
"""harrow killed (SIGKILL) with faults in force on real processes; harrow heal, and the next run by itself.

heal_test.py BIN SOURCE [ROUNDS]"""
import json
import os
import random
import signal
import subprocess
import sys
import time

from harness import BIN, MANIFEST, Folder, check, finish, harrow, processes_of

ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 2
FAULTS = ["stop", "stutter", "late-start", "slow-start", "descriptor-limit", "one-core", "disk-slow-sync",
          "disk-slow", "signal-storm"]


def fnv(line):
    value = 0xcbf29ce484222325
    for byte in line.encode():
        value = ((value ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    return f"{line} #{value:016x}\n"


def stat(process):
    with open(f"/proc/{process}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()


def wait_for(predicate, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if predicate():
            return True
        time.sleep(0.02)
    return False


def results(folder):
    for base, _, files in os.walk(folder):
        if "results.jsonl" in files:
            with open(os.path.join(base, "results.jsonl")) as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
    return []


def journals(folder):
    try:
        return os.listdir(os.path.join(folder, "harrow"))
    except FileNotFoundError:
        return []


def killed(rounds):
    lots = random.Random(5)
    undone = 0
    for number in range(rounds):
        with Folder() as folder:
            own = {"XDG_RUNTIME_DIR": folder}
            env = dict(os.environ, CI="true", **own)
            faults = [word for name in FAULTS for word in ("--fault", name)]
            run = subprocess.Popen([os.path.join(BIN, "harrow"), "chaos", MANIFEST, "--duration", "60s", *faults],
                                   cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            began = wait_for(lambda: any(l["type"] == "fault" for l in results(folder)), 60)
            time.sleep(lots.random() * 2)
            os.kill(run.pid, signal.SIGKILL)
            output = run.communicate()[0].decode(errors="replace")
            check(began, f"round {number}: faults were in force", output[-2000:])
            code, listed = harrow("heal", "--list", "--json", environment=own)
            check(code == 0, f"round {number}: heal --list", listed)
            code, healed = harrow("heal", "--json", environment=own)
            lines = [json.loads(line) for line in healed.splitlines()]
            check(code == 0 and all(l["state"] == "undone" for l in lines), f"round {number}: heal undoes it", healed)
            check(len(lines) == len(listed.splitlines()), f"round {number}: what was listed", listed + healed)
            undone += len(lines)
            check(not journals(folder), f"round {number}: no journal is left", str(journals(folder)))
            check(wait_for(lambda: not processes_of(folder), 5), f"round {number}: no process is left",
                  str(processes_of(folder)))
            code, again = harrow("heal", environment=own)
            check(code == 0 and "nothing is left to undo" in again, f"round {number}: a second heal has nothing to do",
                  again)
    print(f"        {rounds} kills, {undone} steps undone")


def next_run():
    """A process that a dead run had stopped goes on when the next system is started."""
    with Folder() as folder:
        sleeper = subprocess.Popen(["sleep", "600"])
        try:
            sleeper.send_signal(signal.SIGSTOP)
            wait_for(lambda: stat(sleeper.pid)[0] == "T", 5)
            with open("/proc/sys/kernel/random/boot_id") as f:
                boot = f.read().strip()
            os.mkdir(os.path.join(folder, "harrow"), 0o700)
            path = os.path.join(folder, "harrow", "harrow-4194303-77-1.journal")
            with open(path, "w") as f:
                f.write(fnv(f"harrow-journal 1 4194303 77 {boot}"))
                f.write(fnv(f"do 1 continue {sleeper.pid} {stat(sleeper.pid)[19]}"))
            os.chmod(path, 0o600)
            code, output = harrow("e2e", MANIFEST, "--only", "no flow has this name", folder=folder,
                                  environment={"XDG_RUNTIME_DIR": folder})
            check(f"healed after a run that died: process {sleeper.pid} goes on" in output, "the next run tells it",
                  output)
            check(wait_for(lambda: stat(sleeper.pid)[0] != "T", 5), "and the process goes on", str(stat(sleeper.pid)))
            check(not journals(folder), "its journal is gone", str(journals(folder)))
        finally:
            sleeper.kill()
            sleeper.wait()


def refused():
    with Folder() as folder:
        os.mkdir(os.path.join(folder, "harrow"), 0o700)
        with open(os.path.join(folder, "harrow", "harrow-4194303-77-1.journal"), "w") as f:
            f.write("nonsense\n")
        os.chmod(f.name, 0o600)
        code, output = harrow("heal", environment={"XDG_RUNTIME_DIR": folder})
        check(code == 1 and "refused" in output, "a journal that is none is refused", f"exit {code}\n{output}")
        os.chmod(os.path.join(folder, "harrow"), 0o777)
        code, output = harrow("heal", environment={"XDG_RUNTIME_DIR": folder})
        check(code == 3 and "mode" in output, "a folder others can write to is refused", f"exit {code}\n{output}")


def listing():
    code, output = harrow("chaos", "faults", "--json")
    faults = {f["name"]: f for f in json.loads(output)}
    check(code == 0 and len(faults) >= 60, "there are 60 faults", f"{len(faults)}")
    unprivileged = [f for f in faults.values() if not f["root"]]
    check(len(unprivileged) >= 40, "40 of them without root", f"{len(unprivileged)}")
    check(all(f["summary"] and f["drivers"] for f in faults.values()), "each says what it does", output)
    code, output = harrow("chaos", "faults", "disk-slow-sync")
    check(code == 0 and "delay" in output and "200 ms" in output, "one in full", output)
    code, output = harrow("chaos", "faults", MANIFEST)
    check(code == 0 and "faults, " in output and "kill-supervisor" in output, "for a manifest", output)
    code, output = harrow("chaos", "faults", "earthquake")
    check(code == 4 and "neither a fault nor a manifest" in output, "what is neither is told", f"exit {code}\n{output}")


listing()
refused()
next_run()
killed(ROUNDS)
finish()
