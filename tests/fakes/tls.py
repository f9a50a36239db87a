"""Doubles that speak TLS, by gRPC and HTTP, with clients that have to show a certificate; a recording double between two
of them passes on binary metadata and the time limit: tls.py HARROW SET..."""
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from kit import Contracts, Doubles, certificates, grpc

HELLO = "helloworld.Helloworld/Call"
STUBS = """
stubs:
  - call: helloworld.Helloworld/Call
    when: {name: slow}
    fault: never
  - call: helloworld.Helloworld/Call
    metadata: {x-raw-bin: {$any: true}}
    answer: {msg: "hi ${request.name}"}
    headers: {x-head-bin: {$base64: "AP8="}}
    trailers: {x-many: [one, two]}
"""


def read(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    program, sets = sys.argv[1], sys.argv[2:]
    contracts = Contracts(*sets)
    request = contracts.type(contracts.method(HELLO).input_type)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificates(folder)
        stubs, recorded = os.path.join(folder, "stubs.yaml"), os.path.join(folder, "recorded.yaml")
        with open(stubs, "w") as f:
            f.write(STUBS)
        tls = ["--tls-cert", cert, "--tls-key", key]
        shown = ["--ca", cert, "--cert", cert, "--key", key]
        serve = ["serve", "--service", "helloworld.Helloworld", "--stubs", stubs, "--seed", "1"]
        with Doubles(program, *serve, "--http-port", "0", *tls, "--tls-client-ca", cert) as real:
            upstream = ["--upstream", "grpcs://" + real.address, *shown]
            with Doubles(program, "record", *upstream, "--out", recorded, *tls) as recorder:
                trusted = grpc.ssl_channel_credentials(read(cert))
                with grpc.secure_channel(recorder.address, trusted) as channel:
                    raw = (("x-raw-bin", b"\0\xfe"),)
                    call = channel.unary_unary(
                        "/" + HELLO,
                        request_serializer=lambda m: m.SerializeToString(),
                        response_deserializer=contracts.type(contracts.method(HELLO).output_type).FromString,
                    )
                    reply, said = call.with_call(request(name="jo"), timeout=120, metadata=raw)
                    assert reply.msg == "hi jo", reply
                    assert ("x-head-bin", b"\0\xff") in list(said.initial_metadata()), said.initial_metadata()
                    assert [v for k, v in said.trailing_metadata() if k == "x-many"] == ["one", "two"]
                    try:
                        call(request(name="slow"), timeout=0.3)
                        raise AssertionError("a call that is never answered was")
                    except grpc.RpcError as error:
                        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
                recorder.stop()
            with open(recorded) as f:
                text = f.read()
            assert '"x-head-bin": {$base64: "AP8="}' in text and '["one", "two"]' in text, text
            # Who shows no certificate is not served, by either door; who shows one is.
            with grpc.secure_channel(real.address, grpc.ssl_channel_credentials(read(cert))) as channel:
                _, status, _ = contracts.call(channel, HELLO, [request(name="jo")], timeout=60)
                assert status == "UNAVAILABLE", status
            trusts = ssl.create_default_context(cafile=cert)
            url = real.said["http"] + "/helloworld?name=jo"
            assert url.startswith("https://"), url
            try:
                urllib.request.urlopen(url, context=trusts, timeout=60)
                raise AssertionError("served without a certificate")
            except (urllib.error.URLError, ssl.SSLError, ConnectionError):
                pass
            trusts.load_cert_chain(cert, key)
            with urllib.request.urlopen(url, context=trusts, timeout=60) as answer:
                assert json.load(answer)["msg"], answer
            real.stop()
        refused = subprocess.run(
            [program, "fakes", *serve, "--tls-client-ca", cert], capture_output=True, text=True, timeout=120
        )
        assert refused.returncode not in (0, None) and "--tls-cert" in refused.stderr, refused
    print("TLS on both ports, both ways, with certificates of clients")


main()
