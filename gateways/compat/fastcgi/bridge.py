"""From the engine to a request of flup's: for programs that have a ``handler``, ``error`` or class of their own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from gateways.compat.fastcgi.records import (
    FCGI_REQUEST_COMPLETE,
    FCGI_RESPONDER,
    FCGI_STDERR,
    FCGI_STDOUT,
    ROLE_NAMES,
    Record,
)
from gateways.compat.fastcgi.streams import OutputStream
from gateways.compat.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.core.types import Environ

ROLES = {name: role for role, name in ROLE_NAMES.items()}


class BridgeConnection:
    """The connection that a request knows: what it sends as records goes on to the engine."""

    def __init__(self, server: Any, environ: Environ, start_response: Callable[..., Any]) -> None:
        self.server = server
        self.environ = environ
        self.protocol_status = FCGI_REQUEST_COMPLETE
        self._start = start_response
        self._output = Output(start_response)

    def writeRecord(self, rec: Record) -> None:
        """Give a record on."""
        data = rec.contentData[: rec.contentLength]
        if rec.type == FCGI_STDOUT and data:
            self._output.write(data)
        elif rec.type == FCGI_STDERR and data:
            self.environ["wsgi.errors"].write(data.decode("utf-8", "replace"))

    def process_input(self) -> None:
        """Do nothing: the input waits by itself."""

    def end_request(
        self, req: Any, appStatus: int = 0, protocolStatus: int = FCGI_REQUEST_COMPLETE, remove: bool = True
    ) -> None:
        """End the request. Raises ``TruncatedResponse`` where there is no answer."""
        if protocolStatus == FCGI_REQUEST_COMPLETE:
            self._output.end()
            return
        self._start("503 Service Unavailable", [("Content-Type", "text/plain")])(b"This request is not served here.\n")


def converse(server: Any, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
    """Have a request object answer. Raises what it raises in the middle of an answer."""
    connection = BridgeConnection(server, environ, start_response)
    if cgi:
        req = server.cgirequest_class(server)
        req._conn = connection
        req.stdin = environ["wsgi.input"]
        req.stdout = OutputStream(connection, req, FCGI_STDOUT)
        req.stderr = OutputStream(connection, req, FCGI_STDERR, buffered=True)
    else:
        req = server.request_class(connection, lambda conn: conn.environ["wsgi.input"], server._timeout)
        req.requestId, req.flags, req.aborted = 1, 0, False
        req.role = ROLES.get(environ.get("FCGI_ROLE", ""), FCGI_RESPONDER)
    req.data = environ.get("fcgi.data") or io.BytesIO()
    req.params = environ
    req.run()
