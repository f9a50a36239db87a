#!/usr/bin/env python3
"""What a run prints as replay command is what `harrow replay` runs, also with blanks and quotes in names and paths."""
import json
import os
import shlex

from harness import MANIFEST, Folder, check, finish, harrow, replay_command

FLOWS = """flows:
  - flow: "first: it holds"
    steps:
      - call: store.Store/Databases
        request: {}
  - flow: "second: milk, and 'eggs'"
    steps:
      - call: helloworld.Helloworld/Call
        request: {name: Ann}
        expect: {body: {message: never}}
  - flow: "third"
    steps:
      - call: helloworld.Helloworld/Call
        request: {name: Bob}
        expect: {body: {message: never}}
"""


def run_folder(folder, out):
    base = os.path.join(folder, out)
    return os.path.join(base, sorted(os.listdir(base))[0])


def flows(folder):
    path = os.path.join(folder, "my flows", "a b.yaml")
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as f:
        f.write(FLOWS)
    code, output = harrow("e2e", MANIFEST, path, "-d", "sim", "-s", "5", "--out", "first", folder=folder)
    check(code == 1 and "1 passed" in output, "one flow passes and two fail", f"exit {code}\n{output}")
    printed = replay_command(output)
    check(printed is not None and path in printed and "second: milk, and 'eggs'" in printed,
          "the printed command names the file and the flow, quoted", str(printed))
    base = run_folder(folder, "first")
    for what in (base, os.path.join(base, "results.jsonl")):
        code, output = harrow("replay", what, "--print", folder=folder)
        check(code == 0 and shlex.split(output) == printed, f"replay --print of {os.path.basename(what)}", output)
    code, output = harrow("replay", base, folder=folder)
    check(code == 1 and "second: milk" in output and "first: it holds" not in output and "seed 5" in output,
          "the replay fails in the same flow, and runs only that", f"exit {code}\n{output}")
    code, output = harrow("replay", base, "--number", "2", folder=folder)
    check(code == 1 and "third" in output and "second: milk" not in output, "the second failure is the other flow", output)
    code, output = harrow("replay", base, "--number", "3", folder=folder)
    check(code == 4 and "has 2 failures and findings" in output, "there is no third", f"exit {code}\n{output}")


def from_elsewhere(folder):
    """A command names files as they were named where it was typed."""
    work, other = os.path.join(folder, "the work"), os.path.join(folder, "other")
    os.makedirs(work)
    os.makedirs(other)
    with open(os.path.join(work, "mine.yaml"), "w") as f:
        f.write(FLOWS)
    code, output = harrow("e2e", MANIFEST, "mine.yaml", "-d", "sim", "-s", "5", folder=work)
    check(code == 1, "flows of a file beside", output)
    run = run_folder(work, "harrow-out")
    code, printed = harrow("replay", run, "--print", folder=other)
    check(code == 0 and shlex.split(printed)[:3] == ["cd", work, "&&"], "the folder is printed", printed)
    code, printed = harrow("replay", run, "--print", folder=work)
    check(code == 0 and "cd " not in printed, "not when that is this one", printed)
    for where, name in ((other, run), (other, os.path.relpath(run, other)), (work, os.path.relpath(run, work))):
        code, output = harrow("replay", name, folder=where)
        check(code == 1 and "second: milk" in output, f"replay in {os.path.basename(where)}", f"exit {code}\n{output}")


def finding(folder):
    path = os.path.join(folder, "finding 1.case")
    command = ["harrow", "e2e", MANIFEST, "--only", "nothing is called this", "-d", "sim", "-s", "9"]
    with open(path, "w") as f:
        f.write(f"# /store.Store/Read: crash\n# replay: {shlex.join(command)}\ncall /store.Store/Read\n")
    code, output = harrow("replay", path, "--print", folder=folder)
    check(code == 0 and shlex.split(output) == command, "a finding's command is printed", f"exit {code}\n{output}")
    code, output = harrow("replay", path, "-p", folder=folder)
    check(not os.path.exists(os.path.join(folder, "harrow-out", "data")) and code == 0, "-p is --print", output)
    code, output = harrow("replay", path, folder=folder)
    check("seed 9" in output, "a finding's command is run", f"exit {code}\n{output}")


def passed(folder):
    code, output = harrow("contract", MANIFEST, "-d", "sim", "-s", "5", "--out", "good", folder=folder)
    check(code == 0, "the contracts hold", output)
    code, output = harrow("replay", run_folder(folder, "good"), folder=folder)
    check(code == 4 and "has 0 failures and findings" in output, "a run that passed has nothing to replay", output)


def main():
    with Folder() as folder:
        flows(folder)
        from_elsewhere(folder)
        finding(folder)
        passed(folder)
    finish()


main()
