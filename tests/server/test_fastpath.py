"""The usual request in C and in Python: whatever the application does, peers and logs see the same.

Two servers run the same application, one with the C part and one without; they get the same bytes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters import speedups
from gateways.server import worker
from gateways.server.connection import Connection
from tests.support import wire
from tests.support.applications import encode
from tests.support.serving import Recorder, Served, serving, until

pytestmark = pytest.mark.skipif(speedups.module is None, reason=speedups.describe())

Answer = Callable[[dict[str, Any], Any], Any]
HEAD = ((b"REQUEST_METHOD", b"HEAD"), *[pair for pair in wire.GET if pair[0] != b"REQUEST_METHOD"])
TEXT = [("Content-Type", "text/plain")]


class Scripted:
    """An application that does what the test says now."""

    def __init__(self) -> None:
        self.answer: Answer = lambda environ, start_response: []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.answer(environ, start_response)


class Pair:
    """A server with the C part and one without."""

    def __init__(self, fast: Served, plain: Served, application: Scripted) -> None:
        self.fast, self.plain, self.application = fast, plain, application

    def same(self, answer: Answer, *requests: bytes) -> bytes:
        """Check that both answer ``requests`` alike, on one connection; return the answer."""
        self.application.answer = answer
        found = []
        for served in (self.fast, self.plain):
            served.log.entries.clear()
            served.log.requests.clear()
            data = served.ask(b"".join(requests))
            until(lambda served=served: not served.server._connections)  # type: ignore[misc]
            found.append((data, served.log.text(), served.log.requests[:]))
        assert found[0] == found[1]
        return found[0][0]


def without_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "make_fast_paths", lambda *arguments: None)


@pytest.fixture(scope="module", params=["fastcgi", "scgi", "uwsgi"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    application = Scripted()
    with ExitStack() as stack:
        fast = stack.enter_context(serving(application, request.param))
        with pytest.MonkeyPatch.context() as patch:
            without_c(patch)
            plain = stack.enter_context(serving(application, request.param))
        yield Pair(fast, plain, application)
        application.answer = returns([b"alive"])  # what ``serving`` asks last


def get(pair: Pair, params: wire.Pairs = wire.GET, keep: bool = False) -> bytes:
    if pair.fast.protocol == "fastcgi":
        return wire.request(params, keep=keep)
    if pair.fast.protocol == "uwsgi":
        room = 60_000
        return wire.uwsgi([(b"CONTENT_LENGTH", b""), *[(name, value[:room]) for name, value in params]])
    return wire.scgi([(b"CONTENT_LENGTH", b"0"), *params])


@pytest.mark.parametrize("name", [b"REQUEST_URI", b"REMOTE_USER", b"SCRIPT_NAME", b"HTTP_A"])
def test_a_variable_that_comes_twice(pair: Pair, name: bytes) -> None:
    """By SCGI and uwsgi not all may have two values."""
    for values in ((b"/x", b"/x"), (b"/x", b"/y")):
        params = tuple(item for item in wire.GET if item[0] != name) + tuple((name, value) for value in values)
        pair.same(shows, get(pair, params))


def test_the_c_part_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """All else in this file would pass if it declined everything."""
    declined: list[bytes] = []
    on_data = Connection.on_data

    def counting(self: Connection, data: bytes | None) -> None:
        if data:  # None and b"" are no requests
            declined.append(data)
        on_data(self, data)

    monkeypatch.setattr(Connection, "on_data", counting)
    for protocol in ("fastcgi", "scgi", "uwsgi"):
        with serving(Recorder(), protocol) as served:
            for _ in range(3):
                assert served.request().status == "200 OK"
            assert served.protocol != "fastcgi" or ask_kept(served, 3)
    assert declined == []


def ask_kept(served: Served, count: int) -> bool:
    with served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(count):
            sock.sendall(wire.request(keep=True))
            assert reader.answer().status == "200 OK"
    return True


# What applications do


def returns(result: Any, status: Any = "200 OK", headers: Any = None) -> Answer:
    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, list(TEXT) if headers is None else headers)
        return result() if callable(result) else result

    return answer


def raises(environ: dict[str, Any], start_response: Any) -> Any:
    raise LookupError("lost")


def raises_after_start(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", list(TEXT))
    raise LookupError("lost")


def starts_twice(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", list(TEXT))
    start_response("200 OK", list(TEXT))
    return [b"never"]


def replaces(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        raise LookupError
    except LookupError as error:
        start_response("503 Busy", list(TEXT), (type(error), error, error.__traceback__))
    return [b"later"]


def writes(environ: dict[str, Any], start_response: Any) -> Any:
    write = start_response("200 OK", list(TEXT))
    write(b"one ")
    write(b"two ")
    return [b"three"]


def logs(environ: dict[str, Any], start_response: Any) -> Any:
    environ["wsgi.errors"].write("a line\n")
    start_response("200 OK", list(TEXT))
    return [b"logged"]


def logs_at_once(environ: dict[str, Any], start_response: Any) -> Any:
    environ["wsgi.errors"].write("a line\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", list(TEXT))
    environ["wsgi.errors"].write("another\n")
    return [b"logged"]


def reads(environ: dict[str, Any], start_response: Any) -> Any:
    stream = environ["wsgi.input"]
    body = [stream.read(), stream.read(5), stream.readline(), b"".join(stream.readlines()), b"".join(stream)]
    start_response("200 OK", list(TEXT))
    return [repr(body).encode()]


def shows(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", list(TEXT))
    return [f"{name}={value!r}\n".encode() for name, value in sorted(environ.items()) if "wsgi." not in name]


def changes_its_headers(environ: dict[str, Any], start_response: Any) -> Any:
    headers = list(TEXT)
    start_response("200 OK", headers)
    headers.append(("X-Late", "1"))
    headers[0] = ("X-Changed", "1")
    return [b"as it was"]


def by_keywords(environ: dict[str, Any], start_response: Any) -> Any:
    start_response(status="200 OK", headers=list(TEXT), exc_info=None)
    return [b"named"]


def empties_its_environ(environ: dict[str, Any], start_response: Any) -> Any:
    environ.clear()
    start_response("200 OK", list(TEXT))
    return [b"nothing left"]


def exits(environ: dict[str, Any], start_response: Any) -> Any:
    raise SystemExit(3)


def without_start(environ: dict[str, Any], start_response: Any) -> Any:
    return [b"too early"]


class Closing:
    """An iterable with a ``close`` that fails."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"one", b"two"])

    def close(self) -> None:
        raise LookupError("closed badly")


