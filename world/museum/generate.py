#!/usr/bin/env python3
"""The museum's bugs, from their descriptions to altered sources.

    generate.py check ROOT MUSEUM [--list]  every description is whole and finds its place; with --list, a table of them
    generate.py write ROOT OUT              altered copies of the sources and names.h below OUT; prints ROOT-relative
                                            paths

MUSEUM is fuzz or chaos: two collections in one build. A bug is a file MUSEUM/museum/bugs/CLASS-NAME.bug:

    class: decode                       one of the museum's, below
    summary: ...                        what the bug is; goes on in lines that begin with a blank
    resembles: ...                      the bug or kind of bug in the world it is like
    oracle: ...                         what should tell it: an oracle of docs/fuzzing.md; a case of docs/chaos.md, a model
    experiment: chaos/experiments/x.yaml  (chaos only) the ordinary experiment that should catch it
    driver: processes                   (chaos only, may be left out) it cannot show in simulation
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



class Museum:
    def __init__(self, name, classes, total_min, class_min, keys, optional):
        self.name, self.classes, self.total_min, self.class_min = name, classes, total_min, class_min
        self.keys, self.optional = keys, optional
        self.folder = f"{name}/museum/bugs"


MUSEUMS = [
    Museum("fuzz", {"decode": "decode", "framing": "framing", "logic": "handler logic",
                    "state": "state, order, authorisation", "resource": "resource exhaustion"},
           60, 10, ("class", "summary", "resembles", "oracle"), ()),
    Museum("chaos", {"store": "store", "blobs": "blobs", "events": "events", "auth": "accounts and tokens",
                     "runtime": "supervisor and recovery", "broker": "broker", "registry": "registry",
                     "config": "config", "network": "network", "links": "links and retries",
                     "leaks": "leaks and deadlocks"},
           40, 0, ("class", "summary", "resembles", "oracle", "experiment"), ("driver",)),
]
DRIVERS = ("sim", "processes")
NAME = re.compile(r"^[a-z0-9-]{3,40}$")
ROOMS = ("wire/", "rpc/", "runtime/")
SETUP = "world/museum/setup.bug"


class Wrong(Exception):
    pass


class Change:
    def __init__(self, file, line):
        self.file, self.line = file, line
        self.find, self.replace = [], []


class Bug:
    def __init__(self, root, path, museum):
        self.root, self.path, self.museum = root, os.path.join(root, path), museum  # museum None: setup.bug
        self.name = os.path.basename(path)[:-len(".bug")]
        self.keys = ("summary",) if museum is None else museum.keys + museum.optional
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
                if not (self.museum is None or file.startswith(ROOMS)) or not file.endswith(".c"):
                    self.wrong(number, f"\"{file}\": a C source in one of {', '.join(ROOMS)} is expected")
            elif word in self.keys and word not in values:
                key = word
                values[word] = rest.strip()
            else:
                self.wrong(number, f"\"{word}\" is no key, or is there twice")
        if part is not None:
            self.wrong(change.line, "no \"end\" behind this")
        self.values = values
        if self.museum is None:
            return
        for word in self.museum.keys:
            if not values.get(word):
                self.wrong(1, f"\"{word}:\" is missing")
        experiment = values.get("experiment")
        if experiment and not os.path.isfile(os.path.join(self.root, experiment)):
            self.wrong(1, f"there is no experiment {experiment}")
        if values.get("driver", DRIVERS[0]) not in DRIVERS:
            self.wrong(1, f"\"driver:\" is one of {', '.join(DRIVERS)}")
        if values["class"] not in self.museum.classes or not self.name.startswith(values["class"] + "-") or not NAME.match(self.name):
            self.wrong(1, "the file is called by its class and a short name: decode-length.bug")
        text = "\n".join("\n".join(c.replace) for c in self.changes)
        for word in ("MUSEUM_REACHED|MUSEUM_IF", "MUSEUM_TRIGGERED|MUSEUM_IF"):
            if not re.search(r"\b(" + word + r")\b", text):
                self.wrong(1, f"nothing in it says {word.replace('|', ' or ')}")


def load(root):
    bugs = []
    for museum in MUSEUMS:
        names = sorted(os.listdir(os.path.join(root, museum.folder)))
        bugs += [Bug(root, f"{museum.folder}/{name}", museum) for name in names if name.endswith(".bug")]
    if len({b.name for b in bugs}) != len(bugs):
        raise Wrong("two bugs have one name: " + ", ".join(sorted(b.path for b in bugs if sum(
            o.name == b.name for o in bugs) > 1)))
    return bugs


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
    setup = Bug(root, SETUP, None)
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
        parts, at = ["#include \"world/museum/museum.h\"", f"#line 1 \"{path}\""], 0
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
    def quoted(value):
        return f'"{value}"' if value else "NULL"
    rows = "".join(f'    {{"{b.museum.name}", "{b.name}", "{b.values["class"]}", {quoted(b.values.get("experiment"))}, '
                   f'{quoted(b.values.get("driver"))}}},\n' for b in bugs)
    return (f"/* Written by generate.py. */\n#include <stddef.h>\n#define MUSEUM_BUGS {len(bugs)}\n"
            "static const struct {\n    const char *museum, *name, *kind, *experiment, *driver;\n} "
            f"museum_bugs[MUSEUM_BUGS] = {{\n{rows}}};\n")


def check(root, name, show):
    bugs = load(root)
    altered(root, bugs)
    museum = next((m for m in MUSEUMS if m.name == name), None)
    if not museum:
        raise Wrong(f"\"{name}\": a museum is one of {', '.join(m.name for m in MUSEUMS)}")
    bugs = [b for b in bugs if b.museum is museum]
    counts = {c: sum(b.values["class"] == c for b in bugs) for c in museum.classes}
    if show:
        for b in bugs:
            print("\t".join([b.name] + [b.values[k] for k in museum.keys if k in ("oracle", "experiment", "summary")]))
    if len(bugs) < museum.total_min or min(counts.values()) < museum.class_min:
        raise Wrong(f"{museum.folder}: {len(bugs)} bugs, {counts}: at least {museum.total_min}, and {museum.class_min} "
                    "of each class")
    print(f"{len(bugs)} bugs: " + ", ".join(f"{n} {museum.classes[c]}" for c, n in counts.items() if n))


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("check", "write"):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        if sys.argv[1] == "check":
            check(sys.argv[2], sys.argv[3], "--list" in sys.argv)
            return 0
        bugs = load(sys.argv[2])
        for path, text in altered(sys.argv[2], bugs).items():
            write_if_new(os.path.join(sys.argv[3], path), text)
            print(path)
        write_if_new(os.path.join(sys.argv[3], "world/museum/names.h"), names_header(bugs))
    except Wrong as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
