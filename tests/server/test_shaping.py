"""gateways.server.shaping: hooks after the response, larger blocks, capital letters; and nothing where nobody asks."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.core.filewrapper import FileWrapper
from gateways.server.shaping import shape
from gateways.settings import Settings
from tests.support import wire
from tests.support.applications import encode, hello, posted, read_answer
from tests.support.serving import serving, until


def blocks(application: Any, environ: dict[str, Any] | None = None, **settings: Any) -> list[bytes]:
    result = shape(application, Settings(**settings))({} if environ is None else environ, lambda *given: None)
    try:
        return list(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()


def test_nothing_stands_between_where_nobody_asks() -> None:
    assert shape(hello, Settings()) is hello


# Posthooks


class Hooking:
    """An application that has hooks called, and answers in the way that is asked for by the path."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.may_go = threading.Event()
        self.closed = False

    def note(self, environ: dict[str, Any], *args: Any) -> None:
        self.calls.append((environ["PATH_INFO"], self.closed, *args))

    def wait(self, environ: dict[str, Any]) -> None:
        assert self.may_go.wait(60)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        way = environ["PATH_INFO"]
        hooks = environ["eventlet.posthooks"]
        assert environ["gateways.posthooks"] is hooks
        if way != "/later":
            hooks.append((self.note, (1,), {}))
        if way == "/wait":
            hooks.append((self.wait, (), {}))
        if way == "/raise":
            raise RuntimeError("on purpose")
        start_response("200 OK", [("Content-Type", "text/plain")])
        if way in ("/list", "/wait"):
            return [b"hel", b"lo"]
        if way == "/tuple":
            return (b"hello",)
        return self.generate(hooks if way == "/later" else [])

    def generate(self, hooks: list[Any]) -> Iterator[bytes]:
        try:
            yield b"hel"
            hooks.append((self.note, (1,), {}))
            yield b"lo"
        finally:
            self.closed = True


def ask_for(path: str) -> wire.Pairs:
    return tuple((name, path.encode() if name in (b"PATH_INFO", b"REQUEST_URI") else value) for name, value in wire.GET)


@pytest.mark.parametrize("way", ["/list", "/tuple", "/generator", "/later", "/raise"])
def test_hooks_are_called_after_each_way_to_answer(protocol: str, way: str) -> None:
    application = Hooking()
    with serving(application, protocol, posthooks=True) as served:
        answer = served.request(ask_for(way))
        assert answer.status[:3] == ("500" if way == "/raise" else "200")
        if way != "/raise":
            assert answer.body == b"hello"
        until(lambda: application.calls)
        assert application.calls == [(way, way in ("/generator", "/later"), 1)]


def test_the_length_of_a_list_is_known_as_without_hooks(protocol: str) -> None:
    with serving(Hooking(), protocol, posthooks=True) as served:
        assert wire.header(served.request(ask_for("/list")).head, "Content-Length") == "5"


def test_nobody_waits_for_a_hook_but_the_connection(protocol: str, tcp: bool) -> None:
    """The response is whole at the peer, with its end, and others are served meanwhile."""
    application = Hooking()
    with serving(application, protocol, tcp, posthooks=True, threads=2) as served:
        try:
            assert served.request(ask_for("/wait")).body == b"hello"
            assert served.request(ask_for("/list")).body == b"hello"
        finally:
            application.may_go.set()


