"""Requests side by side on one FastCGI connection (``fcgi_multiplex``): what they share, and what they must not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from struct import pack
from typing import Any

import pytest

from gateways.errors import ClientDisconnected
from gateways.server.multiplex import MAX_INBOX, Multiplexed
from gateways.server.worker import Server
from tests.support import wire
from tests.support.serving import PATIENCE, Recorder, Served, resident_bytes, serving, until
from tests.support.sidebyside import Answers, Waiting, begun, named, whole

MIB = 1 << 20


@pytest.fixture
def app() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    waiting.opened.set()


@pytest.fixture
def served(app: Waiting) -> Iterator[Served]:
    with serving(app, fcgi_multiplex=4, threads=4) as running:
        yield running
        app.opened.set()


@pytest.fixture
def sock(served: Served) -> Iterator[socket.socket]:
    with served.connect() as connected:
        yield connected


# Two at a time


def test_F33_both_are_answered_and_the_second_does_not_wait(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(whole("/wait", 1, b"one"))
    until(lambda: app.entered)
    sock.sendall(whole("/two", 3, b"two"))
    assert answers.answer(3).body == b"got two"
    app.opened.set()
    assert answers.answer(1).body == b"got one"


def test_F33_both_in_one_segment(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(whole("/wait", 1, b"one") + whole("/two", 2, b"two") + whole("/three", 3, b"three"))
    assert answers.answer(2).body == b"got two"
    assert answers.answer(3).body == b"got three"
    app.opened.set()
    assert answers.answer(1).body == b"got one"


def test_F33_bodies_that_come_in_turns_are_not_mixed(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(begun("/a", 1, 50) + begun("/b", 2, 50))
    until(lambda: len(app.entered) == 2)
    for _ in range(10):
        sock.sendall(wire.record(wire.STDIN, 1, b"aaaaa"))
        sock.sendall(wire.record(wire.STDIN, 2, b"bbbbb"))
    sock.sendall(wire.record(wire.STDIN, 2) + wire.record(wire.STDIN, 1))
    assert answers.answer(1).body == b"got " + b"a" * 50
    assert answers.answer(2).body == b"got " + b"b" * 50


def test_F03_F33_one_byte_per_send(sock: socket.socket) -> None:
    data = begun("/a", 1) + begun("/b", 2) + wire.stream(wire.STDIN, 1, b"aaaa") + wire.stream(wire.STDIN, 2, b"bbbb")
    for at in range(len(data)):
        sock.send(data[at : at + 1])
    answers = Answers(sock)
    assert answers.answer(1).body == b"got aaaa"
    assert answers.answer(2).body == b"got bbbb"


def test_with_one_thread_they_are_served_one_after_another() -> None:
    app = Recorder()
    with serving(app, fcgi_multiplex=4, threads=1) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(begun("/a", 1) + whole("/b", 2, b"two"))
        sock.sendall(wire.stream(wire.STDIN, 1, b"one!"))
        assert answers.answer(1).body == b"got one!"
        assert answers.answer(2).body == b"got two"


def test_more_than_there_are_threads_wait_for_one(app: Waiting) -> None:
    with serving(app, fcgi_multiplex=10, threads=2) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(b"".join([whole(f"/wait/{id}", id, b"%d" % id) for id in range(1, 9)]))
        until(lambda: len(app.entered) == 2)
        app.opened.set()
        for id in range(1, 9):
            assert answers.answer(id).body == b"got %d" % id


def test_a_thread_that_leads_no_more_leaves_the_rest_to_the_leader(
    app: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that sweep at the same time could close the same connection twice."""
    mine = threading.local()
    wrong: list[str] = []
    lead, sweep = Server._lead, Server._sweep

    def lead_with(server: Server, gate: Any) -> None:
        mine.gate = gate
        lead(server, gate)

    def look_and_sweep(server: Server, now: float) -> None:
        if server._leader is not mine.gate:
            wrong.append(threading.current_thread().name)
        sweep(server, now)

    monkeypatch.setattr(Server, "_lead", lead_with)
    monkeypatch.setattr(Server, "_sweep", look_and_sweep)
    with serving(app, fcgi_multiplex=4, threads=2) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/wait", 1, b"one"))
        until(lambda: app.entered)
        [connection] = served.server._connections.values()
        assert isinstance(connection, Multiplexed)
        [stream] = connection._streams.values()
        until(lambda: stream.detached, "for another thread to lead")
        served.server._board.next_sweep = 0.0
        app.opened.set()
        assert answers.answer(1).body == b"got one"
        sock.sendall(whole("/b", 2, b"two"))
        assert answers.answer(2).body == b"got two"
    assert wrong == []


