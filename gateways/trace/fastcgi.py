"""Decode FastCGI 1.0 as it passes: records of both directions, and what the streams in them say.

Sections in what is wrong are those of the specification.
"""

from __future__ import annotations

from typing import Callable

from gateways.adapters.cutting import Cutter
from gateways.adapters.fastcgi import records as fcgi
from gateways.adapters.foreign import describe
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item
from gateways.trace.responses import Response

_NAMES = (
    *("", "BEGIN_REQUEST", "ABORT_REQUEST", "END_REQUEST", "PARAMS", "STDIN", "STDOUT", "STDERR", "DATA"),
    *("GET_VALUES", "GET_VALUES_RESULT", "UNKNOWN_TYPE"),
)
#: Requests of one connection that are followed, and bytes that are kept of them together, to be decoded. What is more
#: is shown record by record.
_MOST_REQUESTS = 256
_MOST_KEPT = 8 << 20
_NOT_FOLLOWED = "not followed: too much at once"


class _Request:
    """What is known of a request that is open."""

    def __init__(self, role: int) -> None:
        self.role = role
        self.params: bytearray | None = bytearray()
        self.length: int | None = None
        self.received = 0
        self.stdin_over = self.data_over = self.stdout_over = False
        self.response = Response()

    @property
    def kept(self) -> int:
        """Bytes that are kept to be decoded."""
        return len(self.params or b"") + self.response.kept

    def take_params(self, content: bytes, item: Item) -> None:
        """A piece of PARAMS; the last one is empty, and has all variables."""
        if self.params is None:
            item.wrong = "PARAMS behind their end (3.3)"
        elif content:
            self.params += content
            if len(self.params) > MAX_HEAD:
                item.wrong = f"more than {MAX_HEAD} bytes of PARAMS; they are not decoded"
                self.params = None
        else:
            self._decode(bytes(self.params), item)
            self.params = None

    def _decode(self, block: bytes, item: Item) -> None:
        try:
            item.pairs = fcgi.decode_pairs(block)
        except ProtocolError as error:
            item.wrong = f"{error} (3.4)"
            return
        for name, value in item.pairs:
            if b"\0" in name or b"\0" in value:
                item.wrong = "a NUL byte in a variable (6.1)"
            elif not name:
                item.wrong = "a variable without a name"
        length = dict(item.pairs).get(b"CONTENT_LENGTH", b"")
        if length and not length.isdigit():
            item.wrong = f"CONTENT_LENGTH is no number: {length[:20]!r} (RFC 3875, 4.1.2)"
        self.length = int(length) if length.isdigit() and len(length) < 19 else None

    def take_stdin(self, content: bytes, item: Item) -> None:
        """A piece of the body, or its end."""
        if self.params is not None:
            item.wrong = "STDIN before the end of PARAMS (6.1)"
        elif self.stdin_over:
            item.wrong = "STDIN behind its end (3.3)"
        elif content:
            item.start = None if self.received else content
            self.received += len(content)
        else:
            self.stdin_over = True
            if self.length is not None and self.length != self.received:
                item.wrong = f"CONTENT_LENGTH is {self.length}, and STDIN has {self.received} bytes (6.2)"


