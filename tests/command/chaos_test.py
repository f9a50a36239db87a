#!/usr/bin/env python3
"""What surrounds an experiment: harrow run puts links between the parts, and a plan says which network and disk."""
import json
import os
import shutil

from harness import MANIFEST, SOURCE, Folder, check, finish, harrow, may_all

LINKS = {"latency", "jitter", "bandwidth", "slow-reader", "slicing", "reset", "half-open", "blackhole", "one-way", "deaf",
         "refuse", "accept-close", "connection-limit", "data-limit", "timeout-close", "flapping", "isolate-pair"}


def lines_of(folder, kind):
    base = os.path.join(folder, "harrow-out")
    with open(os.path.join(base, max(os.listdir(base)), "results.jsonl"), encoding="utf-8") as f:
        return [line for line in map(json.loads, f) if line["type"] == kind]


def run_has_links():
    with Folder() as folder:
        code, output = harrow("run", MANIFEST, "--driver", "sim", "--budget", "20s", "--skip", "contract,e2e,fuzz", "--seed",
                              "9", folder=folder)
        done = {line["name"] for line in lines_of(folder, "fault") if line["verified"] and line["hits"] > 0}
        check(code == 0 and done & LINKS, "run: faults of the network are injected", f"exit {code}, {done}\n{output}")


def plan(folder, text):
    with open(os.path.join(folder, "plan.yaml"), "w", encoding="utf-8") as f:
        f.write(f"experiment: some\n{text}")


def only_the_guilty_are_blamed():
    """Config needs the store: what keeps it from answering while that stands still is not its own slowness."""
    with Folder() as folder:
        plan(folder, f"system: {MANIFEST}\nworkloads: [store-register]\nrate: 100\nrecovery_within: 1s\nschedule:\n"
             "  - {at: 200ms, fault: stop, component: store, hold: 3s}\n"
             "  - {at: 400ms, fault: kill, component: config, hold: 100ms}\n")
        code, output = harrow("chaos", "plan.yaml", "--driver", "sim", "--seed", "3", "--duration", "4s", "--shrink", "never",
                              folder=folder)
        slow = {line["target"]: line["duration"] for line in lines_of(folder, "recovery")}
        found = [line["title"] for line in lines_of(folder, "finding")]
        check(code == 0 and slow["config"] > 2e9 and not found, "nobody is blamed for what it needs and does not have",
              f"exit {code}, {slow}, {found}\n{output}")


def plans_say_where():
    if not may_all() or shutil.which("redis-server") is None:
        print("skipped a plan's network and disk: they need all of root's rights, and redis-server")
        return
    with Folder() as folder:
        system = os.path.join(SOURCE, "systems", "redis.yaml")
        plan(folder, f"system: {system}\nnetwork: namespaces\ndisk: image\nworkloads: [redis-register]\nrate: 100\n"
             "schedule:\n  - {at: 200ms, fault: packet-loss, component: redis, hold: 500ms}\n"
             "  - {at: 1s, fault: power-loss}\n")
        code, output = harrow("chaos", "plan.yaml", "--duration", "1500ms", folder=folder)
        done = {line["name"] for line in lines_of(folder, "fault") if line["verified"] and line["state"] == "inject"}
        check(code == 0 and done == {"packet-loss", "power-loss"}, "a plan's network and disk are made",
              f"exit {code}, {done}\n{output}")
        code, output = harrow("chaos", "plan.yaml", "--duration", "1500ms", "--network", "shared", folder=folder)
        check(code == 4 and "plan.yaml:8:24: the parts of redis share" in output, "the command line comes before the plan", f"exit {code}\n{output}")


run_has_links()
only_the_guilty_are_blamed()
plans_say_where()
finish()
