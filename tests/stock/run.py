#!/usr/bin/env python3
"""Servers nobody here wrote, fuzzed from their descriptors alone, as a user would: gRPC C++, python3-grpcio, etcd.

    run.py BIN WORK [--seconds N | --minutes N | --inputs N] [--only NAME] [--in-flight N] [--seed N]

BIN is the folder of the harrow program, WORK a folder for what is built and downloaded (kept: the second run is quicker).
For each server: what was called, what it answered, every finding with the command that shows it again. Exit code 1 when
something was found that is not listed below as the server's own affair, 77 when no server could be tried.

Debian packages: libgrpc++-dev protobuf-compiler-grpc g++ (gRPC C++), python3-grpcio python3-protobuf (grpcio),
etcd-server (etcd). etcd's contracts are in golang-etcd-server-dev, golang-github-gogo-protobuf-dev and
golang-github-grpc-ecosystem-grpc-gateway-dev; when these are not installed they are downloaded by apt and unpacked in WORK."""
import argparse
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77
GO = "usr/share/gocode/src"
RESTART_AFTER = 0.5  # seconds
WHOLE_FROM = 60  # seconds from which on there is time for every service, and for broken frames
ETCD_PACKAGES = ["golang-etcd-server-dev", "golang-github-gogo-protobuf-dev",
                 "golang-github-grpc-ecosystem-grpc-gateway-dev"]

# What is the server's own: (server, method, oracle or "*", how the defect's name begins or "*"): why.
OWN = {
    ("grpc-c++", "server", "rule", "*"): "gRPC C-core 1.51 answers a header block it cannot use twice, each time with an "
                                         "end of stream",
    ("grpcio", "server", "rule", "*"): "gRPC C-core, as above",
    ("grpcio", "*", "accepted", "group-end-alone"): "python3-protobuf's parser stops at the end of a group that was not "
                                                    "opened, warns, and drops the rest",
    ("grpcio", "*", "status", "group-end-alone"): "as above",
    ("etcd", "*", "accepted", "utf8"): "gogo/protobuf does not look at a string's UTF-8",
    ("etcd", "*", "status", "utf8"): "as above",
    ("etcd", "*", "accepted", "group-mismatch"): "gogo/protobuf counts how deep groups nest, and not their numbers",
    ("etcd", "v3lockpb.Lock/Lock", "hang", "*"): "it waits for whoever holds the lock, and an attached system is not started "
                                                 "anew",
}


class Unavailable(Exception):
    """A server that cannot be tried here, and why."""


def need(program, package):
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not installed (Debian package {package})")


def newer(target, *sources):
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(s) for s in sources)


def checked(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def shop_set(work):
    need("protoc", "protobuf-compiler")
    out, proto = os.path.join(work, "shop.pb"), os.path.join(HERE, "shop.proto")
    if not newer(out, proto):
        checked(["protoc", "--include_imports", f"--descriptor_set_out={out}", f"-I{HERE}", proto])
    return out


class Server:
    """A child that says "listening PORT"; `arguments` is what harrow is told about it."""

    def __init__(self, command, arguments=(), scheme=""):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            self.stop()
            raise Unavailable(f"{command[0]} did not start: {line!r}")
        self.address = f"{scheme}localhost:{int(line.split()[1])}" if scheme else f"127.0.0.1:{int(line.split()[1])}"
        self.arguments = list(arguments)
        self.part = "stock."

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def said(self):
        return {} if self.alive() else {f"exit status {self.process.returncode}": 1}


def build_cpp(work):
    need("g++", "g++")
    need("protoc", "protobuf-compiler")
    need("grpc_cpp_plugin", "protobuf-compiler-grpc")
    if subprocess.run(["pkg-config", "--exists", "grpc++"]).returncode != 0:
        raise Unavailable("libgrpc++ is not installed (Debian package libgrpc++-dev)")
    program, proto, source = (os.path.join(p, n) for p, n in
                              ((work, "grpc_server"), (HERE, "shop.proto"), (HERE, "grpc_server.cc")))
    if not newer(program, proto, source):
        plugin = shutil.which("grpc_cpp_plugin")
        checked(["protoc", f"-I{HERE}", f"--cpp_out={work}", f"--grpc_out={work}", f"--plugin=protoc-gen-grpc={plugin}",
                 proto])
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], stdout=subprocess.PIPE,
                               text=True, check=True).stdout.split()
        checked(["g++", "-O1", "-o", program + ".new", source, os.path.join(work, "shop.pb.cc"),
                 os.path.join(work, "shop.grpc.pb.cc"), f"-I{work}", "-lgrpc++_reflection", *flags])
        os.replace(program + ".new", program)
    return program


