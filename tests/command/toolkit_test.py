#!/usr/bin/env python3
"""Experiments of the Chaos Toolkit on the real command: one that holds, one that deviates, one that is refused."""
import json
import os

from harness import MANIFEST, SOURCE, Folder, check, finish, harrow, left_behind

HOLDS = os.path.join(SOURCE, "chaos", "experiments", "gateway-without-store.json")


def written(folder, experiment):
    path = os.path.join(folder, "experiment.json")
    with open(path, "w") as f:
        json.dump(experiment, f, indent=2)
    return path


def journal_of(folder):
    with open(os.path.join(folder, "journal.json")) as f:
        return json.load(f)


def holds(driver):
    with Folder() as folder:
        code, output = harrow("chaos", HOLDS, "--driver", driver, "--seed", "3", "--journal", "journal.json", "--json",
                              folder=folder)
        lines = [json.loads(l) for l in output.splitlines() if l.startswith("{")]
        check(code == 0, f"{driver}: the hypothesis holds", output[-1500:])
        journal = journal_of(folder)
        check(journal["status"] == "completed" and not journal["deviated"], f"{driver}: so says the journal")
        check(all(journal["steady_states"][w]["steady_state_met"] for w in ("before", "after")),
              f"{driver}: before and after")
        check([r["status"] for r in journal["run"]] == ["succeeded"] * 3, f"{driver}: all of the method was done",
              str(journal["run"]))
        faults = [(l["name"], l["target"], l["state"]) for l in lines if l["type"] == "fault"]
        check(faults == [("stop", "store", "inject"), ("stop", "store", "heal"), ("kill", "store", "inject"),
                         ("kill", "store", "heal")], f"{driver}: the faults were real", str(faults))
        check(not left_behind(folder), f"{driver}: nothing is left behind")


def deviates():
    """The store is stopped and stays so: what needs it does not answer. The rollback brings it back."""
    with Folder() as folder:
        path = written(folder, {
            "title": "a stopped store", "description": "is noticed",
            "configuration": {"marker": os.path.join(folder, "marker")},
            "runtime": {"rollbacks": {"strategy": "deviated"}},
            "steady-state-hypothesis": {"title": "it lists", "probes": [
                {"type": "probe", "name": "list", "tolerance": 200, "provider": {
                    "type": "http", "url": "${harrow_gateway}/notes/List", "method": "POST", "timeout": 60,
                    "headers": {"Content-Type": "application/json"}, "arguments": {}}}]},
            "method": [{"type": "action", "name": "stop", "provider": {
                "type": "python", "module": "harrow", "func": "stop", "arguments": {"component": "store"}}}],
            "rollbacks": [{"type": "action", "name": "touch", "provider": {
                "type": "process", "path": "touch", "arguments": ["${marker}"]}}]})
        code, output = harrow("chaos", path, "--system", MANIFEST, "--journal", "journal.json", folder=folder)
        check(code == 1, "a deviation fails the run", output[-1500:])
        journal = journal_of(folder)
        check(journal["deviated"] and journal["status"] == "failed", "and the journal says so", str(journal)[:600])
        check(journal["steady_states"]["before"]["steady_state_met"], "it held before", str(journal)[:1500])
        check(os.path.exists(os.path.join(folder, "marker")), "the rollbacks of a deviation were run")
        check("chaos" in output and "--system" in output, "there is a command to repeat it", output[-800:])


def refused():
    with Folder() as folder:
        path = written(folder, {"title": "t", "description": "d", "method": [
            {"type": "action", "name": "pods", "provider": {
                "type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}}]})
        code, output = harrow("chaos", path, "--system", MANIFEST, folder=folder)
        check(code == 4 and "experiment.json:10:" in output and "which is not run here" in output,
              "Python is refused with its place", output)
        path = written(folder, {"title": "t", "description": "d", "method": []})
        code, output = harrow("chaos", path, folder=folder)
        check(code == 4 and "--system MANIFEST" in output, "it has to say on which system", output)
        code, output = harrow("chaos", MANIFEST, "--journal", "x", folder=folder)
        check(code == 2 and "go with an experiment of the Chaos Toolkit" in output, "--journal is for these alone", output)


holds("sim")
holds("processes")
deviates()
refused()
finish()
