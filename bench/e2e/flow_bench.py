#!/usr/bin/env python3
"""Flows by the step: start to exit, steps a second, memory; ours and rivals' in interleaved rounds.

  bench/e2e/flow_bench.py BIN [--against BIN] [--rounds N] [--steps N] [--many N] [--only PART]
                          [--hurl HURL] [--k6 K6] [--grpcurl GRPCURL]

BIN is the folder of a release build with harrow and doubles; --against another one's, to compare with. Rivals are taken
from PATH when they are not named, and left out when they are not there. The server is our `doubles` with one stub; all
clients talk to the same one.

start   one step, from start to exit. Median and lowest wall time, median processor time.
steps   --steps requests one after the other by one connection, each with a capture and three assertions, reports on:
        what one more step takes, by the clock and in processor time of the client (its own start is taken off), and
        what is in memory at the most.
memory  --many steps of ours (1,000,000 are what is promised; they take a minute or more), with reports on.

A ratio is a rival's figure by ours: below 1 we lose. The clock's figures need two idle cores, one for each side.
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "start"))
from start_bench import Doubles, METHOD, run, write  # noqa: E402

LOOK_AGAIN = 0.005  # seconds between looks at a client's memory
ROUNDS_OF_LOOP = 100000  # the language's limit for one "for"
STUB = """stubs:
  - call: helloworld.Helloworld/Call
    answer: {msg: Hello Mary}
    headers: {kind: greeting}
"""
CHECKS = """  capture: {said: $.body.msg}
  expect:
    status: %s
    headers: {%s}
    body: {msg: Hello Mary}
"""
HURL = """POST %s
{"name": "Mary"}
HTTP 200
[Captures]
said: jsonpath "$.msg"
[Asserts]
header "Content-Type" == "application/json"
jsonpath "$.msg" == "Hello Mary"

"""
K6_HTTP = """import http from "k6/http";
import { check } from "k6";
export const options = { vus: 1, iterations: %d };
export default function () {
  const r = http.post("%s", '{"name":"Mary"}', { headers: { "Content-Type": "application/json" } });
  const said = r.json().msg;
  check(r, { status: (r) => r.status === 200, type: (r) => r.headers["Content-Type"] === "application/json",
             msg: () => said === "Hello Mary" });
}
"""
K6_GRPC = """import grpc from "k6/net/grpc";
import { check } from "k6";
export const options = { vus: 1, iterations: %d };
const client = new grpc.Client();
client.load(["%s"], "helloworld.proto");
let open = false;
export default function () {
  if (!open) { client.connect("%s", { plaintext: true }); open = true; }
  const r = client.invoke("helloworld.Helloworld/Call", { name: "Mary" });
  const said = r.message.msg;
  check(r, { status: (r) => r.status === grpc.StatusOK, kind: (r) => r.headers["kind"][0] === "greeting",
             msg: () => said === "Hello Mary" });
}
"""


def peak(command, folder):
    """Exit code, wall and processor seconds, and the most memory held at once (MiB)."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    os.chdir(folder)
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(null)
    most = 0
    while True:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            wall = time.perf_counter() - start
            return os.waitstatus_to_exitcode(status), wall, used.ru_utime + used.ru_stime, most
        try:  # not ru_maxrss, which begins with what this program has
            with open(f"/proc/{child}/status", encoding="ascii") as lines:
                most = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), most)
        except OSError:
            pass
        time.sleep(LOOK_AGAIN)


