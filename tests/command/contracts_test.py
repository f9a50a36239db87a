#!/usr/bin/env python3
"""Pacts from doubles to real providers: written by `fakes serve` and by contract flows, verified against a server of
python3-grpcio, an HTTP server and the simulated system, published to a broker's folder and asked whether one may deploy."""
import glob
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent import futures

from harness import BIN, MANIFEST, SOURCE, Folder, check, finish, harrow, kept_port

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    print(f"skipped: {missing} (Debian packages python3-grpcio and python3-protobuf)")
    sys.exit(77)

PROTO = """syntax = "proto3";
package shop;
message Item { string id = 1; string name = 2; int64 price = 3; }
message Query { string id = 1; }
service Shop {
  rpc Get(Query) returns (Item);
  rpc List(Query) returns (stream Item);
  rpc Put(stream Item) returns (Query);
  rpc Chat(stream Item) returns (stream Item);
  rpc Unused(Query) returns (Item);
}
"""
STUBS = """stubs:
  - {call: shop.Shop/Get, when: {id: "1"}, answer: {id: "1", name: milk, price: 3}}
  - {call: shop.Shop/Get, when: {id: gone}, status: NOT_FOUND, message: no such item}
  - {call: shop.Shop/List, replies: [{id: a, name: x}, {id: b, name: "y"}]}
  - {call: shop.Shop/Put, answer: {id: "2"}}
  - {call: shop.Shop/Unused, answer: {id: never}}
"""
STATES = """states:
  an item is there:
    setup: [{command: [python3, -c, 'import json; print(json.dumps({"id": "1"}))']}]
    teardown: [{command: ["true"]}]
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def messages(folder):
    subprocess.run(["protoc", "-I", folder, "-o", os.path.join(folder, "shop.pb"), "shop.proto"], check=True)
    files = descriptor_pb2.FileDescriptorSet()
    with open(os.path.join(folder, "shop.pb"), "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    # Newer protobuf has the function, older the class.
    made = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return [made(pool.FindMessageTypeByName("shop." + name)) for name in ("Item", "Query")]


class Doubles:
    """harrow fakes serve, from its first line to Ctrl-C."""

    def __init__(self, folder, *arguments, program="harrow"):
        command = [os.path.join(BIN, program)] + (["fakes"] if program == "harrow" else [])
        self.process = subprocess.Popen(command + ["serve", "--json", *arguments], cwd=folder, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        where = json.loads(self.process.stdout.readline())
        self.address, self.http = where["grpc"], where.get("http")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        output = self.process.communicate(timeout=60)[0]
        return self.process.returncode, output


def provider(Item, Query, price=9, found=True):
    """The real one: nobody's double, and without reflection."""

    def get(request, context):
        if request.id == "gone" or not found:
            context.abort(grpc.StatusCode.NOT_FOUND, "nothing by that name")
        return Item(id=request.id, name="bread", price=price)

    def put(requests, _):
        return Query(id=str(sum(1 for _ in requests)))

    handlers = {
        "Get": grpc.unary_unary_rpc_method_handler(get, Query.FromString, Item.SerializeToString),
        "List": grpc.unary_stream_rpc_method_handler(lambda q, _: iter([Item(id="q"), Item(id="r", name="z")]),
                                                     Query.FromString, Item.SerializeToString),
        "Put": grpc.stream_unary_rpc_method_handler(put, Item.FromString, Query.SerializeToString),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Shop", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def address_of(kept):
    return f"127.0.0.1:{kept.getsockname()[1]}"


def verify(folder, *arguments):
    shutil.rmtree(os.path.join(folder, "out"), ignore_errors=True)  # the one run that is there is this one, whatever the clock
    return harrow("contract", "verify", *arguments, "--out", "out", folder=folder)


def records(folder, kind):
    run, = glob.glob(os.path.join(folder, "out", "*", "results.jsonl"))
    with open(run, encoding="utf-8") as file:
        return [line for line in map(json.loads, file) if line["type"] == kind]


def consumer_run(folder, Item, Query, program):
    doubles = Doubles(folder, "--proto", "shop.proto", "--stubs", "stubs.yaml", "--no-behaviour", "--pact", "pacts",
                      "--consumer", "web", program=program)
    with grpc.insecure_channel(doubles.address) as channel:
        get = channel.unary_unary("/shop.Shop/Get", Query.SerializeToString, Item.FromString)
        get(Query(id="1"))
        try:
            get(Query(id="gone"))
        except grpc.RpcError as error:
            check(error.code() == grpc.StatusCode.NOT_FOUND, f"{program}: the stub answers NOT_FOUND")
        listed = channel.unary_stream("/shop.Shop/List", Query.SerializeToString, Item.FromString)
        check(len(list(listed(Query(id="1")))) == 2, f"{program}: the stub answers with a stream")
        put = channel.stream_unary("/shop.Shop/Put", Item.SerializeToString, Query.FromString)
        put(iter([Item(id="1"), Item(id="2")]))
    return doubles.end()


def test_doubles_to_provider(folder):
    Item, Query = messages(folder)
    for program in ("harrow", "doubles"):
        code, output = consumer_run(folder, Item, Query, program)
        check(code == 0, f"{program} serve ends well with a pact", output)
    path = os.path.join(folder, "pacts", "web-shop.json")
    with open(path, encoding="utf-8") as file:
        pact = json.load(file)
    check(len(pact["interactions"]) == 4, "what was used is in the pact once, unused stubs are not",
          [i["description"] for i in pact["interactions"]])
    check(pact["metadata"]["plugins"][0]["name"] == "protobuf" and pact["metadata"]["pactSpecification"]["version"] == "4.0",
          "in the form of the protobuf plugin", pact["metadata"].keys())

    server, address = provider(Item, Query)
    code, output = verify(folder, path, "--provider", address)
    check(code == 0 and "4 passed" in output, "a provider nobody here wrote passes by the pact's own contracts", output)
    rows = {(r.get("consumer"), r["method"]): r for r in records(folder, "contract")}
    check(rows[("web", "shop.Shop/Get")]["interactions"] == 2 and rows[("web", "shop.Shop/Get")]["verified"] is True,
          "the matrix has what is called", rows)
    check("shop.Item.price" in rows[("web", "shop.Shop/Get")]["reads"], "and which fields are read", rows)
    code, output = verify(folder, path, "--provider", address, "--proto", "shop.proto")
    rows = {(r.get("consumer"), r["method"]): r for r in records(folder, "contract")}
    check(code == 0 and rows[(None, "shop.Shop/Unused")]["interactions"] == 0, "and methods that nobody calls", rows)
    server.stop(0).wait()

    server, address = provider(Item, Query, found=False)
    code, output = verify(folder, path, "--provider", address)
    check(code == 1 and "grpc-status: expected OK, but was NOT_FOUND" in output, "a failing one is told", output)
    case = [c for c in records(folder, "case") if c["status"] == "failed"][0]
    check(case["file"] == path and case["line"] > 0 and "sent" in case["detail"], "with its place and exchange", case)
    check('--only "shop.Shop/Get {\\"id\\":\\"1\\"}"' in case["replay"], "and the command for it alone", case["replay"])
    code, output = verify(folder, path, "--provider", address, "--only", "Put")
    check(code == 0 and "1 passed" in output, "one alone", output)
    check(verify(folder, path, "--provider", address, "--only", "nothing")[0] == 4, "none of that name is an error")
    server.stop(0).wait()
    with kept_port() as nobody:
        code, output = verify(folder, path, "--provider", address_of(nobody), "--timeout", "2s")
    check(code == 1 and "was not reached" in output, "a provider that is not there", output)
    return Item, Query, path


def test_states_and_pending(folder, Item, Query, path):
    with open(path, encoding="utf-8") as file:
        pact = json.load(file)
    one = next(i for i in pact["interactions"] if "\"1\"" in i["description"] and "/Get" in i["description"])
    one["providerStates"] = [{"name": "an item is there", "params": {"kind": "food"}}]
    pact["interactions"] = [one]
    stated = write(folder, "stated.json", json.dumps(pact))
    write(folder, "states.yaml", STATES)
    server, address = provider(Item, Query)
    code, output = verify(folder, stated, "--provider", address, "--states", "states.yaml")
    check(code == 0 and "given an item is there" in json.dumps(records(folder, "case")), "states by a file", output)
    write(folder, "other.yaml", "states: {an item was there: {}}\n")
    code, output = verify(folder, stated, "--provider", address, "--states", "other.yaml")
    check(code == 1 and 'did you mean "an item was there"' in output, "a state that is not there fails", output)
    write(folder, "bad.yaml", "states:\n  x:\n    setup: [{cal: y}]\n")
    code, output = verify(folder, stated, "--provider", address, "--states", "bad.yaml")
    check(code == 4 and "bad.yaml:3:" in output, "a wrong states file has a place", output)

    asked = []

    class States(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    state_server = http.server.HTTPServer(("127.0.0.1", 0), States)
    threading.Thread(target=state_server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{state_server.server_port}/states"
    code, output = verify(folder, stated, "--provider", address, "--state-url", url)
    check(code == 0 and [a["action"] for a in asked] == ["setup", "teardown"] and asked[0]["params"] == {"kind": "food"},
          "states by a URL", asked)
    state_server.shutdown()
    server.stop(0).wait()

    pact["interactions"][0]["pending"] = True
    pending = write(folder, "pending.json", json.dumps(pact))
    server, address = provider(Item, Query, found=False)
    code, output = verify(folder, pending, "--provider", address)
    check(code == 0 and "pending" in output, "a pending interaction does not fail the run", output)
    server.stop(0).wait()


def test_interrupt(folder, Item, Query):
    """Ctrl-C while the provider does not answer: what was set up is torn down."""
    write(folder, "held.yaml", """states:
  an item is there:
    setup: [{command: [touch, is-up]}]
    teardown: [{command: [touch, is-down]}]
""")
    asked, waiting = threading.Event(), threading.Event()

    def get(*_):
        asked.set()  # so what was to be set up is
        waiting.wait(60)
        return Item()

    handlers = {"Get": grpc.unary_unary_rpc_method_handler(get, Query.FromString, Item.SerializeToString)}
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Shop", handlers),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    running = subprocess.Popen([os.path.join(BIN, "harrow"), "contract", "verify", "stated.json", "--provider", address,
                                "--states", "held.yaml", "--timeout", "60s", "--out", "out"], cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while running.poll() is None and not asked.is_set():
        asked.wait(0.02)
    check(os.path.exists(os.path.join(folder, "is-up")), "the state is set up when the provider is asked")
    running.send_signal(signal.SIGINT)
    output = running.communicate(timeout=60)[0]
    check(running.returncode == 130, "Ctrl-C ends it with 130", output)
    check(os.path.exists(os.path.join(folder, "is-down")), "and the state is torn down", output)
    waiting.set()
    server.stop(0).wait()


def test_control(folder):
    """Recording that is begun, and read, while the doubles run."""
    doubles = Doubles(folder, "--proto", "shop.proto", "--stubs", "stubs.yaml", "--http-port", "0")

    def call(path, body):
        request = urllib.request.Request(f"{doubles.http}/{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "{}")

    call("shop.Shop/Get", {"id": "1"})
    call("doubles.Doubles/Record", {"consumer": "app", "given": [{"name": "it is there", "params": "{\"n\": 1}"}]})
    call("shop.Shop/Get", {"id": "1"})
    told = call("doubles.Doubles/Pacts", {"folder": os.path.join(folder, "told")})
    pact = json.loads(told["pacts"][0]["text"])
    check(len(told["pacts"]) == 1 and told["pacts"][0]["consumer"] == "app" and len(pact["interactions"]) == 1,
          "what came after Record is a pact", told)
    check(pact["interactions"][0]["providerStates"] == [{"name": "it is there", "params": {"n": 1}}],
          "under its provider state", pact["interactions"][0])
    check(os.path.exists(os.path.join(folder, "told", "app-shop.json")), "and in the folder that was named")
    code, output = doubles.end()
    check(code == 0, "the doubles end well", output)


def test_http(folder):
    class Shop(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"id": 7, "name": self.path}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pact = {"consumer": {"name": "web"}, "provider": {"name": "shop"}, "interactions": [
        {"description": "an item", "request": {"method": "GET", "path": "/items/7"},
         "response": {"status": 200, "body": {"id": 1, "name": "x"},
                      "matchingRules": {"body": {"$": {"matchers": [{"match": "type"}]}}}}}],
            "metadata": {"pactSpecification": {"version": "3.0.0"}}}
    path = write(folder, "http.json", json.dumps(pact))
    code, output = verify(folder, path, "--provider", f"http://127.0.0.1:{server.server_port}")
    check(code == 0 and "1 passed" in output, "HTTP, and a pact of version 3", output)
    pact["interactions"][0]["response"]["body"]["id"] = "text"
    write(folder, "http.json", json.dumps(pact))
    code, output = verify(folder, path, "--provider", f"http://127.0.0.1:{server.server_port}")
    check(code == 1 and "$.id" in output, "and what does not match", output)
    server.shutdown()
    server.server_close()


def test_consumer_by_http(folder):
    """What a consumer asks by HTTP is an interaction of HTTP, which needs no plugin: request, status, form of the answer."""
    class Shop(http.server.BaseHTTPRequestHandler):
        def answer(self, body, status=200):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked["id"] == "gone":
                self.answer({"id": "shop", "code": 404, "detail": "no such thing", "status": "Not Found"}, 404)
            else:
                self.answer({"id": asked["id"], "name": "bread", "more": [1]} if self.headers["X-Who"] == "web" else {})

        def do_GET(self):
            self.answer({"id": self.path, "name": "bread", "price": names})

        def log_message(self, *_):
            pass

    names = "7"
    doubles = Doubles(folder, "--proto", "shop.proto", "--stubs", "stubs.yaml", "--http-port", "0", "--pact", "by-http",
                      "--consumer", "web", "--pact-header", "x-who")
    for path, body in (("shop.Shop/Get", b'{"id": "1"}'), ("shop.Shop/Get?id=1", None), ("shop/get", b'{"id": "gone"}')):
        try:
            urllib.request.urlopen(urllib.request.Request(f"{doubles.http}/{path}", body, {
                "Content-Type": "application/json", "X-Who": "web"} if body else {}), timeout=30).read()
        except urllib.error.HTTPError as error:
            error.close()
    code, output = doubles.end()
    check(code == 0, "the doubles end well", output)
    with open(os.path.join(folder, "by-http", "web-shop.json"), encoding="utf-8") as file:
        pact = json.load(file)
    told = {one["description"]: one for one in pact["interactions"]}
    check(all(one["type"] == "Synchronous/HTTP" for one in told.values()) and "plugins" not in pact["metadata"],
          "calls by HTTP need no plugin", pact)
    check(set(told) == {'POST /shop.Shop/Get {"id":"1"}', "GET /shop.Shop/Get?id=1", 'POST /shop/get {"id":"gone"}'},
          "and are described by what was asked", list(told))
    one, gone = told['POST /shop.Shop/Get {"id":"1"}'], told['POST /shop/get {"id":"gone"}']
    check(one["request"]["headers"] == {"Content-Type": ["application/json"], "x-who": ["web"]} and
          one["request"]["body"]["content"] == {"id": "1"} and told["GET /shop.Shop/Get?id=1"]["request"]["query"] ==
          {"id": ["1"]}, "the request is as it was", one["request"])
    check(one["response"]["body"]["content"] == {"id": "1", "name": "milk", "price": "3"} and
          gone["response"]["status"] == 404, "so are the answers", [one["response"], gone["response"]])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code, output = verify(folder, "by-http", "--provider", f"http://127.0.0.1:{server.server_port}")
    check(code == 1 and "2 passed" in output and "$.price" in output and '"id":"1"' in output,
          "a provider over HTTP is held to them", output)
    names = 7
    code, output = verify(folder, "by-http", "--provider", f"http://127.0.0.1:{server.server_port}", "--only", "GET")
    check(code == 1 and "$.price: expected text" in output, "a number where text was is a mismatch", output)
    server.shutdown()
    server.server_close()


def broker(folder, *arguments):
    return harrow("contract", *arguments, "--broker", "broker", folder=folder)


def test_broker(folder, Item, Query, path):
    code, output = broker(folder, "publish", path, "--version", "1", "--branch", "main")
    check(code == 0, "a pact is published", output)
    check(broker(folder, "publish", path, "--version", "1")[0] == 0, "twice is fine")
    code, output = broker(folder, "can-i-deploy", "--component", "web", "--version", "1", "--to", "production")
    check(code == 5 and "no version of shop is deployed" in output, "unknown while the provider is not there", output)
    server, address = provider(Item, Query)
    code, output = verify(folder, "--broker", "broker", "--component", "shop", "--provider", address, "--select",
                          "branch=main", "--provider-version", "5", "--provider-branch", "main", "--publish")
    check(code == 0 and "4 passed" in output, "pacts come from the broker, results go to it", output)
    broker(folder, "record-deployment", "--component", "shop", "--version", "5", "--to", "production")
    code, output = broker(folder, "can-i-deploy", "--component", "web", "--version", "1", "--to", "production")
    check(code == 0 and output.strip().endswith("yes: web 1 to production"), "yes", output)
    server.stop(0).wait()

    broker(folder, "record-deployment", "--component", "web", "--version", "1", "--to", "production")
    server, address = provider(Item, Query, found=False)
    code, output = verify(folder, "--broker", "broker", "--component", "shop", "--provider", address, "--select",
                          "env=production", "--provider-version", "6", "--publish")
    check(code == 1, "a later version fails", output)
    code, output = broker(folder, "can-i-deploy", "--component", "shop", "--version", "6", "--to", "production", "--json")
    told = json.loads(output)
    check(code == 1 and told["answer"] == "no" and told["rows"][0]["consumer"] == "web", "no, as JSON", output)
    check(broker(folder, "can-i-deploy", "--component", "shop", "--version", "7", "--to", "production")[0] == 1,
          "a version nobody knows may not go")

    with open(path, encoding="utf-8") as file:
        pact = json.load(file)
    for i in pact["interactions"]:
        i["description"] = "new: " + i["description"]
    changed = write(folder, "changed.json", json.dumps(pact))
    code, output = broker(folder, "publish", changed, "--version", "1")
    check(code == 4 and "publish a new version" in output, "a version's pact does not change", output)
    broker(folder, "publish", changed, "--version", "2", "--branch", "feat/x")
    code, output = verify(folder, "--broker", "broker", "--component", "shop", "--provider", address, "--select", "wip")
    check(code == 0 and "pending" in output, "work in progress does not fail the provider", output)
    server.stop(0).wait()
    check(verify(folder, "--broker", "broker", "--component", "shop")[0] == 2, "somebody has to be verified")


def test_flows_in_simulation(folder):
    code, output = harrow("contract", MANIFEST, "--driver", "sim", "--seed", "7", "--pact", "flows", "--out", "out", folder=folder)
    check(code == 0, "contract flows pass in simulation", output)
    path = os.path.join(folder, "flows", "notes-store.json")
    check(os.path.exists(path), "and their doubles' side is a pact", output)
    with open(path, encoding="utf-8") as file:
        first = json.load(file)
    named = [i["description"] for i in first["interactions"]]
    check("notes writes once: store.Store/Write" in named, "described by the flow", named)
    harrow("contract", MANIFEST, "--driver", "sim", "--seed", "7", "--pact", "flows", "--out", "out", folder=folder)
    with open(path, encoding="utf-8") as file:
        check(named == [i["description"] for i in json.load(file)["interactions"]], "a second run replaces its own")
    code, output = verify(folder, path, "--provider", MANIFEST, "--driver", "sim", "--only", "notes writes once")
    check(code == 0 and "1 passed" in output, "the real store passes what it was asked for, in simulation", output)


def test_page(folder, Item, Query):
    """The commands and the states of docs/contracts.md, as they stand there."""
    with open(os.path.join(SOURCE, "docs", "contracts.md"), encoding="utf-8") as file:
        page = file.read()
    blocks = page.split("```")
    commands = [line.split("     ")[0].strip() for line in blocks[1].splitlines() if line.startswith("harrow contract")]
    check(len(commands) == 3, "the page begins with the commands", blocks[1])
    server, address = provider(Item, Query)
    expected = {"verify": 0, "publish": 0, "can-i-deploy": 5}
    for command in commands:
        words = command.replace("127.0.0.1:9090", address).split()[1:]
        code, output = harrow(*words, folder=folder)
        check(code == expected[words[1]], f"as the page has it: {command}", output)
    server.stop(0).wait()
    states = next(block[4:] for block in blocks if block.startswith("yaml"))
    check("127.0.0.1:9000" in states, "the page's states have a URL", states)
    with kept_port() as nobody:
        write(folder, "page.yaml", states.replace("127.0.0.1:9000", address_of(nobody)))
        code, output = verify(folder, "stated.json", "--provider", address_of(nobody), "--states", "page.yaml", "--timeout", "1s")
    check(code == 1 and "could not be set up" in output, "the page's states are read", output)


with Folder() as folder:
    write(folder, "shop.proto", PROTO)
    write(folder, "stubs.yaml", STUBS)
    Item, Query, pact = test_doubles_to_provider(folder)
    test_states_and_pending(folder, Item, Query, pact)
    test_interrupt(folder, Item, Query)
    test_control(folder)
    test_http(folder)
    test_consumer_by_http(folder)
    test_broker(folder, Item, Query, pact)
    test_flows_in_simulation(folder)
    with Folder() as fresh:
        for name in ("pacts", "states.yaml", "stated.json"):
            os.symlink(os.path.join(folder, name), os.path.join(fresh, name))
        test_page(fresh, Item, Query)
    check(harrow("contract", "verify", "--provider", "x", folder=folder)[0] == 2, "no pact is a wrong command line")
    check(harrow("fakes", "serve", "--proto", "shop.proto", "--pact", "p", folder=folder)[0] == 2, "whose pact?")
finish()
