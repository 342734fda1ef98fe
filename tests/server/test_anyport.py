"""gateways.server.anyport: each protocol on one port, by the first bytes of a connection."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from gateways.adapters import speedups
from gateways.errors import ConfigError
from gateways.server import anyport, worker
from gateways.server.connection import Connection
from gateways.server.transports import ANY, TRANSPORTS
from tests.support import wire
from tests.support.applications import encode
from tests.support.corpus import captures
from tests.support.serving import Recorder, Served, scgi_answer, serving, until

#: The protocols whose requests the tests can write. Those of AJP13 and HTTP are in the tests of their transports.
PROTOCOLS = ("fastcgi", "scgi", "uwsgi")


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture(params=["unix", "tcp"])
def served(app: Recorder, request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(app, ANY, tcp=request.param == "tcp", header_timeout=30.0) as running:
        yield running


def answer(protocol: str, data: bytes) -> wire.Answer:
    return wire.answer(wire.parse_records(data)) if protocol == "fastcgi" else scgi_answer(data)


def rest_of(sock: socket.socket) -> bytes:
    """What still comes; a reset is an end where the server has not read all that was sent."""
    try:
        return wire.receive_all(sock)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_is_served(served: Served, app: Recorder, protocol: str) -> None:
    found = answer(protocol, served.ask(encode(protocol, wire.post(5), b"hello")))
    assert (found.status, found.body) == ("200 OK", b"got hello")
    assert ("SCGI" in app.seen[0].environ, "FCGI_ROLE" in app.seen[0].environ) == (
        protocol == "scgi",
        protocol == "fastcgi",
    )


def test_ajp13_is_served_where_nobody_else_reaches_it(served: Served) -> None:
    """Twice on one connection, the first time in drops."""
    with served.connect() as sock:
        for data in ([bytes([byte]) for byte in wire.ajp_forward()], [wire.ajp_forward()]):
            for piece in data:
                sock.sendall(piece)
            assert wire.ajp_answer(wire.ajp_receive(sock)).status == "200 OK"


def test_http_is_served(served: Served, app: Recorder) -> None:
    """Twice on one connection, the first time in drops; the peer's address is known."""
    pytest.importorskip("h11")
    request = b"POST /x HTTP/1.1\r\nHost: example.test\r\nContent-Length: 5\r\n\r\nhello"
    with served.connect() as sock:
        for pieces in ([bytes([byte]) for byte in request], [request]):
            for piece in pieces:
                sock.sendall(piece)
            data = b""
            while not data.endswith(b"got hello\r\n0\r\n\r\n"):
                data += sock.recv(65536)
            assert data.startswith(b"HTTP/1.1 200 OK\r\n")
        expected = "127.0.0.1" if sock.family == socket.AF_INET else ""
    assert [seen.environ["REMOTE_ADDR"] for seen in app.seen] == [expected] * 2


def test_http_without_its_package_is_said(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigError("pip install 'gateways[http]'")

    monkeypatch.setitem(anyport.TRANSPORTS, "http", TRANSPORTS["http"]._replace(require=missing))
    assert rest_of_request(served, b"GET / HTTP/1.1\r\n\r\n") == b""
    until(lambda: "this is HTTP: pip install 'gateways[http]'" in served.log.text("warning"))


def rest_of_request(served: Served, data: bytes) -> bytes:
    with served.connect() as sock:
        sock.sendall(data)
        return rest_of(sock)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_first_bytes_that_come_one_by_one(served: Served, protocol: str) -> None:
    with served.connect() as sock:
        for byte in encode(protocol, wire.post(5), b"hello"):
            sock.send(bytes([byte]))
        assert answer(protocol, wire.receive_all(sock)).body == b"got hello"


@pytest.mark.parametrize("point", [1, 2, 7, 31, 33])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_cut_anywhere(app: Recorder, protocol: str, point: int) -> None:
    data = encode(protocol, wire.post(5), b"hello")
    with serving(app, ANY) as served, served.connect() as sock:
        sock.sendall(data[:point])
        until(lambda: [connection for connection in served.server._connections.copy().values() if connection.watched])
        sock.sendall(data[point:])
        assert answer(protocol, wire.receive_all(sock)).body == b"got hello"


def test_several_at_once_on_one_port(served: Served) -> None:
    socks = [(protocol, served.connect()) for protocol in PROTOCOLS * 2]
    for protocol, sock in socks:
        sock.sendall(encode(protocol, wire.post(5), b"hello")[:9])
    for protocol, sock in socks:
        with sock:
            sock.sendall(encode(protocol, wire.post(5), b"hello")[9:])
            assert answer(protocol, wire.receive_all(sock)).body == b"got hello"


@pytest.mark.parametrize("pieces", [1, 2], ids=["whole", "in-two-pieces"])
def test_a_connection_that_is_kept(served: Served, pieces: int) -> None:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(3):
            data = wire.request(keep=True)
            sock.sendall(data[: 3 if pieces == 2 else len(data)])
            if pieces == 2:
                until(lambda: served.server._connections)
                sock.sendall(data[3:])
            assert reader.answer().status == "200 OK"


@pytest.mark.skipif(speedups.module is None, reason=speedups.describe())
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_usual_request_is_served_in_c(app: Recorder, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """As on a port of its own: no parser of ours sees a byte of it."""

    declined: list[bytes] = []
    on_data = Connection.on_data

    def counting(self: anyport.AnyConnection, data: bytes | None) -> None:
        if data:  # None and b"" are no requests
            declined.append(data)
        on_data(self, data)

    monkeypatch.setattr(anyport.AnyConnection, "on_data", counting)
    params = wire.get((b"CONTENT_LENGTH", b"0")) if protocol == "fastcgi" else wire.post(0)
    with serving(app, ANY) as served:
        for _ in range(3):
            with served.connect() as sock:
                sock.sendall(encode(protocol, params))
                assert answer(protocol, wire.receive_all(sock)).status == "200 OK"
        assert declined == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_the_c_part(app: Recorder, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    monkeypatch.setattr(worker, "make_fast_paths", lambda *arguments: None)
    with serving(app, ANY) as served:
        assert answer(protocol, served.ask(encode(protocol, wire.post(5), b"hello"))).body == b"got hello"


REAL = ["nginx-fastcgi", "nginx-scgi", "nginx-uwsgi", "apache-proxyfcgi", "apache-proxyuwsgi", "lighttpd-scgi"]


@pytest.mark.parametrize("server", REAL)
def test_what_real_servers_send(app: Recorder, server: str) -> None:
    """Two requests of each server: without a body, and with one."""
    with serving(app, ANY) as served:
        for capture in captures(server):
            if capture.configuration in ("root", "pproot") and capture.case in ("app_q", "post_small"):
                with served.connect() as sock:
                    sock.sendall(capture.data)
                    sock.shutdown(socket.SHUT_WR)
                    found = answer(capture.transport, wire.receive_all(sock))
                [asked] = capture.requests()
                assert (found.status, found.body) == ("200 OK", b"got " + asked.body), capture.name


# What is not served


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "this is TLS, which is not served"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "this is PROXY protocol, which is not served"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "b'SSH-2.0-OpenSSH_9.2p1\\r\\n', are of no protocol"),
        (b"\xff\x1b[2J", "b'\\xff\\x1b[2J', are of no protocol"),
        (bytes(100), "are of no protocol"),
        (wire.packet(b"raise SystemExit", 22), "are of no protocol"),
    ],
)
def test_what_is_none_of_them_is_closed_and_logged(served: Served, app: Recorder, data: bytes, text: str) -> None:
    with served.connect() as sock:
        wire.send_all(sock, data)
        assert rest_of(sock) == b""
    until(lambda: served.log.entries)
    assert f"any protocol: {'' if text.startswith('this') else 'the first bytes'}" in served.log.text("warning")
    assert text in served.log.text("warning")
    assert app.seen == []


