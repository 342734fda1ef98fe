"""Servers by flup's names in a thread of the test's process, and scripts that import flup."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateways.client import Response, request
from tests.support.serving import PATIENCE, until

ROOT = Path(__file__).parents[2]
TEXT = [("Content-Type", "text/plain")]


def hello(environ, start_response):
    """What most tests serve."""
    start_response("200 OK", TEXT)
    return [f"hello {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}\n".encode("latin-1")]


class Running:
    """A server that runs; ``answer`` is what its ``run`` has returned."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.sock: socket.socket | None = None
        self.answer: object = None
        self.error: BaseException | None = None
        self._bound = threading.Event()
        self._setup = server._setupSocket
        server._setupSocket = self._keep
        self.thread = threading.Thread(target=self._run, name="flup server")

    def _keep(self) -> socket.socket:
        self.sock = self._setup()
        self.name = self.sock.getsockname()
        self._bound.set()
        return self.sock

    def _run(self) -> None:
        try:
            self.answer = self.server.run()
        except BaseException as error:
            self.error = error
        finally:
            self._bound.set()

    def start(self) -> None:
        self.thread.start()
        assert self._bound.wait(PATIENCE)

    @property
    def address(self) -> str:
        return f"unix:{self.name}" if isinstance(self.name, str) else f"{self.name[0]}:{self.name[1]}"

    def get(self, target: str = "/", protocol: str | None = None, **more: Any) -> Response:
        """Ask for something, and return the response, whose body is to be read."""
        return request(protocol or self.server.protocol, self.address, target=target, timeout=PATIENCE, **more)

    def read(self, target: str = "/", **more: Any) -> bytes:
        """Ask for something, and return the body."""
        with self.get(target, **more) as response:
            return response.read()

    def stop(self) -> None:
        until(lambda: self.server._keepGoing or not self.thread.is_alive())
        self.server._keepGoing = False
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


@contextlib.contextmanager
def running(server: Any) -> Iterator[Running]:
    """Run a server in a thread, until the block ends."""
    run = Running(server)
    run.start()
    try:
        yield run
    finally:
        run.stop()


class Script:
    """A Python script in a process of its own, that calls the flup names of this project, and its output."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def script(
    directory: Path, code: str, *arguments: str, stdin: Any = subprocess.DEVNULL, **env: str
) -> Iterator[Script]:
    """Run ``code`` with ``install()`` before it; its output goes to a file."""
    file = directory / "program.py"
    file.write_text("import gateways.compat.flup\ngateways.compat.flup.install()\n" + textwrap.dedent(code))
    log = directory / "program.log"
    with open(log, "wb") as output:
        command = [sys.executable, str(file), *arguments]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **env}
        process = subprocess.Popen(command, cwd=directory, env=environ, stdin=stdin, stdout=output, stderr=output)
    with process:
        try:
            yield Script(process, log)
        finally:
            process.kill()


def answers(protocol: str, address: str, target: str = "/") -> bool:
    """Say whether a backend answers."""
    from gateways.errors import GatewayError

    try:
        with request(protocol, address, target=target, timeout=PATIENCE) as response:
            response.read()
            return True
    except (GatewayError, OSError):
        return False
