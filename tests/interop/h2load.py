#!/usr/bin/python3
"""h2load, a load generator nobody here wrote, against our server. usage: h2load.py SERVER DESCRIPTOR_SET"""
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from common import SKIP, Messages, Server, equal, expect, run

BINARY, SET = sys.argv[1], sys.argv[2]


def load(server, body, clients, streams, calls):
    with tempfile.NamedTemporaryFile() as f:
        f.write(struct.pack(">BI", 0, len(body)) + body)
        f.flush()
        out = subprocess.run(
            ["h2load", f"-n{calls}", f"-c{clients}", f"-m{streams}", "-d", f.name, "-H", "content-type: application/grpc",
             "-H", "te: trailers", f"http://{server.address}/harrow.test.Test/Unary"],
            check=True, capture_output=True, text=True).stdout
    totals = re.search(r"(\d+) total, .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", out)
    expect(totals, out)
    equal([int(n) for n in totals.groups()], [calls, calls, calls, 0, 0])
    # A failed gRPC call is HTTP 200 too: the server's own count of answered calls tells them apart.
    print("    " + re.search(r"finished in .*", out).group(0))


def main():
    if not shutil.which("h2load"):
        print("skipped: no h2load (Debian package nghttp2-client)")
        return SKIP
    body = Messages(SET).Order(text="load").SerializeToString()
    with Server(BINARY) as server:
        return run([("1 connection x 1", lambda: load(server, body, 1, 1, 2000)),
                    ("1 connection x 64", lambda: load(server, body, 1, 64, 20000)),
                    ("64 connections x 1", lambda: load(server, body, 64, 1, 20000))])


if __name__ == "__main__":
    sys.exit(main())
