#!/usr/bin/env python3
"""Live fuzzing beside plain load on the same server: `harrow fuzz --in-flight 64`, every reply judged, against h2load with
64 streams on one connection and one valid call, in interleaved rounds.

    live_bench.py BIN [--rounds N] [--seconds S] [--boofuzz CALLS_A_SECOND]

BIN is the folder of the programs of a build with the benchmarks (cmake --preset bench). Two servers: the echo service of
bench/rpc, and micro's store, of which both sides only read: what is written goes to the disk, and would measure that.
Needs h2load (Debian package nghttp2-client).

Calls a second depend on what else the machine does, and on two processes having a core each; so the ratio of calls a
CPU-second (of the client alone) is told as well. Ratios under 1 are losses. boofuzz is measured by hand on the echo server
(one connection, one case after the other, as it works), and its figure given."""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
IN_FLIGHT = 64


def timed(command, **options):
    """The output, and the CPU seconds of the command alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Server:
    """What is called: its address, a valid call's path and message, and what harrow has to be told."""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Echo(Server):
    name = "echo"
    path, message, headers = "/harrow.bench.Echo/Call", b"\x0a\x20" + b"x" * 32, []

    def __init__(self, bin_folder, work):
        self.process = subprocess.Popen([os.path.join(bin_folder, "rpc_bench_server")], stdout=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{int(re.search(r'[0-9]+', self.process.stdout.readline()).group(0))}"
        self.arguments = ["--strict", "--only", "harrow.bench.Echo/", "--proto",
                          os.path.join(SOURCE, "bench/rpc/echo.proto")]


class Store(Server):
    name = "store"
    path, message = "/store.Store/Read", b"\x0a\x03key"

    def __init__(self, bin_folder, work):
        harrow = os.path.join(bin_folder, "harrow")
        self.process = subprocess.Popen([harrow, "up", os.path.join(SOURCE, "systems/micro.yaml"), "--json", "--out", work],
                                        stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            said = json.loads(line)
            if said.get("components"):
                break
        self.address = next(c["address"] for c in said["components"] if c["name"] == "store")
        os.environ["LIVE_BENCH_TOKEN"] = said["token"]
        self.headers = ["-H", f"authorization: Bearer {said['token']}", "-H", "micro-namespace: micro"]
        self.arguments = ["--strict", "--only", "store.Store/Read", "-H", "authorization: Bearer ${env.LIVE_BENCH_TOKEN}", "-H",
                          "micro-namespace: micro"]


def load(server, seconds):
    """Calls a second, and calls a CPU-second, of h2load."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(struct.pack(">BI", 0, len(server.message)) + server.message)
        f.flush()
        done, cpu = timed(["h2load", "-D", str(seconds), "-c1", f"-m{IN_FLIGHT}", "-d", f.name, "-H",
                           "content-type: application/grpc", "-H", "te: trailers", *server.headers,
                           f"http://{server.address}{server.path}"])
    finished = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed", done.stdout)
    if not finished or int(finished.group(2)) == 0:
        sys.exit(f"h2load: {done.stdout}")
    calls = int(finished.group(2))
    return calls / seconds, calls / cpu


def fuzz(server, bin_folder, work, seconds):
    """The same of harrow; the seconds of the campaign only count, what it does afterwards does count as CPU."""
    folder = tempfile.mkdtemp(dir=work)
    done, cpu = timed([os.path.join(bin_folder, "harrow"), "fuzz", server.address, "--quiet", "--budget", f"{seconds}s",
                       "--in-flight", str(IN_FLIGHT), "--out", folder, *server.arguments])
    if done.returncode not in (0, 1):
        sys.exit(f"harrow: {done.stdout}")
    per_second, calls, findings = [], 0, 0
    with open(os.path.join(folder, os.listdir(folder)[0], "results.jsonl")) as f:
        for line in map(json.loads, f):
            if line["type"] == "sample" and line.get("name") == "fuzz_inputs":
                per_second.append(line["value"])
            if line["type"] == "pillar" and line.get("state") == "end":
                calls = line["inputs"]
            findings += line["type"] == "finding"
    return statistics.mean(per_second) if per_second else calls / seconds, calls / cpu, findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--boofuzz", type=float)
    parser.add_argument("--server", choices=["echo", "store"], action="append")
    arguments = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("no h2load (Debian package nghttp2-client)")
    bin_folder = os.path.abspath(arguments.bin)
    work = tempfile.mkdtemp(prefix="live-bench-")
    for kind in (Echo, Store):
        if arguments.server and kind.name not in arguments.server:
            continue
        server = kind(bin_folder, work)
        try:
            rates, efficiencies, fuzzed = [], [], []
            print(f"{server.name}: calls/s plain, fuzzed, ratio; calls/CPU-s of the client plain, fuzzed, ratio")
            for _ in range(arguments.rounds):
                plain, plain_cpu = load(server, arguments.seconds)
                rate, rate_cpu, findings = fuzz(server, bin_folder, work, arguments.seconds)
                rates.append(rate / plain)
                efficiencies.append(rate_cpu / plain_cpu)
                fuzzed.append(rate)
                print(f"  {plain:9.0f} {rate:9.0f} {rates[-1]:6.3f}   {plain_cpu:9.0f} {rate_cpu:9.0f} {efficiencies[-1]:6.3f}"
                      f"   {findings} findings", flush=True)
            print(f"{server.name}: {statistics.median(rates):.3f}x h2load (median of {len(rates)} rounds; least "
                  f"{min(rates):.3f}, most {max(rates):.3f}); {statistics.median(efficiencies):.3f}x a CPU-second")
            if arguments.boofuzz and kind is Echo:
                print(f"{server.name}: {statistics.median(fuzzed) / arguments.boofuzz:.0f}x boofuzz")
        finally:
            server.stop()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
