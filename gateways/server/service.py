"""What all connections of one process share: the application, the settings, the logs, and the way back to the loop."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from gateways.adapters.events import Limits
from gateways.errors import BodyTooLarge
from gateways.server.forwarding import BY_UNIX, builder_class
from gateways.server.shaping import shape
from gateways.server.transports import TRANSPORTS

if TYPE_CHECKING:
    from gateways.adapters.http.ends import Ends
    from gateways.adapters.interface import ServerConnection
    from gateways.adapters.speedups import Link
    from gateways.core.types import Application, Environ
    from gateways.server.accesslog import AccessLog
    from gateways.server.connection import Connection
    from gateways.server.errorlog import ErrorLog
    from gateways.settings import Settings


class Service:
    """The settings in the form that a connection uses them in, and what it may ask of its server.

    ``tee_errors`` is false for a process that a web server started, unless it has a file of its own: its standard error
    is that server's log, which gets the text as FCGI_STDERR already.
    """

    #: Whether SCRIPT_NAME is always a real script, as with CGI.
    trust_script = False

    def __init__(
        self,
        application: Application,
        settings: Settings,
        error_log: ErrorLog,
        access_log: AccessLog | None = None,
        *,
        spawned: bool = False,
        managed: bool = False,
    ) -> None:
        self.application = shape(application, settings)
        self.error_log = error_log
        self.access_log = access_log
        self.tee_errors = not spawned or settings.error_log != "-"
        self.debug = settings.debugging
        self.posthooks = settings.posthooks
        self.threads = settings.threads
        self.header_timeout = settings.header_timeout
        self.body_timeout = settings.body_timeout
        self.write_timeout = settings.write_timeout
        self.keepalive_timeout = settings.keepalive_timeout
        self.linger_timeout = settings.linger_timeout
        self.max_body_size = settings.max_body_size
        self.ajp_secret = settings.ajp_secret
        #: Tell applications which descriptor is theirs, so that they can notice when the client leaves (asgi/).
        self.tells_descriptor = settings.interface == "asgi"
        self.stopping = False
        minor = int(settings.max_http_version[-1])
        self._limits = Limits(settings.max_header_size, settings.max_headers, settings.max_request_line, minor)
        self._limits.packet_size = settings.ajp_packet_size
        self._limits.secret = (settings.ajp_secret or "").encode("utf-8", "surrogateescape")
        self._limits.last = self._keeps_nothing
        self.builders = {
            transport.name: builder_class(transport, settings)(
                script_name=settings.script_name,
                extra=settings.environ,
                multithread=settings.threads > 1,
                multiprocess=spawned or managed,
                delimited=transport.delimited,
                trust_script=self.trust_script,
                max_name_size=settings.max_name_size,
            )
            for transport in TRANSPORTS.values()
        }

    def new_protocol(self, name: str, sock: socket.socket | None = None, address: object = None) -> ServerConnection:
        """Return the parser for a connection, ``sock``, on a listener of a protocol such as ``"fastcgi"``.

        ``address`` is what accept(2) says of the peer.
        """
        transport = TRANSPORTS[name]
        if transport.addressed and sock is not None:
            return transport.make(self._limits, self.threads, ends_of(sock, address), self._keeps_nothing)
        return transport.make(self._limits, self.threads)

    def _keeps_nothing(self) -> bool:
        """Say whether a response is the last of its connection, whoever it is for."""
        return self.stopping or not self.keepalive_timeout

    def body_too_large(self) -> BodyTooLarge:
        """The error of a request whose body passes ``max_body_size``."""
        return BodyTooLarge(f"the request body is larger than max_body_size, {self.max_body_size} bytes")

    def log_application(self, text: bytes) -> None:
        """Write ``wsgi.errors`` text to the error log, one record for each line."""
        for line in text.decode("utf-8", "replace").splitlines():
            self.error_log.error(line)

    # What worker.Server does for its connections

    def begin(self, connection: Link, environ: Environ | None = None) -> None:
        """The application is about to run for this connection."""

    def end(self, connection: Link, sent: int = 0) -> None:
        """The application has finished for this connection, and ``sent`` bytes of its body are out."""

    def keep_track(self, connection: Connection) -> None:
        """The connection is in the hands of a thread that no longer leads."""

    def watch(self, connection: Connection) -> None:
        """The connection waits for bytes."""

    def forget(self, connection: Connection) -> None:
        """The connection is about to be closed."""


def ends_of(sock: socket.socket, address: object) -> Ends:
    """Return who is at the ends of an accepted connection; ``address`` is what accept(2) says of the peer.

    The socket itself is not asked for that: once the peer has reset the connection, it does not know any more.
    """
    from gateways.adapters.http.ends import Ends

    if sock.family == socket.AF_UNIX:
        ends = Ends()
        ends.variables = [*ends.variables, (BY_UNIX, b"1")]
        return ends
    remote = address[:2] if isinstance(address, tuple) else None
    try:
        return Ends(remote, sock.getsockname()[:2])
    except OSError:  # some systems forget that as well
        return Ends(remote)


def peer_of(sock: socket.socket) -> str:
    """How a log line names the peer of a connection."""
    if sock.family == socket.AF_UNIX:
        return "unix peer"
    try:
        return peer_name(sock.getpeername())
    except OSError:
        return "a peer that has left"


def peer_name(address: object) -> str:
    """How a log line names the peer of an accepted socket."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "unix peer"
