"""CGI scripts whose process stays: both programs that pass requests on, and a directory for the sockets.

with hosting(directory, "c") as host:
    host.install("app.cgi", SCRIPT)
    assert host.ask("/count").body == b"1"
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Union

import pytest

from gateways.resident import notes
from gateways.resident.notes import Resident
from tests.support import cgi
from tests.support.processes import is_running
from tests.support.serving import PATIENCE, until

PROGRAM = cgi.ROOT / "gateways" / "resident" / "gateways-cgi"
SOURCES = sorted(PROGRAM.parent.glob("*.c"))
FLAGS = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")

#: Looks at files and at the time follow each other quickly, so that tests need not wait for seconds.
BEGIN = """\
import os
import sys
import time
import gateways.server.renewal
from gateways import run, run_with_cgi
gateways.server.renewal.LOOK_INTERVAL = 0.02
"""

SCRIPT = (
    BEGIN
    + """
SEEN = []

def application(environ, start_response):
    path = environ["PATH_INFO"]
    SEEN.append(path)
    body = {"/pid": str(os.getpid()), "/count": str(len(SEEN))}.get(path, path).encode()
    if path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/environ":
        body = repr({name: value for name, value in environ.items() if isinstance(value, str)}).encode()
    elif path == "/process":
        body = repr(dict(os.environ)).encode()
    elif path.startswith("/bytes/"):
        body = b"x" * int(path[7:])
    elif path == "/die":
        os.kill(os.getpid(), 9)
    elif path == "/print":
        print("printed on stdout")
        print("printed on stderr", file=sys.stderr)
    elif path.startswith("/wait"):
        open(f"{path[5:]}.{len(SEEN)}", "w").close()  # it is in hand
        while not os.path.exists(path[5:]):
            time.sleep(0.005)
        print("it may go")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

run_with_cgi(application)
"""
)

Variables = Mapping[str, Union[str, bytes, None]]


@functools.cache
def compiled() -> Path:
    """The program in C, compiled for this run of the tests."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no C compiler, or another system than Linux")
    directory = Path(tempfile.mkdtemp(prefix="gateways-cgi-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    extra = os.environ.get("GATEWAYS_CGI_CFLAGS", "").split()
    subprocess.run([compiler, *FLAGS, *extra, *SOURCES, "-o", str(directory / "gateways-cgi")], check=True)
    return directory / "gateways-cgi"


def install_programs(directory: Path, kind: str, python: str = sys.executable) -> Path:
    """Put gateways-cgi, ``"c"`` or ``"python"``, and gateways into ``directory``; return the first."""
    directory.mkdir(exist_ok=True)
    program = directory / "gateways-cgi"
    if kind == "c":
        shutil.copy(compiled(), program)
    else:
        program.write_text(PROGRAM.read_text().replace("/usr/bin/env python3", python))
    command = directory / "gateways"
    command.write_text(f"#!{python}\nimport sys\nfrom gateways.cli import main\nsys.exit(main())\n")
    for path in (program, command):
        path.chmod(0o755)
    return program


def answer_of(process: subprocess.Popen[bytes], body: bytes | None = None) -> cgi.Answer:
    """Return what a request that was started is answered."""
    output, log = process.communicate(body, timeout=PATIENCE)
    return cgi.Answer(output, log, process.returncode)


class Host:
    """A directory with scripts, and the processes that stay for them."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root = root
        self.kind = kind
        self.place = root / "place"
        self.scripts = root / "cgi-bin"
        self.scripts.mkdir()
        self.program = install_programs(root / "bin", kind)
        self.script = self.scripts / "app.cgi"

    def install(self, text: str = SCRIPT, name: str = "app.cgi", comment: str = "") -> Path:
        """Write a script, as an editor does."""
        path = self.scripts / name
        copy = path.with_name(f"{name}.new")
        copy.write_text(f"#!{self.program}\n{comment}\n{text}")
        copy.chmod(0o755)
        copy.replace(path)
        return path

    def environment(self, path: str = "/", variables: Variables = MappingProxyType({})) -> dict[str, str | bytes]:
        given: dict[str, Any] = {
            "GATEWAYS_RESIDENT_DIR": str(self.place),
            "PATH_INFO": path,
            "REQUEST_URI": f"/cgi-bin/app.cgi{path}",
            "GATEWAYS_PURE": os.environ.get("GATEWAYS_PURE"),
            **variables,
        }
        return cgi.environment(**given)

    def start(self, path: str = "/", script: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start the script as a web server does; ``variables`` are more of the request."""
        environ = self.environment(path, options.pop("variables", {}))
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.scripts,
            **options,
        }
        return subprocess.Popen([str(script or self.script), *options.pop("arguments", ())], env=environ, **options)

    def ask(self, path: str = "/", body: bytes | None = None, script: Path | None = None, **options: Any) -> cgi.Answer:
        """Return the answer to one request."""
        if body is not None:
            options["stdin"] = subprocess.PIPE
            options["variables"] = {**cgi.post(body), **options.get("variables", {})}
        with self.start(path, script, **options) as process:
            return answer_of(process, body)

    def get(self, path: str = "/") -> str:
        """Return the body of an answer that has to be good."""
        answer = self.ask(path)
        assert answer.status == "200 OK", (answer.output, answer.log, self.log)
        return answer.body.decode()

    @contextlib.contextmanager
    def in_hand(self, count: int = 1, path: str = "/wait") -> Iterator[list[cgi.Answer]]:
        """Have so many requests in hand; what is given holds their answers afterwards."""
        go = self.root / "go"
        answers: list[cgi.Answer] = []
        begun: list[subprocess.Popen[bytes]] = []
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                begun.append(stack.enter_context(self.start(f"{path}{go}")))
            stack.callback(go.touch)
            until(lambda: len(list(go.parent.glob(f"{go.name}.*"))) == count)
            yield answers
            go.touch()
            answers += [answer_of(process) for process in begun]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``gateways`` with arguments."""
        command = [str(self.program.with_name("gateways")), *words]
        environ = {**os.environ, "GATEWAYS_RESIDENT_DIR": str(self.place), "PYTHONPATH": str(cgi.ROOT)}
        return subprocess.run(
            command, env=environ, cwd=self.scripts, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    @property
    def log(self) -> str:
        """What processes say outside of requests."""
        return "".join(path.read_text() for path in sorted(self.place.glob("*.log")))

    def running(self) -> list[Resident]:
        """The processes that have noted themselves."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GATEWAYS_RESIDENT_DIR", str(self.place))
            return notes.running()

    def sockets(self) -> list[str]:
        return [path.name for path in self.place.glob("*.sock")]

    def until_ended(self, pid: int) -> None:
        until(lambda: not is_running(pid), f"for the end of {pid}: {self.log}")

    def close(self) -> None:
        """End all processes."""
        for resident in self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(resident.pid, signal.SIGKILL)
            self.until_ended(resident.pid)


@contextlib.contextmanager
def hosting(root: Path, kind: str) -> Iterator[Host]:
    """Give a host, and end what it has started."""
    host = Host(root, kind)
    try:
        yield host
    finally:
        host.close()
