"""gateways.server.connection: bodies and responses of any size, and every way in which one of them breaks off."""

from __future__ import annotations

import hashlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.errors import ClientDisconnected
from gateways.server.connection import Connection
from tests.support import wire
from tests.support.serving import (
    PATIENCE,
    Recorder,
    Served,
    resident_bytes,
    scgi_answer,
    serving,
    until,
)

MIB = 1 << 20


@pytest.fixture(params=["fastcgi", "scgi"])
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["unix", "tcp"])
def tcp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tcp")


def encode(protocol: str, params: wire.Pairs, body: bytes = b"") -> bytes:
    return wire.request(params, body) if protocol == "fastcgi" else wire.scgi(params, body)


def read_answer(served: Served, sock: socket.socket) -> wire.Answer:
    data = wire.receive_all(sock)
    return wire.answer(wire.parse_records(data)) if served.protocol == "fastcgi" else scgi_answer(data)


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def posted(application: Any) -> Any:
    """``application`` for POST requests; what ``serving`` asks in the end is a GET."""

    def choose(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = application if environ["REQUEST_METHOD"] == "POST" else hello
        return chosen(environ, start_response)

    return choose


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
    """Head, body and END_REQUEST leave together: on a kept connection a second packet would wait for an ACK."""
    sent: list[bytes] = []
    send = Connection._send

    def counting(self: Connection, data: bytes) -> None:
        sent.append(data)
        send(self, data)

    monkeypatch.setattr(Connection, "_send", counting)
    with serving(hello, protocol) as served:
        served.request()
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
            sock.sendall(wire.scgi(wire.post(size)))
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


def test_a_body_above_max_body_size_is_answered_with_413(protocol: str, tcp: bool) -> None:
    app = Recorder()
    with serving(app, protocol, tcp, max_body_size=1000) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(MIB), bytes(MIB)))
        assert read_answer(served, sock).status == "413 Content Too Large"
        assert app.seen == []
        assert served.request(wire.post(1000), bytes(1000)).status == "200 OK"


def test_a_kept_connection_survives_413() -> None:
    with serving(Recorder(), max_body_size=10) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for size, status in [(100_000, "413 Content Too Large"), (10, "200 OK"), (11, "413 Content Too Large")]:
            sock.sendall(wire.request(wire.post(size), bytes(size), keep=True))
            assert reader.answer().status == status


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


# Responses that break off


