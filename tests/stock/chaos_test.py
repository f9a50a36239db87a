#!/usr/bin/env python3
"""Experiments of a few seconds on servers nobody here wrote: etcd and Redis, as Debian has them. ci/setup.sh installs
them; where they are missing the tests fail, with the message a user gets.

    chaos_test.py BIN TREE WORK NAME      NAME: etcd or redis"""
import json
import os
import subprocess
import sys

BIN, TREE, WORK, NAME = sys.argv[1:]
MANIFESTS = {"etcd": ["etcd.yaml"], "redis": ["redis.yaml", "redis-weak.yaml"]}


def check(condition, what, output=""):
    if not condition:
        print(f"FAILED: {what}\n{output[-4000:]}")
        sys.exit(1)


def harrow(*arguments, environment=None):
    out = os.path.join(WORK, NAME)
    command = [os.path.join(BIN, "harrow"), *arguments, "--out", out]
    print(" ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=TREE, timeout=200,
                          env=environment)
    return done.returncode, done.stdout


def chaos(what, *arguments, passes=True):
    """Runs an experiment; the lines of its result stream by type."""
    code, output = harrow("chaos", what, "--shrink", "never", "--json", "--seed", "11", *arguments)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    check(code == (0 if passes else 1), f"{what} ended with {code}", output)
    kinds = {}
    for line in lines:
        kinds.setdefault(line["type"], []).append(line)
    injected = [f for f in kinds.get("fault", []) if f["state"] == "inject" and f["verified"]]
    end = next(line for line in kinds["pillar"] if line["state"] == "end")
    print(f"  {end['operations']} operations, {end['ok']} ok, {end['unknown']} unknown, {len(injected)} faults")
    check(injected, f"{what}: nothing was injected", output)
    check(end["ok"] > 20, f"{what}: hardly anything was answered", output)
    return kinds


def cases(kinds, beginning):
    return [c for c in kinds["case"] if (c.get("message") or "").startswith(beginning)]


def missing_program():
    """Whoever has not installed it is told what to install."""
    for manifest in MANIFESTS[NAME]:
        code, output = harrow("up", f"systems/{manifest}", environment={**os.environ, "PATH": "/nonexistent"})
        check(code == 3, f"up without the program ended with {code}", output)
        check(f"it is in Debian's package {NAME}-server (apt-get install {NAME}-server)" in output,
              "what is missing was not said", output)


def etcd():
    kv = ["--workload", "etcd-register", "--workload", "etcd-cas", "--workload", "etcd-set", "--workload", "etcd-watch"]
    load = ["--rate", "100", "--settle", "30s"]
    chaos("systems/etcd.yaml", *kv, *load, "--duration", "4s", "--fault", "kill", "--fault", "one-way", "--fault",
          "disk-slow-sync")
    kinds = chaos("tests/stock/etcd-lock.yaml")
    check(len(cases(kinds, "violated, as expected")) >= 1, "the lock's violation was not told as expected")
    check(all(c["suite"] == "etcd-lock" for c in cases(kinds, "violated, as expected")), "a fenced lock was violated")


def redis():
    workloads = ["--workload", "redis-register", "--workload", "redis-set"]
    chaos("chaos/experiments/redis-always.yaml", "--duration", "4s")
    kinds = chaos("chaos/experiments/redis-weak.yaml", "--duration", "4s")
    check(cases(kinds, "violated, as expected"), "lost writes were not told as expected")
    # Without the expectation the same is a failure.
    chaos("systems/redis-weak.yaml", *workloads, "--rate", "300", "--fault", "kill", "--duration", "3s", passes=False)


missing_program()
{"etcd": etcd, "redis": redis}[NAME]()
print("passed")
