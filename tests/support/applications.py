"""What the tests of connections share: small applications, and requests as bytes of each protocol."""

from __future__ import annotations

import socket
from typing import Any

from tests.support import httpwire, wire
from tests.support.serving import (
    Served,
    scgi_answer,
)

MIB = 1 << 20


def encode(protocol: str, params: wire.Pairs, body: bytes = b"") -> bytes:
    if protocol == "http":
        return httpwire.from_variables(params, body)
    return {"fastcgi": wire.request, "scgi": wire.scgi, "uwsgi": wire.uwsgi}[protocol](params, body)


def read_answer(served: Served, sock: socket.socket) -> wire.Answer:
    data = wire.receive_all(sock)
    if served.protocol == "http":
        return httpwire.answer(data)
    return wire.answer(wire.parse_records(data)) if served.protocol == "fastcgi" else scgi_answer(data)


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def posted(application: Any) -> Any:
    """``application`` for POST requests; what ``serving`` asks in the end is a GET."""

    def choose(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = application if environ["REQUEST_METHOD"] == "POST" else hello
        return chosen(environ, start_response)

    return choose
