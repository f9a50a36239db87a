#!/usr/bin/python3
"""Our client against grpcio's server: answers the test service, starts the client, passes its verdict on.
usage: grpcio_server.py CLIENT DESCRIPTOR_SET"""
import subprocess
import sys
import threading
import time
from concurrent import futures

from common import Messages, grpc

CLIENT, SET = sys.argv[1], sys.argv[2]
M = Messages(SET)
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Test:
    def __init__(self):
        self.refusals = {}
        self.lock = threading.Lock()
        self.drained = threading.Event()

    def echo(self, context):
        sent = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-echo-")]
        if sent:
            context.send_initial_metadata(sent)
            context.set_trailing_metadata(
                [(k[:-4] + "-trailer-bin" if k.endswith("-bin") else k + "-trailer", v) for k, v in sent])

    def end(self, order, context):
        if order.status:
            if order.details:
                context.set_trailing_metadata([("grpc-status-details-bin", order.details)])
            context.abort(CODES[order.status], order.message)

    def answer(self, order, index=0):
        payload = b"a" * order.size if order.size else order.payload
        return M.Answer(text=order.text, payload=payload, index=index)

    def unary(self, order, context):
        self.echo(context)
        if order.delay_ms:
            time.sleep(order.delay_ms / 1000)
        if order.text == "drain":
            self.drained.wait()
        self.end(order, context)
        return self.answer(order)

    def down(self, order, context):
        self.echo(context)
        for i in range(order.count):
            yield self.answer(order, i)
        self.end(order, context)

    def up(self, orders, context):
        count = total = 0
        for order in orders:
            count += 1
            total += len(order.payload)
        return M.Answer(index=count, total=total)

    def both(self, orders, context):
        for i, order in enumerate(orders):
            self.end(order, context)
            yield self.answer(order, i)

    def never(self, order, context):
        done = threading.Event()
        context.add_callback(done.set)
        done.wait()
        return M.Answer()

    def flaky(self, order, context):
        with self.lock:
            left = self.refusals.setdefault(order.text, order.count)
            self.refusals[order.text] = left - 1
        if left > 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return self.answer(order)


def main():
    test = Test()
    hear, say = M.Order.FromString, lambda m: m.SerializeToString()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(test.unary, hear, say),
        "Down": grpc.unary_stream_rpc_method_handler(test.down, hear, say),
        "Up": grpc.stream_unary_rpc_method_handler(test.up, hear, say),
        "Both": grpc.stream_stream_rpc_method_handler(test.both, hear, say),
        "Never": grpc.unary_unary_rpc_method_handler(test.never, hear, say),
        "Flaky": grpc.unary_unary_rpc_method_handler(test.flaky, hear, say),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), compression=grpc.Compression.Gzip,
                         options=[("grpc.max_receive_message_length", 16 << 20),
                                  ("grpc.max_send_message_length", 64 << 20),
                                  # our keepalive check pings often
                                  ("grpc.http2.min_ping_interval_without_data_ms", 10),
                                  ("grpc.http2.min_recv_ping_interval_without_data_ms", 10),
                                  ("grpc.http2.max_ping_strikes", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("harrow.test.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = subprocess.Popen([CLIENT, f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
    for line in client.stdout:
        print(line, end="", flush=True)
        if line == "drain now\n":  # the client has a call in flight and wants to see the server go
            server.stop(300)
        if line == "refused now\n":  # it has: now that call may end
            test.drained.set()
    code = client.wait()
    test.drained.set()
    server.stop(None)
    return code


if __name__ == "__main__":
    sys.exit(main())
