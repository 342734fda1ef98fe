"""Hostile and unusual AJP13 over a socket: what goes in, what the application sees, what comes out.

After each case ``serving`` makes a good request on a new connection, which has to be answered.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.adapters.ajp.answer import FLUSH
from gateways.core.filewrapper import FileWrapper
from gateways.errors import ClientDisconnected
from gateways.server.connection import Connection
from tests.support import wire
from tests.support.sent import sent, untested
from tests.support.serving import PATIENCE, Recorder, Served, resident_bytes, serving, until

MIB = 1 << 20
CPING = wire.ajp_packet(b"\x0a")
CPONG = b"AB\0\1\x09"


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture(params=["unix", "tcp"])
def served(app: Recorder, request: pytest.FixtureRequest) -> Iterator[Served]:
    with serving(app, "ajp", tcp=request.param == "tcp") as running:
        yield running


def ask(served: Served, data: bytes) -> wire.AjpAnswer:
    with served.connect() as sock:
        sock.sendall(data)
        return wire.ajp_answer(wire.ajp_receive(sock))


def code(number: int, value: bytes) -> bytes:
    return bytes((number,)) + wire.ajp_string(value)


def attribute(name: bytes, value: bytes) -> bytes:
    return b"\x0a" + wire.ajp_string(name) + wire.ajp_string(value)


def answering(status: str, headers: list[tuple[str, str]], body: list[bytes]) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, headers)
        return body

    return application


# Connections


def test_requests_one_after_another_on_a_connection(served: Served, app: Recorder) -> None:
    with served.connect() as sock:
        for number in range(3):
            sock.sendall(wire.ajp_post(b"%d" % number))
            answer = wire.ajp_answer(wire.ajp_receive(sock))
            assert answer == wire.AjpAnswer(
                "200 OK", [(b"Content-Type", b"text/plain")], b"got %d" % number, True, [], 0
            )
    assert [seen.environ["CONTENT_LENGTH"] for seen in app.seen] == ["1"] * 3


@pytest.mark.parametrize("data", sent("A01 A02 A03"))
def test_what_is_no_packet_is_closed(served: Served, app: Recorder, data: bytes) -> None:
    try:
        assert served.ask(data) == b""
    except ConnectionResetError:  # closed with bytes of ours unread: it is longer than what is read at once
        assert len(data) > 65536
    until(lambda: "AJP13" in served.log.text("warning"))
    assert app.seen == []


def test_A03_a_packet_size_that_both_sides_agree_on(app: Recorder) -> None:
    data = wire.ajp_forward((b"X-Large", b"x" * 60_000))
    with serving(app, "ajp", ajp_packet_size="64k") as served:
        assert ask(served, data).status == "200 OK"
    assert len(app.seen[0].environ["HTTP_X_LARGE"]) == 60_000


def test_A04_pings(served: Served) -> None:
    with served.connect() as sock:
        for _ in range(2):
            sock.sendall(CPING * 3)
            assert sock.recv(15, socket.MSG_WAITALL) == CPONG * 3
            sock.sendall(wire.ajp_forward())
            assert wire.ajp_answer(wire.ajp_receive(sock)).status == "200 OK"


def test_A04_who_does_not_read_his_pongs_is_left(app: Recorder) -> None:
    def flood(sock: socket.socket) -> None:
        for _ in range(2000):
            sock.sendall(CPING * 1000)

    before = resident_bytes()
    with serving(app, "ajp") as served, served.connect() as sock:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            flood(sock)
        assert resident_bytes() - before < 16 * MIB


def test_the_last_response_of_a_connection_says_so(app: Recorder) -> None:
    """A web server would send the next request into a connection that closes."""
    with serving(app, "ajp", keepalive_timeout=0) as served, served.connect() as sock:
        sock.sendall(wire.ajp_forward())
        assert wire.ajp_answer(wire.ajp_receive(sock)).reuse is False
        assert wire.receive_all(sock) == b""


def test_the_last_response_of_a_server_that_stops_says_so() -> None:
    entered, stopped = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        entered.set()
        assert stopped.wait(PATIENCE)
        start_response("200 OK", [])
        return [b"last"]

    with serving(application, "ajp") as served, served.connect() as sock:
        sock.sendall(wire.ajp_forward())
        assert entered.wait(PATIENCE)
        served.server.stop()
        stopped.set()
        answer = wire.ajp_answer(wire.ajp_receive(sock))
        assert (answer.body, answer.reuse) == (b"last", False)
        assert served.stop() == 0


def test_A18_shutdown_is_ignored(served: Served) -> None:
    assert ask(served, wire.ajp_packet(b"\x07") + wire.ajp_forward()).status == "200 OK"


# Requests that may not be


@pytest.mark.parametrize(
    ("data", "status"),
    [
        *sent("A05 A06 A07 A10 A11 A12 A17 A21", then=("400",)),
        pytest.param(wire.ajp_forward((b"A", b"1"), count=65535), "431", id="A09-65535-headers"),
        pytest.param(wire.ajp_forward((b"A", b"1"), count=9), "400", id="A09-9-headers"),
    ],
)
def test_requests_that_cannot_be_served(served: Served, app: Recorder, data: bytes, status: str) -> None:
    """An answer, and the connection is closed: what follows on it is not looked at."""
    with served.connect() as sock:
        sock.sendall(data + wire.ajp_forward(uri=b"/evil"))
        answer = wire.ajp_answer(wire.ajp_receive(sock))
        assert answer.status.startswith(status)
        assert answer.reuse is False
        assert wire.receive_all(sock) == b""
    until(lambda: f"answered {status}" in served.log.text("warning"))
    assert app.seen == []


def test_A08_a_header_that_is_not_there(served: Served, app: Recorder) -> None:
    assert ask(served, wire.ajp_forward((0xA005, None), (b"X-A", None))).status == "200 OK"
    assert "HTTP_AUTHORIZATION" not in app.seen[0].environ
    assert app.seen[0].environ["HTTP_X_A"] == ""


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        (wire.AJP_PORT, "403 Forbidden"),
        (wire.AJP_PORT + code(12, b"wrong"), "403 Forbidden"),
        (wire.AJP_PORT + code(12, b"right"), "200 OK"),
    ],
)
def test_A14_the_secret(app: Recorder, attributes: bytes, status: str) -> None:
    with serving(app, "ajp", ajp_secret="right") as served:
        answer = ask(served, wire.ajp_forward(attributes=attributes))
        assert (answer.status, answer.reuse) == (status, status == "200 OK")
        assert "right" not in served.log.text()
        assert [seen.environ for seen in app.seen if "right" in repr(seen.environ)] == []
        served.stop()  # the good request at the end would not know it


def test_A15_attributes_do_not_reach_the_environ(served: Served, app: Recorder) -> None:
    names = (b"javax.servlet.include.path_info", b"wsgi.input", b"REMOTE_USER", b"SERVER_NAME", b"HTTP_HOST")
    evil = b"".join([attribute(name, b"evil") for name in names])
    assert ask(served, wire.ajp_forward((0xA00B, b"h"), attributes=wire.AJP_PORT + evil)).body == b"got "
    environ = app.seen[0].environ
    assert [name for name, value in environ.items() if value == "evil"] == [
        *("AJP_REMOTE_USER", "AJP_SERVER_NAME", "AJP_HTTP_HOST"),
    ]
    assert (environ["SERVER_NAME"], environ["HTTP_HOST"]) == ("example.test", "h")


def test_A16_the_user_whom_the_web_server_has_checked(served: Served, app: Recorder) -> None:
    ask(served, wire.ajp_forward(attributes=wire.AJP_PORT + code(3, b"alice") + code(4, b"Basic")))
    assert (app.seen[0].environ["REMOTE_USER"], app.seen[0].environ["AUTH_TYPE"]) == ("alice", "Basic")


# Bodies


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_many_pieces_is_asked_for(served: Served, app: Recorder, chunked: bool) -> None:
    body = bytes(range(256)) * 4000
    header = (b"Transfer-Encoding", b"chunked") if chunked else (0xA008, b"%d" % len(body))
    with served.connect() as sock:
        sock.sendall(wire.ajp_forward(header, method=4))
        at = 0
        if not chunked:
            sock.sendall(wire.ajp_body(body[:8186]))
            at = 8186
        while at < len(body) or chunked:
            assert sock.recv(4, socket.MSG_WAITALL) == b"AB\0\3"
            kind, high, low = sock.recv(3, socket.MSG_WAITALL)
            assert kind == 6
            size = high * 256 + low
            assert size == (8186 if chunked else min(8186, len(body) - at))
            sock.sendall(wire.ajp_body(body[at : at + size]))
            if at >= len(body):
                break
            at += size
        answer = wire.ajp_answer(wire.ajp_receive(sock))
    assert (answer.body, answer.reuse) == (b"got " + body, True)
    assert app.seen[0].environ.get("CONTENT_LENGTH") == (None if chunked else str(len(body)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="A13-no-piece"),
        pytest.param(wire.ajp_body(b"x" * 8186), id="A23-no-second-piece"),
        pytest.param(wire.ajp_packet(b"\xff\xffx"), id="A13-a-length-that-lies"),
        pytest.param(wire.ajp_body(b"x" * 8186) + b"\0\0\0\0", id="A13-no-packet"),
    ],
)
def test_A13_A23_a_body_that_does_not_come(app: Recorder, data: bytes) -> None:
    before = resident_bytes()
    with serving(app, "ajp", body_timeout=0.2) as served:
        with served.connect() as sock:
            sock.sendall(wire.ajp_forward((0xA008, b"9" * 15), method=4) + data)
            with pytest.raises(EOFError):
                wire.ajp_receive(sock)
        until(lambda: app.seen[0].closed)
    assert isinstance(app.seen[0].error, ClientDisconnected)
    assert resident_bytes() - before < 8 * MIB


def test_A13_a_body_that_ends_early(served: Served, app: Recorder) -> None:
    data = wire.ajp_forward((0xA008, b"9"), method=4) + wire.ajp_body(b"abc") + wire.ajp_body(b"")
    answer = ask(served, data)
    assert (answer.body, answer.reuse) == (b"got abc", False)
    until(lambda: "body shorter than its CONTENT_LENGTH" in served.log.text("warning"))


@pytest.mark.parametrize("size", [10, 8186, 100_000])
def test_A19_a_body_that_is_not_read(size: int) -> None:
    """The answer comes, the connection ends, and what looks like a request in the body is none."""
    evil = wire.ajp_forward(uri=b"/evil")
    with serving(answering("200 OK", [], [b"unread"]), "ajp", tcp=True, linger_timeout=20) as served:
        with served.connect() as sock:
            sock.sendall(wire.ajp_forward((0xA008, b"%d" % size), method=4))
            sock.sendall(wire.ajp_body((evil * 800)[: min(size, 8186)]) + evil)
            answer = wire.ajp_answer(wire.ajp_receive(sock))
            assert (answer.body, answer.reuse, answer.asked) == (b"unread", False, [])
            assert wire.receive_all(sock) == b""
        until(lambda: [request["path"] for request in served.log.requests] == ["/path"])


@pytest.mark.parametrize("headers", [(), ((0xA008, b"0"),)])
def test_A20_no_body(served: Served, headers: tuple[tuple[int, bytes], ...]) -> None:
    answer = ask(served, wire.ajp_forward(*headers, method=4))
    assert (answer.body, answer.asked, answer.reuse) == (b"got ", [], True)


def test_a_body_above_the_limit(app: Recorder) -> None:
    with serving(app, "ajp", max_body_size=10) as served:
        answer = ask(served, wire.ajp_post(b"x" * 11))
        assert (answer.status, answer.reuse) == ("413 Content Too Large", False)
        chunked = wire.ajp_forward((b"Transfer-Encoding", b"chunked"), method=4) + wire.ajp_body(b"x" * 11)
        assert ask(served, chunked).status == "413 Content Too Large"


def test_the_body_of_lighttpd(served: Served) -> None:
    data = wire.ajp_forward((0xA008, b"20000"), method=4, attributes=b"")
    data += wire.ajp_packet(b"x" * 8188) + wire.ajp_packet(b"x" * 8188) + wire.ajp_packet(b"x" * 3624)
    assert ask(served, data).body == b"got " + b"x" * 20_000


def test_a_body_is_asked_for_when_there_is_room_for_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server that is slow to read its response is healthy: GET_BODY_CHUNK waits for it as the response does."""
    body = bytes(range(256)) * 64  # two pieces
    waiting = threading.Event()
    wait_for_room = Connection._wait_for_room

    def noting(self: Connection) -> None:
        waiting.set()
        wait_for_room(self)

    monkeypatch.setattr(Connection, "_wait_for_room", noting)
    received: list[bytes] = []
    errors: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/path":
            return
        yield b"first"
        own = socket.socket(fileno=os.dup(environ["gateways.descriptor"]))
        with own, contextlib.suppress(BlockingIOError):
            while True:
                own.send(FLUSH, socket.MSG_DONTWAIT)
        try:
            received.append(environ["wsgi.input"].read())
        except BaseException as error:
            errors.append(error)
            raise

    with serving(application, "ajp") as served, served.connect() as sock:
        served.server.tells_descriptor = True
        sock.sendall(wire.ajp_forward((0xA008, b"%d" % len(body)), method=4, uri=b"/full") + wire.ajp_body(body[:8186]))
        until(lambda: waiting.is_set() or errors)
        assert errors == []
        sock.sendall(wire.ajp_body(body[8186:16372]) + wire.ajp_body(body[16372:]))  # before it is asked for the last
        answer = wire.ajp_answer(wire.ajp_receive(sock))
        assert (answer.asked, answer.reuse) == ([8186, len(body) - 16372], True)
    assert received == [body]


