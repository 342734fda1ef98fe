"""WSGI applications that ask a backend: what flup's two clients share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gateways.addresses import Address, connect
from gateways.client.body import Body
from gateways.client.link import Link
from gateways.client.response import Response
from gateways.client.transports import TRANSPORTS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from gateways.core.types import Environ

#: How long a backend may stay silent, seconds.
TIMEOUT = 300.0
_BLOCK = 65536


class Asking:
    """Gives each request to a backend, on a connection of its own.

    The three lists say which variables of the environ go along; programs change them.
    """

    protocol = ""

    _environPrefixes = ["SERVER_", "HTTP_", "REQUEST_", "REMOTE_", "PATH_", "CONTENT_"]  # noqa: RUF012
    _environCopies = ["SCRIPT_NAME", "QUERY_STRING", "AUTH_TYPE"]  # noqa: RUF012
    _environRenames: dict[str, str] = {}  # noqa: RUF012

    def _reach(self, connect: Any, host: Any, port: Any, filterEnviron: bool) -> None:
        self._connect = connect if host is None else (host, port)
        self._filterEnviron = filterEnviron

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Ask the backend. Raises ``OSError`` where it cannot be reached, and ``ProtocolError`` for a bad answer.

        The body comes as the backend sends it, and so does what is wrong with it.
        """
        filtered = self._defaultFilterEnviron if self._filterEnviron else self._lightFilterEnviron
        variables = {str(name): str(value) for name, value in filtered(environ).items()}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        variables["CONTENT_LENGTH"] = str(length)
        errors = environ.get("wsgi.errors")

        def on_stderr(text: bytes) -> None:
            if errors is not None:
                errors.write(text.decode("utf-8", "replace"))

        link = Link(self._getConnection(), TRANSPORTS[self.protocol](), str(self._connect))
        try:
            pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in variables.items()]
            link.begin(pairs, Body(_body(environ, length)), False)
            method = environ.get("REQUEST_METHOD", "GET")
            response = Response(link, method, TIMEOUT, lambda complete: link.close(), on_stderr)
            headers = [(name.lower(), value) for name, value in response.headers]
            start_response(f"{response.status:03d} {response.reason}", headers)
        except BaseException:
            link.close()
            raise
        return _Blocks(response)

    def _getConnection(self) -> socket.socket:
        """Connect to the backend; programs put their own in its place. Raises ``ConnectError``, an ``OSError``."""
        if isinstance(self._connect, (str, os.PathLike)):
            path = os.fspath(self._connect)
            unix = Address("abstract", name=path[1:]) if path[:1] == "\0" else Address("unix", path=path)
            return connect(unix, TIMEOUT)
        host, port = self._connect
        return connect(Address("tcp", host=host, port=port), TIMEOUT)

    def _defaultFilterEnviron(self, environ: Environ) -> dict[str, Any]:
        """Return the variables that the lists name."""
        result = {}
        for name, value in environ.items():
            if name in self._environCopies or name.startswith(tuple(self._environPrefixes)):
                result[name] = value
            if name in self._environRenames:
                result[self._environRenames[name]] = value
        return result

    def _lightFilterEnviron(self, environ: Environ) -> dict[str, Any]:
        """Return all variables that are written in capitals."""
        return {name: value for name, value in environ.items() if name.upper() == name}


class _Blocks:
    """The body of an answer, and the connection that it comes from."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_body()

    def close(self) -> None:
        self._response.close()


def _body(environ: Environ, length: int) -> Iterator[bytes]:
    """Give the body of a request, never more than its length."""
    source = environ.get("wsgi.input")
    while length and source is not None:
        block = source.read(min(length, _BLOCK))
        if not block:
            return
        length -= len(block)
        yield block
