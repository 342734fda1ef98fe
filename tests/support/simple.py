"""A ``make_server`` in a thread of the test's process, and a client that sees every byte."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateways import make_server
from gateways.simple import SimpleServer
from tests.support.serving import PATIENCE, connect
from tests.support.wire import receive_all, send_all


class Reply(NamedTuple):
    """A response of HTTP, as it came; ``more`` is what followed its head."""

    status: str
    headers: list[tuple[str, str]]
    more: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for found, value in self.headers if found.lower() == name.lower())


class Simple:
    """A running server."""

    def __init__(self, server: SimpleServer, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.thread = threading.Thread(target=server.serve_forever, name="simple")

    def connect(self) -> Any:
        return connect(2, ("127.0.0.1", self.server.server_port))

    def ask(self, data: bytes) -> bytes:
        """Return all that comes back until the server closes."""
        with self.connect() as sock:
            send_all(sock, data)
            return receive_all(sock)

    def get(self, path: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> Reply:
        """Serve one request on a connection of its own."""
        head = [f"{method} {path} HTTP/1.1", "Host: example.test", "Connection: close", *lines]
        return parse(self.ask("\r\n".join([*head, "", ""]).encode("latin-1") + body))

    @property
    def access_log(self) -> str:
        return (self.directory / "access.log").read_text(encoding="ascii")

    @property
    def error_log(self) -> str:
        return (self.directory / "error.log").read_text(encoding="utf-8")


def parse(data: bytes) -> Reply:
    """Take a response apart."""
    head, end, more = data.partition(b"\r\n\r\n")
    assert end, data
    first, *lines = head.decode("latin-1").split("\r\n")
    return Reply(first, [(name, value) for name, _, value in (line.partition(": ") for line in lines)], more)


@contextlib.contextmanager
def simple(application: Any, **settings: Any) -> Iterator[Simple]:
    """Run a server whose logs are files, on a free port."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        logs = {"access_log": str(directory / "access.log"), "error_log": str(directory / "error.log")}
        with make_server("127.0.0.1", 0, application, **{**logs, **settings}) as server:
            running = Simple(server, directory)
            running.thread.start()
            try:
                yield running
            finally:
                server.shutdown()
                running.thread.join(PATIENCE)
                assert not running.thread.is_alive(), "the server does not stop"