def loop(step, count):
    """A flow that does the step so often, in loops within the language's limit."""
    inner = min(count, ROUNDS_OF_LOOP)
    outer = max(1, count // inner)
    body = "".join(f"        {line}\n" for line in step.splitlines())
    return (f"flow: bench\nsteps:\n  - for: outer\n    range: [1, {outer}]\n    steps:\n"
            f"    - for: inner\n      range: [1, {inner}]\n      steps:\n{body}")


def steps_of(server):
    url = f"http://127.0.0.1:{server.http}/helloworld/Helloworld/Call"
    return {
        "http": f"- http: POST {url}\n  json: {{name: Mary}}\n" + CHECKS % (200, "content-type: application/json"),
        "grpc": f"- call: {METHOD}\n  request: {{name: Mary}}\n" + CHECKS % ("OK", "kind: greeting"),
    }


def commands(given, server, kind, count, work):
    """(name, command) of all who can do it, ours first."""
    grpc = f"127.0.0.1:{server.grpc}"
    url = f"http://127.0.0.1:{server.http}/helloworld/Helloworld/Call"
    flow = write(f"{work}/{kind}-{count}.yaml", loop(steps_of(server)[kind], count))
    list_ = [(name, [f"{folder}/harrow", "e2e", grpc, flow, "--out", f"{work}/out"]) for name, folder in given.bins]
    if kind == "http" and given.hurl:
        hurl = write(f"{work}/{count}.hurl", HURL % url * count)
        list_.append(("hurl", [given.hurl, "--test", "--report-html", f"{work}/hurl-html", hurl]))
    if given.k6:
        script = K6_HTTP % (count, url) if kind == "http" else K6_GRPC % (count, f"{ROOT}/proto/helloworld", grpc)
        list_.append(("k6", [given.k6, "run", "--quiet", write(f"{work}/{kind}-{count}.js", script)]))
    if kind == "grpc" and given.grpcurl and count == 1:
        list_.append(("grpcurl", [given.grpcurl, "-plaintext", "-d", '{"name":"Mary"}', grpc, METHOD]))
    return list_


def one(command, work):
    code, wall, cpu, most = peak(command, work)
    if code != 0:
        sys.exit(f"{' '.join(command)} ended with {code}")
    shutil.rmtree(f"{work}/out", ignore_errors=True)
    shutil.rmtree(f"{work}/hurl-html", ignore_errors=True)
    return wall, cpu, most


def start(given, server, work):
    print(f"{'start to exit':<14}{'':<10}{'wall ms':>9}{'lowest':>9}{'cpu ms':>9}{'ratio':>9}")
    for kind in ("http", "grpc"):
        row = commands(given, server, kind, 1, work)
        measured = {name: [] for name, _ in row}
        for _ in range(given.rounds):
            for name, command in row:
                code, wall, cpu = run(command, work)
                if code != 0:
                    sys.exit(f"{' '.join(command)} ended with {code}")
                measured[name].append((wall, cpu))
        own = min(wall for wall, _ in measured["ours"])
        for name, _ in row:
            walls, cpus = zip(*measured[name])
            print(f"{kind:<14}{name:<10}{statistics.median(walls):9.2f}{min(walls):9.2f}{statistics.median(cpus):9.2f}"
                  f"{min(walls) / own:9.2f}")


def steps(given, server, work):
    print(f"\n{'each step':<14}{'':<10}{'steps/s':>9}{'best':>9}{'cpu us':>9}{'lowest':>9}{'ratio':>9}{'MiB':>9}")
    rounds = max(3, given.rounds // 10)
    for kind in ("http", "grpc"):
        short, long = commands(given, server, kind, 1, work), commands(given, server, kind, given.steps, work)
        measured = {name: [] for name, _ in long}
        for _ in range(rounds):
            for (name, few), (_, many) in zip([c for c in short if c[0] != "grpcurl"], long):
                measured[name].append((one(few, work), one(many, work)))
        for name, pairs in measured.items():  # its own start is the least one seen
            first = [min(few[i] for few, _ in pairs) for i in (0, 1)]
            measured[name] = [((many[0] - first[0]) / (given.steps - 1), (many[1] - first[1]) / (given.steps - 1), many[2])
                              for _, many in pairs]
        own = min(cpu for _, cpu, _ in measured["ours"])
        for name, _ in long:
            walls, cpus, sizes = zip(*measured[name])
            print(f"{kind:<14}{name:<10}{1 / statistics.median(walls):9.0f}{1 / min(walls):9.0f}"
                  f"{statistics.median(cpus) * 1e6:9.1f}{min(cpus) * 1e6:9.1f}{min(cpus) / own:9.2f}{max(sizes):9.1f}")


def memory(given, server, work):
    print(f"\n{'memory':<14}{'steps':<10}{'MiB':>9}{'seconds':>9}{'cpu s':>9}")
    for kind in ("http", "grpc"):
        for count in (given.many // 10, given.many):
            wall, cpu, most = one(commands(given, server, kind, count, work)[0][1], work)
            print(f"{kind:<14}{count:<10}{most:9.1f}{wall:9.1f}{cpu:9.1f}")


def main():
    parts = {"start": start, "steps": steps, "memory": memory}
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bin")
    arguments.add_argument("--against", metavar="BIN")
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--steps", type=int, default=5000)
    arguments.add_argument("--many", type=int, default=100000)
    arguments.add_argument("--only", choices=parts)
    for name in ("hurl", "k6", "grpcurl"):
        arguments.add_argument(f"--{name}", default=shutil.which(name))
    given = arguments.parse_args()
    given.bins = [("ours", os.path.abspath(given.bin))]
    if given.against:
        given.bins.append(("against", os.path.abspath(given.against)))
    print(f"load {os.getloadavg()[0]:.1f}, {given.rounds} rounds; the empty program takes "
          f"{statistics.median(run(['/bin/true'], ROOT)[2] for _ in range(given.rounds)):.2f} ms of processor time")
    with tempfile.TemporaryDirectory() as work:
        stub = write(f"{work}/stub.yaml", STUB)
        with Doubles(f"{given.bins[0][1]}/doubles", "--service", "helloworld", "--stubs", stub) as server:
            for name, part in parts.items():
                if given.only in (None, name):
                    part(given, server, work)
            os.chdir(ROOT)


main()
