#!/usr/bin/env python3
"""Namespaces that a killed run left on an attached system: `harrow heal` tells of them, the next run takes them away."""
import json
import os
import re
import signal
import subprocess
import time

from harness import BIN, Folder, check, finish, harrow

PROTO = """syntax = "proto3";
package shop;
message Item { string id = 1; }
service Shop { rpc Get(Item) returns (Item); }
"""
# A namespace is a folder here, `tenant` what it is called by who made it.
MANIFEST = """system: shop
attach: {{protos: [shop.proto]}}
components: [{{name: shop, address: "{address}", services: [shop.Shop]}}]
isolation:
  make:
    - {{run: [mkdir, "{folder}/of-${{namespace}}"]}}
    - {{set: {{tenant: "of-${{namespace}}", token: "not to be kept"}}}}
  remove:
    - {{run: [rmdir, "{folder}/${{tenant}}"]}}
"""
HELD = "flow: held\nsteps:\n  - {run: [touch, '%s/begun']}\n  - {wait: 1h}\n"
SHORT = "flow: short\nsteps: [{wait: 1ms}]\n"


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)


def namespaces(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith("of-harrow-"))


def notes(folder, out):
    (run,) = os.listdir(os.path.join(folder, out))
    with open(os.path.join(folder, out, run, "results.jsonl")) as f:
        return [line["text"] for line in map(json.loads, f) if line["type"] == "note"]


def main():
    with Folder() as folder:
        runtime = os.path.join(folder, "runtime")
        os.mkdir(runtime)
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime}
        write(folder, "shop.proto", PROTO)
        server = subprocess.Popen([os.path.join(BIN, "harrow"), "fakes", "serve", "--json", "--proto", "shop.proto"],
                                  cwd=folder, stdout=subprocess.PIPE, text=True)
        address = json.loads(server.stdout.readline())["grpc"]
        manifest = MANIFEST.format(address=address, folder=folder)
        for name in ("shop.yaml", "other.yaml"):
            write(folder, name, manifest)
        write(folder, "held.yaml", HELD % folder)
        write(folder, "short.yaml", SHORT)
        arguments = ["--driver", "attach", "--isolate", "namespace", "--out"]
        running = subprocess.Popen([os.path.join(BIN, "harrow"), "e2e", "shop.yaml", "held.yaml", *arguments, "killed"],
                                   cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None and not os.path.exists(os.path.join(folder, "begun")):
            time.sleep(0.02)

        def run(manifest, out):
            return harrow("e2e", manifest, "short.yaml", *arguments, out, folder=folder,
                          environment={"XDG_RUNTIME_DIR": runtime})

        def heal(*options):
            return harrow("heal", *options, folder=folder, environment={"XDG_RUNTIME_DIR": runtime})

        (left,) = namespaces(folder)
        name = left[len("of-"):]
        code, output = run("shop.yaml", "beside")
        check(code == 0 and namespaces(folder) == [left], "that of a run that lives is left alone", output)
        code, output = heal()
        check(code == 0 and "in use" in output, "also by heal", output)
        running.send_signal(signal.SIGKILL)
        running.wait()
        (journal,) = os.listdir(os.path.join(runtime, "harrow"))
        with open(os.path.join(runtime, "harrow", journal)) as f:
            text = f.read()
        check(name in text and "not%20to" not in text, "the journal has its name, and nothing secret", text)
        for options, word in ((("--list",), "open"), ((), "left")):
            code, output = heal(*options)
            check(code == 0 and re.search(rf"^{word} +the namespace {name} is taken away by the next run on its system: "
                                          rf"harrow e2e {re.escape(folder)}/shop\.yaml --driver attach --isolate namespace$",
                                          output, re.M), f"heal tells of it: {word}", output)
        code, output = run("other.yaml", "other")
        check(code == 0 and namespaces(folder) == [left], "a run on another system leaves it there", output)
        write(folder, "shop.yaml", manifest + "gateway: http://127.0.0.1:1\n")
        code, output = run("shop.yaml", "elsewhere")
        check(code == 0 and namespaces(folder) == [left], "also on one that is the manifest's by now", output)
        write(folder, "shop.yaml", manifest)
        code, output = run("shop.yaml", "next")
        check(code == 0 and namespaces(folder) == [], "the next run on its system takes it away", output)
        told = f"the namespace {name} of a run that was killed was taken away"
        check(notes(folder, "next") == [told], "and says so", notes(folder, "next"))
        code, output = run("shop.yaml", "later")
        check(code == 0 and notes(folder, "later") == [], "once", output)
        code, output = heal()
        check(code == 0 and "nothing is left to undo" in output, "nothing is left", output)
        server.send_signal(signal.SIGINT)
        server.wait()


main()
finish()
