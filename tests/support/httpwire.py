"""What an HTTP client writes and reads, made by hand: the tests' own reading of HTTP/1.1."""

from __future__ import annotations

from typing import NamedTuple

from tests.support import wire

HOST = b"Host: example.test\r\n"


class Response(NamedTuple):
    """One response. ``whole`` is false when it breaks off."""

    status: str
    head: bytes
    body: bytes
    whole: bool = True

    def header(self, name: str) -> str:
        """Return the value of a header, ``""`` without one."""
        return wire.header(self.head, name)

    @property
    def code(self) -> int:
        return int(self.status[:3])


def request(
    line: bytes = b"GET /path HTTP/1.1", *fields: bytes, body: bytes = b"", host: bytes = HOST, length: bool = False
) -> bytes:
    """Write a request: its first line, fields without their line ends, and with ``length`` that of its body."""
    lines = [*fields, *([b"Content-Length: %d" % len(body)] if length else [])]
    return b"".join([line, b"\r\n", host, *[field + b"\r\n" for field in lines], b"\r\n", body])


def post(body: bytes, *fields: bytes) -> bytes:
    """Write a POST request with a body of known length."""
    return request(b"POST /path HTTP/1.1", *fields, body=body, length=True)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Write a chunked body."""
    return b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]) + end


def post_chunked(body: bytes, *fields: bytes) -> bytes:
    """Write a POST request around a body that is chunked already."""
    return request(b"POST /path HTTP/1.1", b"Transfer-Encoding: chunked", *fields, body=body)


def responses(data: bytes, head_only: bool = False) -> list[Response]:
    """Read all responses of a connection that has ended; anything else is an ``AssertionError``."""
    found = []
    while data:
        response, data = _response(data, head_only)
        found.append(response)
    return found


def only(data: bytes, head_only: bool = False) -> Response:
    """Read the one response of a connection."""
    found = responses(data, head_only)
    assert len(found) == 1, data[:400]
    return found[0]


def _response(data: bytes, head_only: bool) -> tuple[Response, bytes]:
    head, end, rest = data.partition(b"\r\n\r\n")
    assert end, data[:200]
    assert b"\n" not in head.replace(b"\r\n", b""), head
    version, _, status = head.split(b"\r\n")[0].decode("latin-1").partition(" ")
    assert version == "HTTP/1.1", version
    length, coding = wire.header(head, "Content-Length"), wire.header(head, "Transfer-Encoding")
    assert not (length and coding), head
    if head_only or status[:3] in {"100", "204", "304"}:
        return Response(status, head, b""), rest
    if coding:
        assert coding == "chunked"
        body, whole, rest = _chunks(rest)
        return Response(status, head, body, whole), rest
    if length:
        count = int(length)
        return Response(status, head, rest[:count], len(rest) >= count), rest[count:]
    assert wire.header(head, "Connection") == "close", head
    return Response(status, head, rest), b""


def _chunks(data: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while True:
        size, end, data = data.partition(b"\r\n")
        if not end or len(data) < int(size, 16) + 2:
            return body, False, b""
        count = int(size, 16)
        assert data[count : count + 2] == b"\r\n", data[count : count + 2]
        body, data = body + data[:count], data[count + 2 :]
        if not count:
            return body, True, data


def from_variables(params: wire.Pairs, body: bytes = b"", *, keep: bool = False) -> bytes:
    """Write the request that ``params`` are the CGI variables of."""
    given = dict(params)
    line = b"%b %b HTTP/1.1" % (given[b"REQUEST_METHOD"], given[b"REQUEST_URI"])
    fields = [b"%b: %b" % (name[5:].replace(b"_", b"-"), given[name]) for name in given if name[:5] == b"HTTP_"]
    fields += [b"%b: %b" % (name.replace(b"_", b"-"), given[name]) for name in given if name[:8] == b"CONTENT_"]
    return request(line, *fields, *([] if keep else [b"Connection: close"]), body=body)


def answer(data: bytes, head_only: bool = False) -> wire.Answer:
    """Read the one response of a connection as that of a gateway program."""
    found = only(data, head_only)
    assert found.whole, data[:400]
    return wire.Answer(b"Status: %b\r\n%b" % (found.status.encode("latin-1"), found.head), found.body, b"", 0, 0)
