"""One request over a socket: the core's ``Transport``, and the source of ``wsgi.input`` and ``wsgi.errors``."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from gateways.adapters.events import ABORTED
from gateways.core.input import Errors
from gateways.errors import ClientDisconnected, MalformedBody, ProtocolError
from gateways.server.wire import SEND, Wire

if TYPE_CHECKING:
    from gateways.adapters.interface import ServerConnection
    from gateways.core.types import Headers
    from gateways.server.service import Service
    from gateways.server.wire import Socket

#: A block above this size is sent from where it is: copying it costs more than a gathered write.
COPY_SIZE = 16384
#: What one gathered write takes of a large block. Frames and pieces stay below IOV_MAX (1024).
WRITE_SIZE = 1048576
#: Whether sendfile(2) takes a socket here.
SENDFILE = sys.platform == "linux"

#: What an application is told that reads on after the end of its own response: the next bytes may be another request.
_COMPLETE = "the response is complete"


class Exchange(Wire):
    """The request in hand, as the application's side sees it.

    ``_given_up`` is true after ABORT_REQUEST: the request ends early, and the connection can go on.
    """

    __slots__ = ("_given_up", "_received")

    def open(self, service: Service, protocol: ServerConnection, sock: Socket, peer: str) -> None:
        """Get ready to be served in Python."""
        super().open(service, protocol, sock, peer)
        self._given_up = False
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

        False when it cannot be done, and nothing was sent: while a body is still coming it may have to be read ahead,
        and what goes through TLS has to be read to be encrypted.
        """
        if not (SENDFILE and self.protocol.input_complete and isinstance(self.sock, socket.socket)):
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
                self.sock.send(data, SEND)
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
                if error.status:  # the peer still listens
                    raise MalformedBody(str(error)) from None
                raise self._lost(str(error)) from None
            if protocol.outgoing:
                self.send_outgoing()  # this may have read ahead
            elif event is None:
                self._read_more()
            if isinstance(event, bytes):
                self._received += len(event)
                if 0 < self._service.max_body_size < self._received:
                    raise self._service.body_too_large()
                return event
            if event is ABORTED:
                self._given_up = True
                self._over = "the web server gave the request up"
                raise ClientDisconnected(self._over)

    def send_outgoing(self) -> None:
        """Send what the protocol itself has to say, as patiently as a response. Raises ``ClientDisconnected``."""
        outgoing = self.protocol.outgoing
        data = b"".join(outgoing)
        outgoing.clear()
        if data:
            self._send(data)

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

    def _check_open(self) -> None:
        if self._over:
            raise ClientDisconnected(self._over)

    def _prepare(self, end: bool) -> None:
        """Get ready to send; what is in ``wsgi.errors`` goes out before the end of the request."""
        self._check_open()
        if end and self.errors is not None and self.errors.pending:
            self.errors.flush()

    def _send_large(self, view: memoryview, end: bool) -> None:
        """Send a large block from where it is."""
        for start in range(0, len(view), WRITE_SIZE):
            stop = start + WRITE_SIZE
            self._send_parts(self.protocol.gather_body(view[start:stop], end and stop >= len(view)))
