"""SCGI and uwsgi as they pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.trace.items import Item
from gateways.trace.onerequest import OneRequestDecoder
from tests.support import wire
from tests.trace.support import cut, merged, names

HEADS = {"scgi": b"Status: 200 OK\r\nX: 1\r\n\r\n", "uwsgi": b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\n"}
MAKE = {"scgi": wire.scgi, "uwsgi": wire.uwsgi}


@pytest.mark.parametrize("protocol", ["scgi", "uwsgi"])
def test_a_request_and_its_answer(protocol: str) -> None:
    decoder = OneRequestDecoder(protocol)
    assert decoder.idle
    items = decoder.to_backend(MAKE[protocol](wire.post(5), b"hello"))
    assert names(items) == ["request", "body"]
    assert (b"REQUEST_METHOD", b"POST") in items[0].pairs
    assert (items[1].size, items[1].start) == (5, b"hello")
    answer = decoder.from_backend(HEADS[protocol] + b"got it")
    assert names(answer) == ["response", "body"]
    assert answer[0].facts == ["200 OK"]
    assert [*decoder.ended(False), *decoder.ended(True)] == []
    assert not decoder.idle, "the connection is the request"


@pytest.mark.parametrize("protocol", ["scgi", "uwsgi"])
@given(size=st.integers(1, 200))
def test_any_segmentation_gives_the_same(protocol: str, size: int) -> None:
    data = MAKE[protocol](wire.post(50), b"hello" * 10)
    decoder, whole = OneRequestDecoder(protocol), OneRequestDecoder(protocol)
    parts = [item for piece in cut(data, size) for item in decoder.to_backend(piece)]
    assert merged(parts) == merged(whole.to_backend(data))
    answer = HEADS[protocol] + b"x" * 100
    parts = [item for piece in cut(answer, size) for item in decoder.from_backend(piece)]
    assert merged(parts) == merged(whole.from_backend(answer))


@pytest.mark.parametrize(
    ("protocol", "data", "why"),
    [
        ("scgi", b"GET / HTTP/1.1\r\n", "this is HTTP, on an address for SCGI"),
        ("scgi", b"4:a\0b\0;", "(SCGI, 3 and 4)"),
        ("scgi", wire.netstring(b"SCGI\x001\0"), "the first SCGI header is not CONTENT_LENGTH"),
        ("uwsgi", b"\5\0\0\0", "modifier1 5 is not served"),
        ("uwsgi", wire.packet(b"\xff\xffA"), "does not end with the block (uwsgi protocol)"),
        ("scgi", wire.scgi(wire.post(3), b"hello"), "2 bytes more than CONTENT_LENGTH, 3"),
    ],
)
def test_what_is_malformed(protocol: str, data: bytes, why: str) -> None:
    decoder = OneRequestDecoder(protocol)
    [wrong] = [item.wrong for item in decoder.to_backend(data) if item.wrong]
    assert why in wrong
    assert isinstance(decoder.to_backend(b"more")[0], Item)


def test_ends_in_the_middle() -> None:
    decoder = OneRequestDecoder("scgi")
    decoder.to_backend(wire.scgi()[:10])
    assert [item.wrong for item in decoder.ended(False)] == ["ends inside the headers"]
    decoder = OneRequestDecoder("scgi")
    decoder.to_backend(wire.scgi(wire.post(5), b"abc"))
    assert [item.wrong for item in decoder.ended(False)] == ["CONTENT_LENGTH is 5, and 3 bytes came"]
    assert [item.wrong for item in decoder.ended(True)] == ["no response"]
    decoder.from_backend(b"Status: 200")
    assert [item.wrong for item in decoder.ended(True)] == ["ends inside the headers (RFC 3875, 6.2)"]


def test_pings_of_uwsgi() -> None:
    decoder = OneRequestDecoder("uwsgi")
    assert names(decoder.to_backend(b"\x64\0\0\0")) == ["ping"]
    assert names(decoder.from_backend(b"\x64\0\0\1")) == ["pong"]


@given(
    st.sampled_from(["scgi", "uwsgi"]),
    st.binary(max_size=200),
    st.sampled_from([b"", b"24:CONTENT_LENGTH", b"\0\5\0\0"]),
)
def test_any_bytes_can_be_decoded(protocol: str, data: bytes, before: bytes) -> None:
    decoder = OneRequestDecoder(protocol)
    for items in (decoder.to_backend(before + data), decoder.from_backend(data), decoder.ended(True)):
        assert all(isinstance(item, Item) for item in items)
