"""Hostile and unusual uwsgi over a socket: what goes in, what the application sees, what comes out.

After each case ``serving`` makes a good request on a new connection, which has to be answered.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateways.errors import ClientDisconnected
from tests.support import wire
from tests.support.sent import sent, untested
from tests.support.serving import Recorder, Served, resident_bytes, scgi_answer, serving, until
from tests.support.wire import packet, uwsgi_block

MIB = 1 << 20
METHOD = (b"REQUEST_METHOD", b"GET")
GET = uwsgi_block(wire.GET)


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture(params=["unix", "tcp"])
def served(app: Recorder, request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(app, "uwsgi", tcp=request.param == "tcp") as running:
        yield running


def ask(served: Served, data: bytes) -> wire.Answer:
    return scgi_answer(served.ask(data))


# Whole requests


def test_U01_a_request_is_answered_and_the_connection_closed(served: Served, app: Recorder) -> None:
    answer = ask(served, wire.uwsgi(body=b"hello"))
    assert answer.head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert (answer.status, answer.body) == ("200 OK", b"got hello")
    assert app.seen[0].closed == 1


def test_U02_one_byte_per_send(served: Served) -> None:
    with served.connect() as sock:
        for byte in wire.uwsgi(body=b"hello"):
            sock.send(bytes([byte]))
        assert scgi_answer(wire.receive_all(sock)).body == b"got hello"


def test_U07_modifier2_is_ignored(served: Served) -> None:
    assert ask(served, packet(GET, 0, modifier2=1)).status == "200 OK"


def test_U15_a_block_of_65535_bytes(served: Served, app: Recorder) -> None:
    value = b"v" * (65535 - len(GET) - len(uwsgi_block([(b"HTTP_X", b"")])))
    assert ask(served, packet(GET + uwsgi_block([(b"HTTP_X", value)]))).status == "200 OK"
    assert app.seen[0].environ["HTTP_X"] == value.decode()


def test_all_variables_are_kept(served: Served, app: Recorder) -> None:
    """gunicorn's uwsgi loses most of these."""
    items = [
        (b"SCRIPT_NAME", b"/app"),
        (b"PATH_INFO", b"/caf\xc3\xa9"),
        (b"REQUEST_URI", b"/app/caf%C3%A9?a=1"),
        (b"QUERY_STRING", b"a=1"),
        (b"CONTENT_TYPE", b"text/plain"),
        (b"SERVER_NAME", b"example.test"),
        (b"SERVER_PORT", b"8080"),
        (b"SERVER_PROTOCOL", b"HTTP/2.0"),
        (b"SERVER_SOFTWARE", b"nginx/1.22.1"),
        (b"REMOTE_ADDR", b"192.0.2.7"),
        (b"REMOTE_PORT", b"4711"),
        (b"REMOTE_USER", b"alice"),
        (b"AUTH_TYPE", b"Basic"),
        (b"DOCUMENT_ROOT", b"/srv/example"),
        (b"REQUEST_SCHEME", b"https"),
        (b"HTTPS", b"on"),
        (b"SSL_CLIENT_VERIFY", b"SUCCESS"),
        (b"HTTP_X_ANYTHING", b"at all"),
    ]
    ask(served, wire.uwsgi([METHOD, *items]))
    environ = app.seen[0].environ
    assert {name: environ.get(name.decode()) for name, _ in items} == {
        name: value.decode("latin-1") for name, value in items
    }
    assert environ["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("modifier", [0, 30])
@pytest.mark.parametrize(("path", "found"), [(b"/app/x", "/x"), (b"/app", ""), (b"/app/app", "/app")])
def test_the_mount_is_taken_off_the_path(served: Served, app: Recorder, path: bytes, found: str, modifier: int) -> None:
    """By modifier 30, and by REQUEST_URI where nginx sets SCRIPT_NAME beside its shipped uwsgi_params."""
    items = [METHOD, (b"SCRIPT_NAME", b"/app"), (b"PATH_INFO", path), (b"REQUEST_URI", path)]
    ask(served, wire.uwsgi(items, modifier1=modifier))
    environ = app.seen[0].environ
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", found)


# What is not served


@pytest.mark.parametrize("modifier", [22, 255, 5], ids=["U03-evaluate", "U05", "U06"])
def test_another_modifier_is_closed_and_nothing_evaluated(served: Served, app: Recorder, modifier: int) -> None:
    assert served.ask(packet(b"raise SystemExit(3)", modifier) + wire.uwsgi()) == b""
    assert f"modifier1 {modifier} is not served" in served.log.text("warning")
    assert app.seen == []


def test_U04_a_ping_is_answered(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(packet(b"", 100))
        assert sock.recv(100) == b"\x64\0\0\1"
        sock.sendall(wire.uwsgi())
        assert scgi_answer(wire.receive_all(sock)).status == "200 OK"
    assert served.log.text("warning") == ""


@pytest.mark.parametrize(
    "data",
    [
        *sent("U08 U10 U11 U12 U13 U14 U16 U17 U22"),
        pytest.param(packet(b"", 30), id="U08-nothing-30"),
        pytest.param(wire.uwsgi(wire.get((b"REMOTE_USER", b"a"), (b"REMOTE_USER", b"b"))), id="U23-two-users"),
        pytest.param(wire.uwsgi(wire.post(5, (b"CONTENT_LENGTH", b"3")), b"hello"), id="U23-two-lengths"),
    ],
)
def test_headers_that_cannot_be_served_are_answered_with_400(served: Served, app: Recorder, data: bytes) -> None:
    assert ask(served, data + bytes(1000)).status == "400 Bad Request"
    assert app.seen == []
    assert "answered 400" in served.log.text("warning")


def test_U09_a_block_that_breaks_off(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(wire.uwsgi()[:-1])
        sock.shutdown(socket.SHUT_WR)
        assert wire.receive_all(sock) == b""
    until(lambda: served.log.entries)
    assert {level for level, _ in served.log.entries} == {"debug"}
    assert app.seen == []


@pytest.mark.parametrize("data", [packet(b"\1\0A\0\0" * 13107), packet(bytes(65532))], ids=["U25", "U25-empty"])
def test_U25_too_many_variables(served: Served, app: Recorder, data: bytes) -> None:
    before = resident_bytes()
    assert ask(served, data).status == "431 Request Header Fields Too Large"
    assert resident_bytes() - before < 16 * MIB
    assert app.seen == []


def test_U21_http_on_a_uwsgi_port_is_named_in_the_log(served: Served) -> None:
    assert served.ask(b"GET / HTTP/1.1\r\n\r\n") == b""
    assert "this is HTTP, on an address for uwsgi" in served.log.text("warning")


# Headers


def test_U20_what_tells_uwsgi_what_to_load_is_text(served: Served, app: Recorder) -> None:
    names = ["FILE", "SCRIPT", "MODULE", "CALLABLE", "SETENV", "CHDIR", "PYHOME", "APPID", "SCHEME", "POSTFILE"]
    items = [(f"UWSGI_{name}".encode(), f"/no/such/{name}".encode()) for name in names]
    ask(served, wire.uwsgi(wire.get(*items)))
    environ = app.seen[0].environ
    assert {name.decode(): value.decode() for name, value in items}.items() <= environ.items()


def test_U23_repeated_headers_are_joined(served: Served, app: Recorder) -> None:
    ask(served, wire.uwsgi(wire.get((b"HTTP_X_USER", b"alice"), (b"HTTP_X_USER", b"root"))))
    assert app.seen[0].environ["HTTP_X_USER"] == "alice, root"


# Bodies


def test_U18_a_body_that_breaks_off(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        sock.sendall(wire.uwsgi(wire.post(5), b"abc"))
        sock.shutdown(socket.SHUT_WR)
        try:
            assert wire.receive_all(sock) == b""
        except ConnectionResetError:  # how TCP tells that a response is not whole
            assert sock.family == socket.AF_INET
    until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert "the body broke off" in served.log.text("info")


@pytest.mark.parametrize("params", [wire.GET, wire.post(3)], ids=["undeclared", "declared"])
def test_U19_a_second_packet_is_never_a_request(served: Served, app: Recorder, params: wire.Pairs) -> None:
    """uWSGI #2336: a body without a length, and the request that an attacker put into it."""
    body = b"abc"[: 3 if params is not wire.GET else 0]
    answer = ask(served, wire.uwsgi(params, body) + wire.uwsgi(wire.get((b"HTTP_X_EVIL", b"1"))))
    assert answer.body == b"got " + body
    assert len(app.seen) == 1
    assert "HTTP_X_EVIL" not in app.seen[0].environ


def test_U24_variables_of_more_than_65535_bytes(served: Served, app: Recorder) -> None:
    """A sender that cuts the size to 16 bits: the rest of its variables is neither body nor request."""
    block = GET + uwsgi_block([(b"HTTP_X", b"x" * 65_400), (b"HTTP_Y", b"y" * 1000)])
    size = (len(block) & 0xFFFF).to_bytes(2, "little")
    assert ask(served, b"\0" + size + b"\0" + block).status == "400 Bad Request"
    assert app.seen == []
    answer = ask(served, packet(GET) + b"y" * 1000)  # cut where a pair ends
    assert (answer.status, answer.body) == ("200 OK", b"got ")
    assert len(app.seen) == 1


def test_a_body_that_is_announced_and_does_not_come(app: Recorder) -> None:
    before = resident_bytes()
    with serving(app, "uwsgi", body_timeout=0.2) as served:
        assert served.ask(wire.uwsgi(wire.post(10**10))) == b""
        until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert resident_bytes() - before < 8 * MIB


def test_every_case_has_a_test() -> None:
    assert untested("U", __file__) == []
