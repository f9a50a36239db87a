#!/usr/bin/env python3
"""Clients nobody here wrote against micro: curl and h2load, at the gateway and at the store."""
import json
import os
import re
import signal
import struct
import subprocess
import time

from harness import BIN, Folder, check, finish

SECRET = "a secret for this test"


def run(*arguments, **more):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240, **more)
    return done.returncode, done.stdout


def address(data, name, seconds=30):
    path = os.path.join(data, "run", name + ".address")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with open(path) as f:
                text = f.read().strip()
            if text:
                return text
        except OSError:
            pass
        time.sleep(0.05)
    return None


def grpc_frame(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def field(number, value):
    """A length-delimited protobuf field of up to 127 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def gateway(base, token):
    code, body = run("curl", "-sS", base + "/")
    check(code == 0 and b"version" in body, "curl: the gateway says its version", body)
    end = time.monotonic() + 60
    while True:  # the gateway hears of a service a moment after it is up
        code, body = run("curl", "-sS", "-w", "\n%{http_code}", base + "/helloworld?name=Ada", "-H", f"Authorization: Bearer {token}")
        if body.endswith(b"200") or time.monotonic() > end:
            break
    check(code == 0 and b"Ada" in body and body.endswith(b"200"), "curl: a GET reaches helloworld", body)
    code, body = run("curl", "-sS", "-w", "\n%{http_code}", base + "/helloworld", "-H", "Content-Type: application/json",
                     "-H", f"Authorization: Bearer {token}", "-d", '{"name": "Grace"}')
    check(code == 0 and b"Grace" in body and body.endswith(b"200"), "curl: a POST reaches helloworld", body)
    code, body = run("curl", "-sS", "-w", "\n%{http_code}", base + "/nosuch/thing", "-H", f"Authorization: Bearer {token}")
    check(code == 0 and body.endswith(b"404"), "curl: an unknown service is 404", body)
    code, body = run("curl", "-sS", "-w", "\n%{http_code}", base + "/store/databases")
    check(code == 0 and body.endswith(b"401"), "curl: the store without a token is 401", body)
    code, body = run("h2load", "--h1", "-n", "2000", "-c", "8", base + "/")
    check(code == 0 and b"2000 succeeded, 0 failed, 0 errored" in body, "h2load: 2,000 requests at the gateway", body)


def store(where, token, folder):
    headers = ["-H", "content-type: application/grpc+proto", "-H", "te: trailers", "-H", f"authorization: Bearer {token}",
               "-H", "micro-namespace: micro"]
    write = os.path.join(folder, "write.bin")
    read = os.path.join(folder, "read.bin")
    with open(write, "wb") as f:
        f.write(grpc_frame(field(1, field(1, b"peer") + field(2, b"value"))))
    with open(read, "wb") as f:
        f.write(grpc_frame(field(1, b"peer")))
    code, body = run("curl", "-sS", "--http2-prior-knowledge", "-D", "-", "--data-binary", "@" + write, *headers,
                     f"http://{where}/store.Store/Write")
    check(code == 0 and re.search(rb"grpc-status: 0", body) is not None, "curl: a write at the store", body)
    for name, file, method in (("reads", read, "Read"), ("durable writes", write, "Write")):
        code, body = run("h2load", "-n", "3000", "-c", "4", "-m", "16", "-d", file, *headers,
                         f"http://{where}/store.Store/{method}")
        rate = re.search(rb"([0-9.]+) req/s", body)
        check(code == 0 and b"3000 succeeded, 0 failed, 0 errored" in body, f"h2load: 3,000 {name} at the store", body)
        print(f"        {rate.group(1).decode() if rate else '?'} {name} a second")
    code, body = run("curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@" + read, *headers,
                     f"http://{where}/store.Store/Read")
    check(code == 0 and b"value" in body, "curl: what was written is read", body)


def main():
    with Folder() as folder:
        data = os.path.join(folder, "data")
        server = subprocess.Popen([os.path.join(BIN, "micro"), "server", "--data-dir", data, "--base-port", "0",
                                   "--admin-secret", SECRET], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = server.stdout.readline()
            check("micro is up" in line, "micro server says it is up", line)
            found = re.search(r"http://[0-9.:]+", line)
            base = found.group(0) if found else ""
            code, body = run(os.path.join(BIN, "micro"), "--data-dir", data, "call", "auth", "Auth.Token",
                             json.dumps({"id": "admin", "secret": SECRET, "token_expiry": 600}))
            answer = json.loads(body) if code == 0 else {}
            token = answer.get("token", {}).get("access_token", "")
            check(token.count(".") == 2, "a token by the command line", body)
            gateway(base, token)
            store(address(data, "store"), token, folder)
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=120)
        check(server.returncode == 0, "SIGTERM ends it well", f"exit {server.returncode}")
    finish()


main()
