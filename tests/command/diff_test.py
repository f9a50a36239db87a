#!/usr/bin/env python3
"""harrow contract diff: places, levels, approvals, exit codes, on folders, files and descriptor sets."""
import json
import os
import subprocess

from harness import Folder, check, finish, harrow

OLD = """syntax = "proto3";
package shop;
message Item { string name = 1; int64 price = 2; }
service Shop { rpc Buy(Item) returns (Item); }
"""
NEW = """syntax = "proto3";
package shop;
message Item { string title = 1; reserved 2; reserved "price"; }
service Shop { rpc Buy(stream Item) returns (Item); }
"""
FLOW = """flow: buying
steps:
  - call: shop.Shop/Buy
    request: {price: 5}
"""
CONSUMER = """{"consumer": {"name": "web"}, "provider": {"name": "shop"}, "interactions": [
  {"description": "buys", "request": {"method": "POST", "path": "/shop.Shop/Buy", "body": {"name": "x"}},
   "response": {"status": 200, "body": {"name": "x"}}}],
 "metadata": {"pactSpecification": {"version": "2.0.0"}}}
"""
APPROVALS = """approvals:
  - {rule: RPC_SAME_CLIENT_STREAMING, element: shop.Shop.Buy, reason: nobody calls it, expires: 2099-01-01}
  - {rule: wire, element: 'shop.*', reason: over, expires: 2001-01-01}
  - {rule: wire, element: shop.Nothing, reason: long gone}
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def diff(folder, *arguments):
    return harrow("contract", "diff", *arguments, folder=folder)


with Folder() as folder:
    write(folder, "old/shop/shop.proto", OLD)
    write(folder, "new/shop/shop.proto", NEW)
    code, output = diff(folder, "old", "new")
    check(code == 1, "a break ends with 1", output)
    check("new/shop/shop.proto:4:16: method \"Buy\" took one message and takes a stream" in output, "its place is told", output)
    check("was: old/shop/shop.proto:4:16" in output and "fix: " in output, "and where it was, and a way out", output)
    code, output = diff(folder, "old", "old")
    check(code == 0 and output.startswith("0 breaking"), "no change breaks nothing", output)
    code, output = diff(folder, "old", "new", "--level", "wire", "--json")
    told = json.loads(output)
    check(code == 1 and [f["rule"] for f in told["findings"]] == ["RPC_SAME_CLIENT_STREAMING"],
          "on the wire a reserved field may go and a name change", output)
    check(told["findings"][0]["place"] == {"file": "new/shop/shop.proto", "line": 4, "column": 16}, "JSON has the place", output)
    code, output = diff(folder, "old", "new", "--level", "wire", "--except", "RPC_SAME_CLIENT_STREAMING")
    check(code == 0, "a rule can be left out", output)

    for name in ("old", "new"):
        subprocess.run(["protoc", "-I", os.path.join(folder, name), "--include_source_info", "-o",
                        os.path.join(folder, name + ".pb"), "shop/shop.proto"], check=True)
    code, output = diff(folder, "old.pb", "new.pb", "--level", "wire")
    check(code == 1 and output.startswith("shop/shop.proto:4:16:"), "descriptor sets are compared as well", output)

    write(folder, "breaks.yaml", APPROVALS)
    code, output = diff(folder, "old", "new", "--level", "wire", "--approvals", "breaks.yaml")
    check(code == 0 and "approved: nobody calls it" in output, "an approved break is shown and does not fail", output)
    check("breaks.yaml:4:5: this approval approves nothing" in output, "an approval of nothing is told", output)
    code, output = diff(folder, "old", "new", "--approvals", "breaks.yaml")
    check(code == 1 and "breaks.yaml" in output, "what is not approved fails", output)
    write(folder, "breaks.yaml", APPROVALS.replace("RPC_SAME_CLIENT_STREAMING", "RPC_SAME_CLIENT_STREAM"))
    code, output = diff(folder, "old", "new", "--approvals", "breaks.yaml")
    check(code == 4 and "breaks.yaml:2:12:" in output and "did you mean RPC_SAME_CLIENT_STREAMING" in output,
          "a rule that is none has a place and a suggestion", output)

    write(folder, "flows/buy.yaml", FLOW)
    code, output = diff(folder, "old", "new", "--flows", "flows")
    check(code == 1 and "used: flow buying calls shop.Shop.Buy, flows/buy.yaml:3:11" in output, "who calls is told", output)
    check("used: flow buying sends shop.Item.price, flows/buy.yaml:4:15" in output, "and who uses a field", output)
    check(output.count("read by nobody recorded") == 2, "a name that nobody uses is said to be so", output)
    code, output = diff(folder, "old", "new", "--flows", "flows", "--unread", "warn", "--json")
    told = json.loads(output)
    check((code, told["breaking"], told["warnings"]) == (1, 2, 2), "what nobody reads is a warning", output)
    check([f["element"] for f in told["findings"] if f["warning"]] == 2 * ["shop.Item.name"], "and which one", output)
    write(folder, "pacts/web-shop.json", CONSUMER)
    write(folder, "pacts/records/web.json", '{"kind": "publication", "consumer": "web"}')
    code, output = diff(folder, "old", "new", "--flows", "flows", "--pacts", "pacts", "--unread", "warn")
    check(code == 1 and "used: web reads shop.Item.name, pacts/web-shop.json:2:3" in output, "pacts name consumers", output)
    check("weighed by pacts 1, flows 1;" in output, "other JSON beside pacts is passed over", output)
    code, output = diff(folder, "old", "new", "--flows", "flows", "--unread", "warn", "--except", "RPC_SAME_CLIENT_STREAMING",
                        "--level", "FIELD_SAME_NAME")
    check(code == 0 and "warning: " in output, "warnings alone pass", output)
    check(diff(folder, "old", "new", "--unread", "warn")[0] == 2, "without records there is nobody to ask")
    code, output = diff(folder, "old", "new", "--pacts", "flows")
    check(code == 3 and "there is no pact here" in output, "a folder without pacts is an error", output)
    write(folder, "flows/bad.yaml", "flow: [")
    code, output = diff(folder, "old", "new", "--flows", "flows")
    check(code == 4 and "flows/bad.yaml:2:1: " in output, "a wrong flow has a place", output)

    bad = write(folder, "bad.proto", 'syntax = "proto3";\nmessage A {\n  B b = 1;\n}\n')
    code, output = diff(folder, "old", "bad.proto")
    check(code == 4 and "bad.proto:3:3: there is no type \"B\"" in output, "a wrong file has a place", output)
    write(folder, "noise.pb", "\x00\x01 no set")
    check(diff(folder, "old", "noise.pb")[0] == 4, "what is no set is said")
    check(diff(folder, "old", "nothing")[0] == 4, "what is not there is said")
    check(diff(folder, "old")[0] == 2, "one side is not enough")
    check(diff(folder, "--level", "wir", "old", "new")[0] == 2, "a level that is none")
    code, output = harrow("contract", "--only", "x", "diff", "old", "new", folder=folder)
    check(code == 2 and "stands before" in output, "options of `harrow contract` are not its own", output)
    check(len(harrow("contract", "diff", "--rules")[1].splitlines()) == 2 * 65, "65 rules are listed")

finish()
