"""gateways.adapters.fastcgi.answer: how an answer is framed, in one piece and in pieces for a gathered write."""

from __future__ import annotations

import pytest

from gateways.adapters.fastcgi import ServerConnection
from tests.support import wire


def in_hand(id: int = 1) -> ServerConnection:
    """A connection with a request in hand."""
    protocol = ServerConnection()
    protocol.receive_data(wire.request(id=id))
    assert protocol.next_event()
    return protocol


@pytest.mark.parametrize("size", [0, 1, 65528, 65535, 65536, 200_000])
def test_blocks_of_any_size_are_framed_whole(size: int) -> None:
    protocol = in_hand()
    block = (bytes(range(256)) * 800)[:size]
    data = protocol.encode_head("200 OK", [], block, False) + protocol.encode_body(block, False)
    data += protocol.encode_body(b"", True)
    records = list(wire.parse_records(data))
    assert wire.answer(records).body == block + block
    assert all(len(record.content) <= 65535 for record in records)
    assert all((len(record.content) + len(record.padding)) % 8 == 0 for record in records)


def test_a_head_with_a_header_of_70_000_bytes() -> None:
    """CVE-2014-3583: what a web server makes of it is its own affair; our records are right."""
    protocol = in_hand()
    answer = wire.answer(wire.parse_records(protocol.encode_head("200 OK", [("X", "v" * 70_000)], b"body", True)))
    assert wire.header(answer.head, "X") == "v" * 70_000
    assert answer.body == b"body"


def test_the_head_is_in_one_record() -> None:
    """HAProxy 2.6.12 ends as a whole on a head in parts."""
    protocol = in_hand()
    first = next(wire.parse_records(protocol.encode_head("200 OK", [("X", "v" * 9000)], b"x" * 100_000, False)))
    assert b"\r\n\r\n" in first.content


def test_a_response_that_breaks_off_ends_with_a_record_that_is_an_error_to_nginx() -> None:
    assert ServerConnection().encode_abort() == b""
    protocol = in_hand(258)
    [record] = wire.parse_records(protocol.encode_abort())
    assert record == wire.Record(wire.ABORT, 258, b"", b"")


@pytest.mark.parametrize("size", [1, 9000, 70_000])
@pytest.mark.parametrize("end", [False, True])
def test_pieces_for_a_gathered_write_are_the_same_answer(size: int, end: bool) -> None:
    headers = [("X", "v" * size)]
    block = bytes(range(256)) * 1000
    whole = in_hand().encode_head("200 OK", headers, block, end)
    pieces = in_hand().gather_head("200 OK", headers, memoryview(block), end)
    answers = [list(wire.parse_records(data)) for data in (whole, b"".join(pieces))]
    contents = [b"".join(record.content for record in records if record.type == wire.STDOUT) for records in answers]
    assert contents[0] == contents[1]
    assert [[record.type for record in records][-1] for records in answers] == [wire.END if end else wire.STDOUT] * 2
    assert b"".join(in_hand().gather_body(memoryview(block), end)) == in_hand().encode_body(block, end)


@pytest.mark.parametrize("count", [0, 1, 65528, 65529, 200_000])
def test_a_file_is_announced_record_by_record(count: int) -> None:
    data = b"".join(frame + bytes(length) for frame, length in in_hand(7).frame_file(count))
    records = list(wire.parse_records(data))
    assert {(record.type, record.id) for record in records} <= {(wire.STDOUT, 7)}
    assert sum(len(record.content) for record in records) == count
