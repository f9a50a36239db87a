"""`harrow contract verify` against providers that speak TLS, over gRPC and HTTP: with the certificate that is trusted,
with one that is not, for another name, and with none asked for: verify_tls.py HARROW SET..."""
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

from kit import Doubles, certificates

STUBS = """
stubs:
  - {call: helloworld.Helloworld/Call, when: {name: jo}, answer: {msg: hi jo}}
"""
HTTP_PACT = {
    "consumer": {"name": "web"},
    "provider": {"name": "helloworld"},
    "interactions": [
        {
            "type": "Synchronous/HTTP",
            "description": "says hello",
            "request": {
                "method": "POST",
                "path": "/helloworld.Helloworld/Call",
                "headers": {"Content-Type": ["application/json"]},
                "body": {"contentType": "application/json", "content": {"name": "jo"}},
            },
            "response": {
                "status": 200,
                "body": {"contentType": "application/json", "content": {"msg": "hi jo"}},
            },
        }
    ],
    "metadata": {"pactSpecification": {"version": "4.0"}},
}


def record(program, serve, folder):
    """The pact of one call by gRPC's contract."""
    with Doubles(program, *serve, "--http-port", "0", "--pact", folder, "--pact-grpc", "--consumer", "web") as doubles:
        asked = urllib.request.Request(
            doubles.said["http"] + "/helloworld.Helloworld/Call",
            data=b'{"name": "jo"}',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert json.load(answer) == {"msg": "hi jo"}
        doubles.stop()
    return os.path.join(folder, "web-helloworld.json")


def verify(program, out, pact, provider, *options):
    ran = subprocess.run(
        [program, "contract", "verify", pact, "--provider", provider, "--seed", "1", "--timeout", "60s", "--out", out, *options],
        capture_output=True,
        text=True,
        timeout=240,
    )
    return ran.returncode, ran.stdout + ran.stderr


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        stubs, http = os.path.join(folder, "stubs.yaml"), os.path.join(folder, "http.json")
        with open(stubs, "w") as f:
            f.write(STUBS)
        with open(http, "w") as f:
            json.dump(HTTP_PACT, f)
        serve = ["serve", "--service", "helloworld.Helloworld", "--stubs", stubs, "--seed", "1"]
        pact, out = record(program, serve, os.path.join(folder, "pacts")), os.path.join(folder, "out")
        for names, code in (("DNS:localhost,IP:127.0.0.1", 0), ("DNS:elsewhere.example", 1)):
            own = os.path.join(folder, names[:9].replace(":", "-"))
            os.mkdir(own)
            cert, key = certificates(own, names)
            with Doubles(program, *serve, "--http-port", "0", "--tls-cert", cert, "--tls-key", key) as provider:
                for file, door in ((pact, "grpcs://" + provider.address), (http, provider.said["http"])):
                    assert door.startswith(("grpcs://", "https://")), door
                    trusted, said = verify(program, out, file, door, "--ca", cert)
                    assert (trusted == 0) == (code == 0), f"{door} with --ca for {names}: {trusted}\n{said}"
                    untrusted, said = verify(program, out, file, door)
                    assert untrusted != 0 and "certificate" in said, f"{door} without --ca: {untrusted}\n{said}"
                    anyone, said = verify(program, out, file, door, "--insecure")
                    assert anyone == 0, f"{door} with --insecure: {anyone}\n{said}"
                provider.stop()
    print("providers over TLS, by gRPC and HTTP, with and without trust")


main()
