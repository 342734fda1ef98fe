"""``BaseFCGIServer``, and all names of flup's module that programs import."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from gateways.adapters.cgihead import encode_head
from gateways.compat.alarms import TimeoutException
from gateways.compat.answers import Answer, answer_by, error_page
from gateways.compat.fastcgi.connections import Connection, MultiplexedConnection
from gateways.compat.fastcgi.debugging import debug_line
from gateways.compat.fastcgi.records import *  # noqa: F403 -- flup's module has all of these names
from gateways.compat.fastcgi.records import (
    FCGI_AUTHORIZER,
    FCGI_LISTENSOCK_FILENO,
    FCGI_MAX_CONNS,
    FCGI_MAX_REQS,
    FCGI_MPXS_CONNS,
    FCGI_REQUEST_COMPLETE,
    FCGI_RESPONDER,
    FCGI_UNKNOWN_ROLE,
    ROLE_NAMES,
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
from gateways.compat.loops import overridden
from gateways.compat.paths import complete_paths

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from gateways.core.types import Environ, Headers

__all__ = ["BaseFCGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"

thread_available = True
#: Non-zero has ``_debug`` write to the file.
DEBUG = 0
DEBUGLOG = "/tmp/fcgi.log"


def _debug(level: int, msg: str) -> None:
    """Write a line to DEBUGLOG, where DEBUG asks for it."""
    if level <= DEBUG:
        debug_line(DEBUGLOG, msg)


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

    def _limit_to(self, most: int) -> None:
        """Serve at most so many requests at a time, one on a connection."""
        self._multiplexed = False
        self.capability = {FCGI_MAX_CONNS: most, FCGI_MAX_REQS: most, FCGI_MPXS_CONNS: 0}

    def _setupSocket(self) -> socket.socket:
        """Return a listening socket; in a CGI script serve the request, and exit."""
        self._web_server_addrs = web_server_addresses()
        if self._bindAddress is not None:
            return super()._setupSocket()
        if "GATEWAYS_RESIDENT" in os.environ:  # the process that stays for a CGI script, and knows when to end
            from gateways.compat.script import serve_resident

            serve_resident(self)
            sys.exit(0)
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
        if role in [ROLE_NAMES.get(role) for role in self.roles]:
            return ""
        return f"a request for the role {role}, where roles are {tuple(self.roles)}"

    def _converse(self, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
        from gateways.compat.fastcgi.bridge import converse

        converse(self, environ, start_response, cgi)

    def handler(self, req: Any) -> tuple[int, int]:
        """Have the application answer; return the protocol's status and the application's."""
        if req.role not in self.roles:
            return FCGI_UNKNOWN_ROLE, 0
        authorizer = req.role == FCGI_AUTHORIZER

        def send_head(status: str, headers: Headers) -> None:
            req.stdout.write(encode_head(status, headers, authorizer))

        errors = req.stderr if self._bindAddress is None else TeeOutputStream((sys.stderr, req.stderr))
        answer = Answer(send_head, req.stdout.write)
        answer_by(self, req.params, req.stdin, errors, answer, isinstance(req, CGIRequest))
        return FCGI_REQUEST_COMPLETE, 0

    def _sanitizeEnv(self, environ: Environ) -> None:
        """Complete what a web server left out."""
        complete_paths(environ)

    def error(self, req: Any) -> None:
        """Answer for an exception, while it is the one in hand; to be overridden."""
        req.stdout.write(error_page(self._shows_errors()))


BaseFCGIServer.usual = BaseFCGIServer