class OwnBytes(bytes):
    """As ``markupsafe`` and others have them."""


ANSWERS = [
    *(
        returns([]),
        returns([b""]),
        returns(()),
        returns([b"one"]),
        returns((b"one", b"two")),
        returns([b"", b"x", b""]),
    ),
    *(returns([bytes(65528)]), returns([bytes(65400)]), returns([bytes(300_000)]), returns([bytes(60_000)] * 3)),
    *(returns(["text"]), returns([None]), returns(None), returns(5), returns(b"bytes"), returns([OwnBytes(b"own")])),
    *(returns(lambda: iter([b"a", b"b"])), returns(lambda: iter([])), returns(Closing), returns(bytearray(b"x"))),
    *(returns([b"x"], "204 No Content"), returns([b"x"], "304 Not Modified"), returns([], "204 No Content")),
    *(returns([b"x"], "200"), returns([b"x"], "200 "), returns([b"x"], "99 X"), returns([b"x"], b"200 OK")),
    *(returns([b"x"], "200 a\nb"), returns([b"x"], "200 \xe9"), returns([b"x"], "200 \u20ac"), returns([b"x"], 200)),
    *(returns([b"12345"], headers=[("Content-Length", "5")]), returns([b"12345"], headers=[("content-length", "4")])),
    *(returns([b"12345"], headers=[("Content-Length", "6")]), returns([b"1"], headers=[("Content-Length", "x")])),
    *(returns([b"1"], headers=[("Content-Length", "1")] * 2), returns([b"1"], headers=[("Content-Length", "-1")])),
    *(returns([b"x"], headers=tuple(TEXT)), returns([b"x"], headers=[["A", "b"]]), returns([b"x"], headers=[("A",)])),
    *(returns([b"x"], headers=[("A", 5)]), returns([b"x"], headers=[(b"A", "b")]), returns([b"x"], headers=None)),
    *(
        returns([b"x"], headers=[("A", "b\r\nC: d")]),
        returns([b"x"], headers=[("A\n", "b")]),
        returns([b"x"], headers=[]),
    ),
    *(returns([b"x"], headers=[("A", "\xe9")]), returns([b"x"], headers=[("A", "\u20ac")])),
    *(returns([b"x"], headers=[("Connection", "close")]), returns([b"x"], headers=[("Status", "404 No")])),
    *(returns([b"x"], headers=[("A", "v" * 20_000)]), returns([b"x"], headers=[("A", "v" * 70_000)])),
    *(raises, raises_after_start, starts_twice, replaces, writes, logs, logs_at_once, reads, shows),
    *(changes_its_headers, by_keywords, empties_its_environ, exits, without_start),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_both_answer_alike(pair: Pair, answer: Answer) -> None:
    for params in (wire.GET, HEAD):
        pair.same(answer, get(pair, params))
        if pair.fast.protocol == "fastcgi":
            pair.same(answer, get(pair, params, keep=True), get(pair, params))
            pair.same(answer, get(pair, params, keep=True) * 3, get(pair, params))


def test_a_kept_connection_that_waits_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request a time, so that the C part sees each; whatever one does, the next is served."""
    application = Scripted()
    answers: list[list[bytes]] = []
    for _ in range(2):
        with serving(application) as served, served.connect() as sock:
            reader = wire.RecordReader(sock)
            got = []
            for answer in [item for item in ANSWERS if item is not without_start]:
                application.answer = answer
                sock.sendall(wire.request(keep=True))
                try:
                    got.append(repr(reader.answer()).encode())
                except (AssertionError, OSError):  # broken off, and closed
                    got.append(b"closed")
                    sock = served.connect()
                    reader = wire.RecordReader(sock)
            answers.append(got)
            sock.close()
            application.answer = returns([b"alive"])
        without_c(monkeypatch)
    assert answers[0] == answers[1]


tokens = st.sampled_from(
    ["Content-Type", "X-A", "Set-Cookie", "Content-Length", "Location", "x y", "", "Status", "Via"]
)
texts = st.one_of(st.sampled_from(["", "5", "a b", "a\tb", "a\x7f", "\x00"]), st.text(max_size=8))


@given(
    status=st.one_of(
        st.sampled_from(["200 OK", "404 Not Found", "204 No Content", "299 ", "1", ""]), st.text(max_size=8)
    ),
    headers=st.lists(st.tuples(tokens, texts), max_size=4),
    blocks=st.lists(st.binary(max_size=8), max_size=3),
    kind=st.sampled_from([list, tuple, iter]),
)
def test_any_response(pair: Pair, status: str, headers: list[tuple[str, str]], blocks: list[bytes], kind: Any) -> None:
    pair.same(returns(lambda: kind(blocks), status, list(headers)), get(pair))


# The way in


@pytest.mark.parametrize("cut", [1, 8, 16, 20, 24, 30, 100, -9, -8, -1])
def test_a_request_in_two_pieces(cut: int, pair: Pair) -> None:
    pair.application.answer = shows
    data = get(pair)
    answers = []
    for served in (pair.fast, pair.plain):
        with served.connect() as sock:
            sock.sendall(data[:cut])
            until(lambda served=served: served.server._connections)  # type: ignore[misc]
            sock.sendall(data[cut:])
            answers.append(wire.receive_all(sock))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("size", [0, 1, 1000, 70_000])
def test_bodies(size: int, pair: Pair) -> None:
    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        start_response("200 OK", list(TEXT))
        return [b"%d " % len(body), body[-10:]]

    body = b"x" * size
    data = encode(pair.fast.protocol, wire.post(size), body)
    assert b"x" * min(size, 10) in pair.same(answer, data)
    pair.same(returns([b"body not read"]), data)
    if pair.fast.protocol == "fastcgi":
        pair.same(answer, wire.request(wire.post(size), body, keep=True), get(pair))


@pytest.mark.parametrize(
    "params",
    [
        ((b"REQUEST_METHOD", b"GET"),),
        (),
        (*wire.GET, (b"HTTP_X", b"a\0b")),
        (*wire.GET, (b"HTTP_A", b"1"), (b"HTTP_A", b"2")),
        (*wire.GET, (b"HTTP_CONTENT_LENGTH", b"3")),
        (*wire.GET, *[(b"HTTP_X%d" % number, b"v") for number in range(200)]),
        (*wire.GET, *[(b"HTTP_X%d" % number, b"v") for number in range(1001)]),
        (*wire.GET, (b"HTTP_X", b"v" * 300_000)),
    ],
)
def test_unusual_variables(params: wire.Pairs, pair: Pair) -> None:
    pair.same(shows, get(pair, params))


# The way out


def test_a_response_is_one_write() -> None:
    """Head, body and END_REQUEST leave together. On a socket that keeps writes apart one can see it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with serving(returns([b"one", b"two"]), threads=1) as served, theirs:
        listener = next(iter(served.server._acceptor.listeners.values()))
        connection = Connection()
        connection.fd = ours.fileno()
        connection.open(served.server, served.server.new_protocol("fastcgi"), ours, "a pair")
        listener.fast_path.attach(connection)
        theirs.sendall(wire.request(keep=True))
        connection.on_readable()
        assert wire.answer(wire.parse_records(theirs.recv(65536))).body == b"onetwo"
        theirs.close()
        connection.on_readable()
        assert connection.fd == -1


def test_a_peer_that_does_not_read() -> None:
    """The socket takes a part of a response, and nobody else's bytes get in between when there is room again."""
    body = bytes(range(256)) * 200
    with serving(returns([body])) as served, served.connect(receive_buffer=4096) as sock:
        count = 200
        sent = threading.Thread(target=lambda: [sock.sendall(wire.request(keep=True)) for _ in range(count)])
        sent.start()
        reader = wire.RecordReader(sock)
        for _ in range(count):
            assert reader.answer().body == body
        sent.join()
        assert served.log.text("error", "exception") == ""
        until(lambda: len(served.log.requests) == count)
        assert {entry["size"] for entry in served.log.requests} == {len(body)}


def test_a_peer_that_never_reads_is_given_up() -> None:
    with serving(returns([bytes(60_000)]), write_timeout=0.2) as served, served.connect(receive_buffer=4096) as sock:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sock.sendall(wire.request(keep=True) * 10_000)
        until(lambda: "took no byte for 0.2 s" in served.log.text())
        until(lambda: not served.server._connections)


def test_start_response_after_the_request() -> None:
    """An application that keeps what it should not gets errors, and disturbs nobody."""
    kept: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.append((start_response, start_response("200 OK", list(TEXT))))
        return [b"first"]

    with serving(application) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(2):
            sock.sendall(wire.request(keep=True))
            assert reader.answer().body == b"first"
        until(lambda: len(served.log.requests) == 2)
        for start_response, write in kept:
            with pytest.raises(AssertionError):
                start_response("200 OK", [])
            with pytest.raises(ValueError, match="more body than its Content-Length"):
                write(b"more")
            with pytest.raises(LookupError):
                start_response("500 No", [], (LookupError, LookupError(), None))
        sock.sendall(wire.request(keep=True))
        assert reader.answer().body == b"first"


def test_a_thread_that_no_longer_leads(pair: Pair) -> None:
    """Slow requests on new and on kept connections, while others are served."""
    gate = threading.Event()

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            gate.wait(20)
        start_response("200 OK", list(TEXT))
        return [environ["PATH_INFO"].encode()]

    pair.application.answer = answer
    served = pair.fast
    keep = served.protocol == "fastcgi"
    slow = tuple((name, value.replace(b"/path", b"/slow")) for name, value in wire.GET)
    gate.clear()
    socks = [served.connect() for _ in range(5)]
    for sock in socks:
        sock.sendall(get(pair, slow, keep=keep))
    for _ in range(30):
        assert b"/path" in served.ask(get(pair))
    gate.set()
    for sock in socks:
        if keep:
            reader = wire.RecordReader(sock)
            assert reader.answer().body == b"/slow"
            sock.sendall(get(pair, keep=True))
            assert reader.answer().body == b"/path"
        else:
            assert wire.receive_all(sock).endswith(b"/slow")
        sock.close()
    until(lambda: not served.server._connections)
