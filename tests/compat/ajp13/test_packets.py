from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.compat.ajp13.packets import (
    Packet,
    ProtocolError,
    attributeTable,
    decodeAttribute,
    decodeRequestHeader,
    decodeString,
    encodeResponseHeader,
    encodeString,
    methodTable,
    requestHeaderTable,
)


@given(st.binary(max_size=300))
def test_strings_come_back(text):
    data = b"x" + encodeString(text)
    assert decodeString(data, 1) == (text, len(data))
    with pytest.raises(ProtocolError):
        decodeString(data[:-1], 1)


def test_a_string_that_is_not_there():
    assert decodeString(b"\xff\xff") == (b"", 2)


def test_headers():
    assert decodeRequestHeader(b"\xa0\x0b" + encodeString(b"host")) == (b"Host", b"host", 9)
    assert decodeRequestHeader(encodeString(b"X-A") + encodeString(b"1"))[:2] == (b"X-A", b"1")
    assert encodeResponseHeader(b"Content-Type", b"a/b") == b"\xa0\x01" + encodeString(b"a/b")
    assert encodeResponseHeader(b"X-A", b"1") == encodeString(b"X-A") + encodeString(b"1")


def test_attributes():
    assert decodeAttribute(b"\x05" + encodeString(b"x=1"))[:2] == (b"QUERY_STRING", b"x=1")
    assert decodeAttribute(b"\x0a" + encodeString(b"A") + encodeString(b"b"))[:2] == (b"A", b"b")
    assert decodeAttribute(b"\x0b\x01\x00") == (b"SSL_KEY_SIZE", b"256", 3)
    assert decodeAttribute(b"\xff") == (None, None, 1)


@pytest.mark.parametrize("data", [b"\xa0", b"\xa0\x00", b"\xa0\x0f\0\0\0"])
def test_headers_that_are_none(data):
    with pytest.raises(ProtocolError):
        decodeRequestHeader(data)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0e", b"\x0b\x01"])
def test_attributes_that_are_none(data):
    with pytest.raises(ProtocolError):
        decodeAttribute(data)


def test_the_tables_begin_with_1():
    assert methodTable[:3] == [None, b"OPTIONS", b"GET"]
    assert requestHeaderTable[14] == b"User-Agent"
    assert attributeTable[5] == b"QUERY_STRING"


def test_packets():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        packet = Packet()
        packet.data = b"\x05\x01"
        packet.write(ours)
        assert theirs.recv(64) == b"AB\0\2\x05\x01"
        theirs.sendall(b"\x12\x34\0\1\x0a")
        received = Packet()
        received.read(ours)
        assert (received.data, received.length) == (b"\x0a", 1)
        theirs.sendall(b"AB\0\1")
        with pytest.raises(ProtocolError):
            received.read(ours)
        theirs.close()
        with pytest.raises(EOFError):
            received.read(ours)
