"""``BaseAJPServer``, and all names of flup's module that programs import."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gateways.compat.ajp13.connections import Connection
from gateways.compat.ajp13.packets import (
    CONTAINER_PREFIX,
    PKTTYPE_CPING,
    PKTTYPE_CPONG,
    PKTTYPE_END_RESPONSE,
    PKTTYPE_FWD_REQ,
    PKTTYPE_GET_BODY,
    PKTTYPE_PING,
    PKTTYPE_SEND_BODY,
    PKTTYPE_SEND_HEADERS,
    PKTTYPE_SHUTDOWN,
    SERVER_PREFIX,
    Packet,
    attributeTable,
    decodeAttribute,
    decodeRequestHeader,
    decodeString,
    encodeResponseHeader,
    encodeString,
    methodTable,
    requestHeaderTable,
    responseHeaderTable,
)
from gateways.compat.ajp13.requests import InputStream, LoggerName, Request
from gateways.compat.alarms import TimeoutException
from gateways.compat.answers import Answer, answer_by, error_parts
from gateways.compat.consoles import console_logger
from gateways.compat.conversations import ProtocolError
from gateways.compat.flup.server import NoDefault
from gateways.compat.logged import LoggedGateway
from gateways.compat.paths import complete_paths, split_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.core.types import Environ, Headers

__all__ = ["BaseAJPServer"]

__version__ = "$Revision$"

console_logger(LoggerName)


class BaseAJPServer(LoggedGateway):
    """What the AJP13 servers share.

    ``scriptName`` is where the application is: AJP13 does not say that. ``allowedServers`` are IP addresses or
    networks, None for all; it is 127.0.0.1 where nothing is given here, and all in the servers that derive from this.
    The variable GATEWAYS_AJP_SECRET sets what the web server has to know.
    """

    protocol = "ajp"
    connections = (Connection,)
    _connectionClass = Connection
    requestClass: Any = Request
    inputStreamShrinkThreshold = 102400 - 8192

    def __init__(
        self,
        application: Any,
        scriptName: str = "",
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = ("localhost", 8009),
        allowedServers: Any = NoDefault,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
    ) -> None:
        self._adopt(application, environ, multithreaded, multiprocess, debug, bindAddress)
        self.scriptName = scriptName
        self._allow(allowedServers)
        self.logger = logging.getLogger(LoggerName)
        self.logger.setLevel(loggingLevel)

    def _mount(self) -> str | None:
        return self.scriptName or super()._mount() or ""

    def _is_plain(self) -> bool:
        return super()._is_plain() and self.requestClass is Request

    def _extend(self, environ: Environ) -> None:
        super()._extend(environ)
        named = environ.get("WSGI_SCRIPT_NAME")
        if named is not None:
            split_paths(environ, named)

    def _converse(self, environ: Environ, start_response: Callable[..., Any], cgi: bool) -> None:
        from gateways.compat.ajp13.connections import converse

        converse(self, environ, start_response)

    def handler(self, request: Any) -> None:
        """Have the application answer."""

        def start(status: str, headers: Headers) -> None:
            pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            request.startResponse(int(status[:3]), status[4:].encode("latin-1"), pairs)

        answer_by(self, request.environ, request.input, sys.stderr, Answer(start, request.write))

    def _sanitizeEnv(self, environ: Environ) -> None:
        """Complete what a web server left out."""
        if "PATH_INFO" not in environ:
            environ["PATH_INFO"] = unquote(environ.get("REQUEST_URI", "").partition("?")[0], "latin-1")
            complete_paths(environ, environ.get("WSGI_SCRIPT_NAME", self.scriptName))

    def error(self, request: Any) -> None:
        """Answer for an exception, while it is the one in hand; to be overridden."""
        headers, body = error_parts(self._shows_errors())
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        request.startResponse(500, b"Internal Server Error", pairs)
        request.write(body)


BaseAJPServer.usual = BaseAJPServer
