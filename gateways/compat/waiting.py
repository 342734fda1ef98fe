"""Send and receive on sockets that may be blocking or not, as the classes of flup do."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long a peer may neither send what it has begun nor take an answer, seconds; then it is gone.
SILENCE = 300.0


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
            _wait_or_raise(sock, select.POLLIN)
            continue
        if not data:
            break
        parts.append(data)
        length -= len(data)
    return b"".join(parts)


def receive_whole(
    receive: Callable[[socket.socket, int], tuple[bytes, int]], sock: socket.socket, length: int
) -> bytes:
    """Return ``length`` bytes by ``receive``. Raises ``EOFError`` where the connection ends, or breaks, before that."""
    try:
        data, received = receive(sock, length) if length else (b"", 0)
    except OSError as error:
        raise EOFError(str(error)) from error
    if received < length:
        raise EOFError(f"the connection ended {length - received} bytes too early")
    return data


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send everything. Raises ``OSError``."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            _wait_or_raise(sock, select.POLLOUT)


def _wait_or_raise(sock: socket.socket, events: int) -> None:
    if not wait(sock, events, SILENCE):
        raise socket.timeout("the peer stays silent")


class Framed:
    """How flup's records and packets read and write themselves; programs put their own in the place of these."""

    @staticmethod
    def _recvall(sock: socket.socket, length: int) -> tuple[bytes, int]:
        data = receive_exactly(sock, length)
        return data, len(data)

    @staticmethod
    def _sendall(sock: socket.socket, data: bytes) -> None:
        send_all(sock, data)

    def _complete(self, sock: socket.socket, length: int) -> bytes:
        return receive_whole(self._recvall, sock, length)