def cpp(work):
    """gRPC C++: by reflection (it has v1alpha only)."""
    return Server([build_cpp(work)])


def grpcio(work):
    """python3-grpcio: from the .proto file."""
    command = ["/usr/bin/python3", os.path.join(HERE, "grpcio_server.py"), shop_set(work)]
    if subprocess.run([command[0], "-c", "import grpc, google.protobuf"], stderr=subprocess.DEVNULL).returncode != 0:
        raise Unavailable("python3-grpcio or python3-protobuf is not installed")
    return Server(command, ["--proto", os.path.join(HERE, "shop.proto")])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def etcd_protos(work):
    """The folder that holds the packages' Go sources."""
    installed, unpacked = os.path.join("/", GO), os.path.join(work, "etcd-protos")
    wanted = "go.etcd.io/etcd/etcdserver/etcdserverpb/rpc.proto"
    if os.path.exists(os.path.join(installed, wanted)) and os.path.isdir(os.path.join(installed, "github.com/gogo/protobuf")):
        return installed
    if not os.path.exists(os.path.join(unpacked, GO, wanted)):
        need("apt-get", "apt")
        shutil.rmtree(unpacked, ignore_errors=True)
        os.makedirs(unpacked)
        checked(["apt-get", "download", *ETCD_PACKAGES], cwd=unpacked)
        for package in os.listdir(unpacked):
            if package.endswith(".deb"):
                checked(["dpkg-deb", "-x", os.path.join(unpacked, package), unpacked])
    return os.path.join(unpacked, GO)


class Etcd(Server):
    """etcd, as a supervisor would keep it: when it ends it is started again, on a data folder that is empty, since it may
    have ended by what it keeps."""

    def __init__(self, work):
        need("etcd", "etcd-server")
        protos = etcd_protos(work)
        self.data, self.log_file = os.path.join(work, f"etcd-data-{os.getpid()}"), os.path.join(work, "etcd.log")
        client, peer = free_port(), free_port()
        self.address, self.part = f"127.0.0.1:{client}", "etcdserverpb."
        self.command = ["etcd", "--name", "one", "--data-dir", self.data, "--listen-client-urls",
                        f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
                        "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls",
                        f"http://127.0.0.1:{peer}", "--initial-cluster", f"one=http://127.0.0.1:{peer}"]
        self.arguments = []
        for name in ("etcdserver/etcdserverpb/rpc.proto", "etcdserver/api/v3lock/v3lockpb/v3lock.proto",
                     "etcdserver/api/v3election/v3electionpb/v3election.proto"):
            self.arguments += ["--proto", os.path.join(protos, "go.etcd.io/etcd", name)]
        for path in ("go.etcd.io", "github.com/gogo/protobuf",
                     "github.com/grpc-ecosystem/grpc-gateway/third_party/googleapis"):
            self.arguments += ["--proto-path", os.path.join(protos, path)]
        self.stopping, self.ends = threading.Event(), []
        self.log = open(self.log_file, "w")
        self.supervisor = threading.Thread(target=self.supervise)
        self.supervisor.start()

    def supervise(self):
        while not self.stopping.is_set():
            shutil.rmtree(self.data, ignore_errors=True)
            begin = os.path.getsize(self.log_file)
            self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
            self.process.wait()
            if not self.stopping.wait(RESTART_AFTER):
                self.ends.append(self.why(begin))

    def why(self, begin):
        """The last words: of a panic, what it was and the first function that is etcd's."""
        with open(self.log_file, errors="replace") as f:
            f.seek(begin)
            lines = f.read().splitlines()
        panics = [i for i, line in enumerate(lines) if line.startswith("panic:")]
        if not panics:
            return f"exit status {self.process.returncode}: {lines[-1] if lines else ''}"
        place = next((line for line in lines[panics[0]:] if line.startswith("go.etcd.io/")), "")
        return f"{lines[panics[0]]}: {place}"

    def alive(self):
        return not self.ends

    def said(self):
        return collections.Counter(self.ends)

    def stop(self):
        self.stopping.set()
        super().stop()
        self.supervisor.join()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)


SERVERS = {"grpc-c++": cpp, "grpcio": grpcio, "etcd": Etcd}


