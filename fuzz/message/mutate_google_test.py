"""Mutated messages before Google's protobuf: it must take what is valid, and what a defect's contract says every decoder
takes, and refuse what the contract says every decoder refuses.

usage: mutate_google_test.py MUTATE_DUMP [--seed N] [--messages N]
Exit code 77: python3-protobuf is not installed, nothing was tested.
"""
import argparse
import collections
import os
import subprocess
import sys
import traceback
import warnings

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
except ImportError as missing:
    print(f"skipped: {missing} (package python3-protobuf)")
    sys.exit(77)


def records(out):
    while head := out.read(2):
        kind = head.decode()
        name, what, size = (out.readline().decode().rstrip("\n") for _ in range(3))
        data = out.read(int(size))
        if len(data) != int(size):
            raise RuntimeError("the dump ends in the middle of a record")
        yield kind[0], kind[1], name, what, data


def load(data):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    return pool


def main():
    args = argparse.ArgumentParser()
    args.add_argument("dump")
    args.add_argument("--seed", default="1")
    args.add_argument("--messages", default="4000")
    args = args.parse_args()
    # Google's C++ says every bad string on standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    warned = []  # it warns when it stopped before the end, where its C++ answers no
    warnings.simplefilter("always")
    warnings.showwarning = lambda *args, **kwargs: warned.append(args)
    pools, classes, tally, wrong = {}, {}, collections.Counter(), collections.Counter()
    process = subprocess.Popen([args.dump, args.seed, args.messages], stdout=subprocess.PIPE)
    for which, expected, name, what, data in records(process.stdout):
        if expected == "s":
            pools[which] = load(data)
            continue
        if (which, name) not in classes:
            factory = message_factory.MessageFactory(pools[which])
            classes[which, name] = factory.GetPrototype(pools[which].FindMessageTypeByName(name))
        try:
            warned.clear()
            classes[which, name].FromString(data)
            answer = "r" if warned else "a"
        except message.DecodeError:
            answer = "r"
        tally[expected] += 1
        if expected != "d" and answer != expected:
            if wrong[what] == 0:
                print(f"{name} with {what}: {'accepted' if answer == 'a' else 'refused'}: {data[:200].hex()}")
            wrong[what] += 1
    if process.wait() != 0:
        raise RuntimeError("the dump failed")
    print(f"{tally['a']} to accept, {tally['r']} to refuse, {tally['d']} where decoders differ; "
          f"{sum(wrong.values())} judged otherwise {dict(wrong) or ''}")
    if tally["a"] < 1000 or tally["r"] < 100:
        raise RuntimeError("too few messages to say anything")
    return 1 if wrong else 0


try:
    sys.exit(main())
except Exception:  # standard error is closed to it
    traceback.print_exc(file=sys.stdout)
    sys.exit(1)
