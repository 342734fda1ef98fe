"""docs/howto/from-eventlet.md: what each row of its tables promises."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import gateways
from gateways.addresses import parse_address
from gateways.server.listeners import open_listeners
from tests.support.applications import hello
from tests.support.serving import PATIENCE, until
from tests.support.simple import parse, simple
from tests.support.source import CHECKOUT

DOCUMENT = (CHECKOUT / "docs/howto/from-eventlet.md").read_text(encoding="utf-8")
ROWS = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in DOCUMENT.splitlines() if line.startswith("|")]

#: Where other rows are tested, than by a function of this module with their name.
ELSEWHERE = {
    "make_server(host, port, app)": "test_simple.py",
    "server_class": "test_simple.py",
    "handler_class": "test_simple.py",
    "serve_forever()": "test_simple.py",
    "handle_request()": "test_simple.py",
    "shutdown()": "test_simple.py",
    "server_port": "test_simple.py",
    "set_app(app)": "test_simple.py",
}
#: Rows whose test has another name; None where nothing of ours is promised.
OTHERS = {"custom_pool": "test_max_size", "protocol": None}


def test_every_row_has_a_test() -> None:
    names = [row[0] for row in ROWS if row]
    assert len(names) > 30
    for name in names:
        if name in ELSEWHERE or name.startswith("%("):
            continue  # one test has all fields of log_format together
        method = re.search(r"\.(\w+)\((?:\.\.\.)?\)$", name)
        key = re.fullmatch(r"environ\[\"eventlet\.(\w+)\"\]", name)
        found = (method or key or [None, name])[1]
        test = OTHERS.get(found, f"test_{found}")
        assert test is None or test in globals(), name


def dump(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("x-etag-LIKE", "a")])
    return [b"%s %s" % (environ["SERVER_PROTOCOL"].encode(), str(environ.get("shop.colour")).encode())]


def fail(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise RuntimeError("on purpose")


def drops(*pieces: bytes) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from pieces

    return application


def test_sock() -> None:
    """A socket that is open already is served by its number."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        copy = sock.dup()
        copy.set_inheritable(True)
        [listener] = open_listeners("http", parse_address(f"fd:{copy.detach()}"), environ={})
        stack.callback(listener.close)
        assert listener.sock.getsockname() == sock.getsockname()


def test_site() -> None:
    with simple(hello) as running:
        assert running.get().more == b"hello"
    assert callable(gateways.serve)


def test_log() -> None:
    with simple(fail) as running:
        running.get()
        until(lambda: "GET / HTTP/1.1" in running.access_log)
        assert "RuntimeError: on purpose" in running.error_log


def test_environ() -> None:
    with simple(dump, environ={"shop.colour": "blue"}) as running:
        assert running.get().more == b"HTTP/1.1 blue"


def test_max_size() -> None:
    """So many requests at once, and no more; connections without a request are not counted."""
    gate = Counting()
    with simple(gate, threads=2) as running, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(running.connect()) for _ in range(10)]
        clients = [stack.enter_context(running.connect()) for _ in range(3)]
        for sock in clients:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        until(lambda: gate.inside == 2)
        gate.opened.set()
        for sock in clients:
            assert sock.recv(1) == b"H"
        assert gate.most == 2
        assert len(idle) == 10


