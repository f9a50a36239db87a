#!/usr/bin/env python3
"""micro's command line on a real server: what each command prints, and its exit code; a service made by `micro new`,
built, run, updated and killed."""
import base64
import http.client
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

from harness import BIN, Folder, check, finish, kept_port, left_behind

MICRO = os.path.join(BIN, "micro")
COMPONENTS = {"registry", "store", "config", "auth", "broker", "events", "runtime", "network", "proxy", "api", "helloworld", "notes"}
MALFORMED = 3  # exit code
LONG = 120  # seconds until something is given up that takes a moment: no machine is that slow


class Cli:
    """A home, a data directory, and a server on free ports."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.more = environment
        self.data = os.path.join(folder, "data")
        self.env = {"MICRO_HOME": os.path.join(folder, "home"), "MICRO_DATA_DIR": self.data,
                    "PATH": BIN + ":" + os.path.join(folder, "path") + ":" + os.environ["PATH"]}
        self.server = None

    def start(self):
        """What it says on its standard output, until it says it is up."""
        log = os.path.join(self.folder, "server.log")
        with open(log, "w") as errors:
            self.server = subprocess.Popen([MICRO, "server", "--base-port", "0"], env=dict(os.environ, **self.env, **self.more),
                                           stdout=subprocess.PIPE, stderr=errors, text=True)
        said = []
        for line in self.server.stdout:
            said.append(line)
            if line.startswith("micro is up"):
                return "".join(said)
        with open(log) as errors:
            raise RuntimeError(f"the server did not come up, exit {self.server.wait(LONG)}: {errors.read()[-4000:]}")

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(LONG)
            except subprocess.TimeoutExpired:
                self.server.kill()

    def status(self):
        with open(os.path.join(self.data, "run", "status.json")) as f:
            return json.load(f)

    def secret(self):
        with open(os.path.join(self.data, "auth", "admin.secret")) as f:
            return f.read().strip()

    def __call__(self, *arguments, folder=None, input=None, environment=None, timeout=LONG):
        done = subprocess.run([MICRO, *arguments], cwd=folder or self.folder, timeout=timeout, input=input or "",
                              env={**os.environ, **self.env, **(environment or {})}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace")
        return done.returncode, done.stdout, done.stderr

    def expect(self, name, arguments, code=0, out=None, err=None, **more):
        """`out` and `err`: the whole text, or a compiled expression that must be found."""
        got = self(*arguments, **more)

        def fits(text, wanted):
            return wanted is None or (bool(wanted.search(text)) if isinstance(wanted, re.Pattern) else text == wanted)

        check(got[0] == code and fits(got[1], out) and fits(got[2], err), name,
              f"micro {' '.join(arguments)}: exit {got[0]}, wanted {code}\nout: {got[1]!r}\nerr: {got[2]!r}")
        return got[1]

    def until(self, name, arguments, wanted, **more):
        end = time.monotonic() + LONG
        while True:
            got = self(*arguments, **more)
            if wanted(got) or time.monotonic() > end:
                break
            time.sleep(0.1)
        check(wanted(got), name, f"micro {' '.join(arguments)}: exit {got[0]}\nout: {got[1]!r}\nerr: {got[2]!r}")


def rx(text):
    return re.compile(text, re.M)


def wrong_commands(m):
    m.expect("no command", [], 2, "", rx(r"\ANo command\n"))
    m.expect("unknown command", ["foobar"], 2, "",
             rx(r"\AUnrecognized micro command: foobar\. Please refer to 'micro --help'\n"))
    m.expect("unknown command near one", ["statsu"], 2, "", rx(r'Did you mean "status"\?'))
    m.expect("unknown subcommand", ["config", "foobar"], 2, "",
             rx(r"\AUnrecognized subcommand for micro config: foobar\. Please refer to 'micro config --help'\n"))
    m.expect("no subcommand", ["config"], 2, "",
             "No command provided to micro config. Please refer to 'micro config --help'\n")
    m.expect("unknown option", ["services", "--ouput", "json"], 2, "", rx("unknown option|Unknown option --ouput; did you mean --output"))
    m.expect("too few words", ["call", "x"], 2, "", rx(r"\AExpected SERVICE ENDPOINT"))
    m.expect("the help teaches", ["--help"], 0, rx(r"micro new greeter"))
    m.expect("a group's help", ["auth", "list", "--help"], 0, rx(r"rules"))
    for shell in ("bash", "zsh", "fish"):
        m.expect(f"completion {shell}", ["completion", shell], 0, rx(r"snapshot"))
    m.expect("completion of no shell", ["completion", "csh"], 2, "", rx("Expected one of bash, zsh, fish"))
    completion(m)
    for option in ("--version", "-v"):
        m.expect(f"micro {option}", [option], 0, rx(r"\Amicro \d+\.\d+\.\d+\n\Z"))
    m.expect("a component's help", ["service", "proxy", "--help"], 0,
             rx(r"\ARun the component proxy(.|\n)*--base-port(.|\n)*MICRO_PROXY_OPTION:\n(.|\n)*--tls-cert-file\n"))
    m.expect("a component named as v3 does it", ["service", "--name", "store", "--help"], 0, rx(r"\ARun the component store"))
    m.expect("and so", ["service", "--name=store", "--base-port", "x"], 2, "", rx("base-port"))
    m.expect("the help of no component", ["service", "nope", "--help"], 2, "", rx('There is no component "nope"; there are: registry, '))
    m.expect("no component", ["service", "nope"], 2, "", rx('There is no component "nope"; there are: registry, .*, web'))
    wrong_wrappers(m)
    m.expect("a folder that is none, as it was written", ["run", "nosuchdir"], 3, "", rx(r"^\W?nosuchdir\W? is neither"))


def wrong_wrappers(m):
    """What `micro service --endpoint`, `init`, `server` and `web` refuse, before anything is started."""
    for words, message in ((["service"], "A component's name is needed"), (["service", "--name", "x"], 'There is no component "x"; to make something'),
                           (["service", "--endpoint", "http://h:1"], "--name NAME is needed"),
                           (["service", "--name", "store", "--endpoint", "http://h:1"], "is a component of micro"),
                           (["service", "--name", "a b", "--endpoint", "http://h:1"], "is no name for a service"),
                           (["service", "--name", "x", "--endpoint", "ftp://h:1"], "begins with none of http://"),
                           (["service", "--name", "x", "--endpoint", "http://h:port"], "has a port that is no number"),
                           (["service", "--name", "x", "--endpoint", "grpc://h"], "lacks the port"),
                           (["service", "--name", "x", "--endpoint", "exec://"], "names no program"),
                           (["service", "--name", "x", "--endpoint", "http://h:1", "--metadata", "a"], "is not written KEY=VALUE"),
                           (["service", "--name", "x", "--endpoint", "http://h:1", "--address", "h"], "is not written HOST:PORT"),
                           (["service", "--name", "x", "--endpoint", "http://h:1", "--timeout", "0"], "must be more than 0"),
                           (["service", "--name", "x", "--endpoint", "http://h:1", "--descriptors", "/x"], "is for an endpoint grpc://"),
                           (["service", "--name", "x", "--endpoint", "grpc://h:1", "--descriptors", "/nope"], "/nope: there is no such file"),
                           (["init"], "Say which: --profile"), (["init", "--profile", "kubernetes"], 'There is no profile "kubernetes"'),
                           (["init", "--package", "p"], "Go packages cannot"), (["server", "--image", "i"], "run from no image"),
                           (["server", "--address", "h"], "is not written HOST:PORT"), (["server", "--address", "h:81"], "must be above 81"),
                           (["server", "--address", "h:9081", "--base-port", "8500"], "it says base port 9000"),
                           (["web", "--api_address", "ftp://x"], "api-address"), (["web", "--web_address", "nowhere"], "is not written HOST:PORT"),
                           (["run"], "Expected SOURCE"), (["kill"], "Expected NAME"),
                           (["run", "--watch_delay", "soon", "."], "--watch_delay"), (["run", "--watch_delay", "0", "."], "--watch_delay")):
        m.expect(f"refused: micro {' '.join(words)}", words, 2, "", re.compile(re.escape(message), re.I))
    m.expect("to be wrapped, and no server", ["service", "--name", "x", "--endpoint", "http://h:1"], 4, "", rx("No micro server runs"))
    file = os.path.join(m.folder, "micro.env")
    m.expect("micro init", ["init", "--profile", "server,service", "--output", file], 0, "")
    read = subprocess.run(["sh", "-c", f'set -a; . "{file}"; echo "$MICRO_DATA_DIR $MICRO_PROFILE"'], stdout=subprocess.PIPE, text=True)
    check(read.stdout == f"{m.data} service\n", "a shell reads what micro init wrote", read.stdout)
    m.expect("it is not written over", ["init", "--profile", "client", "--output", file], 1, "", rx("already exists"))
    m.expect("to standard output", ["init", "--profile", "client"], 0, rx(rf"^MICRO_DATA_DIR={re.escape(m.data)}$"))
    other = os.path.join(m.folder, "other.json")
    m.expect("another file of settings", ["-c", other, "env", "add", "far", "host:1"], 0, "")
    m.expect("has what was put there", ["-c", other, "env"], 0, rx("^   far +host:1$"))
    m.expect("the usual one has not", ["env"], 0, re.compile(r"\A((?!far)(.|\n))*\Z"))
    m.expect("it may come from the environment", ["env"], 0, rx("^   far "), environment={"MICRO_CONFIG_FILE": other})


# The shells' own functions are replaced by ones that print what is offered: no terminal is needed.
SHELLS = {
    "bash": ["bash", "--norc", "-c", "source $0; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _micro_complete; "
             "printf '%s\\n' \"${COMPREPLY[@]}\""],
    "zsh": ["zsh", "-f", "-c", "compdef() { : }; compadd() { print -rl -- \"${@[2,-1]}\" }; _files() { : }; "
            "_describe() { print -rl -- \"${(@P)@[-1]}\" }; source $0; words=(\"$@\"); CURRENT=$#words; _micro_complete"],
    "fish": ["fish", "-N", "-c", "source $argv[1]; complete -C \"$argv[2..-1]\""],
}


def completion(m):
    """The scripts in the shells they are for: commands, options, and the choices of one."""
    for shell, start in SHELLS.items():
        if not shutil.which(shell):
            print(f"skipped completion in {shell}: it is not installed")
            continue
        script = os.path.join(m.folder, "completion." + shell)
        with open(script, "w") as f:
            f.write(m("completion", shell)[1])
        for words, wanted in ((["store", ""], "snapshot"), (["store", "read", "--o"], "--offset"),
                              (["store", "read", "--output", ""], "table"), (["env", "add", "--"], "--ca")):
            done = subprocess.run([*start, script, "micro", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            offered = [re.split(r"[:\t]", line)[0] for line in done.stdout.splitlines()]
            check(wanted in offered, f"{shell} offers {wanted} for micro {' '.join(words)}", done.stdout)


def without_server(m):
    m.expect("no server", ["services"], 4, "", rx(r"No micro server runs on the data directory"))
    m.expect("environments", ["env"], 0, "   NAME      ADDRESS\n*  local     n/a\n   platform  proxy.m3o.com\n")
    m.expect("add one", ["env", "add", "dev", "127.0.0.1:1"], 0, "")
    m.expect("use it", ["env", "set", "dev"], 0, "")
    m.expect("it is current", ["env", "get"], 0, "dev\n", environment={"MICRO_DATA_DIR": ""})
    m.expect("and nobody is there", ["services"], 4, "", rx("Cannot connect to registry"), environment={"MICRO_DATA_DIR": ""})
    m.expect("a flag goes before it", ["--env", "nope", "services"], 2, "",
             'Environment "nope" does not exist; there are: local, platform, dev\n')
    m.expect("no such environment", ["env", "set", "nope"], 2, "", rx('Environment "nope" does not exist; there are: '))
    m.expect("local has no address to be changed", ["env", "add", "local", "127.0.0.1:1"], 2, "", rx('"local" is the server of'))
    m.expect("local cannot go", ["env", "del", "local"], 2, "", rx('"local" is built in'))
    for address in ("", "a b", "host:", "http://host", "https://host/path", "https://"):
        m.expect(f'no address: "{address}"', ["env", "add", "bad", address], 2, "", rx("HOST:PORT"))
    m.expect("certificates without TLS", ["env", "add", "bad", "host:1", "--ca", "/dev/null"], 2, "", rx("are for TLS: https://host:1"))
    m.expect("a file that is not there", ["env", "add", "bad", "https://host:1", "--ca", "/nope"], 2, "", rx("cannot read /nope"))
    m.expect("a key without its certificate", ["env", "add", "bad", "https://host:1", "--key", "/dev/null"], 2, "", rx("belong together"))
    m.expect("remove it", ["env", "del", "dev"], 0, "")
    m.expect("the first one is current again", ["env", "get"], 0, "local\n", environment={"MICRO_DATA_DIR": ""})
    m.expect("settings", ["user", "config", "set", "git.baseurl", "github.com/joe"], 0, "")
    m.expect("a setting", ["user", "config", "get", "git.baseurl"], 0, "github.com/joe\n")
    m.expect("a setting goes", ["user", "config", "delete", "git.baseurl"], 0, "")
    m.expect("it is gone", ["user", "config", "get", "git.baseurl"], 127, "", "Not found\n")
    with open(os.path.join(m.env["MICRO_HOME"], "config.json"), "w") as f:
        f.write("{\n oops")
    m.expect("a broken config.json", ["env"], 1, "", rx(r"config\.json:2:"))
    os.remove(os.path.join(m.env["MICRO_HOME"], "config.json"))
    external = os.path.join(m.folder, "path")
    os.mkdir(external)
    with open(os.path.join(external, "micro-greet"), "w") as f:
        f.write('#!/bin/sh\necho "hello $*"\nexit 7\n')
    os.chmod(os.path.join(external, "micro-greet"), 0o755)
    m.expect("a program micro-greet on the PATH", ["greet", "a", "--b"], 7, "hello a --b\n")


def unknown_environment(m):
    """Whatever goes to a server is refused; above all what stops one."""
    server = m.status()["pid"]
    for words in (["shutdown"], ["status"], ["status", "--components"], ["health"], ["logs", "x"], ["services"], ["store", "list"],
                  ["run", "."], ["kill", "x"], ["login", "admin"], ["user"], ["helloworld"], ["greet"], ["debug", "stats", "store"],
                  ["user", "namespace", "set", "x"]):
        m.expect(f"micro -e TYPO {' '.join(words)}", ["-e", "TYPO", *words], 2, "",
                 'Environment "TYPO" does not exist; there are: local, platform\n')
    m.expect("by the environment too", ["shutdown"], 2, "", rx('"TYPO" does not exist'), environment={"MICRO_ENV": "TYPO"})
    m.expect("but it can be mended", ["-e", "TYPO", "env", "get"], 0, "TYPO\n")
    m.expect("the server still runs", ["health", "store"], 0, rx("ok"))
    check(m.status()["pid"] == server, "it is the same one")


def full_disk(m):
    """What cannot be written is a failure, however much of it there is."""
    m.expect("something to read", ["store", "write", "k", "v"], 0, "")
    for words in (["store", "read", "k"], ["services"], ["store", "list", "--json"], ["status", "--components"], ["--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([MICRO, *words], env={**os.environ, **m.env}, stdout=full, stderr=subprocess.PIPE, text=True)
        check(done.returncode == 1 and "Cannot write to standard output: No space left" in done.stderr,
              f"micro {' '.join(words)} on a full disk", f"exit {done.returncode}: {done.stderr}")
    m.expect("away with it", ["store", "delete", "k"], 0, "")
    heard = subprocess.Popen([MICRO, "broker", "subscribe", "noise"], env={**os.environ, **m.env}, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    heard.stdout.close()
    end = time.monotonic() + LONG
    while heard.poll() is None and time.monotonic() < end:
        m("broker", "publish", "noise", "hello")
    check(heard.poll() == 1 and not heard.stderr.read(), "a subscriber nobody reads ends by itself", heard.poll())
    heard.kill()
    heard.wait()
    heard.stderr.close()


def private_files(m):
    """Whatever is a key or a secret is its owner's alone; so is the folder all of it lies in."""
    for path in ("", "auth", "config", "keys", "network", "run"):
        mode = os.stat(os.path.join(m.data, path)).st_mode & 0o777
        check(mode == 0o700, f"the folder {path or 'of the data'} is ours alone", oct(mode))
    for path in ("auth/admin.secret", "auth/keys.json", "config/secret.key", "config/secret.check", "keys/private.pem",
                 "network/token", "runtime/secret.key"):
        mode = os.stat(os.path.join(m.data, path)).st_mode & 0o777
        check(mode == 0o600, f"{path} is ours alone", oct(mode))


