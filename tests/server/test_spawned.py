"""How a process was started, decided by facts; and whether it notices the end of the web server that started it.

The live tests let the real programs start a script that writes down what it finds.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Union

import pytest

from gateways.errors import ConfigError
from gateways.server import spawned
from gateways.server.spawned import ParentWatch, detect
from gateways.server.transports import TRANSPORTS
from tests.live.sandbox import Sandbox
from tests.live.servers import Apache, Lighttpd, Process
from tests.support import requirements
from tests.support.processes import fork, stat

ROOT = Path(__file__).parents[2]
PATIENCE = 45.0

Stdin = Union[int, IO[Any], socket.socket]


@pytest.fixture
def listening(socket_dir: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "s"))
        sock.listen()
        yield sock


def run_python(code: str, stdin: Stdin, **environ: str) -> list[str]:
    """Run ``code`` in a Python of its own and return the lines it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], stdin=stdin, stdout=subprocess.PIPE, check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip
    return result.stdout.decode().splitlines()


DETECT = """
import os
from gateways.errors import ConfigError
from gateways.server.spawned import detect
before = dict(os.environ)
start = detect(os.environ)
assert os.environ == before
print(start.kind, start.protocol or "-", *start.addresses)
print(start.reason)
"""


def test_F59_a_listening_socket_is_fastcgi(listening: socket.socket) -> None:
    lines = run_python(DETECT, listening)
    assert lines == ["fastcgi fastcgi fd:0", "standard input is a listening socket"]


def test_F59_or_scgi_when_told_so(listening: socket.socket) -> None:
    assert run_python(DETECT, listening, GATEWAYS_PROTOCOL="scgi")[0] == "scgi scgi fd:0"


def test_F59_a_listening_socket_wins_over_what_the_environment_has_left(listening: socket.socket) -> None:
    # lighttpd adds the first, a web server started by a CGI script passes on the next, one started by systemd the last.
    lines = run_python(
        DETECT, listening, PHP_FCGI_CHILDREN="1", GATEWAY_INTERFACE="CGI/1.1", REQUEST_METHOD="GET", LISTEN_FDS="1",
        LISTEN_PID="1",
    )  # fmt: skip
    assert lines[0] == "fastcgi fastcgi fd:0"


def test_F59_a_pipe_is_cgi() -> None:
    for name, value in (("GATEWAY_INTERFACE", "CGI/1.1"), ("REQUEST_METHOD", "GET"), ("GATEWAY_INTERFACE", "")):
        lines = run_python(DETECT, subprocess.DEVNULL, **{name: value})
        assert lines == ["cgi -", f"{name} is set, and standard input is a device"]


def test_F59_a_connected_socket_is_cgi() -> None:
    server, client = socket.socketpair()  # as mod_cgid has it
    with server, client:
        lines = run_python(DETECT, server, GATEWAY_INTERFACE="CGI/1.1")
        assert lines == ["cgi -", "GATEWAY_INTERFACE is set, and standard input is a connected socket"]


def test_F59_a_connected_socket_without_variables_is_neither() -> None:
    server, client = socket.socketpair()  # as inetd has it
    with server, client:
        lines = run_python(DETECT, server)
    assert lines[0] == "terminal -"
    assert lines[1].startswith("standard input is a connected socket, and GATEWAY_INTERFACE is not set")


def test_without_any_of_these_it_is_a_person() -> None:
    reason = "standard input is a device, and GATEWAY_INTERFACE is not set: neither FastCGI nor CGI"
    assert run_python(DETECT, subprocess.DEVNULL) == ["terminal -", reason]
    leftovers = {"PHP_FCGI_CHILDREN": "1", "LISTEN_FDS": "1", "LISTEN_PID": "1", "REDIRECT_STATUS": "200"}
    lines = run_python(DETECT, subprocess.DEVNULL, **leftovers)
    assert lines[0] == "terminal -"
    assert lines[1].startswith(f"{reason}; the sockets are for process 1 and this is ")


def test_standard_input_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawned, "why_not_listening", lambda fd: "is not open")
    assert detect({}).reason.startswith("standard input is not open, and")


def test_systemd() -> None:
    environ = {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b", "GATEWAY_INTERFACE": "x"}
    start = detect(environ)
    assert (start.kind, start.protocol, start.addresses) == ("systemd", "fastcgi", ("systemd:0", "systemd:1"))
    assert start.reason == "systemd passed 2 sockets (LISTEN_FDS)"
    start = detect({**environ, "LISTEN_FDS": "1", "GATEWAYS_PROTOCOL": "scgi"})
    assert (start.kind, start.protocol, start.addresses) == ("systemd", "scgi", ("systemd:0",))
    assert start.reason == "systemd passed 1 socket (LISTEN_FDS)"


@pytest.mark.parametrize("protocol", ["smtp", "FastCGI", "fcgi", "\n"])
def test_other_protocols_are_refused(protocol: str) -> None:
    with pytest.raises(ConfigError) as caught:
        detect({"GATEWAYS_PROTOCOL": protocol})
    assert str(caught.value) == f"GATEWAYS_PROTOCOL={protocol!r}: give {' or '.join(TRANSPORTS)}"


# ParentWatch

WEB_SERVER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]]).wait()
"""

CHILD = """
import os, select, sys, time
{prepare}
from gateways.server.spawned import ParentWatch
{between}
watch = ParentWatch()
print(watch.parent == {parent}, watch.fileno() >= 0, watch.gone(), flush=True)
if watch.fileno() >= 0:
    poll = select.poll()
    poll.register(watch.fileno(), select.POLLIN)
    print("woken" if poll.poll(20000) else "not woken", watch.gone(), flush=True)