def test_many_at_once_with_large_answers() -> None:
    """Whole records only, and each in the answer that it belongs to."""

    def large(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        letter = environ["PATH_INFO"][-1:].encode()
        body = environ["wsgi.input"].read()
        for size in (1, 100_000, 10, 20_000, 300_000):
            yield letter * size
        yield body

    with serving(large, fcgi_multiplex=8, threads=8) as served, served.connect() as sock:
        answers = Answers(sock)
        body = bytes(range(256)) * 300
        requests = [begun(f"/{letter}", id, len(body)) for id, letter in enumerate("abcdefgh", 1)]
        sender = threading.Thread(target=sock.sendall, args=(b"".join(requests),))
        sender.start()
        sender.join(PATIENCE)
        for start in range(0, len(body), 10_000):
            for id in range(1, 9):
                sock.sendall(wire.record(wire.STDIN, id, body[start : start + 10_000]))
        for id in range(1, 9):
            sock.sendall(wire.record(wire.STDIN, id))
        for id, letter in enumerate(b"abcdefgh", 1):
            assert answers.answer(id).body == bytes([letter]) * 420_011 + body


# Ids


def test_an_id_is_free_again_with_the_end_of_its_answer(sock: socket.socket) -> None:
    answers = Answers(sock)
    for number in range(200):
        sock.sendall(whole("/a", 7, b"%d" % number))
        assert answers.answer(7).body == b"got %d" % number


def test_F34_ids_up_to_the_largest(sock: socket.socket) -> None:
    answers = Answers(sock)
    sock.sendall(whole("/a", 65535, b"a") + whole("/b", 256, b"b"))
    assert answers.answer(65535).body == b"got a"
    assert answers.answer(256).body == b"got b"


def test_F50_one_more_than_may_be_is_refused(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(b"".join([whole(f"/wait/{id}", id) for id in (1, 2, 3, 4)]) + whole("/more", 5, b"x" * 1000))
    refused = answers.answer(5)
    assert (refused.status, refused.protocol_status) == ("503 Service Unavailable", wire.OVERLOADED)
    app.opened.set()
    assert {answers.answer(id).status for id in (1, 2, 3, 4)} == {"200 OK"}
    sock.sendall(whole("/more", 5, b"again"))
    assert answers.answer(5).body == b"got again"
    assert "/more" in app.entered


def test_F50_a_begin_for_many_ids(sock: socket.socket, app: Waiting) -> None:
    """Memory stays, and the one in hand is answered."""
    answers = Answers(sock)
    sock.sendall(whole("/wait", 1))
    until(lambda: app.entered)
    before = resident_bytes()
    for first in range(2, 20_000, 1000):
        ids = range(first, first + 1000)
        sock.sendall(b"".join([wire.begin(id, keep=True) for id in ids]))
        for id in ids:
            if id > 4:
                assert answers.answer(id).protocol_status == wire.OVERLOADED
    assert resident_bytes() - before < 16 * MIB
    app.opened.set()
    assert answers.answer(1).status == "200 OK"


def test_F32_a_begin_for_an_id_in_use_ends_the_connection(served: Served, sock: socket.socket, app: Waiting) -> None:
    sock.sendall(begun("/a", 1))
    until(lambda: app.entered)
    sock.sendall(whole("/evil", 1))
    assert wire.receive_all(sock) == b""
    until(lambda: "which is in use" in served.log.text("warning"))
    until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert app.entered == ["/a"]


# One of two


def test_F30_one_of_two_is_given_up(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(begun("/a", 1) + begun("/b", 2))
    until(lambda: len(app.entered) == 2)
    sock.sendall(wire.record(wire.STDIN, 1, b"ha") + wire.record(wire.ABORT, 1) + wire.record(wire.STDIN, 1))
    given_up = answers.answer(1)
    assert (given_up.head, given_up.app_status, given_up.protocol_status) == (b"", 1, wire.COMPLETE)
    assert isinstance(app.named("/a").error, ClientDisconnected)
    assert app.named("/a").closed == 1
    sock.sendall(wire.stream(wire.STDIN, 2, b"good") + whole("/c", 1, b"new"))
    assert answers.answer(2).body == b"got good"
    assert answers.answer(1).body == b"got new"


def test_F30_a_stream_of_answers_is_given_up() -> None:
    closed: list[bool] = []

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * 1000

        def close(self) -> None:
            closed.append(True)

    def endless(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return Endless() if environ["PATH_INFO"] == "/endless" else [b"short"]

    with serving(endless, fcgi_multiplex=2) as other, other.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/endless", 1))
        assert answers.read().id == 1
        sock.sendall(wire.record(wire.ABORT, 1) + whole("/short", 2))
        assert answers.answer(1).app_status == 1
        assert closed == [True]
        assert answers.answer(2).body == b"short"


def test_F29_given_up_before_it_began(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    sock.sendall(begun("/a", 1) + wire.begin(2, keep=True) + wire.record(wire.ABORT, 2))
    assert answers.answer(2).app_status == 1
    sock.sendall(wire.stream(wire.STDIN, 1, b"good"))
    assert answers.answer(1).body == b"got good"
    assert app.entered == ["/a"]


@pytest.mark.parametrize("end", [wire.begin(2) + wire.record(wire.ABORT, 2), wire.begin(2, 9)], ids=["F29", "F08"])
def test_one_that_never_began_takes_no_other_along(sock: socket.socket, app: Waiting, end: bytes) -> None:
    """It came without KEEP_CONN: the connection is closed after the others."""
    answers = Answers(sock)
    sock.sendall(whole("/wait", 1, b"one") + end)
    while answers.read().type != wire.END:
        pass
    assert answers.ended.keys() == {2}
    app.opened.set()
    assert answers.answer(1).body == b"got one"
    assert wire.receive_all(sock) == b""


def test_F13_records_of_nobody(sock: socket.socket) -> None:
    answers = Answers(sock)
    stray = b"".join([wire.record(kind, 9, b"stray") for kind in (wire.PARAMS, wire.STDIN, wire.DATA, wire.ABORT)])
    sock.sendall(stray + begun("/a", 1) + stray + wire.stream(wire.STDIN, 1, b"good") + stray + whole("/b", 2, b"b"))
    assert answers.answer(1).body == b"got good"
    assert answers.answer(2).body == b"got b"


def test_F57_an_answer_before_the_body_has_come() -> None:
    def early(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert "EVIL" not in environ
        start_response("200 OK", [])
        return [b"early"]

    hidden = wire.request(wire.get((b"EVIL", b"1")), id=1, keep=True)
    with serving(early, fcgi_multiplex=2) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(begun("/a", 1, 10 * len(hidden)) + begun("/b", 2, 10))
        assert answers.answer(1).body == b"early"
        assert answers.answer(2).body == b"early"
        sock.sendall(wire.stream(wire.STDIN, 1, hidden * 10, cut=100) + wire.stream(wire.STDIN, 2, b"x" * 10))
        sock.sendall(whole("/c", 3))
        assert answers.answer(3).body == b"early"
        until(lambda: len(served.log.requests) == 3)


def test_a_request_that_cannot_be_served_is_answered_alone(sock: socket.socket, app: Waiting) -> None:
    answers = Answers(sock)
    bad = wire.begin(2, keep=True) + wire.stream(wire.PARAMS, 2, b"\x01\x01A") + wire.record(wire.STDIN, 2)
    sock.sendall(begun("/a", 1) + bad)
    assert answers.answer(2).status == "400 Bad Request"
    no_method = wire.begin(3, keep=True) + wire.stream(wire.PARAMS, 3, b"") + wire.record(wire.STDIN, 3)
    sock.sendall(no_method)
    assert answers.answer(3).status == "400 Bad Request"
    sock.sendall(wire.stream(wire.STDIN, 1, b"good"))
    assert answers.answer(1).body == b"got good"


def test_an_application_that_fails_midway_closes_the_connection_after_the_others() -> None:
    """What is broken off must not look complete, and the others are to be answered."""
    opened = threading.Event()

    def failing(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/wait":
            assert opened.wait(PATIENCE)
            yield b"whole"
        elif environ["PATH_INFO"] == "/fail":
            yield b"half"
            raise RuntimeError("midway")

    with serving(failing, fcgi_multiplex=4) as served, served.connect() as sock:
        sock.sendall(whole("/wait", 1) + whole("/fail", 2))
        until(lambda: "midway" in served.log.text())
        until(lambda: len(served.log.requests) == 1)
        opened.set()
        records = list(wire.parse_records(wire.receive_all(sock)))
        assert wire.answer([record for record in records if record.id == 1]).body == b"whole"
        broken = [record.type for record in records if record.id == 2]
        assert wire.END not in broken
        assert broken[-1] == wire.ABORT


# The connection


def test_F05_values(served: Served) -> None:
    asked = [(b"FCGI_MAX_REQS", b""), (b"FCGI_MPXS_CONNS", b"")]
    with served.connect() as sock:
        sock.sendall(wire.record(wire.GET_VALUES, 0, wire.pairs(asked)))
        answer = wire.RecordReader(sock).record()
    assert answer.content == wire.pairs([(b"FCGI_MAX_REQS", b"4"), (b"FCGI_MPXS_CONNS", b"1")])


def test_F01_without_keep_conn_the_connection_is_closed(served: Served, app: Waiting) -> None:
    answer = wire.answer(wire.parse_records(served.ask(whole("/a", 1, b"x", keep=False))))
    assert answer.body == b"got x"


def test_F01_without_keep_conn_the_others_are_answered_first(sock: socket.socket, app: Waiting) -> None:
    sock.sendall(whole("/wait", 1, b"one") + whole("/b", 2, b"two", keep=False))
    answers = Answers(sock)
    assert answers.answer(2).body == b"got two"
    app.opened.set()
    assert answers.answer(1).body == b"got one"
    assert wire.receive_all(sock) == b""


def test_F41_what_was_complete_before_the_peer_ended_its_side_is_answered(sock: socket.socket, app: Waiting) -> None:
    sock.sendall(whole("/wait", 1, b"one") + whole("/b", 2, b"two") + begun("/c", 3))
    sock.shutdown(socket.SHUT_WR)
    until(lambda: "/c" in app.entered and app.named("/c").closed)
    app.opened.set()
    records = list(wire.parse_records(wire.receive_all(sock)))
    assert wire.answer([record for record in records if record.id == 2], 2).body == b"got two"
    assert wire.answer([record for record in records if record.id == 1], 1).body == b"got one"
    assert isinstance(app.named("/c").error, ClientDisconnected)


def test_F53_a_reset_ends_all(served: Served, app: Waiting) -> None:
    sock = served.connect()
    sock.sendall(begun("/a", 1) + begun("/b", 2))
    until(lambda: len(app.entered) == 2)
    sock.close()
    until(lambda: all(seen.closed for seen in app.seen))
    assert {type(seen.error) for seen in app.seen} == {ClientDisconnected}
    until(lambda: not served.server._connections)


def test_F54_a_peer_that_does_not_read_holds_all_up_until_the_timeout() -> None:
    def large(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(1000 if environ["PATH_INFO"] in ("/a", "/b") else 0):
            yield bytes(65536)

    with serving(large, fcgi_multiplex=4, write_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(whole("/a", 1) + whole("/b", 2))
        until(lambda: len(served.log.requests) == 2)
        assert all(request["aborted"] for request in served.log.requests)
        assert "took no byte for 0.3 s" in served.log.text()
        until(lambda: not served.server._connections)


def test_F55_headers_in_drops() -> None:
    app = Waiting()
    with serving(app, fcgi_multiplex=4, header_timeout=2.0) as served, served.connect() as sock:
        sock.sendall(begun("/a", 1)[:-9])
        assert wire.receive_all(sock) == b""
        assert "request headers not complete in time" in served.log.text("info")


def test_an_idle_connection_is_closed_in_time_and_a_busy_one_is_not(app: Waiting) -> None:
    with serving(app, fcgi_multiplex=4, keepalive_timeout=0.3) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/wait", 1, b"one"))
        until(lambda: app.entered)
        with served.connect() as other:
            other.sendall(whole("/a", 1))
            assert Answers(other).answer(1).status == "200 OK"
            assert wire.receive_all(other) == b"", "the idle one"
        app.opened.set()
        assert answers.answer(1).body == b"got one"
        assert wire.receive_all(sock) == b""


def test_F56_a_body_that_does_not_come(app: Waiting) -> None:
    with serving(app, fcgi_multiplex=4, body_timeout=0.3) as served, served.connect() as sock:
        sock.sendall(begun("/a", 1) + wire.record(wire.STDIN, 1, b"ab"))
        records = list(wire.parse_records(wire.receive_all(sock)))
        assert [record.type for record in records] == [wire.ABORT]
        assert "no byte of the body for 0.3 s" in served.log.text()


def test_F49_a_peer_that_asks_for_values_and_never_reads(served: Served) -> None:
    questions = wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")])) * 1_000_000
    before = resident_bytes()
    with served.connect() as sock, pytest.raises((BrokenPipeError, ConnectionResetError)):
        sock.sendall(questions)
    assert resident_bytes() - before < 16 * MIB


@pytest.mark.parametrize("asks", [True, False])
def test_the_server_stops_when_all_are_answered(app: Waiting, asks: bool) -> None:
    with serving(app, fcgi_multiplex=4) as served, served.connect() as sock, served.connect() as idle:
        idle.sendall(whole("/a", 1))
        assert Answers(idle).answer(1).status == "200 OK"
        sock.sendall(whole("/wait", 1, b"one"))
        until(lambda: "/wait" in app.entered)
        served.server.stop()
        assert wire.receive_all(idle) == b""
        if asks:
            sock.sendall(whole("/late", 2, b"late"))
            connections = [known for known in served.server._connections.values() if isinstance(known, Multiplexed)]
            # Had it come behind the answer, it would be the next request.
            until(lambda: any(connection._ignored for connection in connections))
        app.opened.set()
        answers = Answers(sock)
        assert answers.answer(1).body == b"got one"
        assert wire.receive_all(sock) == b""
        assert served.stop() == 0


def test_an_idle_connection_does_not_hold_the_stop_up() -> None:
    """A web server that does not close it must not take linger_timeout."""

    def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(65000)] * 40

    with serving(large, fcgi_multiplex=4, linger_timeout=500, graceful_timeout=300) as served, served.connect() as sock:
        sock.sendall(whole("/a", 1))
        until(lambda: served.server._connections)
        [connection] = served.server._connections.values()
        until(lambda: isinstance(connection, Multiplexed) and connection._reading, "for it to wait for room")
        assert Answers(sock).answer(1).status == "200 OK"
        assert served.stop() == 0


def test_posthooks_of_one_leave_the_others_their_answers(app: Waiting) -> None:
    done = threading.Event()

    def hooked(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/hook":
            environ["gateways.posthooks"].append((lambda environ: done.set(), (), {}))
        return app(environ, start_response)

    with serving(hooked, fcgi_multiplex=4, posthooks=True) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/wait", 1, b"one") + whole("/hook", 2, b"two", keep=False))
        assert answers.answer(2).body == b"got two"
        assert done.wait(PATIENCE)
        app.opened.set()
        assert answers.answer(1).body == b"got one"


# Buffers


def test_F65_a_body_that_nobody_reads_holds_the_connection_up_and_no_more(served: Served, app: Waiting) -> None:
    """So many bytes of it are held; then nothing is read until its request goes on."""
    body = bytes(4 * MAX_INBOX)
    before = resident_bytes()
    with served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(begun("/wait", 1, len(body)))
        until(lambda: app.entered)
        sender = threading.Thread(
            target=sock.sendall, args=(wire.stream(wire.STDIN, 1, body) + whole("/b", 2, b"two"),)
        )
        sender.start()
        [connection] = served.server._connections.values()
        assert isinstance(connection, Multiplexed)
        until(lambda: not connection.watched, "for the connection to be left alone")
        [stream] = connection._streams.values()
        assert MAX_INBOX < len(stream.inbox) < MAX_INBOX + 2 * 65536
        assert resident_bytes() - before < 16 * MIB
        app.opened.set()
        assert answers.answer(1).body == b"got " + body
        assert answers.answer(2).body == b"got two"
        sender.join(PATIENCE)


def test_F65_it_goes_on_when_that_request_ends() -> None:
    opened = threading.Event()

    def unread(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/wait":
            assert opened.wait(PATIENCE)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    with serving(unread, fcgi_multiplex=4) as other, other.connect() as sock:
        answers = Answers(sock)
        data = begun("/wait", 1, 3 * MAX_INBOX) + wire.stream(wire.STDIN, 1, bytes(3 * MAX_INBOX)) + whole("/b", 2)
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        until(lambda: other.server._connections)
        [connection] = other.server._connections.values()
        until(lambda: not connection.watched)
        opened.set()
        assert answers.answer(1).body == b"/wait"
        assert answers.answer(2).body == b"/b"
        sender.join(PATIENCE)


def test_F65_a_request_without_a_thread_does_not_hold_up_one_that_waits_for_its_body() -> None:
    """Its body is full before it could begin: it is refused, or both would wait for ever."""
    app = Recorder()
    with serving(app, fcgi_multiplex=4, threads=1) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(begun("/a", 1))
        until(lambda: app.seen)
        body = bytes(2 * MAX_INBOX)
        data = begun("/b", 2, len(body)) + wire.stream(wire.STDIN, 2, body) + wire.stream(wire.STDIN, 1, b"good")
        sock.sendall(data)
        assert answers.answer(2).protocol_status == wire.OVERLOADED
        assert answers.answer(1).body == b"got good"
        assert len(app.seen) == 1


def test_F65_nothing_is_kept_of_those_that_are_refused() -> None:
    app = Recorder()
    with serving(app, fcgi_multiplex=4, threads=1) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(begun("/a", 1))
        until(lambda: app.seen)
        [connection] = served.server._connections.values()
        assert isinstance(connection, Multiplexed)
        before = resident_bytes()
        body = bytes(2 * MAX_INBOX)
        refused = begun("/b", 2, len(body)) + wire.stream(wire.STDIN, 2, body)
        for _ in range(40):
            sock.sendall(refused)
            assert answers.answer(2).protocol_status == wire.OVERLOADED
            assert len(connection._in_hand) == 1
            assert not served.server._ready
        assert resident_bytes() - before < 16 * MIB
        sock.sendall(wire.stream(wire.STDIN, 1, b"good"))
        assert answers.answer(1).body == b"got good"
        assert len(app.seen) == 1


def test_F14_stdin_before_the_end_of_params_is_refused(served: Served, sock: socket.socket) -> None:
    sock.sendall(wire.begin(1, keep=True) + wire.record(wire.STDIN, 1, b"x"))
    assert wire.receive_all(sock) == b""
    until(lambda: "before the end of PARAMS" in served.log.text("warning"))


def test_F08_an_unknown_role(sock: socket.socket) -> None:
    answers = Answers(sock)
    sock.sendall(begun("/a", 1) + wire.begin(2, 9, keep=True) + wire.stream(wire.PARAMS, 2, b""))
    assert answers.read() == wire.Record(wire.END, 2, pack(">IB3x", 0, wire.UNKNOWN_ROLE))
    sock.sendall(wire.stream(wire.STDIN, 1, b"good"))
    assert answers.answer(1).body == b"got good"


def test_F09_F58_roles_side_by_side() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        body = environ["wsgi.input"].read()
        return [environ["FCGI_ROLE"].encode(), body, environ["fcgi.data"].read() if "fcgi.data" in environ else b""]

    with serving(app, fcgi_multiplex=4) as other, other.connect() as sock:
        answers = Answers(sock)
        filtered = wire.filtering(named("/f", 4), b"body", b"data", id=1, keep=True)
        authorizer = wire.begin(2, wire.AUTHORIZER, keep=True) + wire.stream(wire.PARAMS, 2, wire.pairs(wire.GET))
        sock.sendall(filtered[:-20] + authorizer + whole("/r", 3, b"r") + filtered[-20:])
        assert answers.answer(1).body == b"FILTERbodydata"
        assert answers.answer(2).body == b"AUTHORIZER"
        assert answers.answer(3).body == b"RESPONDERr"


def test_text_for_the_log_goes_to_its_own_request() -> None:
    def logs(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.errors"].write(f"said by {environ['PATH_INFO']}\n")
        start_response("200 OK", [])
        return [b"x"]

    with serving(logs, fcgi_multiplex=4) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/a", 1) + whole("/b", 2))
        assert answers.answer(1).errors == b"said by /a\n"
        assert answers.answer(2).errors == b"said by /b\n"


def test_without_the_setting_nothing_changes(app: Waiting) -> None:
    with serving(app) as served, served.connect() as sock:
        sock.sendall(whole("/wait", 1))
        until(lambda: app.entered)
        sock.sendall(whole("/b", 2))
        app.opened.set()
        assert Answers(sock).answer(1).status == "200 OK"
        assert all(not isinstance(item, Multiplexed) for item in served.server._connections.values())
