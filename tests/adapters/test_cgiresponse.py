"""gateways.adapters.cgiresponse: the head of a response as the web server's side reads it (RFC 3875, section 6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.cgihead import encode_head
from gateways.adapters.cgiresponse import MAX_HEAD, HeadParser, ResponseHead, parse_head
from gateways.errors import ProtocolError, TruncatedResponse


def outcome(pieces: list[bytes]) -> tuple[ResponseHead, bytes] | str:
    """Return head and start of the body, or the error's text, for a response that comes in ``pieces``."""
    parser = HeadParser()
    head = None
    rest = b""
    try:
        for piece in pieces:
            if head is not None:
                rest += piece
                continue
            head = parser.feed(piece)
            rest = parser.rest
        if head is None:
            return str(parser.end())
    except ProtocolError as error:
        return str(error)
    return head, rest


def test_a_response_of_our_own_server() -> None:
    block = encode_head("404 Not Found", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    head = parse_head(block)
    assert (head.status, head.reason, head.content_length) == (404, "Not Found", None)
    assert head.headers == [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_end_in_lf_or_crlf(end: bytes) -> None:
    """Section 6.2: NL is LF, and CRLF is what most send."""
    parser = HeadParser()
    head = parser.feed(end.join([b"Status: 201 Made", b"Content-Length: 5", b"", b"hello"]))
    assert head == ResponseHead(201, "Made", [("Content-Length", "5")], 5)
    assert parser.rest == b"hello"


@pytest.mark.parametrize(
    ("block", "status", "reason"),
    [
        (b"Content-Type: text/plain\n\n", 200, "OK"),
        (b"Location: http://example.test/\n\n", 302, "Found"),
        (b"Location: /path\n\n", 302, "Found"),
        (b"Location: /path\nStatus: 201 Created\n\n", 201, "Created"),
        (b"Status: 404\n\n", 404, "Not Found"),
        (b"Status: 404 \n\n", 404, "Not Found"),
        (b"Status: 299\n\n", 299, ""),
        (b"status:200 Fine\n\n", 200, "Fine"),
        (b"Status: 200 Tr\xe8s bien\n\n", 200, "Tr\xe8s bien"),
    ],
)
def test_status(block: bytes, status: int, reason: str) -> None:
    head = parse_head(block)
    assert (head.status, head.reason) == (status, reason)


@pytest.mark.parametrize(
    "block",
    [
        b"Hello world\n\n",
        b"\n",
        b"\r\n",
        b" Content-Type: text/plain\n\n",
        b"Content-Type: text/plain\n charset=utf-8\n\n",  # a folded line
        b"Content-Type : text/plain\n\n",
        b": empty\n\n",
        b"X: a\rb\n\n",
        b"X: a\0b\n\n",
        b"X: a\x1bb\n\n",
        b"Status: 99 Low\n\n",
        b"Status: 100 Continue\n\n",
        b"Status: 1000 High\n\n",
        b"Status: OK\n\n",
        b"Status: 200OK\n\n",
        b"Status:\n\n",
        b"Status: 200 OK\nStatus: 200 OK\n\n",
        b"Content-Length: 1\nContent-Length: 1\n\n",
        b"Content-Length: -1\n\n",
        b"Content-Length: 1_0\n\n",
        b"Content-Length: \xb2\n\n",
        b"Content-Length: 99999999999999999999\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
        b"\x01\x06\0\x01\0\x05\x03\0hello\0\0\0\n\n",
    ],
)
def test_C16_what_is_no_header_block_is_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        HeadParser().feed(block)
    assert caught.value.status == "502 Bad Gateway"
    assert str(caught.value).isprintable()


def test_a_peer_that_speaks_http_is_named() -> None:
    with pytest.raises(ProtocolError, match="HTTP server"):
        HeadParser().feed(b"HTTP/1.0 400 Bad Request")


def test_C16_a_header_block_above_the_limit_is_refused() -> None:
    line = b"X: " + b"a" * 1021 + b"\n"
    fits = line * (MAX_HEAD // 1025 - 1)
    assert HeadParser().feed(fits + b"\n") is not None
    parser = HeadParser()
    for _ in range(MAX_HEAD // 1025):
        assert parser.feed(line) is None
    with pytest.raises(ProtocolError, match="more than 65536 bytes"):
        parser.feed(line)


@pytest.mark.parametrize("data", [b"", b"Status: 200 OK\r\n", b"Status"])
def test_C16_an_end_inside_the_header_block_is_an_error(data: bytes) -> None:
    parser = HeadParser()
    assert parser.feed(data) is None
    assert isinstance(parser.end(), TruncatedResponse)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                b"Status: 200 OK\r\nX: y\r\n\r\nbody",
                b"\n\nbody",
                b"\r\n\r\nX: y\r\n\r\n",
                b"X: y\n\r\nbody",
                b"HTTP/1.1 200 OK\r\n\r\n",
                b"X: y\r\n",
                b"X: y\n\n\nbody",
            ]
        ),
    ),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_any_segmentation_has_the_same_outcome(data: bytes, points: list[int]) -> None:
    """Any bytes, in any pieces: the same head and body, or the same error."""
    edges = [0, *sorted(min(point, len(data)) for point in points), len(data)]
    pieces = [data[start:stop] for start, stop in zip(edges, edges[1:])]
    assert outcome(pieces) == outcome([data])
