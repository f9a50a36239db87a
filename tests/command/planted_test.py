#!/usr/bin/env python3
"""A store that acknowledges before it commits is caught by chaos, in processes and in simulation, and the printed
replay command shows it again. The right store passes the same experiment."""
import os
import re
import shlex

from harness import BIN, MANIFEST, Folder, check, finish, harrow, replay_command

CHAOS = ["--fault", "kill", "--target", "store", "--shrink", "never"]
# A simulated store is killed at the same moment every time; processes need more of them to be hit by one.
LOAD = {"sim": ["--duration", "4s", "--rate", "600"], "processes": ["--duration", "6s"]}
LOST = "no acknowledged write is lost"
ORDER = "every key is linearizable"
# Virtual time repeats to the byte, so the loss is seen as one. Real time does not: when the key was written again
# before the final reads, the lost write shows as a history that no order explains.
SIGNS = {"sim": [LOST, ORDER], "processes": [LOST, ORDER]}


def manifest_with(folder, program):
    """The same system with another micro."""
    with open(MANIFEST) as f:
        text = f.read()
    text = text.replace('"${bin}/micro"', f'"{BIN}/{program}"').replace("../", os.path.dirname(os.path.dirname(MANIFEST)) + "/")
    path = os.path.join(folder, program + ".yaml")
    with open(path, "w") as f:
        f.write(text)
    return path


def small_manifest(folder):
    """What the store needs, and nothing to start it with: it can only be simulated."""
    with open(MANIFEST) as f:
        head, components = f.read().split("components:\n")
    head = re.sub(r"^start: \[.*?\]$", 'start: ["/nothing/to/start"]', head, flags=re.M | re.S)
    head = "\n".join(line for line in head.splitlines() if not line.startswith(("gateway:", "flows:", "contracts:")))
    wanted = [part for part in re.split(r"(?m)^(?=  - )", components)
              if part.startswith(("  - name: registry\n", "  - name: store\n", "  - name: auth\n"))]
    path = os.path.join(folder, "small.yaml")
    with open(path, "w") as f:
        f.write(head + "\ncomponents:\n" + "".join(wanted))
    return path


def shows_it(driver, output):
    return any(f"✗ chaos / store-register / {sign}" in output for sign in SIGNS[driver])


def caught(driver, program, manifest, folder):
    code, output = harrow("chaos", manifest, *CHAOS, *LOAD[driver], "--driver", driver, "--seed", "11", program=program, folder=folder)
    check(code == 1 and shows_it(driver, output), f"{driver}: the planted bug is caught", f"exit {code}\n{output}")
    replay = replay_command(output)
    check(replay is not None and "--seed" in replay, f"{driver}: a replay command is printed", output)
    if replay:
        code, output = harrow(*replay[1:], program=program, folder=folder)
        check(code == 1 and shows_it(driver, output), f"{driver}: the replay command shows it again", f"exit {code}\n{output}")
        base = os.path.join(folder, "harrow-out")
        first = os.path.join(base, sorted(os.listdir(base))[0])
        pictures = [f for f in os.listdir(first) if f.endswith(".svg")]
        with open(os.path.join(first, "report.html")) as f:
            page = f.read()
        check(pictures and page.count('<img alt="the picture that shows it" src="data:image/svg+xml;base64,') == len(pictures),
              f"{driver}: the report has the picture", str(pictures))
        code, printed = harrow("replay", first, "--print", program=program, folder=folder)
        check(code == 0 and shlex.split(printed) == replay, f"{driver}: replay --print prints it", printed)


def made_smaller(folder):
    """Of all the kills of a run one is enough to show the planted bug."""
    code, output = harrow("chaos", small_manifest(folder), "--duration", "2500ms", "--fault", "kill", "--target", "store", "--clients", "2",
                          "--keys", "1", "--rate", "200", "--driver", "sim", "--seed", "11",
                          program="harrow_early_ack", folder=folder, timeout=240)
    check(code == 1 and "1 fault is enough: " in output, "sim: what fails is made smaller", f"exit {code}\n{output}")


def same_history(manifest, folder):
    histories = []
    for out in ("a", "b"):
        harrow("chaos", manifest, "--duration", "3s", "--rate", "800", "-d", "sim", "-s", "99", "--out", out, folder=folder)
        base = os.path.join(folder, out)
        with open(os.path.join(base, os.listdir(base)[0], "history.jsonl"), "rb") as f:
            histories.append(f.read())
    check(len(histories[0]) > 100000 and histories[0] == histories[1], "sim: one seed gives one history, to the byte")


def main():
    with Folder() as folder:
        with Folder() as own:
            caught("processes", "harrow", manifest_with(own, "micro_early_ack"), own)
        with Folder() as own:
            caught("sim", "harrow_early_ack", MANIFEST, own)
        with Folder() as own:
            made_smaller(own)
        for driver in ("processes", "sim"):
            code, output = harrow("chaos", MANIFEST, *CHAOS, *LOAD[driver], "--driver", driver, "--seed", "11", folder=folder)
            check(code == 0, f"{driver}: the right store passes", f"exit {code}\n{output}")
        same_history(MANIFEST, folder)
    finish()


main()
