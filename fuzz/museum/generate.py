#!/usr/bin/env python3
"""The museum's bugs, from their descriptions to altered sources.

    generate.py check ROOT [--list]     every description is whole and finds its place; with --list, a table of them
    generate.py write ROOT OUT          altered copies of the sources and names.h below OUT; prints ROOT-relative paths

A bug is a file bugs/CLASS-NAME.bug:

    class: decode                       one of decode, framing, logic, state, resource
    summary: ...                        what the bug is; goes on in lines that begin with a blank
    resembles: ...                      the bug or kind of bug in the world it is like
    oracle: ...                         what a fuzzer should tell, by the names of docs/fuzzing.md
    file: wire/pb_wire.c                what follows is in this file of the tree
    find:
    <lines, exactly as they stand there, and nowhere else in it>
    replace:
    <lines that stand there instead>
    end                                 and then more of find, or another file

In what replaces, MUSEUM_IF(condition), MUSEUM_ON, MUSEUM_REACHED and MUSEUM_TRIGGERED are museum.h's, with this bug's
number put in. Every alteration must have a MUSEUM_ON or MUSEUM_IF, or only define something: with no bug switched on
the altered source does what the original does. setup.bug alters in the same way what a museum needs beside its bugs.
Errors name file and line."""
import os
import re
import sys

CLASSES = {"decode": "decode", "framing": "framing", "logic": "handler logic",
           "state": "state, order, authorisation", "resource": "resource exhaustion"}
TOTAL_MIN, CLASS_MIN = 60, 10
KEYS = ("class", "summary", "resembles", "oracle")
NAME = re.compile(r"^[a-z0-9-]{3,40}$")
ROOMS = ("wire/", "rpc/", "runtime/")
SETUP = "setup.bug"


class Wrong(Exception):
    pass


class Change:
    def __init__(self, file, line):
        self.file, self.line = file, line
        self.find, self.replace = [], []


