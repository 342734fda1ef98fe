"""Gives each listener the C part that serves its usual requests, where the C part was built."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from gateways.adapters import speedups
from gateways.core.headers import known_names, known_statuses
from gateways.core.input import Input
from gateways.core.paths import repair
from gateways.core.response import Response
from gateways.server.connection import Connection
from gateways.server.transports import ANY, TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.core.environ import EnvironBuilder
    from gateways.core.types import Headers
    from gateways.server.listeners import Listener
    from gateways.server.service import Service
    from gateways.settings import Settings


def make_fast_paths(service: Service, listeners: Iterable[Listener], board: Any, settings: Settings) -> None:
    """Set ``fast_path`` of all ``listeners``, or their ``fast_paths``; without the C part there are none."""
    module = speedups.module
    if module is None:
        return
    environs = {
        protocol: _environs(module, service.builders[transport.name], protocol)
        for protocol, transport in TRANSPORTS.items()
        if transport.compiled
    }

    def make(protocol: str, listener: Listener) -> Any:
        return module.FastPath(
            protocol=protocol,
            listener=listener,
            listener_fd=listener.fileno(),
            tcp=listener.sock.family != socket.AF_UNIX,
            connection_type=Connection,
            server=service,
            late_response=late_response,
            application=service.application,
            environs=environs[protocol],
            board=board,
            access_log=service.access_log,
            statuses=known_statuses,
            names=known_names,
            header_timeout=float(service.header_timeout),
            keepalive_timeout=float(service.keepalive_timeout),
            max_header_size=settings.max_header_size,
            max_headers=settings.max_headers,
        )

    for listener in listeners:
        if listener.tls is not None or listener.proxies is not None:
            continue  # what comes out of the socket is no request yet
        if listener.protocol == ANY:
            listener.fast_paths = {protocol: make(protocol, listener) for protocol in environs}
        elif listener.protocol in environs and not (listener.protocol == "fastcgi" and settings.fcgi_multiplex):
            listener.fast_path = make(listener.protocol, listener)


def _environs(module: Any, builder: EnvironBuilder, protocol: str) -> Any:
    """Return the C twin of ``builder.build``."""
    fixed = dict(builder.fixed)
    if protocol == "fastcgi":  # what the role of BEGIN_REQUEST says, whatever a variable of that name says
        fixed.setdefault("FCGI_ROLE", "RESPONDER")
    base = {"wsgi.input": _NO_BODY, "wsgi.errors": None}
    return module.Environs(base, fixed, builder.names, repair, builder.mount)


def _never() -> bytes:
    raise AssertionError("an empty body has nothing to receive")


def late_response(status: str | None, headers: Headers | None, length: int | None) -> Response:
    """Return the ``Response`` of a request that is over, whose application still calls ``start_response``."""
    response = Response(_NoTransport(), False, lambda message: None)
    if status is not None and headers is not None:
        response.restore(status, headers, length)
    response.sent = response.ended = True
    response.body_bytes = length or 0
    return response


class _NoTransport:
    """For a response after its end, which sends nothing more."""

    def send_head(self, status: str, headers: Headers, block: bytes, end: bool) -> None:
        """Nothing is sent any more."""

    def send_body(self, block: bytes, end: bool) -> None:
        """Nothing is sent any more."""

    def abort(self) -> None:
        """There is nothing left to break off."""


#: A body that is empty is the same for every request: nothing about it can change.
_NO_BODY = Input(_never, 0)
