"""Decode AJP13 as it passes: packets of both directions (protocol overview of Apache's mod_proxy_ajp)."""

from __future__ import annotations

from functools import partial
from typing import Callable

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.ajp.client import read_head
from gateways.adapters.ajp.request import ForwardRequest
from gateways.adapters.cutting import Cutter
from gateways.adapters.events import Limits
from gateways.adapters.foreign import describe
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item

_SECRET = b"AJP_SECRET"


class AJPDecoder:
    """One connection."""

    def __init__(self) -> None:
        self._to = Cutter(partial(ajp.measure, ajp.FROM_WEB_SERVER))
        self._from = Cutter(partial(ajp.measure, ajp.FROM_APPLICATION))
        self._open = False
        self._in_body = False
        self._bare = False  # lighttpd's pieces of a body have no length of their own
        self._left: int | None = 0
        self._body_shown = self._answer_shown = self._head_over = False

    @property
    def idle(self) -> bool:
        """True while no request is open and no packet is half here."""
        return not (self._open or self._to.pending or self._from.pending)

    def to_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the web server."""
        return _cut(self._to, data, self._from_server, ajp.FROM_WEB_SERVER)

    def from_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the application."""
        return _cut(self._from, data, self._from_application, ajp.FROM_APPLICATION)

    def ended(self, backend: bool) -> list[Item]:
        """Say what breaks off when a side ends."""
        side = self._from if backend else self._to
        items = []
        if side.pending:
            items.append(Item("end", wrong=f"ends inside a packet, after {side.pending} bytes"))
        if backend and self._open:
            items.append(Item("end", wrong="no END_RESPONSE"))
            self._open = False
        return items

    def _from_server(self, payload: bytes) -> Item:
        if self._in_body:
            return self._body(payload)
        kind = payload[0] if payload else -1
        if kind == ajp.FORWARD_REQUEST:
            return self._forward(payload)
        if kind == ajp.CPING and len(payload) == 1:
            return Item("CPING")
        if kind == ajp.SHUTDOWN:
            return Item("SHUTDOWN")
        if not payload:
            return Item("body", size=0)  # the end of one that was over
        return Item(f"type {kind}", size=len(payload), wrong="a packet that starts no request")

    def _forward(self, payload: bytes) -> Item:
        item = Item("FORWARD_REQUEST", size=len(payload))
        self._open = True
        self._body_shown = self._answer_shown = self._head_over = False
        try:
            request = ForwardRequest(payload[1:], Limits(MAX_HEAD, 65535))
        except ProtocolError as error:
            item.wrong = str(error)
            return item
        item.pairs = list(request.variables)
        if request.secret is not None:
            item.pairs.append((_SECRET, request.secret))
        self._bare = not request.marked
        self._left = request.length
        self._in_body = request.length != 0
        if len(payload) > ajp.PACKET_SIZE - ajp.HEADER_SIZE:
            item.facts.append("larger than the usual 8192 bytes: both sides have to agree")
        return item

    def _body(self, payload: bytes) -> Item:
        data = payload if self._bare else payload[2:]
        inner = int.from_bytes(payload[:2], "big")
        item = Item("body", size=len(data), start=None if self._body_shown else data)
        self._body_shown = True
        if not self._bare and payload and inner != len(data):
            item.wrong = f"a piece that says it has {inner} bytes, and has {len(data)}"
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                item.wrong = f"{-self._left} bytes more than Content-Length"
        self._in_body = bool(data) and (self._left is None or self._left > 0)
        return item

    def _from_application(self, payload: bytes) -> Item:
        kind = payload[0] if payload else -1
        if kind == ajp.CPONG and len(payload) == 1:
            return Item("CPONG")
        if kind == ajp.GET_BODY_CHUNK and len(payload) == 3:
            return Item("GET_BODY_CHUNK", [f"{int.from_bytes(payload[1:], 'big')} bytes"])
        if kind == ajp.SEND_HEADERS:
            return self._headers(payload)
        if kind == ajp.SEND_BODY_CHUNK:
            return self._chunk(payload)
        if kind == ajp.END_RESPONSE:
            item = Item("END_RESPONSE", ["reuse" if payload[1:] == b"\1" else "no reuse"], ends=True)
            if not self._open:
                item.wrong = "no request is open"
            elif not self._head_over:
                item.wrong = "the end before SEND_HEADERS"
            self._open = self._in_body = False
            return item
        return Item(f"type {kind}", size=len(payload), wrong="a packet that applications do not send")

    def _headers(self, payload: bytes) -> Item:
        item = Item("SEND_HEADERS", size=len(payload))
        try:
            status, item.pairs = read_head(payload)
            item.facts.append(status)
        except ProtocolError as error:
            item.wrong = str(error)
        if self._head_over:
            item.wrong = "SEND_HEADERS twice"
        self._head_over = True
        return item

    def _chunk(self, payload: bytes) -> Item:
        length = int.from_bytes(payload[1:3], "big")
        data = payload[3 : 3 + length]
        item = Item("SEND_BODY_CHUNK", size=length, start=None if self._answer_shown or not data else data)
        self._answer_shown = self._answer_shown or bool(data)
        if len(data) != length or payload[3 + length :] not in (b"", b"\0"):
            item.wrong = f"a chunk that says it has {length} bytes in a packet of {len(payload)}"
        elif not self._head_over:
            item.wrong = "a chunk before SEND_HEADERS"
        return item


def _cut(side: Cutter, data: bytes, take: Callable[[bytes], Item], magic: bytes) -> list[Item]:
    known = bool(side.foreign)
    items = [take(packet[ajp.HEADER_SIZE :]) for packet in side.feed(data)]
    if side.foreign:
        found = describe(side.foreign)
        wrong = f"a packet that begins with {side.foreign[:2].hex(' ')} instead of {magic.hex(' ')}"
        wrong += f"; this is {found}" if found else ""
        items.append(Item("bytes", size=len(data), wrong="" if known else wrong))
    return items
