"""run and serve, in scripts that are started as web servers, systemd and people start them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest
import requests

from gateways import serve
from gateways.client import Client
from gateways.errors import ConfigError
from tests.support import cgi, source
from tests.support.processes import INSIST
from tests.support.program import request
from tests.support.serving import PATIENCE, connect, until

HEAD = """
import sys
from gateways import run, serve

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['PATH_INFO']} {environ.get('COLOUR')} {environ['wsgi.multithread']}".encode()]

"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def write(directory: Path, *lines: str) -> Path:
    script = directory / "script.py"
    script.write_text(HEAD + "\n".join(lines) + "\n")
    return script


class Script:
    """A running script; ``log`` is its standard error."""

    def __init__(self, script: Path, stdin: Any, environ: dict[str, str], **options: Any) -> None:
        self._log = script.with_name("stderr")
        with self._log.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(script)],
                stdin=stdin,
                stdout=DEVNULL,
                stderr=err,
                cwd="/",
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source.CHECKOUT), **INSIST, **environ},
                **options,
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def until_log(self, text: str) -> None:
        until(lambda: text in self.log or self.process.poll() is not None, self.log)
        assert text in self.log

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def started(script: Path, stdin: Any = DEVNULL, **environ: str) -> Iterator[Script]:
    running = Script(script, stdin, environ)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def failure(script: Path, code: int, **environ: str) -> str:
    with started(script, **environ) as running:
        assert running.process.wait(PATIENCE) == code, running.log
        return running.log


def ask(address: str, path: str = "/", protocol: str = "fastcgi") -> str:
    with Client(protocol, address, timeout=PATIENCE) as client, client.request("GET", path) as response:
        return b"".join(response.iter_body()).decode()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def address_of(sock: socket.socket) -> str:
    return "{}:{}".format(*sock.getsockname())


# serve


def test_serve_until_a_signal(directory: Path) -> None:
    address = f"unix:{directory}/socket"
    script = write(
        directory,
        f"serve(application, fastcgi={address!r}, threads=1, environ={{'COLOUR': 'red'}})",
        "print('after', file=sys.stderr)",
    )
    with started(script) as running:
        running.until_log("serving fastcgi")
        assert ask(address, "/a") == "/a red False"
        assert running.end() == 0
        assert running.log.endswith("after\n")  # it returns: the script may go on


def test_variables_hold_where_no_keyword_is_given(directory: Path) -> None:
    address = f"unix:{directory}/socket"
    script = write(directory, "serve(application, threads=2)")
    with started(script, GATEWAYS_SCGI=address, GATEWAYS_THREADS="1", GATEWAYS_ENVIRON="COLOUR=blue") as running:
        running.until_log("serving scgi")
        assert ask(address, "/", "scgi") == "/ blue True"
        assert running.end() == 0


def test_serve_raises_for_its_caller(directory: Path) -> None:
    script = write(
        directory,
        "from gateways.errors import ConfigError",
        "try:",
        "    serve(application, thread=2)",
        "except ConfigError as error:",
        "    print(error, file=sys.stderr)",
    )
    assert failure(script, 0) == "keyword thread is not known; did you mean threads?\n"


def test_a_request_that_outlives_graceful_timeout_is_status_1(directory: Path) -> None:
    address = f"unix:{directory}/socket"
    script = write(
        directory,
        "def slow(environ, start_response):",
        "    import time",
        "    print('sleeping', file=sys.stderr, flush=True)",
        "    time.sleep(60)",
        f"serve(slow, fastcgi={address!r}, graceful_timeout=0.05)",
    )
    with started(script) as running:
        running.until_log("serving fastcgi")
        with connect(socket.AF_UNIX, f"{directory}/socket") as sock:
            sock.sendall(request("/"))
            running.until_log("sleeping")
            assert running.end() == 1


# run


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_run_with_a_listening_socket_on_standard_input(
    directory: Path, listening: socket.socket, protocol: str
) -> None:
    # Not what its keyword says: the web server has decided.
    script = write(directory, f"run(application, fastcgi='unix:{directory}/socket', environ=[('COLOUR', 'red')])")
    environ = {"GATEWAYS_PROTOCOL": "scgi"} if protocol == "scgi" else {}
    with started(script, listening, **environ) as running:
        running.until_log(f"serving {protocol} on fd:0")
        assert ask(address_of(listening), "/a", protocol) == "/a red True"
        assert running.end() == 0
    assert not (directory / "socket").exists()


def test_run_under_a_web_server_finds_the_module_beside_the_script(directory: Path, listening: socket.socket) -> None:
    (directory / "beside.py").write_text(HEAD)
    with started(write(directory, "run('beside')"), listening):  # its working directory is /
        assert ask(address_of(listening), "/a") == "/a None True"


def test_run_under_a_web_server_answers_and_recovers_when_the_import_fails(
    directory: Path, listening: socket.socket
) -> None:
    (directory / "beside.py").write_text("import absent_framework\n")
    with started(write(directory, "run('beside')"), listening) as running:
        assert "could not be loaded" in ask(address_of(listening))
        assert "No module named 'absent_framework'" in running.log
        (directory / "beside.py").write_text(HEAD)
        until(lambda: ask(address_of(listening)) == "/ None True", running.log)


def test_run_with_an_address_and_no_web_server(directory: Path) -> None:
    address = f"unix:{directory}/socket"
    with started(write(directory, f"run(application, scgi={address!r})")) as running:
        running.until_log("serving scgi")
        assert ask(address, "/a", "scgi") == "/a None True"
        assert running.end() == 0


