#!/usr/bin/env python3
"""A project outside of the tree: what docs/fakes.md shows is made, compiled and run as it stands there."""
import os
import re
import shutil
import subprocess
import sys

from harness import BIN, SOURCE, Folder, check, finish, harrow


def main():
    if not shutil.which("protoc"):
        print("skipped: there is no protoc")
        sys.exit(77)
    with open(os.path.join(SOURCE, "docs", "fakes.md")) as f:
        section = f.read().split("### In a project of your own\n")[1].split("\n## ")[0]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.S))
    check(set(blocks) == {"proto", "c", "sh"}, "the page has a contract, a test and what is typed", str(list(blocks)))
    for argument, code in (("--help", 0), ("-x", 2)):
        got, output = harrow(argument, program="protoc-gen-harrow")
        check(got == code and output.startswith("Usage: protoc --plugin="), f"protoc-gen-harrow {argument}", output)
    with Folder() as folder:
        for name, kind in (("stock.proto", "proto"), ("stock_test.c", "c"), ("typed.sh", "sh")):
            with open(os.path.join(folder, name), "w") as f:
                f.write(blocks[kind])
        done = subprocess.run(["sh", "-e", "typed.sh"], cwd=folder, env={**os.environ, "PATH": BIN + ":" + os.environ["PATH"]},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        check(done.returncode == 0 and "[  PASSED  ] 1 test(s)." in done.stdout, "it is made, compiled and passes", done.stdout)
        with open(os.path.join(folder, "stock_test.c"), "w") as f:
            f.write(blocks["c"].replace('FAKE_INT("count", 2)', 'FAKE_INT("count", 3)'))
        done = subprocess.run(["sh", "-e", "typed.sh"], cwd=folder, env={**os.environ, "PATH": BIN + ":" + os.environ["PATH"]},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        check(done.returncode == 1 and "count is 3: 2" in done.stdout, "and it can fail", done.stdout)
    finish()


main()
