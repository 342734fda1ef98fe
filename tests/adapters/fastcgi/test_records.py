"""gateways.adapters.fastcgi.records: framing and name-value pairs, against an independent reading of them."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.fastcgi import records as fcgi
from gateways.errors import ProtocolError
from tests.support import wire

items = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)), max_size=20)


def reference_pairs(block: bytes) -> list[tuple[bytes, bytes]] | None:
    """Section 3.4, read one byte at a time; None for a block that ends inside a pair."""
    rest = list(block)
    found = []
    try:
        while rest:
            lengths = []
            for _ in range(2):
                length = rest.pop(0)
                if length & 0x80:
                    length = (length & 0x7F) << 24 | rest.pop(0) << 16 | rest.pop(0) << 8 | rest.pop(0)
                lengths.append(length)
            pair = []
            for length in lengths:
                if length > len(rest):
                    return None
                pair.append(bytes(rest[:length]))
                del rest[:length]
            found.append((pair[0], pair[1]))
    except IndexError:
        return None
    return found


def decode(block: bytes) -> list[tuple[bytes, bytes]] | None:
    try:
        return fcgi.decode_pairs(block)
    except ProtocolError:
        return None


# Records


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 255, 65527, 65528, 65529, 65535])
def test_a_record_is_padded_to_8_bytes_with_zeros(length: int) -> None:
    data = fcgi.record(fcgi.STDOUT, 0x1234, b"x" * length)
    assert len(data) % 8 == 0
    [record] = wire.parse_records(data)
    assert record == wire.Record(fcgi.STDOUT, 0x1234, b"x" * length, bytes(-length % 8), 0)


def test_golden_bytes_with_all_reserved_bytes_zero() -> None:
    """CVE-2023-0836: what was in memory before must not leave in a reserved byte."""
    assert fcgi.begin_request(1, fcgi.RESPONDER, keep=True) == bytes.fromhex("0101000100080000 0001010000000000")
    assert fcgi.begin_request(65535, wire.FILTER) == bytes.fromhex("0101ffff00080000 0003000000000000")
    assert fcgi.end_request(1) == bytes.fromhex("0103000100080000 0000000000000000")
    assert fcgi.end_request(258, 0x01020304, fcgi.UNKNOWN_ROLE) == bytes.fromhex("0103010200080000 0102030403000000")
    assert fcgi.record(fcgi.STDOUT, 1, b"hello") == bytes.fromhex("0106000100050300 68656c6c6f000000")
    unknown = fcgi.record(fcgi.UNKNOWN_TYPE, 0, fcgi.UNKNOWN_BODY.pack(99))
    assert unknown == bytes.fromhex("010b000000080000 6300000000000000")


@pytest.mark.parametrize("size", [0, 1, 65527, 65528, 65529, 65535, 65536, 131056, 131057, 200_000])
def test_a_stream_of_any_size_is_cut_into_records_that_fit(size: int) -> None:
    """haproxy 0aeae2305: a length that does not fit 16 bits lets the rest be read as records."""
    data = bytes(range(256)) * (size // 256 + 1)
    records = list(wire.parse_records(fcgi.stream(fcgi.STDOUT, 7, data[:size])))
    assert b"".join([record.content for record in records]) == data[:size]
    assert all(0 < len(record.content) <= fcgi.MAX_CONTENT for record in records)
    assert all(record.padding == bytes(len(record.padding)) for record in records)
    assert {(record.type, record.id, record.reserved) for record in records} <= {(fcgi.STDOUT, 7, 0)}


@pytest.mark.parametrize("size", [1, 7, 8, 16, 4095, 4096, 4097, 65528, 200_000])
def test_error_text_is_in_short_records_that_are_never_without_padding(size: int) -> None:
    """HAProxy 2.6.12 ends with all its connections when a lone STDERR record has none, or fills its buffer."""
    data = bytes(range(256)) * (size // 256 + 1)
    framed = fcgi.errors(7, data[:size])
    assert len(framed) % 8 == 0
    records = list(wire.parse_records(framed))
    assert b"".join([record.content for record in records]) == data[:size]
    assert {(record.type, record.id, record.reserved) for record in records} == {(fcgi.STDERR, 7, 0)}
    assert all(0 < len(record.content) <= 4096 for record in records)
    assert all(record.padding in [bytes(n) for n in range(1, 9)] for record in records)


def test_a_stream_of_nothing_is_not_the_end_of_the_stream() -> None:
    assert fcgi.stream(fcgi.STDOUT, 1, b"") == b""
    assert fcgi.errors(1, b"") == b""


@given(st.integers(1, 255), st.integers(0, 65535), st.binary(max_size=2000))
def test_records_round_trip(kind: int, request_id: int, content: bytes) -> None:
    [record] = wire.parse_records(fcgi.record(kind, request_id, content))
    assert (record.type, record.id, record.content) == (kind, request_id, content)


# Name-value pairs


@given(items)
@example([(b"", b"")])
@example([(b"n" * 127, b"v" * 128), (b"n" * 128, b"v" * 127)])
def test_pairs_round_trip(pairs: list[tuple[bytes, bytes]]) -> None:
    block = fcgi.encode_pairs(pairs)
    assert block == wire.pairs(pairs)
    assert fcgi.decode_pairs(block) == pairs


@given(items)
def test_F18_four_byte_lengths_for_short_strings(pairs: list[tuple[bytes, bytes]]) -> None:
    """Section 3.4: a short length can be in one byte, and need not be."""
    assert fcgi.decode_pairs(wire.pairs(pairs, long=True)) == pairs


def test_a_value_of_70_000_bytes_comes_back_whole() -> None:
    """CVE-2007-4727."""
    pairs = [(b"HTTP_X", bytes(range(256)) * 274), (b"LAST", b"1")]
    assert fcgi.decode_pairs(fcgi.encode_pairs(pairs)) == pairs


@given(st.binary(max_size=200))
@example(b"\x80")
@example(b"\x01\x80\0\0")
@example(b"\x80\0\0\0")
def test_any_bytes_are_decoded_as_the_reference_does(block: bytes) -> None:
    assert decode(block) == reference_pairs(block)


@pytest.mark.parametrize("long", [False, True])
def test_F20_a_block_cut_at_any_byte(long: bool) -> None:
    """haproxy 96286b2a8: the length check has to count what was consumed before."""
    block = wire.pairs([(b"NAME", b"value"), (b"", b""), (b"N" * 130, b"v"), (b"EMPTY", b""), (b"X", b"v" * 200)], long)
    for stop in range(len(block) + 1):
        assert decode(block[:stop]) == reference_pairs(block[:stop]), stop
    for start in range(len(block)):
        assert decode(block[start:]) == reference_pairs(block[start:]), start


@pytest.mark.parametrize("head", ["ffffffff ffffffff", "ffffffff 00", "00 ffffffff", "8000ffff 8000ffff"])
def test_F19_lengths_that_lie_are_refused_before_anything_is_allocated(head: str) -> None:
    """CVE-2025-23016."""
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="past the end of its") as caught:
            fcgi.decode_pairs(bytes.fromhex(head) + b"8 bytes.")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert caught.value.status == "400 Bad Request"


@given(st.integers(0, 65528), st.integers(0, 200_000))
@example(0, 0)
@example(65528, 0)
@example(65528, 1)
@example(0, 65528)
@example(8, 65520)
@example(9, 65520)
def test_pieces_for_a_gathered_write_are_the_same_stream(head_size: int, size: int) -> None:
    head, block = b"h" * head_size, bytes(range(256)) * (size // 256 + 1)
    view = memoryview(block)[:size]
    parts = fcgi.stream_parts(fcgi.STDOUT, 1, head, view)
    assert b"".join(parts) == fcgi.stream(fcgi.STDOUT, 1, head + bytes(view))
    assert len(parts) <= 3 * (1 + (head_size + size) // 65528)
    assert all(part.obj is block for part in parts if isinstance(part, memoryview)), "copied"