elif watch.parent:
    while not watch.gone():
        time.sleep(0.002)
    print("gone", flush=True)
else:
    while os.getppid() == before:
        time.sleep(0.002)
    print("orphan", watch.gone(), flush=True)
watch.close()
watch.close()
"""


def kill_web_server(prepare: str = "pass", between: str = "pass", parent: str = "os.getppid()") -> list[str]:
    """Start a child of a process, kill -9 that process once the child watches it, and return what the child prints."""
    prepare = f"before = os.getppid()\n{prepare}"
    command = [sys.executable, "-c", WEB_SERVER, CHILD.format(prepare=prepare, between=between, parent=parent)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as server:
        assert server.stdout
        lines = [server.stdout.readline()]
        server.kill()
        server.wait()
        lines += server.stdout.readlines()
    return [line.decode().strip() for line in lines]


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this Python has no os.pidfd_open")
def test_the_end_of_the_web_server_wakes() -> None:
    assert kill_web_server() == ["True True False", "woken True"]


def test_the_end_of_the_web_server_is_noticed_without_pidfd() -> None:
    assert kill_web_server("os.__dict__.pop('pidfd_open', None)") == ["True False False", "gone"]
    refusing = "def refuse(pid): raise PermissionError(1, 'sandbox')\nos.pidfd_open = refuse"
    assert kill_web_server(refusing) == ["True False False", "gone"]


def test_a_session_of_its_own_is_not_watched() -> None:
    assert kill_web_server("os.setsid()", parent="0") == ["True False False", "orphan False"]


def test_closed_output_streams_at_start_mean_that_nobody_is_watched() -> None:
    # What Python does when descriptors 1 and 2 are closed; complete_standard_streams must not hide it.
    code = "sys.__stdout__ = sys.__stderr__ = None"
    assert kill_web_server(code, parent="0") == ["True False False", "orphan False"]


def test_the_end_of_the_web_server_while_the_application_is_imported() -> None:
    # The web server ends between the import of the module and the start of the watch, and is reaped: a zombie can still
    # be watched.
    wait = "while os.getppid() == before or os.path.exists(f'/proc/{before}'): time.sleep(0.002)"
    importing = f"print('importing', flush=True)\n{wait}"
    assert kill_web_server(between=importing, parent="before") == ["importing", "True False True", "gone"]


def test_a_forked_child_watches_the_process_that_forked_it() -> None:
    out, into = os.pipe()
    pid = fork()
    if not pid:
        os.write(into, b"%d %d" % (ParentWatch().parent, os.getppid()))
        os._exit(0)
    os.waitpid(pid, 0)
    expected = 0 if os.getsid(0) == pid else os.getpid()
    assert os.read(out, 100).split() == [b"%d" % expected, b"%d" % os.getpid()]
    os.close(out)
    os.close(into)


# The real programs

FACTS = """#!{python}
import json, os, select, socket, sys, time
sys.path.insert(0, {root!r})
from gateways.adapters.standardstreams import complete_standard_streams
from gateways.server.spawned import ParentWatch, detect

def tell(name, **facts):
    with open("{directory}/writing", "w") as file:
        json.dump(facts, file)
    os.rename("{directory}/writing", "{directory}/" + name)

closed = [fd for fd in (1, 2) if not os.path.exists("/proc/self/fd/%d" % fd)]
complete_standard_streams()
watch, start = ParentWatch(), detect(os.environ)
tell(
    "started", pid=os.getpid(), parent=os.getppid(), watched=watch.parent, kind=start.kind, reason=start.reason,
    closed=closed, leader=os.getsid(0) == os.getpid(), environ=sorted(os.environ),
)
poll = select.poll()
if watch.fileno() >= 0:
    poll.register(watch.fileno(), select.POLLIN)
end = time.monotonic() + 20
while not watch.gone() and time.monotonic() < end:
    poll.poll(20000 if watch.fileno() >= 0 else 10)
