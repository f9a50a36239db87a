#!/usr/bin/env python3
"""Wrong input of every kind: the message says what and where, the exit code says whose fault it was."""
import os

from harness import MANIFEST, Folder, check, finish, harrow

# name, file content, arguments ({} is the file), exit code, a piece of the message
CASES = [
    ("no command", None, [], 2, "a command is expected"),
    ("misspelt command", None, ["rnu"], 2, 'did you mean "run"?'),
    ("misspelt option", None, ["run", "--sed", "1", "x"], 2, 'did you mean --seed?'),
    ("no manifest", None, ["run"], 2, "expected MANIFEST"),
    ("bad duration", None, ["run", MANIFEST, "--budget", "5x"], 2, "expected a unit"),
    ("bad seed", None, ["run", MANIFEST, "--seed", "abc"], 2, "abc"),
    ("manifest not there", None, ["run", "nope.yaml"], 4, "nope.yaml: not found"),
    ("manifest not YAML", "system: [x\n", ["run", "{}"], 4, "{}:2:1: flow sequence without a closing bracket"),
    ("manifest not UTF-8", b"system: \xff\xfe\n", ["run", "{}"], 4, "{}:1:9"),
    ("manifest with an alias", "system: &a x\nabout: *a\n", ["run", "{}"], 4, "{}:1:9"),
    ("manifest with a misspelt key", "system: x\ncomponents:\n  - nme: a\n", ["run", "{}"], 4,
     '{}:3:5: unknown key "nme"; did you mean "name"?'),
    ("manifest of the wrong kind", "- system\n", ["run", "{}"], 4, "{}:1:1: a manifest is a map"),
    ("manifest without components", "system: x\n", ["run", "{}"], 4, '{}:1:1: a manifest needs "components"'),
    ("unknown name in a text", "system: x\nstart: [/bin/true]\ncomponents:\n  - {name: a, address: '127.0.0.1:${prt}'}\n",
     ["run", "{}"], 4, "${prt} is not known here"),
    ("missing binary", "system: x\nstart: [/nonexistent/prog]\ncomponents:\n  - {name: a, address: '127.0.0.1:${port}'}\n",
     ["run", "{}"], 3, "cannot run /nonexistent/prog: No such file or directory"),
    ("a system that ends at once",
     "system: x\nstart: [/bin/sh, -c, 'echo the reason; exit 3']\ncomponents:\n  - {name: a, address: '127.0.0.1:${port}'}\n",
     ["run", "{}"], 3, "exited with code 3\n"),
    ("descriptor set that is none",
     "system: x\ndescriptors: {}\nstart: [/bin/true]\ncomponents:\n  - {name: a, address: '127.0.0.1:${port}'}\n",
     ["run", "{}"], 4, "not a descriptor set"),
    ("service that is not in the descriptors",
     "system: x\nstart: [/bin/sleep, '60']\nready_within: 1s\ncomponents:\n  - {name: a, services: [no.Such]}\n",
     ["fuzz", "{}"], 4, "no.Such"),
    ("flow that is not one", "flow: f\nsteps:\n  - cal: store.Store/Read\n", ["e2e", MANIFEST, "{}"], 4,
     '{}:3:5: no step is called "cal": did you mean "call"?'),
    ("unknown fault", None, ["chaos", MANIFEST, "--fault", "kil"], 4, 'there is no fault "kil"'),
    ("fault of the other driver", None, ["chaos", MANIFEST, "--fault", "partition"], 4, "needs --driver sim"),
    ("unknown target", None, ["chaos", MANIFEST, "-d", "sim", "--target", "stroe"], 4, 'no component "stroe"'),
    ("stream that is none", "system: x\n", ["report", "{}"], 4, "{}:1:"),
    ("finding that is none", "[1]\n", ["replay", "{}"], 4, "{}:1:1"),
    ("fuzz input that is none", '{"harrow": "fuzz-input", "path": "/no.Such/Method", "lane": "valid", "messages": ["0"]}',
     ["fuzz", MANIFEST, "-d", "sim", "--input", "{}"], 4, "{}:1:34: no method /no.Such/Method"),
]


def main():
    with Folder() as folder:
        for number, (name, content, arguments, code, message) in enumerate(CASES):
            file = f"input{number}.yaml"
            if content is not None:
                mode = "wb" if isinstance(content, bytes) else "w"
                with open(os.path.join(folder, file), mode) as f:
                    f.write(content.replace("{}", file) if isinstance(content, str) and "descriptors" in content else content)
            got, output = harrow(*[a.replace("{}", file) for a in arguments], folder=folder)
            wanted = message.replace("{}", file)
            check(got == code and wanted in output, name,
                  f"wanted exit {code} and {wanted!r}, got exit {got} and:\n{output}")
        # The output folder cannot be made.
        with open(os.path.join(folder, "file"), "w") as f:
            f.write("x")
        got, output = harrow("run", MANIFEST, "--out", "file/below", folder=folder)
        check(got == 3 and "cannot make the folder file/below" in output, "output folder that cannot be made", output)
        # Every command teaches.
        for command in ["run", "up", "e2e", "contract", "fuzz", "chaos", "replay", "report"]:
            got, output = harrow(command, "--help", folder=folder)
            check(got == 0 and "Usage" in output and "harrow " + command in output, f"{command} --help", output)
    finish()


main()
