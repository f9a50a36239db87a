#!/usr/bin/env python3
"""Wrong input of every kind: the message says what and where, the exit code says whose fault it was."""
import os
import shlex
import subprocess

from harness import BIN, MANIFEST, Folder, check, finish, harrow

# name, file content, arguments ({} is the file), exit code, a piece of the message
CASES = [
    ("no command", None, [], 2, "a command is expected"),
    ("misspelt command", None, ["rnu"], 2, 'did you mean "run"?'),
    ("misspelt option", None, ["run", "--sed", "1", "x"], 2, 'did you mean --seed?'),
    ("no manifest", None, ["run"], 2, "expected MANIFEST"),
    ("bad duration", None, ["run", MANIFEST, "--budget", "5x"], 2, "expected a unit"),
    ("bad seed", None, ["run", MANIFEST, "--seed", "abc"], 2, "abc"),
    ("pillar that is none", None, ["run", MANIFEST, "--skip", "e2e,fuz"], 2, 'no pillar is called "fuz"; did you mean "fuzz"?'),
    ("simulated up", None, ["up", MANIFEST, "-d", "sim"], 2, "a simulated system lives only inside one command"),
    ("manifest not there", None, ["run", "nope.yaml"], 4, "nope.yaml: there is no such file; a manifest is"),
    ("a manifest's folder", None, ["run", "."], 4, ".: it is a folder; a file is expected"),
    ("misspelt command below one that runs", None, ["fuzz", "musuem"], 4, "did you mean the command museum?"),
    ("a port that is none", None, ["fuzz", "localhost:65536"], 4, "an address is HOST:PORT"),
    ("misspelt choice", None, ["run", MANIFEST, "--driver", "prcesses"], 2, 'did you mean "processes"?'),
    ("an empty name of a folder", None, ["run", MANIFEST, "--out", ""], 2, "--out: expected FOLDER, got nothing"),
    ("no time at all", None, ["run", MANIFEST, "--budget", "0"], 2, "--budget: expected 1s or more"),
    ("contracts that are none", None, ["contract", MANIFEST, "-d", "sim", "--only", "nosuch"], 4,
     'no contract\'s name contains "nosuch"'),
    ("methods that are none", None, ["fuzz", MANIFEST, "-d", "sim", "--skip", "/"], 4,
     'no method is left without those that contain "/"'),
    ("a case without a call", "# nothing\n", ["fuzz", MANIFEST, "-d", "sim", "--input", "{}"], 4,
     "{}:1:1: there is no call in it"),
    ("schedule not there", None, ["chaos", MANIFEST, "-d", "sim", "--schedule", "nope"], 4, "nope: there is no such file"),
    ("stream not there", None, ["report", "nope"], 4, "nope: there is no such file"),
    ("history not there", None, ["check", "nope"], 4, "nope: there is no such file"),
    ("schema not there", None, ["contract", "diff", "nope", "nope"], 4, "nope: there is no such file"),
    ("proto not there", None, ["fakes", "list", "--proto", "nope"], 4, "nope: there is no such file or folder"),
    ("manifest not YAML", "system: [x\n", ["run", "{}"], 4, "{}:2:1: flow sequence without a closing bracket"),
    ("manifest not UTF-8", b"system: \xff\xfe\n", ["run", "{}"], 4, "{}:1:9"),
    ("manifest with an alias", "system: &a x\nabout: *a\n", ["run", "{}"], 4, "{}:1:9"),
    ("manifest with a misspelt key", "system: x\ncomponents:\n  - nme: a\n", ["run", "{}"], 4,
     '{}:3:5: unknown key "nme"; did you mean "name"?'),
    ("manifest of the wrong kind", "- system\n", ["run", "{}"], 4, "{}:1:1: a manifest is a map"),
    ("manifest without components", "system: x\n", ["run", "{}"], 4, '{}:1:1: a manifest needs "components"'),
    ("unknown name in a text", "system: x\nstart: [/bin/true]\ncomponents:\n  - {name: a, address: '127.0.0.1:${prt}'}\n",
     ["run", "{}"], 4, "${prt} is not known here"),
    ("name without an end", "system: x\nstart: ['${data']\ncomponents:\n  - {name: a, address: '127.0.0.1:${port}'}\n",
     ["run", "{}"], 4, '"${data" has a "${" without its "}"'),
    ("component that no simulation knows", "system: x\ncomponents:\n  - {name: a, program: b, address: '127.0.0.1:${port}'}\n",
     ["e2e", "{}", "-d", "sim"], 4, '{}:3:5: component a: there is no program "b" to simulate'),
    ("component that names no program", "system: x\ncomponents:\n  - {name: a, address: '127.0.0.1:${port}'}\n",
     ["e2e", "{}", "-d", "sim"], 3, '{}:3:5: component a names no "program"'),
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
    ("unknown fault", None, ["chaos", MANIFEST, "--fault", "kil"], 4, 'there is no fault "kil": did you mean "kill"?'),
    ("fault of the other driver", None, ["chaos", MANIFEST, "--fault", "crash-at-point"], 4, "needs --driver sim"),
    ("unknown target", None, ["chaos", MANIFEST, "-d", "sim", "--target", "stroe"], 4, 'no component "stroe": did you mean "store"?'),
    ("unknown workload", None, ["chaos", MANIFEST, "-d", "sim", "--workload", "registre"], 2, 'there is no workload "registre"'),
    ("stream that is none", "system: x\n", ["report", "{}"], 4, "{}:1:"),
    ("finding that is none", "[1]\n", ["replay", "{}"], 4, '{}:1:1: no line "# replay: COMMAND" in it'),
    ("run folder that is none", None, ["replay", "nowhere"], 4, "nowhere: there is no such file"),
    ("finding with a foreign command", "# replay: sh -c id\n", ["replay", "{}"], 4,
     "the recorded command is not one that harrow prints: sh -c id"),
    ("finding that replays itself", "# replay: harrow replay {}\n", ["replay", "{}"], 4, "is not one that harrow prints"),
    ("finding with an open quote", "# replay: harrow e2e 'x\n", ["replay", "{}"], 4, "a ' without its end"),
    ("case that is none", "call /store.Store/Read\nmesage 0 {}\n", ["fuzz", MANIFEST, "-d", "sim", "--input", "{}"], 4,
     "{}:2:1: "),
]


