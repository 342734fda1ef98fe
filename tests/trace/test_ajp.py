"""AJP13 as it passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.trace.ajp import AJPDecoder
from gateways.trace.items import Item
from tests.support import wire
from tests.trace.support import cut, names


def reply(payload: bytes) -> bytes:
    return b"AB" + len(payload).to_bytes(2, "big") + payload


HEAD = reply(b"\4\0\xc8" + wire.ajp_string(b"OK") + b"\0\1\xa0\3" + wire.ajp_string(b"5"))
ANSWER = HEAD + reply(b"\3\0\5hello\0") + reply(b"\5\1")


def wrong(items: list[Item]) -> list[str]:
    return [item.wrong for item in items if item.wrong]


def test_requests_and_answers() -> None:
    decoder = AJPDecoder()
    for _ in range(2):
        assert decoder.idle
        items = decoder.to_backend(wire.ajp_post(b"hello"))
        assert names(items) == ["FORWARD_REQUEST", "body"]
        assert (b"REQUEST_METHOD", b"POST") in items[0].pairs
        assert items[1].start == b"hello"
        answer = decoder.from_backend(ANSWER)
        assert names(answer) == ["SEND_HEADERS", "SEND_BODY_CHUNK", "END_RESPONSE"]
        assert (answer[0].facts, answer[0].pairs) == (["200 OK"], [(b"Content-Length", b"5")])
        assert (answer[1].start, answer[2].facts, answer[2].ends) == (b"hello", ["reuse"], True)
        assert wrong([*items, *answer]) == []
    assert [*decoder.ended(False), *decoder.ended(True)] == []


def test_a_body_in_pieces() -> None:
    decoder = AJPDecoder()
    decoder.to_backend(wire.ajp_forward((0xA008, b"8"), method=4) + wire.ajp_body(b"hell"))
    [asked] = decoder.from_backend(reply(b"\6\0\4"))
    assert (asked.what, asked.facts) == ("GET_BODY_CHUNK", ["4 bytes"])
    [piece] = decoder.to_backend(wire.ajp_body(b"o wo"))
    assert (piece.what, piece.size, piece.start, piece.wrong) == ("body", 4, None, "")
    decoder.from_backend(ANSWER)
    assert names(decoder.to_backend(wire.ajp_forward())) == ["FORWARD_REQUEST"]


def test_pings_and_shutdown() -> None:
    decoder = AJPDecoder()
    assert names(decoder.to_backend(wire.ajp_packet(b"\x0a") + wire.ajp_packet(b"\7"))) == ["CPING", "SHUTDOWN"]
    assert names(decoder.from_backend(reply(b"\x09"))) == ["CPONG"]


def test_the_secret_is_shown_under_its_own_name() -> None:
    [item] = AJPDecoder().to_backend(wire.ajp_forward(attributes=b"\x0c" + wire.ajp_string(b"word")))
    assert (b"AJP_SECRET", b"word") in item.pairs


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "a packet that begins with 47 45 instead of 12 34; this is HTTP"),
        (wire.ajp_packet(b"\x08"), "a packet that starts no request"),
        (wire.ajp_packet(b"\2\2\0"), "a field goes past the end of the packet"),
        (wire.ajp_post(b"hello")[:-7] + b"\0\6hello", "a piece that says it has 6 bytes, and has 5"),
        (wire.ajp_forward((0xA008, b"3"), method=4) + wire.ajp_body(b"hello"), "2 bytes more than Content-Length"),
    ],
)
def test_what_a_web_server_may_not_send(data: bytes, why: str) -> None:
    [found] = wrong(AJPDecoder().to_backend(data))
    assert why in found


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 400", "a packet that begins with 48 54 instead of 41 42"),
        (reply(b"\5\1"), "the end before SEND_HEADERS"),
        (reply(b"\3\0\1x\0"), "a chunk before SEND_HEADERS"),
        (HEAD + HEAD, "SEND_HEADERS twice"),
        (HEAD + reply(b"\3\0\x09hello\0"), "a chunk that says it has 9 bytes in a packet of 9"),
        (reply(b"\x0b"), "a packet that applications do not send"),
        (ANSWER + reply(b"\5\1"), "no request is open"),
    ],
)
def test_what_an_application_may_not_send(data: bytes, why: str) -> None:
    decoder = AJPDecoder()
    decoder.to_backend(wire.ajp_forward())
    assert wrong(decoder.from_backend(data)) == [why]


def test_ends_in_the_middle() -> None:
    decoder = AJPDecoder()
    decoder.to_backend(wire.ajp_forward() + b"\x12\x34\0")
    assert wrong(decoder.ended(False)) == ["ends inside a packet, after 3 bytes"]
    assert wrong(decoder.ended(True)) == ["no END_RESPONSE"]


@given(st.integers(1, 100))
def test_any_segmentation_gives_the_same(size: int) -> None:
    decoder, whole = AJPDecoder(), AJPDecoder()
    data = wire.ajp_post(b"hello")
    assert [item for piece in cut(data, size) for item in decoder.to_backend(piece)] == whole.to_backend(data)
    assert [item for piece in cut(ANSWER, size) for item in decoder.from_backend(piece)] == whole.from_backend(ANSWER)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x12\x34\0", wire.ajp_forward()]), st.sampled_from([b"", b"AB\0"])
)
def test_any_bytes_can_be_decoded(data: bytes, before: bytes, answer: bytes) -> None:
    decoder = AJPDecoder()
    for items in (decoder.to_backend(before + data), decoder.from_backend(answer + data), decoder.ended(True)):
        assert all(isinstance(item, Item) for item in items)
