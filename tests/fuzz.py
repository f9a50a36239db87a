#!/usr/bin/env python3
"""A fuzz target as the test suite runs it: the same inputs on every machine and in every folder, however fast and busy
it is, and nothing that an earlier run has learnt. When it fails, the end of the output says what failed, and has the input.

  tests/fuzz.py PROGRAM [-flag=value]... [CORPUS FOLDER]

The number of runs ends it (-runs); -max_total_time is a bound for machines that hardly get on.
"""
import base64
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

REPORT = re.compile(r"ERROR:|runtime error:|Assertion")
NOISE = re.compile(r"^    #\d+ .*( in fuzzer::| in main |_start|__sanitizer_print|/libc\.so)|^stat::|^0x[0-9a-f]{2},|^MS: ")
REPORT_LINES = 60  # CI keeps but the end of an output
INPUT_BYTES = 4096  # of an input that is printed, compressed and in base64
ADDR_NO_RANDOMIZE = 0x0040000
STACK_TEXTS = 16384  # bytes of all that the system writes above a program's stack: its path, arguments and variables

# Where things lie in memory makes a difference to what is compared, and so to what is tried. So a target runs below a
# name of its own, with seeds below such names, with only the variables it needs, and all of that has the same size.


def same_addresses():
    """A sandbox may refuse; then it is as it is."""
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def same_size(command):
    """The variables, filled up with one that nobody reads."""
    env = {"PATH": os.environ.get("PATH", os.defpath),
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
           "UBSAN_OPTIONS": ":".join(filter(None, [os.environ.get("UBSAN_OPTIONS"), "print_stacktrace=1"])),
           "FILL": ""}
    size = sum(len(os.fsencode(text)) + 1 for text in [command[0], *command, *(f"{k}={v}" for k, v in env.items())])
    env["FILL"] = "x" * max(0, STACK_TEXTS - size)
    return env


def seeds(folder):
    """In one order, whatever order the file system has."""
    files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    return sorted(path for path in files if os.path.getsize(path) > 0)


def report(ran, program, found):
    lines = [re.sub(r" \(BuildId: \w+\)", "", line) for line in ran.stdout.splitlines() if not NOISE.search(line)]
    first = next((i for i, line in enumerate(lines) if REPORT.search(line)), max(0, len(lines) - REPORT_LINES))
    print("\n".join(lines[first:first + REPORT_LINES]))
    for name in sorted(os.listdir(found)):
        path = os.path.join(found, name)
        with open(path, "rb") as file:
            content = file.read()
        text = base64.b64encode(zlib.compress(content, 9)).decode()
        print(f"again: {program} {path}")
        if len(text) <= INPUT_BYTES:
            print(f"its {len(content)} bytes: python3 -c 'import base64,sys,zlib; sys.stdout.buffer.write(zlib.decompress("
                  f"base64.b64decode(\"{text}\")))' > {name}")
    print(f"{os.path.basename(program)} ended with {ran.returncode}: {lines[first].strip() if lines else 'no output'}")


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    program, arguments = sys.argv[1], sys.argv[2:]
    if not os.path.isfile(program):
        print(f"there is no program {program}: build it with HARROW_FUZZ=ON", file=sys.stderr)
        return 2
    flags = [a for a in arguments if a.startswith("-")]
    found = program + ".found"
    os.makedirs(found, exist_ok=True)
    for name in os.listdir(found):
        os.unlink(os.path.join(found, name))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target = os.path.join(folder, "target")
        os.symlink(os.path.abspath(program), target)
        os.mkdir(os.path.join(folder, "found"))
        listed = []
        for path in (path for a in arguments if not a.startswith("-") for path in seeds(a)):
            listed.append(os.path.join(folder, f"{len(listed):06}"))
            os.symlink(os.path.abspath(path), listed[-1])
        with open(os.path.join(folder, "seeds"), "w", encoding="utf-8") as file:
            file.write(",".join(listed))
        given = [f"-seed_inputs=@{file.name}"] if listed else []
        command = [target, "-verbosity=0", "-reload=0", "-print_final_stats=1", f"-artifact_prefix={folder}/found/",
                   *flags, *given]
        ran = subprocess.run(command, env=same_size(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=same_addresses)
        for name in os.listdir(os.path.join(folder, "found")):
            shutil.move(os.path.join(folder, "found", name), os.path.join(found, name))
    if ran.returncode != 0:
        report(ran, program, found)
        return 1
    print("\n".join(line for line in ran.stdout.splitlines() if line.startswith("stat::")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
