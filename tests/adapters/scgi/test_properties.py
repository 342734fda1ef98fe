"""The SCGI parser for every segmentation and for any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.events import Limits
from gateways.adapters.scgi import ServerConnection
from tests.support import wire
from tests.support.drive import check_every_split, cut, drive

#: What a web server may send on one connection, well-formed or not.
GOLDEN = {
    "get": wire.scgi(wire.get((b"HTTP_HOST", b"example.test"))),
    "get of nginx": wire.scgi(((b"CONTENT_LENGTH", b"0"), *wire.get((b"HTTP_A", b"1"), (b"HTTP_A", b"2")))),
    "post": wire.scgi(body=bytes(range(256)) * 2),
    "post and more": wire.scgi(body=b"hello") + wire.scgi(body=b"never looked at"),
    "short body": wire.scgi(wire.post(9), b"half"),
    "bad length": wire.scgi(wire.post(b"+5"), b"hello"),
    "no comma": wire.scgi().replace(b",", b";", 1),
    "too large": b"9" * 20 + b":",
    "leading zero": b"070:" + wire.scgi(),
    "http": b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
}

text = st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"."))


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("reads_body", [True, False])
def test_the_same_for_every_split_in_two_and_byte_by_byte(name: str, reads_body: bool) -> None:
    check_every_split(ServerConnection, GOLDEN[name], reads_body=reads_body)


@given(st.sampled_from(sorted(GOLDEN.values())), st.lists(st.integers(0, 2000), max_size=12))
def test_the_same_for_any_segmentation(data: bytes, points: list[int]) -> None:
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(), pieces) == drive(ServerConnection(), [data])


wild = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(wire.netstring),
    st.lists(st.tuples(text, text), max_size=8).map(
        lambda items: wire.scgi([(b"CONTENT_LENGTH", b"3"), *items], b"abcd")
    ),
    st.builds(lambda head, rest: head + b":" + rest, st.integers(-20, 300).map(lambda n: b"%d" % n), st.binary()),
)


@given(wild, st.lists(st.integers(0, 2000), max_size=6), st.booleans())
@example(b"0:,", [], True)
@example(b"1:\0,", [2], True)
def test_any_bytes_give_events_or_a_protocol_error(data: bytes, points: list[int], reads_body: bool) -> None:
    """``drive`` lets every other exception through."""
    whole = drive(ServerConnection(Limits(250, 6)), [data], reads_body=reads_body)
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(Limits(250, 6)), pieces, reads_body=reads_body) == whole


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 400))
def test_what_is_kept_is_less_than_the_limit_and_one_piece(data: bytes, size: int) -> None:
    for stream in (data, b"1000:" + data, b"1" * 3000, wire.scgi(body=data)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert drive(ServerConnection(Limits(1000)), pieces).most_buffered <= 1000 + 1 + size


@given(st.lists(st.tuples(text.filter(bool), text), max_size=8, unique_by=lambda item: item[0]), st.binary(max_size=99))
def test_what_is_sent_is_what_arrives(items: list[tuple[bytes, bytes]], body: bytes) -> None:
    items = [item for item in items if item[0] not in (b"SCGI", b"CONTENT_LENGTH")]
    params = [(b"CONTENT_LENGTH", b"%d" % len(body)), *items]
    outcome = drive(ServerConnection(), [wire.scgi(params, body)])
    assert outcome.events[0] == ("request", [params[0], (b"SCGI", b"1"), *items], False)
    assert outcome.events[1:] == [*([body] if body else []), "answered"]
