#!/usr/bin/env python3
"""Ctrl-C while `harrow contract verify` sets up a provider state: its command ends, the state is torn down."""
import json
import os
import signal
import subprocess
import time

from harness import BIN, Folder, check, finish, left_behind

PACT = {"consumer": {"name": "web"}, "provider": {"name": "shop"},
        "interactions": [{"description": "an item", "providerStates": [{"name": "an item is there"}],
                          "request": {"method": "GET", "path": "/item"}, "response": {"status": 200}}],
        "metadata": {"pactSpecification": {"version": "3.0.0"}}}
# What is started beside a command ends with it.
LASTING = "sleep 1000 & sleep 1000 & touch {0}; wait; touch {0}-is-over"


def state(setup, teardown):
    return {"states": {"an item is there": {"setup": [{"command": ["sh", "-c", command]} for command in setup],
                                            "teardown": [{"command": ["sh", "-c", command]} for command in teardown]}}}


def interrupted(folder, states, at):
    """Sends SIGINT each time one of these files is there; the exit code, the output, and the files."""
    with open(os.path.join(folder, "pact.json"), "w") as f:
        json.dump(PACT, f)
    with open(os.path.join(folder, "states.yaml"), "w") as f:
        json.dump(states, f)
    # Nobody is asked: where the provider is does not matter.
    running = subprocess.Popen([os.path.join(BIN, "harrow"), "contract", "verify", "pact.json", "--provider",
                                "http://127.0.0.1:1", "--states", "states.yaml", "--out", "out"], cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for name in at:
        while running.poll() is None and not os.path.exists(os.path.join(folder, name)):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
    output = running.communicate(timeout=120)[0]
    return running.returncode, output, set(os.listdir(folder))


def main():
    with Folder() as folder:
        code, output, files = interrupted(folder, state(["touch first", LASTING.format("up"), "touch second"],
                                                        ["touch down", "touch all-down"]), ["up"])
        check(code == 130, "Ctrl-C in a set-up ends the run with 130", output)
        check({"first", "up"} <= files and not files & {"up-is-over", "second"}, "the set-up goes no further", files)
        check({"down", "all-down"} <= files, "all of the tear-down is done", files)
        check("was not torn down" not in output, "and nothing else is said", output)
        left = left_behind(folder)
        check(left == [], "no process of the set-up is left", left)
    with Folder() as folder:
        code, output, files = interrupted(folder, state([LASTING.format("up")], [LASTING.format("down"), "touch all-down"]),
                                          ["up", "down"])
        check(code == 130, "a second Ctrl-C ends the run with 130", output)
        check(not files & {"down-is-over", "all-down"}, "the tear-down goes no further", files)
        check('the provider state "an item is there" was not torn down: ' in output, "which is told", output)
        left = left_behind(folder)
        check(left == [], "no process of the tear-down is left", left)


main()
finish()
