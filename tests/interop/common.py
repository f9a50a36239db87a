"""What the Python checks share: the test messages, starting servers, and a tiny check runner."""
import os
import signal
import subprocess
import sys

SKIP = 77  # ctest's SKIP_RETURN_CODE

for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):  # what is talked to is on this machine
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    print(f"skipped: {missing} (Debian packages python3-grpcio and python3-protobuf)")
    sys.exit(SKIP)


class Messages:
    """Order and Answer, from the descriptor set the build made."""

    def __init__(self, set_file):
        files = descriptor_pb2.FileDescriptorSet()
        with open(set_file, "rb") as f:
            files.ParseFromString(f.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        self.Order = factory.GetPrototype(pool.FindMessageTypeByName("harrow.test.Order"))
        self.Answer = factory.GetPrototype(pool.FindMessageTypeByName("harrow.test.Answer"))


class Server:
    """rpc_interop_server as a child process."""

    def __init__(self, binary, *options):
        self.process = subprocess.Popen([binary, *map(str, options)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            raise RuntimeError(f"the server did not start: {line!r}")
        self.told = False
        self.port = int(line.split()[1])
        self.address = f"127.0.0.1:{self.port}"

    def terminate(self):
        if not self.told:  # a second SIGTERM could meet a process that is past its handler
            self.told = True
            self.process.send_signal(signal.SIGTERM)

    def close(self):
        """Orderly end; the exit code must be 0 (a sanitizer's report would change it)."""
        self.terminate()
        try:
            code = self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("the server did not drain")
        finally:
            self.process.stdout.close()
        if code != 0:
            raise RuntimeError(f"the server ended with {code}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.close()
        else:
            self.process.kill()
            self.process.wait()


def run(checks):
    """Runs every (name, function); the exit code says whether all passed."""
    failed = 0
    for name, check in checks:
        try:
            check()
            print(f"ok   {name}", flush=True)
        except Exception as problem:  # any failure of a check is a failed check
            failed += 1
            print(f"FAIL {name}: {type(problem).__name__}: {problem}", flush=True)
    print(f"{len(checks) - failed} of {len(checks)} passed")
    return 1 if failed else 0


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")
