"""What a web server writes and reads, made by hand: the tests' own reading of FastCGI, SCGI, uwsgi and AJP13.

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


def filtering(params: Pairs, body: bytes, data: bytes, *, id: int = 1, keep: bool = False, cut: int = 65535) -> bytes:
    """Write a whole request of the Filter role."""
    variables = ((b"FCGI_DATA_LAST_MOD", b"1234567890"), (b"FCGI_DATA_LENGTH", b"%d" % len(data)), *params)
    return (
        begin(id, FILTER, keep)
        + stream(PARAMS, id, pairs(variables), cut)
        + stream(STDIN, id, body, cut)
        + stream(DATA, id, data, cut)
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


# AJP13


def ajp_string(text: bytes | None) -> bytes:
    """Write a string; None is one that is not there."""
    return b"\xff\xff" if text is None else pack(">H", len(text)) + text + b"\0"


def ajp_packet(payload: bytes) -> bytes:
    """Write a packet of the web server."""
    return b"\x12\x34" + pack(">H", len(payload)) + payload


#: What Apache always sends, and lighttpd never.
AJP_PORT = b"\x0a" + ajp_string(b"AJP_REMOTE_PORT") + ajp_string(b"4711")


def ajp_forward(
    *headers: tuple[bytes | int, bytes | None],
    method: int = 2,
    uri: bytes | None = b"/path",
    attributes: bytes = AJP_PORT,
    count: int | None = None,
    end: bytes = b"\xff",
) -> bytes:
    """Write a FORWARD_REQUEST packet. A header's name is text or the number of its code."""
    fields = [ajp_string(text) for text in (b"HTTP/1.1", uri, b"192.0.2.1", None, b"example.test")]
    lines = [
        (pack(">H", name) if isinstance(name, int) else ajp_string(name)) + ajp_string(value) for name, value in headers
    ]
    number = len(lines) if count is None else count
    return ajp_packet(
        bytes((2, method)) + b"".join(fields) + pack(">HBH", 80, 0, number) + b"".join(lines) + attributes + end
    )


def ajp_body(data: bytes) -> bytes:
    """Write a piece of the body as Apache does."""
    return ajp_packet(pack(">H", len(data)) + data)


def ajp_post(body: bytes, *headers: tuple[bytes | int, bytes | None]) -> bytes:
    """Write a POST request whose body fits into one packet."""
    return ajp_forward((0xA008, b"%d" % len(body)), *headers, method=4) + (ajp_body(body) if body else b"")


def ajp_packets(data: bytes) -> list[bytes]:
    """Read what an application sent: the payloads of its packets."""
    found = []
    at = 0
    while at < len(data):
        assert data[at : at + 2] == b"AB", data[at : at + 8]
        (length,) = unpack(">H", data[at + 2 : at + 4])
        assert 0 < length <= 8188, length
        assert at + 4 + length <= len(data), "the last packet is cut"
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def ajp_receive(sock: socket.socket) -> bytes:
    """Read packets up to END_RESPONSE; ``EOFError`` when the connection ends before."""
    data = bytearray()
    while data[-3:-1] != b"\2\5" or not _ends(data):
        piece = sock.recv(65536)
        if not piece:
            raise EOFError(f"closed after {bytes(data[-100:])!r}")
        data += piece
    return bytes(data)


def _ends(data: bytearray) -> bool:
    """Whether the last packet is END_RESPONSE, and not data that looks like it."""
    at = kind = 0
    while at + 4 <= len(data):
        (length,) = unpack(">H", data[at + 2 : at + 4])
        kind = data[at + 4] if length and at + 4 < len(data) else 0
        at += 4 + length
    return at == len(data) and kind == 5


class AjpAnswer(NamedTuple):
    """What a web server makes of the packets of one response; ``asked`` are the numbers of GET_BODY_CHUNK."""

    status: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    reuse: bool | None
    asked: list[int]
    pongs: int


_AJP_NAMES = (
    *(b"Content-Type", b"Content-Language", b"Content-Length", b"Date", b"Last-Modified", b"Location", b"Set-Cookie"),
    *(b"Set-Cookie2", b"Servlet-Engine", b"Status", b"WWW-Authenticate"),
)


def ajp_answer(data: bytes) -> AjpAnswer:
    """Put the packets of one response together. ``reuse`` is None where END_RESPONSE is missing."""
    status, headers, body, reuse, asked, pongs = "", [], b"", None, [], 0
    for payload in ajp_packets(data):
        assert reuse is None, "a packet after END_RESPONSE"
        if payload[0] == 9:
            pongs += 1
        elif payload[0] == 6:
            asked.append(unpack(">H", payload[1:])[0])
        elif payload[0] == 4:
            assert not status, "headers twice"
            status, headers = _ajp_head(payload)
        elif payload[0] == 3:
            (length,) = unpack(">H", payload[1:3])
            assert len(payload) == length + 4
            assert payload[-1] == 0
            assert status, "a body before the headers"
            body += payload[3:-1]
        else:
            assert payload[0] == 5, payload
            reuse = bool(payload[1])
    return AjpAnswer(status, headers, body, reuse, asked, pongs)


def _ajp_head(payload: bytes) -> tuple[str, list[tuple[bytes, bytes]]]:
    def text() -> bytes:
        nonlocal at
        (length,) = unpack(">H", payload[at : at + 2])
        at += length + 3
        assert payload[at - 1] == 0
        return payload[at - 1 - length : at - 1]

    (code,) = unpack(">H", payload[1:3])
    at = 3
    status = f"{code} {text().decode('latin-1')}"
    (number,) = unpack(">H", payload[at : at + 2])
    at += 2
    headers = []
    for _ in range(number):
        if payload[at] == 0xA0:
            name = _AJP_NAMES[payload[at + 1] - 1]
            at += 2
        else:
            name = text()
        headers.append((name, text()))
    assert at == len(payload)
    return status, headers


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
