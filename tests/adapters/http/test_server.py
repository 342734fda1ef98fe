"""gateways.adapters.http.server: the states of a connection. The numbered cases are in tests/server."""

from __future__ import annotations

import pytest

from gateways.adapters.events import Limits, Request
from gateways.adapters.http.server import MAX_DRAIN, ServerConnection
from gateways.errors import ProtocolError
from tests.support.httpwire import chunked, only, post, post_chunked, request

GET = request()


def receive(data: bytes, connection: ServerConnection | None = None) -> tuple[ServerConnection, Request]:
    connection = connection or ServerConnection()
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, Request)
    return connection, event


def answer(connection: ServerConnection) -> bytes:
    return connection.encode_head("200 OK", [], b"ok", True)


def test_between_requests_it_is_idle() -> None:
    connection = ServerConnection()
    assert (connection.idle, connection.next_event()) == (True, None)
    connection.receive_data(b"G")
    assert (connection.idle, connection.next_event(), connection.buffered) == (False, None, 1)
    receive(GET[1:], connection)
    assert (connection.idle, connection.input_complete, connection.next_event()) == (False, True, b"")
    answer(connection)
    assert (connection.idle, connection.next_event()) == (True, None)


def test_an_empty_line_between_requests_leaves_it_idle() -> None:
    connection, _ = receive(GET)
    answer(connection)
    connection.receive_data(b"\r\n")
    assert (connection.next_event(), connection.idle) == (None, True)


def test_the_next_request_waits_for_the_end_of_the_response() -> None:
    connection, _ = receive(GET + GET)
    assert [connection.next_event(), connection.next_event()] == [b"", b""]
    answer(connection)
    assert isinstance(connection.next_event(), Request)


@pytest.mark.parametrize("early", [True, False])
def test_a_body_that_is_not_read_is_skipped(early: bool) -> None:
    data = post(b"x" * MAX_DRAIN)
    connection, event = receive(data[:-MAX_DRAIN])
    if early:
        connection.receive_data(data[-MAX_DRAIN:])
    assert only(answer(connection)).header("Connection") == ""
    assert event.keep
    if not early:
        assert (connection.next_event(), connection.idle, connection.input_complete) == (None, False, False)
        connection.receive_data(data[-MAX_DRAIN:])
    connection.receive_data(GET)
    assert isinstance(connection.next_event(), Request)


@pytest.mark.parametrize("data", [post(b"x" * (MAX_DRAIN + 1))[: -MAX_DRAIN - 1], post_chunked(b"")])
def test_what_is_too_much_to_skip_ends_the_connection(data: bytes) -> None:
    connection, event = receive(data)
    assert only(answer(connection)).header("Connection") == "close"
    assert not event.keep
    assert not connection.input_complete
    connection.receive_data(GET * 10)
    assert (connection.next_event(), connection.input_complete) == (None, False)
    assert connection.buffered == 0


def test_the_end_of_a_chunked_body_is_noticed_behind_the_last_response() -> None:
    connection, _ = receive(post_chunked(b""))
    answer(connection)
    connection.receive_data(chunked(b"x"))
    assert (connection.next_event(), connection.input_complete) == (b"", True)


def test_what_comes_behind_the_last_request_is_left() -> None:
    connection, event = receive(request(b"GET / HTTP/1.1", b"Connection: close") + GET)
    answer(connection)
    assert not event.keep
    assert (connection.next_event(), connection.input_complete) == (b"", False)


def test_100_is_asked_for_once_and_only_by_the_first_read() -> None:
    connection, _ = receive(request(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
    assert connection.outgoing == []
    assert (connection.next_event(), connection.outgoing) == (None, [b"HTTP/1.1 100 Continue\r\n\r\n"])
    connection.outgoing.clear()
    assert (connection.next_event(), connection.outgoing) == (None, [])
    connection.receive_data(b"hello")
    assert [connection.next_event(), connection.next_event()] == [b"hello", b""]
    assert only(answer(connection)).header("Connection") == ""


def test_a_client_that_still_waits_for_100_is_told_that_the_connection_closes() -> None:
    connection, event = receive(request(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
    assert only(answer(connection)).header("Connection") == "close"
    assert not event.keep
    connection.next_event()
    assert connection.outgoing == []


def test_a_server_that_stops_closes() -> None:
    stopping = False
    connection = ServerConnection(stopping=lambda: stopping)
    receive(GET, connection)
    assert only(answer(connection)).header("Connection") == ""
    receive(GET, connection)
    stopping = True
    assert only(answer(connection)).header("Connection") == "close"


def test_behind_an_error_nothing_is_parsed() -> None:
    connection = ServerConnection()
    connection.receive_data(b"GET / HTTP/1.1\r\nbad\r\n\r\n" + GET)
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert caught.value.status == "400 Bad Request"
    assert only(answer(connection)).header("Connection") == "close"
    connection.receive_data(GET)
    assert connection.next_event() == b""


def test_an_error_in_a_body_is_told_to_every_read_and_ends_the_connection() -> None:
    connection, event = receive(post_chunked(b"x\r\n"))
    for _ in range(2):
        with pytest.raises(ProtocolError):
            connection.next_event()
    assert only(answer(connection)).header("Connection") == "close"
    assert not event.keep
    assert connection.next_event() is None
    assert not connection.input_complete


def test_an_error_behind_a_HEAD_has_a_body() -> None:
    connection, _ = receive(request(b"HEAD / HTTP/1.1"))
    answer(connection)
    connection.receive_data(b"bad\r\n")
    with pytest.raises(ProtocolError):
        connection.next_event()
    assert only(answer(connection)).body == b"ok"


def test_limits() -> None:
    for data, status in (
        (b"GET /" + b"a" * 16384, "414 URI Too Long"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5, "431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 100, "431 Request Header Fields Too Large"),
    ):
        connection = ServerConnection(Limits(100, 4))
        connection.receive_data(data)
        with pytest.raises(ProtocolError) as caught:
            connection.next_event()
        assert caught.value.status == status