def logins(m, secret):
    m.expect("not logged in", ["store", "list"], 2, "", rx("Log in first: micro login"))
    m.expect("wrong password", ["login", "--username", "admin", "--password", "wrong"], 127, "", rx("Secret not correct"))
    m.expect("login", ["login", "--username", "admin", "--password", secret], 0, "Successfully logged in.\n")
    m.expect("logout", ["logout"], 0, "Successfully logged out.\n")
    m.expect("login by prompt", ["login", "admin"], 0, "Successfully logged in.\n", input=secret + "\n")
    m.expect("user", ["user"], 0, rx(r"\Auser: admin\nnamespace: micro\nenvironment: local\ngit.credentials: n/a\n"))
    m.expect("user token", ["user", "token"], 0, rx(r"\A[\w-]+\.[\w-]+\.[\w-]+\n\Z"))
    mode = os.stat(os.path.join(m.env["MICRO_HOME"], "tokens")).st_mode & 0o777
    check(mode == 0o600, "tokens are ours alone", oct(mode))


def renewal(m):
    """A token about to expire is exchanged for a fresh one by itself."""
    file = os.path.join(m.env["MICRO_HOME"], "tokens")
    with open(file) as f:
        lines = f.read().splitlines()
    head, coded = lines[-1].rsplit(":", 1)
    token = json.loads(base64.b64decode(coded))
    old = token["access_token"]
    token["expiry"] = str(int(time.time()) + 5)
    with open(file, "w") as f:
        f.write("\n".join(lines[:-1] + [head + ":" + base64.b64encode(json.dumps(token).encode()).decode()]) + "\n")
    time.sleep(1.1)  # a token signed within the same second could be the same
    fresh = m.expect("a token about to expire is renewed", ["user", "token"], 0, rx(r"\A\S+\n\Z")).strip()
    check(fresh != old, "it is another one", fresh)
    m.expect("the new one is kept", ["user", "token"], 0, fresh + "\n")


