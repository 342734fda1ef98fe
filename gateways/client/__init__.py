"""Ask a backend that speaks FastCGI, SCGI, uwsgi or AJP13, as a web server would.

from gateways.client import request

with request("fastcgi", "unix:/run/app.sock", target="/status?full=1") as response:
    print(response.status, response.read())
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from types import TracebackType
from typing import Callable

from gateways.addresses import check_connectable, connect, parse_address
from gateways.client.body import Body, Source
from gateways.client.link import Link
from gateways.client.response import Response
from gateways.client.text import encode_text
from gateways.client.transports import TRANSPORTS
from gateways.client.variables import variables_for
from gateways.errors import ConfigError, TruncatedResponse

__all__ = ["Body", "Client", "Response", "request", "variables_for"]

# Sent again when a kept connection turns out to be closed (RFC 9110, section 9.2.2).
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


def request(
    protocol: str,
    address: str,
    method: str = "GET",
    target: str = "/",
    headers: Iterable[tuple[str, str]] = (),
    body: Source | Body = b"",
    *,
    script_name: str = "",
    variables: Iterable[tuple[str, str]] = (),
    timeout: float = 30.0,
    secret: str | None = None,
) -> Response:
    """Send one request on a connection of its own. Arguments and errors are those of ``Client`` and its ``request``."""
    client = Client(protocol, address, timeout=timeout, keep=False, secret=secret)
    return client.request(method, target, headers, body, script_name=script_name, variables=variables)


class Client:
    """A backend and the connections kept to it. Threads may share one.

    ``protocol`` is one of client.transports, such as "fastcgi", ``address`` an ADDR such as
    "unix:/run/app.sock" or "127.0.0.1:9000". ``timeout`` is how many seconds the backend may stay silent: while
    connecting, and between any two bytes.
    ``limit`` is how many seconds a request may take in all, None: any time, as long as something comes.
    ``keep`` leaves FastCGI and AJP13 connections open for the next request, at most ``max_idle`` of them.
    ``on_stderr`` is given what the backend writes for the error log, as it comes. ``secret`` is what an AJP13 backend
    asks for.

    Raises ``ConfigError`` for an unknown protocol, and for an address that is none or can only be listened on.
    """

    def __init__(
        self,
        protocol: str,
        address: str,
        *,
        timeout: float = 30.0,
        keep: bool = True,
        max_idle: int = 8,
        on_stderr: Callable[[bytes], None] | None = None,
        secret: str | None = None,
        limit: float | None = None,
    ) -> None:
        if protocol not in TRANSPORTS:
            raise ConfigError(f"no such protocol: {protocol!r}; give {' or '.join(TRANSPORTS)}")
        self.protocol = protocol
        self.address = parse_address(address)
        check_connectable(self.address)
        self._connection = TRANSPORTS[protocol]
        self._timeout = timeout
        self._limit = limit
        self._keep = keep
        self._max_idle = max_idle
        self._on_stderr = on_stderr
        known = secret is not None and protocol == "ajp"
        self._secret = [(b"AJP_SECRET", (secret or "").encode("utf-8", "surrogateescape"))] if known else []
        self._lock = Lock()
        self._idle: list[Link] = []

    def request(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Iterable[tuple[str, str]] = (),
        body: Source | Body = b"",
        *,
        script_name: str = "",
        variables: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Send a request, and return the response when its headers are in.

        ``target`` is path and query, percent-encoded. ``headers`` get a ``Host: localhost`` when they have none.
        ``body`` is bytes, a binary file, sent from its position on, an iterable of bytes, or a ``Body``; it is sent
        while the response is read. ``script_name`` is the path the application is mounted at. ``variables`` are CGI
        variables to add, or to replace.

        Raises ``ValueError`` for what cannot be sent, ``ConnectError`` when the backend cannot be reached,
        ``ProtocolError`` when it answers in another protocol or wrongly, ``TruncatedResponse`` when it goes before the
        headers are complete, and ``BackendTimeout``.
        """
        content = body if isinstance(body, Body) else Body(body)
        headers = list(headers)
        if not any(name.lower() == "host" for name, _ in headers):
            headers.insert(0, ("Host", "localhost"))
        try:
            if self._connection.needs_length:
                content.measure()
            empty = content.length == 0 and method not in ("POST", "PUT", "PATCH")
            length = None if empty else content.length
            pairs = dict(variables_for(method, target, headers, length, script_name=script_name))
            pairs.update((encode_text("a variable", name), encode_text(name, value)) for name, value in variables)
            response = self.send(list(pairs.items()), content)
        except BaseException:
            content.close()
            raise
        response.at_end(lambda complete: content.close())
        return response

    def send(self, variables: list[tuple[bytes, bytes]], body: Body) -> Response:
        """Send CGI variables and a body as they are, and leave ``body`` open. Errors are those of ``request``."""
        method = dict(variables).get(b"REQUEST_METHOD", b"GET")
        again = method in _IDEMPOTENT and body.repeatable
        while True:
            link, kept = self._take()
            try:
                return self._send(link, variables, body, method.decode("latin-1"))
            except TruncatedResponse:
                # A kept connection may be closed by the backend at the moment it is used again.
                if link.connection.answered or not (kept and again):
                    raise

    def _send(self, link: Link, variables: list[tuple[bytes, bytes]], body: Body, method: str) -> Response:
        link.limit(self._limit)
        try:
            link.begin(variables + self._secret, body, self._keep)
        except BaseException:
            link.close()
            raise
        return Response(link, method, self._timeout, lambda complete: self._give_back(link, complete), self._on_stderr)

    def close(self) -> None:
        """Close the idle connections; those in use close at the end of their request."""
        with self._lock:
            self._keep = False
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> tuple[Link, bool]:
        """Return an idle connection that is still open and True, or a new one and False."""
        while True:
            with self._lock:
                link = self._idle.pop() if self._idle else None
            if link is None:
                sock = connect(self.address, self._timeout)
                return Link(sock, self._connection(), str(self.address)), False
            if link.reusable:
                return link, True
            link.close()

    def _give_back(self, link: Link, complete: bool) -> None:
        """Keep the connection of a finished request, or close it."""
        if complete and link.reusable:
            with self._lock:
                if self._keep and len(self._idle) < self._max_idle:
                    self._idle.append(link)
                    return
        link.close()
