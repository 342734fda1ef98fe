"""HTTP as it passes: heads, framing, and what is wrong with both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.trace.http import HTTPDecoder
from gateways.trace.items import Item
from tests.trace.support import cut, merged, names

GET = b"GET /a?b=1 HTTP/1.1\r\nHost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


def wrong(items: list[Item]) -> list[str]:
    return [item.wrong for item in items if item.wrong]


def test_requests_one_after_another() -> None:
    decoder = HTTPDecoder()
    assert decoder.idle
    items = decoder.to_backend(GET + POST + CHUNKED + GET)
    assert names(items) == [
        *("request", "request", "body", "request", "body", "body", "trailer", "end of the body", "request"),
    ]
    assert items[0].facts == ["GET /a?b=1 HTTP/1.1"]
    assert items[0].pairs == [(b"Host", b"a.test")]
    assert [item.size for item in items if item.what == "body"] == [5, 3, 2]
    answers = decoder.from_backend(OK + CHUNKED_OK + b"HTTP/1.1 204 No\r\n\r\n" + OK)
    assert names(answers) == [
        *("response", "body", "response", "body", "end of the body", "response", "response", "body"),
    ]
    assert [item.what for item in answers if item.ends] == ["body", "end of the body", "response", "body"]
    assert decoder.idle
    assert wrong([*items, *answers]) == []


def test_a_head_request_has_an_answer_without_a_body() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    answers = decoder.from_backend(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + OK)
    assert names(answers) == ["response", "response", "response", "body"]


def test_a_body_up_to_the_end() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(GET)
    assert names(decoder.from_backend(b"HTTP/1.0 200 OK\r\n\r\nhello")) == ["response", "body"]
    assert names(decoder.ended(True)) == ["end of the body"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not one Host (3.2)"),
        (b"GET / HTTP/1.1\nHost: a\n\n", "bare line feeds end the head (2.2)"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "not a request line: b'GET  / HTTP/1.1\\r\\n' (3, 5)"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", "not a header field: b'X : 1\\r\\n' (3, 5)"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "a folded line: b' folded\\r\\n' (3, 5)"),
        (POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), "no chunk size: b'hello' (7.1)"),
        (CHUNKED.replace(b"3;", b"-3;"), "no chunk size: b'-3;x=y' (7.1)"),
        (POST.replace(b"th: 5", b"th: 5\r\nContent-Length: 6"), "Content-Length is not one number (6.3)"),
    ],
)
def test_what_is_malformed(data: bytes, why: str) -> None:
    assert why in wrong(HTTPDecoder().to_backend(data + b"\r\n"))


def test_two_framings_are_named() -> None:
    data = POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost")
    assert "both Content-Length and Transfer-Encoding (6.1)" in wrong(HTTPDecoder().to_backend(data))


def test_ends_in_the_middle() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(POST[:-2])
    assert wrong(decoder.ended(False)) == ["ends inside the body (8)"]
    assert wrong(decoder.ended(True)) == ["no response"]
    decoder.from_backend(OK[:10])
    assert wrong(decoder.ended(True)) == ["ends inside the head"]


def test_a_tunnel_is_counted() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(GET)
    items = decoder.from_backend(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello")
    assert names(items) == ["response", "body"]
    items = decoder.to_backend(b"\x81\x85\0\0\0\0hello\n\n")
    assert names(items) == ["body"]
    assert wrong(items) == []
    assert not decoder.idle
    assert [*decoder.ended(False), *decoder.ended(True)] == []


def test_connect_makes_a_tunnel() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
    assert names(decoder.from_backend(b"HTTP/1.1 200 OK\r\n\r\nhello")) == ["response", "body"]
    assert names(decoder.to_backend(b"\0\0")) == ["body"]


def test_requests_without_responses_are_not_kept_for_ever() -> None:
    decoder = HTTPDecoder()
    items = [item for _ in range(20) for item in decoder.to_backend(GET * 100)]
    assert names(items).count("request") == 2000
    assert names(items).count("not followed") == 1
    assert names(decoder.from_backend(OK)) == ["bytes"]
    assert decoder._responses.methods == []
    assert not decoder.idle, "who knows what is in hand"


def test_a_direction_that_is_not_followed_is_not_idle() -> None:
    decoder = HTTPDecoder()
    decoder.to_backend(b"GET / HTTP/1.1\nHost: a\n\n")
    assert not decoder.idle, "the backend may take it for a request"


@given(st.integers(1, 60), st.sampled_from([POST + GET, CHUNKED + GET]), st.sampled_from([OK, CHUNKED_OK]))
def test_any_segmentation_gives_the_same(size: int, data: bytes, answer: bytes) -> None:
    decoder, whole = HTTPDecoder(), HTTPDecoder()
    parts = [item for piece in cut(data, size) for item in decoder.to_backend(piece)]
    assert merged(parts) == merged(whole.to_backend(data))
    parts = [item for piece in cut(answer * 2, size) for item in decoder.from_backend(piece)]
    assert merged(parts) == merged(whole.from_backend(answer * 2))


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"GET ", CHUNKED[:70], POST[:40]]), st.sampled_from([b"", OK[:20]])
)
def test_any_bytes_can_be_decoded(data: bytes, before: bytes, answer: bytes) -> None:
    decoder = HTTPDecoder()
    for items in (decoder.to_backend(before + data), decoder.from_backend(answer + data), decoder.ended(True)):
        assert all(isinstance(item, Item) for item in items)
