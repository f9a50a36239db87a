#!/usr/bin/env python3
"""harrow e2e: shards by a history, a run that is killed and resumed, workers kept apart, --watch, --dry-run, snapshots.

flows_test.py BIN SOURCE"""
import contextlib
import glob
import json
import os
import signal
import socket
import subprocess
import time

from harness import BIN, MANIFEST, SOURCE, Folder, check, finish, harrow, left_behind, processes_of

WAIT = 120  # seconds, for what takes a fraction of one


def write(folder, name, text):
    """In one go, and made beside what is watched: who looks in between sees the file of before."""
    path, new = os.path.join(folder, name), os.path.join(folder, "new")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(new, "w") as f:
        f.write(text)
    os.replace(new, path)
    return path


def lines_of(folder):
    """Of the newest run below it."""
    runs = sorted(glob.glob(os.path.join(folder, "*", "results.jsonl")))
    with open(runs[-1]) as f:
        return [json.loads(line) for line in f]


def cases(lines):
    return [(line["name"], line["status"]) for line in lines if line["type"] == "case" and line.get("pillar") == "e2e"]


def notes(lines):
    return "\n".join(line["text"] for line in lines if line["type"] == "note" and "text" in line)


def simulated(folder, *arguments, environment=None):
    return harrow("e2e", MANIFEST, "--driver", "sim", "--quiet", "--out", os.path.join(folder, "out"), *arguments,
                  environment=environment)


# ---- shards

SLOW = """flows:
""" + "".join(f"  - {{flow: f{i}, steps: [{{wait: {i + 1}s}}, {{call: helloworld.Helloworld/Call, request: {{name: f{i}}}}}]}}\n"
             for i in range(8))


def shards():
    with Folder() as folder:
        flows = write(folder, "flows/slow.yaml", SLOW)
        db = os.path.join(folder, "runs.db")
        code, out = simulated(folder, flows, "--seed", "3", "--history", db, "--shard", "1/1")
        check(code == 0 and "there is no history yet" in out, "a history that is not there yet is told", out)
        whole = lines_of(os.path.join(folder, "out"))
        run = glob.glob(os.path.join(folder, "out", "*"))[0]
        code, out = harrow("report", run, "--history", db)
        check(code == 0, "the run is kept in a history", out)
        spent, merged = [], []
        for k in (1, 2, 3):
            code, out = harrow("e2e", MANIFEST, flows, "--driver", "sim", "--quiet", "--seed", "3", "--shard", f"{k}/3",
                               "--history", db, "--out", os.path.join(folder, f"shard{k}"))
            lines = lines_of(os.path.join(folder, f"shard{k}"))
            merged += cases(lines)
            spent.append(sum(line["duration"] for line in lines if line["type"] == "case"))
            check(code == 0 and lines[0]["shard"] == k and lines[0]["shards"] == 3, f"shard {k} says which it is", out)
        check(sorted(merged) == sorted(cases(whole)), "all shards together run each flow once", f"{merged}")
        check(max(spent) <= 1.05 * sum(spent) / 3, "the slowest takes at most 1.05 times the mean", f"{spent}")
        code, out = harrow("report", *sorted(glob.glob(os.path.join(folder, "shard*", "*"))), "--format", "json")
        one = harrow("report", run, "--format", "json")[1]
        totals = [json.loads(text)["verdict"] for text in (out, one)]
        check(code == 0 and totals[0] == totals[1], "the merged report says what one run's says", f"{totals}")
        code, out = harrow("report", *sorted(glob.glob(os.path.join(folder, "shard[12]", "*"))))
        check("incomplete" in out, "without a shard the report is incomplete", out)
        for bad in ("0/3", "4/3", "3", "1/x", "1/3/2"):
            code, out = simulated(folder, flows, "--seed", "3", "--shard", bad)
            check(code == 2 and "K/N" in out, f"--shard {bad} is refused", out)
        code, out = simulated(folder, flows, "--shard", "1/3")
        check(code == 2 and "--id" in out, "shards must know that they are one run's", out)


# ---- a run that is killed, and resumed

