"""Send and receive on sockets that may be blocking or not, as the classes of flup do."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


def wait(sock: socket.socket, events: int = select.POLLIN, timeout: float | None = None) -> bool:
    """Wait until a socket can be read (or written, by POLLOUT); false after ``timeout`` seconds."""
    poll = select.poll()
    poll.register(sock, events)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def receive_exactly(sock: socket.socket, length: int) -> bytes:
    """Return ``length`` bytes, fewer only where the peer ends the connection. Raises ``OSError``."""
    parts = []
    while length:
        try:
            data = sock.recv(min(length, 65536))
        except BlockingIOError:
            wait(sock)
            continue
        if not data:
            break
        parts.append(data)
        length -= len(data)
    return b"".join(parts)


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send everything. Raises ``OSError``."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            wait(sock, select.POLLOUT)
