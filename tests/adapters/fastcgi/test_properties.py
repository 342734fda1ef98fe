"""The FastCGI parser for every segmentation and for any bytes at all."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.events import Limits
from gateways.adapters.fastcgi import ServerConnection
from tests.support import wire
from tests.support.drive import check_every_split, cut, drive

BODY = bytes(range(256)) * 3

#: What a web server may send on one connection, well-formed or not.
GOLDEN = {
    "get": wire.request(wire.get((b"HTTP_HOST", b"example.test"), (b"CONTENT_LENGTH", b""))),
    "post in records": wire.request(wire.post(len(BODY), (b"HTTP_X", b"v" * 200)), BODY, cut=100, padding=3),
    "kept": wire.request(keep=True, padding=255) + wire.request(wire.post(3), b"one", id=7, keep=True, cut=2),
    "management": (
        wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")]))
        + wire.begin(1, keep=True)
        + wire.record(99, 0, b"?", padding=7)
        + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(4)), cut=9)
        + wire.record(wire.GET_VALUES, 0)
        + wire.record(wire.STDIN, 1, b"bo")
        + wire.begin(2)
        + wire.stream(wire.STDIN, 1, b"dy")
        + wire.request(id=3)
    ),
    "aborts": (
        wire.begin(1, keep=True)
        + wire.record(wire.ABORT, 1)
        + wire.begin(2, keep=True)
        + wire.stream(wire.PARAMS, 2, wire.pairs(wire.post(9)))
        + wire.record(wire.STDIN, 2, b"half")
        + wire.record(wire.ABORT, 2)
        + wire.record(wire.STDIN, 2)
        + wire.request(id=2)
    ),
    "unknown role": wire.begin(1, role=9, keep=True) + wire.stream(wire.PARAMS, 1, b"") + wire.request(id=2),
    "filter": wire.filtering(wire.post(4), b"body", b"the data", keep=True, cut=50) + wire.request(id=2),
    "bad pairs": wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(wire.GET)[:-1]) + wire.request(),
    "wrong version": wire.request(keep=True) + b"\x02" + wire.request(),
    "http": b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n",
}

golden = st.sampled_from(sorted(GOLDEN.values()))
sizes = st.sampled_from([0, 1, 7, 8, 9, 255, 1000, 65535])


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("reads_body", [True, False])
def test_the_same_for_every_split_in_two_and_byte_by_byte(name: str, reads_body: bool) -> None:
    check_every_split(ServerConnection, GOLDEN[name], reads_body=reads_body)


@given(golden, st.lists(st.integers(0, 2000), max_size=12), st.booleans())
def test_the_same_for_any_segmentation(data: bytes, points: list[int], reads_body: bool) -> None:
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert b"".join(pieces) == data
    whole = drive(ServerConnection(), [data], reads_body=reads_body)
    assert drive(ServerConnection(), pieces, reads_body=reads_body) == whole


@st.composite
def record_bytes(draw: st.DrawFn) -> bytes:
    """A record that is nearly right."""
    kind = draw(st.sampled_from([*range(13), 255]))
    content = draw(
        st.one_of(
            st.just(b""),
            st.sampled_from([pack(">HB5x", role, keep) for role in (1, 2, 9) for keep in (0, 1)]),
            st.just(wire.pairs(wire.GET)),
            st.binary(max_size=20),
        )
    )
    return wire.record(kind, draw(st.sampled_from([0, 1, 2])), content, draw(st.sampled_from([0, 1, 255])))


wild = st.one_of(
    st.binary(max_size=300),
    st.lists(record_bytes(), max_size=12).map(b"".join),
    st.builds(lambda start, rest: start + rest, st.sampled_from([wire.request(keep=True), b"\1"]), st.binary()),
)


@given(wild, st.lists(st.integers(0, 2000), max_size=6), st.booleans())
@example(b"\1", [], True)
@example(wire.begin() + wire.begin(), [3], False)
def test_any_bytes_give_events_or_a_protocol_error(data: bytes, points: list[int], reads_body: bool) -> None:
    """``drive`` lets every other exception through. What is sent is FastCGI, whatever came."""
    whole = drive(ServerConnection(Limits(1000, 20)), [data], reads_body=reads_body)
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert drive(ServerConnection(Limits(1000, 20)), pieces, reads_body=reads_body) == whole
    assert all(record.padding == bytes(len(record.padding)) for record in wire.parse_records(whole.output))


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2), sizes, st.sampled_from([0, 255])), max_size=8))
def test_what_is_kept_is_less_than_one_record(shapes: list[tuple[int, int, int, int]]) -> None:
    data = wire.begin() + b"".join(wire.record(kind, id, bytes(size), pad) for kind, id, size, pad in shapes)
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    outcome = drive(ServerConnection(), pieces)
    assert outcome.most_buffered < 8 + 65535 + 255


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(0, 20))
def test_a_body_is_the_same_however_it_is_cut(body: bytes, size: int, padding: int) -> None:
    outcome = drive(ServerConnection(), [wire.request(wire.post(len(body)), body, cut=size, padding=padding)])
    assert outcome.events[1:] == [*([body] if body else []), "answered"]


@given(
    st.lists(st.tuples(st.binary(max_size=150), st.binary(max_size=150)), max_size=10),
    st.integers(1, 300),
    st.integers(0, 255),
)
def test_params_are_the_same_however_they_are_cut(items: list[tuple[bytes, bytes]], size: int, padding: int) -> None:
    outcome = drive(ServerConnection(), [wire.request(items, cut=size, padding=padding)])
    assert outcome.events[0] == ("request", [*items, (b"FCGI_ROLE", b"RESPONDER")], False)
