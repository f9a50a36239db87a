#!/usr/bin/env python3
"""The tree's own rules, checked over the sources themselves. Prints file:line: what is wrong; exit 1 when anything is.

  floors     an include points at the same room or a lower floor; rooms of one floor do not include each other
  length     no source file over 1,000 lines, no line over 120 columns
  world      sockets, clocks, random numbers, files and processes only in world/
  headers    every header starts with a comment and has its guard
  leftovers  no unfinished-business words, no tabs in C, no trailing blanks
  corpora    seeds have names: a file called by its hash is what a fuzzer left in the first folder it was given
  white      clang-format would change nothing, where it is installed
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What a room may include besides itself.
FLOOR_2 = ["base", "world", "wire", "proto"]
FLOOR_3 = FLOOR_2 + ["rpc"]
MAY_INCLUDE = {
    "base": [],
    "world": ["base"],
    "wire": ["base"],
    "proto": ["base", "wire"],
    "rpc": FLOOR_2,
    "runtime": FLOOR_3,
    "fakes": FLOOR_3,
    "fuzz": FLOOR_3,
    "chaos": FLOOR_3,
    "e2e": FLOOR_3,
    "reports": FLOOR_3,
    "harrow": FLOOR_3 + ["runtime", "fakes", "fuzz", "chaos", "e2e", "reports"],
}
MAY_INCLUDE["tests"] = MAY_INCLUDE["bench"] = MAY_INCLUDE["harrow"] + ["harrow"]

# Calls that belong to world/ alone. base/log.c may write to stderr; the tests' tools may do what they must.
FORBIDDEN = re.compile(
    r"(?<![\w.>])(socket|connect|accept4?|listen|bind|recv|send|recvfrom|sendto|sendmsg|recvmsg|open|openat|creat|fopen|fdopen|"
    r"freopen|opendir|mkdir|rmdir|unlink|rename|fsync|fdatasync|fork|vfork|execve?|execvp?|execl[pe]?|posix_spawnp?|popen|system|"
    r"time|gettimeofday|clock_gettime|clock|nanosleep|usleep|sleep|rand|srand|random|srandom|drand48|getrandom|arc4random|"
    r"kill|waitpid|pthread_create)\s*\("
)
WORLD_ONLY_HEADERS = re.compile(r'#\s*include\s*<(uv\.h|sys/socket\.h|netinet/.*|arpa/.*|sys/epoll\.h|sys/wait\.h|fcntl\.h|dirent\.h|spawn\.h|sys/time\.h)>')
INCLUDE = re.compile(r'#\s*include\s*"([^"]+)"')
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bplaceholder\b|\bfor now\b", re.I)

FORMATTER = shutil.which("clang-format-14")
GENERATED = "tests/fuzz/sample/"  # kept as harrow writes them
HASH_NAME = re.compile(r"/[0-9a-f]{40}$")

problems = []


def problem(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def strip_comments_and_strings(source):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, source, flags=re.S)


def check_c(path, room, source):
    lines = source.split("\n")
    if len(lines) > 1001:
        problem(path, len(lines), f"{len(lines) - 1} lines: the limit is 1,000")
    for number, line in enumerate(lines, 1):
        if len(line) > 120:
            problem(path, number, f"{len(line)} columns: the limit is 120")
        if "\t" in line:
            problem(path, number, "a tab")
        if line != line.rstrip():
            problem(path, number, "trailing blanks")
        if LEFTOVER.search(line):
            problem(path, number, "unfinished business: " + line.strip())
        included = INCLUDE.search(line)
        if included:
            other = included.group(1).split("/")[0]
            if other != room and other in MAY_INCLUDE and other not in MAY_INCLUDE[room]:
                problem(path, number, f"{room}/ must not include {included.group(1)}: wrong floor")
        test = path.endswith(("_test.c", "_bench.c", "_fuzz.c"))
        if room not in ("world", "tests", "bench") and not test and WORLD_ONLY_HEADERS.search(line):
            problem(path, number, "only world/ may include " + line.split("<")[1].rstrip(">"))
    if room not in ("world", "tests", "bench") and not path.endswith(("_test.c", "_bench.c", "_fuzz.c")):
        code = strip_comments_and_strings(source)
        for number, line in enumerate(code.split("\n"), 1):
            if line.lstrip().startswith("#"):
                continue
            call = FORBIDDEN.search(line)
            # A definition or a struct member of that name is not the C library's function.
            if call and not re.search(r"(\(\*|->|\.|static [\w *]+)\s*" + call.group(1), line):
                problem(path, number, f"{call.group(1)}() belongs to world/")
    if path.endswith(".h"):
        if not source.startswith("/*"):
            problem(path, 1, "a header starts with a comment that says what the thing is")
        if "#ifndef " not in source or "#endif" not in source:
            problem(path, 1, "no include guard")


def check_white(paths):
    def look(some):
        return subprocess.run([FORMATTER, "--dry-run", *some], cwd=ROOT, capture_output=True, text=True).stderr

    at_once = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for said in pool.map(look, [paths[i::at_once] for i in range(at_once)]):
            for path, line in sorted(set(re.findall(r"^(\S+?):(\d+):\d+: warning:", said, flags=re.M))):
                problem(path, line, "white space: clang-format-14 -i writes it otherwise")


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    files = listed.stdout.split("\n") if listed.returncode == 0 and listed.stdout else []
    if not files:
        files = [os.path.relpath(os.path.join(d, f), ROOT) for d, _, fs in os.walk(ROOT) for f in fs if "/build" not in d]
    checked = 0
    sources = []
    for path in files:
        room = path.split("/")[0]
        full = os.path.join(ROOT, path)
        if not os.path.isfile(full):
            continue
        if HASH_NAME.search(path):
            problem(path, 1, "found by a fuzzer, not chosen: minimise it and name it after what it shows, or remove it")
        if path.endswith((".c", ".h")) and room in MAY_INCLUDE:
            with open(full, encoding="utf-8") as f:
                check_c(path, room, f.read())
            checked += 1
            if not path.startswith(GENERATED):
                sources.append(path)
        elif path.endswith((".md", ".sh", ".py", ".cmake", ".txt", ".yaml")) and path != "tests/tidy.py":
            with open(full, encoding="utf-8") as f:
                for number, line in enumerate(f, 1):
                    if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                        problem(path, number, "unfinished business: " + line.strip())
    if FORMATTER and sources:
        check_white(sources)
    for line in problems:
        print(line)
    print(f"tidy: {checked} C files read, {len(problems)} problems")
    if checked == 0:
        print("tidy: found nothing to read, which cannot be right")
        return 1
    return 1 if problems else 0


sys.exit(main())
