from __future__ import annotations

import socket

import pytest

from gateways.client import request
from gateways.compat.flup.server import scgi
from gateways.compat.flup.server.scgi_base import Connection, ProtocolError, readNetstring, recvall
from gateways.errors import GatewayError
from tests.support.compat import TEXT, hello, running
from tests.support.serving import PATIENCE

ANY = ("127.0.0.1", 0)


def feed(data):
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    return ours


def test_netstrings():
    with feed(b"5:hello,rest") as sock:
        assert readNetstring(sock) == b"hello"
        assert recvall(sock, 9) == (b"rest", 4)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"5:hello.", ProtocolError),
        (b"x:", ProtocolError),
        (b":", ProtocolError),
        (b"-1:", ProtocolError),
        (b"99999999999:", ProtocolError),
        (b"2000000:", ProtocolError),
        (b"5:hel", EOFError),
        (b"5", EOFError),
    ],
)
def test_what_is_no_netstring(data, error):
    with feed(data) as sock, pytest.raises(error):
        readNetstring(sock)


@pytest.mark.parametrize("constructor", [scgi.WSGIServer, scgi.BaseSCGIServer])
def test_who_says_where_it_is_is_warned(constructor):
    with pytest.warns(DeprecationWarning, match="scriptName") as found:
        constructor(hello, scriptName="/app")
    assert [warning.filename for warning in found] == [__file__]


@pytest.mark.parametrize("kind", ["engine", "own"])
def test_where_it_is(kind):
    with pytest.warns(DeprecationWarning, match="scriptName"):
        server = scgi.WSGIServer(hello, scriptName="/app", bindAddress=ANY)
    if kind == "own":
        server._jobClass = type("Mine", (Connection,), {})
    with running(server) as run:
        assert run.read("/app/x%20y") == b"hello /app|/x y\n"


@pytest.mark.parametrize(("name", "expected"), [("/app", b"hello /app|/x\n"), ("none", b"hello |/app/x\n")])
def test_where_the_request_says_it_is(name, expected):
    with running(scgi.WSGIServer(hello, scriptName=None, bindAddress=ANY)) as run:
        assert run.read("/app/x", variables=[("WSGI_SCRIPT_NAME", name)]) == expected


def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("no")
    write = start_response("200 OK", [*TEXT, ("Content-Length", "9")])
    if environ["PATH_INFO"] in ("/half", "/exit"):
        write("half")
        raise ValueError("no") if environ["PATH_INFO"] == "/half" else SystemExit
    return [b"%9s" % environ["wsgi.input"].read()]


@pytest.fixture(scope="module", params=[True, False])
def own(request):
    """A server of a program that has derived from the connection."""
    server = scgi.WSGIServer(application, bindAddress=ANY, multithreaded=request.param)
    server._jobClass = type("Mine", (Connection,), {})
    with running(server) as run:
        yield run


def test_a_body_ends_with_its_length(own):
    assert own.read("/", method="POST", body=b"body") == b"     body"


def test_errors(own):
    with own.get("/fail") as response:
        assert response.status == 500
    for half in ("/half", "/exit"):
        with pytest.raises(GatewayError):
            own.read(half)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n\r\n", b"3:a\0b,", b"4:a\0b\0,", b"5:a\0b\0x,"])
def test_what_is_no_scgi_ends_the_connection(own, data):
    with socket.create_connection(own.name) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(data)
        try:
            assert sock.recv(64) == b""
        except ConnectionResetError:
            pass  # closed with more to read


@pytest.mark.parametrize("data", [b"", b"5", b"5:he", b"24:CONTENT_LENGTH\0001\0SCGI\0001\0,"])
def test_a_peer_that_stays_silent(own, monkeypatch, data):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.1)
    with socket.create_connection(own.name) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(data)
        while sock.recv(4096):
            pass  # of a request without its body, the application may know what to say


def test_a_request_class_of_the_program():
    class Mine(scgi.BaseSCGIServer.requestClass):
        def run(self):
            self.stdout.write(b"X-A: %s\r\n\r\n" % self.environ["PATH_INFO"].encode())

    server = scgi.WSGIServer(hello, bindAddress=ANY)
    server.requestClass = Mine
    with running(server) as run, request("scgi", run.address, target="/p") as response:
        assert response.header("X-A") == "/p"
