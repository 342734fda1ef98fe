"""gateways.adapters.received: the buffer of a kept connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.received import append


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 25))))
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[bytes, int]]) -> None:
    buffer: bytes | bytearray = b""
    position = 0
    taken = sent = b""
    for data, count in steps:
        buffer = append(buffer, position, data)
        sent += data
        position = min(count, len(buffer))
        taken += buffer[:position]
        assert len(buffer) - position == len(sent) - len(taken)
    assert taken + buffer[position:] == sent


def test_what_comes_in_one_piece_is_not_copied() -> None:
    data = b"a whole request"
    assert append(b"", 0, data) is data
    assert append(data, len(data), data) is data


def test_pieces_are_put_behind_each_other_in_place() -> None:
    buffer = append(b"xab", 1, b"c")
    assert append(buffer, 1, b"d") is buffer
    assert buffer == b"bcd"
