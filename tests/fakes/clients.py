"""Other clients behind the call() of kit.Contracts: grpcurl, and grpc-js in a node process. Each is used when it is
there, and says why when it is not."""
import base64
import json
import os
import re
import shutil
import subprocess
import sys

from google.protobuf import json_format

from kit import Contracts

STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


class Grpcurl(Contracts):
    """Contracts come by reflection, messages go as JSON; a process a call."""

    patience = 1.0

    def __init__(self, *paths):
        super().__init__(*paths)
        self.program = shutil.which("grpcurl") or skip("there is no grpcurl in PATH")

    def run(self, *arguments, text=""):
        return subprocess.run([self.program, "-plaintext", *arguments], input=text, capture_output=True, text=True)

    def look(self, doubles):
        """list and describe, of everything that is served."""
        listed = self.run(doubles.address, "list")
        assert listed.returncode == 0, listed.stderr
        missing = set(doubles.said["services"]) - set(listed.stdout.split())
        assert not missing, f"not listed: {missing}"
        for service in doubles.said["services"]:
            shown = self.run(doubles.address, "describe", service)
            assert shown.returncode == 0, f"{service}: {shown.stderr}"
            for method in self.services[service].methods:
                assert re.search(rf"\brpc {method.name} ?\(", shown.stdout), f"{service}: {shown.stdout}"
        return len(doubles.said["services"])

    def call(self, doubles, full, requests, timeout=60, metadata=()):
        method = self.method(full)
        headers = [word for name, value in metadata for word in ("-H", f"{name}: {value}")]
        text = "\n".join(json_format.MessageToJson(one) for one in requests)
        ran = self.run("-max-time", str(timeout), *headers, "-d", "@", doubles.address, full, text=text)
        replies, decoder, rest = [], json.JSONDecoder(), ran.stdout.strip()
        while rest:
            tree, end = decoder.raw_decode(rest)
            replies.append(json_format.ParseDict(tree, self.type(method.output_type)()))
            rest = rest[end:].strip()
        code = ran.returncode - 64 if ran.returncode >= 64 else ran.returncode and 2
        return replies, STATUSES[code], ran.stderr


class GrpcJs(Contracts):
    """One node process; a line of JSON for a call, and one for its answer."""

    patience = 0.05

    def __init__(self, *paths):
        super().__init__(*paths)
        node = shutil.which("node") or skip("there is no node in PATH")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grpc_js.js")
        self.process = subprocess.Popen([node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().strip()
        if said != "ready":
            self.process.wait()
            skip(said or "node has no @grpc/grpc-js (NODE_PATH says where)")

    def look(self, doubles):
        return 0  # it has no reflection

    def call(self, doubles, full, requests, timeout=60, metadata=()):
        many_in, many_out = self.streams[full]
        asked = {
            "address": doubles.address,
            "path": "/" + full,
            "requests": [base64.b64encode(one.SerializeToString()).decode() for one in requests],
            "clientStreams": many_in,
            "serverStreams": many_out,
            "timeout": timeout,
            "metadata": metadata,
        }
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        type_ = self.type(self.method(full).output_type)
        replies = [type_.FromString(base64.b64decode(one)) for one in answer["replies"]]
        return replies, STATUSES[answer["status"]], answer["message"]


class Grpcio(Contracts):
    patience = 0.05  # seconds a stream is listened to, which may stay open

    def look(self, doubles):
        return 0

    def call(self, doubles, *arguments, **named):
        return super().call(doubles.channel, *arguments, **named)


CLIENTS = {"grpcio": Grpcio, "grpcurl": Grpcurl, "grpc-js": GrpcJs}
