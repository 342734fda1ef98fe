"""The socket of a connection: every read, every write, and every wait for the peer.

A socket stays in blocking mode and is used with MSG_DONTWAIT: that saves a system call for each new connection, and a
wait is then always a wait with a timeout.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
from typing import TYPE_CHECKING, Any

from gateways.adapters.speedups import Link
from gateways.errors import ClientDisconnected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gateways.adapters.interface import ServerConnection
    from gateways.server.service import Service

    class Socket(Protocol):
        """What is used of a socket: one of the system's, or what stands before it (tlssocket.py, proxysocket.py).

        Reading and sending never wait, whatever the flags, but for ``recv`` of a socket of the system's.
        """

        @property
        def family(self) -> int:
            """The family of its addresses."""

        def recv(self, size: int, flags: int = 0, /) -> bytes:
            """Return what has come."""

        def send(self, data: bytes | memoryview, flags: int = 0, /) -> int:
            """Send, and return how many bytes were taken."""

        def sendmsg(self, parts: Sequence[bytes | memoryview], ancillary: Any = (), flags: int = 0, /) -> int:
            """Send several pieces."""

        def setsockopt(self, level: int, option: int, value: bytes | int, /) -> None:
            """Set an option."""

        def shutdown(self, how: int, /) -> None:
            """End one direction, or both."""

        def close(self) -> None:
            """Close it."""


#: One read takes what a web server sends of a request in one piece, or a full FastCGI record of a body.
READ_SIZE = 65536
#: How much of a body is read ahead while the response cannot be sent because the peer is still sending.
READ_AHEAD = 1048576

NOW = socket.MSG_DONTWAIT
SEND = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
_INT = struct.Struct("i")
_ZERO = bytes(_INT.size)


class Wire(Link):
    """A socket and the protocol that is spoken on it.

    ``_broken`` is true once the connection is of no more use. ``_cut`` is true once a send has failed: nothing can
    follow what was cut there. ``_over`` tells why nothing more is read or sent for the request in hand.
    """

    __slots__ = ("_broken", "_cut", "_interrupt", "_over", "_reads_ahead", "_service", "peer", "protocol", "sock")

    def open(self, service: Service, protocol: ServerConnection, sock: Socket, peer: str) -> None:
        """Get ready to be served in Python. The C part makes connections without this, and many never need it."""
        self._service = service
        self.sock = sock
        self.protocol = protocol
        self.peer = peer
        self._broken = False
        self._cut = False
        self._interrupt = -1
        self._reads_ahead = True  # until the peer has ended its side
        self._over = ""

    def interrupt_by(self, fd: int) -> None:
        """Have a wait for the body end with ``InterruptedError``, and nothing lost, when ``fd`` is readable; -1: never.

        What ``fd``, a pipe that does not block, holds then is read.
        """
        self._interrupt = fd

    def _send(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data, SEND)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._unsent(error) from None
        if sent < len(data):
            self._send_rest([memoryview(data)[sent:]])

    def _send_parts(self, parts: list[bytes | memoryview]) -> None:
        try:
            sent = self.sock.sendmsg(parts, (), SEND)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._unsent(error) from None
        rest = _behind(parts, sent)
        if rest:
            self._send_rest(rest)

    def _send_rest(self, parts: list[bytes | memoryview]) -> None:
        """Send what the socket's buffer did not take, waiting for room."""
        while parts:
            self._wait_for_room()
            try:
                parts = _behind(parts, self.sock.sendmsg(parts, (), SEND))
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._unsent(error) from None

    def _send_file_piece(self, file: int, offset: int, count: int) -> int:
        """Send up to ``count`` bytes of a file, waiting for room."""
        while True:
            try:
                sent = os.sendfile(self.fd, file, offset, count)
            except BlockingIOError:
                self._wait_for_room()
            except OSError as error:
                raise self._unsent(error) from None
            else:
                if not sent:
                    raise self._cut_off("the file became shorter while it was sent")
                return sent

    def _wait_for_room(self) -> None:
        """Wait until the socket takes more.

        Some web servers (mod_fcgid) send the whole body before they read: what arrives meanwhile is read ahead, or
        both sides would wait for ever.
        """
        poll = select.poll()
        while True:
            ahead = self._reads_ahead and self.protocol.buffered < READ_AHEAD
            poll.register(self.fd, select.POLLOUT | (select.POLLIN if ahead else 0))
            queued = queued_bytes(self.fd)
            ready = poll.poll(self._service.write_timeout * 1000)
            if not ready:
                if queued_bytes(self.fd) < queued:
                    continue  # there is room when a third of a large buffer is: a slow reader may take minutes
                raise self._cut_off(f"the web server took no byte for {self._service.write_timeout:g} s")
            if ahead and ready[0][1] & select.POLLIN:
                try:
                    self._reads_ahead = self._read_ahead()
                except BlockingIOError:
                    pass
                except OSError as error:
                    raise self._unsent(error) from None
            if ready[0][1] & ~select.POLLIN:
                return

    def _read_ahead(self) -> bool:
        """Read into the protocol's buffer without waiting; false when the peer will send nothing more."""
        data = self.sock.recv(READ_SIZE, NOW)
        if data:
            self.protocol.receive_data(data)
        return bool(data)

    def _read_more(self) -> None:
        """Wait for more of the body. Raises ``ClientDisconnected`` at its timeout and when the peer has gone.

        Raises ``InterruptedError``, see ``interrupt_by``.
        """
        while True:
            try:
                data = self.sock.recv(READ_SIZE, NOW)
            except BlockingIOError:
                poll = select.poll()
                poll.register(self.fd, select.POLLIN)
                if self._interrupt >= 0:
                    poll.register(self._interrupt, select.POLLIN)
                ready = poll.poll(self._service.body_timeout * 1000)
                if not ready:
                    raise self._lost(f"no byte of the body for {self._service.body_timeout:g} s") from None
                if ready[-1][0] == self._interrupt:
                    os.read(self._interrupt, READ_SIZE)
                    raise InterruptedError("something else is to be done") from None
            except OSError as error:
                raise self._lost(f"the body broke off: {error.strerror}") from None
            else:
                break
        if not data:
            raise self._lost("the body broke off: the connection was closed")
        self.protocol.receive_data(data)

    def _cut_off(self, message: str) -> ClientDisconnected:
        self._cut = True
        return self._lost(message)

    def _unsent(self, error: OSError) -> ClientDisconnected:
        return self._cut_off(f"the response could not be sent: {error.strerror}")

    def _lost(self, message: str) -> ClientDisconnected:
        self._broken = True
        self._over = message
        return ClientDisconnected(message)


def _behind(parts: list[bytes | memoryview], sent: int) -> list[bytes | memoryview]:
    """Return what is left of ``parts`` behind the first ``sent`` bytes."""
    for index, part in enumerate(parts):
        if sent < len(part):
            return [memoryview(part)[sent:], *parts[index + 1 :]]
        sent -= len(part)
    return []


def unread_bytes(fd: int) -> int:
    """Return how many bytes have come that nobody has read yet (unix(7), SIOCINQ); 0 where nobody knows.

    Half as dear as a read that finds nothing, and raises nothing then.
    """
    try:
        return int(_INT.unpack(fcntl.ioctl(fd, termios.FIONREAD, _ZERO))[0])
    except (OSError, ValueError):  # the second for -1, a connection that is closed
        return 0


def queued_bytes(fd: int) -> int:
    """Return how many sent bytes the peer's system has not taken yet (tcp(7), SIOCOUTQ); 0 where nobody knows."""
    try:
        return int(_INT.unpack(fcntl.ioctl(fd, termios.TIOCOUTQ, _ZERO))[0])
    except OSError:
        return 0
