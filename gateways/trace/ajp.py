"""Decode AJP13 as it passes: packets of both directions (protocol overview of Apache's mod_proxy_ajp)."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.ajp.client import read_head
from gateways.adapters.ajp.request import ForwardRequest
from gateways.adapters.events import Limits
from gateways.adapters.foreign import describe
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item

_SECRET = b"AJP_SECRET"


class Packets:
    """Cuts one direction into packets. ``wrong`` says why it cannot go on; what comes then is counted only."""

    def __init__(self, magic: bytes) -> None:
        self._magic = magic
        self._buffer = bytearray()
        self.wrong = ""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the payload of each packet that is complete."""
        buffer = self._buffer
        if self.wrong:
            return
        buffer += data
        while buffer:
            if not self._magic.startswith(buffer[:2]):
                found = describe(bytes(buffer))
                self.wrong = f"a packet that begins with {buffer[:2].hex(' ')} instead of {self._magic.hex(' ')}"
                self.wrong += f"; this is {found}" if found else ""
                buffer.clear()
                return
            stop = ajp.HEADER_SIZE + int.from_bytes(buffer[2:4], "big")
            if len(buffer) < ajp.HEADER_SIZE or len(buffer) < stop:
                return
            payload = bytes(buffer[ajp.HEADER_SIZE : stop])
            del buffer[:stop]
            yield payload

    @property
    def pending(self) -> int:
        """How many bytes there are of a packet that is not complete."""
        return len(self._buffer)


class AJPDecoder:
    """One connection."""

    def __init__(self) -> None:
        self._to = Packets(ajp.FROM_WEB_SERVER)
        self._from = Packets(ajp.FROM_APPLICATION)
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
        was = self._to.wrong
        items = [self._from_server(payload) for payload in self._to.feed(data)]
        return [*items, *_rest(self._to, was, data)]

    def from_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the application."""
        was = self._from.wrong
        items = [self._from_application(payload) for payload in self._from.feed(data)]
        return [*items, *_rest(self._from, was, data)]

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


def _rest(side: Packets, was: str, data: bytes) -> list[Item]:
    return [Item("bytes", size=len(data), wrong="" if was else side.wrong)] if side.wrong else []
