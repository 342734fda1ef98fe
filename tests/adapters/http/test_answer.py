"""gateways.adapters.http.answer: how responses are framed."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from gateways.adapters.events import Request
from gateways.adapters.http.server import ServerConnection
from tests.support.httpwire import only, request


def asked(line: bytes = b"GET / HTTP/1.1", *fields: bytes) -> ServerConnection:
    connection = ServerConnection()
    connection.receive_data(request(line, *fields))
    assert isinstance(connection.next_event(), Request)
    return connection


def joined(parts: list[bytes | memoryview]) -> bytes:
    return b"".join(parts)


def test_a_whole_response() -> None:
    connection = asked()
    response = only(connection.encode_head("200 OK", [("X", "y")], b"hello", True))
    assert (response.status, response.body, response.header("Content-Length")) == ("200 OK", b"hello", "5")
    assert response.header("Connection") == ""
    assert connection.idle


def test_a_response_in_blocks() -> None:
    connection = asked()
    data = connection.encode_head("200 OK", [], b"one ", False)
    assert not connection.ends_by_close
    data += connection.encode_body(b"", False) + connection.encode_body(b"two", False)
    assert not connection.idle
    data += connection.encode_body(b"", True)
    assert (only(data).body, only(data).whole) == (b"one two", True)
    assert connection.idle


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"HEAD / HTTP/1.1"])
@pytest.mark.parametrize("end", [True, False])
def test_large_blocks_are_framed_alike(line: bytes, end: bool) -> None:
    small, large = asked(line), asked(line)
    view = memoryview(b"x" * 100)
    headers = [("Date", "today")]
    assert joined(large.gather_head("200 OK", headers, view, end)) == small.encode_head(
        "200 OK", headers, bytes(view), end
    )
    if not end:
        assert joined(large.gather_body(view, True)) == small.encode_body(bytes(view), True)


def test_without_length_HTTP_1_0_ends_by_close() -> None:
    connection = asked(b"GET / HTTP/1.0", b"Connection: keep-alive")
    data = connection.encode_head("200 OK", [], b"one", False) + connection.encode_body(b"two", True)
    assert only(data).body == b"onetwo"
    assert connection.ends_by_close


@pytest.mark.parametrize(
    ("headers", "pieces"), [([("Content-Length", "9")], [(b"", 9)]), ([], [(b"9\r\n", 9), (b"\r\n", 0)])]
)
def test_a_file(headers: list[tuple[str, str]], pieces: list[tuple[bytes, int]]) -> None:
    connection = asked()
    connection.encode_head("200 OK", headers, b"", False)
    assert list(connection.frame_file(9)) == pieces


def test_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    for now in (784111777.9, 784111778.0, 951782400.0):
        monkeypatch.setattr("gateways.adapters.http.answer.time", lambda now=now: now)
        response = only(asked().encode_head("200 OK", [], b"", True))
        assert parsedate_to_datetime(response.header("Date")).timestamp() == int(now)
    monkeypatch.undo()


def test_there_is_no_stream_for_errors_and_no_sign_for_a_break() -> None:
    connection = asked()
    assert (connection.encode_errors(b"text"), connection.encode_abort(), connection.complete()) == (b"", b"", b"")