def show(folder, seconds):
    """What the run's stream says, in a few lines; the findings."""
    methods, statuses, findings, end = {}, collections.Counter(), [], {}
    with open(os.path.join(folder, "results.jsonl")) as f:
        lines = [json.loads(line) for line in f]
    for line in lines:
        if line["type"] == "case" and line.get("pillar") == "fuzz" and " calls:" in line.get("detail", ""):
            counted = re.findall(r"([A-Z_]+) (\d+)", line["detail"].split("\n")[0])
            methods[line["name"]] = {name: int(n) for name, n in counted}
            statuses.update(methods[line["name"]])
        elif line["type"] == "finding":
            findings.append(line)
        elif line["type"] == "pillar" and line.get("state") == "end":
            end = line
        elif line["type"] == "note":
            print("  " + line["text"])
    calls = end.get("inputs", 0)
    fine = sum(1 for m in methods.values() if m.get("OK", 0) > 0)
    print(f"  {calls} calls in {seconds:.0f} s, {calls / max(seconds, 1e-9):.0f} a second; {fine} of {len(methods)} methods "
          f"answered OK")
    print("  " + ", ".join(f"{name} {n}" for name, n in statuses.most_common()))
    for name, counted in methods.items():
        if counted.get("OK", 0) == 0:
            print(f"  never OK: {name}: {counted}")
    return findings, methods


def own(server, finding):
    title = re.match(r"([^:]+): (\S+)(?: \((.*)\))?", finding["title"])
    method, oracle, defect = title.groups() if title else (finding["title"], "", None)
    for (s, m, o, d), why in OWN.items():
        if s == server and m in (method, "*") and o in (oracle, "*") and (d == "*" or (defect or "").startswith(d)):
            return why
    return None


def campaign(name, arguments, bin_folder, work):
    server = SERVERS[name](work)
    folder = os.path.join(work, "runs", name)
    shutil.rmtree(folder, ignore_errors=True)
    failed = 0
    try:
        started = time.monotonic()
        length = ["--inputs", str(arguments.inputs)] if arguments.inputs else ["--budget", f"{arguments.seconds}s"]
        command = [os.path.join(bin_folder, "harrow"), "fuzz", server.address, *length, "--quiet", "--in-flight",
                   str(arguments.in_flight), "--out", folder, *server.arguments]
        if arguments.seconds < WHOLE_FROM:
            command += ["--only", server.part]
        if arguments.seed:
            command += ["--seed", arguments.seed]
        print(f"{name}: {' '.join(command)}", flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=arguments.seconds * 3 + 600)
        runs = os.listdir(folder) if os.path.isdir(folder) else []
        if done.returncode not in (0, 1) or len(runs) != 1:
            print(f"  harrow ended with {done.returncode}:\n{done.stdout[-2000:]}")
            return 1
        took = time.monotonic() - started
        print(f"  ended with {done.returncode} after {took:.0f} s")
        findings, methods = show(os.path.join(folder, runs[0]), took)
        for finding in findings:
            why = own(name, finding)
            failed += why is None
            print(f"  found: {finding['title']}" + (f" (its own: {why})" if why else ""))
            for line in finding.get("detail", "").split("\n"):
                print(f"      {line[:300]}")
            print(f"      again: {finding['replay']}")
        if not any(m.get("OK", 0) > 0 for m in methods.values()):
            print("  no method answered OK: nothing was tested")
            failed += 1
        for what, times in server.said().items():
            print(f"  {name} ended {times} times: {what[:300]}")
        if not server.alive():
            failed += 1
        print(f"  report: {os.path.join(folder, runs[0], 'report.html')}", flush=True)
    finally:
        server.stop()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("work")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--inputs", type=int, help="stop after so many calls, however long they take")
    parser.add_argument("--only", choices=sorted(SERVERS), action="append")
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--seed")
    arguments = parser.parse_args()
    if arguments.minutes:
        arguments.seconds = int(arguments.minutes * 60)
    work = os.path.abspath(arguments.work)
    os.makedirs(work, exist_ok=True)
    tried = failed = 0
    for name in arguments.only or SERVERS:
        try:
            failed += campaign(name, arguments, os.path.abspath(arguments.bin), work)
            tried += 1
        except Unavailable as why:
            print(f"{name}: skipped: {why}", flush=True)
    print(f"{tried} of {len(arguments.only or SERVERS)} servers tried, {failed} wrong")
    sys.exit(1 if failed else 0 if tried else SKIP)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
