#!/usr/bin/env python3
"""harrow attached to servers: contracts by reflection, from a .proto file and from a set; TLS; what wrong input is answered.

    attach_test.py BIN SOURCE WORK"""
import glob
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "command"))
from harness import BIN, SOURCE, Folder, check, finish, harrow, replay_command  # noqa: E402

WORK = sys.argv[3]
SHOP = os.path.join(SOURCE, "tests", "stock", "shop.proto")
HEALTH = os.path.join(SOURCE, "proto", "grpc", "health", "v1", "health.proto")


class Listening:
    """A child that prints "listening PORT"."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def interop(*options):
    return Listening(os.path.join(BIN, "rpc_interop_server"), *options)


def fuzz(address, *options, folder, **more):
    return harrow("fuzz", address, "--inputs", "200", "--only", "Health/Check", *options, folder=folder, **more)


def stream(folder):
    newest = max(glob.glob(os.path.join(folder, "harrow-out", "*")))
    with open(os.path.join(newest, "results.jsonl")) as f:
        return [json.loads(line) for line in f]


def methods(folder):
    return {line["name"] for line in stream(folder) if line["type"] == "case" and line.get("pillar") == "fuzz"}


def well(code, said):
    return code in (0, 1) and "Traceback" not in said and "AddressSanitizer" not in said


def contracts(folder):
    with interop() as server:
        code, said = fuzz(server.address, folder=folder)
        check(well(code, said) and "grpc.health.v1.Health/Check" in methods(folder), "contracts by reflection", said)
        code, said = fuzz(f"grpc://localhost:{server.port}", "--proto", HEALTH, folder=folder)
        check(well(code, said) and "grpc.health.v1.Health/Check" in methods(folder), "contracts from a .proto file", said)
        made = os.path.join(folder, "test.pb")
        subprocess.run(["protoc", "--include_imports", f"--descriptor_set_out={made}", f"-I{os.path.dirname(HEALTH)}", HEALTH],
                       check=True)
        code, said = fuzz(server.address, "--descriptors", made, folder=folder)
        check(well(code, said) and "grpc.health.v1.Health/Check" in methods(folder), "contracts from a set", said)
        manifest = os.path.join(folder, "it.yaml")
        with open(manifest, "w") as f:
            f.write(f"system: it\ndescriptors: test.pb\ncomponents:\n  - name: test\n    address: {server.address}\n"
                    "    services: [grpc.health.v1.Health]\n")
        code, said = fuzz(manifest, "--driver", "attach", folder=folder)
        check(well(code, said), "a manifest", said)
        with open(manifest, "a") as f:
            f.write("  - name: other\n    address: grpc://127.0.0.1:1\n    services: [grpc.health.v1.Haelth]\n")
        code, said = fuzz(manifest, "--driver", "attach", folder=folder)
        check(code == 3 and "127.0.0.1:1" in said and "refused" in said, "a component that is not there", said)
        with open(manifest) as f:
            text = f.read().replace("127.0.0.1:1\n", f"127.0.0.1:{server.port}\n")
        with open(manifest, "w") as f:
            f.write(text)
        code, said = fuzz(manifest, "--driver", "attach", folder=folder)
        check(code == 4 and 'serves grpc.health.v1.Haelth, which is not in' in said and '"grpc.health.v1.Health"?' in said,
              "a set that lacks the service", said)
        for command, why in (("chaos", "not ours to stop or kill"), ("up", "it runs already"),
                             ("contract", "cannot be run alone")):
            code, said = harrow(command, manifest, "--driver", "attach", folder=folder)
            check(code == 2 and why in said, f"{command} refuses", said)
        flow = os.path.join(folder, "flow.yaml")
        with open(flow, "w") as f:
            f.write("flow: one call\nsteps:\n  - call: harrow.test.Test/Unary\n    request: {text: hi}\n"
                    "    expect: {status: OK}\n")
        code, said = harrow("e2e", server.address, flow, folder=folder)
        check(code == 0 and "1 passed" in said, "a flow", said)
        check(server.process.poll() is None, "the server lives", "it is gone")


def secrets(folder):
    with interop() as server:
        code, said = fuzz(server.address, "-H", "authorization: Bearer ${env.STOCK_TOKEN}", folder=folder,
                          environment={"STOCK_TOKEN": "s3cr3t-w0rd"})
        check(well(code, said), "metadata from the environment", said)
        kept = "".join(open(path, errors="replace").read() for path in glob.glob(f"{folder}/harrow-out/**", recursive=True)
                       if os.path.isfile(path))
        check("s3cr3t-w0rd" not in said + kept and "${env.STOCK_TOKEN}" in kept, "a secret is nowhere in the report", said)
        code, said = fuzz(server.address, "-H", "authorization: Bearer ${env.STOCK_NONE}", folder=folder)
        check(code == 4 and "${env.STOCK_NONE}: the environment has no variable" in said, "a variable that is not there",
              said)
        code, said = fuzz(server.address, "-H", "no colon", folder=folder)
        check(code == 4 and 'metadata "no colon" is not NAME:VALUE' in said, "metadata without a colon", said)


def tls(folder):
    if shutil.which("openssl") is None:
        print("skipped: TLS: no openssl")
        return
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True,
                   stderr=subprocess.DEVNULL)
    with interop("--certificate", certificate, "--key", key) as server:
        there = f"localhost:{server.port}"
        code, said = fuzz("grpcs://" + there, "--ca", certificate, folder=folder)
        check(well(code, said), "TLS with a certificate of its own", said)
        code, said = fuzz("grpcs://" + there, "--insecure", folder=folder)
        check(well(code, said), "TLS that trusts anybody", said)
        code, said = fuzz("grpcs://" + there, folder=folder)
        check(code == 3 and "certificate" in said, "TLS with a certificate nobody knows", said)
        code, said = fuzz(there, folder=folder)
        check(code == 3 and "it speaks TLS: use grpcs://" in said, "plain text where TLS is spoken", said)
        code, said = fuzz("grpcs://" + there, "--ca", os.path.join(folder, "none.pem"), folder=folder)
        check(code in (3, 4) and "none.pem" in said, "certificates that are not there", said)
        with open(os.path.join(folder, "health.yaml"), "w") as f:
            f.write("flow: health\nsteps: [{call: grpc.health.v1.Health/Check, expect: {status: ABORTED}}]\n")
        for trusted, by_hand in ((["--ca", certificate], f"grpcurl -cacert {certificate} -d"),
                                 (["--insecure"], "grpcurl -insecure -d")):
            code, said = harrow("e2e", "grpcs://" + there, "health.yaml", *trusted, folder=folder)
            check(code == 1 and by_hand in said, "the command by hand trusts it, too", said)
    with interop() as server:
        code, said = fuzz(f"grpcs://localhost:{server.port}", "--insecure", folder=folder)
        check(code == 3 and "it speaks plain text: use grpc://" in said, "TLS where plain text is spoken", said)


def wrong(folder):
    code, said = fuzz("127.0.0.1:1", folder=folder)
    check(code == 3 and "127.0.0.1:1" in said and "refused" in said, "nobody listens", said)
    code, said = fuzz("no-such-host.invalid:50051", folder=folder)
    check(code == 3 and "no-such-host.invalid" in said, "no such host", said)
    code, said = fuzz("grpc://localhost", folder=folder)
    check(code == 4 and "an address is grpc://HOST:PORT" in said, "an address without a port", said)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    web.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=web.serve_forever, daemon=True).start()
    code, said = fuzz(f"127.0.0.1:{web.server_port}", folder=folder)
    check(code == 3 and "no gRPC server" in said, "a web server", said)
    web.shutdown()
    broken = os.path.join(folder, "broken.proto")
    with open(broken, "w") as f:
        f.write('syntax = "proto3";\nmessage M { what }\n')
    with interop() as server:
        code, said = fuzz(server.address, "--proto", broken, folder=folder)
        check(code == 4 and "broken.proto:2" in said, "a .proto file that is wrong", said)
        code, said = fuzz(server.address, "--descriptors", broken, folder=folder)
        check(code == 4 and "not a descriptor set" in said, "a descriptor set that is none", said)
    stock = Listening("/usr/bin/python3", os.path.join(SOURCE, "tests", "stock", "grpcio_server.py"), "--no-reflection",
                      shop_set())
    with stock as server:
        code, said = harrow("fuzz", server.address, "--budget", "1s", folder=folder)
        check(code == 3 and "offers no reflection" in said and "--proto FILE" in said, "reflection is off", said)


def shop_set():
    os.makedirs(WORK, exist_ok=True)
    out = os.path.join(WORK, "shop.pb")
    subprocess.run(["protoc", "--include_imports", f"--descriptor_set_out={out}", f"-I{os.path.dirname(SHOP)}", SHOP],
                   check=True)
    return out


with Folder() as it:
    contracts(it)
    secrets(it)
    tls(it)
    wrong(it)
finish()
