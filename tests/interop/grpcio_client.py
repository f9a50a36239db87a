#!/usr/bin/python3
"""grpcio's client against our server. usage: grpcio_client.py SERVER DESCRIPTOR_SET"""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from common import SKIP, Messages, Server, equal, expect, grpc, run

BINARY, SET = sys.argv[1], sys.argv[2]
PATIENCE = 300  # seconds, for what takes a few at most
M = Messages(SET)
BIG = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20),
       ("grpc.use_local_subchannel_pool", 1)]
SAY = lambda m: m.SerializeToString()


class Client:
    def __init__(self, address, options=(), credentials=None, target_name=None):
        options = list(BIG) + list(options)
        if target_name:
            options.append(("grpc.ssl_target_name_override", target_name))
        self.channel = (grpc.secure_channel(address, credentials, options) if credentials else
                        grpc.insecure_channel(address, options))
        path = "/harrow.test.Test/"
        hear = M.Answer.FromString
        self.unary = self.channel.unary_unary(path + "Unary", SAY, hear)
        self.down = self.channel.unary_stream(path + "Down", SAY, hear)
        self.up = self.channel.stream_unary(path + "Up", SAY, hear)
        self.both = self.channel.stream_stream(path + "Both", SAY, hear)
        self.never = self.channel.unary_unary(path + "Never", SAY, hear)
        self.raw = self.channel.unary_unary(path + "Unary", lambda b: b, lambda b: b)
        self.stats = self.channel.unary_unary("/harrow.interop.Control/Stats", SAY, hear)

    def cancelled(self):
        return self.stats(M.Order()).index

    def close(self):
        self.channel.close()


def fails(code, call):
    """The error `call` ends with, which must have that code."""
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code)
        return error
    raise AssertionError(f"succeeded, expected {code}")


def until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, "it did not happen in time")
        time.sleep(0.01)


C = None  # the client of the plain checks


def unary():
    answer = C.unary(M.Order(text="hello", payload=b"\x00\xff"), timeout=PATIENCE)
    equal((answer.text, answer.payload), ("hello", b"\x00\xff"))


def empty():
    equal(C.raw(b"", timeout=PATIENCE), b"")


def client_deadline():
    """The server sees it too: it counts the call as cancelled. One whose time is up before the server has heard of it is
    made again."""
    before, started, patience = C.cancelled(), C.stats(M.Order()).total, 0.2
    while C.stats(M.Order()).total == started:
        fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: C.never(M.Order(), timeout=patience))
        patience *= 2
    until(lambda: C.cancelled() > before)


def server_deadline():
    """A server's limit below the client's deadline shows in the answer."""
    with Server(BINARY, "--deadline-max", 100) as server:
        c = Client(server.address)
        error = fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: c.never(M.Order(), timeout=PATIENCE))
        equal(error.details(), "deadline exceeded")
        c.close()


def cancellation():
    before, started = C.cancelled(), C.stats(M.Order()).total
    future = C.never.future(M.Order(), timeout=PATIENCE)
    until(lambda: C.stats(M.Order()).total > started)
    future.cancel()
    until(lambda: C.cancelled() > before)
    expect(future.cancelled(), "the future is not cancelled")


def metadata():
    sent = (("x-echo-text", "some text, with commas"), ("x-echo-raw-bin", b"\x00\x01\xff,"), ("x-echo-empty", ""))
    answer, call = C.unary.with_call(M.Order(), metadata=sent, timeout=PATIENCE)
    first = dict((k, v) for k, v in call.initial_metadata())
    last = dict((k, v) for k, v in call.trailing_metadata())
    for name, value in sent:
        equal(first.get(name), value)
        trailer = name[:-4] + "-trailer-bin" if name.endswith("-bin") else name + "-trailer"
        equal(last.get(trailer), value)


def status_text():
    text = "nicht gefunden: Grüße, 世界 100%\n"
    error = fails(grpc.StatusCode.NOT_FOUND, lambda: C.unary(M.Order(status=5, message=text), timeout=PATIENCE))
    equal(error.details(), text)


def every_status():
    for code in grpc.StatusCode:
        if code != grpc.StatusCode.OK:
            fails(code, lambda: C.unary(M.Order(status=code.value[0]), timeout=PATIENCE))


def status_details():
    details = b"\x08\x05\x12\x03abc"
    error = fails(grpc.StatusCode.ABORTED, lambda: C.unary(M.Order(status=10, details=details), timeout=PATIENCE))
    equal(dict(error.trailing_metadata()).get("grpc-status-details-bin"), details)