KILLED = """setup: [{run: [sh, -c, "echo setup >> ${here}/ran"]}]
flows:
  - {flow: first, steps: [{run: [sh, -c, "echo first >> ${here}/ran"]}]}
  - flow: second
    steps: [{run: [sh, -c, "echo second >> ${here}/ran; test -e ${here}/go || kill -9 $PPID"]}]
  - {flow: third, steps: [{run: [sh, -c, "echo third ${unique} >> ${here}/ran"]}]}
"""


def manifest_of_one(folder):
    """micro.yaml in this folder, so that ${here} is."""
    with open(MANIFEST) as f:
        text = f.read()
    text = text.replace("[../e2e/flows/micro]", "[flows]").replace("[../fakes/contracts]", "[]")
    return write(folder, "micro.yaml", text)


def resume():
    with Folder() as folder:
        manifest, out = manifest_of_one(folder), os.path.join(folder, "out")
        write(folder, "flows/killed.yaml", KILLED)
        command = [os.path.join(BIN, "harrow"), "e2e", manifest, "--quiet", "--out", out, "--seed", "9"]
        killed = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=WAIT)
        check(killed.returncode == -signal.SIGKILL, "harrow was killed in the middle", str(killed.returncode))
        end = time.monotonic() + WAIT  # what it started ends with it, or is ended here
        while processes_of(folder) and time.monotonic() < end:
            time.sleep(0.05)
            for process, _ in processes_of(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        before = lines_of(out)
        check(("first", "passed") in cases(before) and len(cases(before)) == 2, "two verdicts were written",
              f"{cases(before)}")
        write(folder, "go", "")
        first = glob.glob(os.path.join(out, "*"))[0]
        code, text = harrow("e2e", manifest, "--quiet", "--out", os.path.join(folder, "again"), "--resume", first)
        after = lines_of(os.path.join(folder, "again"))
        with open(os.path.join(folder, "ran")) as f:
            ran = [line.split()[0] for line in f]
        check(code == 0 and ran == ["setup", "first", "second", "setup", "second", "third"],
              "only what has no verdict runs again, and its setup", f"{code} {ran}\n{text}")
        check(cases(after) == [("setup", "passed"), ("first", "passed"), ("second", "passed"), ("third", "passed")],
              "the merged stream has every flow once, in order", f"{cases(after)}")
        told = [line["name"] for line in after if line["type"] == "case" and "resumed" in line]
        check(told == ["first"] and "resumes the run " + os.path.basename(first) in notes(after),
              "and says which verdicts are the first run's", f"{told} {notes(after)}")
        check(after[0]["seed"] == "9", "drawn values are those of the first run", after[0]["seed"])
        code, text = harrow("e2e", manifest, "--resume", os.path.join(folder, "nothing"))
        check(code != 0 and "nothing" in text, "a run that is not there cannot be resumed", text)
        empty = write(folder, "empty.jsonl", "")
        code, text = harrow("e2e", manifest, "--resume", empty)
        check(code == 4 and "nothing to resume" in text, "nor can an empty stream", text)


# ---- workers that do not see each other

PAIR = """flows:
""" + "".join(f"""  - flow: {me}
    steps:
      - {{call: store.Store/Write, request: {{record: {{key: fixed, value: {value}}}, options: {{table: pairs}}}}}}
      - {{run: [touch, "${{here}}/{me}"]}}
      - {{run: [test, -e, "${{here}}/{other}"], within: {WAIT}s}}
      - call: store.Store/Read
        request: {{key: fixed, options: {{table: pairs}}}}
        expect: {{body: {{records: [{{value: {value}}}]}}}}
""" for me, other, value in (("ann", "bob", "YW5u"), ("bob", "ann", "Ym9i")))


# ---- a run that is interrupted, and one that cannot begin

INTERRUPTED = """flows:
  - {flow: first, steps: [{run: [sh, -c, "true"]}]}
  - {flow: second, steps: [{run: [sh, -c, "kill -INT $PPID; sleep 60"]}]}
  - {flow: third, steps: [{run: [sh, -c, "true"]}]}
"""


def interrupted():
    with Folder() as folder:
        manifest, out = manifest_of_one(folder), os.path.join(folder, "out")
        flows = write(folder, "cut.yaml", INTERRUPTED)
        code, text = harrow("e2e", manifest, flows, "--out", out, "--format", "junit,github")
        lines, run = lines_of(out), glob.glob(os.path.join(out, "*"))[0]
        check(code == 130 and cases(lines) == [("first", "passed")] and lines[-1]["exit"] == 130, "an interrupt ends the run",
              f"{code} {cases(lines)}\n{text}")
        check("interrupted  micro" in text and "when 1 of 3 planned cases had a verdict" in text and "failed  " not in text,
              "and is told as such, with how far it came", text)
        check(not os.path.exists(os.path.join(run, "scratch")), "no folder for commands is left", str(os.listdir(run)))
        with open(os.path.join(run, "junit.xml"), encoding="utf-8") as f:
            check('type="interrupted"' in f.read(), "machines are told as well")


def not_loaded():
    with Folder() as folder:
        flows = write(folder, "bad.yaml", "flow: a\nsteps:\n  - {call: a.B/C, nothing: 1}\n")
        code, text = simulated(folder, flows, "--format", "github", "--out", os.path.join(folder, "out"))
        case = [line for line in lines_of(os.path.join(folder, "out")) if line["type"] == "case"][0]
        check(code == 4 and (case["file"], case["line"], case["column"]) == (flows, 3, 19),
              "a flow that does not load is told with its place", f"{code} {case}\n{text}")


def isolation():
    with Folder() as folder:
        manifest = manifest_of_one(folder)
        write(folder, "flows/pair.yaml", PAIR)
        out = os.path.join(folder, "out")
        code, text = harrow("e2e", manifest, "--quiet", "--jobs", "2", "--out", out)
        check(code == 0 and len(cases(lines_of(out))) == 2,
              "two workers use the same names at the same time, each in its own system", text)
        check(not left_behind(folder), "both systems are gone afterwards", f"{processes_of(folder)}")
        for name in ("ann", "bob"):
            os.unlink(os.path.join(folder, name))
        code, text = harrow("e2e", manifest, "--quiet", "--jobs", "2", "--isolate", "none", "--out", out)
        check(code == 1 and "body.records[0].value" in text, "in one system they see each other", text)
        code, text = harrow("e2e", "127.0.0.1:1", os.path.join(folder, "flows"), "--jobs", "2", "--isolate", "system")
        check(code == 2 and "not ours" in text, "an attached system cannot be started again", text)
        plain = write(folder, "plain.yaml", 'system: plain\ncomponents: [{name: a, address: "127.0.0.1:1"}]\n')
        code, text = harrow("e2e", plain, os.path.join(folder, "flows"), "--isolate", "namespace", "--out", out)
        check(code == 4 and plain in text and '"isolation"' in text, "a manifest that says nothing of namespaces", text)
        code, text = harrow("e2e", "127.0.0.1:1", os.path.join(folder, "flows"), "--isolate", "namespace", "--out", out)
        check(code == 4 and "write a manifest" in text, "an address has no namespaces", text)
        code, text = harrow("e2e", MANIFEST, os.path.join(SOURCE, "tests", "flows", "collide.yaml"), "--isolate", "namespace",
                            "--jobs", "2", "--repeat", "2", "--quiet", "--out", out)
        check(code == 0 and "4 passed" in text, "flows that use the same names, each in a namespace of its own", text)
        code, text = harrow("e2e", MANIFEST, "--repeat", "0")
        check(code == 2 and "--repeat" in text, "nothing is not run", text)
        code, text = harrow("e2e", MANIFEST, "--watch", "--until-fail")
        check(code == 2 and "--watch" in text, "--watch alone says how often", text)
        os.mkdir(os.path.join(folder, "empty"))
        code, text = harrow("e2e", MANIFEST, os.path.join(folder, "empty"), "--driver", "sim", "--out", out)
        check(code != 0 and "there are no flows in it" in text, "a folder without flows is no success", text)
        code, text = simulated(folder, os.path.join(SOURCE, "e2e", "flows", "micro", "store.yaml"), "--jobs", "4")
        check(code == 0 and "one after the other" in text, "a simulation says that it is one system", text)


# ---- watching

def watching():
    with Folder() as folder:
        good = "flow: {}\nsteps: [{{call: helloworld.Helloworld/Call, request: {{name: x}}, expect: {{body: {{msg: {}}}}}}}]\n"
        a = write(folder, "flows/a.yaml", good.format("aa", "Hello x"))
        write(folder, "flows/b.yaml", good.format("bb", "Hello x"))
        write(folder, "flows/c.yaml", "flow: cc\ncases: rows.json\nsteps: [{set: {x: '${who}'}}, {flow: a.yaml}]\n")
        rows = write(folder, "flows/rows.json", '[{"who": "one"}]')
        process = subprocess.Popen([os.path.join(BIN, "harrow"), "e2e", MANIFEST, os.path.join(folder, "flows"), "--driver",
                                    "sim", "--watch", "--out", os.path.join(folder, "out")], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, bufsize=1, env=dict(os.environ, NO_COLOR="1"))

        def until_it_waits():
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("watching "):
                    return said
            return said

        try:
            said = until_it_waits()
            check(len(cases(lines_of(os.path.join(folder, "out")))) == 3, "all flows run at first", said)
            write(folder, "flows/a.yaml", good.format("aa", "something else"))
            said = until_it_waits()
            check(f"changed: {a}" in said and sorted(cases(lines_of(os.path.join(folder, "out")))) ==
                  [("aa", "failed"), ("cc [1]", "failed")], "then what changed, and what includes it", said)
            write(folder, "flows/a.yaml", "flow: aa\nsteps: [{wiat: 1s}]\n")
            said = until_it_waits()
            check("did you mean" in said and "a.yaml:2" in said, "a file that is wrong is told, and waited for", said)
            write(folder, "flows/a.yaml", good.format("aa", "Hello x"))
            until_it_waits()
            write(folder, "flows/rows.json", '[{"who": "one"}, {"who": "two"}]')
            said = until_it_waits()
            check(f"changed: {rows}" in said and cases(lines_of(os.path.join(folder, "out"))) ==
                  [("cc [1]", "passed"), ("cc [2]", "passed")], "rows of data belong to their flow", said)
            write(folder, "flows/new.yaml", good.format("new", "Hello x"))
            said = until_it_waits()
            check(cases(lines_of(os.path.join(folder, "out"))) == [("new", "passed")], "a new file is noticed", said)
            os.remove(os.path.join(folder, "flows/new.yaml"))
            said = until_it_waits()
            check("new.yaml" in said and "no flow depends on what changed" in said, "one that is gone as well", said)
            process.send_signal(signal.SIGINT)
            check(process.wait(timeout=WAIT) == 0, "Ctrl-C ends it with the last result", str(process.returncode))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()


def watching_interrupted():
    """Ctrl-C while flows run: the run ends as any other that is interrupted, and nothing waits any more."""
    with Folder() as folder, socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as held:
        server.settimeout(WAIT)
        write(folder, "flows/a.yaml", "flow: a\nsteps: [{http: GET /never, timeout: 1h}]\n")
        process = subprocess.Popen([os.path.join(BIN, "harrow"), "e2e", f"http://127.0.0.1:{server.getsockname()[1]}",
                                    os.path.join(folder, "flows"), "--watch", "--out", os.path.join(folder, "out")],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            asked = b""
            while b"GET /never" not in asked:  # it may look first whether anybody is there
                connection, _ = server.accept()
                held.enter_context(connection)
                asked = connection.recv(4096)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=WAIT)[0]
            check(process.returncode == 130 and "interrupted" in said and "watching " not in said,
                  "Ctrl-C ends a run that is under way, and the watching with it", f"{process.returncode} {said}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()


# ---- what would run

def dry_run():
    with Folder() as folder:
        code, out = harrow("e2e", MANIFEST, "--dry-run", folder=SOURCE)
        check(code == 0 and "    call notes.Notes/Create" in out and "e2e/flows/micro/notes.yaml:" in out and ".." not in out,
              "flows with their steps, by clean paths", out[:2000])
        code, out = harrow("e2e", MANIFEST, "--list", folder=SOURCE)
        check(code == 0 and ".." not in out and "e2e/flows/micro/notes.yaml:" in out, "--list has clean paths", out[:2000])
        flows = write(folder, "flows/x.yaml", "flows:\n"
                      "  - {flow: one, tags: [smoke], cases: [{case: a}, {case: b}], steps: [{call: store.Store/Read, "
                      "name: look}]}\n  - {flow: two, steps: [{http: GET /x}], finally: [{wait: 1s}]}\n")
        code, out = harrow("e2e", MANIFEST, flows, "--dry-run", "--json", "--shard", "1/2", "--id", "x", folder=folder)
        got = json.loads(out)
        check(code == 0 and got["checked"] and [c["name"] for c in got["cases"]] == ["one [a]", "two"] and
              got["cases"][0]["steps"] == [{"kind": "call", "what": "store.Store/Read", "line": 2, "name": "look"}] and
              got["cases"][1]["steps"][1]["list"] == "finally" and "shard 1/2" in got["note"],
              "as JSON, with the shard", out)
        wrong = write(folder, "flows/y.yaml", "flow: y\nsteps:\n  - call: store.Store/Raed\n  - call: no.Such/Method\n")
        code, out = harrow("e2e", MANIFEST, wrong, "--dry-run", folder=folder)
        check(code == 4 and f'{wrong}:3:11' in out and 'did you mean "Read"?' in out and f"{wrong}:4:11" in out,
              "methods are looked for in the contracts, and all errors told", out)
        check(not glob.glob(os.path.join(folder, "harrow-out")), "nothing is started, no folder made")


# ---- snapshots

def snapshots():
    with Folder() as folder:
        flow = write(folder, "flows/s.yaml", "flow: s\nsteps: [{call: helloworld.Helloworld/Call, request: {name: x}, "
                     "snapshot: greeting}]\n")
        code, out = simulated(folder, flow, "--update-snapshots")
        check(code == 2 and "--even-on-ci" in out, "on CI nothing is updated", out)
        code, out = simulated(folder, flow, "--update-snapshots", environment={"CI": ""})
        check(code == 0 and "1 written" in out, "elsewhere it is", out)
        with open(os.path.join(folder, "flows/s.snapshots/greeting.json")) as f:
            check(json.load(f) == {"msg": "Hello x"}, "the file lies beside the flow")
        code, out = simulated(folder, flow)
        check(code == 0, "from then on it is compared", out)
        write(folder, "flows/s.snapshots/greeting.json", '{\n  "msg": "Hello y"\n}\n')
        code, out = simulated(folder, flow)
        check(code == 1 and 'expected "Hello y", got "Hello x"' in out and "greeting.json has:" in out,
              "a difference is shown with the snapshot's line", out)
        code, out = simulated(folder, flow, "--update-snapshots", "--even-on-ci")
        check(code == 0 and "1 changed" in out, "on CI when it is asked for", out)


# ---- a first failure

def replayed():
    """What repeats a failure has all that decides about it."""
    with Folder() as folder:
        flow = write(folder, "asked.yaml", "flow: asked\nsteps:\n  - call: helloworld.Helloworld/Call\n"
                     "    request: {name: '${who}'}\n    expect: {body: {msg: Hello Bob}}\n")
        simulated(folder, flow, "--variable", "who=Ann B")
        command = next(line["replay"] for line in lines_of(os.path.join(folder, "out")) if line.get("status") == "failed"
                       and line["type"] == "case")
        again = subprocess.run(command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False)
        check(again.returncode == 1 and "Hello Ann B" in again.stdout, "a failure's command fails the same way",
              f"{command}\n{again.stdout}")


def missing():
    """What is not there is a wrong input, wherever it was named."""
    with Folder() as folder:
        for arguments in (["e2e", MANIFEST, "none.hurl", "--driver", "sim"], ["e2e", MANIFEST, "--resume", "none"],
                          ["e2e", "import", "none.hurl"], ["e2e", "none.yaml"]):
            code, out = harrow(*arguments, folder=folder)
            check(code == 4 and "none" in out, " ".join(arguments[:3]), f"exit {code}\n{out}")


def alone():
    """Flows, or a test file of another tool, with no system in front: known by their names, or by what is in them."""
    with Folder() as folder:
        write(folder, "f/one.yaml", "flow: one\nsteps: [{run: [echo, hello], expect: {stdout: hello}}]\n")
        write(folder, "f/two.yaml", "flows:\n- flow: two\n  steps: [{http: GET /path}]\n")
        write(folder, "no_steps.yaml", "flow: none\n")
        write(folder, "calls.yaml", "flow: calls\nsteps: [{call: a.B/C}]\n")
        code, out = harrow("e2e", "f/one.yaml", folder=folder)
        check(code == 0 and "1 passed" in out, "a flow runs without a system", f"exit {code}\n{out}")
        code, out = harrow("e2e", "f", "--only", "two", folder=folder)
        check(code == 1 and "no-system has no gateway: give a whole URL" in out, "a path is no URL then",
              f"exit {code}\n{out}")
        again = next((line.split("replay: ")[1] for line in out.splitlines() if "replay: " in line), "false")
        check(" e2e f " in again, "a failure's command names no system", again)
        done = subprocess.run(again, shell=True, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        check(done.returncode == 1 and "no gateway" in done.stdout, "and fails the same way", done.stdout)
        code, out = harrow("e2e", "no_steps.yaml", folder=folder)
        check(code == 4 and 'no_steps.yaml:1:1: flow "none" has no steps' in out, "a wrong flow is told as one",
              f"exit {code}\n{out}")
        code, out = harrow("e2e", "calls.yaml", folder=folder)
        check(code == 4 and "harrow e2e localhost:50051 calls.yaml" in out, "a flow that calls needs a server",
              f"exit {code}\n{out}")
        write(folder, "book.yml",
              "desc: a book\nsteps: [{exec: {command: echo hello}, test: current.stdout contains 'hello'}]\n")
        write(folder, "calls.yml", "runners: {g: 'grpc://a.test:1'}\nsteps: [{g: {a.B/C: {message: {}}}}]\n")
        write(folder, "cannot.yml", "steps: [{test: runn.kv.a == 1}]\n")
        code, out = harrow("e2e", "book.yml", folder=folder)
        check(code == 0 and "1 passed" in out, "a book runs as it is", f"exit {code}\n{out}")
        code, out = harrow("e2e", "book.yml", "--list", folder=folder)
        check(code == 0 and "book.yml:1: a book" in out, "a book is listed", f"exit {code}\n{out}")
        code, out = harrow("e2e", "calls.yml", folder=folder)
        check(code == 4 and "harrow e2e localhost:50051 calls.yml" in out, "gRPC needs a server in front",
              f"exit {code}\n{out}")
        code, out = harrow("e2e", "cannot.yml", folder=folder)
        check(code == 4 and "cannot.yml:1:16: runn.kv.a" in out, "what a flow cannot say is a wrong input",
              f"exit {code}\n{out}")
        code, out = harrow("e2e", "import", "book.yml", folder=folder)
        check(code == 0 and "flow: a book" in out, "a book is imported without being named", f"exit {code}\n{out}")


def first_failure():
    with Folder() as folder:
        manifest, out = manifest_of_one(folder), os.path.join(folder, "out")
        write(folder, "flows/f.yaml", "flow: sometimes\nsteps: [{run: [sh, -c, \"test -e ${here}/been || { touch "
              "${here}/been; echo the first failure; exit 3; }\"]}]\n")
        code, text = harrow("e2e", manifest, "--retries", "2", "--out", out, "--format", "junit,tap,ctrf,html,markdown")
        run = glob.glob(os.path.join(out, "*"))[0]
        case = [line for line in lines_of(out) if line["type"] == "case"][0]
        check(code == 0 and case["status"] == "flaky" and "exit code 0, got 3" in case["message"] and
              "the first failure" in case["detail"], "a flow that passes later is flaky, with its first failure",
              f"{case}")
        check("flaky" in text and "exit code 0, got 3" in text, "the terminal shows it", text)
        for name in ("junit.xml", "results.tap", "ctrf.json", "report.html", "summary.md"):
            with open(os.path.join(run, name)) as f:
                shown = f.read()
            check("exit code 0, got 3" in shown, f"{name} shows it")


for part in (shards, resume, interrupted, not_loaded, isolation, watching, watching_interrupted, dry_run, snapshots,
             replayed, missing, alone, first_failure):
    part()
finish()
