"""``BaseSCGIServer``, and all names of flup's module that programs import."""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any

from gateways.compat.alarms import TimeoutException, alarm
from gateways.compat.consoles import console_logger
from gateways.compat.fastcgi.streams import StdoutWrapper
from gateways.compat.flup.server import NoDefault
from gateways.compat.handling import Answer, head_block
from gateways.compat.logged import LoggedGateway
from gateways.compat.output import Output
from gateways.compat.pages import error_page
from gateways.compat.paths import complete_paths, split_paths
from gateways.compat.waiting import receive_exactly
from gateways.core.input import Input
from gateways.errors import ClientDisconnected
from gateways.escaping import escape

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from gateways.core.types import Environ

__all__ = ["BaseSCGIServer"]

__version__ = "$Revision$"

LoggerName = "scgi-wsgi"
console_logger(LoggerName)

#: The most bytes of variables of one request, and of the number that says how many there are.
MAX_HEADERS = 1 << 20
_MAX_DIGITS = 10
_DEPRECATED = "scriptName and WSGI_SCRIPT_NAME are deprecated: let the web server say SCRIPT_NAME and PATH_INFO"


class ProtocolError(Exception):
    """The peer does not speak SCGI."""


def recvall(sock: socket.socket, length: int) -> tuple[bytes, int]:
    """Return ``length`` bytes, or fewer where the peer ends the connection, and how many they are."""
    data = receive_exactly(sock, length)
    return data, len(data)


def readNetstring(sock: socket.socket) -> bytes:
    """Return a netstring. Raises ``EOFError`` where the connection ends first, ``ProtocolError`` where it is none."""
    digits = b""
    while True:
        byte = receive_exactly(sock, 1)
        if not byte:
            raise EOFError
        if byte == b":":
            break
        digits += byte
        if not digits.isdigit() or len(digits) > _MAX_DIGITS:
            raise ProtocolError("invalid netstring length")
    if not digits or int(digits) > MAX_HEADERS:
        raise ProtocolError("invalid netstring length")
    data = receive_exactly(sock, int(digits) + 1)
    if len(data) <= int(digits):
        raise EOFError
    if data[-1:] != b",":
        raise ProtocolError("invalid netstring trailer")
    return data[:-1]


class Request:
    """One request: ``environ``, ``stdin``, ``stdout`` and ``logger`` are for the server's ``handler`` and ``error``."""

    def __init__(self, conn: Any, environ: Environ, input: Any, output: Any) -> None:
        self._conn = conn
        self.environ = environ
        self.stdin = input
        self.stdout = StdoutWrapper(output)
        self.logger = logging.getLogger(LoggerName)

    def run(self) -> None:
        """Have the server's ``handler`` answer.

        What it raises is logged, and the server's ``error`` answers; half of an answer is broken off instead, by
        raising it again.
        """
        started = time.monotonic()
        try:
            self._conn.server.handler(self)
        except ClientDisconnected:
            raise
        except BaseException:  # SystemExit too: sys.exit() in a handler must not take the server along
            if self.stdout.dataWritten:
                raise
            self.logger.exception("Exception caught from handler")
            self._conn.server.error(self)
        environ = self.environ
        path = escape(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
        self.logger.debug("%s %s done (%.3f secs)", environ.get("REQUEST_METHOD"), path, time.monotonic() - started)


class Connection:
    """One connection from a web server, for one request: for programs that derive from it, instead of the engine."""

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        self._sock = sock
        self._addr = addr
        self.server = server
        self._timeout = timeout
        self.logger = logging.getLogger(LoggerName)

    def timeout_handler(self, signum: int, frame: FrameType | None) -> None:
        """Say where the request was when its time was over, and end it."""
        self.logger.error("Timeout Exceeded\n%s", "".join(traceback.format_stack(frame)))
        raise TimeoutException

    def run(self) -> None:
        """Serve the request, and close the connection."""
        try:
            self.processInput()
        except (EOFError, KeyboardInterrupt):
            pass
        except ProtocolError as error:
            self.logger.error("Protocol error '%s'", error)
        except Exception:
            self.logger.exception("Exception caught in Connection")
        self._sock.close()

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
        self._sock.setblocking(True)
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
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=3)

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
        with alarm(self._timeout, Connection.timeout_handler.__get__(request)):
            request.run()
        output.end()

    def handler(self, request: Any) -> None:
        """Have the application answer."""
        environ = request.environ
        environ.update(self.environ)
        environ["wsgi.version"] = (1, 0)
        environ["wsgi.input"] = request.stdin
        environ.setdefault("wsgi.errors", sys.stderr)
        environ["wsgi.multithread"] = bool(self.multithreaded)
        environ["wsgi.multiprocess"] = bool(self.multiprocess)
        environ["wsgi.run_once"] = False
        environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS", "off").lower() in ("on", "1") else "http"
        self._sanitizeEnv(environ)

        def send(data: bytes) -> None:
            request.stdout.write(data)
            request.stdout.flush()

        answer = Answer(lambda status, headers: request.stdout.write(head_block(status, headers)), send)
        if self.multithreaded:
            answer.send(self.application(environ, answer.start))
        else:
            with self._appLock:
                answer.send(self.application(environ, answer.start))

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
