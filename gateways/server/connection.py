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

A socket stays in blocking mode and is used with MSG_DONTWAIT: that saves a system call for each new connection, and a
wait is then always a wait with a timeout.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
from time import monotonic
from typing import TYPE_CHECKING, Union

from gateways.adapters import fastcgi, scgi
from gateways.adapters.events import ABORTED, Request
from gateways.core.environ import content_length
from gateways.core.handler import handle, refuse
from gateways.core.input import Errors, Input
from gateways.errors import ClientDisconnected, ProtocolError

if TYPE_CHECKING:
    from gateways.core.response import Response
    from gateways.core.types import Environ, Headers
    from gateways.server.service import Service

    Protocol = Union[fastcgi.ServerConnection, scgi.ServerConnection]

#: One read takes what a web server sends of a request in one piece, or a full FastCGI record of a body.
READ_SIZE = 65536
#: A block is framed and sent in pieces of this size, so that a large one is not copied whole.
WRITE_SIZE = 262144
#: How much of a body is read ahead while the response cannot be sent because the peer is still sending.
READ_AHEAD = 1048576

#: How long a server that stops stays with a connection that has no request in hand and may lose something, seconds.
STOP_PATIENCE = 0.2

_NOW = socket.MSG_DONTWAIT
_SEND = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
_RESET = struct.pack("ii", 1, 0)
_FOREVER = float("inf")
_INT = struct.Struct("i")
#: What an application is told that reads on after the end of its own response: the next bytes may be another request.
_COMPLETE = "the response is complete"


class Connection:
    """A connection, its protocol, and the request in hand. It is the ``Transport`` of that request.

    ``deadline`` is the monotonic time at which it may be closed while it waits. ``watched`` is true while the poller
    reports it; ``detached`` while a thread that no longer leads serves it (see worker.py).
    """

    __slots__ = (
        *("_broken", "_errors", "_given_up", "_lingering", "_over", "_received", "_service", "_waiting"),
        *("deadline", "detached", "fd", "peer", "protocol", "sock", "watched"),
    )

    def __init__(self, service: Service, protocol: Protocol, sock: socket.socket, peer: str) -> None:
        self._service = service
        self.sock = sock
        self.fd = sock.fileno()
        self.protocol = protocol
        self.peer = peer
        self.watched = False
        self.detached = False
        self.deadline = monotonic() + service.header_timeout
        self._broken = False
        self._given_up = False  # by ABORT_REQUEST: the request ends early, the connection can go on
        self._over = ""  # why nothing more is read or sent for the request in hand
        self._lingering = False
        self._waiting = False  # used before, and now for a next request, nothing of which is here
        self._received = 0  # body bytes of the request in hand
        self._errors: Errors | None = None

    # The loop's side

    def on_readable(self) -> None:
        """Read once and serve what is complete. Called by the leading thread only."""
        try:
            data = self.sock.recv(READ_SIZE, _NOW)
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
        if not (self._lingering or self.protocol.idle):
            self._service.error_log.info(f"{self.peer}: request headers not complete in time, closed")
        self.close()

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
            if self._broken and self.protocol.name == "SCGI" and self.sock.family != socket.AF_UNIX:
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
        if self._broken or self.protocol.input_complete or self._input_ends():
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

    # The core's side: Transport, wsgi.input and wsgi.errors

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        """Send head and first block in one write (``Transport``)."""
        self._check_open()
        if end and self._errors is not None and self._errors.pending:
            self._errors.flush()
        if len(block) > WRITE_SIZE:
            self._send(self.protocol.encode_head(status, headers, block[:WRITE_SIZE], False))
            self._send_large(memoryview(block)[WRITE_SIZE:], end)
        else:
            self._send(self.protocol.encode_head(status, headers, block, end))
        if end:
            self._over = _COMPLETE

    def send_body(self, block: bytes, end: bool) -> None:
        """Send one more block (``Transport``)."""
        self._check_open()
        if end and self._errors is not None and self._errors.pending:
            self._errors.flush()
        if len(block) > WRITE_SIZE:
            self._send_large(memoryview(block), end)
        else:
            data = self.protocol.encode_body(block, end)
            if data:
                self._send(data)
        if end:
            self._over = _COMPLETE

    def abort(self) -> None:
        """Break the response off (``Transport``): ``close`` sees to it that it cannot look complete."""
        if self._given_up:
            return
        self._broken = True
        data = self.protocol.encode_abort()
        if data and not self._over:
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
        framed = self.protocol.encode_errors(text)
        if self._service.tee_errors or not framed:
            self._service.log_application(text)
        if framed and not self._over:
            try:
                self._send(framed)
            except ClientDisconnected:
                pass  # the response will find out, and say so

    # The socket

    def _check_open(self) -> None:
        if self._over:
            raise ClientDisconnected(self._over)

    def _send(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data, _SEND)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._lost(f"the response could not be sent: {error.strerror}") from None
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_large(self, view: memoryview, end: bool) -> None:
        """Frame and send a large block piece by piece."""
        for start in range(0, len(view), WRITE_SIZE):
            stop = start + WRITE_SIZE
            self._send(self.protocol.encode_body(bytes(view[start:stop]), end and stop >= len(view)))

    def _send_rest(self, view: memoryview) -> None:
        """Send what the socket's buffer did not take, waiting for room.

        Some web servers (mod_fcgid) send the whole body before they read: what arrives meanwhile is read ahead, or
        both sides would wait for ever.
        """
        poll = select.poll()
        reading = True
        while view:
            ahead = reading and self.protocol.buffered < READ_AHEAD
            poll.register(self.fd, select.POLLOUT | (select.POLLIN if ahead else 0))
            queued = _queued_bytes(self.fd)
            ready = poll.poll(self._service.write_timeout * 1000)
            if not ready:
                if _queued_bytes(self.fd) < queued:
                    continue  # there is room when a third of a large buffer is: a slow reader may take minutes
                raise self._lost(f"the web server took no byte for {self._service.write_timeout:g} s")
            try:
                if ahead and ready[0][1] & select.POLLIN:
                    reading = self._read_ahead()
                if ready[0][1] & ~select.POLLIN:
                    view = view[self.sock.send(view, _SEND) :]
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._lost(f"the response could not be sent: {error.strerror}") from None

    def _read_ahead(self) -> bool:
        """Read into the protocol's buffer without waiting; false when the peer will send nothing more."""
        data = self.sock.recv(READ_SIZE, _NOW)
        if data:
            self.protocol.receive_data(data)
        return bool(data)

    def _read_more(self) -> None:
        """Wait for more of the body. Raises ``ClientDisconnected`` at its timeout and when the peer has gone."""
        try:
            try:
                data = self.sock.recv(READ_SIZE, _NOW)
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

    def _lost(self, message: str) -> ClientDisconnected:
        self._broken = True
        self._over = message
        return ClientDisconnected(message)

    # Logs

    def _log_access(self, environ: Environ, response: Response, seconds: float) -> None:
        log = self._service.access_log
        if log is not None:
            log.write(environ, response.status, response.headers, response.body_bytes, seconds, response.aborted)

    def _log_refusal(self, error: ProtocolError) -> None:
        answer = f"answered {error.status}" if error.status else "connection closed"
        self._service.error_log.warning(f"{self.peer}: {self.protocol.name}: {error}; {answer}")


def _queued_bytes(fd: int) -> int:
    """Return how many sent bytes the peer's system has not taken yet (tcp(7), SIOCOUTQ); 0 where nobody knows."""
    try:
        return int(_INT.unpack(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(_INT.size)))[0])
    except OSError:
        return 0