@posted
def broken(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"the first half"
    raise RuntimeError("no second half")


@posted
def short(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", "20")])
    yield b"the first half"


@pytest.mark.parametrize("application", [broken, short])
def test_half_a_fastcgi_response_has_no_end(tcp: bool, application: Any) -> None:
    """A web server must not store it as complete: no END_REQUEST, and the connection is closed even if kept."""
    with serving(application, "fastcgi", tcp) as served, served.connect() as sock:
        sock.sendall(wire.request(wire.post(0), keep=True))
        records = list(wire.parse_records(wire.receive_all(sock)))
    output = [record.content for record in records if record.type == wire.STDOUT]
    assert b"".join(output).endswith(b"the first half")
    assert all(output), "an empty record ends the stream"
    assert wire.END not in [record.type for record in records]
    assert served.log.requests[0]["aborted"]


@pytest.mark.parametrize("application", [broken, short])
def test_half_an_scgi_response_is_reset_where_that_is_possible(tcp: bool, application: Any) -> None:
    with serving(application, "scgi", tcp) as served, served.connect() as sock:
        sock.sendall(wire.scgi())
        data = b""
        error = None
        try:
            while piece := sock.recv(65536):
                data += piece
        except ConnectionResetError as reset:
            error = reset
    assert data.endswith(b"the first half") or tcp
    assert (error is not None) == tcp


def test_an_error_before_the_headers_is_a_500_page_and_a_traceback_in_the_log(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("my \x1b[31mfault")

    with serving(application, protocol) as served:
        answer = served.request()
        assert answer.status == "500 Internal Server Error"
        assert b"fault" not in answer.body
        assert b"Traceback" not in answer.body
        report = served.log.text("error")
    assert "RuntimeError: my \\x1b[31mfault" in report
    assert "Traceback (most recent call last)" in report
    if protocol == "fastcgi":
        assert b"RuntimeError: my \\x1b[31mfault" in answer.errors
        assert b"Traceback" in answer.errors


def test_wsgi_errors_reach_the_web_server_and_our_log(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write("something\nis odd: \u20ac\n")
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, protocol) as served:
        answer = served.request()
        assert (answer.status, answer.body) == ("200 OK", b"fine")
        assert served.log.text("error").splitlines() == ["something", "is odd: \u20ac"]
    assert answer.errors == ("something\nis odd: \u20ac\n".encode() if protocol == "fastcgi" else b"")


def test_system_exit_in_the_application_does_not_end_the_server(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise SystemExit(3)

    with serving(application, protocol, threads=1) as served:
        assert served.request().status == "500 Internal Server Error"
        assert served.request().status == "500 Internal Server Error"


def test_an_application_may_do_to_its_environ_what_it_likes(protocol: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        environ.clear()
        if method == "POST":
            raise RuntimeError("after clearing")
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, protocol) as served:
        assert served.request().body == b"fine"
        assert served.request(wire.post(0)).status == "500 Internal Server Error"
        until(lambda: len(served.log.requests) == 2)


# Peers that leave, stall or half-close


def test_a_peer_that_leaves_in_its_upload(protocol: str, tcp: bool) -> None:
    app = Recorder()
    with serving(app, protocol, tcp) as served:
        with served.connect() as sock:
            data = encode(protocol, wire.post(1000), bytes(1000))
            sock.sendall(data[:-500])
            until(lambda: app.seen)
        until(lambda: app.seen[0].closed)
        assert isinstance(app.seen[0].error, OSError)
        until(lambda: served.log.requests)
        assert served.log.text().count("the body broke off") == 1
        assert served.log.text("error", "exception") == ""
    assert app.seen[0].closed == 1


@pytest.mark.parametrize("record", [b"\2not FastCGI", wire.record(wire.END, 1, bytes(8)), wire.begin()])
def test_a_peer_that_breaks_the_protocol_in_its_upload(record: bytes) -> None:
    app = Recorder()
    with serving(app) as served, served.connect() as sock:
        sock.sendall(wire.begin(keep=True) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(10))))
        sock.sendall(wire.record(wire.STDIN, 1, b"half") + record + wire.request(wire.get((b"EVIL", b"1"))))
        try:
            answer = wire.receive_all(sock)
        except ConnectionResetError:  # closed with bytes of ours unread
            answer = b""
        assert wire.END not in [record.type for record in wire.parse_records(answer)]
        until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert all("EVIL" not in seen.environ for seen in app.seen)


def test_a_half_closed_peer_that_does_not_read_is_given_up_without_spinning(protocol: str) -> None:
    """Its end of file is readable all the time: that must neither spin nor hold off the write timeout."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(10 * MIB)]

    with serving(application, protocol, write_timeout=0.5) as served, served.connect() as sock:
        used = resource.getrusage(resource.RUSAGE_SELF)
        sock.sendall(encode(protocol, wire.post(0)))
        sock.shutdown(socket.SHUT_WR)
        until(lambda: served.log.requests)
        now = resource.getrusage(resource.RUSAGE_SELF)
        assert "took no byte for 0.5 s" in served.log.text("info")
        assert now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime < 0.25


def test_a_slow_reader_gets_everything(protocol: str, tcp: bool) -> None:
    """The write timeout is for a peer that takes nothing, not for one that takes long."""

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(4 * MIB)]

    with serving(application, protocol, tcp, write_timeout=0.25) as served, served.connect(receive_buffer=8192) as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        started = time.monotonic()
        data = bytearray()
        while piece := sock.recv(65536):
            data += piece
            if time.monotonic() - started < 0.6:
                time.sleep(0.05)
        assert len(data) > 4 * MIB


def test_a_kept_connection_that_is_idle_is_closed_at_its_timeout() -> None:
    with serving(hello, keepalive_timeout=0.3, header_timeout=5) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(2):
            sock.sendall(wire.request(keep=True))
            assert reader.answer().body == b"hello"
            time.sleep(0.1)
        started = time.monotonic()
        assert wire.receive_all(sock) == b""
        assert time.monotonic() - started < 5
        assert served.log.entries == []


def test_the_headers_of_a_next_request_have_their_own_deadline() -> None:
    with serving(hello, keepalive_timeout=60, header_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(wire.request(keep=True))
        assert wire.RecordReader(sock).answer().body == b"hello"
        time.sleep(0.4)
        sock.sendall(wire.request(keep=True)[:30])
        started = time.monotonic()
        assert wire.receive_all(sock) == b""
        assert 0.2 < time.monotonic() - started < 10
        assert "headers not complete in time" in served.log.text("info")


def test_lingering_ends_at_its_timeout(tcp: bool) -> None:
    """A peer that never stops sending its unread body does not stay for ever."""
    with serving(hello, "scgi", tcp, linger_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(wire.scgi(wire.post(10**12)))
        assert read_answer(served, sock).body == b"hello"
        until(lambda: refuses(sock, bytes(1000)))


def refuses(sock: socket.socket, data: bytes) -> bool:
    """Say whether the peer has closed the connection."""
    try:
        sock.sendall(data)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("catches", [True, False])
def test_an_aborted_request_has_one_end_whatever_the_application_does(catches: bool) -> None:
    """Section 5.4. Flask, for one, answers 400 when its client is gone."""
    failed = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            failed.append(error)
            if not catches:
                raise
            with pytest.raises(OSError, match="gave the request up"):
                environ["wsgi.input"].read()
            start_response("400 Bad Request", [])
            return [b"you left"]
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for id in (1, 2):
            sock.sendall(wire.begin(id, keep=True) + wire.stream(wire.PARAMS, id, wire.pairs(wire.post(9))))
            sock.sendall(wire.record(wire.STDIN, id, b"half") + wire.record(wire.ABORT, id))
            records = [reader.record(), reader.record()]
            assert [(record.type, record.id, record.content) for record in records] == [
                (wire.STDOUT, id, b""),
                (wire.END, id, bytes([0, 0, 0, 1, 0, 0, 0, 0])),
            ]
        sock.sendall(wire.request(id=3, keep=True))
        assert reader.answer(3).body == b"fine"
    assert len(failed) == 2
    assert [request["aborted"] for request in served.log.requests[:2]] == [True, True]


# Faults of our own


def test_a_fault_in_our_own_code_costs_one_connection(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    with serving(hello, protocol) as served:
        with served.connect() as other, served.connect() as sock:
            other.sendall(encode(protocol, wire.post(0))[:10])
            builder = served.server.builders["FastCGI" if protocol == "fastcgi" else "SCGI"]
            build = builder.build
            monkeypatch.setattr(builder, "build", lambda variables: 1 / 0)
            sock.sendall(encode(protocol, wire.post(0)))
            assert wire.receive_all(sock) == b""
            monkeypatch.setattr(builder, "build", build)
            other.sendall(encode(protocol, wire.post(0))[10:])
            assert read_answer(served, other).body == b"hello"
        assert "ZeroDivisionError" in served.log.text("exception")


# Logs


def test_one_access_line_for_each_request() -> None:
    with serving(Recorder()) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for number in range(3):
            sock.sendall(wire.request(wire.post(number), b"x" * number, keep=True))
            reader.answer()
        until(lambda: len(served.log.requests) == 3)
        assert served.log.requests == [
            {"path": "/path", "status": "200 OK", "size": 4 + number, "aborted": False} for number in range(3)
        ]