@pytest.mark.parametrize("stdin", ["null", "socket"])
def test_run_as_cgi(directory: Path, stdin: str) -> None:
    script = write(directory, "run(application, environ={'COLOUR': 'red'})")
    ours, theirs = socket.socketpair()  # mod_cgid: standard input is a connected socket
    with ours, theirs, cgi.start(script, {"PATH_INFO": "/a"}, theirs if stdin == "socket" else DEVNULL) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert output.endswith(b"\r\n\r\n/a red False")
    assert process.returncode == 0


def test_run_as_cgi_obeys_variables(directory: Path) -> None:
    answer = cgi.run(write(directory, "run(application)"), {"PATH_INFO": "/a", "GATEWAYS_ENVIRON": "COLOUR=blue"})
    assert answer.body == b"/a blue False"


def test_run_as_cgi_finds_the_module_where_it_is_told(directory: Path) -> None:
    (directory / "elsewhere").mkdir()
    (directory / "elsewhere" / "beside.py").write_text(HEAD)
    answer = cgi.run(write(directory, "run('beside', python_path='elsewhere')"), {"PATH_INFO": "/a"})
    assert answer.body == b"/a None False"


def test_run_as_cgi_hands_a_wrong_setting_to_the_log_of_the_web_server(directory: Path) -> None:
    answer = cgi.run(write(directory, "run(application, script_nam='/')"))
    assert answer.code == 2
    assert answer.log == "gateways: error: keyword script_nam is not known; did you mean script_name?\n"


def test_run_as_cgi_imports_hardly_more_than_run_with_cgi(directory: Path) -> None:
    script = write(
        directory,
        "def modules(environ, start_response):",
        "    start_response('200 OK', [])",
        "    return [' '.join(sys.modules).encode()]",
        "run(modules)",
    )
    modules = set(cgi.run(script, options=("-S",)).body.decode().split())
    assert "gateways.runners" in modules
    assert not {"socket", "argparse", "threading", "dataclasses", "gateways.settings", "gateways.server"} & modules


# run, for a person


def person(directory: Path, *lines: str, ports: str = "0, 0") -> Path:
    """A script whose ports are free ones, not 8000."""
    return write(directory, "from gateways import runners", f"runners._PORTS = ({ports})", *lines)


def url_of(running: Script) -> str:
    running.until_log("for development; Ctrl-C stops it\n")
    found = re.search(r"serving at (http://127\.0\.0\.1:\d+\S*/) for development", running.log)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_for_a_person(directory: Path, number: int) -> None:
    script = person(directory, "run(application, environ={'COLOUR': 'red'}, script_name='/app')")
    with started(script, TMPDIR=str(directory)) as running:
        url = url_of(running)
        assert url.endswith("/app/")
        assert "gateways: no web server started this script: standard input is a device" in running.log
        assert requests.get(f"{url}a", timeout=PATIENCE).text == "/a red True"
        assert running.end(number) == 0
        assert "Traceback" not in running.log
    assert not list(directory.glob("gateways-*"))


def test_run_for_a_person_takes_the_next_port(directory: Path, listening: socket.socket) -> None:
    taken = listening.getsockname()[1]
    with started(person(directory, "run(application)", ports=f"{taken}, 0")) as running:
        assert requests.get(url_of(running), timeout=PATIENCE).text == "/ None True"
        assert f"gateways: cannot listen on 127.0.0.1:{taken}: another program listens there" in running.log


def test_run_for_a_person_when_every_port_is_taken(directory: Path, listening: socket.socket) -> None:
    taken = listening.getsockname()[1]
    log = failure(person(directory, "run(application)", ports=f"{taken}, {taken}"), 4)
    assert log.splitlines()[-1].startswith(f"gateways: error: cannot listen on 127.0.0.1:{taken}: ")


def answers(directory: Path) -> bool:
    """Say whether somebody listens; the file of the socket is there a moment before."""
    with socket.socket(socket.AF_UNIX) as sock:
        return any(sock.connect_ex(str(path)) == 0 for path in directory.glob("gateways-*/app.sock"))


def test_run_with_every_stream_closed(directory: Path) -> None:
    lines = ["import os", "os.closerange(0, 3)", f"run(application, error_log={str(directory / 'log')!r})"]
    with started(person(directory, *lines), TMPDIR=str(directory)) as running:
        until(lambda: answers(directory) or running.process.poll() is not None)
        address = f"unix:{next(directory.glob('gateways-*/app.sock'))}"
        assert ask(address, "/a") == "/a None True"
        assert running.end() == 0


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("run('absent_application')", 3, "application 'absent_application': there is no module"),
        ("run(application, thread=2)", 2, "keyword thread is not known; did you mean threads?"),
        ("run(application, chdir='/absent')", 2, "chdir '/absent': No such file or directory"),
        ("run(application, fastcgi='unix:/absent/socket')", 4, "/absent"),
    ],
)
def test_an_error_of_run_is_one_line_and_its_exit_code(directory: Path, call: str, code: int, message: str) -> None:
    log = failure(person(directory, call), code)
    assert log.startswith("gateways: error: ")
    assert message in log
    assert log.count("\n") == 1


def test_workers_need_an_application_by_its_name(socket_dir: Path) -> None:
    with pytest.raises(ConfigError, match="by its name"):
        serve(lambda environ, start_response: [], fastcgi=f"unix:{socket_dir}/s", workers=2)


@pytest.mark.parametrize("more", [{"interface": "asgi"}, {"fcgi_multiplex": 8}], ids=str)
@pytest.mark.parametrize("workers", [0, 2])
def test_what_greenlets_cannot_serve_is_refused(socket_dir: Path, more: dict[str, Any], workers: int) -> None:
    address = f"unix:{socket_dir}/app.sock"
    with pytest.raises(ConfigError, match=f"worker gevent cannot serve .*{next(iter(more))}"):
        serve("shop:application", fastcgi=address, worker="gevent", workers=workers, **more)
