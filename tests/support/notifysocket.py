"""The socket of a service manager: what systemd would be told is in ``messages``."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator

from tests.support.serving import PATIENCE


class NotifySocket:
    """A datagram socket. ``environ`` is what a program has to be started with to speak to it."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock = sock
        self.environ = {"NOTIFY_SOCKET": name}
        self.messages: list[dict[str, str]] = []

    def receive(self) -> dict[str, str]:
        """Wait for the next message; return its fields."""
        fields = dict(line.split("=", 1) for line in self.sock.recv(65536).decode().split("\n"))
        self.messages.append(fields)
        return fields

    def until(self, **fields: str) -> dict[str, str]:
        """Wait for a message with these fields, and return it; those before it are in ``messages``."""
        while True:
            message = self.receive()
            if fields.items() <= message.items():
                return message


@contextlib.contextmanager
def notify_socket(abstract: bool = False) -> Iterator[NotifySocket]:
    """Open a socket that waits for ``PATIENCE`` seconds at most."""
    with (
        tempfile.TemporaryDirectory(prefix="gw-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
    ):
        name = f"{'@' if abstract else ''}{directory}/notify"
        sock.bind("\0" + name[1:] if abstract else name)
        sock.settimeout(PATIENCE)
        yield NotifySocket(sock, name)
