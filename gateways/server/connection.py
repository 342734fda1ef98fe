"""One connection from a web server, from its first byte to its close.

The way of a request, from the loop to the wire:

    Server (worker.py)      a descriptor is readable
      Connection.read           one recv; bytes go to the protocol
        protocol.next_event       bytes -> Request (its CGI variables)
        EnvironBuilder.build      CGI variables -> environ
        core.handler.handle       calls the application
          Connection.receive        wsgi.input asks for body: recv when the buffer is empty
          Connection.send_head      the protocol frames head and block; one send
          Connection.send_body
      then the connection waits again, lingers, or is closed

One request is in serving.py, what the core calls for it in exchange.py, the socket in wire.py. Where the C part is
built it goes this way by itself for the usual request (adapters/_speedups_path.c), and comes here with any other:
``on_data``, ``on_environ``, ``respond``, ``take_over`` and ``finish`` are where.
"""

from __future__ import annotations

import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING

from gateways.adapters.events import Request
from gateways.core.handler import complete
from gateways.errors import ClientDisconnected, ProtocolError
from gateways.server.serving import FOREVER, Serving
from gateways.server.wire import NOW, READ_SIZE, SEND, unread_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.adapters.interface import ServerConnection
    from gateways.core.response import Response
    from gateways.core.types import Environ
    from gateways.server.service import Service
    from gateways.server.wire import Socket

#: How long a server that stops stays with a connection that has no request in hand and may lose something, seconds.
STOP_PATIENCE = 0.2

_RESET = struct.pack("ii", 1, 0)


