"""Programs that derive from flup's AJP connection are served by it."""

from __future__ import annotations

import socket

import pytest

from gateways.client import Client
from gateways.compat.ajp13.connections import Connection
from gateways.compat.flup.server import ajp
from gateways.compat.waiting import wait
from gateways.errors import GatewayError
from tests.support.compat import TEXT, running
from tests.support.serving import PATIENCE


class Mine(Connection):
    """A connection that a program has changed."""

    def _ping(self, pkt):
        super()._ping(pkt)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("no")
    write = start_response("200 OK", TEXT)
    if path in ("/half", "/exit"):
        write(b"half")
        raise ValueError("no") if path == "/half" else SystemExit
    return [b"%s?%s %s" % (path.encode("latin-1"), environ["QUERY_STRING"].encode(), environ["wsgi.input"].read())]


@pytest.fixture(scope="module")
def served():
    server = ajp.WSGIServer(application, bindAddress=("127.0.0.1", 0))
    server._jobClass = Mine
    with running(server) as run:
        yield run


def test_it_is_not_the_engine(served):
    assert not served.server._is_for_engine()
    assert served.read("/a%20b?x=1") == b"/a b?x=1 "


def test_a_body(served):
    assert served.read("/p", method="POST", body=b"x" * 50_000) == b"/p? " + b"x" * 50_000


def test_several_requests_on_a_connection(served):
    with Client("ajp", served.address, timeout=PATIENCE) as client:
        for number in range(3):
            with client.request(target=f"/{number}") as response:
                assert response.read().startswith(b"/%d" % number)


def test_errors(served):
    with served.get("/fail") as response:
        assert response.status == 500
    for half in ("/half", "/exit"):
        with pytest.raises(GatewayError):
            served.read(half)


@pytest.mark.parametrize("data", [b"\x12", b"\x12\x34\0\5\2"])
def test_a_peer_that_stays_silent_in_the_middle(served, monkeypatch, data):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.1)
    with socket.create_connection(served.name) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(data)
        assert sock.recv(64) == b""


def test_one_that_is_silent_between_requests_is_waited_for(served, monkeypatch):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.01)
    with socket.create_connection(served.name) as sock:
        sock.settimeout(PATIENCE)
        for _ in range(2):
            assert not wait(sock, timeout=0.1)
            sock.sendall(b"\x12\x34\0\1\x0a")
            assert sock.recv(64) == b"AB\0\1\x09"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\x12\x34\0\1\x0a", b"AB\0\1\x09"),
        (b"\x12\x34\0\0", b""),
        (b"\x12\x34\0\1\x63", b""),
        (b"\x12\x34\0\2\x02\x63", b""),
        (b"GET / HTTP/1.0\r\n\r\n", b""),
        (b"\x12\x34\0\5\x02\x02\0\1a", b""),
    ],
)
def test_packets(served, data, answer):
    with socket.create_connection(served.name) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(data)
        try:
            received = sock.recv(64)
        except ConnectionResetError:  # closed with more to read
            received = b""
        assert received == answer