def namespaces(m):
    """Two namespaces: the first one's administrator makes an account in the other, which sees nothing of the first."""
    other = {"MICRO_HOME": os.path.join(m.folder, "home3")}
    m.expect("config in the first", ["config", "set", "somekey", "val1"], 0, "")
    m.expect("an account elsewhere", ["--namespace", "elsewhere", "auth", "create", "account", "--secret=pw",
                                      "--scopes=admin", "jo"], 0, rx('"issuer":"elsewhere"'))
    m.expect("login there", ["--namespace", "elsewhere", "login", "jo", "--password", "pw"], 0,
             "Successfully logged in.\n", environment=other)
    m.expect("stay there", ["user", "namespace", "set", "elsewhere"], 0, "", environment=other)
    m.expect("we are there", ["user", "namespace"], 0, "elsewhere\n", environment=other)
    m.expect("its config is its own", ["config", "get", "somekey"], 127, "", rx(r"\ANot found"), environment=other)
    m.expect("the other's is closed", ["--namespace", "micro", "config", "get", "somekey"], 2, "", environment=other)
    m.expect("the first still has it", ["config", "get", "somekey"], 0, "val1\n")
    m.expect("and it goes", ["config", "del", "somekey"], 0, "")


def services(m):
    listed = m.expect("services", ["services"], 0, rx(r"^helloworld$")).split()
    check(listed == sorted(listed) and COMPONENTS <= set(listed), "sorted by name", listed)
    check(json.loads(m("services", "--json")[1]) == listed, "services as JSON")
    m.expect("get service", ["get", "service", "helloworld"], 0,
             rx(r"\Aservice helloworld\n\nversion \S+\n\nID +Address +Metadata\nhelloworld-\S+ +\S+:\d+ +(.|\n)*"
                r"Endpoint: Helloworld\.Call\n\nRequest: \{\n    name string\n\}\n\nResponse: \{\n    msg string\n\}\n"))
    m.expect("get service that is none", ["get", "service", "nope"], 4, "", "Service not found: nope\n")
    m.expect("a service that says so of another", ["call", "registry", "Registry.GetService", '{"service":"nope"}'], 127, "",
             "Service not found\n")
    m.expect("call", ["call", "helloworld", "Helloworld.Call", '{"name":"Joe"}'], 0, '{\n\t"msg": "Hello Joe"\n}\n')
    m.expect("call raw", ["call", "-o", "raw", "helloworld", "Helloworld.Call", '{"name":"Joe"}'], 0, '{"msg":"Hello Joe"}\n')
    m.expect("call no service", ["call", "nope", "Nope.Call"], 4, "", rx("Service not found: nope"))
    m.expect("call no method", ["call", "helloworld", "Helloworld.Nope"], 5, "", rx("Method not found"))
    m.expect("call badly", ["call", "helloworld", "Helloworld.Call", "{"], 3, "", rx("Malformed request: 1:1"))
    m.expect("call a malformed endpoint", ["call", "helloworld", "Call"], 3, "", rx("Malformed endpoint"))
    m.expect("call without time", ["call", "-t", "1ns", "helloworld", "Helloworld.Call"], 1, "", "Request timed out\n")
    m.expect("stream", ["stream", "-o", "raw", "helloworld", "Helloworld.Stream", '{"count":2}'], 0,
             '{"count":"0"}\n{"count":"1"}\n')
    m.expect("a service as a command", ["helloworld", "--name=Joe"], 0, '{\n\t"msg": "Hello Joe"\n}\n')
    m.expect("its endpoint", ["helloworld", "call", "--name", "Joe"], 0, '{\n\t"msg": "Hello Joe"\n}\n')
    m.expect("its stream", ["helloworld", "stream", "--count=1"], 0, '{\n\t"count": "0"\n}\n')
    m.expect("its help", ["helloworld", "--help"], 0, rx(r"Helloworld\.Call\n    --name +string\n  Helloworld\.Stream \(streams\)"))
    m.expect("a misspelt flag", ["helloworld", "--nam=Joe"], 2, "", "Unknown flag --nam; did you mean --name?\n")
    m.expect("an endpoint that is none", ["helloworld", "nope"], 5, "", rx(r"Method not found: .*Helloworld\.Stream"))
    m.expect("a flag of the wrong type", ["helloworld", "stream", "--count=x"], 2, "", rx('--count: "x" is not a whole number'))
    m.expect("debug health", ["debug", "health", "store"], 0, rx(r"\Aservice  store\nversion  \S+\n\nNODE +ADDRESS:PORT +STATUS\nstore-\S+ +\S+ +ok\n"))
    m.expect("debug stats", ["debug", "stats", "store"], 0, rx(r"^NODE +ADDRESS:PORT +STARTED +UPTIME +MEMORY +THREADS +GC$"))
    m.expect("more of it", ["debug", "stats", "-v", "store"], 0, rx(r"^NODE .* GC +CPU +REQUESTS +ERRORS$"))
    own = m.expect("stats of micro's own", ["debug", "stats", "--all", "builtin"], 0, rx(r"^service  store$"))
    check("service  helloworld" not in own, "which helloworld is not", own)
    rest = m.expect("stats of the rest", ["debug", "stats", "--all=custom"], 0, rx(r"\Aservice  helloworld$"))
    check("service  store" not in rest, "which store is not", rest)
    m.expect("stats of nothing", ["debug", "stats"], 2, "", rx("Expected SERVICE, or --all"))
    m.expect("stats of both", ["debug", "stats", "--all", "custom", "store"], 2, "", rx("not both"))
    m.expect("debug log", ["debug", "log", "store"], 0, rx("listening on"))
    m.expect("components", ["status", "--components"], 0, rx(r"\ANAME +STATE +PID +UPTIME +RESTARTS +MEMORY +ADDRESS\n(.*\n)*store +running "))
    m.expect("health", ["health", "store"], 0, rx(r"\Astore +ok\n\Z"))


