"""The AJP13 parser for every segmentation and for any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.ajp import ServerConnection
from gateways.adapters.ajp.forward import encode_request
from gateways.adapters.events import Limits
from tests.support import wire
from tests.support.drive import check_every_split, cut, drive

CHUNKED = wire.ajp_forward((b"Transfer-Encoding", b"chunked"), method=4)
LONG = wire.ajp_forward((0xA008, b"600"), method=4)

#: What a web server may send on one connection, well-formed or not.
GOLDEN = {
    "get": wire.ajp_forward((0xA00B, b"example.test")),
    "pings": wire.ajp_packet(b"\x0a") * 3 + wire.ajp_forward() + wire.ajp_packet(b"\x0a"),
    "post": wire.ajp_post(bytes(range(256))),
    "post in pieces": LONG + wire.ajp_body(b"a" * 300) + wire.ajp_body(b"b" * 300) + wire.ajp_forward(),
    "chunked": CHUNKED + wire.ajp_body(b"hello") + wire.ajp_body(b"") + wire.ajp_forward(),
    "short body": LONG + wire.ajp_body(b"half") + wire.ajp_body(b"") + wire.ajp_forward(),
    "too long a body": wire.ajp_forward((0xA008, b"2"), method=4) + wire.ajp_body(b"three"),
    "lighttpd": wire.ajp_forward((0xA008, b"0"), attributes=b"")
    + wire.ajp_packet(b"")
    + wire.ajp_forward((0xA008, b"0"), attributes=b""),
    "post of lighttpd": wire.ajp_forward((0xA008, b"5"), method=4, attributes=b"") + wire.ajp_packet(b"hello"),
    "bad header": wire.ajp_forward((0xA00F, b"x")) + wire.ajp_forward(),
    "too large": b"\x12\x34\xff\xff",
    "type 8": wire.ajp_packet(b"\x08"),
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


bent = st.builds(
    lambda data, at, byte: data[: at % len(data)] + bytes((byte,)) + data[at % len(data) + 1 :],
    st.sampled_from(sorted(GOLDEN.values())),
    st.integers(0, 2000),
    st.integers(0, 255),
)
wild = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(wire.ajp_packet),
    st.binary(max_size=200).map(lambda data: wire.ajp_packet(b"\x02" + data)),
    st.binary(max_size=200).map(lambda data: LONG + data),
    st.lists(st.binary(max_size=50), max_size=6).map(lambda parts: b"".join(map(wire.ajp_packet, parts))),
    bent,
)


@given(wild, st.lists(st.integers(0, 2000), max_size=6), st.booleans())
@example(b"\x12\x34\0\0", [1], True)
@example(b"\x12\x34\0\1\x02", [2], False)
def test_any_bytes_give_events_or_a_protocol_error(data: bytes, points: list[int], reads_body: bool) -> None:
    """``drive`` lets every other exception through."""
    whole = drive(ServerConnection(Limits(250, 6)), [data], reads_body=reads_body)
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(Limits(250, 6)), pieces, reads_body=reads_body) == whole


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 4000))
def test_what_is_kept_is_less_than_a_packet_and_one_piece(data: bytes, size: int) -> None:
    for stream in (data, b"\x12\x34\x1f\xfc" + data * 9, wire.ajp_post(data[:200]) + data):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert drive(ServerConnection(), pieces).most_buffered < 8192 + size


text = st.binary(max_size=60).map(lambda data: data.translate(None, b"\0\r\n"))
names = st.lists(st.sampled_from([b"A", b"HOST", b"X", b"COOKIE", b"9"]), min_size=1, max_size=3).map(
    lambda words: b"HTTP_" + b"_".join(words)
)


@given(st.dictionaries(names, text, max_size=8), st.binary(max_size=99))
def test_what_is_sent_is_what_arrives(headers: dict[bytes, bytes], body: bytes) -> None:
    variables = {
        b"REQUEST_METHOD": b"PATCH", b"REQUEST_URI": b"/a%20b?c=d", b"SERVER_PROTOCOL": b"HTTP/1.0",
        b"SERVER_NAME": b"example.test", b"SERVER_PORT": b"8080", b"REMOTE_ADDR": b"192.0.2.1", b"REMOTE_PORT": b"99",
        b"CONTENT_LENGTH": b"%d" % len(body), **headers,
    }  # fmt: skip
    data, length = encode_request(variables.items())
    assert length == len(body)
    outcome = drive(ServerConnection(), [data + (wire.ajp_body(body) if body else b"")])
    found = dict(outcome.events[0][1])
    assert found == {**variables, b"REQUEST_SCHEME": b"http", b"QUERY_STRING": b"c=d", b"PATH_INFO": b"/a b"}
    assert outcome.events[1:] == [*([body] if body else []), "answered"]
