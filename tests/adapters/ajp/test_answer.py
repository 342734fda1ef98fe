"""gateways.adapters.ajp.answer: packets of a response, none longer than 8 KiB."""

from __future__ import annotations

import pytest

from gateways.adapters.ajp import ServerConnection
from gateways.adapters.ajp.answer import FLUSH, encode_head
from gateways.errors import HeadTooLarge
from tests.support import wire


def serving() -> ServerConnection:
    protocol = ServerConnection()
    protocol.receive_data(wire.ajp_forward())
    protocol.next_event()
    return protocol


def test_coded_and_other_names() -> None:
    headers = [("X-A", "1"), ("content-type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-B", "é")]
    data = encode_head("418 I am a Teapot", headers)
    assert data[4:25] == b"\x04\x01\xa2\x00\x0dI am a Teapot\0\x00\x05"
    assert b"\xa0\x01\0\x0atext/plain\0" in data
    answer = wire.ajp_answer(data)
    assert answer.status == "418 I am a Teapot"
    assert answer.headers == [
        (b"Content-Type", b"text/plain"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"X-A", b"1"),
        (b"X-B", b"\xe9"),
    ]  # fmt: skip


def test_what_lighttpd_takes_for_the_number_of_headers() -> None:
    """It reads the length of the first name there."""
    headers = [("A", "1"), ("Bb", "2"), ("Ccc", "3"), ("A", "4")]
    assert wire.ajp_answer(encode_head("200 OK", headers)).headers == [
        (b"Ccc", b"3"), (b"Bb", b"2"), (b"A", b"1"), (b"A", b"4"),
    ]  # fmt: skip


def test_no_headers() -> None:
    assert wire.ajp_answer(encode_head("200 ", [])).headers == []


@pytest.mark.parametrize("size", [8165, 8166, 70_000])
def test_A22_a_head_fits_or_nothing_is_sent(size: int) -> None:
    headers = [("X-Large", "x" * size)]
    if size == 8165:
        assert len(encode_head("200 OK", headers)) == 8192
    else:
        with pytest.raises(HeadTooLarge, match="room for 8188"):
            serving().encode_head("200 OK", headers, b"", True)


@pytest.mark.parametrize("size", [0, 1, 8183, 8184, 8185, 16368, 16369, 100_000])
@pytest.mark.parametrize("end", [True, False])
def test_A22_a_body_in_chunks_of_8184(size: int, end: bool) -> None:
    block = bytes(range(256)) * (size // 256 + 1)
    block = block[:size]
    for large in (True, False):
        protocol = serving()
        if large:
            data = b"".join(protocol.gather_head("200 OK", [], memoryview(block), end))
        else:
            data = protocol.encode_head("200 OK", [], block, end)
        answer = wire.ajp_answer(data)
        assert (answer.body, answer.reuse) == (block, True if end else None)
        sizes = [len(payload) - 4 for payload in wire.ajp_packets(data) if payload[0] == 3 and len(payload) > 4]
        assert sizes == [8184] * (size // 8184) + ([size % 8184] if size % 8184 else [])


def test_a_block_is_to_be_passed_on_at_once() -> None:
    protocol = serving()
    assert protocol.encode_head("200 OK", [], b"", False) == encode_head("200 OK", [])
    assert protocol.encode_body(b"a", False) == b"AB\0\5\x03\0\1a\0" + FLUSH
    assert protocol.encode_body(b"b", True) == b"AB\0\5\x03\0\1b\0" + b"AB\0\2\5\1"


@pytest.mark.parametrize("size", [1, 8184, 8185, 20_000])
def test_a_file(size: int) -> None:
    block = b"x" * size
    protocol = serving()
    data = protocol.encode_head("200 OK", [], b"", False)
    at = 0
    for frame, length in protocol.frame_file(size):
        data += frame + block[at : at + length]
        at += length
    assert wire.ajp_answer(data + protocol.complete()).body == block


def test_there_is_no_stream_for_errors_and_no_sign_of_an_abort() -> None:
    protocol = serving()
    assert protocol.encode_errors(b"oops") == protocol.encode_abort() == b""
    assert not protocol.ends_by_close, "the close without END_RESPONSE is the sign"