@pytest.mark.slow
def test_clients_that_send_nothing_that_decides(app: Recorder) -> None:
    with serving(app, ANY, header_timeout=3) as served, contextlib.ExitStack() as stack:
        socks = []
        for data in (b"", b"G", b"\0\1"):
            socks.append(stack.enter_context(served.connect()))
            socks[-1].sendall(data)
        assert [rest_of(sock) for sock in socks] == [b""] * 3
        assert app.seen == []


@pytest.mark.slow
def test_a_client_that_sends_its_first_bytes_slowly_holds_no_thread_and_not_for_long(app: Recorder) -> None:
    with serving(app, ANY, threads=1, header_timeout=3) as served, served.connect() as sock:
        for byte in wire.uwsgi()[:5]:
            wire.send_all(sock, bytes([byte]))
            assert answer("scgi", served.ask(wire.scgi())).status == "200 OK"
        assert rest_of(sock) == b""


@pytest.mark.parametrize("data", [b"", b"\0"])
def test_a_client_that_leaves(served: Served, app: Recorder, data: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert wire.receive_all(sock) == b""
    until(lambda: not served.server._connections)
    assert {level for level, _ in served.log.entries} <= {"debug"}


def test_a_client_that_resets_the_connection(app: Recorder) -> None:
    with serving(app, ANY, tcp=True) as served:
        sock = served.connect()
        sock.sendall(b"\0")
        until(lambda: served.server._connections)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        until(lambda: not served.server._connections)


def test_stopping_waits_for_nobody_who_is_undecided(app: Recorder) -> None:
    with serving(app, ANY) as served:
        with served.connect() as silent, served.connect() as begun:
            begun.sendall(b"\0")
            until(lambda: len(served.server._connections) == 2)
            served.check_alive()
        with served.connect() as silent:
            until(lambda: served.server._connections)
            assert served.stop() == 0
            assert wire.receive_all(silent) == b""


def test_every_transport_takes_part() -> None:
    assert set(anyport._SETTINGS.values()) == set(TRANSPORTS) - {ANY}


class Away:
    """A socket that other machines reach."""

    family = socket.AF_INET

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 1


@pytest.mark.parametrize("secret", ["", "s"])
def test_ajp_has_no_way_around_its_secret(app: Recorder, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """AJP13 without one is not served to other machines (CVE-2020-1938), whatever the other protocols may."""
    become: list[str] = []
    with serving(app, ANY) as served:
        served.server.ajp_secret = secret
        check: Callable[[Any], bool] = anyport.reached_by_others
        monkeypatch.setattr(anyport, "reached_by_others", lambda sock: check(Away()))

        def note(self: anyport.AnyConnection, setting: str, held: bytes) -> None:
            become.append(setting)
            self.close()

        monkeypatch.setattr(anyport.AnyConnection, "_become", note)
        with served.connect() as sock:
            sock.sendall(b"\x12\x34\0\1\n")
            if secret:
                until(lambda: become == ["ajp"])
            else:
                until(
                    lambda: "not served to other machines without a secret (ajp_secret)" in served.log.text("warning")
                )
        monkeypatch.undo()
    assert become == (["ajp"] if secret else [])
