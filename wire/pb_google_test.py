"""Random messages through Google's protobuf and through pb_transcode: both must read and write the same.

usage: pb_google_test.py PB_TRANSCODE SET.pb [--seed N] [--messages N]
Exit code 77: python3-protobuf is not installed, nothing was tested.
"""
import argparse
import json
import math
import random
import struct
import subprocess
import sys

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    from google.protobuf.descriptor import FieldDescriptor as FD
except ImportError as missing:
    print(f"skipped: {missing} (package python3-protobuf)")
    sys.exit(77)

ROOTS = ["Scalars", "Optionals", "Lists", "Maps", "Choice", "Known", "Tree", "Everything", "Names"]
STRINGS = ["", "a", "plain text", "über straße", "日本語", "😀", "\"quoted\\\"", "line\nend\t\r\b\f", "\x7f</script>",
           "nul\0inside", "x" * 200]
INTS = {32: [0, 1, -1, 127, 128, 2**31 - 1, -2**31, 300], 64: [0, 1, -1, 2**53 + 1, 2**63 - 1, -2**63, 10**15]}
UINTS = {32: [0, 1, 127, 128, 2**32 - 1], 64: [0, 1, 2**53 + 1, 2**64 - 1]}
REALS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e15, 1e16, 1e17, 123456789.125, 5e-324, 1.7976931348623157e308,
         2.2250738585072014e-308, math.inf, -math.inf, math.nan, 1e100, 1 / 3]
# Without the largest float: Python's json_format prints 3.4028235e+38 for it and refuses to read that.
FLOATS = [0.0, -0.0, 1.0, 0.1, 16777216.0, 1e10, 3.4028230607370965e38, 1.401298464324817e-45, 1.17549435e-38,
          math.inf, -math.inf, math.nan, 1 / 3]
PATHS = ["name", "user_name", "address.zip_code", "a.b.c", "x1", "field_mask.two_words"]


