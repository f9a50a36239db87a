#!/usr/bin/env python3
"""harrow check: verdicts, exit codes and files, on histories of every format."""
import json
import os
import random
import signal
import subprocess
import time

from harness import BIN, Folder, check, finish, harrow

VALID = """[{:process 0, :type :invoke, :f :write, :value 1} {:process 0, :type :ok, :f :write, :value 1}
 {:process 1, :type :invoke, :f :read, :value nil} {:process 1, :type :ok, :f :read, :value 1}]
"""
STALE = """INFO  jepsen.util - 0 :invoke :write 1
INFO  jepsen.util - 0 :ok :write 1
INFO  jepsen.util - 0 :invoke :write 2
INFO  jepsen.util - 0 :ok :write 2
INFO  jepsen.util - 1 :invoke :read nil
INFO  jepsen.util - 1 :ok :read 1
"""


# Two transactions, each of which read the register that the other one wrote, and saw what it held at first.
SKEW = """[{:process 0 :type :invoke :f :txn :value [[:r :x nil] [:w :y 1]]}
 {:process 1 :type :invoke :f :txn :value [[:r :y nil] [:w :x 1]]}
 {:process 0 :type :ok :f :txn :value [[:r :x 0] [:w :y 1]]} {:process 1 :type :ok :f :txn :value [[:r :y 0] [:w :x 1]]}]
"""


def write(folder, name, content):
    with open(os.path.join(folder, name), "w") as f:
        f.write(content)


def hard():
    """A register of 8 values that 200 clients read, write and change at a time, every 30th end unknown: valid, and more
    than a search is done with in a moment."""
    draw, held, lines, fresh = random.Random(1), 0, ["0 :invoke :write 0", "0 :ok :write 0"], 200
    names, open_ = list(range(200)), {}
    while len(lines) < 120000:
        i = draw.randrange(200)
        if i not in open_:
            f, a, b = draw.choice(["read", "write", "cas"]), draw.randrange(8), draw.randrange(8)
            value = {"read": "nil", "write": a, "cas": f"[{a} {b}]"}[f]
            open_[i] = [f, a, b, None]
            lines.append(f"{names[i]} :invoke :{f} {value}")
        elif open_[i][3] is None:
            f, a, b, _ = open_[i]
            open_[i][3] = (held, "ok" if f != "cas" or held == a else "fail")
            held = a if f == "write" else b if f == "cas" and held == a else held
        else:
            f, a, b, (saw, end) = open_.pop(i)
            value = {"read": saw, "write": a, "cas": f"[{a} {b}]"}[f]
            if f != "read" and draw.random() < 0.05:
                end = "info"
            lines.append(f"{names[i]} :{end} :{f} {value}")
            if end == "info":
                names[i], fresh = fresh, fresh + 1
    return "\n".join(lines) + "\n"


def until_caught(pid, number):
    """Until the process does something of its own when the signal comes."""
    caught = 0
    while not caught >> (number - 1) & 1:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            caught = int(next((line.split()[1] for line in f if line.startswith("SigCgt:")), "-1"), 16)
        time.sleep(0.01)


def main():
    with Folder() as folder:
        write(folder, "valid.edn", VALID)
        write(folder, "stale.log", STALE)
        write(folder, "bad.edn", "[{:process 0 :type :invoke :f :drain}]\n")
        code, out = harrow("check", "valid.edn", folder=folder)
        check(code == 0 and "valid.edn: valid as register (guessed from read, write), 2 operations" in out, "valid", out)
        code, out = harrow("check", "stale.log", "-m", "cas-register", "--picture", "p.svg", folder=folder)
        check(code == 1 and "INVALID as cas-register, 3 operations" in out and "process 1: read k0 1" in out, "invalid", out)
        with open(os.path.join(folder, "p.svg")) as f:
            picture = f.read()
        check(picture.startswith("<svg xmlns=") and 'class="witness"' in picture, "the picture", picture[:200])
        code, out = harrow("check", "valid.edn", "stale.log", "bad.edn", folder=folder)
        check(code == 1 and "3 histories: 1 valid, 1 invalid, 0 unknown, 1 not read" in out
              and "bad.edn:1:31: :f drain is not known" in out, "several", out)
        code, out = harrow("check", "valid.edn", "bad.edn", folder=folder)
        check(code == 4, "a file that cannot be read", out)

        write(folder, "skew.edn", SKEW)
        for name in ("skew.edn", "skew.jsonl", "skew.bin"):
            if name != "skew.edn":
                harrow("check", "skew.edn", "--convert", name, folder=folder)
            code, out = harrow("check", name, "-i", "0", folder=folder)
            check(code == 1 and "INVALID as multi-register (guessed from txn)" in out
                  and "process 0: txn [read :x 0, write :y 1]" in out, f"write skew as {name}", out)
        code, out = harrow("check", "skew.edn", folder=folder)
        check(code == 1 and "a read of nil" not in out, "write skew, and nothing there at first", out)

        # What is cut in the middle of a letter, or was no UTF-8 from the start, is told all the same.
        for name, lead in (("even.edn", ""), ("odd.edn", "x"), (os.fsdecode(b"\xff.edn"), "y")):
            value = lead + "\u00e9" * 300
            write(folder, name, "".join(f'{{:process 0, :type :{end}, :f :{f}, :value {v}}}\n' for end, f, v in (
                ("invoke", "write", f'"{value}"'), ("ok", "write", f'"{value}"'), ("invoke", "write", '"b"'),
                ("ok", "write", '"b"'), ("invoke", "read", "nil"), ("ok", "read", f'"{value}"'))))
            code, out = harrow("check", name, "--json", folder=folder)
            check(code == 1 and json.loads(out).get("reason"), f"a verdict as JSON: {name!r}", out)
        for name in ("c.jsonl", "c.bin"):
            harrow("check", "stale.log", "--convert", name, folder=folder)
            code, out = harrow("check", name, "--json", folder=folder)
            said = json.loads(out)
            check(code == 1 and said["verdict"] == "invalid" and said["operations"] == 3 and said["guessed"]
                  and said["witness"][-1]["f"] == "read" and said["key"] == "k0", f"as {name}", out)
        with open(os.path.join(folder, "c.bin"), "rb") as f:
            whole = f.read()
        with open(os.path.join(folder, "cut.bin"), "wb") as f:
            f.write(whole + whole[8:15])
        code, out = harrow("check", "cut.bin", folder=folder)
        check(code == 1 and "7 bytes behind the last whole block were cut off" in out, "a file cut off", out)

        write(folder, "hard.txt", hard())
        code, out = harrow("check", "hard.txt", "--time-limit", "50ms", folder=folder)
        check(code == 3 and "unknown as cas-register" in out and "explained until then" in out, "the time limit", f"{code}: {out[:400]}")
        child = subprocess.Popen([os.path.join(BIN, "harrow"), "check", "hard.txt", "--time-limit", "0"], cwd=folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until_caught(child.pid, signal.SIGINT)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=120)
        check(child.returncode == 130 and "explained until then" in out, "Ctrl-C", f"{child.returncode}: {out[:400]}")

        code, out = harrow("check", folder=folder)
        check(code == 2 and "which FILE?" in out, "no file", out)
        code, out = harrow("check", "valid.edn", "-m", "cash", folder=folder)
        check(code == 2 and 'there is no model "cash"' in out and "  register\n" in out, "no such model", out)
        code, out = harrow("check", "valid.edn", "stale.log", "--convert", "x", folder=folder)
        check(code == 2, "two files into one", out)
    finish()


main()
