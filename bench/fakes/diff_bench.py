#!/usr/bin/env python3
"""Breaking-change checks from start to exit, ours and a rival's in interleaved rounds.

  bench/fakes/diff_bench.py HARROW [--buf BUF] [--rounds N]

A small pair (one file, four breaks) and a large one (every contract of proto/ against itself with one field gone).
Prints wall and processor milliseconds, medians, and the ratio when BUF names the rival's program.
"""
import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OLD = """syntax = "proto3";
package shop;
message Item { string name = 1; int64 price = 2; }
service Shop { rpc Buy(Item) returns (Item); }
"""
NEW = """syntax = "proto3";
package shop;
message Item { string title = 1; }
service Shop { rpc Buy(stream Item) returns (Item); }
"""


def write(folder, name, text):
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def pairs(work):
    for side, text in (("old", OLD), ("new", NEW)):
        write(os.path.join(work, "small", side), "shop/shop.proto", text)
        shutil.copytree(os.path.join(ROOT, "proto"), os.path.join(work, "large", side),
                        ignore=lambda _, names: [n for n in names if "." in n and not n.endswith(".proto") or n in ("lint", "bad")])
    changed = os.path.join(work, "large", "new", "notes", "notes.proto")
    with open(changed, encoding="utf-8") as file:
        text = file.read()
    write(os.path.dirname(changed), "notes.proto", re.sub(r"(?m)^ *string text = .*\n", "", text, count=1))
    return [os.path.join(work, "small"), os.path.join(work, "large")]


def once(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    code = subprocess.run(command, capture_output=True).returncode
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return code, wall * 1e3, cpu * 1e3


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("harrow")
    arguments.add_argument("--buf")
    arguments.add_argument("--rounds", type=int, default=15)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as work:
        for pair in pairs(work):
            old, new = os.path.join(pair, "old"), os.path.join(pair, "new")
            tools = {"harrow": ([given.harrow, "contract", "diff", old, new], 1)}
            if given.buf:
                tools["buf"] = ([given.buf, "breaking", new, "--against", old], 100)
            times = {name: [] for name in tools}
            for _ in range(given.rounds):
                for name, (command, expected) in tools.items():
                    code, wall, cpu = once(command)
                    if code != expected:
                        sys.exit(f"{' '.join(command)} ended with {code}, not with {expected}")
                    times[name].append((wall, cpu))
            for name, rows in times.items():
                wall, cpu = (statistics.median(row[i] for row in rows) for i in (0, 1))
                ratio = cpu / statistics.median(row[1] for row in times["harrow"])
                print(f"{os.path.basename(pair):6} {name:7} {wall:9.1f} ms {cpu:9.1f} ms of processor time  {ratio:6.1f}x")


if __name__ == "__main__":
    main()
