#!/usr/bin/env python3
"""Guided search against plain drawing, on programs with planted bugs: CPU seconds and experiments until the first
finding.

  bench/chaos/search_bench.py [--seeds N] [--runs N] [--manifest FILE] [--set NAME=VALUE]... PROGRAM...

Each PROGRAM is a harrow with a bug in it (tests/command builds harrow_early_ack), or the museum's, with --set for what
chooses the bug. For each seed both ways are run, one after the other, until something is found or N experiments are
through (then the CPU spent counts as a loss). Printed: each pair, and the ratio of the sums.
"""
import argparse
import json
import os
import resource
import signal
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def until_found(program, args, seed, guided):
    """CPU seconds, experiments, and what was found; None: nothing was."""
    before, found, runs = spent(), None, 0
    with tempfile.TemporaryDirectory(prefix="search-bench-") as out:
        command = [program, "chaos", args.manifest, "--runs", str(args.runs), "--seed", str(seed), "--shrink", "never",
                   "--json", "--out", out, *args.more, *([] if guided else ["--unguided"])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=dict(os.environ, **dict(pair.split("=", 1) for pair in args.set))) as process:
            for line in process.stdout:
                line = json.loads(line)
                if line["type"] == "finding" and found is None:
                    found = line["target"]
                    process.send_signal(signal.SIGINT)
                elif line["type"] == "search":
                    runs = line["runs"]
    return spent() - before, runs, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--manifest", default=os.path.join(ROOT, "systems", "micro.yaml"))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="in its environment")
    parser.add_argument("--more", default="", help="options for harrow chaos, in one word")
    args = parser.parse_args()
    args.more = args.more.split()
    sums, losses = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    for program in args.programs:
        for seed in range(1, args.seeds + 1):
            row = []
            for guided in (True, False):
                cpu, runs, found = until_found(program, args, seed, guided)
                sums[guided] += cpu
                losses[guided] += found is None
                row.append(f"{'guided' if guided else 'drawn'} {cpu:7.1f} s {runs:5} experiments {found or 'NOT FOUND'}")
            print(f"{os.path.basename(program)} seed {seed}: {'; '.join(row)}", flush=True)
    print(f"guided {sums[True]:.1f} s, {losses[True]} not found; drawn {sums[False]:.1f} s, {losses[False]} not found; "
          f"ratio {sums[False] / sums[True]:.2f}")


main()