def store(m):
    m.expect("read what is not there", ["store", "read", "somekey"], 127, "", "Not found\n")
    for n in range(1, 4):
        m.expect(f"write {n}", ["store", "write", f"somekey{n}", f"val{n}"], 0, "")
    m.expect("read", ["store", "read", "somekey1"], 0, "val1\n")
    m.expect("a prefix is no key", ["store", "read", "somekey"], 127, "", "Not found\n")
    m.expect("read by prefix", ["store", "read", "--prefix", "somekey"], 0, "val1\nval2\nval3\n")
    m.expect("limit and offset", ["store", "read", "-p", "-l", "1", "-o", "1", "somekey"], 0, "val2\n")
    m.expect("offset alone", ["store", "read", "--prefix", "--offset", "2", "somekey"], 0, "val3\n")
    m.expect("verbose", ["store", "read", "-v", "somekey1"], 0, "KEY       VALUE  EXPIRY\nsomekey1  val1   none\n")
    m.expect("list", ["store", "list", "--prefix", "somekey"], 0, "somekey1\nsomekey2\nsomekey3\n")
    m.expect("list as JSON", ["store", "list", "--json", "-l", "1", "--prefix", "somekey"], 0, '[\n\t"somekey1"\n]\n')
    m.expect("databases", ["store", "databases"], 0, rx("^micro$"))
    m.expect("tables", ["store", "tables"], 0, rx("^micro$"))
    m.expect("write elsewhere", ["store", "write", "-d", "other", "-t", "things", "-e", "1h", "k", "v"], 0, "")
    place = os.path.join(m.folder, "snapshot")
    m.expect("snapshot", ["store", "snapshot", "--destination", "file://" + place], 0, rx(r"\A\d+ records in "))
    no_text = os.fsdecode(b"\xff")
    for command in (["delete", "-t", no_text, "somekey1"], ["delete", "-d", no_text, "somekey1"],
                    ["read", "-t", no_text, "somekey1"], ["list", "-t", no_text]):
        m.expect(f"store {command[0]} {command[1]} of what is no text", ["store", *command], MALFORMED, "",
                 rx("not valid UTF-8"))
    m.expect("it is there", ["store", "read", "somekey1"], 0, "val1\n")
    m.expect("delete", ["store", "delete", "somekey1"], 0, "")
    m.expect("it is gone", ["store", "read", "somekey1"], 127, "", "Not found\n")
    m.expect("restore", ["store", "restore", "--source", "file://" + place], 0, rx(r"\A\d+ records restored\n"))
    m.expect("it is back", ["store", "read", "somekey1"], 0, "val1\n")
    m.expect("a rule made since", ["auth", "create", "rule", "--resource=service:notes:*", "since"], 0, "Rule created\n")
    said = m("store", "restore", "--source", "file://" + place)[2]
    check(re.search(r"\ALeft out: \d+ records of micro's own tables \(.*\bauth\b.*\); --all takes them too\.\n\Z", said),
          "micro's own tables are left out", said)
    m.expect("the rule is there", ["auth", "delete", "rule", "since"], 0, "Rule deleted\n")
    m.expect("so is what expires", ["store", "read", "-v", "-d", "other", "-t", "things", "k"], 0, rx(r"^k +v +(1h|\d+m)"))
    file = os.path.join(place, "store.snapshot")
    check(os.stat(file).st_mode & 0o777 == 0o600, "a snapshot is ours alone")
    with open(file) as f:
        lines = f.readlines()
    for name, changed, message in [
            ("changed", [line.replace("somekey2", "somekey9") for line in lines], "checksum is wrong"),
            ("cut in a line", lines[:-1] + [lines[-1][:-5]], "the file was cut"),
            ("cut between lines", lines[:-1], "the file was cut"),
            ("with a line too few", lines[:2] + lines[3:], "number of records is another"),
            ("something else", ['{"a":1}\n'], "no snapshot")]:
        with open(file, "w") as f:
            f.writelines(changed)
        m.expect(f"a snapshot {name}", ["store", "restore", "--source", "file://" + place], 3, "", rx(message))
    m.expect("nothing of it was written", ["store", "list", "--prefix", "somekey"], 0, "somekey1\nsomekey2\nsomekey3\n")


def config(m):
    m.expect("config of nothing", ["config", "get", "somekey"], 127, "", rx(r"\ANot found"))
    m.expect("config set", ["config", "set", "somekey", "val1"], 0, "")
    m.expect("config get", ["config", "get", "somekey"], 0, "val1\n")
    m.expect("config merges", ["config", "set", "a", '{"b":1}'], 0, "")
    m.expect("config merges more", ["config", "set", "a.c", "<&>"], 0, "")
    m.expect("config of a map", ["config", "get", "a"], 0, '{"b":1,"c":"<&>"}\n')
    m.expect("config of all", ["config", "get", "--all"], 0, rx(r'"somekey":"val1"'))
    m.expect("secret", ["config", "set", "--secret", "s", "top"], 0, "")
    m.expect("secret hidden", ["config", "get", "s"], 0, "[secret]\n")
    m.expect("secret shown", ["config", "get", "--secret", "s"], 0, "top\n")
    m.expect("config del", ["config", "del", "somekey"], 0, "")
    m.expect("config gone", ["config", "get", "somekey"], 127, "", "Not found\n")


