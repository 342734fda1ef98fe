"""gateways.adapters.ajp.packets: fields are taken from inside a packet, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateways.adapters.ajp import packets as ajp
from gateways.errors import ProtocolError


def test_fields_in_order() -> None:
    fields = ajp.Reader(b"\7\x01\x02\0\2ab\0\xff\xff\0\0\0rest", "packet")
    assert [fields.byte(), fields.integer(), fields.string(), fields.string()] == [7, 0x102, b"ab", None]
    assert [fields.peek(), fields.string(), fields.rest(), fields.rest()] == [0, b"", b"rest", b""]


@pytest.mark.parametrize(
    ("data", "take"),
    [
        pytest.param(b"", ajp.Reader.byte, id="byte"),
        pytest.param(b"\0", ajp.Reader.integer, id="A07-integer-at-the-last-byte"),
        pytest.param(b"\xa0", ajp.Reader.peek, id="A07-peek-at-the-last-byte"),
        pytest.param(b"\0", ajp.Reader.string, id="A07-length-at-the-last-byte"),
        pytest.param(b"\0\3ab\0", ajp.Reader.string, id="A05-string-past-the-end"),
        pytest.param(b"\0\2ab", ajp.Reader.string, id="A05-no-room-for-the-nul"),
        pytest.param(b"\xff\xfeab\0", ajp.Reader.string, id="A05-longest-length"),
        pytest.param(b"\0\2abc", ajp.Reader.string, id="A06-no-nul"),
        pytest.param(b"\0\3a\0b\0", ajp.Reader.string, id="nul-inside"),
    ],
)
def test_A05_A06_A07_a_field_outside_the_packet(data: bytes, take: Callable[[ajp.Reader], Any]) -> None:
    with pytest.raises(ProtocolError, match="packet") as caught:
        take(ajp.Reader(data, "packet"))
    assert caught.value.status == "400 Bad Request"


def test_A08_a_string_that_is_not_there() -> None:
    """It is not one of 65 535 bytes."""
    assert ajp.Reader(b"\xff\xff" + b"x" * 65536, "packet").string() is None


def test_encoding() -> None:
    assert ajp.packet(ajp.FROM_WEB_SERVER, b"\x0a") == b"\x12\x34\0\1\x0a"
    assert ajp.string(b"ab") == b"\0\2ab\0"
    with pytest.raises(OverflowError):
        ajp.string(b"x" * 65536)


def test_codes() -> None:
    """The numbers of the protocol overview."""
    assert [ajp.METHODS[code - 1] for code in (1, 2, 4, 16, 27)] == [
        *(b"OPTIONS", b"GET", b"POST", b"REPORT", b"MKACTIVITY"),
    ]
    assert [ajp.REQUEST_HEADERS[code - 1] for code in (1, 8, 0xB, 0xE)] == [
        *(b"accept", b"content-length", b"host", b"user-agent"),
    ]
    assert [ajp.RESPONSE_HEADERS[code - 1] for code in (1, 7, 0xB)] == [
        *(b"Content-Type", b"Set-Cookie", b"WWW-Authenticate"),
    ]
    assert (ajp.SSL_SESSION, ajp.SSL_KEY_SIZE, ajp.SECRET, ajp.METHOD) == (9, 0xB, 0xC, 0xD)
    assert (ajp.FORWARD_REQUEST, ajp.END_RESPONSE, ajp.GET_BODY_CHUNK, ajp.SHUTDOWN) == (2, 5, 6, 7)
