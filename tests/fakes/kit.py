"""Doubles as a process, and a client of grpcio's for any method of a descriptor set."""
import json
import os
import signal
import subprocess
import sys

for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):  # what is talked to is on this machine
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    print(f"skipped: {missing} (Debian packages python3-grpcio, python3-protobuf)")
    sys.exit(77)


def certificates(folder, names="DNS:localhost,IP:127.0.0.1"):
    """A certificate for these names that signs itself, and its key."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    try:
        subprocess.run(
            [*asked, "-addext", "subjectAltName=" + names, "-keyout", key, "-out", cert],
            check=True, capture_output=True,
        )
    except FileNotFoundError:
        print("skipped: there is no program openssl to make a certificate with")
        sys.exit(77)
    return cert, key


class Doubles:
    """`harrow fakes ...` until the end of the block."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, "fakes", *arguments, "--json"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"harrow fakes {' '.join(arguments)}: exit code {self.process.wait()}")
        self.said = json.loads(line)
        self.address = self.said["grpc"]
        self.channel = grpc.insecure_channel(self.address)
        self.summary = None

    def stop(self):
        self.channel.close()
        self.process.send_signal(signal.SIGINT)
        rest = self.process.stdout.read()
        code = self.process.wait(timeout=120)
        self.summary = json.loads(rest.splitlines()[0]) if rest else None
        assert code == 0, f"exit code {code}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Contracts:
    def __init__(self, *paths):
        self.pool = descriptor_pool.DescriptorPool()
        files, added = {}, set()
        for path in paths:
            contracts = descriptor_pb2.FileDescriptorSet()
            with open(path, "rb") as f:
                contracts.ParseFromString(f.read())
            for one in contracts.file:
                files.setdefault(one.name, one)

        def add(name):
            if name in added:
                return
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            self.pool.Add(files[name])

        for name in files:
            add(name)
        self.factory = message_factory.MessageFactory(self.pool)
        self.files = files
        self.services = {}
        for one in files.values():
            for service in one.service:
                full = f"{one.package}.{service.name}" if one.package else service.name
                self.services[full] = self.pool.FindServiceByName(full)
        # Which methods stream is in the descriptors' own messages.
        self.streams = {
            f"{one.package}.{service.name}/{m.name}": (m.client_streaming, m.server_streaming)
            for one in files.values()
            for service in one.service
            for m in service.method
        }

    def type(self, descriptor):
        return self.factory.GetPrototype(descriptor)

    def method(self, full):
        service, name = full.split("/")
        return self.services[service].FindMethodByName(name)

    def call(self, channel, full, requests, timeout=60, metadata=()):
        """All replies, and the status code's name."""
        method = self.method(full)
        many_in, many_out = self.streams[full]
        kind = ("stream" if many_in else "unary") + "_" + ("stream" if many_out else "unary")
        callable_ = getattr(channel, kind)(
            "/" + full,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.type(method.output_type).FromString,
        )
        replies = []
        try:
            got = callable_(iter(requests) if many_in else requests[0], timeout=timeout, metadata=metadata)
            if many_out:
                for reply in got:
                    replies.append(reply)
            else:
                replies.append(got)
            return replies, "OK", ""
        except grpc.RpcError as error:
            return replies, error.code().name, error.details()