def unknown_method():
    call = C.channel.unary_unary("/harrow.test.Test/Nope", SAY, SAY)
    equal(fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(M.Order(), timeout=PATIENCE)).details(), "unknown method Nope")
    call = C.channel.unary_unary("/no.Such/Thing", SAY, SAY)
    equal(fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(M.Order(), timeout=PATIENCE)).details(),
          "unknown service no.Such")


def server_stream():
    equal([a.index for a in C.down(M.Order(count=5000), timeout=PATIENCE)], list(range(5000)))
    equal(list(C.down(M.Order(count=0), timeout=PATIENCE)), [])


def client_stream():
    answer = C.up((M.Order(payload=b"x" * 10) for _ in range(5000)), timeout=PATIENCE)
    equal((answer.index, answer.total), (5000, 50000))
    equal(C.up(iter(()), timeout=PATIENCE).index, 0)


def bidi_stream():
    answers = C.both((M.Order(text=str(i)) for i in range(5000)), timeout=PATIENCE)
    equal([a.text for a in answers], [str(i) for i in range(5000)])


def slow_reader():
    # 40 MB against the client's window: the server has to wait for us.
    count = 0
    for answer in C.down(M.Order(count=400, size=100000), timeout=PATIENCE):
        count += 1
        if count < 20:
            time.sleep(0.02)
        equal(len(answer.payload), 100000)
    equal(count, 400)


def cancel_in_stream():
    before = C.cancelled()
    call = C.down(M.Order(count=1000000, size=10000), timeout=PATIENCE)  # more than any window holds
    for i, _ in enumerate(call):
        if i == 100:
            call.cancel()
            break
    until(lambda: C.cancelled() > before)


def error_after_messages():
    call = C.down(M.Order(count=3, status=10, message="enough"), timeout=PATIENCE)
    got = []

    def read():
        for a in call:
            got.append(a.index)
    equal(fails(grpc.StatusCode.ABORTED, read).details(), "enough")
    equal(got, [0, 1, 2])


def gzip_both_ways():
    payload = b"harrow" * 50000
    answer = C.unary(M.Order(payload=payload), timeout=PATIENCE, compression=grpc.Compression.Gzip)
    equal(answer.payload, payload)


def deflate_refused():
    error = fails(grpc.StatusCode.UNIMPLEMENTED,
                  lambda: C.unary(M.Order(payload=b"x" * 1000), timeout=PATIENCE, compression=grpc.Compression.Deflate))
    expect("deflate" in error.details(), error.details())


def large_echo():
    payload = os.urandom(5 << 20)
    equal(C.unary(M.Order(payload=payload), timeout=PATIENCE).payload, payload)


def too_large():
    fails(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: C.unary(M.Order(payload=b"x" * (17 << 20)), timeout=PATIENCE))
    unary()


def undecodable():
    error = fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: C.raw(b"\x0a\xff\xff", timeout=PATIENCE))
    expect("harrow.test.Order" in error.details(), error.details())


def many_at_once():
    futures = [C.unary.future(M.Order(text=str(i), delay_ms=20), timeout=PATIENCE) for i in range(3000)]
    for i, future in enumerate(futures):
        equal(future.result().text, str(i))


def client_keepalive():
    c = Client(C.address, [("grpc.keepalive_time_ms", 200), ("grpc.keepalive_timeout_ms", 20000),
                           ("grpc.http2.max_pings_without_data", 0)])
    equal(c.unary(M.Order(text="patience", delay_ms=1500), timeout=PATIENCE).text, "patience")
    c.close()


def stats_of(address):
    """Asked over a connection of its own: an idle C-core channel answers no pings. One that a server with little patience
    drops while we wait for a processor is made again."""
    while True:
        c = Client(address)
        try:
            return c.stats(M.Order(), timeout=PATIENCE)
        except grpc.RpcError as error:
            equal(error.code(), grpc.StatusCode.UNAVAILABLE)
        finally:
            c.close()


