#!/usr/bin/env python3
"""Start-up time and memory of the programs, ours and rivals' in interleaved rounds.

  bench/start/start_bench.py BIN [--against BIN] [--rounds N] [--hurl HURL] [--grpcurl GRPCURL] [--buf BUF]

BIN is the folder of a release build with harrow, doubles and micro; --against another one's, to compare with. Rivals are
taken from PATH when they are not named, and left out when they are not there.

Printed for each command from start to exit: median wall and processor milliseconds of N rounds, the lowest wall time
(on a busy machine the nearest to what an idle one would show), and how a rival's processor time compares; below 1 we
lose. Then what `doubles` takes until its first answer, and its resident memory behind that, each in its own process.
"""
import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
METHOD = "helloworld.Helloworld/Call"
OLD = 'syntax = "proto3";\npackage shop;\nmessage Item { string name = 1; int64 price = 2; }\n'
NEW = 'syntax = "proto3";\npackage shop;\nmessage Item { string title = 1; }\n'
ANSWER_TIMEOUT = 10  # seconds


def run(command, folder):
    """Exit code, wall and processor milliseconds."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    os.chdir(folder)
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - start
    os.close(null)
    return os.waitstatus_to_exitcode(status), wall * 1e3, (used.ru_utime + used.ru_stime) * 1e3


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port):
    """Whether the doubles' HTTP door answers a call with 200."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT) as s:
        body = b'{"name":"Mary"}'
        s.sendall(b"POST /helloworld/Helloworld/Call HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                  b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return s.recv(12) == b"HTTP/1.1 200"


class Doubles:
    """`doubles serve`, up from its first answer to the end of a with block."""

    def __init__(self, program, *options):
        self.grpc, self.http = free_port(), free_port()
        self.command = [program, "serve", "--all", "--seed", "1", "--port", str(self.grpc), "--http-port", str(self.http),
                        *options]

    def __enter__(self):
        start = time.perf_counter()
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        while True:
            try:
                if ask(self.http):
                    break
            except ConnectionRefusedError:
                time.sleep(0.0001)
            if time.perf_counter() - start > ANSWER_TIMEOUT or self.process.poll() is not None:
                sys.exit(f"{' '.join(self.command)} did not answer")
        self.first = (time.perf_counter() - start) * 1e3
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def resident(self):
        """MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def commands(bins, rivals, work, server):
    """Rows of (title, [(name, command, exit code)]), ours first."""
    grpc = f"127.0.0.1:{server.grpc}"
    url = f"http://127.0.0.1:{server.http}/helloworld/Helloworld/Call"
    call = write(f"{work}/call.yaml", f"flow: call\nsteps:\n  - call: {METHOD}\n    request: {{name: Mary}}\n")
    http = write(f"{work}/http.yaml",
                 f"flow: http\nsteps:\n  - http: POST {url}\n    json: {{name: Mary}}\n    expect: {{status: 200}}\n")
    hurl = write(f"{work}/http.hurl", f"POST {url}\n{{\"name\": \"Mary\"}}\nHTTP 200\n")
    old, new = os.path.dirname(write(f"{work}/old/shop.proto", OLD)), os.path.dirname(write(f"{work}/new/shop.proto", NEW))

    def ours(program, *arguments, code=0):
        return [(name, [f"{folder}/{program}", *arguments], code) for name, folder in bins]

    def theirs(name, *arguments, code=0):
        return [(name, [rivals[name], *arguments], code)] if rivals[name] else []

    return [
        ("version", ours("harrow", "--version")),
        ("help of doubles", ours("doubles", "--help")),
        ("version of micro", ours("micro", "--version")),
        ("one gRPC step", ours("harrow", "e2e", grpc, call, "--out", f"{work}/out") +
         theirs("grpcurl", "-plaintext", "-d", '{"name":"Mary"}', grpc, METHOD)),
        ("one HTTP step", ours("harrow", "e2e", grpc, http, "--out", f"{work}/out") + theirs("hurl", "--test", hurl)),
        ("diff of a small pair", ours("harrow", "contract", "diff", old, new, code=1) +
         theirs("buf", "breaking", new, "--against", old, code=100)),
    ]


def from_start_to_exit(rows, rounds, work):
    measured = {}
    for _ in range(rounds):
        for title, row in rows:
            for name, command, expected in row:
                code, wall, cpu = run(command, work)
                if code != expected:
                    sys.exit(f"{' '.join(command)} ended with {code}, not with {expected}")
                measured.setdefault((title, name), []).append((wall, cpu))
    print(f"{'':<24}{'':<10}{'wall ms':>9}{'lowest':>9}{'cpu ms':>9}{'ratio':>9}")
    for title, row in rows:
        own = statistics.median(cpu for _, cpu in measured[title, row[0][0]])
        for name, _, _ in row:
            walls, cpus = zip(*measured[title, name])
            print(f"{title:<24}{name:<10}{statistics.median(walls):9.2f}{min(walls):9.2f}{statistics.median(cpus):9.2f}"
                  f"{statistics.median(cpus) / own:9.2f}")


def of_doubles(bins, rounds):
    print(f"\n{'':<24}{'':<10}{'first ms':>9}{'lowest':>9}{'MiB':>9}")
    for title, options in (("one service", ["--service", "helloworld"]), ("all of proto/", [])):
        firsts, sizes = {}, {}
        for _ in range(rounds):
            for name, folder in bins:
                with Doubles(f"{folder}/doubles", *options) as d:
                    firsts.setdefault(name, []).append(d.first)
                    sizes.setdefault(name, []).append(d.resident())
        for name, _ in bins:
            print(f"doubles, {title:<15}{name:<10}{statistics.median(firsts[name]):9.2f}{min(firsts[name]):9.2f}"
                  f"{statistics.median(sizes[name]):9.2f}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bin")
    arguments.add_argument("--against", metavar="BIN")
    arguments.add_argument("--rounds", type=int, default=30)
    for name in ("hurl", "grpcurl", "buf"):
        arguments.add_argument(f"--{name}", default=shutil.which(name))
    given = arguments.parse_args()
    bins = [("ours", os.path.abspath(given.bin))]
    if given.against:
        bins.append(("against", os.path.abspath(given.against)))
    rivals = {name: os.path.abspath(path) if (path := getattr(given, name)) else None for name in ("hurl", "grpcurl", "buf")}
    print(f"load {os.getloadavg()[0]:.1f}, {given.rounds} rounds; the empty program takes "
          f"{statistics.median(run(['/bin/true'], ROOT)[2] for _ in range(given.rounds)):.2f} ms of processor time")
    with tempfile.TemporaryDirectory() as work, Doubles(f"{bins[0][1]}/doubles", "--service", "helloworld") as server:
        from_start_to_exit(commands(bins, rivals, work, server), given.rounds, work)
        os.chdir(ROOT)
    of_doubles(bins, given.rounds)


if __name__ == "__main__":
    main()
