"""gateways.server.wire: peers that read slowly or never, and that send before they read."""

from __future__ import annotations

import hashlib
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

from gateways.server.wire import unread_bytes
from tests.support import wire
from tests.support.applications import MIB, encode, posted, read_answer
from tests.support.serving import resident_bytes, serving, until


def test_a_half_closed_peer_that_does_not_read_is_given_up_without_spinning(protocol: str) -> None:
    """Its end of file is readable all the time: that must neither spin nor hold off the write timeout."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(10 * MIB)]

    with serving(application, protocol, write_timeout=1.5) as served, served.connect() as sock:
        used = resource.getrusage(resource.RUSAGE_SELF)
        sock.sendall(encode(protocol, wire.post(0)))
        sock.shutdown(socket.SHUT_WR)
        until(lambda: served.log.requests)
        now = resource.getrusage(resource.RUSAGE_SELF)
        assert "took no byte for 1.5 s" in served.log.text("info")
        assert now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime < 0.75


def test_a_slow_reader_gets_everything(protocol: str, tcp: bool) -> None:
    """The write timeout is for a peer that takes nothing, not for one that takes long."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(4 * MIB)]

    with serving(application, protocol, tcp, write_timeout=1.0) as served, served.connect(receive_buffer=8192) as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        started = time.monotonic()
        data = bytearray()
        while piece := sock.recv(65536):
            data += piece
            if time.monotonic() - started < 1.5:
                time.sleep(0.05)
        assert len(data) > 4 * MIB


def test_one_large_block_is_not_copied_whole(protocol: str) -> None:
    block = bytes(64 * MIB)

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [block]

    with serving(application, protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        before = resident_bytes()
        received = 0
        while piece := sock.recv(65536):
            received += len(piece)
        assert received > 64 * MIB
        assert resident_bytes() - before < 16 * MIB


def test_a_peer_that_sends_all_before_it_reads(protocol: str, tcp: bool) -> None:
    """mod_fcgid does. An application that answers a megabyte without reading must not wait for it, and it for us."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(MIB)]

    with serving(application, protocol, tcp) as served, served.connect(receive_buffer=4096) as sock:
        body = bytes(900 * 1024)
        sock.sendall(encode(protocol, wire.post(len(body)), body))
        assert read_answer(served, sock).body == bytes(MIB)


def test_what_was_read_ahead_is_still_the_body(protocol: str) -> None:
    """The application sends first, and reads what came meanwhile."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield bytes(MIB)
        yield hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()

    body = bytes(range(256)) * 3600
    with serving(application, protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(len(body)), body))
        assert read_answer(served, sock).body == bytes(MIB) + hashlib.sha256(body).hexdigest().encode()


def test_unread_bytes() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert unread_bytes(ours.fileno()) == 0
        theirs.sendall(b"abc")
        assert unread_bytes(ours.fileno()) == 3
        assert ours.recv(10) == b"abc"
        theirs.close()
        assert unread_bytes(ours.fileno()) == 0
    assert unread_bytes(-1) == 0
