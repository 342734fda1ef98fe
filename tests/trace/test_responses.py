"""The head of a response, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from gateways.trace.items import MAX_HEAD
from gateways.trace.responses import Response


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_in_single_bytes(end: bytes) -> None:
    response = Response()
    assert not response.started
    data = end.join([b"Status: 404 Gone", b"X: 1", b"", b"rest"])
    items = [item for byte in data for item in response.feed(bytes([byte]))]
    assert [item.what for item in items] == ["response", *["body"] * 4]
    assert items[0].facts == ["404 Gone"]
    assert items[0].pairs == [(b"Status", b"404 Gone"), (b"X", b"1")]
    assert [item.start for item in items[1:]] == [b"r", None, None, None]
    assert response.started
    assert response.end() == []


def test_a_status_line_where_there_may_be_one() -> None:
    [item] = Response(status_line=True).feed(b"HTTP/1.0 503 Busy\r\nX: 1\r\n\r\n")
    assert (item.facts, item.pairs, item.wrong) == (["503 Service Unavailable"], [(b"X", b"1")], "")
    [item] = Response().feed(b"HTTP/1.0 503 Busy\r\nX: 1\r\n\r\n")
    assert "not a response header" in item.wrong


@pytest.mark.parametrize("data", [b"what?\r\n\r\n", b"\r\n", b"Status: 99 x\r\n\r\n", b"X: 1\x00\r\n\r\n"])
def test_what_is_no_head(data: bytes) -> None:
    [item] = Response().feed(data)
    assert item.wrong.endswith("(RFC 3875, 6.2)")


def test_a_head_that_does_not_end() -> None:
    response = Response()
    assert response.feed(b"X: 1\r\n") == []
    [item] = response.end()
    assert item.wrong == "ends inside the headers (RFC 3875, 6.2)"
    [item] = Response().feed(b"x" * (MAX_HEAD + 1))
    assert item.wrong == f"no end of the headers in {MAX_HEAD} bytes"
