"""One request in both directions, over a real connection: streaming, leaving, failing."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from gateways.asgi.exchange import Interrupt
from tests.support import wire
from tests.support.asgi_app import Application, serving_asgi
from tests.support.serving import RecordingLog, Served, open_descriptors, until

PROTOCOLS = pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])


def params(path: str, *more: tuple[bytes, bytes]) -> wire.Pairs:
    return [*((name, path.encode() if name == b"PATH_INFO" else value) for name, value in wire.GET), *more]


def begin(served: Served, path: str, *more: tuple[bytes, bytes]) -> socket.socket:
    sock = served.connect()
    sock.sendall(wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(params(path, *more))))
    return sock


@PROTOCOLS
def test_a_request(protocol):
    with serving_asgi(Application(), protocol) as (served, log):
        answer = served.request(params("/hello"))
    assert (answer.status[:3], answer.body, log.text()) == ("200", b"hello", "")
    assert wire.header(answer.head, "Content-Type") == "text/plain"


def test_a_body_reaches_the_application_in_pieces_and_the_answer_the_client():
    application = Application()
    with serving_asgi(application) as (served, _), begin(served, "/echo", (b"CONTENT_LENGTH", b"6")) as sock:
        reader = wire.RecordReader(sock)
        for piece in (b"one", b"two"):
            sock.sendall(wire.stream(wire.STDIN, 1, piece, end=False))
            got = reader.record().content
            assert got.endswith(piece)  # it is here before the next piece is sent
        sock.sendall(wire.stream(wire.STDIN, 1, b""))
        assert reader.answer().protocol_status == wire.COMPLETE
    assert application.pieces == [b"one", b"two"]


def test_a_body_without_a_length():
    application = Application()
    with serving_asgi(application) as (served, _), begin(served, "/echo") as sock:
        sock.sendall(wire.stream(wire.STDIN, 1, b"chunked"))
        body = wire.answer(wire.parse_records(wire.receive_all(sock))).body
    assert (body, application.pieces) == (b"chunked", [b"chunked", b""])


def test_a_response_does_not_wait_for_a_body_that_is_asked_for():
    application = Application()
    with serving_asgi(application) as (served, _), begin(served, "/listening", (b"CONTENT_LENGTH", b"9")) as sock:
        sock.sendall(wire.stream(wire.STDIN, 1, b"some", end=False))
        reader = wire.RecordReader(sock)
        assert reader.answer().body == b"onetwothreesome"
        assert served.request().body == b"hello"
    before = open_descriptors()
    with serving_asgi(application) as (served, _):
        for _ in range(5):
            with begin(served, "/listening", (b"CONTENT_LENGTH", b"9")) as sock:
                sock.sendall(wire.stream(wire.STDIN, 1, b"some", end=False))
                assert wire.RecordReader(sock).answer().body.endswith(b"some")
    assert open_descriptors() == before


def listening(served: Served, query: bytes) -> socket.socket:
    """Send some of a body to what listens for more."""
    given = [(name, query if name == b"QUERY_STRING" else value) for name, value in params("/listening")]
    given.append((b"CONTENT_LENGTH", b"9"))
    sock = served.connect()
    sock.sendall(wire.begin() + wire.stream(wire.PARAMS, 1, wire.pairs(given)))
    sock.sendall(wire.stream(wire.STDIN, 1, b"some", end=False))
    return sock


def test_an_interrupt_is_not_lost_and_leaves_nothing_open():
    before = open_descriptors()
    for early in (True, False):
        taken: list[int] = []
        interrupt = Interrupt(taken.append)
        if early:
            interrupt()  # before the thread has come to its first wait
        interrupt.prepare()
        interrupt.prepare()
        if not early:
            interrupt()
        assert os.read(taken[0], 10) == b"i"
        interrupt.close()
        interrupt()
        assert taken[1:] == [-1]
    assert open_descriptors() == before


def test_nor_does_a_failure():
    with serving_asgi(Application()) as (served, _), listening(served, b"fail") as sock:
        assert wire.RecordReader(sock).answer().status[:3] == "500"
        assert "while it listens" in served.log.text("error")


def test_a_body_that_is_asked_for_meanwhile_arrives_whole():
    with serving_asgi(Application()) as (served, _), listening(served, b"whole") as sock:
        reader = wire.RecordReader(sock)
        got = b""
        while not got.endswith(b"three"):
            got += reader.record().content
        sock.sendall(wire.stream(wire.STDIN, 1, b"thing"))
        assert reader.record().content == b"some-thing"


@PROTOCOLS
def test_hop_by_hop_headers_are_not_for_the_client(protocol):
    with serving_asgi(Application(), protocol) as (served, log):
        answer = served.request(params("/hop"))
    assert (answer.status[:3], answer.body, log.text()) == ("200", b"hop", "")
    names = [line.partition(b":")[0].lower() for line in answer.head.splitlines()]
    assert b"x-own" in names
    assert not {b"connection", b"transfer-encoding", b"keep-alive"} & set(names)


def test_receiving_may_be_given_up_and_loses_nothing():
    with serving_asgi(Application()) as (served, _), begin(served, "/asking", (b"CONTENT_LENGTH", b"5")) as sock:
        sock.sendall(wire.stream(wire.STDIN, 1, b"wh", end=False))
        sock.sendall(wire.stream(wire.STDIN, 1, b"ole"))
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"whole"


@pytest.mark.parametrize("tcp", [False, True])
def test_a_client_that_leaves_in_the_middle_of_a_response(tcp):
    application = Application()
    with serving_asgi(application, tcp=tcp) as (served, _):
        sock = begin(served, "/stream")
        sock.sendall(wire.stream(wire.STDIN, 1, b""))
        assert sock.recv(100)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        until(lambda: application.events[1:] == ["broken", "http.disconnect"], str(application.events))
        until(lambda: served.log.text("info"))


def test_a_client_that_leaves_while_nothing_is_sent():
    application = Application()
    with serving_asgi(application, threads=1) as (served, _):
        sock = begin(served, "/wait")
        sock.sendall(wire.stream(wire.STDIN, 1, b""))
        until(lambda: "waiting" in application.events)
        sock.close()
        until(lambda: application.events[-1] == "http.disconnect")
        until(lambda: "the client has left" in served.log.text("info"))
        assert served.request().body == b"hello"  # the thread is free again


def test_a_body_that_breaks_off():
    application = Application()
    with serving_asgi(application) as (served, _):
        sock = begin(served, "/echo", (b"CONTENT_LENGTH", b"9"))
        sock.sendall(wire.stream(wire.STDIN, 1, b"one", end=False))
        assert wire.RecordReader(sock).record().content.endswith(b"one")
        sock.close()
        until(lambda: application.events[-1] == "disconnect", str(application.events))


def test_what_follows_a_response_keeps_no_thread():
    application = Application()
    with serving_asgi(application, threads=1) as (served, _):
        assert served.request(params("/background")).body == b"soon"
        assert served.request().body == b"hello"
        until(lambda: application.events[-1] == "http.disconnect")
        application.go_on.set()
        until(lambda: application.events[-1] == "done")


def failing(path: str) -> tuple[wire.Answer, RecordingLog, RecordingLog]:
    with serving_asgi(Application()) as (served, log):
        answer = served.request(params(path))
        assert served.request().body == b"hello"
        return answer, served.log, log


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/early", "ValueError: too early"),
        ("/nothing", "returned without completing its response"),
        ("/headless", "http.response.body before http.response.start"),
        ("/exit", "SystemExit"),
        ("/group", "Grouped: several at once"),
        ("/interrupt", "KeyboardInterrupt: by nobody"),
        ("/odd", "x-split"),
    ],
)
def test_a_failure_before_the_head_is_answered_and_logged(path, reason):
    answer, log, _ = failing(path)
    assert answer.status[:3] == "500"
    assert reason in log.text("error")


@pytest.mark.parametrize(("path", "reason"), [("/late", "too late"), ("/half", "without completing its response")])
def test_a_failure_after_it_breaks_the_response_off(path, reason):
    with serving_asgi(Application()) as (served, _):
        data = served.ask(wire.request(params(path)))
        assert not any(record.type == wire.END for record in wire.parse_records(data))
        assert reason in served.log.text("error")


@pytest.mark.parametrize(("path", "body"), [("/after", b"whole"), ("/twice", b"once")])
def test_a_failure_after_the_end_is_a_line_in_the_log(path, body):
    with serving_asgi(Application()) as (served, log):
        assert served.request(params(path)).body == body
        until(lambda: "failed after its response" in log.text("exception"))
