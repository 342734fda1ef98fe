"""``BaseFCGIServer``, and all names of flup's module that programs import."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from gateways.compat.alarms import TimeoutException
from gateways.compat.fastcgi.connections import Connection, MultiplexedConnection
from gateways.compat.fastcgi.records import (
    FCGI_ABORT_REQUEST,
    FCGI_AUTHORIZER,
    FCGI_BEGIN_REQUEST,
    FCGI_CANT_MPX_CONN,
    FCGI_DATA,
    FCGI_END_REQUEST,
    FCGI_FILTER,
    FCGI_GET_VALUES,
    FCGI_GET_VALUES_RESULT,
    FCGI_HEADER_LEN,
    FCGI_KEEP_CONN,
    FCGI_LISTENSOCK_FILENO,
    FCGI_MAX_CONNS,
    FCGI_MAX_REQS,
    FCGI_MAXTYPE,
    FCGI_MPXS_CONNS,
    FCGI_NULL_REQUEST_ID,
    FCGI_OVERLOADED,
    FCGI_PARAMS,
    FCGI_REQUEST_COMPLETE,
    FCGI_RESPONDER,
    FCGI_STDERR,
    FCGI_STDIN,
    FCGI_STDOUT,
    FCGI_UNKNOWN_ROLE,
    FCGI_UNKNOWN_TYPE,
    FCGI_VERSION_1,
    FCGI_BeginRequestBody,
    FCGI_EndRequestBody,
    FCGI_EndRequestBody_LEN,
    FCGI_Header,
    FCGI_UnknownTypeBody,
    FCGI_UnknownTypeBody_LEN,
    Record,
    decode_pair,
    encode_pair,
)
from gateways.compat.fastcgi.requests import CGIRequest, Request
from gateways.compat.fastcgi.streams import (
    InputStream,
    MultiplexedInputStream,
    OutputStream,
    StdoutWrapper,
    TeeOutputStream,
)
from gateways.compat.gateway import Gateway, web_server_addresses
from gateways.compat.handling import Answer, head_block
from gateways.compat.loops import overridden
from gateways.compat.pages import error_page
from gateways.compat.paths import complete_paths

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from gateways.core.types import Environ

__all__ = ["BaseFCGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"

thread_available = True
#: Non-zero has ``_debug`` write to the file.
DEBUG = 0
DEBUGLOG = "/tmp/fcgi.log"

_ROLE_NAMES = {FCGI_RESPONDER: "RESPONDER", FCGI_AUTHORIZER: "AUTHORIZER", FCGI_FILTER: "FILTER"}


def _debug(level: int, msg: str) -> None:
    """Write a line to DEBUGLOG, where DEBUG asks for it."""
    if level > DEBUG:
        return
    try:
        with open(DEBUGLOG, "a", encoding="utf-8") as file:
            file.write(f"{time.ctime()[4:-4]}fcgi: {msg}\n")
    except OSError:
        pass  # it is for a person who looks for a fault, and no reason for another


class BaseFCGIServer(Gateway):
    """What the FastCGI servers share.

    ``bindAddress`` is a path, a tuple of host and port, or None for the socket on descriptor 0; ``umask`` is for a
    path. ``environ`` is added to each request's, ``roles`` are what requests may ask for, ``multiplexed`` lets a web
    server send several requests side by side on a connection. ``forceCGI`` serves one CGI request, and so does the
    variable FCGI_FORCE_CGI.
    """

    protocol = "fastcgi"
    connections = (Connection, MultiplexedConnection)

    request_class: Any = Request
    cgirequest_class: Any = CGIRequest
    maxwrite = 8192
    inputStreamShrinkThreshold = 102400 - 8192

    _web_server_addrs: list[str] | None = None

    def __init__(
        self,
        application: Any,
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = None,
        umask: int | None = None,
        multiplexed: bool = False,
        debug: Any = False,
        roles: Any = (FCGI_RESPONDER,),
        forceCGI: bool = False,
    ) -> None:
        self._adopt(application, environ, multithreaded, multiprocess, debug, bindAddress)
        self.roles = roles
        self.forceCGI = forceCGI
        self._umask = umask
        self._multiplexed = bool(multiplexed)
        self._connectionClass = MultiplexedConnection if multiplexed else Connection
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.capability: dict[str, int] = {
            FCGI_MAX_CONNS: most,
            FCGI_MAX_REQS: most * 5 if multiplexed else most,
            FCGI_MPXS_CONNS: int(self._multiplexed),
        }

    def _setupSocket(self) -> socket.socket:
        """Return a listening socket; in a CGI script serve the request, and exit."""
        self._web_server_addrs = web_server_addresses()
        if self._bindAddress is not None:
            return self._bind(self._umask)
        from gateways.server.inherited import take_socket, why_not_listening

        forced = self.forceCGI or os.environ.get("FCGI_FORCE_CGI", "N").upper().startswith("Y")
        reason = "FCGI_FORCE_CGI or forceCGI says so" if forced else why_not_listening(FCGI_LISTENSOCK_FILENO)
        if not reason:
            from gateways.adapters.standardstreams import complete_standard_streams

            complete_standard_streams()
            self._spawned = True
            return take_socket(FCGI_LISTENSOCK_FILENO)
        from gateways.compat.script import serve_script

        serve_script(self, reason if forced else f"standard input {reason}")
        sys.exit(0)

    def _allowed(self) -> Iterable[str] | None:
        return self._web_server_addrs

    def _is_plain(self) -> bool:
        own = self.request_class is not Request or self.cgirequest_class is not CGIRequest
        return super()._is_plain() and not own

    def _refusal(self, environ: Environ) -> str:
        role = environ.get("FCGI_ROLE", "RESPONDER")
        if role in [_ROLE_NAMES.get(role) for role in self.roles]:
            return ""
        return f"a request for the role {role}, where roles are {tuple(self.roles)}"

    def _converse(self, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
        from gateways.compat.fastcgi.bridge import converse

        converse(self, environ, start_response, cgi)

    def handler(self, req: Any) -> tuple[int, int]:
        """Have the application answer; return the protocol's status and the application's."""
        if req.role not in self.roles:
            return FCGI_UNKNOWN_ROLE, 0
        environ = req.params
        environ.update(self.environ)
        cgi = isinstance(req, CGIRequest)
        environ["wsgi.version"] = (1, 0)
        environ["wsgi.input"] = req.stdin
        if "wsgi.errors" not in environ:
            environ["wsgi.errors"] = (
                req.stderr if self._bindAddress is None else TeeOutputStream((sys.stderr, req.stderr))
            )
        environ["wsgi.multithread"] = not cgi and bool(self.multithreaded)
        environ["wsgi.multiprocess"] = cgi or bool(self.multiprocess)
        environ["wsgi.run_once"] = cgi
        environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS", "off").lower() in ("on", "1") else "http"
        self._sanitizeEnv(environ)
        answer = Answer(lambda status, headers: req.stdout.write(head_block(status, headers)), req.stdout.write)
        if self.multithreaded:
            answer.send(self.application(environ, answer.start))
        else:
            with self._appLock:
                answer.send(self.application(environ, answer.start))
        return FCGI_REQUEST_COMPLETE, 0

    def _sanitizeEnv(self, environ: Environ) -> None:
        """Complete what a web server left out."""
        complete_paths(environ)

    def error(self, req: Any) -> None:
        """Answer for an exception, while it is the one in hand; to be overridden."""
        req.stdout.write(error_page(self._shows_errors()))


BaseFCGIServer.usual = BaseFCGIServer
