"""Decode SCGI and uwsgi as they pass: the headers by the parsers of the server, the response up to the close."""

from __future__ import annotations

from gateways.adapters.events import Limits, Request
from gateways.adapters.scgi import ServerConnection as SCGIConnection
from gateways.adapters.uwsgi import ServerConnection as UwsgiConnection
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item
from gateways.trace.responses import Response

_PING, _PONG = b"\x64\0\0\0", b"\x64\0\0\1"
_CLAUSES = {"SCGI": "SCGI, 3 and 4", "uwsgi": "uwsgi protocol"}


class OneRequestDecoder:
    """One connection, which is one request."""

    def __init__(self, protocol: str) -> None:
        limits = Limits(MAX_HEAD, 20_000)
        self._parser: SCGIConnection | UwsgiConnection = (
            SCGIConnection(limits) if protocol == "scgi" else UwsgiConnection(limits)
        )
        self._response = Response(status_line=protocol == "uwsgi")
        self._first = b""  # of the request
        self._asked = self._failed = False
        self._length: int | None = None
        self._received = 0

    @property
    def idle(self) -> bool:
        """True while nothing has come."""
        return not self._first

    def to_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the web server."""
        if len(self._first) < len(_PING):
            self._first = (self._first + data)[: len(_PING)]
        if self._failed:
            return [Item("bytes", size=len(data))]
        if self._asked:
            return [self._body(data)]
        self._parser.receive_data(data)
        try:
            event = self._parser.next_event()
        except ProtocolError as error:
            self._failed = True
            return [Item("request", size=len(data), wrong=f"{error} ({_CLAUSES[self._parser.name]})")]
        if isinstance(event, Request):
            self._asked = True
            rest = bytes(self._parser._buffer)  # with what is behind the body, which no event has
            return [self._request(event), *([self._body(rest)] if rest else [])]
        if self._first == _PING and self._parser.outgoing:
            self._parser.outgoing.clear()
            return [Item("ping")]
        return []

    def _request(self, request: Request) -> Item:
        item = Item("request", pairs=list(request.variables))
        if self._parser.name == "uwsgi":
            item.facts.append(f"modifier1 {self._first[0]}")
        length = dict(request.variables).get(b"CONTENT_LENGTH", b"") or b"0"
        self._length = int(length) if length.isdigit() else None
        if any(b"\0" in name or b"\0" in value for name, value in request.variables):
            item.wrong = "a NUL byte in a variable"
        return item

    def _body(self, data: bytes) -> Item:
        item = Item("body", size=len(data), start=None if self._received else data)
        before = self._received
        self._received += len(data)
        if self._length is not None and before <= self._length < self._received:
            item.wrong = f"{self._received - self._length} bytes more than CONTENT_LENGTH, {self._length}"
        return item

    def from_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the application."""
        items = []
        while data.startswith(_PONG) and not self._response.started:
            items.append(Item("pong"))
            data = data[len(_PONG) :]
        return [*items, *self._response.feed(data)]

    def ended(self, backend: bool) -> list[Item]:
        """Say what breaks off when a side ends."""
        if backend:
            items = self._response.end()
            if self._asked and not self._response.started:
                items.append(Item("end", wrong="no response"))
            return items
        if not self._asked and self._first and not self._failed and self._first != _PING:
            return [Item("end", wrong="ends inside the headers")]
        if self._length is not None and self._received < self._length:
            return [Item("end", wrong=f"CONTENT_LENGTH is {self._length}, and {self._received} bytes came")]
        return []
