"""What a web server writes and reads, made by hand: the tests' own reading of FastCGI, SCGI and uwsgi.

It shares no code with the package, so that a mistake there cannot agree with itself here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from struct import pack, unpack
from typing import NamedTuple

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)

Pairs = Sequence[tuple[bytes, bytes]]

#: The least that a request is made of.
GET = (
    (b"REQUEST_METHOD", b"GET"),
    (b"SCRIPT_NAME", b""),
    (b"PATH_INFO", b"/path"),
    (b"REQUEST_URI", b"/path"),
    (b"QUERY_STRING", b""),
    (b"SERVER_NAME", b"example.test"),
    (b"SERVER_PORT", b"80"),
    (b"SERVER_PROTOCOL", b"HTTP/1.1"),
)


def get(*more: tuple[bytes, bytes]) -> Pairs:
    """Variables of a GET request, and ``more``."""
    return (*GET, *more)


def post(length: object, *more: tuple[bytes, bytes]) -> Pairs:
    """Variables of a POST request with CONTENT_LENGTH ``length``, and ``more``."""
    value = length if isinstance(length, bytes) else str(length).encode()
    return ((b"CONTENT_LENGTH", value), (b"REQUEST_METHOD", b"POST"), *GET[1:], *more)


# FastCGI


class Record(NamedTuple):
    """One FastCGI record as it was on the wire."""

    type: int
    id: int
    content: bytes
    padding: bytes = b""
    reserved: int = 0


class Answer(NamedTuple):
    """What a web server makes of the records of one request."""

    head: bytes
    body: bytes
    errors: bytes
    app_status: int
    protocol_status: int

    @property
    def status(self) -> str:
        if self.head.startswith(b"HTTP/"):
            return self.head.partition(b"\r\n")[0].partition(b" ")[2].decode("latin-1")
        return header(self.head, "Status")


def record(type: int, id: int, content: bytes = b"", padding: int = 0, reserved: int = 0) -> bytes:
    """Write a record."""
    return pack(">BBHHBB", 1, type, id, len(content), padding, reserved) + content + bytes(padding)


def begin(id: int = 1, role: int = RESPONDER, keep: bool = False, padding: int = 0) -> bytes:
    """Write BEGIN_REQUEST."""
    return record(BEGIN, id, pack(">HB5x", role, keep), padding)


def stream(type: int, id: int, data: bytes, cut: int = 65535, padding: int = 0, end: bool = True) -> bytes:
    """Write ``data`` as records of ``cut`` bytes, and the empty one that ends the stream."""
    parts = [record(type, id, data[at : at + cut], padding) for at in range(0, len(data), cut)]
    return b"".join([*parts, record(type, id, b"", padding) if end else b""])


def pairs(items: Iterable[tuple[bytes, bytes]], long: bool = False) -> bytes:
    """Write name-value pairs, with ``long`` all lengths in four bytes."""
    parts = []
    for item in items:
        parts += [pack(">I", len(text) | 1 << 31) if long or len(text) > 127 else pack("B", len(text)) for text in item]
        parts += item
    return b"".join(parts)


def request(
    params: Pairs = GET, body: bytes = b"", *, id: int = 1, keep: bool = False, cut: int = 65535, padding: int = 0
) -> bytes:
    """Write a whole request of the Responder role."""
    return (
        begin(id, RESPONDER, keep, padding)
        + stream(PARAMS, id, pairs(params), cut, padding)
        + stream(STDIN, id, body, cut, padding)
    )


def parse_records(data: bytes) -> Iterator[Record]:
    """Read complete records; anything else is an ``AssertionError``."""
    at = 0
    while at < len(data):
        assert len(data) >= at + 8, f"{len(data) - at} bytes of a record header"
        version, type, id, length, padding, reserved = unpack(">BBHHBB", data[at : at + 8])
        assert version == 1, data[at : at + 8]
        stop = at + 8 + length + padding
        assert stop <= len(data), "the last record is cut"
        yield Record(type, id, data[at + 8 : at + 8 + length], data[stop - padding : stop], reserved)
        at = stop


class RecordReader:
    """Reads the records of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._sock.recv(size - len(data))
            if not piece:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += piece
        return data

    def record(self) -> Record:
        """Read one record; ``EOFError`` when the connection ends."""
        head = self._exactly(8)
        _, type, id, length, padding, reserved = unpack(">BBHHBB", head)
        assert head[0] == 1, head
        return Record(type, id, self._exactly(length), self._exactly(padding), reserved)

    def answer(self, id: int = 1) -> Answer:
        """Read up to END_REQUEST; every record has to be one of request ``id``."""
        records = [self.record()]
        while records[-1].type != END:
            records.append(self.record())
        return answer(records, id)


def answer(records: Iterable[Record], id: int = 1) -> Answer:
    """Put the records of one request together."""
    output: list[bytes] = []
    errors: list[bytes] = []
    ended: tuple[int, int] | None = None
    for item in records:
        assert ended is None, f"{item} after END_REQUEST"
        assert item.id == id, item
        if item.type == STDOUT:
            output.append(item.content)
        elif item.type == STDERR:
            errors.append(item.content)
        else:
            assert item.type == END, item
            ended = unpack(">IB3x", item.content)
    assert ended is not None, "no END_REQUEST"
    head, _, body = b"".join(output).partition(b"\r\n\r\n")
    return Answer(head, body, b"".join(errors), *ended)


# SCGI


def netstring(block: bytes) -> bytes:
    """Write the header block of an SCGI request."""
    return b"%d:%s," % (len(block), block)


def scgi(params: Pairs | None = None, body: bytes = b"") -> bytes:
    """Write a whole SCGI request; the SCGI variable is added."""
    items = list(post(len(body)) if params is None else params)
    items.insert(1, (b"SCGI", b"1"))
    return netstring(b"".join([b"%s\0%s\0" % item for item in items])) + body


# uwsgi


def uwsgi_block(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write the variables of a uwsgi request."""
    return b"".join([pack("<H", len(text)) + text for item in items for text in item])


def packet(block: bytes, modifier1: int = 0, modifier2: int = 0) -> bytes:
    """Write a uwsgi packet."""
    return pack("<BHB", modifier1, len(block), modifier2) + block


def uwsgi(params: Pairs | None = None, body: bytes = b"", modifier1: int = 0) -> bytes:
    """Write a whole uwsgi request."""
    return packet(uwsgi_block(post(len(body)) if params is None else params), modifier1) + body


# All


def header(head: bytes, name: str) -> str:
    """Return the value of a response header, ``""`` without one."""
    for line in head.decode("latin-1").split("\r\n"):
        found, _, value = line.partition(": ")
        if found.lower() == name.lower():
            return value
    return ""


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send ``data``, or as much of it as a peer takes that may close before the end: what it answers is what counts."""
    try:
        sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive_all(sock: socket.socket) -> bytes:
    """Read until the peer closes."""
    parts: list[bytes] = []
    while True:
        piece = sock.recv(65536)
        if not piece:
            return b"".join(parts)
        parts.append(piece)
