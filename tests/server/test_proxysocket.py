"""gateways.server.proxysocket: the header, and then a plain socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateways.adapters.proxyprotocol import Header
from gateways.server.proxysocket import ProxySocket

LINE = b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"
NOW = socket.MSG_DONTWAIT


class Pair:
    """A connection, of which the server's end waits for a header."""

    def __init__(self) -> None:
        ours, self.client = socket.socketpair()
        self.told: list[Header] = []
        self.reported: list[str] = []
        self.server = ProxySocket(ours, self.told.append, self.reported.append)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.server.close()
    made.client.close()


def test_nothing_is_read_before_the_whole_header(pair: Pair) -> None:
    for byte in LINE[:-1]:
        pair.client.sendall(bytes([byte]))
        with pytest.raises(BlockingIOError):
            pair.server.recv(65536, NOW)
    assert not pair.told
    pair.client.sendall(LINE[-1:] + b"GET")
    assert pair.server.recv(65536, NOW) == b"GET"
    assert [header.addresses.client for header in pair.told if header.addresses] == ["192.0.2.1"]
    with pytest.raises(BlockingIOError):
        pair.server.recv(65536, NOW)


def test_a_header_alone_is_nothing_to_read(pair: Pair) -> None:
    pair.client.sendall(LINE)
    with pytest.raises(BlockingIOError):
        pair.server.recv(65536, NOW)
    assert len(pair.told) == 1
    pair.client.sendall(LINE)  # the second is the client's business
    assert pair.server.recv(65536, NOW) == LINE


def test_H52_no_header_is_an_error_and_a_line(pair: Pair) -> None:
    pair.client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ConnectionAbortedError):
        pair.server.recv(65536, NOW)
    assert pair.reported == [
        "b'GET / HTTP/1.1\\r\\n' is no PROXY header; let the proxy send one (send-proxy, send-proxy-v2); "
        "connection closed"
    ]


def test_the_rest_is_the_sockets(pair: Pair) -> None:
    assert pair.server.send(b"a", NOW) == 1
    assert pair.server.sendmsg([b"b", b"c"], (), NOW) == 2
    assert pair.client.recv(10) == b"abc"
    pair.client.sendall(b"x")
    assert pair.server.recv(1, NOW | socket.MSG_PEEK) == b"x"
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    pair.server.shutdown(socket.SHUT_RDWR)
    assert pair.client.recv(10) == b""


def test_a_peer_that_leaves_before_its_header_has_left(pair: Pair) -> None:
    pair.client.sendall(b"PROXY")
    with pytest.raises(BlockingIOError):
        pair.server.recv(65536, NOW)
    pair.client.shutdown(socket.SHUT_WR)
    assert pair.server.recv(65536, NOW) == b""
