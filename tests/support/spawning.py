"""A script that is started with a listening socket on descriptor 0, as lighttpd and spawn-fcgi do it.

with spawning(directory) as spawned:
    assert spawned.ask("/version") == "one"
    spawned.install(version="two")
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import source, wire
from tests.support.load import Load, Target, loading
from tests.support.program import request
from tests.support.serving import PATIENCE, connect, until

#: The looks at files and memory follow each other quickly, so that tests need not wait for seconds.
SCRIPT = """
import os
import sys
import gateways.server.renewal
from gateways import run

gateways.server.renewal.LOOK_INTERVAL = {interval}
FACTS = {{"argv": list(sys.argv), "directory": os.getcwd(), "path": sys.path[0], "name": __name__, "file": __file__}}
FACTS.update({{"environ": dict(os.environ), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}})
{code}
run({application}, **{settings!r})
"""

APPLICATION = """
import json
import os
import sys
import time

VERSION = {version!r}
hoard = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = {{"/version": VERSION, "/pid": str(os.getpid())}}.get(path, VERSION)
    if path == "/facts":
        body = json.dumps(sys.modules["__main__"].FACTS)
    elif path.startswith("/wait"):  # until the file is there
        while not os.path.exists(path[5:]):
            time.sleep(0.005)
    elif path.startswith("/hoard"):
        hoard.append(b"x" * int(path[6:]))
    elif path.startswith("/slow"):
        time.sleep(float(path[5:]))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body.encode()]
"""


class Spawned:
    """The running script. ``log`` is its standard error."""

    def __init__(self, directory: Path, sock: socket.socket, protocol: str) -> None:
        self.directory = directory
        self.script = directory / "app.fcgi"
        self.module = directory / "app.py"
        self.address: Any = sock.getsockname()
        self.protocol = protocol
        self._log = directory / "stderr"
        self._sock = sock
        self.process: subprocess.Popen[bytes]

    def start(self, *arguments: str, **environ: str) -> None:
        with self._log.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(self.script), *arguments],
                stdin=self._sock,
                stdout=subprocess.DEVNULL,
                stderr=err,
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source.CHECKOUT), **environ},
            )

    def install(self, version: str) -> None:
        """Write the application as a person's editor does."""
        self.write(self.module, APPLICATION.format(version=version))

    def write(self, path: Path, text: str) -> None:
        copy = path.with_name(f"{path.name}.new")
        copy.write_text(text)
        copy.replace(path)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def target(self) -> Target:
        return Target(self.protocol, self.address)

    def connect(self) -> socket.socket:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        return connect(family, self.address)

    def send(self, path: str) -> socket.socket:
        """Send a FastCGI request on a new connection."""
        sock = self.connect()
        sock.sendall(request(path))
        return sock

    def ask(self, path: str = "/version") -> str:
        """Return the body of an answer."""
        with self.send(path) as sock:
            return read_body(sock)

    def facts(self) -> dict[str, Any]:
        """What the script found when it began."""
        found: dict[str, Any] = json.loads(self.ask("/facts"))
        return found

    def loading(self, rate: float, *paths: str, keep: bool = False) -> contextlib.AbstractContextManager[Load]:
        return loading(self.target._replace(keep=keep), rate, *paths)

    def until_log(self, text: str, times: int = 1) -> None:
        until(lambda: self.log.count(text) >= times or self.process.poll() is not None, self.log)
        assert self.log.count(text) >= times, self.log

    def until_serving(self, times: int = 1) -> None:
        """Wait until the program has begun to serve so many times."""
        self.until_log("serving", times)
        with self.connect() as sock:  # signals are handled from now on
            sock.sendall(self.target.request("/"))
            assert wire.receive_all(sock), self.log

    def until_version(self, version: str) -> None:
        until(lambda: self.ask() == version, self.log)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def ends_well(self) -> bool:
        """The same for one that may be about to begin anew: between two programs there is nobody who could catch it."""
        return self.end() in (0, -signal.SIGTERM)


def read_body(sock: socket.socket) -> str:
    return wire.answer(wire.parse_records(wire.receive_all(sock))).body.decode()


@contextlib.contextmanager
def spawning(
    directory: Path,
    *arguments: str,
    code: str = "",
    application: str = "'app'",
    protocol: str = "fastcgi",
    name: str = "socket",
    interval: float = 0.02,
    **settings: Any,
) -> Iterator[Spawned]:
    """Run ``app.fcgi`` on a Unix socket of that ``name``; ``code`` runs in it before ``run``."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(directory / name))
        sock.listen(1024)
        spawned = Spawned(directory, sock, protocol)
        spawned.install("one")
        text = SCRIPT.format(code=code, application=application, settings=settings, interval=interval)
        spawned.script.write_text(text)
        spawned.start(*arguments, GATEWAYS_PROTOCOL=protocol)
        try:
            spawned.until_serving()
            yield spawned
        finally:
            spawned.process.kill()
            spawned.process.wait()
