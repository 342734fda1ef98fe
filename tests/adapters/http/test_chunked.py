"""gateways.adapters.http.chunked: one body out of a stream of bytes. The numbered cases are in tests/server."""

from __future__ import annotations

import pytest

from gateways.adapters.http.chunked import Chunked
from gateways.adapters.http.head import parse_head
from gateways.errors import ProtocolError
from tests.support.httpwire import chunked, post_chunked


def decoder(size: int = 1000, count: int = 10) -> Chunked:
    return Chunked(parse_head(post_chunked(b""))[1], size, count)


def test_it_takes_the_body_and_leaves_the_rest() -> None:
    body = decoder()
    buffer = bytearray(chunked(b"hel", b"lo") + b"GET / HTTP/1.1\r\n")
    assert body.take(buffer) == b"hello"
    assert body.over
    assert buffer == b"GET / HTTP/1.1\r\n"
    assert body.take(buffer) == b""
    assert buffer == b"GET / HTTP/1.1\r\n"


def test_it_says_when_it_needs_more() -> None:
    body = decoder()
    assert body.take(bytearray()) is None
    buffer = bytearray(b"5\r\nhe")
    assert body.take(buffer) == b"he"
    assert body.take(buffer) is None
    buffer += b"llo\r\n0\r\n"
    assert body.take(buffer) == b"llo"
    assert body.take(buffer) is None
    assert not body.over
    buffer += b"\r\n"
    assert body.take(buffer) == b""


def test_what_came_before_an_error_is_delivered_before_it() -> None:
    body = decoder()
    buffer = bytearray(b"5\r\nhello\r\nx\r\n")
    assert body.take(buffer) == b"hello"
    for _ in range(2):
        with pytest.raises(ProtocolError, match="size of a chunk") as caught:
            body.take(buffer)
        assert caught.value.status == "400 Bad Request"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1;" + b"a" * 5000, "too long"),
        (b"0\r\nX: " + b"y" * 1000, "too long"),
        (b"0\r\n" + b"X: y\r\n" * 11, "too many trailers"),
        (b"0\r\n" + b"X: " + b"y" * 490 + b"\r\nX: " + b"y" * 500 + b"\r\n\r\n", "too many trailers"),
    ],
)
def test_limits(data: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        decoder().take(bytearray(data))