class Counting:
    """An application that waits, and knows how many do."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.opened.wait(PATIENCE)
        with self._lock:
            self.inside -= 1
        return hello(environ, start_response)


def test_max_http_version() -> None:
    """A server of HTTP/1.0: no chunks, no kept connection that nobody asked for, no 100 Continue."""
    with simple(drops(b"a", b"b"), max_http_version="HTTP/1.0") as running:
        reply = parse(running.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
        assert reply.status == "HTTP/1.0 200 OK"
        assert (reply.header("Transfer-Encoding"), reply.header("Connection"), reply.more) == ("", "close", b"ab")
    with simple(dump, max_http_version="HTTP/1.0") as running:
        asked = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
        data = running.ask(asked + b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
        assert data.count(b"HTTP/1.0 200 OK") == 2
        assert data.count(b"HTTP/1.0 None") == 2
        assert b"HTTP/1.1" not in data


def test_server_event() -> None:
    from gateways import hooks

    assert callable(hooks.ready)


@pytest.mark.parametrize(("size", "chunks"), [(0, b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), (4096, b"2\r\nab\r\n0\r\n\r\n")])
def test_minimum_chunk_size(size: int, chunks: bytes) -> None:
    with simple(drops(b"a", b"b"), minimum_chunk_size=size) as running:
        assert running.get().more == chunks


def test_minimum_write_chunk_size() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ["eventlet.minimum_write_chunk_size"] = 1
        return drops(b"a", b"b")(environ, start_response)

    with simple(application, minimum_chunk_size=4096) as running:
        assert running.get().more == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


def test_log_x_forwarded_for() -> None:
    with simple(hello, access_log_format="%{X-Forwarded-For}i,%h") as running:
        running.get("/", "X-Forwarded-For: 192.0.2.1")
        until(lambda: running.access_log == "192.0.2.1,127.0.0.1\n")
    with simple(hello, access_log_format="%h", forwarded_allow_ips="127.0.0.1") as running:
        running.get("/", "X-Forwarded-For: 192.0.2.1")
        until(lambda: running.access_log == "192.0.2.1\n")


@pytest.mark.parametrize(("timeout", "answers"), [(0, 1), (60, 2)])
def test_keepalive(timeout: float, answers: int) -> None:
    last = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with simple(hello, keepalive_timeout=timeout) as running:
        assert running.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + last).count(b"200 OK") == answers


def test_log_output() -> None:
    with simple(hello, access_log="off") as running:
        assert running.get().more == b"hello"
        assert not (running.directory / "access.log").exists()


def test_log_format() -> None:
    """Each field of eventlet's, with what the document says is its counterpart."""
    fields = dict(re.findall(r"^\| `%\((\w+)\)s` \| `(%>?\w)`", DOCUMENT, re.MULTILINE))
    text = "|".join(f'"{directive}"' for directive in fields.values())
    with simple(hello, access_log_format=text) as running:
        reply = running.get("/a?b")
        until(lambda: running.access_log)
        found = dict(zip(fields, running.access_log.rstrip("\n").replace('"', "").split("|")))
    assert found["client_ip"] == "127.0.0.1"
    assert re.fullmatch(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", found["date_time"])
    assert found["request_line"] == "GET /a?b HTTP/1.1"
    assert found["status_code"] == "200"
    assert int(found["body_length"]) >= len(reply.more)
    assert found["wall_seconds"].isdigit()


def test_url_length_limit() -> None:
    with simple(hello, max_request_line=1024) as running:
        assert running.get("/" + "x" * 900).status == "HTTP/1.1 200 OK"
        assert running.get("/" + "x" * 1100).status == "HTTP/1.1 414 URI Too Long"


@pytest.mark.parametrize("debug", [False, True])
def test_debug(debug: bool) -> None:
    with simple(fail, debug=debug) as running:
        reply = running.get()
        assert reply.status == "HTTP/1.1 500 Internal Server Error"
        assert (b"on purpose" in reply.more) == debug


@pytest.mark.parametrize("timeout", ["header_timeout", "body_timeout", "keepalive_timeout"])
def test_socket_timeout(timeout: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read()
        return hello(environ, start_response)

    sent = {
        "header_timeout": b"GET / HTTP/1.1\r\n",
        "body_timeout": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
        "keepalive_timeout": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    }
    with simple(application, **{timeout: 0.3}) as running:
        started = time.monotonic()
        running.ask(sent[timeout])
        assert time.monotonic() - started >= 0.25


@pytest.mark.parametrize(("capital", "name"), [(False, "x-etag-LIKE"), (True, "X-Etag-Like")])
def test_capitalize_response_headers(capital: bool, name: str) -> None:
    with simple(dump, capitalize_response_headers=capital) as running:
        assert (name, "a") in running.get().headers


def test_posthooks() -> None:
    """By default with HTTP, also after an error; the client need not wait."""
    called: list[Any] = []
    may_go = threading.Event()

    def hook(environ: dict[str, Any], word: str, more: int = 0) -> None:
        assert may_go.wait(PATIENCE)
        called.append((environ["PATH_INFO"], word, more))

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["eventlet.posthooks"].append((hook, ("word",), {"more": 1}))
        return fail(environ, start_response) if environ["PATH_INFO"] == "/fail" else hello(environ, start_response)

    with simple(application, threads=4) as running:
        try:
            assert running.get("/a").more == b"hello"
            assert running.get("/fail").status.endswith("500 Internal Server Error")
        finally:
            may_go.set()
        until(lambda: len(called) == 2)
        assert sorted(called) == [("/a", "word", 1), ("/fail", "word", 1)]


def waiting(*, now: bool) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        body.set_hundred_continue_response_headers([("X-Offer", "yes")])
        if now:
            body.send_hundred_continue_response()
            body.send_hundred_continue_response()
        start_response("200 OK", [])
        return [body.read()]

    return application


@pytest.mark.parametrize("now", [False, True])
def test_set_hundred_continue_response_headers(now: bool) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    with simple(waiting(now=now)) as running, running.connect() as sock:
        sock.sendall(head)
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += sock.recv(1)
        assert data == b"HTTP/1.1 100 Continue\r\nX-Offer: yes\r\n\r\n"
        sock.sendall(b"body")
        rest = b""
        while piece := sock.recv(65536):
            rest += piece
        reply = parse(rest)
        assert (reply.status, reply.more) == ("HTTP/1.1 200 OK", b"body")


def test_send_hundred_continue_response() -> None:
    """Without a client that waits it does nothing."""
    with simple(waiting(now=True)) as running:
        assert running.get("/", "Content-Length: 4", method="POST", body=b"body").more == b"body"


def test_input() -> None:
    with simple(waiting(now=False)) as running:
        assert running.get().status == "HTTP/1.1 200 OK"


def test_wrap_ssl() -> None:
    from tests.support import tls

    with simple(dump, certfile=tls.CERTIFICATE, keyfile=tls.KEY) as running, tls.shake(running.connect()) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert sock.recv(9) == b"HTTP/1.1 "