@contextlib.contextmanager
def relay(port):
    """Passes one connection on to that port; its address, and the bytes the client has sent."""
    sent = bytearray()

    def copy(source, to, kept):
        with contextlib.suppress(OSError):  # whoever ends it ends it
            while data := source.recv(65536):
                kept += data
                to.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                back = threading.Thread(target=copy, args=(server, client, bytearray()))
                back.start()
                copy(client, server, sent)
                server.shutdown(socket.SHUT_RDWR)
                back.join()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", sent
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def child_call(address, options=()):
    """A grpcio client in a process of its own, with a call to Never in flight."""
    script = f"""
import grpc
channel = grpc.insecure_channel({address!r}, {list(options)!r})
call = channel.unary_unary("/harrow.test.Test/Never").future(b"")
print("called", flush=True)
try:
    call.result()
except grpc.RpcError as error:
    print(error.code().name, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "GRPC_VERBOSITY": "ERROR"})
    equal(child.stdout.readline(), "called\n")
    return child


def end_child(child):
    child.kill()
    child.communicate()


def server_keepalive():
    """A peer that only waits answers pings and is kept; one that is stopped is dropped."""
    answered = b"\0\0\x08\x06\x01\0\0\0\0alive?\0\0"  # a PING with ACK
    with Server(BINARY, "--ping-every", 100) as server, relay(server.port) as (address, sent):
        child = child_call(address)
        try:
            until(lambda: sent.count(answered) >= 3)
            equal(stats_of(server.address).index, 0)
        finally:
            end_child(child)
    with Server(BINARY, "--keepalive", 1000) as server:
        child = child_call(server.address)
        try:
            until(lambda: stats_of(server.address).total == 1)
            child.send_signal(signal.SIGSTOP)
            until(lambda: stats_of(server.address).index == 1)
        finally:
            end_child(child)


def ping_abuse():
    with Server(BINARY, "--ping-min", 60000) as server:
        child = child_call(server.address, [("grpc.keepalive_time_ms", 100), ("grpc.keepalive_timeout_ms", 60000),
                                            ("grpc.http2.max_pings_without_data", 0),
                                            ("grpc.keepalive_permit_without_calls", 1)])
        try:
            out, log = child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end_child(child)
            raise
        equal(out, "UNAVAILABLE\n")
        expect("too_many_pings" in log, log)  # C-core logs the GOAWAY it got


def graceful_drain():
    server = Server(BINARY)
    c = Client(server.address)
    equal(c.unary(M.Order(text="up"), timeout=PATIENCE).text, "up")
    slow = c.unary.future(M.Order(text="in flight", delay_ms=3000), timeout=PATIENCE)
    until(lambda: stats_of(server.address).total == 2)
    server.terminate()

    def refused():
        try:
            c.unary(M.Order(), timeout=PATIENCE)
        except grpc.RpcError as error:
            equal(error.code(), grpc.StatusCode.UNAVAILABLE)
            return True
        return False
    until(refused)
    equal(slow.result().text, "in flight")
    server.close()
    c.close()


def reflection(version):
    name = "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo"
    call = C.channel.stream_stream(name)
    ask = [b"\x3a\x01*", b"\x22\x10harrow.test.Test", b"\x22\x15grpc.health.v1.Health", b"\x22\x04nope"]
    answers = list(call(iter(ask), timeout=PATIENCE))
    equal(len(answers), 4)
    for service in (b"harrow.test.Test", b"grpc.health.v1.Health", b"grpc.reflection.v1.ServerReflection"):
        expect(service in answers[0], f"{service} is not listed")
    expect(b"delay_ms" in answers[1], "not the test service's file")
    expect(b"HealthCheckResponse" in answers[2], "not the health service's file")
    expect(b"nope" in answers[3], "no error")


def health():
    check = C.channel.unary_unary("/grpc.health.v1.Health/Check")
    equal(check(b"", timeout=PATIENCE), b"\x08\x01")
    fails(grpc.StatusCode.NOT_FOUND, lambda: check(b"\x0a\x04nope", timeout=PATIENCE))
    watch = C.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=PATIENCE)
    equal(next(watch), b"\x08\x01")
    watch.cancel()


PLAIN = [unary, empty, client_deadline, server_deadline, cancellation, metadata, status_text, every_status,
         status_details, unknown_method, server_stream, client_stream, bidi_stream, slow_reader, cancel_in_stream,
         error_after_messages, gzip_both_ways, deflate_refused, large_echo, too_large, undecodable, many_at_once,
         health]
ALONE = [client_keepalive, server_keepalive, ping_abuse, graceful_drain]


def certificate(folder):
    """A self-signed certificate for localhost; False when there is no openssl tool."""
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


def main():
    global C
    codes = []
    with Server(BINARY, "--message-max", 16 << 20) as server:
        C = Client(server.address)
        C.address = server.address
        checks = [(f.__name__, f) for f in PLAIN + ALONE]
        checks += [(f"reflection {v}", lambda v=v: reflection(v)) for v in ("v1", "v1alpha")]
        codes.append(run(checks))
        C.close()
    with tempfile.TemporaryDirectory() as folder:
        if not certificate(folder):
            print("TLS skipped: no openssl tool")
            return max(codes)
        with open(f"{folder}/cert.pem", "rb") as f:
            credentials = grpc.ssl_channel_credentials(f.read())
        with Server(BINARY, "--message-max", 16 << 20, "--certificate", f"{folder}/cert.pem", "--key",
                    f"{folder}/key.pem") as server:
            C = Client(server.address, credentials=credentials)
            codes.append(run([(f"{f.__name__} (TLS)", f) for f in PLAIN]))
            C.close()
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
