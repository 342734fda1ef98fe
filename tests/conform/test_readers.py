"""What backends send is taken apart, and what is wrong in it is named and not raised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.conform.readers import read_ajp, read_fastcgi, read_http, read_stream
from tests.support import wire
from tests.support.backends import ended, stdout

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n"
HEAD = b"Status: 200 OK\r\nContent-Length: 5\r\n\r\n"


def test_an_answer_of_fastcgi() -> None:
    data = stdout(HEAD) + wire.record(wire.STDERR, 1, b"oops") + stdout(b"hello") + ended(3)
    found = read_fastcgi(data + wire.record(wire.UNKNOWN_TYPE, 0, bytes([99, *bytes(7)])), True)
    [answer] = found.answers
    assert (answer.id, answer.status, answer.whole, answer.complete, answer.app_status) == (1, 200, True, True, 3)
    assert found.notes == ["UNKNOWN_TYPE 99"]
    assert found.trouble == ""


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"HTTP/1.1 400 Bad\x1b[31m", "not FastCGI: HTTP/1.1 400 Bad\\x1b[31m"),
        (wire.record(wire.PARAMS, 1, b"x"), "record of type 4 with 1 bytes for request 1"),
        (wire.record(wire.END, 1, b"x"), "record of type 3 with 1 bytes for request 1"),
        (stdout(b"hello")[:-1], "a record that breaks off"),
    ],
)
def test_what_is_no_fastcgi(data: bytes, trouble: str) -> None:
    assert read_fastcgi(data, True).trouble == trouble


def test_the_answers_are_in_the_order_in_which_they_end() -> None:
    two = wire.record(wire.STDOUT, 2, HEAD) + wire.record(wire.END, 2, bytes(8))
    found = read_fastcgi(stdout(HEAD) + two + ended(), True)
    assert [answer.id for answer in found.answers] == [2, 1]


def test_values() -> None:
    block = wire.pairs([(b"FCGI_MPXS_CONNS", b"0")])
    found = read_fastcgi(wire.record(wire.GET_VALUES_RESULT, 0, block), False)
    assert found.notes == ["GET_VALUES_RESULT FCGI_MPXS_CONNS=0"]
    assert read_fastcgi(wire.record(wire.GET_VALUES_RESULT, 0), False).notes == ["GET_VALUES_RESULT without a pair"]


def test_a_stream_ends_with_the_connection() -> None:
    assert read_stream(HEAD + b"hello", True).answers[0].complete
    assert not read_stream(HEAD + b"hello", False).answers[0].complete
    assert not read_stream(HEAD + b"hell", True).answers[0].complete
    assert read_stream(b"\x64\0\0\1HTTP/1.0 404 Not Found\r\n\r\n", True).answers[0].status == 404
    assert read_stream(b"\x64\0\0\1", True).notes == ["pong"]
    assert read_stream(b"what?", True).trouble == "no response: what?"


def test_an_answer_of_ajp() -> None:
    def packet(payload: bytes) -> bytes:
        return b"AB" + len(payload).to_bytes(2, "big") + payload

    head = b"\4\0\xc8" + wire.ajp_string(b"OK") + b"\0\1\xa0\3" + wire.ajp_string(b"5")
    data = packet(b"\x09") + packet(b"\6\x1f\xfa") + packet(head) + packet(b"\3\0\5hello\0") + packet(b"\5\0")
    found = read_ajp(data, True)
    [answer] = found.answers
    assert answer.text == b"Status: 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert (answer.complete, answer.reuse) == (True, False)
    assert found.notes == ["CPONG", "GET_BODY_CHUNK"]
    assert read_ajp(data[:-1], True).trouble == "a packet that breaks off"
    assert read_ajp(b"HTTP/1.1", True).trouble == "not AJP13: HTTP/1.1"
    assert read_ajp(packet(b"\x0b"), True).trouble == "a packet of type 11"
    assert read_ajp(b"AB\xff\xff" + bytes(65535), True).trouble == "a packet of 65535 bytes"


def test_answers_of_http() -> None:
    sized = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"
    found = read_http(b"HTTP/1.1 100 Continue\r\n\r\n" + sized + CHUNKED + sized, False)
    assert [answer.status for answer in found.answers] == [404, 200, 404]
    assert all(answer.whole and answer.text.endswith(b"\r\n\r\nhello") for answer in found.answers)
    assert (found.notes, found.trouble) == (["100"], "")
    assert not read_http(CHUNKED[:-2], True).answers[0].whole
    assert not read_http(sized[:-1], True).answers[0].whole
    unsized = b"HTTP/1.0 200 OK\r\n\r\nhello"
    assert [read_http(unsized, over).answers[0].whole for over in (False, True)] == [False, True]
    assert read_http(b"\x15\x03\1", True).trouble == "not HTTP: \\x15\\x03\\x01"
    assert read_http(b"HTTP/1.1 200", True).trouble == "a head that breaks off"
    assert read_http(b"HTTP/1.1 200", False).trouble == ""


@given(
    st.binary(max_size=200),
    st.booleans(),
    st.sampled_from([b"", b"\1", b"\1\6\0\1", b"AB\0", b"AB\0\x20\4", CHUNKED[:50]]),
)
def test_any_bytes_can_be_read(data: bytes, over: bool, start: bytes) -> None:
    for read in (read_fastcgi, read_stream, read_ajp, read_http):
        assert isinstance(read(start + data, over).describe.__self__.notes, list)