def auth(m):
    made = m.expect("create account", ["auth", "create", "account", "--secret=pw1", "--scopes=admin", "me"], 0,
                    rx(r"\AAccount created: \{"))
    check(json.loads(made.split(": ", 1)[1])["scopes"] == ["admin"], "its scopes", made)
    m.expect("list accounts", ["auth", "list", "accounts"], 0, rx(r"\AID +Name +Scopes +Metadata\n(.*\n)*me +\S+ +admin +n/a\n"))
    for named in ("--secret", "--name", "--type", "--scopes"):
        m.expect(f"an account's {named} that is no text", ["auth", "create", "account", named, os.fsdecode(b"a\xff"), "halves"],
                 MALFORMED, "", rx("not valid UTF-8"))
    check("halves" not in m("auth", "list", "accounts")[1], "none of them was made")
    for resource in ("bad", "service:notes", ":notes:*", "service::x", "service:notes:", "a:b:c:d", "a b:c:d", ""):
        m.expect(f'a rule about "{resource}"', ["auth", "create", "rule", "--resource", resource, "open"], 2, "",
                 rx("not what a rule can be about: --resource TYPE:NAME:ENDPOINT(.|\n)*service:notes:Notes.Read"))
    m.expect("a rule about nothing", ["auth", "create", "rule", "open"], 2, "", rx("What the rule is about is missing: --resource"))
    check("open" not in m("auth", "list", "rules")[1], "none of them was made")
    m.expect("create rule", ["auth", "create", "rule", "--scope=*", "--resource=service:notes:*", "--priority=5", "r"], 0, "Rule created\n")
    m.expect("list rules", ["auth", "list", "rules"], 0, rx(r"\AID +Scope +Access +Resource +Priority\n(.*\n)*r +\* +GRANTED +service:notes:\* +5\n"))
    m.expect("delete rule", ["auth", "delete", "rule", "r"], 0, "Rule deleted\n")
    m.expect("create token", ["auth", "create", "token", "--id=me", "--secret=pw1", "--expiry=1h"], 0, rx(r'\AToken created: \{"access_token":"'))
    m.expect("update secret", ["auth", "update", "secret", "--id=me", "--old_secret=pw1", "--new_secret=pw2"], 0, "Account updated\n")
    m.expect("the old secret is no good", ["auth", "create", "token", "--id=me", "--secret=pw1"], 127, "", rx("Secret not correct"))
    other = {"MICRO_HOME": os.path.join(m.folder, "home2")}
    m.expect("login as another", ["login", "me", "--password", "pw2"], 0, "Successfully logged in.\n", environment=other)
    m.expect("change the password", ["user", "set", "password", "--old-password", "pw2", "--new-password", "pw3"], 0,
             rx("Password updated"), environment=other)
    m.expect("delete account", ["auth", "delete", "account", "me"], 0, "Account deleted\n")
    m.expect("an admin's old password must be right too",
             ["user", "set", "password", "--old-password", "wrong", "--new-password", "other"], 127, "", rx("Secret not correct"))
    m.expect("so it is still this", ["login", "admin"], 0, "Successfully logged in.\n", input=m.secret() + "\n")


