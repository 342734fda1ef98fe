"""WSGI applications that ask a backend: what flup's two clients share."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from gateways.client.body import Body
from gateways.client.link import Link
from gateways.client.response import Response
from gateways.client.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        """Ask the backend. Raises ``OSError`` where it cannot be reached, and ``ProtocolError`` for a bad answer."""
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
            with Response(link, method, TIMEOUT, lambda complete: None, on_stderr) as response:
                body = response.read()
                headers = [(name.lower(), value) for name, value in response.headers]
                start_response(f"{response.status:03d} {response.reason}", headers)
                return [body]
        finally:
            link.close()

    def _getConnection(self) -> socket.socket:
        """Connect to the backend; programs put their own in its place. An ``OSError`` names the address."""
        try:
            return self._dial()
        except OSError as error:
            where = self._connect if isinstance(self._connect, (str, os.PathLike)) else "{}:{}".format(*self._connect)
            if error.errno is None:
                raise type(error)(f"{where}: {error}") from None
            error.filename = where
            raise

    def _dial(self) -> socket.socket:
        if isinstance(self._connect, (str, os.PathLike)):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(TIMEOUT)
                sock.connect(os.fspath(self._connect))
            except BaseException:
                sock.close()
                raise
            return sock
        return socket.create_connection(self._connect, TIMEOUT)

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


def _body(environ: Environ, length: int) -> Iterator[bytes]:
    """Give the body of a request, never more than its length."""
    source = environ.get("wsgi.input")
    while length and source is not None:
        block = source.read(min(length, _BLOCK))
        if not block:
            return
        length -= len(block)
        yield block
