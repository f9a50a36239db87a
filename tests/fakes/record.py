"""Calls of all four kinds pass through a recording double to a real server, and its stubs say the same without that
server: record.py HARROW SET..."""
import os
import sys
import tempfile

from kit import Contracts, Doubles

STUBS = """
stubs:
  - call: helloworld.Helloworld/Call
    when: {name: nobody}
    status: NOT_FOUND
    message: "nobody ${request.name}"
    trailers: {x-colour: red}
  - call: helloworld.Helloworld/Call
    when: {name: sequence}
    sequence: [{answer: {msg: one}}, {answer: {msg: two}}]
    then: cycle
  - call: helloworld.Helloworld/Stream
    replies: [{count: 1}, {count: 2}, {count: 3}]
  - call: helloworld.Helloworld/PingPong
    answer: {stroke: "${request.stroke}"}
"""


def talk(contracts, doubles):
    """What four kinds of calls, and a failing one, bring."""
    make = lambda full, **fields: contracts.type(contracts.method(full).input_type)(**fields)
    hello, said = "helloworld.Helloworld", []
    for full, requests in (
        (f"{hello}/Call", [make(f"{hello}/Call", name="joe ${x}")]),
        (f"{hello}/Call", [make(f"{hello}/Call", name="nobody")]),
        (f"{hello}/Call", [make(f"{hello}/Call", name="sequence")]),
        (f"{hello}/Call", [make(f"{hello}/Call", name="sequence")]),
        (f"{hello}/Stream", [make(f"{hello}/Stream", count=3)]),
        ("store.BlobStore/Write", [make("store.BlobStore/Write", key="k"), make("store.BlobStore/Write", blob=b"b")]),
        (f"{hello}/PingPong", [make(f"{hello}/PingPong", stroke=1), make(f"{hello}/PingPong", stroke=2)]),
    ):
        replies, status, why = contracts.call(doubles.channel, full, requests, metadata=(("x-who", "record.py"),))
        said.append((full, [r.SerializeToString() for r in replies], status, why))
    return said


def main():
    program, sets = sys.argv[1], sys.argv[2:]
    contracts = Contracts(*sets)
    chosen = ["--service", "helloworld.Helloworld", "--service", "store.BlobStore"]
    with tempfile.TemporaryDirectory() as folder:
        given, recorded = os.path.join(folder, "given.yaml"), os.path.join(folder, "recorded.yaml")
        with open(given, "w") as f:
            f.write(STUBS)
        with Doubles(program, "serve", *chosen, "--stubs", given, "--seed", "3") as real:
            with Doubles(program, "record", "--upstream", real.address, "--out", recorded) as recorder:
                through = talk(contracts, recorder)
                recorder.stop()
            direct = talk(contracts, real)
            real.stop()
            assert real.summary["calls"] == 14, real.summary
        assert through == direct, f"\n{through}\n{direct}"
        assert through[1][2:] == ("NOT_FOUND", "nobody nobody"), through[1]
        with Doubles(program, "serve", *chosen, "--no-behaviour", "--stubs", recorded) as replay:
            again = talk(contracts, replay)
            replay.stop()
        assert again == through, f"\n{again}\n{through}\n{open(recorded).read()}"
    print(f"{len(through)} calls recorded and said again")


main()