class Maker:
    def __init__(self, seed, pool, messages):
        self.r = random.Random(seed)
        self.pool = pool
        self.messages = messages

    def real(self, values, finite=False):
        r = self.r
        while True:
            if r.random() < 0.5:
                v = r.choice(values)
            elif values is FLOATS:
                v = struct.unpack("<f", struct.pack("<I", r.getrandbits(32)))[0]
            else:
                v = struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0]
            if not finite or math.isfinite(v):
                return math.nan if math.isnan(v) else v  # JSON has no place for the other NaNs

    def scalar(self, f):
        r, t = self.r, f.cpp_type
        if t == FD.CPPTYPE_DOUBLE:
            return self.real(REALS)
        if t == FD.CPPTYPE_FLOAT:
            return self.real(FLOATS)
        if t == FD.CPPTYPE_BOOL:
            return r.random() < 0.5
        if t == FD.CPPTYPE_STRING:
            if f.type == FD.TYPE_BYTES:
                return r.randbytes(r.choice([0, 1, 2, 3, 4, 5, 60, 200]))
            return r.choice(STRINGS)
        if t == FD.CPPTYPE_ENUM:
            if f.enum_type.full_name == "google.protobuf.NullValue":
                return 0
            return r.choice([v.number for v in f.enum_type.values] + [77, -77])
        bits = 32 if t in (FD.CPPTYPE_INT32, FD.CPPTYPE_UINT32) else 64
        signed = t in (FD.CPPTYPE_INT32, FD.CPPTYPE_INT64)
        if r.random() < 0.5:
            return r.choice(INTS[bits] if signed else UINTS[bits])
        v = r.getrandbits(r.randint(1, bits))
        return v - 2 ** (bits - 1) if signed and v < 2 ** (bits - 1) and r.random() < 0.3 else \
            (v if not signed or v < 2 ** (bits - 1) else v - 2 ** bits)

    def known(self, m, depth):
        r, name = self.r, m.DESCRIPTOR.name
        if name == "Timestamp":
            m.seconds = r.choice([0, 1, -1, -62135596800, 253402300799, r.randint(-62135596800, 253402300799)])
            m.nanos = r.choice([0, 1, 1000, 1000000, 500000000, 999999999, r.randint(0, 999999999)])
        elif name == "Duration":
            m.seconds = r.choice([0, 1, -1, 315576000000, -315576000000, r.randint(-315576000000, 315576000000)])
            m.nanos = r.choice([0, 1, 1000, 1000000, 500000000, 999999999]) * (-1 if m.seconds < 0 else 1)
            if m.seconds == 0 and r.random() < 0.5:
                m.nanos = -m.nanos
        elif name == "FieldMask":
            m.paths.extend(r.sample(PATHS, r.randint(0, 4)))
        elif name == "Any":
            if r.random() < 0.9:
                inner = self.message(r.choice(["test.all.Scalars", "test.all.Choice", "test.shared.Place",
                                               "google.protobuf.Duration", "google.protobuf.Value",
                                               "google.protobuf.Int64Value", "google.protobuf.Any",
                                               "google.protobuf.Empty", "test.all.Nothing",
                                               "google.protobuf.Struct"]), depth + 1)
                m.Pack(inner)
        elif name == "Value":
            kind = r.choice(["null_value", "number_value", "string_value", "bool_value"] +
                            (["struct_value", "list_value"] if depth < 6 else []))
            if kind == "null_value":
                m.null_value = 0
            elif kind == "number_value":
                m.number_value = self.real(REALS, finite=True)
            elif kind == "string_value":
                m.string_value = r.choice(STRINGS)
            elif kind == "bool_value":
                m.bool_value = r.random() < 0.5
            else:
                getattr(m, kind).SetInParent()
                self.known(getattr(m, kind), depth + 1)
        elif name == "Struct":
            for key in r.sample(STRINGS, r.randint(0, 3)):
                self.known(m.fields[key], depth + 1)
        elif name == "ListValue":
            for _ in range(r.randint(0, 3)):
                self.known(m.values.add(), depth + 1)
        else:
            return False
        return True

    def fill(self, m, depth):
        r = self.r
        if m.DESCRIPTOR.file.package == "google.protobuf" and self.known(m, depth):
            return
        density = r.choice([0.2, 0.5, 0.9]) if depth < 2 else 0.25
        for f in m.DESCRIPTOR.fields:
            # Python's json_format writes null for these and then refuses to read it; pb_json_test has them.
            if r.random() > density or f.name == "null_values":
                continue
            is_message = f.cpp_type == FD.CPPTYPE_MESSAGE
            if is_message and f.message_type.GetOptions().map_entry:
                self.fill_map(m, f, depth)
            elif f.label == FD.LABEL_REPEATED:
                for _ in range(r.randint(0, 4 if depth < 3 else 1)):
                    if is_message:
                        if depth < 5:
                            self.fill(getattr(m, f.name).add(), depth + 1)
                    else:
                        getattr(m, f.name).append(self.scalar(f))
            elif is_message:
                if depth < 5:
                    getattr(m, f.name).SetInParent()
                    self.fill(getattr(m, f.name), depth + 1)
            else:
                setattr(m, f.name, self.scalar(f))

    def fill_map(self, m, f, depth):
        key, value = f.message_type.fields_by_number[1], f.message_type.fields_by_number[2]
        for _ in range(self.r.randint(0, 3)):
            k = self.scalar(key)
            target = getattr(m, f.name)
            if value.cpp_type != FD.CPPTYPE_MESSAGE:
                target[k] = self.scalar(value)
            elif depth < 5:
                self.fill(target[k], depth + 1)

    def message(self, name, depth=0):
        m = self.messages[name]()
        self.fill(m, depth)
        return m


