"""gateways.adapters.http.head: what a head says, and what in it is refused. The numbered cases are in tests/server."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from gateways.adapters.http.head import Head, check_line, parse_head, require
from gateways.errors import ConfigError, ProtocolError
from tests.support.httpwire import request


def parse(data: bytes) -> Head:
    return parse_head(data)[0]


def test_what_a_head_says() -> None:
    head = parse(request(b"PUT /a?b HTTP/1.1", b"Content-Length: 5", b"X-Y:  z ", b"Expect: 100-continue"))
    assert (head.method, head.target, head.minor, head.length) == (b"PUT", b"/a?b", 1, 5)
    assert (head.chunked, head.expects, head.keep) == (False, True, True)
    assert head.fields == [
        (b"Host", b"example.test"),
        (b"Content-Length", b"5"),
        (b"X-Y", b"z"),
        (b"Expect", b"100-continue"),
    ]


@pytest.mark.parametrize(
    ("version", "options", "keep"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Close", False),
        (b"1.1", b"x, close", False),
        (b"1.1", b"closed", True),
        (b"1.0", b"", False),
        (b"1.0", b"x,Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_whether_the_connection_is_kept(version: bytes, options: bytes, keep: bool) -> None:
    assert parse(request(b"GET / HTTP/" + version, b"Connection: " + options)).keep is keep


@pytest.mark.parametrize("fields", [(), (b"Content-Length: 0",)])
def test_nobody_waits_to_send_nothing(fields: tuple[bytes, ...]) -> None:
    assert not parse(request(b"POST / HTTP/1.1", b"Expect: 100-continue", *fields)).expects


@pytest.mark.parametrize(
    ("line", "first", "status"),
    [
        (b"GET / HTTP/1.1\n", True, "400 Bad Request"),
        (b"GET / HTTP/3\r\n", True, "505 HTTP Version Not Supported"),
        (b"X : y\r\n", False, "400 Bad Request"),
        (b" y\r\n", False, "400 Bad Request"),
    ],
)
def test_lines_that_are_refused(line: bytes, first: bool, status: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_line(line, first)
    assert caught.value.status == status
    assert repr(line) in str(caught.value)


def test_a_long_line_is_not_shown_whole() -> None:
    with pytest.raises(ProtocolError) as caught:
        check_line(b"x" * 1000 + b"\r\n", first=False)
    assert len(str(caught.value)) < 120


def test_without_h11_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **keywords: Any) -> Any:
        if name == "h11":
            raise ImportError(name)
        return real(name, *args, **keywords)

    require()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'gateways\[http\]'"):
        require()
