"""gateways.server.connection: every way in which a request or a connection breaks off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.errors import ClientDisconnected
from tests.support import wire
from tests.support.applications import encode, hello, posted, read_answer
from tests.support.serving import PATIENCE, Recorder, scgi_answer, serving, until

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


@posted
def waiting(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"the first half"
    environ["wsgi.input"].read()


def test_half_a_response_to_an_upload_that_stalls_is_no_whole_one(tcp: bool) -> None:
    """nginx that does not buffer takes a plain close for the end."""
    with serving(waiting, "fastcgi", tcp, body_timeout=0.1) as served, served.connect() as sock:
        sock.sendall(wire.begin(keep=True) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(5))))
        records = list(wire.parse_records(wire.receive_all(sock)))
    assert records[-1].type == wire.ABORT
    assert wire.END not in [record.type for record in records]


def test_half_a_fastcgi_response_reaches_a_web_server_that_still_sends(tcp: bool) -> None:
    """Apache gives up on the response, and on FCGI_STDERR, when it cannot send the end of the body."""
    with serving(broken, "fastcgi", tcp) as served, served.connect() as sock:
        sock.sendall(wire.begin(1) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.post(9))))
        reader = wire.RecordReader(sock)
        while reader.record().type != wire.ABORT:
            pass
        for _ in range(3):
            sock.sendall(wire.record(wire.STDIN, 1, b"abc"))
            time.sleep(0.01)
        sock.sendall(wire.record(wire.STDIN, 1))
        assert sock.recv(1) == b""


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


def test_a_kept_connection_that_is_idle_is_closed_at_its_timeout() -> None:
    with serving(hello, keepalive_timeout=0.3, header_timeout=600) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        sock.sendall(wire.request(keep=True) * 2)
        for _ in range(2):
            assert reader.answer().body == b"hello"
        assert wire.receive_all(sock) == b""
        assert served.log.entries == []


def test_the_headers_of_a_next_request_have_their_own_deadline() -> None:
    with serving(hello, keepalive_timeout=60, header_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(wire.request(keep=True))
        assert wire.RecordReader(sock).answer().body == b"hello"
        time.sleep(0.4)
        started = time.monotonic()
        sock.sendall(wire.request(keep=True)[:30])
        assert wire.receive_all(sock) == b""
        assert time.monotonic() - started > 0.2
        assert "headers not complete in time" in served.log.text("info")


@pytest.mark.parametrize("kept", [True, False])
def test_a_deadline_that_passes_while_all_threads_are_busy_costs_no_request(kept: bool) -> None:
    """The request is here in time. It is we who did not look."""
    busy, free = threading.Event(), threading.Event()

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        busy.set()
        assert free.wait(PATIENCE)
        start_response("200 OK", [])
        return [b"slow"]

    settings: dict[str, Any] = {"threads": 1, "header_timeout": 2.0, "keepalive_timeout": 2.0}
    with serving(application, **settings) as served, served.connect() as sock, served.connect() as slow:
        reader = wire.RecordReader(sock)
        until(lambda: len(served.server._connections) == 2)
        if kept:
            sock.sendall(wire.request(keep=True))
            assert reader.answer().body == b"hello"
        slow.sendall(wire.request(wire.post(0)))
        assert busy.wait(PATIENCE)
        sock.sendall(wire.request(keep=True))
        time.sleep(2.5)
        free.set()
        assert read_answer(served, slow).body == b"slow"
        assert reader.answer().body == b"hello"


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


def test_the_end_that_waits_for_the_rest_of_the_body_is_sent_when_the_server_stops() -> None:
    """To HAProxy. h2o 2.2 ends as a whole when it comes while it sends, and bears it well when it does not come."""
    assert sent_at_a_stop(b"HAProxy") == [wire.END]
    assert sent_at_a_stop(b"h2o/2.2.5") == []


def sent_at_a_stop(server: bytes) -> list[int]:
    """Return the types of the records that a web server gets when ours stops, and it has not sent all of a body."""
    with serving(hello, "fastcgi") as served, served.connect() as sock:
        answer_early(sock, server)
        until(lambda: len(served.log.requests) == 1)
        served.stop()
        return [record.type for record in wire.parse_records(wire.receive_all(sock))]


def answer_early(sock: socket.socket, server: bytes = b"HAProxy") -> None:
    """Have a request answered whose body never ends, and which ends with it only."""
    sock.sendall(wire.request(wire.post(10, (b"SERVER_SOFTWARE", server)), keep=True)[:-8])
    reader = wire.RecordReader(sock)
    while reader.record().content:
        pass  # until the empty record, the end of STDOUT


def test_the_end_that_waits_for_the_rest_of_the_body_is_sent_at_the_deadline(tcp: bool) -> None:
    """Of a connection that waits, when the client pauses."""
    with serving(hello, "fastcgi", tcp, keepalive_timeout=0.3) as served, served.connect() as sock:
        answer_early(sock)
        rest = list(wire.parse_records(wire.receive_all(sock)))
        assert served.log.text("info") == ""
    assert [record.type for record in rest] == [wire.END]


@pytest.mark.parametrize(("protocol", "fcgi_multiplex"), [("fastcgi", 0), ("fastcgi", 8), ("http", 0)])
def test_half_a_piece_of_a_body_that_nobody_reads_is_no_header(protocol: str, fcgi_multiplex: int) -> None:
    """It has the time that a piece of a body has."""
    settings: dict[str, Any] = {"header_timeout": 600, "body_timeout": 0.3, "fcgi_multiplex": fcgi_multiplex}
    with serving(hello, protocol, **settings) as served, served.connect() as sock:
        if protocol == "http":
            sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        else:
            sock.sendall(wire.request(wire.post(100), keep=True)[:-8])
            sock.sendall(wire.record(wire.STDIN, 1, bytes(100))[:-50])
        wire.receive_all(sock)
        until(lambda: "no byte of the body for 0.3 s, closed" in served.log.text("info"))


@pytest.mark.parametrize(("protocol", "fcgi_multiplex"), [("fastcgi", 0), ("fastcgi", 8), ("http", 0)])
def test_a_thread_that_waits_for_all_hears_of_a_time_that_another_has_set(protocol: str, fcgi_multiplex: int) -> None:
    """Though nothing wakes it."""
    begun, go = threading.Event(), threading.Event()

    def wait(environ: Any, start_response: Any) -> Any:
        begun.set()
        go.wait(PATIENCE)
        return hello(environ, start_response)

    times = {"header_timeout": 600, "keepalive_timeout": 600, "body_timeout": 0.3}
    with serving(wait, protocol, threads=2, fcgi_multiplex=fcgi_multiplex, **times) as served, served.connect() as sock:
        if protocol == "http":
            sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        else:
            sock.sendall(wire.request(wire.post(100), keep=True)[:-8])
            sock.sendall(wire.record(wire.STDIN, 1, bytes(100))[:-50])
        assert begun.wait(PATIENCE)
        time.sleep(1.5)  # so that the other thread sleeps, as it does without this nearly always
        go.set()
        wire.receive_all(sock)


def test_half_a_piece_of_a_body_that_nobody_reads_does_not_hold_a_stop_up() -> None:
    with serving(hello, "fastcgi", graceful_timeout=600, body_timeout=600) as served, served.connect() as sock:
        answer_early(sock)
        sock.sendall(wire.record(wire.STDIN, 1, bytes(10))[:-5])
        until(lambda: len(served.log.requests) == 1)
        (connection,) = served.server._connections.values()
        until(lambda: connection.protocol.draining and not connection.protocol.idle)
        served.stop()
        assert [record.type for record in wire.parse_records(wire.receive_all(sock))] == [wire.END]


# Faults of our own


def test_a_fault_in_our_own_code_costs_one_connection(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    with serving(hello, protocol) as served:
        with served.connect() as other, served.connect() as sock:
            other.sendall(encode(protocol, wire.post(0))[:10])
            write = served.log.write
            monkeypatch.setattr(served.log, "write", lambda *entry: 1 / 0)
            sock.sendall(encode(protocol, wire.post(0)))
            wire.receive_all(sock)  # until it is closed
            monkeypatch.setattr(served.log, "write", write)
            other.sendall(encode(protocol, wire.post(0))[10:])
            assert read_answer(served, other).body == b"hello"
        until(lambda: "ZeroDivisionError" in served.log.text("exception"))


@pytest.mark.parametrize("protocol", ["scgi", "uwsgi"])
@pytest.mark.parametrize("tcp", [False, True])
def test_S24_U24_much_more_than_announced_does_not_cost_the_response(protocol: str, tcp: bool) -> None:
    """Closing with unread bytes would reset the connection, and take what the client has not read of the response."""
    packed = {"scgi": wire.scgi, "uwsgi": wire.uwsgi}[protocol]
    sent = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert sent.wait(PATIENCE)
        start_response("200 OK", [])
        return [b"x" * 100_000]

    server = serving(application, protocol, tcp=tcp, linger_timeout=20)
    with server as served, served.connect(receive_buffer=4096) as sock:
        sock.sendall(packed(wire.post(3), b"abc" + b"y" * 100_000))
        sent.set()
        assert scgi_answer(wire.receive_all(sock)).body == b"x" * 100_000
