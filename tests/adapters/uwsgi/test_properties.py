"""The uwsgi parser for every segmentation and for any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.events import Limits
from gateways.adapters.uwsgi import ServerConnection
from tests.support import wire
from tests.support.drive import check_every_split, cut, drive

#: What a web server may send on one connection, well-formed or not.
GOLDEN = {
    "get": wire.uwsgi(wire.get((b"HTTP_HOST", b"example.test"))),
    "get of nginx": wire.uwsgi(wire.get((b"CONTENT_LENGTH", b""), (b"HTTP_A", b"1"), (b"HTTP_A", b"2"))),
    "mounted": wire.uwsgi(((b"SCRIPT_NAME", b"/app"), (b"PATH_INFO", b"/app/x")), modifier1=30),
    "post": wire.uwsgi(body=bytes(range(256)) * 2),
    "post and more": wire.uwsgi(body=b"hello") + wire.uwsgi(body=b"never looked at"),
    "short body": wire.uwsgi(wire.post(9), b"half"),
    "bad length": wire.uwsgi(wire.post(b"5x"), b"hello"),
    "cut": wire.packet(wire.uwsgi_block(wire.GET)[:-1]),
    "pings": wire.packet(b"", 100) * 3 + wire.uwsgi(),
    "code": wire.packet(b"print('hello')", 22),
    "http": b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
}


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("reads_body", [True, False])
def test_the_same_for_every_split_in_two_and_byte_by_byte(name: str, reads_body: bool) -> None:
    check_every_split(ServerConnection, GOLDEN[name], reads_body=reads_body)


@given(st.sampled_from(sorted(GOLDEN.values())), st.lists(st.integers(0, 2000), max_size=12))
def test_the_same_for_any_segmentation(data: bytes, points: list[int]) -> None:
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(), pieces) == drive(ServerConnection(), [data])


text = st.binary(max_size=60)
wild = st.one_of(
    st.binary(max_size=200),
    st.builds(wire.packet, st.binary(max_size=200), st.sampled_from([0, 30, 100, 22])),
    st.lists(st.tuples(text, text), max_size=8).map(lambda items: wire.packet(wire.uwsgi_block(items)) + b"abcd"),
    st.builds(lambda items, at: wire.packet(items[:at]), st.just(wire.uwsgi_block(wire.GET)), st.integers(0, 150)),
)


@given(wild, st.lists(st.integers(0, 2000), max_size=6), st.booleans())
@example(b"\0\1\0\0\0", [], True)
@example(b"\0\0\0\0", [2], True)
def test_any_bytes_give_events_or_a_protocol_error(data: bytes, points: list[int], reads_body: bool) -> None:
    """``drive`` lets every other exception through."""
    whole = drive(ServerConnection(Limits(250, 6)), [data], reads_body=reads_body)
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(Limits(250, 6)), pieces, reads_body=reads_body) == whole


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 400))
def test_what_is_kept_is_less_than_the_limit_and_one_piece(data: bytes, size: int) -> None:
    for stream in (data, b"\0\xe8\3\0" + data, wire.packet(b"", 100) * 100, wire.uwsgi(body=data)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert drive(ServerConnection(Limits(1000)), pieces).most_buffered <= 1000 + 4 + size


@given(st.lists(st.tuples(text.filter(bool), text), max_size=8, unique_by=lambda item: item[0]), st.binary(max_size=99))
def test_what_is_sent_is_what_arrives(items: list[tuple[bytes, bytes]], body: bytes) -> None:
    params = [(b"CONTENT_LENGTH", b"%d" % len(body)), *[item for item in items if item[0] != b"CONTENT_LENGTH"]]
    outcome = drive(ServerConnection(), [wire.uwsgi(params, body)])
    assert outcome.events == [("request", params, False), *([body] if body else []), "answered"]
