"""The HTTP parser for every segmentation and for any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.events import Limits
from gateways.adapters.http.server import ServerConnection
from tests.support.drive import Outcome, cut, drive
from tests.support.httpwire import chunked, post, post_chunked, request

GET = request()
#: What a client may send on one connection, well-formed or not.
GOLDEN = {
    "get": GET,
    "gets": GET + request(b"HEAD /a%20b?c HTTP/1.1", b"X: y") + request(b"GET / HTTP/1.1", b"Connection: close") + GET,
    "http 1.0": request(b"GET / HTTP/1.0", b"Connection: keep-alive", host=b"") + request(b"GET / HTTP/1.0") + GET,
    "post": post(bytes(range(256))) + GET,
    "chunked": post_chunked(chunked(b"hel", b"lo", end=b"0;x=y\r\nX: y\r\n\r\n")) + GET,
    "bad chunk": post_chunked(chunked(b"hello", end=b"x\r\n")) + GET,
    "bad footer": post_chunked(b"5\r\nhello\rX") + GET,
    "bad trailer": post_chunked(chunked(b"hello", end=b"0\r\nHost: x\r\n\r\n")) + GET,
    "blank lines": b"\r\n\r\n" + GET + b"\r\n" + GET,
    "blank lines only": b"\r\n" * 5,
    "folded": request(b"GET / HTTP/1.1", b"A: b", b" c"),
    "both framings": post(b"hello", b"Transfer-Encoding: chunked"),
    "no host": request(host=b""),
    "bare line feed": GET.replace(b"\r\n", b"\n"),
    "version": b"GET / HTTP/2.0\r\n\r\n",
    "long line": b"GET /" + b"a" * 20000 + b"\0",
    "long fields": GET[:-2] + b"X: " + b"a" * 600 + b"\0",
    "NUL": b"GET /\0" + b"a" * 20000,
    "TLS": b"\x16\x03\x01\x02\0\1\0",
}


def talk(*pieces: bytes, reads_body: bool = True) -> Outcome:
    """Hold one conversation, with limits that the golden ones reach."""
    return drive(ServerConnection(Limits(500, 8)), pieces, reads_body=reads_body)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("reads_body", [True, False])
def test_the_same_for_every_split_in_two_and_byte_by_byte(name: str, reads_body: bool) -> None:
    data = GOLDEN[name]
    whole = talk(data, reads_body=reads_body)
    for point in [*range(1, min(len(data), 600)), *range(len(data) - 3, len(data))]:
        assert talk(data[:point], data[point:], reads_body=reads_body) == whole, point
    single = [data[at : at + 1] for at in range(len(data))] if len(data) < 2000 else cut(data, range(0, len(data), 700))
    assert talk(*single, reads_body=reads_body) == whole


@given(st.sampled_from(sorted(GOLDEN.values())), st.lists(st.integers(0, 2000), max_size=12))
def test_the_same_for_any_segmentation(data: bytes, points: list[int]) -> None:
    assert talk(*cut(data, [point % (len(data) + 1) for point in points])) == talk(data)


tokens = st.sampled_from(
    [
        *(b"GET", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b"Host", b":", b"a", b"\t", b"\0", b"#"),
        *(
            b"Content-Length",
            b"Transfer-Encoding",
            b"chunked",
            b"5",
            b"0",
            b";",
            b"X: y\r\n",
            b"\xff",
            b"GET / HTTP/1.1",
        ),
        *(b"Host: a\r\n", b"POST", b"*", b"http://", b"hello", b"Connection: close\r\n", b",", b"%", b"_"),
    ]
)
wild = st.one_of(
    st.binary(max_size=200),
    st.lists(tokens, max_size=20).map(b"".join),
    st.lists(tokens, max_size=8).map(lambda parts: request(b"POST / HTTP/1.1", b"".join(parts), body=b"hello")),
    st.lists(tokens, max_size=8).map(lambda parts: post_chunked(b"".join(parts))),
    st.lists(tokens, max_size=4).map(lambda parts: request(b"GET " + b"".join(parts) + b" HTTP/1.1")),
)


@given(wild, st.lists(st.integers(0, 2000), max_size=6), st.booleans())
@example(b"\r", [], True)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [3], True)
def test_any_bytes_give_events_or_a_protocol_error(data: bytes, points: list[int], reads_body: bool) -> None:
    pieces = cut(data, [point % (len(data) + 1) for point in points])
    assert talk(*pieces, reads_body=reads_body) == talk(data, reads_body=reads_body)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 999), max_size=8))
def test_a_chunked_body_comes_out_as_it_went_in(chunks: list[bytes], points: list[int]) -> None:
    data = post_chunked(chunked(*chunks))
    events = talk(*cut(data, [point % len(data) for point in points])).events
    assert [event for event in events if isinstance(event, bytes)] == ([b"".join(chunks)] if chunks else [])
    assert events[-1] == "answered"


@given(st.binary(min_size=1, max_size=50), st.integers(1, 60))
def test_what_is_buffered_has_an_end(data: bytes, times: int) -> None:
    outcome = drive(ServerConnection(Limits(500, 8)), [data.replace(b"\n", b".")] * times)
    assert outcome.most_buffered <= 16384 + 50