class FastCGIDecoder:
    """One connection."""

    def __init__(self) -> None:
        self._to = Cutter(fcgi.measure)
        self._from = Cutter(fcgi.measure)
        self._open: dict[int, _Request | None] = {}  # None for those that are not followed

    @property
    def idle(self) -> bool:
        """True while no request is open and no record is half here."""
        return not (self._open or self._to.pending or self._from.pending)

    def to_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the web server."""
        return self._feed(self._to, data, self._from_server)

    def from_backend(self, data: bytes) -> list[Item]:
        """Take bytes of the application."""
        return self._feed(self._from, data, self._from_application)

    def ended(self, backend: bool) -> list[Item]:
        """Say what breaks off when a side ends."""
        side = self._from if backend else self._to
        items = []
        if side.pending:
            items.append(Item("end", wrong=f"ends inside a record, after {side.pending} bytes (3.3)"))
        if backend and self._open:
            numbers = ", ".join(map(str, list(self._open)[:5]))
            items.append(Item("end", wrong=f"no END_REQUEST for request {numbers} (5.5)"))
            self._open.clear()
        return items

    def _feed(self, side: Cutter, data: bytes, take: Callable[[int, int, bytes, Item], list[Item]]) -> list[Item]:
        known = bool(side.foreign)
        items: list[Item] = []
        for record in side.feed(data):
            _, kind, id, length, padding = fcgi.HEADER.unpack_from(record)
            content = record[fcgi.HEADER_LENGTH : fcgi.HEADER_LENGTH + length]
            items += take(kind, id, content, _item(kind, id, length, padding))
            self._forget(id)
        if side.foreign:
            found = describe(side.foreign)
            wrong = f"version {side.foreign[0]} instead of 1 (3.3)" + (f"; this is {found}" if found else "")
            items.append(Item("bytes", size=len(data), wrong="" if known else wrong))
        return items

    def _forget(self, id: int) -> None:
        """Follow a request no longer that takes the room which all have together."""
        if self._open.get(id) and sum([request.kept for request in self._open.values() if request]) > _MOST_KEPT:
            self._open[id] = None

    def _from_server(self, kind: int, id: int, content: bytes, item: Item) -> list[Item]:
        if kind == fcgi.BEGIN_REQUEST:
            self._begin(id, content, item)
        elif kind in (fcgi.ABORT_REQUEST, fcgi.PARAMS, fcgi.STDIN, fcgi.DATA):
            request = self._open.get(id)
            if id == 0:
                item.wrong = "an application record with id 0 (3.3)"
            elif request is None:
                open_ = id in self._open
                item.facts.append(_NOT_FOLLOWED if open_ else "no such request is open: to be ignored (3.3)")
            elif kind == fcgi.PARAMS:
                request.take_params(content, item)
            elif kind == fcgi.STDIN:
                request.take_stdin(content, item)
            elif kind == fcgi.DATA and request.role != fcgi.FILTER:
                item.wrong = "DATA in a request that is not for a filter (6.4)"
        elif kind == fcgi.GET_VALUES:
            _values(id, content, item)
        elif kind in (fcgi.END_REQUEST, fcgi.STDOUT, fcgi.STDERR, fcgi.GET_VALUES_RESULT, fcgi.UNKNOWN_TYPE):
            item.wrong = "a record that only applications send (8)"
        elif id:
            item.wrong = "a record of an unknown type (8)"
        return [item]

    def _begin(self, id: int, content: bytes, item: Item) -> None:
        if len(content) != fcgi.BEGIN_BODY.size:
            item.wrong = f"BEGIN_REQUEST of {len(content)} bytes instead of 8 (5.1)"
            return
        role, flags = fcgi.BEGIN_BODY.unpack(content)
        item.facts.append(fcgi.ROLES[role].decode() if role in fcgi.ROLES else f"role {role}")
        item.facts += ["KEEP_CONN"] if flags & fcgi.KEEP_CONN else []
        if id == 0:
            item.wrong = "an application record with id 0 (3.3)"
        elif id in self._open:
            item.wrong = f"request {id} is open already (3.3)"
        elif role not in fcgi.ROLES:
            item.wrong = f"an unknown role, {role} (5.1)"
        if flags & ~fcgi.KEEP_CONN:
            item.facts.append(f"flags {flags:#04x}")
        if id:
            self._open.setdefault(id, _Request(role) if len(self._open) < _MOST_REQUESTS else None)

    def _from_application(self, kind: int, id: int, content: bytes, item: Item) -> list[Item]:
        request = self._open.get(id)
        more: list[Item] = []
        if kind in (fcgi.STDOUT, fcgi.STDERR, fcgi.END_REQUEST) and id not in self._open:
            item.wrong = f"no request {id} is open (3.3)"
        elif kind == fcgi.STDOUT and request is None:
            item.facts.append(_NOT_FOLLOWED)
        elif kind == fcgi.STDOUT and request is not None:
            if request.stdout_over:
                item.wrong = "STDOUT behind its end (3.3)"
            request.stdout_over = request.stdout_over or not content
            more = request.response.feed(content)
        elif kind == fcgi.STDERR:
            item.start = content
        elif kind == fcgi.END_REQUEST:
            more = request.response.end() if request else []
            _end(content, item)
            del self._open[id]
        elif kind == fcgi.GET_VALUES_RESULT:
            _values(id, content, item)
        elif kind == fcgi.UNKNOWN_TYPE:
            item.facts.append(f"type {content[0]}" if content else "")
        else:
            item.wrong = "a record that applications do not send (8)"
        return [*more, item] if kind == fcgi.END_REQUEST else [item, *more]


def _item(kind: int, id: int, length: int, padding: int) -> Item:
    name = _NAMES[kind] if 0 < kind < len(_NAMES) else f"type {kind}"
    facts = [f"id {id}"] if id else []
    return Item(name, facts + ([f"padding {padding}"] if padding else []), size=length)


def _end(content: bytes, item: Item) -> None:
    item.ends = True
    if len(content) != fcgi.END_BODY.size:
        item.wrong = f"END_REQUEST of {len(content)} bytes instead of 8 (5.5)"
        return
    app_status, status = fcgi.END_BODY.unpack(content)
    item.facts.append(fcgi.STATUSES[status] if status < len(fcgi.STATUSES) else f"protocolStatus {status}")
    item.facts.append(f"appStatus {app_status}")
    if status >= len(fcgi.STATUSES):
        item.wrong = f"an unknown protocolStatus, {status} (5.5)"


def _values(id: int, content: bytes, item: Item) -> None:
    if id:
        item.wrong = f"a management record with id {id} (3.3)"
    try:
        item.pairs = fcgi.decode_pairs(content)
    except ProtocolError as error:
        item.wrong = f"{error} (3.4)"
