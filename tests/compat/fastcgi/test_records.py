from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.compat.fastcgi.records import Record, decode_pair, encode_pair


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_pairs_come_back(name, value):
    data = b"xx" + encode_pair(name, value)
    assert decode_pair(data, 2) == (len(data), (name, value))


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=200), st.data())
def test_a_pair_that_is_cut_off_is_none(name, value, data):
    whole = encode_pair(name, value)
    with pytest.raises(ValueError, match="cut off"):
        decode_pair(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_records_come_back():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = Record(6, 7)
        sent.contentData = b"hello"
        sent.contentLength = 5
        sent.write(ours)
        received = Record()
        received.read(theirs)
        assert vars(received) == {**vars(sent), "paddingLength": 3}


@pytest.mark.parametrize("data", [b"", b"\1\6", b"\1\6\0\1\0\5\0\0abc", b"\2\6\0\1\0\0\0\0"])
def test_what_is_no_record_is_the_end(data):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.close()
        with pytest.raises(EOFError):
            Record().read(theirs)
