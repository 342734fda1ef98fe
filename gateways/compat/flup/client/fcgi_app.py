"""``FCGIApp``: a WSGI application that asks a FastCGI backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.adapters.fastcgi import records as wire
from gateways.compat.clients import Asking
from gateways.compat.fastcgi.debugging import debug_line
from gateways.compat.fastcgi.records import *  # noqa: F403 -- flup's module has all of these names
from gateways.compat.fastcgi.records import (
    FCGI_GET_VALUES,
    FCGI_GET_VALUES_RESULT,
    FCGI_MAX_CONNS,
    FCGI_PARAMS,
    Record,
    decode_pair,
    encode_pair,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping

    from gateways.core.types import Environ

__all__ = ["FCGIApp"]

__version__ = "$Revision$"

#: Non-zero has ``_debug`` write to the file.
DEBUG = 0
DEBUGLOG = "/tmp/fcgi_app.log"


def _debug(level: int, msg: str) -> None:
    """Write a line to DEBUGLOG, where DEBUG asks for it."""
    if level <= DEBUG:
        debug_line(DEBUGLOG, msg)


class FCGIApp(Asking):
    """Asks the backend at ``connect``, a path or a pair of host and port, or at ``host`` and ``port``.

    ``filterEnviron`` sends the usual variables only. There is no ``command``, in flup neither: NotImplementedError.
    """

    protocol = "fastcgi"

    def __init__(
        self,
        command: Any = None,
        connect: Any = None,
        host: str | None = None,
        port: int | None = None,
        filterEnviron: bool = True,
    ) -> None:
        if host is not None and port is None:
            raise AssertionError("host needs a port")
        if (command is None) == (connect is None and host is None):
            raise AssertionError("give connect, or host and port")
        self._command = command
        self._reach(connect, host, port, filterEnviron)

    def _getConnection(self) -> socket.socket:
        if self._connect is None:
            raise NotImplementedError("starting FastCGI programs is not implemented: give connect, or host and port")
        return super()._getConnection()

    # For programs that have a ``__call__`` of their own

    def _fcgiGetValues(self, sock: socket.socket, vars: Iterable[str]) -> dict[bytes, bytes]:
        """Ask for FCGI_MAX_CONNS and its like (FastCGI 1.0, section 4.1)."""
        names = [name.encode("latin-1") if isinstance(name, str) else name for name in vars]
        request = Record(FCGI_GET_VALUES)
        request.contentData = b"".join([encode_pair(name, b"") for name in names])
        request.contentLength = len(request.contentData)
        request.write(sock)
        answer = Record()
        answer.read(sock)
        values: dict[bytes, bytes] = {}
        position = 0
        while answer.type == FCGI_GET_VALUES_RESULT and position < answer.contentLength:
            position, (name, value) = decode_pair(answer.contentData, position)
            values[name] = value
        return values

    def _fcgiParams(self, sock: socket.socket, requestId: int, params: Mapping[str, str]) -> None:
        """Send variables; an empty mapping ends them."""
        pairs = [encode_pair(name.encode("latin-1"), value.encode("latin-1")) for name, value in params.items()]
        data = b"".join(pairs)
        for start in range(0, max(1, len(data)), wire.MAX_CONTENT):
            record = Record(FCGI_PARAMS, requestId)
            record.contentData = data[start : start + wire.MAX_CONTENT]
            record.contentLength = len(record.contentData)
            record.write(sock)
