"""One request over a socket: the core's ``Transport``, the source of ``wsgi.input``, and every wait for the peer.

A socket stays in blocking mode and is used with MSG_DONTWAIT: that saves a system call for each new connection, and a
wait is then always a wait with a timeout.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
import termios
from typing import TYPE_CHECKING, Union

from gateways.adapters import fastcgi, scgi
from gateways.adapters.events import ABORTED
from gateways.adapters.speedups import Link
from gateways.core.input import Errors
from gateways.errors import ClientDisconnected, ProtocolError

if TYPE_CHECKING:
    from gateways.core.types import Headers
    from gateways.server.service import Service

    Protocol = Union[fastcgi.ServerConnection, scgi.ServerConnection]

#: One read takes what a web server sends of a request in one piece, or a full FastCGI record of a body.
READ_SIZE = 65536
#: A block above this size is sent from where it is: copying it costs more than a gathered write.
COPY_SIZE = 16384
#: What one gathered write takes of a large block. Frames and pieces stay below IOV_MAX (1024).
WRITE_SIZE = 1048576
#: How much of a body is read ahead while the response cannot be sent because the peer is still sending.
READ_AHEAD = 1048576

#: Whether sendfile(2) takes a socket here.
SENDFILE = sys.platform == "linux"

NOW = socket.MSG_DONTWAIT
_SEND = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
_INT = struct.Struct("i")
#: What an application is told that reads on after the end of its own response: the next bytes may be another request.
_COMPLETE = "the response is complete"


class Exchange(Link):
    """A socket, its protocol, and the request in hand, as the application's side sees them.

    ``_broken`` is true once the connection is of no more use, ``_given_up`` after ABORT_REQUEST: the request ends
    early and the connection can go on. ``_cut`` is true once a send has failed: nothing can follow what was cut there.
    ``_over`` tells why nothing more is read or sent for the request in hand.
    """

    __slots__ = (
        *("_broken", "_cut", "_given_up", "_over", "_reads_ahead", "_received", "_service"),
        *("peer", "protocol", "sock"),
    )

    def open(self, service: Service, protocol: Protocol, sock: socket.socket, peer: str) -> None:
        """Get ready to be served in Python. The C part makes connections without this, and many never need it."""
        self._service = service
        self.sock = sock
        self.protocol = protocol
        self.peer = peer
        self._broken = False
        self._cut = False
        self._given_up = False
        self._reads_ahead = True  # until the peer has ended its side
        self._over = ""
        self._received = 0  # body bytes of the request in hand

    def join(self) -> None:
        """Let the protocol know of the request that the C part has in hand."""
        if self.ahead:
            self.ahead = False
            self.admit()
            self.protocol.resume(self.keep, None)
            self._over = ""

    def make_errors(self) -> Errors:
        """Return ``wsgi.errors`` for all requests of this connection."""
        return Errors(self.send_errors)

    # The core's side: Transport, wsgi.input and wsgi.errors

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        """Send head and first block in one write (``Transport``)."""
        self._prepare(end)
        if len(block) <= COPY_SIZE:
            self._send(self.protocol.encode_head(status, headers, block, end))
        else:
            view = memoryview(block)
            last = end and len(view) <= WRITE_SIZE
            self._send_parts(self.protocol.gather_head(status, headers, view[:WRITE_SIZE], last))
            self._send_large(view[WRITE_SIZE:], end)
        if end:
            self._over = _COMPLETE

    def send_body(self, block: bytes, end: bool) -> None:
        """Send one more block (``Transport``)."""
        self._prepare(end)
        if len(block) > COPY_SIZE:
            self._send_large(memoryview(block), end)
        else:
            data = self.protocol.encode_body(block, end)
            if data:
                self._send(data)
        if end:
            self._over = _COMPLETE

    def send_file(self, file: int, offset: int, count: int) -> bool:
        """Send ``count`` bytes of a regular file from its ``offset`` without reading them (``Transport``).

        False when it cannot be done, and nothing was sent: while a body is still coming it may have to be read ahead.
        """
        if not (SENDFILE and self.protocol.input_complete):
            return False
        self._prepare(False)
        os.set_blocking(self.fd, False)
        for frame, length in self.protocol.frame_file(count):
            if frame:
                self._send(frame)
            while length:
                sent = self._send_file_piece(file, offset, length)
                offset += sent
                length -= sent
        return True

    def abort(self) -> None:
        """Break the response off (``Transport``): ``close`` sees to it that it cannot look complete."""
        if self._given_up:
            return
        self._broken = True
        data = self.protocol.encode_abort()
        if data and not self._cut:
            try:
                self.sock.send(data, _SEND)
            except OSError:
                pass  # nobody listens any more

    def receive(self) -> bytes:
        """Return the next piece of the body; called by ``wsgi.input`` when it has no more."""
        self._check_open()
        protocol = self.protocol
        while True:
            try:
                event = protocol.next_event()
            except ProtocolError as error:
                raise self._lost(str(error)) from None
            if protocol.outgoing and not self._flush_outgoing():
                raise self._lost("the web server does not read")
            if event is None:
                self._read_more()
            elif isinstance(event, bytes):
                self._received += len(event)
                if 0 < self._service.max_body_size < self._received:
                    raise self._service.body_too_large()
                return event
            elif event is ABORTED:
                self._given_up = True
                self._over = "the web server gave the request up"
                raise ClientDisconnected(self._over)

    def send_errors(self, text: bytes) -> None:
        """Hand ``wsgi.errors`` text to the web server's error log, and to our own where that is another one."""
        self.join()
        framed = b"" if self._cut else self.protocol.encode_errors(text)
        if self._service.tee_errors or not framed:
            self._service.log_application(text)
        if framed:
            try:
                self._send(framed)
            except ClientDisconnected:
                pass  # the response will find out, and say so

    # The socket

    def _check_open(self) -> None:
        if self._over:
            raise ClientDisconnected(self._over)

    def _prepare(self, end: bool) -> None:
        """Get ready to send; what is in ``wsgi.errors`` goes out before the end of the request."""
        self._check_open()
        if end and self.errors is not None and self.errors.pending:
            self.errors.flush()

    def _send(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data, _SEND)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._unsent(error) from None
        if sent < len(data):
            self._send_rest([memoryview(data)[sent:]])

    def _send_large(self, view: memoryview, end: bool) -> None:
        """Send a large block from where it is."""
        for start in range(0, len(view), WRITE_SIZE):
            stop = start + WRITE_SIZE
            self._send_parts(self.protocol.gather_body(view[start:stop], end and stop >= len(view)))

    def _send_parts(self, parts: list[bytes | memoryview]) -> None:
        try:
            sent = self.sock.sendmsg(parts, (), _SEND)
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
                parts = _behind(parts, self.sock.sendmsg(parts, (), _SEND))
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
            queued = _queued_bytes(self.fd)
            ready = poll.poll(self._service.write_timeout * 1000)
            if not ready:
                if _queued_bytes(self.fd) < queued:
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
        """Wait for more of the body. Raises ``ClientDisconnected`` at its timeout and when the peer has gone."""
        try:
            try:
                data = self.sock.recv(READ_SIZE, NOW)
            except BlockingIOError:
                poll = select.poll()
                poll.register(self.fd, select.POLLIN)
                if not poll.poll(self._service.body_timeout * 1000):
                    raise self._lost(f"no byte of the body for {self._service.body_timeout:g} s") from None
                data = self.sock.recv(READ_SIZE)
        except ClientDisconnected:
            raise
        except OSError as error:
            raise self._lost(f"the body broke off: {error.strerror}") from None
        if not data:
            raise self._lost("the body broke off: the connection was closed")
        self.protocol.receive_data(data)

    def _flush_outgoing(self) -> bool:
        """Send the protocol's own answers; false when the peer does not read them: then it is not worth a buffer."""
        outgoing = self.protocol.outgoing
        if not outgoing:
            return True
        data = b"".join(outgoing)
        outgoing.clear()
        try:
            return self.sock.send(data, _SEND) == len(data)
        except OSError:
            return False

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


def _queued_bytes(fd: int) -> int:
    """Return how many sent bytes the peer's system has not taken yet (tcp(7), SIOCOUTQ); 0 where nobody knows."""
    try:
        return int(_INT.unpack(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(_INT.size)))[0])
    except OSError:
        return 0
