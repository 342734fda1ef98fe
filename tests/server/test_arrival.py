"""gateways.server.arrival: a PROXY header, TLS, and both, before any protocol."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any, cast

import pytest

from gateways.addresses import parse_address
from gateways.server.listeners import open_listeners
from gateways.server.peers import TrustedProxies
from gateways.server.tls import Tls
from gateways.server.worker import Server
from gateways.settings import Settings
from tests.support import tls, wire
from tests.support.applications import hello
from tests.support.serving import Recorder, RecordingLog, Served, until
from tests.support.simple import parse, simple

LINE = b"PROXY TCP4 192.0.2.1 198.51.100.2 40000 443\r\n"
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


@contextlib.contextmanager
def arriving(proxies: str, secure: bool = False, unix: str = "", **settings: Any) -> Iterator[Served]:
    """A server of FastCGI, of which the tests see the answers only."""
    log = RecordingLog()
    [listener] = open_listeners("fastcgi", parse_address(f"unix:{unix}" if unix else "127.0.0.1:0"), environ={})
    listener.proxies = TrustedProxies(proxies.split())
    if secure:
        listener.tls = Tls(tls.CERTIFICATE, tls.KEY)
    server = Server(hello, [listener], Settings(**settings), cast(Any, log), cast(Any, log))
    served = Served(server, listener.sock.getsockname(), "fastcgi", log)
    served.start()
    try:
        yield served
    finally:
        served.stop()


def body(data: bytes) -> bytes:
    return wire.answer(wire.parse_records(data)).body


@pytest.mark.parametrize("header", [LINE, LOCAL])
def test_H51_a_request_behind_a_header(header: bytes) -> None:
    with arriving("127.0.0.1") as served:
        assert body(served.ask(header + wire.request())) == b"hello"


def test_H51_a_request_one_byte_at_a_time() -> None:
    with arriving("127.0.0.1") as served, served.connect() as sock:
        for byte in LINE + wire.request():
            sock.sendall(bytes([byte]))
        assert body(wire.receive_all(sock)) == b"hello"


def test_H51_on_a_unix_socket(socket_dir: Any) -> None:
    with arriving("unix", unix=f"{socket_dir}/s") as served:
        assert body(served.ask(LINE + wire.request())) == b"hello"


def test_H51_messages_name_the_client() -> None:
    with arriving("127.0.0.1") as served:
        served.ask(LINE + b"x" * 100)
        until(lambda: "192.0.2.1:40000: " in served.log.text())


def test_H52_a_peer_that_is_not_trusted_is_closed() -> None:
    with arriving("192.0.2.9") as served:
        with contextlib.suppress(ConnectionResetError):
            assert served.ask(LINE + wire.request()) == b""
        until(lambda: "not in forwarded_allow_ips, closed on" in served.log.text("warning"))


def test_H52_a_request_without_a_header_is_closed() -> None:
    with arriving("127.0.0.1") as served:
        with contextlib.suppress(ConnectionResetError):
            assert served.ask(wire.request()) == b""
        until(lambda: "is no PROXY header" in served.log.text("info"))


def test_H52_a_header_that_does_not_come_holds_nobody_up() -> None:
    with arriving("127.0.0.1", threads=1) as served, served.connect() as sock:
        sock.sendall(LINE[:-1])
        assert body(served.ask(LINE + wire.request())) == b"hello"


def test_H52_a_header_that_does_not_come_ends_the_connection() -> None:
    with arriving("127.0.0.1", header_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(LINE[:-1])
        assert sock.recv(100) == b""


def test_H51_tls_behind_a_header() -> None:
    with arriving("127.0.0.1", secure=True) as served, served.connect() as plain:
        plain.sendall(LINE)
        with tls.shake(plain) as sock:
            sock.sendall(wire.request())
            assert body(wire.receive_all(sock)) == b"hello"


@pytest.mark.parametrize("secure", [False, True])
def test_who_is_arriving_when_the_server_stops_is_served(secure: bool) -> None:
    """As with a request of which a part is here; one that has said nothing is not waited for as long."""
    with arriving("127.0.0.1", secure) as served, served.connect() as sock, served.connect() as idle:
        sock.sendall(LINE if secure else LINE[:-1])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = tls.context().wrap_bio(incoming, outgoing, server_hostname="example.test")
        if secure:
            with pytest.raises(ssl.SSLWantReadError):
                engine.do_handshake()
            sock.sendall(outgoing.read())
        until(lambda: [connection for connection in list(served.server._connections.values()) if connection._arriving])
        served.server.stop()
        assert idle.recv(1) == b""
        if secure:
            while True:
                incoming.write(sock.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    engine.do_handshake()
                    break
            engine.write(wire.request())
            sock.sendall(outgoing.read())
            incoming.write(wire.receive_all(sock))
            assert body(engine.read(65536)) == b"hello"
        else:
            sock.sendall(LINE[-1:] + wire.request())
            assert body(wire.receive_all(sock)) == b"hello"


# What HTTP makes of it


@pytest.mark.parametrize("protocol", ["http", "listen"])
@pytest.mark.parametrize("trusted", ["unix", "10.0.0.1"])
def test_H55_who_has_reset_the_connection_before_it_is_accepted_is_no_unix_peer(protocol: str, trusted: str) -> None:
    """Such a socket does not know its peer any more, and gives out what was sent."""
    app, log = Recorder(), RecordingLog()
    [listener] = open_listeners(protocol, parse_address("127.0.0.1:0"), environ={})
    server = Server(app, [listener], Settings(forwarded_allow_ips=[trusted]), cast(Any, log))
    with socket.create_connection(listener.sock.getsockname()) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\n\r\n")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server._acceptor.accept(listener)
    server.stop()
    assert server.run() == 0
    for seen in app.seen:
        assert seen.environ["REMOTE_ADDR"] == "127.0.0.1"
        assert seen.environ["wsgi.url_scheme"] == "http"
        assert "HTTP_X_FORWARDED_FOR" not in seen.environ
    assert "unix peer" not in log.text()


def told(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    names = ("REMOTE_ADDR", "REMOTE_PORT", "HTTPS", "wsgi.url_scheme", "SSL_TLS_SNI")
    return [" ".join(str(environ.get(name)) for name in names).encode()]


TRUSTING = {"forwarded_allow_ips": ["127.0.0.1", "10.0.0.1"], "proxy_protocol": True}


@pytest.mark.parametrize(
    ("header", "fields", "answer"),
    [
        (LINE, (), "192.0.2.1 40000 None http None"),
        # What the client of a proxy of ours says counts for nothing, unless that is a proxy of ours, too.
        (LINE, ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https"), "192.0.2.1 40000 None http None"),
        (
            LINE.replace(b"192.0.2.1", b"10.0.0.1"),
            ("X-Forwarded-For: 198.51.100.1",),
            "198.51.100.1 None None http None",
        ),
        (LOCAL, ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https"), "198.51.100.1 None on https None"),
        (b"PROXY UNKNOWN\r\n", ("X-Forwarded-For: 198.51.100.1",), "127.0.0.1 * None http None"),
    ],
)
def test_H51_the_client_is_whom_the_proxy_names(header: bytes, fields: tuple[str, ...], answer: str) -> None:
    with simple(told, **TRUSTING) as running, running.connect() as sock:
        head = "\r\n".join(["GET / HTTP/1.1", "Host: h", "Connection: close", *fields, "", ""])
        sock.sendall(header + head.encode())
        words = parse(wire.receive_all(sock)).more.decode().split()
        expected = answer.split()
        assert [word for word, known in zip(words, expected) if known != "*"] == [w for w in expected if w != "*"]
        until(lambda: expected[0] in running.access_log)


def test_H51_each_request_of_the_connection_is_the_clients() -> None:
    with simple(told, **TRUSTING) as running:
        one = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert running.ask(LINE + one + last).count(b"192.0.2.1 40000") == 2


def test_tls_is_seen_by_the_application() -> None:
    with simple(told, certfile=tls.CERTIFICATE, keyfile=tls.KEY) as running, tls.shake(running.connect()) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert parse(wire.receive_all(sock)).more.endswith(b" on https example.test")


def test_H64_plain_http_is_told_so_before_and_after_a_header() -> None:
    settings = {"certfile": tls.CERTIFICATE, "keyfile": tls.KEY}
    with simple(told, **settings) as running:
        assert running.get().status == "HTTP/1.1 400 Bad Request"
    with simple(told, **settings, **TRUSTING) as running:
        assert parse(running.ask(LINE + b"GET / HTTP/1.0\r\n\r\n")).status == "HTTP/1.1 400 Bad Request"
        until(lambda: "192.0.2.1:40000: plain HTTP on a port for HTTPS" in running.error_log)
