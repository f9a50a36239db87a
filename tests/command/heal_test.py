#!/usr/bin/env python3
"""harrow killed (SIGKILL) with faults in force on real processes; harrow heal, and the next run by itself.

heal_test.py BIN SOURCE [ROUNDS [SEED]]

As root it runs in a network and with mounts of its own, so that whatever is left there is left by harrow."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from harness import BIN, MANIFEST, Folder, check, finish, harrow, left_behind, may_all

ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 5
APART = "HARROW_HEAL_TEST_APART"
ROOT = APART in os.environ or may_all()
FAULTS = ["stop", "stutter", "late-start", "slow-start", "descriptor-limit", "one-core", "disk-slow-sync",
          "disk-slow", "signal-storm"]
ROOT_FAULTS = ["freeze", "cpu-quota", "idle-class", "filter-drop", "filter-reject", "filter-limit"]
PACKET_FAULTS = ["packet-loss", "packet-delay", "packet-reorder", "packet-rate", "packet-cut"]
# How a round starts the system, and what it may inject.
KINDS = [([], FAULTS)]
if ROOT:
    KINDS = [([], FAULTS + ROOT_FAULTS),
             (["--network", "namespaces", "--disk", "image"],
              ["stop", "freeze", "filter-drop", "power-loss"] + PACKET_FAULTS),
             (["--network", "namespaces"], FAULTS + ROOT_FAULTS + PACKET_FAULTS),
             (["--disk", "image"], ["power-loss", "stop", "idle-class"])]


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


def left(folder, process):
    """Whatever a dead harrow could have left outside its folder."""
    found = [line for line in open("/proc/self/mounts") if folder in line or "harrow-" in line]
    found += [path for path in glob.glob("/sys/block/loop*/loop/backing_file") if folder in read(path)]
    if ROOT:
        links = subprocess.run(["ip", "-oneline", "link"], stdout=subprocess.PIPE, text=True, check=False).stdout
        found += [line for line in links.splitlines() if " harrow-" in line]
        found += [path for base, folders, _ in os.walk("/sys/fs/cgroup") for path in
                  (os.path.join(base, name) for name in folders) if f"/harrow-{process}-" in path]
    if ROOT and shutil.which("nft"):
        tables = subprocess.run(["nft", "list", "tables"], stdout=subprocess.PIPE, text=True, check=False).stdout
        found += [line for line in tables.splitlines() if "harrow-" in line]
    return [line for line in found if line not in BEFORE]


BEFORE = []  # what others have: mounts of tests beside this one came along into our namespace


def recorded(folder, what, began):
    """What the clients had learnt before the kill is in the history, which can be checked."""
    histories = [os.path.join(base, name) for base, _, files in os.walk(folder) for name in files
                 if name == "history.bin"]
    if not histories and not began:
        return 0
    check(len(histories) == 1, f"{what}: there is a history", str(histories))
    code, output = harrow("check", "--json", *histories[:1])
    verdict = json.loads(output) if code in (0, 1) else {}
    check(verdict.get("verdict") == "valid" and (verdict["operations"] > 0 or not began),
          f"{what}: what was recorded is valid", output)
    return verdict.get("operations", 0)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def killed(rounds):
    lots = random.Random(SEED)
    undone = begun = operations = 0
    for number in range(rounds):
        with Folder() as folder:
            own = {"XDG_RUNTIME_DIR": folder}
            env = dict(os.environ, CI="true", **own)
            options, names = KINDS[number % len(KINDS)]
            faults = [word for name in names for word in ("--fault", name)]
            anywhere = number % 3 == 2
            duration = lots.choice(["1s", "60s"]) if anywhere else "60s"
            run = subprocess.Popen([os.path.join(BIN, "harrow"), "chaos", MANIFEST, "--duration", duration, "--seed",
                                    str(lots.randrange(1, 1 << 30)), *options, *faults],
                                   cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            what = " ".join([f"round {number}", *options])
            if anywhere:  # the system may not even have started, or be at the end of it all
                time.sleep(lots.random() * 6)
                began = True
                seen = False
            else:
                began = seen = wait_for(lambda: any(l["type"] == "fault" and l["verified"] for l in results(folder)), 240)
                begun += began
                time.sleep(lots.random() * 2)
            os.kill(run.pid, signal.SIGKILL)
            output = run.communicate()[0].decode(errors="replace")
            check(began, f"{what}: faults were in force", output[-2000:])
            code, listed = harrow("heal", "--list", "--json", environment=own)
            check(code == 0, f"{what}: heal --list", listed)
            code, healed = harrow("heal", "--json", environment=own)
            lines = [json.loads(line) for line in healed.splitlines()]
            check(code == 0 and all(l["state"] == "undone" for l in lines), f"{what}: heal undoes it", healed)
            check(len(lines) == len(listed.splitlines()), f"{what}: what was listed", listed + healed)
            undone += len(lines)
            check(not journals(folder), f"{what}: no journal is left", str(journals(folder)))
            behind = left_behind(folder)
            check(not behind, f"{what}: no process is left", str(behind))
            check(wait_for(lambda: not left(folder, run.pid), 60), f"{what}: nothing else is left",
                  str(left(folder, run.pid)))
            code, again = harrow("heal", environment=own)
            check(code == 0 and "nothing is left to undo" in again, f"{what}: a second heal has nothing to do",
                  again)
            operations += recorded(folder, what, seen)
    print(f"        {rounds} kills, {begun} of them after a fault was seen, {undone} steps undone, "
          f"{operations} operations recorded")


def next_run():
    """A process that a dead run had stopped goes on when the next system is started."""
    with Folder() as folder:
        sleeper = subprocess.Popen(["sleep", "600"])
        try:
            sleeper.send_signal(signal.SIGSTOP)
            wait_for(lambda: stat(sleeper.pid)[0] == "T", 60)
            with open("/proc/sys/kernel/random/boot_id") as f:
                boot = f.read().strip()
            os.mkdir(os.path.join(folder, "harrow"), 0o700)
            path = os.path.join(folder, "harrow", "harrow-4194303-77-1.journal")
            with open(path, "w") as f:
                f.write(fnv(f"harrow-journal 1 4194303 77 {boot}"))
                f.write(fnv(f"do 1 continue {sleeper.pid} {stat(sleeper.pid)[19]}"))
            os.chmod(path, 0o600)
            with open(os.path.join(folder, "short.yaml"), "w") as f:
                f.write("flow: short\nsteps: [{wait: 1ms}]\n")
            code, output = harrow("e2e", MANIFEST, "short.yaml", folder=folder, environment={"XDG_RUNTIME_DIR": folder})
            check(f"healed after a run that died: process {sleeper.pid} goes on" in output, "the next run tells it",
                  output)
            check(wait_for(lambda: stat(sleeper.pid)[0] != "T", 60), "and the process goes on", str(stat(sleeper.pid)))
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
    check(code == 4 and 'there is no fault "earthquake"' in output, "what is no fault is told", f"exit {code}\n{output}")
    code, output = harrow("chaos", "faults", "kil")
    check(code == 4 and 'did you mean "kill"?' in output, "and the nearest one", f"exit {code}\n{output}")


def needs_root():
    """Said, and nothing started."""
    for options in (["--network", "namespaces"], ["--disk", "image"]):
        with Folder() as folder:
            code, output = harrow("up", MANIFEST, *options, folder=folder, environment={"XDG_RUNTIME_DIR": folder})
            check(code == 3 and "needs root" in output, f"{' '.join(options)} without root", f"exit {code}\n{output}")
            with open(os.path.join(folder, "plan.yaml"), "w") as f:
                f.write(f"experiment: some\nsystem: {MANIFEST}\n{options[0][2:]}: {options[1]}\n")
            code, output = harrow("chaos", "plan.yaml", folder=folder)
            check(code == 3 and "plan.yaml:3:" in output and "needs root" in output,
                  f"a plan with {options[1]} without root", f"exit {code}\n{output}")
    for options in (["--network", "namespaces"], ["--disk", "image"]):
        code, output = harrow("chaos", MANIFEST, "--driver", "sim", *options)
        check(code == 2 and "--driver processes" in output, f"{' '.join(options)} in simulation",
              f"exit {code}\n{output}")


def cannot():
    """Systems whose parts cannot be led into networks of their own: told, and nothing started."""
    one, two = ("  - {name: %s, address: '127.0.0.1:${port}', start: [sleep, '60']}\n" % name for name in "ab")
    cases = [("${enter}", f"start: [sleep, '60']\ncomponents:\n{one}"),
             ("it has to be at 127.0.0.1", f"components:\n{one.replace('127.0.0.1', '0.0.0.0')}"),
             ("is a door of a as well", f"components:\n{one}{two}")]
    for expected, text in cases:
        with Folder() as folder:
            with open(os.path.join(folder, "system.yaml"), "w") as f:
                f.write(f"system: some\nports: [0]\n{text}")
            code, output = harrow("up", f.name, "--network", "namespaces", folder=folder,
                                  environment={"XDG_RUNTIME_DIR": folder})
            check(code == 3 and expected in output, f"refused: {expected}", f"exit {code}\n{output}")
            check(not left(folder, 0), "and nothing is left", str(left(folder, 0)))


if ROOT and APART not in os.environ:
    os.execvpe("unshare", ["unshare", "--net", "--mount", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                           sys.executable, *sys.argv], dict(os.environ, **{APART: "1"}))
BEFORE += left("/no folder", 0)
if ROOT:
    cannot()
elif os.geteuid() == 0:
    print("skipped what needs all of root's rights: namespaces and mounts cannot be made here")
else:
    needs_root()
listing()
refused()
next_run()
killed(ROUNDS)
finish()
