"""gateways.server.continuing: header fields of 100 Continue, for a client that waits, and for none. More is in
tests/test_from_eventlet.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import wire
from tests.support.applications import encode, posted, read_answer
from tests.support.serving import serving, until
from tests.support.simple import simple

HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n"


def offering(*headers: tuple[Any, Any]) -> Any:
    @posted
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        body.set_hundred_continue_response_headers(list(headers))
        start_response("200 OK", [])
        return [body.read()]

    return application


def test_H25_a_client_that_does_not_wait_is_not_told_to_go_on() -> None:
    with simple(offering(("X-A", "1"))) as running:
        assert b"100 Continue" not in running.ask(HEAD + b"Connection: close\r\n\r\nx")


@pytest.mark.parametrize("header", [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("X-A", 1)])
def test_what_is_no_header_is_refused(header: tuple[Any, Any]) -> None:
    with simple(offering(header)) as running:
        assert b"500 Internal Server Error" in running.ask(HEAD + b"Connection: close\r\n\r\n")
        until(lambda: "TypeError" in running.error_log or "ValueError" in running.error_log)


@pytest.mark.parametrize(("capital", "name"), [(False, b"x-a"), (True, b"X-A")])
def test_names_with_capitals(capital: bool, name: bytes) -> None:
    """As with eventlet; where nobody waits, it is taken as well."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        body.set_hundred_continue_response_headers([("x-a", "1")], capitalize_response_headers=capital)
        start_response("200 OK", [])
        return [body.read()]

    with simple(application) as running:
        assert running.get("/", "Content-Length: 1", method="POST", body=b"x").more == b"x"
        with running.connect() as sock:
            sock.sendall(HEAD + b"\r\n")
            data = b""
            while not data.endswith(b"\r\n\r\n"):
                data += sock.recv(1)
            assert data == b"HTTP/1.1 100 Continue\r\n" + name + b": 1\r\n\r\n"
            sock.sendall(b"x")


def test_the_fields_are_of_one_request() -> None:
    """The next one of the connection has none."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        if environ["PATH_INFO"] == "/":
            body.set_hundred_continue_response_headers([("X-A", "1")])
        start_response("200 OK", [])
        return [body.read()]

    with simple(application) as running, running.connect() as sock:
        for path, answer in (
            (b"/", b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n"),
            (b"/b", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ):
            sock.sendall(HEAD.replace(b" / ", b" %s " % path) + b"\r\n")
            data = b""
            while not data.endswith(b"\r\n\r\n"):
                data += sock.recv(1)
            assert data == answer
            sock.sendall(b"x")
            while not data.endswith(b"\r\n\r\nx"):
                data += sock.recv(1)


def test_behind_a_web_server_it_is_that_ones_business(protocol: str) -> None:
    with serving(offering(("X-A", "1")), protocol) as served, served.connect() as sock:
        sock.sendall(encode(protocol, wire.post(4, (b"HTTP_EXPECT", b"100-continue")), b"body"))
        assert read_answer(served, sock).body == b"body"
