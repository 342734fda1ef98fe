"""Hostile and unusual SCGI over a socket: what goes in, what the application sees, what comes out.

After each case ``serving`` makes a good request on a new connection, which has to be answered.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from gateways.errors import ClientDisconnected
from tests.support import wire
from tests.support.corpus import captures
from tests.support.sent import sent, untested
from tests.support.serving import Recorder, Served, resident_bytes, scgi_answer, serving, until

MIB = 1 << 20
SCGI = (b"SCGI", b"1")
METHOD = (b"REQUEST_METHOD", b"GET")


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture(params=["unix", "tcp"])
def served(app: Recorder, request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(app, "scgi", tcp=request.param == "tcp") as running:
        yield running


def block(*items: tuple[bytes, bytes]) -> bytes:
    return b"".join([b"%s\0%s\0" % item for item in items])


def length(value: bytes) -> bytes:
    """A request whose CONTENT_LENGTH is ``value``."""
    return wire.netstring(block((b"CONTENT_LENGTH", value), SCGI, METHOD)) + b"hello"


def ask(served: Served, data: bytes) -> wire.Answer:
    return scgi_answer(served.ask(data))


# Whole requests


def test_S01_a_request_is_answered_and_the_connection_closed(served: Served, app: Recorder) -> None:
    answer = ask(served, wire.scgi(body=b"hello"))
    assert (answer.status, answer.body) == ("200 OK", b"got hello")
    assert app.seen[0].closed == 1


def test_S02_one_byte_per_send(served: Served) -> None:
    with served.connect() as sock:
        for byte in wire.scgi(body=b"hello"):
            sock.send(bytes([byte]))
        assert scgi_answer(wire.receive_all(sock)).body == b"got hello"


# Headers that may not be


@pytest.mark.parametrize(
    "data",
    [
        *sent("S03 S04 S05 S06 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S30"),
        pytest.param(wire.scgi(((b"CONTENT_LENGTH", b"5"),)), id="S31-no-request-method"),
        pytest.param(wire.scgi(wire.post(5, (b"HTTP_X", b"a\0b"))), id="nul-in-a-value"),
    ],
)
def test_headers_that_cannot_be_served_are_answered_with_400(served: Served, app: Recorder, data: bytes) -> None:
    answer = ask(served, data + b"hello" + bytes(1000))
    assert answer.status == "400 Bad Request"
    assert app.seen == []
    assert "answered 400" in served.log.text("warning")


@pytest.mark.parametrize(
    "data",
    [
        *sent("S11 S12 S29"),
        pytest.param(wire.scgi(wire.post(0, *[(b"HTTP_%d" % n, b"x") for n in range(1000)])), id="S29-1000-headers"),
    ],
)
def test_S11_S12_S29_too_much_is_answered_with_431(served: Served, app: Recorder, data: bytes) -> None:
    before = resident_bytes()
    assert ask(served, data).status == "431 Request Header Fields Too Large"
    assert resident_bytes() - before < 16 * MIB
    assert app.seen == []


@pytest.mark.parametrize("data", sent("S07 S08 S09 S10"))
def test_what_is_no_netstring_is_closed(served: Served, app: Recorder, data: bytes) -> None:
    assert served.ask(data) == b""
    assert "not an SCGI netstring" in served.log.text("warning")
    assert app.seen == []


def test_S27_http_on_an_scgi_port_is_named_in_the_log(served: Served) -> None:
    assert served.ask(b"GET / HTTP/1.1\r\n\r\n") == b""
    assert "this is HTTP, on an address for SCGI" in served.log.text("warning")


# Headers


def test_S17_repeated_headers_are_joined(served: Served, app: Recorder) -> None:
    ask(served, wire.scgi(wire.post(0, (b"HTTP_X_USER", b"alice"), (b"HTTP_X_USER", b"root"))))
    assert app.seen[0].environ["HTTP_X_USER"] == "alice, root"


def test_S28_a_value_of_60_000_bytes(served: Served, app: Recorder) -> None:
    ask(served, wire.scgi(wire.post(0, (b"HTTP_X", b"x" * 60_000))))
    assert app.seen[0].environ["HTTP_X"] == "x" * 60_000


def test_S31_no_script_name(served: Served, app: Recorder) -> None:
    answer = ask(served, wire.scgi(((b"CONTENT_LENGTH", b"0"), METHOD)))
    assert answer.status == "200 OK"
    assert app.seen[0].environ["SCRIPT_NAME"] == ""


def test_S32_values_are_latin_1_text(served: Served, app: Recorder) -> None:
    value = bytes(range(1, 256))
    ask(served, wire.scgi(wire.post(0, (b"HTTP_A", value))))
    assert app.seen[0].environ["HTTP_A"] == value.decode("latin-1")


# Bodies


def test_S23_a_body_that_breaks_off(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(wire.scgi(wire.post(5), b"abc"))
        sock.shutdown(socket.SHUT_WR)
        try:
            assert wire.receive_all(sock) == b""
        except ConnectionResetError:  # how TCP tells that an SCGI response is not whole
            assert sock.family == socket.AF_INET
    until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    until(lambda: "the body broke off" in served.log.text("info"))


def test_S24_a_body_longer_than_announced(served: Served, app: Recorder) -> None:
    assert ask(served, wire.scgi(wire.post(3), b"abcdefgh")).body == b"got abc"


@pytest.mark.parametrize("tcp", [False, True])
def test_nginx_that_streams_a_body_and_announces_none(app: Recorder, tcp: bool) -> None:
    """With ``scgi_request_buffering off`` the true length is in HTTP_CONTENT_LENGTH only."""
    [capture] = [capture for capture in captures("nginx-scgi", "nobuf") if capture.case == "post_expect"]
    with serving(app, "scgi", tcp=tcp) as served:
        assert ask(served, capture.data).body == b"got hello"
    assert app.seen[0].environ["CONTENT_LENGTH"] == "5"


def test_S25_a_second_request_is_ignored(served: Served, app: Recorder) -> None:
    assert ask(served, wire.scgi(body=b"one") + wire.scgi(body=b"two")).body == b"got one"
    assert len(app.seen) == 1


def test_S26_a_close_in_the_headers(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(wire.scgi()[:20])
    until(lambda: served.log.entries)
    assert {level for level, _ in served.log.entries} == {"debug"}
    assert app.seen == []


def test_S33_a_body_that_is_announced_and_does_not_come(app: Recorder) -> None:
    before = resident_bytes()
    with serving(app, "scgi", body_timeout=0.2) as served:
        assert served.ask(wire.scgi(wire.post(10**10))) == b""
        until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert resident_bytes() - before < 8 * MIB


@pytest.mark.parametrize("patience", [600.0, 0.5])
def test_headers_in_drops_hold_no_thread_and_not_for_long(app: Recorder, patience: float) -> None:
    with serving(app, "scgi", threads=1, header_timeout=patience) as served:
        started = time.monotonic()
        with served.connect() as dribbler:
            for byte in wire.scgi()[:5]:
                wire.send_all(dribbler, bytes([byte]))
                assert served.request().status == "200 OK"
            if patience == 0.5:
                assert wire.receive_all(dribbler) == b""
                assert time.monotonic() - started > 0.4


def test_every_case_has_a_test() -> None:
    assert untested("S", __file__) == []