class Bug:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-len(".bug")]
        self.setup = os.path.basename(path) == SETUP
        self.changes = []
        self.read()

    def wrong(self, line, text):
        raise Wrong(f"{self.path}:{line}: {text}")

    def read(self):
        values, key, part, change, file = {}, None, None, None, None
        with open(self.path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        for number, line in enumerate(lines, 1):
            if part is not None:
                if part is change.find and line == "replace:":
                    part = change.replace
                elif part is change.replace and line == "end":
                    if not change.find or change.find == change.replace:
                        self.wrong(change.line, "\"find:\" is empty, or the same as \"replace:\"")
                    self.changes.append(change)
                    part = change = None
                else:
                    part.append(line)
                continue
            if not line.strip():
                continue
            if line[0] == " " and key:
                values[key] += " " + line.strip()
                continue
            word, colon, rest = line.partition(":")
            if not colon:
                self.wrong(number, f"expected \"key: value\", not \"{line}\"")
            if word == "find":
                if not file:
                    self.wrong(number, "\"find:\" before any \"file:\"")
                change = Change(file, number)
                part, key = change.find, None
            elif word == "file":
                file, key = rest.strip(), None
                if not (self.setup or file.startswith(ROOMS)) or not file.endswith(".c"):
                    self.wrong(number, f"\"{file}\": a C source in one of {', '.join(ROOMS)} is expected")
            elif word in KEYS and word not in values:
                key = word
                values[word] = rest.strip()
            else:
                self.wrong(number, f"\"{word}\" is no key, or is there twice")
        if part is not None:
            self.wrong(change.line, "no \"end\" behind this")
        self.values = values
        if self.setup:
            return
        for word in KEYS:
            if not values.get(word):
                self.wrong(1, f"\"{word}:\" is missing")
        if values["class"] not in CLASSES or not self.name.startswith(values["class"] + "-") or not NAME.match(self.name):
            self.wrong(1, "the file is called by its class and a short name: decode-length.bug")
        text = "\n".join("\n".join(c.replace) for c in self.changes)
        for word in ("MUSEUM_REACHED|MUSEUM_IF", "MUSEUM_TRIGGERED|MUSEUM_IF"):
            if not re.search(r"\b(" + word + r")\b", text):
                self.wrong(1, f"nothing in it says {word.replace('|', ' or ')}")


def load(root):
    folder = os.path.join(root, "fuzz/museum/bugs")
    return [Bug(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".bug")]


def numbered(lines, number):
    text = "\n".join(lines)
    text = re.sub(r"\bMUSEUM_IF\(", f"museum_if({number}, ", text)
    text = re.sub(r"\bMUSEUM_ON\b", f"museum_on({number})", text)
    text = re.sub(r"\bMUSEUM_REACHED\b", f"museum_reached({number})", text)
    return re.sub(r"\bMUSEUM_TRIGGERED\b", f"museum_triggered({number})", text)


def place(source, change, bug):
    """Offset of the lines in the source, which must have them exactly once."""
    text = "\n".join(change.find) + "\n"
    at = [m.start() for m in re.finditer(re.escape(text), source) if m.start() == 0 or source[m.start() - 1] == "\n"]
    if len(at) != 1:
        raise Wrong(f"{bug.path}:{change.line}: {change.file} has these lines {len(at) or 'no'} times, not once: "
                    "the source changed; mend the description")
    return at[0], at[0] + len(text)


def altered(root, bugs):
    """{path: text} of every source that is altered."""
    changes = {}
    setup = Bug(os.path.join(root, "fuzz/museum", SETUP))
    for number, bug in [(0, setup), *enumerate(bugs, 1)]:
        for change in bug.changes:
            changes.setdefault(change.file, []).append((bug, number, change))
    out = {}
    for path, list_ in sorted(changes.items()):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as f:
                source = f.read()
        except OSError:
            raise Wrong(f"{list_[0][0].path}:{list_[0][2].line}: there is no {path}") from None
        places = sorted(((*place(source, c, b), b, n, c) for b, n, c in list_), key=lambda p: p[0])
        parts, at = ["#include \"fuzz/museum/museum.h\"", f"#line 1 \"{path}\""], 0
        body = ""
        for start, end, bug, number, change in places:
            if start < at:
                raise Wrong(f"{bug.path}:{change.line}: another bug alters the same lines of {path}")
            body += source[at:start] + numbered(change.replace, number) + "\n"
            body += f"#line {source.count(chr(10), 0, end) + 1} \"{path}\"\n"
            at = end
        out[path] = "\n".join(parts) + "\n" + body + source[at:]
    return out


def write_if_new(path, text):
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return
    except OSError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def names_header(bugs):
    rows = "".join(f'    {{"{b.name}", "{b.values["class"]}"}},\n' for b in bugs)
    return (f"/* Written by generate.py. */\n#define MUSEUM_BUGS {len(bugs)}\n"
            f"static const struct {{\n    const char *name, *kind;\n}} museum_bugs[MUSEUM_BUGS] = {{\n{rows}}};\n")


def check(root, show):
    bugs = load(root)
    altered(root, bugs)
    counts = {c: sum(b.values["class"] == c for b in bugs) for c in CLASSES}
    if show:
        for b in bugs:
            print(f"{b.name}\t{b.values['oracle']}\t{b.values['summary']}")
    if len(bugs) < TOTAL_MIN or min(counts.values()) < CLASS_MIN:
        raise Wrong(f"fuzz/museum/bugs: {len(bugs)} bugs, {counts}: at least {TOTAL_MIN}, and {CLASS_MIN} of each class")
    print(f"{len(bugs)} bugs: " + ", ".join(f"{n} {CLASSES[c]}" for c, n in counts.items()))


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("check", "write") or (sys.argv[1] == "write" and len(sys.argv) != 4):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        if sys.argv[1] == "check":
            check(sys.argv[2], "--list" in sys.argv)
            return 0
        bugs = load(sys.argv[2])
        for path, text in altered(sys.argv[2], bugs).items():
            write_if_new(os.path.join(sys.argv[3], path), text)
            print(path)
        write_if_new(os.path.join(sys.argv[3], "fuzz/museum/names.h"), names_header(bugs))
    except Wrong as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
