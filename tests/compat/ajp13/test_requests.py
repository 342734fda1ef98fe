from __future__ import annotations

from types import SimpleNamespace

import pytest

from gateways.compat.ajp13.packets import ProtocolError
from gateways.compat.ajp13.requests import InputStream, Request


class Conn:
    """A connection that brings a body when it is asked for, and keeps what is sent."""

    def __init__(self, body=b"", handler=None, error=None):
        self.server = SimpleNamespace(inputStreamShrinkThreshold=4, handler=handler, error=error)
        self.body = body
        self.packets = []
        self.input = InputStream(self)

    def writePacket(self, packet):
        self.packets.append(packet.data)

    def processInput(self):
        piece, self.body = self.body[:3], self.body[3:]
        self.input.addData(piece)


def test_a_body_is_asked_for():
    conn = Conn(b"abcdefg")
    conn.input.setDataLength(7)
    assert conn.input.bytesAvailForAdd() == 7
    assert conn.input.read(4) == b"abcd"
    assert conn.input.read() == b"efg"
    assert conn.packets == [b"\x06\0\x07", b"\x06\0\x04", b"\x06\0\x01"]
    assert conn.input.read() == b""


def test_no_body_is_not_asked_for():
    conn = Conn()
    conn.input.setDataLength(0)
    assert conn.input.read() == conn.input.readline() == b""
    assert not conn.packets


def test_too_little_and_too_much():
    conn = Conn()
    conn.input.setDataLength(2)
    with pytest.raises(ProtocolError, match="short"):
        conn.input.read()
    with pytest.raises(ProtocolError, match="too much"):
        conn.input.addData(b"abc")


def test_what_the_connection_says():
    request = Request(Conn())
    request.setServerPort(80)
    request.setIsSSL(True)
    request.addHeader(b"X-A", b"1")
    request.addHeader(b"Content-Length", b"5")
    request.addHeader(b"Proxy", b"evil")
    request.addAttribute(b"QUERY_STRING", b"x=1")
    assert request.environ == {
        "SERVER_PORT": "80",
        "HTTPS": "on",
        "HTTP_X_A": "1",
        "CONTENT_LENGTH": "5",
        "QUERY_STRING": "x=1",
    }
    assert request.input.bytesAvailForAdd() == 5
    with pytest.raises(ProtocolError):
        request.addHeader(b"Content-Length", b"-1")


def test_an_answer():
    def handler(request):
        request.startResponse(200, b"OK", [(b"Content-Type", b"a/b")])
        request.write(b"x" * 9000)

    conn = Conn(handler=handler)
    Request(conn).run()
    assert [data[:1] for data in conn.packets] == [b"\x04", b"\x03", b"\x03", b"\x05"]
    assert max(map(len, conn.packets)) <= 8192


def test_error_answers_for_it_but_not_for_half():
    def handler(request):
        if half:
            request.startResponse(200, b"OK", [])
        raise ValueError("no")

    half = False
    conn = Conn(handler=handler, error=lambda request: request.startResponse(500, b"Oops", []))
    Request(conn).run()
    assert conn.packets[0].startswith(b"\x04\x01\xf4")
    half = True
    with pytest.raises(ValueError, match="no"):
        Request(conn).run()


def test_the_order_of_calls():
    request = Request(Conn())
    with pytest.raises(AssertionError):
        request.write(b"x")
    request.startResponse(200, b"OK", [])
    with pytest.raises(AssertionError):
        request.startResponse(200, b"OK", [])