# Responses


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_A22_a_response_that_has_no_body(status: str) -> None:
    with serving(answering(status, [("ETag", '"x"')], [b"a body"]), "ajp") as served, served.connect() as sock:
        for _ in range(2):
            sock.sendall(wire.ajp_forward())
            answer = wire.ajp_answer(wire.ajp_receive(sock))
            assert (answer.status, answer.body, answer.reuse) == (status, b"", True)
        served.stop()


def test_A22_head(served: Served) -> None:
    assert ask(served, wire.ajp_forward(method=3)).body == b""


@pytest.mark.parametrize("size", [8184, 8185, 100_000, 3 * MIB])
def test_A22_a_long_response(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    with serving(answering("200 OK", [], [body[:size]]), "ajp", tcp=True) as served:
        answer = ask(served, wire.ajp_forward())
    assert answer.body == body[:size]
    assert answer.headers == [(b"Content-Length", b"%d" % size)]


@pytest.mark.parametrize("size", [65_536, 8184 * 9])
def test_A22_a_file(size: int, tmp_path: Path) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(body[:size])

    def application(environ: dict[str, Any], start_response: Any) -> FileWrapper:
        start_response("200 OK", [])
        return FileWrapper((tmp_path / "file").open("rb"))

    with serving(application, "ajp", tcp=True) as served:
        answer = ask(served, wire.ajp_forward())
    assert (answer.body, answer.reuse) == (body[:size], True)


@pytest.mark.parametrize("size", [8200, 70_000])
def test_A22_a_head_that_does_not_fit(size: int) -> None:
    """A clear answer in the log, and 500 for the client: AJP13 has one packet for all headers."""
    with serving(answering("200 OK", [("X-Large", "x" * size)], [b"body"]), "ajp") as served:
        answer = ask(served, wire.ajp_forward())
        assert (answer.status, answer.reuse) == ("500 Internal Server Error", True)
        until(lambda: "AJP13 has room for 8188" in served.log.text("error"))
        assert "Traceback" not in served.log.text(), "no line of the program is at fault"


def test_A22_a_header_that_is_not_latin_1() -> None:
    with serving(answering("200 OK", [("X-A", "\u20ac")], [b"body"]), "ajp") as served:
        assert ask(served, wire.ajp_forward()).status == "500 Internal Server Error"


def test_each_block_of_a_stream_is_sent_when_it_comes() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        assert environ["wsgi.input"].read() == b"go on"
        yield b"second"

    with serving(application, "ajp") as served, served.connect() as sock:
        sock.sendall(wire.ajp_forward((0xA008, b"5"), method=4))
        data = b""
        while not data.endswith(b"first\0" + b"AB\0\4\3\0\0\0"):
            data += sock.recv(65536)
        sock.sendall(wire.ajp_body(b"go on"))
        assert wire.ajp_answer(data + wire.ajp_receive(sock)).body == b"firstsecond"
        served.stop()


def test_a_response_that_breaks_off_does_not_look_whole() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half"
        raise RuntimeError("the other half")

    with serving(application, "ajp") as served, served.connect() as sock:
        sock.sendall(wire.ajp_forward())
        with pytest.raises(EOFError, match="half"):
            wire.ajp_receive(sock)
        served.stop()


def test_a_web_server_that_leaves() -> None:
    closed = []

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * 8192

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/path":
            start_response("200 OK", [])
            return [b"good"]
        start_response("200 OK", [])
        return Endless()

    with serving(application, "ajp") as served:
        with served.connect() as sock:
            sock.sendall(wire.ajp_forward(uri=b"/endless"))
            assert sock.recv(100)
        until(lambda: closed)


def test_every_case_has_a_test() -> None:
    assert untested("A", __file__, *(Path(__file__).parents[1] / "adapters" / "ajp").glob("test_*.py")) == []
