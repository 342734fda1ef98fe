"""Frames of the cases are read as they were meant by the tests' own reader."""

from __future__ import annotations

from gateways.conform import fastcgi_frames as frames
from tests.support import wire


def test_a_whole_request() -> None:
    data = frames.request(wire.GET, b"hello", id=300, keep=True)
    first, *rest = wire.parse_records(data)
    assert (first.type, first.id, first.content) == (wire.BEGIN, 300, b"\0\1\1\0\0\0\0\0")
    assert [(item.type, item.content) for item in rest] == [
        *((wire.PARAMS, wire.pairs(wire.GET)), (wire.PARAMS, b"")),
        *((wire.STDIN, b"hello"), (wire.STDIN, b"")),
    ]


def test_cuts_and_padding() -> None:
    found = list(wire.parse_records(frames.cut(wire.STDIN, 1, b"hello", 2, 3, 0xFF)))
    assert [item.content for item in found] == [b"he", b"ll", b"o", b""]
    assert {(item.padding, item.reserved) for item in found} == {(bytes(3), 0xFF)}