def completes(folder, command):
    """The bash completion, loaded into a real bash, offers the command's options, or the commands themselves."""
    got, script = harrow("completion", "bash", folder=folder)
    with open(os.path.join(folder, "completion.bash"), "w") as f:
        f.write(script)
    typed = f"harrow {command} --" if command else "harrow "
    done = subprocess.run(["bash", "--norc", "-c", "source completion.bash; COMP_WORDS=(%s); COMP_CWORD=%d; COMP_LINE=%s; "
                           "COMP_POINT=${#COMP_LINE}; $(complete -p harrow | sed -E 's/.*-F ([^ ]+).*/\\1/') harrow; "
                           "printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
                               f"harrow {command} --" if command else "harrow ''", 2 if command else 1,
                               shlex.quote(typed))], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    offered = {word.strip() for word in done.stdout.split()}
    wanted = {"": {"run", "up", "e2e", "contract", "fuzz", "chaos", "check", "replay", "report"},
              "replay": {"--print", "--number"}, "check": {"--model", "--picture"}, "report": {"--format", "--output"}}.get(command, {"--driver", "--seed", "--json"})
    check(got == 0 and wanted <= offered, f"bash completes {typed!r}", done.stdout)


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
        # The folder imports count from is guessed, and told.
        os.makedirs(os.path.join(folder, "proto", "shop"))
        for name, text in (("a", 'import "shop/b.proto";\nservice A { rpc Do(B) returns (B); }'), ("b", "message B {}")):
            with open(os.path.join(folder, "proto", "shop", name + ".proto"), "w") as f:
                f.write(f'syntax = "proto3";\npackage shop;\n{text}\n')
        got, output = harrow("fakes", "list", "--proto", "proto/shop/a.proto", folder=folder)
        check(got == 4 and 'proto/shop/a.proto:3:8: there is no file "shop/b.proto" to import; --proto-path proto finds it'
              in output, "import from a folder above", output)
        got, output = harrow("fakes", "list", "--proto", "proto/shop/a.proto", "--proto-path", "proto", folder=folder)
        check(got == 0 and "shop.A" in output, "and so it is found", output)
        # Nothing that was printed is lost unseen; a reader that has gone is no mistake.
        for words in ("chaos faults", "e2e --help", "--version"):
            line = [os.path.join(BIN, "harrow"), *words.split()]
            with open("/dev/full", "w") as full:
                done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True)
            check(done.returncode == 3 and "could not be written" in done.stderr, f"{words}: standard output that is full", done)
            # Without a reader from the start: with `| head` it would be a race whether its end is seen.
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True)
            os.close(writer)
            check(done.returncode == 0 and done.stderr == "", f"{words}: a standard output whose reader has gone", done)
        # Every command teaches.
        for command in ["run", "up", "e2e", "contract", "fuzz", "chaos", "check", "replay", "report"]:
            got, output = harrow(command, "--help", folder=folder)
            check(got == 0 and "Usage" in output and "harrow " + command in output and "\nExit codes:\n  0 " in output,
                  f"{command} --help", output)
            completes(folder, command)
        completes(folder, "")
    finish()


main()
