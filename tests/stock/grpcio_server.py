#!/usr/bin/env python3
"""shop.proto on python3-grpcio, without generated code: the messages come from the descriptor set given. As a careful
user of the library would write it. Prints "listening PORT" and serves until it is told to end.

    grpcio_server.py [--no-reflection] SET [CERTIFICATE KEY]

Reflection is on when the grpc_reflection module is there, which Debian does not have, and it is not switched off."""
import signal
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

try:
    from grpc_reflection.v1alpha import reflection
except ImportError:
    reflection = None
if sys.argv[1] == "--no-reflection":
    del sys.argv[1]
    reflection = None

ITEMS_MAX = 10000
PAGE_MAX = 100

files = descriptor_pb2.FileDescriptorSet()
with open(sys.argv[1], "rb") as f:
    files.ParseFromString(f.read())
pool = descriptor_pool.Default()
for file in files.file:
    pool.Add(file)
factory = message_factory.MessageFactory(pool)


def message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName("stock." + name))


Item, ListItemsResponse, DeleteItemResponse = message("Item"), message("ListItemsResponse"), message("DeleteItemResponse")
Basket, ChatMessage, HelloReply = message("Basket"), message("ChatMessage"), message("HelloReply")


class Shop:
    def __init__(self):
        self.lock = threading.Lock()
        self.items = {}
        self.last = 0

    def CreateItem(self, request, context):
        if not request.item.name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an item needs a name")
        with self.lock:
            self.last += 1
            item = Item()
            item.CopyFrom(request.item)
            item.id = f"item-{self.last}"
            if len(self.items) >= ITEMS_MAX:
                del self.items[next(iter(self.items))]
            self.items[item.id] = item
            return item

    def find(self, name, context):
        item = self.items.get(name)
        if item is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such item")
        return item

    def GetItem(self, request, context):
        with self.lock:
            return self.find(request.id, context)

    def UpdateItem(self, request, context):
        with self.lock:
            self.find(request.item.id, context)
            item = Item()
            item.CopyFrom(request.item)
            self.items[item.id] = item
            return item

    def DeleteItem(self, request, context):
        with self.lock:
            self.find(request.id, context)
            del self.items[request.id]
            return DeleteItemResponse()

    def page(self, request):
        with self.lock:
            size = min(request.page_size or PAGE_MAX, PAGE_MAX)
            names = sorted(n for n, i in self.items.items()
                           if n > request.page_token and (request.kind == 0 or i.kind == request.kind))
            return [self.items[n] for n in names[:size]], len(names) > size

    def ListItems(self, request, context):
        items, more = self.page(request)
        return ListItemsResponse(items=items, next_page_token=items[-1].id if more else "")

    def WatchItems(self, request, context):
        yield from self.page(request)[0]

    def FillBasket(self, entries, context):
        basket, price = Basket(), 0
        for entry in entries:
            with self.lock:
                item = self.items.get(entry.item_id)
                if item is None:
                    basket.missing.append(entry.item_id)
                else:
                    basket.count = (basket.count + entry.count) % 2**64
                    price += item.price * entry.count
        basket.price = (price + 2**63) % 2**64 - 2**63
        return basket

    def Chat(self, messages, context):
        for said in messages:
            yield ChatMessage(text="you said " + said.text)


class Greeter:
    def SayHello(self, request, context):
        return HelloReply(message="Hello " + request.name)


def handlers(service, name):
    """One generic handler for each method of the descriptor, by its kind."""
    methods = {}
    for m in pool.FindServiceByName(name).methods:
        proto = descriptor_pb2.MethodDescriptorProto()
        m.CopyToProto(proto)
        kind = ("stream" if proto.client_streaming else "unary") + "_" + ("stream" if proto.server_streaming else "unary")
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        methods[m.name] = make(getattr(service, m.name),
                               request_deserializer=factory.GetPrototype(m.input_type).FromString,
                               response_serializer=lambda reply: reply.SerializeToString())
    return grpc.method_handlers_generic_handler(name, methods)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
    server.add_generic_rpc_handlers((handlers(Shop(), "stock.Shop"), handlers(Greeter(), "stock.Greeter")))
    if reflection:
        reflection.enable_server_reflection(("stock.Shop", "stock.Greeter", reflection.SERVICE_NAME), server, pool)
    if len(sys.argv) > 3:
        with open(sys.argv[2], "rb") as certificate, open(sys.argv[3], "rb") as key:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening {port}", flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    server.stop(1).wait()


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
main()
