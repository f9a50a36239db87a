"""What the command tests share: running harrow in a folder of its own, and counting what holds."""
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
SOURCE = os.path.abspath(sys.argv[2])
MANIFEST = os.path.join(SOURCE, "systems", "micro.yaml")

# What is talked to is on this machine.
for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)
# Nor does it hear of whoever called us: `make -j test` has a job server, a git hook its repository, a packager a DESTDIR
# and flags, and a user settings of git, which may ask for a signature.
CALLERS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "BASH_ENV", "ENV", "CC", "CPPFLAGS", "CFLAGS", "LDFLAGS", "LDLIBS"}
for name in list(os.environ):
    if name in CALLERS or name.startswith(("MICRO_", "GIT_")):
        del os.environ[name]
# PWD is the shell's; who starts programs in other folders may leave it wrong, and then nothing may count on it.
os.environ.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", PWD="/nowhere")
signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, Python would take every exit code for 0

passed = failed = 0


def check(holds, name, detail=""):
    global passed, failed
    if holds:
        passed += 1
        # A log that is read when something failed has the failures alone.
        if sys.stdout.isatty():
            print(f"ok      {name}")
    else:
        failed += 1
        print(f"FAILED  {name}\n        {detail}")


def harrow(*arguments, program="harrow", folder=None, timeout=300, environment=None):
    """Runs it; returns the exit code and everything it printed."""
    env = {**os.environ, "CI": "true", "NO_COLOR": "1", **(environment or {})}
    done = subprocess.run([os.path.join(BIN, program), *arguments], cwd=folder, env=env, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def processes_of(folder):
    """Ids and command lines of the processes that work in the folder or whose arguments name it."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{entry}/stat") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            # Whose folder we may not see, we may still know by its arguments.
            work = os.readlink(f"/proc/{entry}/cwd") if folder not in line else folder
        except OSError:
            continue
        if (folder in line or folder in work) and state != "Z":
            found.append((int(entry), line))
    return found


def left_behind(folder, seconds=30):
    """processes_of() the folder that do not end by themselves: what was told to end has the time it takes."""
    end = time.monotonic() + seconds
    while (found := processes_of(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def parent_of(pid):
    """Of a process, as /proc has it; None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def may_all():
    """Whether we are root with all of root's rights: in many a container root may not make namespaces or mounts."""
    if os.geteuid() != 0:
        return False
    return all(shutil.which(program) for program in ("unshare", "ip")) and subprocess.run(
        ["unshare", "--net", "--mount", "ip", "link", "set", "lo", "up"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0


def kept_port():
    """A bound socket that does not listen: its port is nobody else's, but for who shares it on purpose (SO_REUSEPORT)."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


class Folder:
    """A temporary folder that is gone afterwards."""

    def __enter__(self):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="harrow-test-"))  # as /proc has it
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def replay_command(output):
    found = re.search(r"replay: (\S*harrow\S* .*)", output)
    return shlex.split(found.group(1)) if found else None


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