@pytest.mark.parametrize(
    ("first", "settings"),
    [
        (b"GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {}),
        (b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n", {"keepalive_timeout": 0}),
    ],
)
def test_nobody_waits_for_a_hook_where_the_response_has_decided_that_it_is_the_last(
    first: bytes, settings: dict[str, Any]
) -> None:
    """As when its length is not known and the client is one of HTTP/1.0."""
    application = Hooking()

    def unknown_length(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield from application(environ, start_response)

    with serving(unknown_length, "http", posthooks=True, **settings) as served:
        try:
            assert b"hel" in served.ask(first)
        finally:
            application.may_go.set()


def test_a_kept_connection_goes_on_after_the_hook() -> None:
    application = Hooking()
    with serving(application, posthooks=True) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for count in range(1, 4):
            sock.sendall(wire.request(ask_for("/list"), keep=True))
            assert reader.answer().body == b"hello"
            until(lambda count=count: len(application.calls) == count)  # type: ignore[misc]


def test_a_client_that_has_left_is_an_end_too(protocol: str) -> None:
    called: list[str] = []
    go_on = threading.Event()

    @posted
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ["gateways.posthooks"].append((lambda environ: called.append(environ["REQUEST_METHOD"]), (), {}))
        start_response("200 OK", [])
        while not called:
            yield bytes(65536)
            go_on.set()

    with serving(application, protocol, posthooks=True) as served:
        with served.connect() as sock:
            sock.sendall(encode(protocol, wire.post(0)))
            assert go_on.wait(60)
        until(lambda: called)
        assert called == ["POST"]


def test_a_hook_that_fails_is_in_the_log_and_costs_nothing_else() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["gateways.posthooks"].append((int, ("no",), {}))
        return hello(environ, start_response)

    with serving(application, posthooks=True) as served:
        assert served.request().body == b"hello"
        until(lambda: "a posthook failed" in served.log.text("exception"))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("error", [CancelledError, KeyboardInterrupt, SystemExit])
def test_a_hook_takes_no_thread_along(error: type[BaseException], threads: int) -> None:
    def fail(environ: dict[str, Any]) -> None:
        raise error

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["gateways.posthooks"].append((fail, (), {}))
        return hello(environ, start_response)

    with serving(application, posthooks=True, threads=threads) as served:
        for _ in range(3):
            assert served.request().body == b"hello"
        until(lambda: served.log.text("exception").count("a posthook failed") == 3)


def test_without_the_setting_there_is_no_list(protocol: str) -> None:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [repr("gateways.posthooks" in environ or "eventlet.posthooks" in environ).encode()]

    with serving(application, protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        assert read_answer(served, sock).body == b"False"


# Blocks


def yielding(*given: bytes) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield from given

    return application


@pytest.mark.parametrize(
    ("size", "given", "joined"),
    [
        (4, [b"a", b"b", b"", b"cd", b"e", b"f"], [b"abcd", b"ef"]),
        (4, [b"abcdefgh", b"i"], [b"abcdefgh", b"i"]),
        (1, [b"a", b"b"], [b"a", b"b"]),
        (4, [], []),
    ],
)
def test_small_blocks_are_joined(size: int, given: list[bytes], joined: list[bytes]) -> None:
    assert blocks(yielding(*given), minimum_chunk_size=size) == joined


def test_a_request_can_have_another_size() -> None:
    environ = {"eventlet.minimum_write_chunk_size": 2}
    assert blocks(yielding(b"a", b"b", b"c"), environ, minimum_chunk_size=4096) == [b"ab", b"c"]


def test_the_iterable_is_closed_and_a_wrong_block_is_the_servers_to_explain() -> None:
    application = Hooking()
    list_of = blocks(lambda environ, start: application.generate([]), minimum_chunk_size=1000)
    assert (list_of, application.closed) == ([b"hello"], True)
    assert blocks(lambda environ, start: iter(["text"]), minimum_chunk_size=9) == ["text"]


def test_what_is_sent_at_once_stays_as_it_is() -> None:
    for result in ([b"a"], (b"a",), FileWrapper(Path(__file__).open("rb"))):  # noqa: SIM115
        assert shape(lambda e, s, r=result: r, Settings(minimum_chunk_size=9))({}, None) is result
        if isinstance(result, FileWrapper):
            result.close()


# Names


def test_header_names_as_eventlet_writes_them(protocol: str) -> None:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("x-my-ETAG", "a-B")])
        try:
            raise RuntimeError
        except RuntimeError as error:
            start_response("404 Not Found", [("content-md5", "Q")], (RuntimeError, error, None))
        return [b""]

    with serving(application, protocol, capitalize_response_headers=True) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(0)))
        answer = read_answer(served, sock)
        assert b"Content-Md5: Q" in answer.head
        assert answer.status == "404 Not Found"