class Connection(Serving):
    """A connection as the loop sees it: one request after another, until it is closed."""

    __slots__ = ("_lingering",)

    def open(self, service: Service, protocol: ServerConnection, sock: Socket, peer: str) -> None:
        """Get ready to be served in Python."""
        super().open(service, protocol, sock, peer)
        self._lingering = False

    def read(self) -> None:
        """Read once and serve what is complete. Called by the leading thread only."""
        data: bytes | None
        try:
            data = self.sock.recv(READ_SIZE, NOW)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        self.on_data(data)

    def on_data(self, data: bytes | None) -> None:
        """Serve what is complete with ``data``; None: there was nothing, ``b""``: the peer has ended the connection."""
        if data is None:
            if self._service.stopping and self.waiting and not self._lingering:
                self._end()
            else:
                self._service.watch(self)
        elif not data:
            if not (self.protocol.idle or self._lingering):
                self._service.error_log.debug(f"{self.peer}: closed in the middle of a request")
            self.close()
        elif self._lingering:
            self._service.watch(self)
        else:
            self.fresh = False
            self.protocol.receive_data(data)
            self._advance()

    def on_deadline(self) -> None:
        """Close: the peer took too long, or a kept connection was idle for too long."""
        if not self._lingering and self.has_data():
            return  # it came in time, but all threads were busy: the poller reports it next
        if not self._lingering:
            self._log_late()
            self._send_at_once(self.protocol.owed)
        self.close()

    def _log_late(self) -> None:
        """Say what did not come in time; nothing of a kept connection that was idle."""
        service = self._service
        if not self.protocol.idle:
            late = "request headers not complete in time"
            if self.protocol.draining:
                late = f"no byte of the body for {service.body_timeout:g} s"
            service.error_log.info(f"{self.peer}: {late}, closed")

    def has_data(self) -> bool:
        """Say whether a byte is here, without taking it."""
        try:
            return bool(self.sock.recv(1, NOW | socket.MSG_PEEK))
        except OSError:
            return False

    def on_stop(self) -> None:
        """The server stops: close when no request is on the way. Called by the leading thread while waiting."""
        if self._lingering or ((self.protocol.idle or self.protocol.draining) and not self._arriving):
            # A request that came in this moment is still served, and a new connection's first one awaited briefly. A
            # peer that still sends what nobody reads gets the same time to read its response.
            self.deadline = min(self.deadline, monotonic() + STOP_PATIENCE)
            self.read()

    @property
    def _arriving(self) -> bool:
        """True in the middle of a TLS handshake, or of a header of the PROXY protocol: a request will follow."""
        return getattr(self.sock, "arriving", False)

    def close(self) -> None:
        """Close the socket, whatever the state. May be called twice.

        A broken-off response must not look complete. FastCGI says so by ``encode_abort`` and has no END_REQUEST then.
        Where the close is the end of a response (SCGI, uwsgi), TCP can still tell by a reset; a Unix socket cannot.
        """
        if self.fd < 0:
            return
        self._service.forget(self)
        self.fd = -1
        self.errors = None  # it knows this connection
        try:
            if self._broken and self.protocol.ends_by_close and self.sock.family != socket.AF_UNIX:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            else:
                # A process that the application forked may hold a copy of the descriptor: end the connection itself.
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _advance(self) -> None:
        """Parse and serve, one request after another, until more bytes are needed or the connection ends."""
        protocol = self.protocol
        while True:
            try:
                event = protocol.next_event()
            except ProtocolError as error:
                self._refuse(error)
                return
            if protocol.outgoing and not self._flush_outgoing():
                self.close()
                return
            if event is None:
                self.wait()
                return
            if isinstance(event, Request) and not self._serve(event):
                self._end()
                return

    def _flush_outgoing(self) -> bool:
        """Send the protocol's own answers between requests; false when the peer does not read them.

        They are not worth a buffer then, and the leading thread must not wait.
        """
        data = b"".join(self.protocol.outgoing)
        self.protocol.outgoing.clear()
        return self._send_at_once(data)

    def _send_at_once(self, data: bytes) -> bool:
        try:
            return not data or self.sock.send(data, SEND) == len(data)
        except OSError:
            return False

    def wait(self) -> None:
        """Go back to the poller, with the deadline of what is waited for."""
        service = self._service
        if self.protocol.idle:
            if service.stopping:
                self._end()
                return
            self.waiting = True
            self.fresh = True
            self.deadline = monotonic() + service.keepalive_timeout
        elif self.protocol.draining:
            # In the middle of a piece of a body that nobody reads. The clock runs from the last byte.
            if service.stopping:
                self._end()
                return
            self.waiting = True
            self.deadline = monotonic() + service.body_timeout
        elif self.waiting or self.deadline == FOREVER:
            # The clock runs from the first byte: a request that comes in drops does not push its deadline.
            self.waiting = False
            self.deadline = monotonic() + service.header_timeout
        service.watch(self)

    def _end(self) -> None:
        """Close after the last response: at once, or when what the peer still sends has been read."""
        # SCGI says by the close itself that a response breaks off. FastCGI has sent a record for that, and text for the
        # log: Apache reads neither when it cannot send the rest of the body.
        ends_by_close = self.protocol.ends_by_close
        if self._broken and (self._over or ends_by_close):
            self.close()
        elif not (self.protocol.input_complete or self._input_ends()) or (ends_by_close and unread_bytes(self.fd)):
            self._linger()  # also for more than was announced, which nobody will take for a request
        else:
            self._flush_outgoing()  # the end of a request whose input has come only now
            self.close()

    def _linger(self) -> None:
        """End our side, and read what still comes for a while."""
        # Closing with unread bytes resets the connection and can take the response with it.
        self._lingering = True
        self._send_at_once(self.protocol.owed)
        patience = self._service.linger_timeout
        self.deadline = monotonic() + (min(patience, STOP_PATIENCE) if self._service.stopping else patience)
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._service.watch(self)

    def _input_ends(self) -> bool:
        """Skip what is here of the body that the application did not read; true when that was all of it."""
        try:
            while self.protocol.next_event():
                pass
        except ProtocolError:
            return True
        return self.protocol.input_complete

    def _refuse(self, error: ProtocolError) -> None:
        """End a connection on which the peer broke the protocol, with an answer where one is possible."""
        answered = bool(self.protocol.outgoing) and self._flush_outgoing()
        if error.status:
            self._answer(error)
        else:
            self._log_refusal(error)
        if error.status or answered:
            self._linger()
        else:
            self.close()

    # Where the C part stops

    def on_environ(self, environ: Environ, keep: bool, rest: bytes) -> None:
        """Serve a request with a body, of which ``rest`` is here."""
        self.fresh = False
        self.protocol.resume(keep, rest)
        self._go_on(self._serve_environ(environ, keep))

    def take_over(
        self,
        environ: Environ,
        response: Response,
        result: Iterable[bytes],
        error: BaseException | None,
        started: float,
    ) -> None:
        """Send what the application returned, or answer for the ``error`` that it raised."""
        complete(response, result, environ, self.errors, self._service.debug, error)
        self._go_on(self._conclude(environ, response, self.keep, started))

    def finish(self, environ: Environ, response: Response, rest: bytes, body_bytes: int, started: float) -> None:
        """Send the ``rest`` of a response, for which the socket had no room."""
        response.sent = True
        try:
            self._send_rest([rest])
            response.body_bytes = body_bytes
            self.protocol.complete()
        except ClientDisconnected as error:
            response.failure = str(error)
            response.aborted = True
        self._go_on(self._conclude(environ, response, self.keep, started))

    def _go_on(self, keep: bool) -> None:
        if keep:
            self._advance()
        else:
            self._end()
