"""A ``Front`` in a thread of the test's process."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Iterator
from typing import Any

from gateways.front import Front
from tests.support.serving import PATIENCE

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
GET_AND_CLOSE = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


class Fronted:
    """A running front, its ``url``, and what it logs."""

    def __init__(self, front: Front, log: io.StringIO) -> None:
        self.front = front
        self.url = front.url.rstrip("/")
        self._log = log
        self.thread = threading.Thread(target=front.serve_forever, name="front")
        self.thread.start()

    @property
    def log(self) -> str:
        return self._log.getvalue()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.front.address, PATIENCE)

    def ask(self, *pieces: bytes) -> bytes:
        """Send ``pieces`` on a new connection, and return what comes back until the front closes."""
        with self.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)
            received = b""
            while piece := sock.recv(65536):
                received += piece
            return received

    def stop(self) -> None:
        """Shut down, and wait until it has."""
        self.front.shutdown()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the front does not stop"


@contextlib.contextmanager
def fronting(address: str, protocol: str = "fastcgi", **options: Any) -> Iterator[Fronted]:
    """Run a front before the backend at ``address``."""
    log = io.StringIO()
    fronted = Fronted(Front("127.0.0.1:0", protocol, address, log=log, **options), log)
    try:
        yield fronted
    finally:
        fronted.stop()
