"""gateways.server.arrival: a PROXY header, TLS, and both, before any protocol."""

from __future__ import annotations

import contextlib
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
from tests.support.serving import RecordingLog, Served, until

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


def test_H52_a_header_that_does_not_come_holds_nobody_up_and_ends() -> None:
    with arriving("127.0.0.1", header_timeout=1, threads=1) as served, served.connect() as sock:
        sock.sendall(LINE[:-1])
        assert body(served.ask(LINE + wire.request())) == b"hello"
        assert sock.recv(100) == b""


def test_H51_tls_behind_a_header() -> None:
    with arriving("127.0.0.1", secure=True) as served, served.connect() as plain:
        plain.sendall(LINE)
        with tls.shake(plain) as sock:
            sock.sendall(wire.request())
            assert body(wire.receive_all(sock)) == b"hello"