def topics(m):
    m.expect("publish an event", ["events", "publish", "orders", '{"id":7}'], 0, "")
    m.expect("read events", ["events", "read", "orders"], 0, '{"id":7}\n')
    m.expect("consume events", ["events", "consume", "--offset=1h", "--count=1", "orders"], 0, '{"id":7}\n')
    m.expect("an event that is no JSON", ["events", "publish", "orders", "{"], 3, "", rx("The event is not JSON: 1:1"))
    heard = subprocess.Popen([MICRO, "broker", "subscribe", "--count=1", "-o", "json", "news"],
                             env=dict(os.environ, **m.env), stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + LONG
    while heard.poll() is None and time.monotonic() < end:
        m("broker", "publish", "-m", "a=b", "news", "hello")
        time.sleep(0.1)
    check('"body":"hello"' in heard.communicate(timeout=LONG)[0], "broker: a subscriber hears a message")
    m.expect("network nodes", ["network", "nodes"], 0, rx(r"\AID +ADDRESS +NETWORK\n"))
    m.expect("network routes", ["network", "routes", "--service=store"], 0, rx(r"\ASERVICE +ADDRESS (.|\n)*^store "))
    m.expect("network services", ["network", "services"], 0, rx("^store$"))
    base = m.status()["base_port"]
    m.expect("an environment behind a proxy", ["env", "add", "px", f"127.0.0.1:{base + 81}"], 0, "")
    m.expect("login there", ["--env", "px", "login", "admin"], 0, "Successfully logged in.\n", input=m.secret())
    m.expect("a call there", ["--env", "px", "helloworld", "--name=px"], 0, '{\n\t"msg": "Hello px"\n}\n')
    m.expect("its components are not seen", ["--env", "px", "status", "--components"], 4, "", rx("cannot be seen from here"))


def requests(m):
    """How many calls each node of my-greeter has had, by its address."""
    said = json.loads(m("debug", "stats", "--json", "my-greeter")[1] or "[]")
    return {node["address"]: int(node["requests"]) for version in said for node in version["nodes"] if "requests" in node}


CALLS = 30
GREET = ["my-greeter", "--name=Joe"]


def calls_fail(m):
    return [got for got in (m(*GREET) for _ in range(CALLS)) if got[0] != 0]


def until_nodes(m, name, wanted):
    """Until the nodes that answer are what is wanted; their addresses."""
    end = time.monotonic() + LONG
    while not wanted(found := set(requests(m))) and time.monotonic() < end:
        time.sleep(0.1)
    check(wanted(found), name, found)
    return found


def nodes(m):
    """Calls are shared by a service's nodes."""
    old = until_nodes(m, "one of it", lambda found: len(found) == 1)
    m.expect("three of it", ["update", "--instances", "3", "--metadata", "team=a", "my-greeter"], 0, "")
    # The new ones come one after the other, and the old one goes when all of them are there.
    until_nodes(m, "three others take over", lambda found: len(found) == 3 and not found & old)
    # The registry knows them, the proxy hears of it a moment later, and begins its turns anew whenever it hears something.
    end = time.monotonic() + LONG
    shared = False
    while not shared and time.monotonic() < end:
        before = requests(m)
        failed = calls_fail(m)
        after = requests(m)
        shares = [after[node] - count for node, count in before.items() if node in after]
        shared = len(shares) == 3 and min(shares) > CALLS // 3  # being asked for its figures is a call as well
    check(not failed, f"{CALLS} calls of three nodes", failed)
    check(shared, "each node gets its share of the calls", (before, after))


def runtime_killed(m, source):
    """The nodes that die with the runtime stay in the registry until their time to live is over; nobody calls them."""
    m.expect("run it again", ["run", "."], 0, "", folder=source)
    m.until("it answers again", GREET, lambda got: got[0] == 0)
    node = until_nodes(m, "one node of it", lambda found: len(found) == 1)
    runtime = [c["pid"] for c in m.status()["components"] if c["name"] == "runtime"][0]
    killed = time.monotonic()
    os.kill(runtime, signal.SIGKILL)
    another = until_nodes(m, "the runtime was killed: another node of its service", lambda found: len(found) == 1 and found != node)
    m.until("which answers", GREET, lambda got: got[0] == 0)
    failed = calls_fail(m)
    check(not failed, "and goes on answering", failed)
    listed = {n["address"] for v in json.loads(m("get", "service", "--json", "my-greeter")[1]) for n in v["nodes"]}
    # It registered for 90 s, at the latest 30 s before it was killed.
    check(listed == node | another or time.monotonic() - killed > 50, "though the registry still has the dead node", (node, listed))
    m.expect("kill it", ["kill", "my-greeter"], 0, "")


def certificate(folder):
    """A certificate for 127.0.0.1 that signed itself, and its key."""
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                           "2", "-subj", "/CN=micro", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out",
                           "tls.pem"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(made.returncode == 0, "a certificate is made", made.stdout)
    return os.path.join(folder, "tls.pem"), os.path.join(folder, "tls.key")


def neighbour(m):
    """A second micro: a peer of the first one, behind a door with TLS, restarted on other ports, the target of a sync."""
    folder = os.path.join(m.folder, "neighbour")
    os.mkdir(folder)
    cert, key = certificate(folder)
    with open(os.path.join(m.data, "network", "token")) as f:
        token = f.read().strip()
    other = Cli(folder, MICRO_PROXY_TLS_CERT_FILE=cert, MICRO_PROXY_TLS_KEY_FILE=key, MICRO_NETWORK_NETWORK_TOKEN=token)
    try:
        other.start()
        peers(m, other)
        secure(m, other, cert)
        sync(m, other)
        before = other.status()["base_port"]
        while other.status()["base_port"] == before:
            other.stop()
            other.start()
        other.expect("a login outlives a change of ports", ["user"], 0, rx(r"\Auser: admin\n"))
        other.expect("env tells where it is", ["env"], 0, rx(rf"^\*  local +127\.0\.0\.1:{other.status()['base_port'] + 81}$"))
        other.expect("it stops", ["shutdown"], 0, "")
    finally:
        other.stop()


def peers(m, other):
    """What only a peer runs is called there; its flags are known to the peer's registry alone."""
    other.expect("login at the neighbour", ["login", "admin"], 0, "Successfully logged in.\n", input=other.secret() + "\n")
    other.expect("peers", ["network", "connect", f"127.0.0.1:{m.status()['base_port'] + 85}"], 0)
    other.until("their services are known", ["network", "services"], lambda got: "my-greeter" in got[1].split())
    other.expect("but not their flags", ["my-greeter", "--name=Joe"], 5, "",
                 rx(r"^my-greeter runs at a peer of the network(.|\n)*micro call my-greeter ENDPOINT JSON"))
    with open(os.path.join(m.folder, "my-greeter", "my-greeter.proto")) as f:
        service = re.search(r"^service (\w+)", f.read(), re.M).group(1)
    # The peer does not know the key our token is signed with: nobody calls.
    nobody = {"MICRO_HOME": os.path.join(m.folder, "home4")}
    other.until("a call goes there", ["call", "-o", "raw", "my-greeter", service + ".Call", '{"name":"Joe"}'],
                lambda got: got[1] == '{"msg":"Hi Joe"}\n', environment=nobody)


def secure(m, other, cert):
    """The proxy's door with TLS, which only those trust who were told to."""
    door = f"https://127.0.0.1:{other.status()['base_port'] + 84}"
    login, hello = ["login", "admin"], '{\n\t"msg": "Hello tls"\n}\n'
    m.expect("an environment behind TLS", ["env", "add", "far", door, "--ca", cert], 0, "")
    m.expect("login there", ["-e", "far", *login], 0, "Successfully logged in.\n", input=other.secret() + "\n")
    m.expect("a call there", ["-e", "far", "helloworld", "--name=tls"], 0, hello)
    m.expect("it is listed", ["env"], 0, rx(rf"^   far +{re.escape(door)}$"))
    m.expect("without the CA", ["--proxy_address", door, *login], 4, "", rx("certificate"), input=other.secret() + "\n")
    m.expect("without TLS", ["--proxy_address", door.replace("https", "http"), *login], 4, "", input=other.secret() + "\n")
    plain = f"http://127.0.0.1:{other.status()['base_port'] + 81}"
    m.expect("the plain door", ["--proxy_address", plain, *login], 0, "Successfully logged in.\n", input=other.secret() + "\n")
    m.expect("where the login is another one", ["--proxy_address", plain, "helloworld", "--name=tls"], 0, hello)
    m.expect("at another address", ["env", "add", "far", door.replace("127.0.0.1", "127.1"), "--ca", cert], 0, "")
    m.expect("nobody is logged in any more", ["-e", "far", "user"], 0, rx(r"\Auser: not logged in\n"))
    m.expect("nor does the certificate fit", ["-e", "far", "services"], 4, "", rx("certificate"))
    m.expect("back again", ["env", "add", "far", door, "--ca", cert], 0, "")
    m.expect("so another login", ["-e", "far", *login], 0, "Successfully logged in.\n", input=other.secret() + "\n")


def sync(m, other):
    """Records go to another micro, which stays its own."""
    m.expect("something of a user's", ["store", "write", "carried", "over"], 0, "")
    m.expect("a rule of ours", ["auth", "create", "rule", "--resource=service:notes:*", "ours"], 0, "Rule created\n")
    m.expect("to nowhere", ["store", "sync", "--to", "nope"], 2, "", rx('"nope" does not exist'))
    m.expect("sync", ["store", "sync", "--to", "far"], 0, rx(r"\A\d+ records copied to far\n"),
             rx(r"\ALeft out: \d+ records of micro's own tables \(.*\bauth\b.*\); --all takes them too\.\n\Z"))
    other.expect("it is there", ["store", "read", "carried"], 0, "over\n")
    there = json.loads(other("store", "list", "--json", "-d", "micro", "-t", "auth", "-l", "10000")[1])
    check(there and not [key for key in there if "ours" in key], "nothing of our accounts and rules", there)
    place = "file://" + os.path.join(other.folder, "snapshot")
    other.expect("a snapshot there", ["store", "snapshot", "--destination", place], 0)
    other.expect("restored with all", ["store", "restore", "--all", "--source", place], 0, rx(r"\A\d+ records restored\n"),
                 rx(r"\AMicro's own tables were written: restart the server of local now"))
    m.expect("away with it", ["auth", "delete", "rule", "ours"], 0, "Rule deleted\n")
    m.expect("and with that", ["store", "delete", "carried"], 0, "")


SERVER = """
import http.server, json, socket, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/Fail"):
            self.send_response(404); self.end_headers(); self.wfile.write(b"no such thing"); return
        out = json.dumps({"path": self.path, "got": json.loads(body)}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(out))); self.end_headers(); self.wfile.write(out)
    def log_message(self, *_): pass
class Server(http.server.HTTPServer):
    def server_bind(self): # beside who keeps the port for us
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        socketserver.TCPServer.server_bind(self)
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
print("backend is up", flush=True)
server.serve_forever()
"""


class Wrapper:
    """`micro service --endpoint ...` until the block ends."""

    def __init__(self, m, *words):
        self.m, self.words = m, words

    def __enter__(self):
        self.process = subprocess.Popen([MICRO, "service", *self.words], env={**os.environ, **self.m.env}, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.said = ""
        while "Serving " not in self.said and self.process.poll() is None:
            self.said += self.process.stdout.readline()
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=LONG)[0]
        return self.process.returncode

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def fetch(address, path, headers=None, body=None, method=None):
    """Status, headers and text; nothing is followed."""
    connection = http.client.HTTPConnection(address, timeout=LONG)
    try:
        connection.request(method or ("POST" if body is not None else "GET"), path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")
    finally:
        connection.close()


def gateway(m):
    with open(os.path.join(m.data, "run", "api.http")) as f:
        return f.read().strip()


def fetched(m, path, **more):
    """From the gateway, which hears of a new service a moment after the registry."""
    end = time.monotonic() + LONG
    while (got := fetch(gateway(m), path, **more))[0] != 200 and time.monotonic() < end:
        time.sleep(0.05)
    return got


def wrapped(m):
    """Four kinds of things made into services, and nothing of them left behind."""
    with open(os.path.join(m.folder, "server.py"), "w") as f:
        f.write(SERVER)
    kept = kept_port()
    port = kept.getsockname()[1]
    m.expect("nobody wraps without a login", ["service", "--name", "x", "--endpoint", "exec://cat"], 2, "", rx("Log in first"),
             environment={"MICRO_HOME": os.path.join(m.folder, "home5")})
    with Wrapper(m, "--name", "wrapped", "--endpoint", f"http://127.0.0.1:{port}/base", "--metadata", "owner=joe", "--",
                 sys.executable, os.path.join(m.folder, "server.py"), str(port)) as w:
        m.until("http: it answers", ["call", "-o", "raw", "wrapped", "Wrapped.Hello", '{"a":1}'],
                lambda got: got[1] == '{"path": "/base/Wrapped/Hello", "got": {"a": 1}}\n')
        m.expect("http: its error", ["call", "wrapped", "Wrapped.Fail"], 127, "", "No such thing\n")
        m.expect("http: it is listed", ["services"], 0, rx("^wrapped$"))
        m.expect("http: its metadata", ["get", "service", "wrapped"], 0, rx("owner=joe"))
        got = fetched(m, "/wrapped/hello", body='{"b":2}')
        check(got[0] == 200 and '"got": {"b": 2}' in got[2], "http: the gateway leads there", got)
        m.expect("http: its account", ["auth", "list", "accounts"], 0, rx(r"^wrapped-wrapper-\w+ "))
        check(w.end() == 0 and "backend is up" in w.said, "http: it ends when told, with what it started", w.said)
        m.until("http: nobody answers any more", ["call", "wrapped", "Wrapped.Hello"], lambda got: got[0] == 4 and "not found" in got[2])
    kept.close()
    with Wrapper(m, "--name", "upper", "--endpoint", "exec://tr a-z A-Z") as w:
        m.until("exec: it answers", ["call", "-o", "raw", "upper", "Upper.Run", '{"a":"b"}'], lambda got: got[1] == '{"A":"B"}\n')
        check(w.end(signal.SIGINT) == 0, "exec: Ctrl-C ends it", w.said)
    site = os.path.join(m.folder, "site")
    os.makedirs(os.path.join(site, "sub"))
    for name, text in (("index.html", "<h1>top</h1>"), ("sub/a.txt", "below")):
        with open(os.path.join(site, name), "w") as f:
            f.write(text)
    os.symlink(os.path.join(m.data, "auth", "admin.secret"), os.path.join(site, "link"))
    os.symlink(m.folder, os.path.join(site, "up"))
    with Wrapper(m, "--name", "site", "--endpoint", "file://" + site) as w:
        m.until("file: it is listed", ["services"], lambda got: "site" in got[1].split())
        m.until("file: its files", ["call", "-o", "raw", "site", "BlobStore.List"], lambda got: got[1] == '{"keys":["index.html","sub/a.txt"]}\n')
        m.expect("file: one of them", ["site", "BlobStore", "Read", "--key=sub/a.txt"], 0, rx(base64.b64encode(b"below").decode()))
        m.expect("file: a link is none", ["call", "site", "BlobStore.Read", '{"key":"link"}'], 127, "", rx("There is no file"))
        m.expect("file: nor is what is outside", ["call", "site", "BlobStore.Read", '{"key":"../micro.env"}'], 127, "", rx("no name of a file"))
        fetched(m, "/site/")
        for path, status, text in (("/site/", 200, "<h1>top</h1>"), ("/site/sub/a.txt", 200, "below"), ("/site/link", 404, ""),
                                   ("/site/up/micro.env", 404, ""), ("/site/%2e%2e/micro.env", 404, ""), ("/site/..%2fmicro.env", 404, "")):
            got = fetch(gateway(m), path)
            check(got[0] == status and text in got[2], f"file: {path} is {status}", got)
        check(w.end() == 0, "file: it ends", w.said)
    with open(os.path.join(m.data, "run", "helloworld.address")) as f:
        address = f.read().strip()
    with Wrapper(m, "--name", "hello", "--endpoint", f"grpc://{address}/helloworld") as w:
        m.until("grpc: it answers", ["call", "-o", "raw", "hello", "Helloworld.Call", '{"name":"Joe"}'], lambda got: got[1] == '{"msg":"Hello Joe"}\n')
        m.expect("grpc: a stream", ["stream", "-o", "raw", "hello", "Helloworld.Stream", '{"count":2}'], 0, '{"count":"0"}\n{"count":"1"}\n')
        m.expect("grpc: its health", ["debug", "health", "hello"], 0, rx(" ok$"))
    # Ended by force above: the account is what is left, and can be removed by its name.
    left = re.findall(r"^(\S+-wrapper-\S+) ", m("auth", "list", "accounts")[1], re.M)
    check(len(left) == 1 and left[0].startswith("hello-"), "accounts go with their wrappers", left)
    m.expect("and what a kill left goes by hand", ["auth", "delete", "account", *left], 0, "Account deleted\n")
    with Wrapper(m, "--name", "short", "--endpoint", "exec://cat", "--", "sh", "-c", "sleep 0.3; exit 7") as w:
        w.said += w.process.communicate(timeout=LONG)[0]
        check(w.process.returncode == 1 and "sh: exited with code 7" in w.said.lower(), "it ends with its command", w.said)


def wrapped_by_runtime(m):
    """The runtime keeps a wrapper running like any service; its account is the service's."""
    source = os.path.join(m.folder, "kept")
    os.mkdir(source)
    with open(os.path.join(source, "reply.sh"), "w") as f:
        f.write("#!/bin/sh\nread line\necho \"{\\\"got\\\":$line}\"\n")
    os.chmod(f.name, 0o755)
    m.expect("run a wrapper", ["run", source, "--command", f"{MICRO} service --name kept --endpoint exec://./reply.sh"], 0, "")
    m.until("it answers", ["call", "-o", "raw", "kept", "Kept.Run", "{}"], lambda got: got[1] == '{"got":{}}\n')
    m.expect("kill it", ["kill", "--name", "kept"], 0, "")


def dashboard(m):
    """micro web: pages for who is logged in, forms that only a page of its own may send."""
    with subprocess.Popen([MICRO, "web", "--web_address", "127.0.0.1:0"], env={**os.environ, **m.env}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as web:
        try:
            address = re.search(r"http://(\S+),", web.stdout.readline()).group(1)
            got = fetch(address, "/services")
            check(got[0] == 302 and got[1]["Location"] == "/login", "web: a login is needed", got)
            got = fetch(address, "/login")
            nonce = got[1]["Set-Cookie"].split(";")[0]
            token = re.search('name="csrf" value="(\\w+)"', got[2]).group(1)
            form = urllib.parse.urlencode({"csrf": token, "username": "admin", "password": m.secret()})
            check(fetch(address, "/login", {}, form)[0] == 403, "web: a form without its cookie")
            got = fetch(address, "/login", {"Cookie": nonce}, form)
            check(got[0] == 302 and "HttpOnly" in got[1]["Set-Cookie"] and "SameSite=Strict" in got[1]["Set-Cookie"], "web: login", got)
            cookies = {"Cookie": nonce + "; " + got[1]["Set-Cookie"].split(";")[0]}
            check('href="/helloworld"' in fetch(address, "/", cookies)[2], "web: the services")
            check("Helloworld.Call" in fetch(address, "/helloworld", cookies)[2], "web: a service")
            page = fetch(address, "/helloworld/Helloworld/Call", cookies)[2]
            token = re.search('name="csrf" value="(\\w+)"', page).group(1)
            got = fetch(address, "/helloworld/Helloworld/Call", cookies, urllib.parse.urlencode({"csrf": token, "f:name": "<b>"}))
            check("Hello &lt;b&gt;" in got[2] and "default-src 'none'" in got[1]["Content-Security-Policy"], "web: a call", got)
            check(fetch(address, "/nosuch", cookies)[0] == 404 and fetch(address, "/assets/web.css")[0] == 200, "web: 404, and the style")
        finally:
            web.send_signal(signal.SIGINT)
            web.wait(LONG)
        check(web.returncode == 0, "web: Ctrl-C ends it", web.returncode)


def shell(m):
    """micro cli: the same commands, a line each."""
    lines = '# a comment\n\nstore write shelled "two words"\nstore read shelled\nmicro store delete shelled\n-n nowhere config get x\nconfig get nothing\n'
    m.expect("shell: lines, the last one's exit code", ["cli"], 127, "two words\n", "Not found\nNot found\n", input=lines)
    m.expect("shell: quit", ["cli"], 0, "", "", input="quit\nnosuchcommand\n")
    m.expect("shell: exit keeps the code", ["cli"], 2, "", rx("Unrecognized micro command: nosuch"), input="nosuch\nexit\n")
    m.expect("shell: help", ["cli"], 0, rx("quit, exit or the end"), input="help\n")
    m.expect("shell: options hold for every line", ["-n", "elsewhere", "cli"], 0, "elsewhere\n", input="user namespace\n")
    m.expect("shell: not within itself", ["cli"], 2, "", rx("the shell already"), input="cli\n")
    m.expect("shell: a quote without its end", ["cli"], 2, "", input='store read "x\n')
    call = "call {} helloworld Helloworld.Call '{{\"name\":\"{}\"}}'\n"
    m.expect("shell: options do not outlive their line", ["cli"], 0, '{"msg":"Hello a"}\n{\n\t"msg": "Hello b"\n}\n',
             input=call.format("-o raw", "a") + call.format("", "b"))


def own_service(m):
    m.expect("a name that is none", ["new", "A b"], 2, "", rx("is not a name for a service"))
    m.expect("micro new", ["new", "my-greeter"], 0,
             rx(r"\ACreating service my-greeter\n\nmy-greeter\n(├── \S+\n)+└── main\.c\n\n# build it:\n#     cd my-greeter && make\n"))
    m.expect("a folder that is there", ["new", "my-greeter"], 1, "", "The folder my-greeter already exists\n")
    source = os.path.join(m.folder, "my-greeter")
    built = subprocess.run(["make"], cwd=source, env=dict(os.environ, **m.env), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    # make itself may warn, of the clock of a file system.
    check(built.returncode == 0 and ": warning: " not in built.stdout.replace("make: warning: ", ""), "it builds with make", built.stdout)
    check(os.access(os.path.join(source, "my-greeter"), os.X_OK), "there is a program")
    m.expect("micro run", ["run", "."], 0, "", folder=source)
    m.until("it is running", ["status", "my-greeter"],
            lambda got: re.search(r"\ANAME +VERSION +SOURCE +STATUS +BUILD +UPDATED +METADATA\nmy-greeter +latest +\S+ +running +\S{7} +\w+ ago +owner=admin, group=micro", got[1]))
    m.until("it answers", ["my-greeter", "--name=Joe"], lambda got: got[1] == '{\n\t"msg": "Hello Joe"\n}\n')
    m.expect("its stream", ["my-greeter", "stream", "--count=1"], 0, '{\n\t"count": "0"\n}\n')
    m.until("its logs", ["logs", "my-greeter"], lambda got: "listening on" in got[1])
    m.expect("its last line", ["logs", "-n", "1", "-o", "json", "my-greeter"], 0, rx(r'\A\{.*"message":.*\}\n\Z'))
    m.expect("run twice", ["run", "."], 127, "", rx("[Aa]lready exists"), folder=source)
    handler = os.path.join(source, "handler.c")
    with open(handler) as f:
        code = f.read()
    with open(handler, "w") as f:
        f.write(code.replace("Hello %s", "Hi %s"))
    m.expect("micro update", ["update", "my-greeter"], 0, "")
    m.until("it answers anew", ["my-greeter", "--name=Joe"], lambda got: got[1] == '{\n\t"msg": "Hi Joe"\n}\n')
    m.expect("its status by a flag", ["status", "--name", "my-greeter"], 0, rx(r"^my-greeter +latest"))
    nodes(m)
    neighbour(m)
    m.expect("micro kill", ["kill", "my-greeter"], 0, "")
    m.until("it is gone", ["status"], lambda got: got[0] == 0 and "my-greeter" not in got[1])
    m.until("it is gone from the registry", ["services"], lambda got: got[0] == 0 and "my-greeter" not in got[1])
    runtime_killed(m, source)
    m.expect("kill what is not there", ["kill", "nosuch"], 127, "")
    m.expect("run what is not there", ["run", "./nosuch"], 3, "", rx("is neither a folder nor a repository"))
    repository(m)


def installed(m):
    """What `cmake --install` puts somewhere, moved somewhere else, builds a service with nothing of the build tree."""
    if not os.path.exists(os.path.join(BIN, "harrow")):
        return
    first, prefix = os.path.join(m.folder, "first"), os.path.join(m.folder, "prefix")
    done = subprocess.run(["cmake", "--install", os.path.dirname(BIN), "--prefix", first], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "cmake --install", done.stdout)
    os.rename(first, prefix)
    env = {**os.environ, **m.env, "PATH": os.path.join(prefix, "bin") + ":" + os.environ["PATH"]}
    source = os.path.join(m.folder, "installed")
    subprocess.run([os.path.join(prefix, "bin", "micro"), "new", source], env=env, stdout=subprocess.DEVNULL)
    built = subprocess.run(["make"], cwd=source, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(built.returncode == 0 and prefix in built.stdout and os.path.dirname(BIN) + "/runtime" not in built.stdout,
          "a service builds with what was installed", built.stdout)


def repository(m):
    """A git repository, with a branch, and a folder in it that is a service."""
    work, bare = os.path.join(m.folder, "work"), os.path.join(m.folder, "repo.git")
    os.makedirs(os.path.join(work, "sub"))
    with open(os.path.join(work, "sub", "sub"), "w") as f:
        f.write('#!/bin/sh\necho "args $* FOO=$FOO"\nexec sleep 1000\n')
    os.chmod(f.name, 0o755)
    for command in (["init", "-q", "-b", "main", "."], ["add", "-A"],
                    ["-c", "user.email=a@b", "-c", "user.name=x", "commit", "-qm", "x"], ["branch", "dev"],
                    ["clone", "-q", "--bare", ".", bare]):
        subprocess.run(["git", *command], cwd=work, check=True)
    url = f"file://{bare}/sub@dev"
    m.expect("run from a repository", ["run", url, "--args", 'a "b c"', "--env_vars", "FOO=bar"], 0, "")
    m.until("its version is the branch", ["status"], lambda got: re.search(r"^sub +dev +\S+ +running", got[1], re.M))
    m.expect("as a command it tells how far it is", ["sub", "--name=Joe"], 4, "",
             rx(r"^sub is not registered, it is running; see: micro status sub"))
    m.until("words and variables arrive", ["logs", "sub@dev"], lambda got: "args a b c FOO=bar" in got[1])
    check(not os.listdir(os.path.join(m.env["MICRO_HOME"], "checkout")), "no checkout stays behind")
    m.expect("kill it", ["kill", "sub@dev"], 0, "")
    m.expect("a folder that is not in it", ["run", f"file://{bare}/nope"], 127, "", rx("has no folder nope"))


def secret_on_a_terminal(folder):
    """The first start on a terminal shows the secret, once."""
    m = Cli(os.path.join(folder, "terminal"))
    os.mkdir(m.folder)

    def first_lines():
        parent, child = pty.openpty()
        server = subprocess.Popen([MICRO, "server", "--address", "127.0.0.1:0"], env=dict(os.environ, **m.env), stdout=child,
                                  stderr=subprocess.DEVNULL)
        os.close(child)
        said = b""
        while b"micro is up" not in said:
            try:
                said += os.read(parent, 4096)
            except OSError:
                break
        server.send_signal(signal.SIGTERM)
        server.wait(LONG)
        os.close(parent)
        return said.decode(errors="replace")

    said = first_lines()
    with open(os.path.join(m.data, "auth", "admin.secret")) as f:
        secret = f.read().strip()
    check(f"It is shown this once: {secret}" in said, "the first secret is shown on a terminal", said)
    check(secret not in first_lines(), "and not at the second start")


def main():
    with Folder() as folder:
        m = Cli(folder)
        wrong_commands(m)
        without_server(m)
        try:
            said = m.start()
            with open(os.path.join(m.data, "auth", "admin.secret")) as f:
                secret = f.read().strip()
            check('The first account is "admin"' in said and secret not in said, "the secret stays out of a file", said)
            private_files(m)
            unknown_environment(m)
            logins(m, secret)
            renewal(m)
            namespaces(m)
            m.until("all that comes with micro is registered", ["services"], lambda got: COMPONENTS <= set(got[1].split()))
            services(m)
            full_disk(m)
            store(m)
            config(m)
            auth(m)
            topics(m)
            wrapped(m)
            wrapped_by_runtime(m)
            dashboard(m)
            shell(m)
            own_service(m)
            installed(m)
            m.expect("shutdown", ["shutdown"], 0, "")
            check(m.server.wait(LONG) == 0, "the server ended orderly", m.server.returncode)
        finally:
            m.stop()
        secret_on_a_terminal(folder)
        left = left_behind(folder)
        check(not left, "no process stays behind", left)
    finish()


main()
