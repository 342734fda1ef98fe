"""Several threads and one socket: records stay whole, and both sides may send at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tests.support import wire
from tests.support.serving import PATIENCE, serving, until
from tests.support.sidebyside import Answers, begun, whole

VALUES = wire.record(wire.GET_VALUES, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")]))


def large(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Answer 8 MB, whatever the body; nothing for other paths."""
    start_response("200 OK", [])
    for _ in range(100 if environ["PATH_INFO"].startswith("/large") else 0):
        yield b"x" * 80_000


def test_values_are_answered_between_the_records_of_others() -> None:
    with serving(large, fcgi_multiplex=4) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(whole("/large", 1))
        first = answers.read()  # it is being written, and waits for us
        assert first.id == 1
        sock.sendall(VALUES)
        body = answers.answer(1).body
        assert body == b"x" * 8_000_000
        while 0 not in answers.records:
            answers.read()
        [record] = answers.records[0]
        assert record.content == wire.pairs([(b"FCGI_MPXS_CONNS", b"1")])


def test_a_peer_that_sends_a_whole_body_before_it_reads() -> None:
    """As mod_fcgid does. The application does not read that body, and writes."""
    body = bytes(900_000)
    for threads in (1, 4):
        with serving(large, fcgi_multiplex=4, threads=threads) as served, served.connect() as sock:
            sock.sendall(begun("/large", 1, len(body)) + wire.stream(wire.STDIN, 1, body))
            assert Answers(sock).answer(1).body == b"x" * 8_000_000


def test_writers_wait_for_each_other() -> None:
    with serving(large, fcgi_multiplex=4, threads=4) as served, served.connect() as sock:
        answers = Answers(sock)
        sock.sendall(b"".join([whole(f"/large/{id}", id) for id in (1, 2, 3, 4)]))
        for id in (1, 2, 3, 4):
            assert answers.answer(id).body == b"x" * 8_000_000


def test_who_needs_input_reads_for_all() -> None:
    """With one thread nobody else is there to read."""
    seen: list[bytes] = []

    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        seen.append(environ["wsgi.input"].read())
        return [seen[-1]]

    with serving(echo, fcgi_multiplex=4, threads=1) as served, served.connect() as sock:
        sock.sendall(begun("/a", 1) + begun("/b", 2) + wire.stream(wire.STDIN, 2, b"bbbb"))
        sock.sendall(wire.stream(wire.STDIN, 1, b"aaaa"))
        answers = Answers(sock)
        assert answers.answer(1).body == b"aaaa"
        assert answers.answer(2).body == b"bbbb"
    assert seen[:2] == [b"aaaa", b"bbbb"]


def test_all_threads_of_a_connection_at_once() -> None:
    """Bodies in drops, answers in drops, for all of the threads."""

    def drops(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while piece := environ["wsgi.input"].read(7):
            yield piece

    ids = range(1, 9)
    sent = {id: bytes([64 + id]) * 700 for id in ids}
    with serving(drops, fcgi_multiplex=8, threads=8) as served, served.connect() as sock:
        answers = Answers(sock)

        def send() -> None:
            sock.sendall(b"".join([begun("/a", id, 700) for id in ids]))
            for at in range(0, 700, 10):
                for id in ids:
                    sock.sendall(wire.record(wire.STDIN, id, sent[id][at : at + 10]))
            for id in ids:
                sock.sendall(wire.record(wire.STDIN, id))

        sender = threading.Thread(target=send)
        sender.start()
        assert {id: answers.answer(id).body for id in ids} == sent
        sender.join(PATIENCE)
        until(lambda: len(served.log.requests) == 8)
