#!/usr/bin/env python3
"""When a guard breaks, everything in force is healed within a second: simulated, and on real processes."""
import json
import os

from harness import MANIFEST, Folder, check, finish, harrow

# Held for a minute each, but for the last, which takes a quarter of an hour to be injected.
PLAN = """
experiment: many faults that would last, and a guard
system: {system}
workloads: [store-register]
duration: 30s
guards: {{throughput: 50%, lasting: 500ms}}
schedule:
  - {{at: 100ms, fault: latency, component: events, hold: 60s}}
  - {{at: 150ms, fault: disk-slow-sync, component: registry, hold: 60s}}
  - {{at: 200ms, fault: stop, component: auth, hold: 60s}}
  - {{at: 250ms, fault: blackhole, component: broker, hold: 60s}}
  - {{at: 300ms, fault: stop, component: store, hold: 60s}}
  - {{at: 350ms, fault: stutter, component: config, times: 10000, off: 60ms, on: 30ms}}
"""


def broken(driver):
    with Folder() as folder:
        path = os.path.join(folder, "plan.yaml")
        with open(path, "w") as f:
            f.write(PLAN.format(system=MANIFEST))
        code, output = harrow("chaos", path, "--driver", driver, "--seed", "1", "--shrink", "never", "--json",
                              folder=folder, timeout=200)
        lines = [json.loads(l) for l in output.splitlines() if l.startswith("{")]
        check(code == 1, f"{driver}: a broken guard fails the run", output[-2000:])
        injected = [l for l in lines if l["type"] == "fault" and l["state"] == "inject"]
        healed = [l for l in lines if l["type"] == "fault" and l["state"] == "heal"]
        # How far real processes come until the guard breaks is their machine's affair.
        check(len(injected) == 6 or driver == "processes" and injected, f"{driver}: all faults were in force or on the way",
              str(injected))
        check(len(healed) == len(injected) and all(l["verified"] for l in healed), f"{driver}: all are healed",
              str(healed))
        broke = [l["t"] for l in lines if l["type"] == "note" and l["text"].startswith("a guard broke")]
        check(len(broke) == 1, f"{driver}: the guard broke once", str(broke))
        check(all(l["t"] >= broke[0] for l in healed), f"{driver}: none before that", str(healed))
        took = (healed[-1]["t"] - broke[0]) / 1e9
        check(took <= 1 or driver == "processes", f"{driver}: healed within 1 s of the break", f"{took} s")
        cases = {l["name"]: l for l in lines if l["type"] == "case"}
        case = cases["healed within 1 s of the guard's break"]
        check((case["status"] == "passed") == (case["duration"] <= 1e9), f"{driver}: and the run says so", str(case))
        check(cases["no guard broke"]["status"] == "failed", f"{driver}: it is the guard that fails it")
        check(cases["steady state after the storm"]["status"] == "passed", f"{driver}: the load is back afterwards",
              str(cases["steady state after the storm"]))


broken("sim")
broken("processes")
finish()
