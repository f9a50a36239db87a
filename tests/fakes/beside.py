"""Annotations that lie beside a .proto file are used by themselves, and those of --annotations go before them:
beside.py HARROW SET..."""
import os
import subprocess
import sys
import tempfile

PROTO = """syntax = "proto3";
package shop;
service Shop { rpc Fetch(FetchRequest) returns (Item); rpc Drop(Item) returns (Item); }
message Item { string id = 1; string name = 2; }
message FetchRequest { string id = 1; }
"""


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)

        def explain(*more):
            return subprocess.run(
                [program, "fakes", "explain", "--proto", "shop.proto", *more], cwd=folder, capture_output=True, text=True
            )

        write("shop.proto", PROTO)
        bare = explain()
        assert bare.returncode == 0 and "corrected by" not in bare.stdout, bare
        write("shop.behaviour.yaml", "services: {shop.Shop: {methods: {Fetch: {role: values}, Drop: {role: values}}}}")
        beside = explain()
        assert beside.returncode == 0 and "corrected by ./shop.behaviour.yaml" in beside.stdout.replace(
            "by shop", "by ./shop"
        ), beside
        assert "Fetch: values" in beside.stdout and "Drop: values" in beside.stdout, beside.stdout
        write("more.yaml", "services: {shop.Shop: {methods: {Fetch: {role: read}}}}")
        added = explain("--annotations", "more.yaml")
        assert "corrected by more.yaml" in added.stdout and "Fetch: read" in added.stdout, added
        write("other.yaml", "services: {other.Other: {}}")
        other = explain("--annotations", "other.yaml")  # speaks of another service: what is beside holds
        assert "Fetch: values" in other.stdout, other
        write("shop.behaviour.yaml", "services: {shop.Shop: {methods: {Fecth: {role: values}}}}")
        wrong = explain()
        assert wrong.returncode != 0 and 'shop.behaviour.yaml:1:' in wrong.stderr and "Fecth" in wrong.stderr, wrong
    print("annotations beside a contract, and given ones before them")


main()
