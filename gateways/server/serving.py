"""One request of a connection, from its variables to the line in the access log."""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING

import gateways.core.failures  # noqa: F401 - otherwise the core loads it at a failure, when there may be no descriptor
from gateways.core import posthooks
from gateways.core.environ import content_length
from gateways.core.handler import handle, new_response, refuse
from gateways.core.input import Input
from gateways.errors import ClientDisconnected, ProtocolError
from gateways.server.continuing import make_input
from gateways.server.exchange import Exchange
from gateways.server.filtering import Streams
from gateways.server.wire import READ_SIZE

if TYPE_CHECKING:
    from gateways.adapters.events import Request
    from gateways.core.response import Response
    from gateways.core.types import Environ, Headers

#: The deadline of a connection that waits for nobody.
FOREVER = float("inf")


class Serving(Exchange):
    """What is done for one request. Methods that return a bool say whether the connection can take another."""

    __slots__ = ()

    def _serve(self, request: Request) -> bool:
        """Serve one request."""
        streams = None
        try:
            environ = self._service.builders[self.protocol.name].build(request.variables)
            if request.filters:
                streams = Streams(self.receive, self._receive_data, environ)
        except ProtocolError as error:
            self._answer(error)
            return request.keep and not self._broken
        return self._serve_environ(environ, request.keep, streams, request)

    def _serve_environ(
        self, environ: Environ, keep: bool, streams: Streams | None = None, request: Request | None = None
    ) -> bool:
        """Serve the request that ``environ`` was made from; ``streams`` are those of a filter.

        The response may still decide that ``request`` is the last one of its connection.
        """
        service = self._service
        self.deadline = FOREVER
        self._over = ""
        self._received = 0
        length = content_length(environ)
        if length is not None:
            self.protocol.set_body_length(length, environ.get("SERVER_SOFTWARE", ""))
            if 0 < service.max_body_size < length:
                self._answer(service.body_too_large(), environ)
                return keep and not self._broken and (request is None or request.keep)
        errors = self.errors
        if errors is None:
            errors = self.errors = self.make_errors()
        body: Input
        if streams is not None:
            body = streams.body
        else:
            body = Input(self.receive, length) if "HTTP_EXPECT" not in environ else make_input(self, length)
        environ["wsgi.errors"] = errors
        environ["wsgi.input"] = body
        if service.tells_descriptor:
            environ["gateways.descriptor"] = self.fd
            environ["gateways.interrupt_by"] = self.interrupt_by
        service.begin(self, environ)
        started = monotonic()
        response = handle(service.application, environ, self, errors, service.debug)
        if body.short:
            service.error_log.warning(f"{self.peer}: body shorter than its CONTENT_LENGTH of {length} bytes")
        if streams is not None and streams.data.short:
            service.error_log.warning(f"{self.peer}: data shorter than its FCGI_DATA_LENGTH")
        return self._conclude(environ, response, keep and (request is None or request.keep), started)

    def _receive_data(self) -> bytes:
        """Return the next piece of a filter's data, a file of the web server's: max_body_size is not for it."""
        self._received = -READ_SIZE
        return self.receive()

    def _conclude(self, environ: Environ, response: Response, keep: bool, started: float) -> bool:
        """Log what became of the request, and let go of it."""
        service = self._service
        if self._given_up:
            self._end_given_up()
        if response.failure:
            service.error_log.info(f"{self.peer}: {response.failure}")
        if service.access_log is not None:
            self._log_access(environ, response, monotonic() - started)
        try:
            if service.posthooks and environ.get(posthooks.NAME):
                self._run_posthooks(environ, keep)
        finally:
            service.end(self, response.body_bytes)
        return keep and not self._broken and not service.stopping

    def _run_posthooks(self, environ: Environ, keep: bool) -> None:
        """Call what the application wants to have done now. Meanwhile the connection takes no other request."""
        if not (keep or self._broken):
            self._end_sending()
        posthooks.run(environ, lambda error: self._service.error_log.exception("a posthook failed", error))

    def _end_sending(self) -> None:
        """End our side: what the peer waits for, where that ends the response."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer has gone

    def _end_given_up(self) -> None:
        """Answer ABORT_REQUEST (FastCGI 1.0, section 5.4), now that the application has let go."""
        self._given_up = False
        self._over = ""
        try:
            self._send(self.protocol.complete(app_status=1))
        except ClientDisconnected:
            pass

    def respond(
        self, environ: Environ, head_only: bool, status: str | None, headers: Headers | None, length: int | None
    ) -> Response:
        """Return a ``Response`` that goes on from what was started, for a request without a body."""
        self.join()
        self.deadline = FOREVER
        response = new_response(self, environ, head_only, self.errors)
        if status is not None and headers is not None:
            response.restore(status, headers, length)
        return response

    def _answer(self, error: ProtocolError, environ: Environ | None = None) -> None:
        """Send the answer that ``error`` carries."""
        self._log_refusal(error)
        self._over = ""
        self._service.begin(self, environ)  # a peer that does not read must not hold the leader up
        refuse(self, error)
        self._service.end(self)

    # Logs

    def _log_access(self, environ: Environ, response: Response, seconds: float) -> None:
        log = self._service.access_log
        if log is not None:
            log.write(
                environ,
                response.status,
                response.headers,
                response.body_bytes,
                seconds,
                response.aborted,
                self.number,
            )

    def _log_refusal(self, error: ProtocolError) -> None:
        answer = f"answered {error.status}" if error.status else "connection closed"
        self._service.error_log.warning(f"{self.peer}: {self.protocol.name}: {error}; {answer}")