def same(a, b):
    """Equal JSON values; NaN is a string there, and 1 equals 1.0."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return float(a) == float(b) and math.copysign(1, a) == math.copysign(1, b)
    return a == b


def canonical(m, messages):
    """Bytes that two equal messages share: map order settled, inside of each Any too."""
    copy = type(m)()
    copy.CopyFrom(m)

    def settle(x):
        if x.DESCRIPTOR.full_name == "google.protobuf.Any":
            if x.type_url:
                inner = messages[x.type_url.rpartition("/")[2]].FromString(x.value)
                settle(inner)
                x.value = inner.SerializeToString(deterministic=True)
            return
        for f, value in x.ListFields():
            if f.cpp_type != FD.CPPTYPE_MESSAGE:
                continue
            if f.message_type.GetOptions().map_entry:
                if f.message_type.fields_by_number[2].cpp_type == FD.CPPTYPE_MESSAGE:
                    for key in value:
                        settle(value[key])
            elif f.label == FD.LABEL_REPEATED:
                for element in value:
                    settle(element)
            else:
                settle(value)

    settle(copy)
    return copy.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=600)
    args = parser.parse_args()

    with open(args.set, "rb") as f:
        files = descriptor_pb2.FileDescriptorSet.FromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    messages = {}
    for file in files.file:
        def visit(prefix, types):
            for t in types:
                name = f"{prefix}.{t.name}"
                if not t.options.map_entry:
                    messages[name] = factory.GetPrototype(pool.FindMessageTypeByName(name))
                visit(name, t.nested_type)
        visit(file.package, file.message_type)

    tool = subprocess.Popen([args.tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(op, name, data, flags=0):
        tool.stdin.write(f"{op} {name} {data.hex() or '-'} {flags}\n")
        tool.stdin.flush()
        word, _, rest = tool.stdout.readline().rstrip("\n").partition(" ")
        return (bytes.fromhex(rest), None) if word == "ok" else (None, rest)

    maker = Maker(args.seed, pool, messages)
    failures = 0
    nested = 0

    def fail(i, name, what, *details):
        nonlocal failures
        failures += 1
        if failures <= 5:
            print(f"message {i} ({name}, seed {args.seed}): {what}")
            for d in details:
                print("   ", str(d)[:1500])

    for i in range(args.messages):
        name = "test.all." + ROOTS[i % len(ROOTS)]
        m = maker.message(name)
        wire = m.SerializeToString()
        flags = i // len(ROOTS) % 4
        theirs = json.loads(json_format.MessageToJson(
            m, preserving_proto_field_name=bool(flags & 1), including_default_value_fields=bool(flags & 2),
            descriptor_pool=pool))
        nested += len(wire)

        # Their wire to our JSON: the same value, and the same message once they have read it back.
        text, error = ask("json", name, wire, flags)
        if error:
            fail(i, name, "our JSON writer refused it: " + error, wire.hex())
            continue
        ours = json.loads(text)
        if not same(theirs, ours):
            fail(i, name, "JSON differs", theirs, ours)
            continue
        back = messages[name]()
        try:
            json_format.Parse(text.decode(), back, descriptor_pool=pool)
        except json_format.ParseError as refused:
            fail(i, name, "they refuse our JSON: " + str(refused), text.decode())
            continue
        if canonical(back, messages) != canonical(m, messages):
            fail(i, name, "they read our JSON as another message", text.decode())
            continue

        # Their JSON to our wire: the same message.
        text = json_format.MessageToJson(m, indent=i % 3, descriptor_pool=pool).encode()
        packed, error = ask("wire", name, text)
        if error:
            fail(i, name, "our JSON reader refused it: " + error, text.decode())
            continue
        back = messages[name].FromString(packed)
        if canonical(back, messages) != canonical(m, messages):
            fail(i, name, "our wire differs", text.decode(), packed.hex())
            continue

        # protobuf-c, behind the scan, gives back what it was given, but for what it is known to lose.
        packed, error = ask("scan", name, wire)
        if error:
            if "NUL" not in error:
                fail(i, name, "the scan refused it: " + error, wire.hex())
            continue
        back = messages[name].FromString(packed)
        a, _ = ask("json", name, packed)
        b, _ = ask("json", name, wire)
        if a != b and b"-0.0" not in b:
            fail(i, name, "unpacked and packed again it differs", b, a)

    # Singular messages in pieces, at every level: one message's bytes behind another's of the same type mean their merge.
    pieces = 0
    for i in range(args.messages):
        name = "test.all." + ROOTS[i % len(ROOTS)]
        wire = b"".join(maker.message(name).SerializeToString() for _ in range(2 + i % 3))
        merged = messages[name].FromString(wire)
        packed, error = ask("scan", name, wire)
        if error:
            if "NUL" not in error:
                fail(i, name, "refused in pieces: " + error, wire.hex())
            continue
        text, _ = ask("json", name, wire)
        if text is None or b"-0.0" in text:
            continue  # an Any with one's type and the other's value; or what protobuf-c is known to lose
        pieces += 1
        theirs, ours = canonical(merged, messages), canonical(messages[name].FromString(packed), messages)
        if theirs != ours:
            fail(i, name, "in pieces it is another message", theirs.hex(), ours.hex(), wire.hex())

    tool.stdin.close()
    tool.wait()
    print(f"{args.messages} messages, {nested} bytes, {pieces} in pieces, {failures} failures")
    return 1 if failures or tool.returncode else 0


sys.exit(main())
