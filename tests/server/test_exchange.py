"""gateways.server.exchange: bodies and responses of any size, in constant memory, as soon as they are there."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.core.filewrapper import FileWrapper
from gateways.errors import ClientDisconnected
from gateways.server.connection import Connection
from tests.support import wire
from tests.support.applications import MIB, encode, hello, posted, read_answer
from tests.support.serving import (
    PATIENCE,
    Recorder,
    resident_bytes,
    serving,
    until,
)

# Responses


@pytest.mark.parametrize("size", [0, 1, 65528, 65535, 65536, 200_000, 5 * MIB])
def test_one_block_of_any_size(protocol: str, tcp: bool, size: int) -> None:
    block = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [block]

    with serving(application, protocol, tcp) as served:
        answer = served.request()
    assert wire.header(answer.head, "Content-Length") == str(size)
    assert answer.body == block


def test_many_blocks_of_many_sizes(protocol: str, tcp: bool) -> None:
    blocks = [bytes([size % 251]) * size for size in (1, 0, 7, 65535, 65536, 300_000, 3, 1_000_000)]

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from blocks

    with serving(application, protocol, tcp) as served:
        assert served.request().body == b"".join(blocks)


def test_blocks_arrive_at_once(protocol: str, tcp: bool) -> None:
    """The application waits until the client has the block before: no block may wait for the next (PEP 3333)."""
    arrived = threading.Semaphore(0)

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(4):
            yield b"<block %d>" % number
            assert arrived.acquire(timeout=PATIENCE)

    with serving(application, protocol, tcp, threads=1) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        data = b""
        for number in range(4):
            while b"<block %d>" % number not in data:
                data += sock.recv(65536)
            arrived.release()
        data += wire.receive_all(sock)
    assert data.count(b"<block") == 4


def test_a_short_response_is_one_write(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """Head, body and END_REQUEST leave together: on a kept connection a second packet would wait for an ACK.

    With a body, so that it is Python that sends; the C part has a test of its own.
    """
    sent: list[bytes] = []
    send = Connection._send

    def counting(self: Connection, data: bytes) -> None:
        sent.append(data)
        send(self, data)

    monkeypatch.setattr(Connection, "_send", counting)
    with serving(hello, protocol) as served:
        served.request(wire.post(5), b"hello")
        assert len(sent) == 1


def test_a_response_of_any_length_in_constant_memory(protocol: str) -> None:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        block = bytes(100_000)
        for _ in range(640):
            yield block

    with serving(application, protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        before = resident_bytes()
        received = 0
        while piece := sock.recv(65536):
            received += len(piece)
        assert received > 64_000_000
        assert resident_bytes() - before < 16 * MIB


# Bodies


def test_an_upload_of_64_mib_in_constant_memory(protocol: str, tcp: bool) -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        digest = hashlib.sha256()
        before = resident_bytes()
        while piece := environ["wsgi.input"].read(65536):
            digest.update(piece)
            seen["growth"] = max(seen.get("growth", 0), resident_bytes() - before)
        start_response("200 OK", [])
        return [digest.hexdigest().encode()]

    piece = bytes(range(256)) * 256
    digest = hashlib.sha256()
    with serving(application, protocol, tcp) as served, served.connect() as sock:
        size = 1024 * len(piece)
        if protocol == "fastcgi":
            sock.sendall(wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(size))))
        else:
            sock.sendall(encode(protocol, wire.post(size)))
        for _ in range(1024):
            digest.update(piece)
            sock.sendall(wire.stream(wire.STDIN, 1, piece, cut=32768, end=False) if protocol == "fastcgi" else piece)
        if protocol == "fastcgi":
            sock.sendall(wire.record(wire.STDIN, 1))
        assert read_answer(served, sock).body == digest.hexdigest().encode()
        assert seen["growth"] < 16 * MIB
        seen.clear()


def test_a_response_arrives_whole_although_the_body_is_not_read(protocol: str, tcp: bool) -> None:
    """Closing with unread bytes would reset the connection, and the response could be lost."""
    with serving(hello, protocol, tcp) as served, served.connect() as sock:
        body = bytes(10 * MIB)
        sock.sendall(encode(protocol, wire.post(len(body)), body))
        assert read_answer(served, sock).body == b"hello"


def test_a_body_without_a_length_is_counted() -> None:
    app = Recorder()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [body]

    with serving(application, max_body_size=1000) as served:
        assert served.request(wire.post(-1), bytes(1000)).body == bytes(1000)
        assert served.request(wire.post(-1), bytes(1001)).status == "413 Content Too Large"
    assert app.seen == []


def test_the_body_cannot_be_read_after_the_response_is_complete() -> None:
    """What is read then may be the next request, and that must not get lost in the application before."""
    errors = []

    class Late:
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"early"])

        def close(self) -> None:
            try:
                self.stream.read()
            except OSError as error:
                errors.append(error)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "5")])
        return Late(environ["wsgi.input"])

    with serving(application, body_timeout=0.5) as served, served.connect() as sock:
        sock.sendall(wire.request(wire.post(5), b"hello", keep=True) + wire.request(id=2, keep=True))
        reader = wire.RecordReader(sock)
        assert reader.answer(1).body == b"early"
        assert reader.answer(2).body == b"early"
        assert isinstance(errors[0], ClientDisconnected)


# Files


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 8000)  # 31.25 records, and more than a socket's buffer
    return path


def of_file(path: Path, skip: int = 0, headers: Any = ()) -> Any:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        file = path.open("rb")
        file.read(skip)
        start_response("200 OK", list(headers))
        return environ["wsgi.file_wrapper"](file, 8192)

    return application


@pytest.mark.parametrize("skip", [0, 1, 100_001])
def test_a_file_is_sent_from_where_it_stands(protocol: str, large: Path, tcp: bool, skip: int) -> None:
    with serving(of_file(large, skip), protocol, tcp) as served:
        answer = served.request(wire.post(0))
        assert answer.body == large.read_bytes()[skip:]
        until(lambda: served.log.requests)
        assert served.log.requests[0]["size"] == len(answer.body)


def test_a_file_is_not_read(protocol: str, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileWrapper, "__next__", None)
    with serving(of_file(large), protocol) as served:
        assert served.request(wire.post(0)).body == large.read_bytes()
        monkeypatch.undo()


def test_a_file_that_is_sent_while_the_body_comes_is_read(protocol: str, large: Path) -> None:
    """The web server may not read before it has sent all: then its bytes have to be taken meanwhile."""
    with serving(of_file(large), protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(900_000), bytes(900_000)))
        assert read_answer(served, sock).body == large.read_bytes()


@pytest.mark.parametrize(("length", "sent"), [(200_000, 200_000), (2_048_000, 2_048_000), (2_048_001, None)])
def test_a_file_and_its_content_length(protocol: str, large: Path, length: int, sent: int | None) -> None:
    with serving(of_file(large, headers=[("Content-Length", str(length))]), protocol, True) as served:
        with served.connect() as sock:
            sock.sendall(encode(protocol, wire.post(0)))
            if sent is None:
                with pytest.raises((AssertionError, ConnectionResetError)):  # broken off
                    read_answer(served, sock)
            else:
                assert read_answer(served, sock).body == large.read_bytes()[:sent]
        until(lambda: served.log.requests)
        text = served.log.text()
        assert ("more body than" in text) == (length < 2_048_000)
        assert ("of body where its Content-Length is" in text) == (length > 2_048_000)


def test_a_file_that_becomes_shorter_is_no_whole_response(protocol: str, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    size = 64 * MIB  # more than the buffers of a TCP connection: it cannot have left when it is cut
    path.touch()
    os.truncate(path, size)
    with serving(of_file(path), protocol, True) as served, served.connect(receive_buffer=4096) as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        data = sock.recv(1000)
        os.truncate(path, 100)
        try:
            data += wire.receive_all(sock)
        except ConnectionResetError:  # how SCGI breaks off
            assert protocol == "scgi"
        assert len(data) < size
        assert wire.record(wire.END, 1, bytes(8)) not in data
        until(lambda: "became shorter" in served.log.text())


def test_a_peer_that_takes_no_more_of_a_file(protocol: str, large: Path) -> None:
    with serving(of_file(large), protocol, write_timeout=0.2) as served, served.connect(receive_buffer=4096) as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        until(lambda: "took no byte for 0.2 s" in served.log.text())
        until(lambda: not served.server._connections)
