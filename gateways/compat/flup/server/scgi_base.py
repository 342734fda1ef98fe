"""``BaseSCGIServer``, and all names of flup's module that programs import."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

from gateways.adapters.cgihead import encode_head
from gateways.compat.alarms import TimeoutException, alarm
from gateways.compat.answers import Answer, answer_by, error_page
from gateways.compat.consoles import console_logger
from gateways.compat.conversations import LoggedConnection, LoggedRequest, ProtocolError
from gateways.compat.fastcgi.streams import StdoutWrapper
from gateways.compat.flup.server import NoDefault
from gateways.compat.logged import LoggedGateway
from gateways.compat.output import Output
from gateways.compat.paths import complete_paths, split_paths
from gateways.compat.waiting import receive_exactly, receive_whole
from gateways.core.input import Input

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from gateways.core.types import Environ, Headers

__all__ = ["BaseSCGIServer"]

__version__ = "$Revision$"

LoggerName = "scgi-wsgi"
console_logger(LoggerName)

#: The most bytes of variables of one request, and of the number that says how many there are.
MAX_HEADERS = 1 << 20
_MAX_DIGITS = 10
_DEPRECATED = "scriptName and WSGI_SCRIPT_NAME are deprecated: let the web server say SCRIPT_NAME and PATH_INFO"


def recvall(sock: socket.socket, length: int) -> tuple[bytes, int]:
    """Return ``length`` bytes, or fewer where the peer ends the connection, and how many they are."""
    data = receive_exactly(sock, length)
    return data, len(data)


def readNetstring(sock: socket.socket) -> bytes:
    """Return a netstring. Raises ``EOFError`` where the connection ends first, ``ProtocolError`` where it is none."""
    digits = b""
    while True:
        byte = receive_whole(recvall, sock, 1)
        if byte == b":":
            break
        digits += byte
        if not digits.isdigit() or len(digits) > _MAX_DIGITS:
            raise ProtocolError("invalid netstring length")
    if not digits or int(digits) > MAX_HEADERS:
        raise ProtocolError("invalid netstring length")
    data = receive_whole(recvall, sock, int(digits) + 1)
    if data[-1:] != b",":
        raise ProtocolError("invalid netstring trailer")
    return data[:-1]


class Request(LoggedRequest):
    """One request: ``environ``, ``stdin``, ``stdout`` and ``logger`` are for the server's ``handler`` and ``error``."""

    logger_name = LoggerName

    def __init__(self, conn: Any, environ: Environ, input: Any, output: Any) -> None:
        super().__init__()
        self._conn = conn
        self.environ = environ
        self.stdin = input
        self.stdout = StdoutWrapper(output)

    def _has_begun(self) -> bool:
        return self.stdout.dataWritten


class Connection(LoggedConnection):
    """One connection from a web server, for one request: for programs that derive from it, instead of the engine."""

    logger_name = LoggerName

    def processInput(self) -> None:
        """Receive the request and answer it."""
        parts = readNetstring(self._sock).split(b"\0")
        if len(parts) % 2 == 0 or parts[-1]:
            raise ProtocolError("invalid headers")
        texts = [part.decode("latin-1") for part in parts[:-1]]
        environ: Environ = dict(zip(texts[::2], texts[1::2]))
        length = environ.get("CONTENT_LENGTH", "")
        if not (length.isascii() and length.isdigit()):
            raise ProtocolError("missing or invalid CONTENT_LENGTH")
        body = Input(lambda: self._sock.recv(65536), int(length))
        with self._sock.makefile("wb") as output:
            request = self.server.requestClass(self, environ, body, output)
            self.server._note(environ)
            with alarm(self._timeout, self.timeout_handler):
                request.run()


class _Bridge:
    """The connection that a request knows while the engine serves."""

    def __init__(self, server: Any) -> None:
        self.server = server


class BaseSCGIServer(LoggedGateway):
    """What the SCGI servers share.

    ``allowedServers`` are IP addresses or networks, None for all; it is 127.0.0.1 where nothing is given here, and all
    in the servers that derive from this. ``scriptName`` is deprecated: where the application is, whatever the web
    server says.
    """

    protocol = "scgi"
    connections = (Connection,)
    _connectionClass = Connection
    requestClass: Any = Request

    def __init__(
        self,
        application: Any,
        scriptName: Any = NoDefault,
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = ("localhost", 4000),
        umask: int | None = None,
        allowedServers: Any = NoDefault,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
    ) -> None:
        self._adopt(application, environ, multithreaded, multiprocess, debug, bindAddress)
        self.scriptName = scriptName
        self._umask = umask
        self._allow(allowedServers)
        self.logger = logging.getLogger(LoggerName)
        self.logger.setLevel(loggingLevel)
        if isinstance(scriptName, str):
            between = 2 if hasattr(self, "loop") else 0  # the constructor of a server, and ``_set_up``
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2 + between)

    def _mount(self) -> str | None:
        return self.scriptName if isinstance(self.scriptName, str) else super()._mount()

    def _is_plain(self) -> bool:
        return super()._is_plain() and self.requestClass is Request

    def _extend(self, environ: Environ) -> None:
        super()._extend(environ)
        named = environ.get("WSGI_SCRIPT_NAME")
        if named is not None and named.lower() != "none":
            split_paths(environ, named)

    def _converse(self, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
        bridge = _Bridge(self)
        output = Output(start_response)
        request = self.requestClass(bridge, environ, environ["wsgi.input"], output)
        with alarm(self._timeout, request.timeout_handler):
            request.run()
        output.end()

    def handler(self, request: Any) -> None:
        """Have the application answer."""

        def send_head(status: str, headers: Headers) -> None:
            request.stdout.write(encode_head(status, headers))

        def send(data: bytes) -> None:
            request.stdout.write(data)
            request.stdout.flush()

        answer_by(self, request.environ, request.stdin, sys.stderr, Answer(send_head, send))

    def _sanitizeEnv(self, environ: Environ) -> None:
        """Complete what a web server left out."""
        named = environ.get("WSGI_SCRIPT_NAME", self.scriptName)
        if named is None or (isinstance(named, str) and named.lower() == "none"):
            complete_paths(environ) if "PATH_INFO" not in environ else environ.setdefault("QUERY_STRING", "")
        else:
            complete_paths(environ, named if isinstance(named, str) else None)

    def error(self, request: Any) -> None:
        """Answer for an exception, while it is the one in hand; to be overridden."""
        request.stdout.write(error_page(self._shows_errors()))


BaseSCGIServer.usual = BaseSCGIServer
