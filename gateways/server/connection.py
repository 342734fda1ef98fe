"""One connection from a web server: the one place that holds a socket and a protocol.

The way of a request, from the loop to the wire:

    Server (worker.py)      a descriptor is readable
      Connection.on_readable    one recv; bytes go to the protocol
        protocol.next_event       bytes -> Request (its CGI variables)
        EnvironBuilder.build      CGI variables -> environ
        core.handler.handle       calls the application
          Connection.receive        wsgi.input asks for body: recv when the buffer is empty
          Connection.send_head      the protocol frames head and block; one send
          Connection.send_body
      then the connection waits again, lingers, or is closed

What the core calls (``receive``, ``send_*``) and all use of the socket is in exchange.py.
"""

from __future__ import annotations

import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING

from gateways.adapters.events import Request
from gateways.core.environ import content_length
from gateways.core.handler import handle, refuse
from gateways.core.input import Errors, Input
from gateways.errors import ClientDisconnected, ProtocolError
from gateways.server.exchange import NOW, READ_SIZE, Exchange

if TYPE_CHECKING:
    from gateways.core.response import Response
    from gateways.core.types import Environ
    from gateways.server.exchange import Protocol
    from gateways.server.service import Service

#: How long a server that stops stays with a connection that has no request in hand and may lose something, seconds.
STOP_PATIENCE = 0.2

_RESET = struct.pack("ii", 1, 0)
_FOREVER = float("inf")


class Connection(Exchange):
    """A connection as the loop sees it: one request after another, until it is closed.

    ``deadline`` is the monotonic time at which it may be closed while it waits. ``watched`` is true while the poller
    reports it; ``detached`` while a thread that no longer leads serves it (see crew.py).
    """

    __slots__ = ("_lingering", "_waiting", "deadline", "detached", "watched")

    def __init__(self, service: Service, protocol: Protocol, sock: socket.socket, peer: str) -> None:
        super().__init__(service, protocol, sock, peer)
        self.watched = False
        self.detached = False
        self.deadline = monotonic() + service.header_timeout
        self._lingering = False
        self._waiting = False  # used before, and now for a next request, nothing of which is here

    def on_readable(self) -> None:
        """Read once and serve what is complete. Called by the leading thread only."""
        try:
            data = self.sock.recv(READ_SIZE, NOW)
        except BlockingIOError:
            if self._service.stopping and self._waiting and not self._lingering:
                self._end()
            else:
                self._service.watch(self)
            return
        except OSError:
            data = b""
        if not data:
            if not (self.protocol.idle or self._lingering):
                self._service.error_log.debug(f"{self.peer}: closed in the middle of a request")
            self.close()
        elif self._lingering:
            self._service.watch(self)
        else:
            self.protocol.receive_data(data)
            self._advance()

    def on_deadline(self) -> None:
        """Close: the peer took too long, or a kept connection was idle for too long."""
        if not self._lingering and self._has_data():
            return  # it came in time, but all threads were busy: the poller reports it next
        if not (self._lingering or self.protocol.idle):
            self._service.error_log.info(f"{self.peer}: request headers not complete in time, closed")
        self.close()

    def _has_data(self) -> bool:
        try:
            return bool(self.sock.recv(1, NOW | socket.MSG_PEEK))
        except OSError:
            return False

    def on_stop(self) -> None:
        """The server stops: close when no request is on the way. Called by the leading thread while waiting."""
        if self._lingering or self.protocol.idle:
            # A request that came in this moment is still served, and a new connection's first one awaited briefly. A
            # peer that still sends what nobody reads gets the same time to read its response.
            self.deadline = min(self.deadline, monotonic() + STOP_PATIENCE)
            self.on_readable()

    def close(self) -> None:
        """Close the socket, whatever the state. May be called twice.

        A broken-off response must not look complete. FastCGI says so by ``encode_abort`` and has no END_REQUEST then.
        Where the close is the end of a response (SCGI), TCP can still tell by a reset; a Unix socket cannot.
        """
        if self.fd < 0:
            return
        self._service.forget(self)
        self.fd = -1
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
                self._wait()
                return
            if isinstance(event, Request) and not self._serve(event):
                self._end()
                return

    def _wait(self) -> None:
        """Go back to the poller, with the deadline of what is waited for."""
        service = self._service
        if self.protocol.idle:
            if service.stopping:
                self._end()
                return
            self._waiting = True
            self.deadline = monotonic() + service.keepalive_timeout
        elif self._waiting or self.deadline == _FOREVER:
            # The clock runs from the first byte: a request that comes in drops does not push its deadline.
            self._waiting = False
            self.deadline = monotonic() + service.header_timeout
        service.watch(self)

    def _serve(self, request: Request) -> bool:
        """Serve one request; true when the connection can take another."""
        service = self._service
        builder = service.builders[self.protocol.name]
        self.deadline = _FOREVER
        self._over = ""
        self._received = 0
        try:
            environ = builder.build(request.variables)
            length = content_length(environ)
            if length is not None:
                self.protocol.set_body_length(length)
            if service.max_body_size and length is not None and length > service.max_body_size:
                raise service.body_too_large()
        except ProtocolError as error:
            self._answer(error)
            return request.keep and not self._broken
        errors = self._errors = Errors(self.send_errors)
        body = Input(self.receive, length)
        environ["wsgi.errors"] = errors
        environ["wsgi.input"] = body
        service.begin(self)
        started = monotonic()
        response = handle(service.application, environ, self, errors, service.debug)
        if self._given_up:
            self._end_given_up()
        if body.short:
            service.error_log.warning(f"{self.peer}: body shorter than its CONTENT_LENGTH of {length} bytes")
        if response.failure:
            service.error_log.info(f"{self.peer}: {response.failure}")
        if service.access_log is not None:
            self._log_access(environ, response, monotonic() - started)
        self._errors = None
        service.end(self)
        return request.keep and not self._broken and not service.stopping

    def _end_given_up(self) -> None:
        """Answer ABORT_REQUEST (FastCGI 1.0, section 5.4), now that the application has let go."""
        self._given_up = False
        self._over = ""
        try:
            self._send(self.protocol.complete(app_status=1))
        except ClientDisconnected:
            pass

    def _end(self) -> None:
        """Close after the last response: at once, or when what the peer still sends has been read."""
        # SCGI says by the close itself that a response breaks off. FastCGI has sent a record for that, and text for the
        # log: Apache reads neither when it cannot send the rest of the body.
        gone = self._broken and (bool(self._over) or self.protocol.ends_by_close)
        if gone or self.protocol.input_complete or self._input_ends():
            self.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """End our side, and read what still comes for a while."""
        # Closing with unread bytes resets the connection and can take the response with it.
        self._lingering = True
        self.deadline = monotonic() + self._service.linger_timeout
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

    def _answer(self, error: ProtocolError) -> None:
        """Send the answer that ``error`` carries."""
        self._log_refusal(error)
        self._over = ""
        self._service.begin(self)  # a peer that does not read must not hold the leader up
        refuse(self, error)
        self._service.end(self)

    # Logs

    def _log_access(self, environ: Environ, response: Response, seconds: float) -> None:
        log = self._service.access_log
        if log is not None:
            log.write(environ, response.status, response.headers, response.body_bytes, seconds, response.aborted)

    def _log_refusal(self, error: ProtocolError) -> None:
        answer = f"answered {error.status}" if error.status else "connection closed"
        self._service.error_log.warning(f"{self.peer}: {self.protocol.name}: {error}; {answer}")