tell("ended", gone=watch.gone())
"""


class Script:
    """The script, in a directory of its own, and what it has told."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.directory = sandbox.signal("facts").parent
        self.path = self.directory / "facts.fcgi"
        text = FACTS.format(python=sandbox.python, root=str(sandbox.root / "lib"), directory=self.directory)
        self.path.write_text(text)
        self.path.chmod(0o755)

    def told(self, name: str) -> dict[str, Any]:
        """Wait for the script to tell ``started`` or ``ended``."""
        path = self.directory / name
        end = time.monotonic() + PATIENCE
        while not path.exists():
            assert time.monotonic() < end, f"{self.path} never told {name}"
            time.sleep(0.01)
        facts: dict[str, Any] = json.loads(path.read_text())
        return facts


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def script(sandbox: Sandbox) -> Iterator[Script]:
    script = Script(sandbox)
    yield script
    if (script.directory / "started").exists():
        try:
            os.kill(script.told("started")["pid"], signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_all_but(process: Process, spared: int) -> None:
    """Kill a web server and its own processes, as the system does when memory runs out."""
    for pid in [process.pid, *process.children()]:
        if pid != spared:
            os.kill(pid, signal.SIGKILL)
    process.popen.wait()


@pytest.mark.live
def test_lighttpd(sandbox: Sandbox, script: Script) -> None:
    conf = sandbox.root / "lighttpd-facts.conf"
    conf.write_text(
        f'server.modules += ( "mod_fastcgi" )\nfastcgi.server = ( "/" => (( "bin-path" => "{script.path}", '
        f'"socket" => "{script.directory}/s", "max-procs" => 1, "check-local" => "disable" )) )\n'
    )
    server = Lighttpd(sandbox, "lighttpd-facts")
    server.start(conf)
    assert server.process
    try:
        facts = script.told("started")
        assert facts["kind"] == "fastcgi"
        assert facts["watched"] == facts["parent"] == server.process.pid
        assert not facts["leader"]
        assert facts["closed"] == []
        assert "PHP_FCGI_CHILDREN" in facts["environ"]
        kill_all_but(server.process, facts["pid"])
        assert script.told("ended") == {"gone": True}
    finally:
        server.process.kill()


@pytest.mark.live
def test_mod_fcgid(sandbox: Sandbox, script: Script) -> None:
    server = Apache(sandbox, "apache-facts")
    conf = sandbox.root / "apache-facts.conf"
    conf.write_text(
        f"<VirtualHost 127.0.0.1:{server.port}>\nScriptAlias / {script.path}\n<Directory {script.directory}>\n"
        f"Require all granted\nOptions +ExecCGI\nSetHandler fcgid-script\n</Directory>\n</VirtualHost>\n"
    )
    server.start(conf)
    assert server.process
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")  # starts the script, which never answers
            facts = script.told("started")
            assert facts["kind"] == "fastcgi"
            assert facts["watched"] == facts["parent"]
            assert facts["parent"] != server.process.pid  # it is mod_fcgid's process manager
            assert facts["parent"] in server.process.children()
            assert not facts["leader"]
            assert facts["closed"] == []
            kill_all_but(server.process, facts["pid"])
            assert script.told("ended") == {"gone": True}
    finally:
        server.process.kill()


@pytest.mark.live
@pytest.mark.parametrize("scgi", [False, True])
def test_spawn_fcgi(script: Script, scgi: bool) -> None:
    program = requirements.require_program("spawn-fcgi")
    environ = {**os.environ, "GATEWAYS_PROTOCOL": "scgi"} if scgi else None
    command = [program, "-s", script.directory / "s", "--", script.path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environ)
    facts = script.told("started")
    assert facts["kind"] == ("scgi" if scgi else "fastcgi")
    assert facts["leader"]
    assert facts["watched"] == 0
    check_outlives_its_parent(script)


@pytest.mark.live
def test_spawn_fcgi_in_the_foreground(script: Script) -> None:
    """``-n``, for supervisors: the process is that of spawn-fcgi, and its parent the supervisor."""
    program = requirements.require_program("spawn-fcgi")
    command = [program, "-n", "-s", script.directory / "s", "--", script.path]
    with subprocess.Popen(command) as process:
        facts = script.told("started")
        assert facts["pid"] == process.pid
        assert facts["watched"] == os.getpid()
        process.kill()


@pytest.mark.live
def test_cgi_fcgi(script: Script) -> None:
    program = requirements.require_program("cgi-fcgi")
    command = [program, "-start", "-connect", script.directory / "s", script.path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    facts = script.told("started")
    assert facts["kind"] == "fastcgi"
    assert facts["closed"] == [1, 2]
    assert not facts["leader"]
    assert facts["watched"] == 0
    check_outlives_its_parent(script)


def check_outlives_its_parent(script: Script) -> None:
    """The program that started the script has ended, and the script serves on."""
    facts = script.told("started")
    deadline = time.monotonic() + PATIENCE
    while parent_of(facts["pid"]) == facts["parent"] and facts["parent"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert parent_of(facts["pid"])
    assert not (script.directory / "ended").exists()


def parent_of(pid: int) -> int:
    """Return the parent of a process that runs."""
    state, parent = stat(pid)[:2]
    assert state != "Z"
    return int(parent)
