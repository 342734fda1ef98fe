"""gateways.adapters.ajp.client: the web server's side, against packets made by hand."""

from __future__ import annotations

from struct import pack

import pytest

from gateways.adapters.ajp.client import ClientConnection
from gateways.adapters.cgiresponse import End, Stdout
from gateways.errors import ProtocolError, TruncatedResponse
from tests.support import wire

VARIABLES = [*wire.GET, (b"REMOTE_PORT", b"4711")]


def packet(payload: bytes) -> bytes:
    return b"AB" + pack(">H", len(payload)) + payload


def head(*headers: bytes, status: int = 200, reason: bytes | None = b"OK") -> bytes:
    """SEND_HEADERS; each of the headers is encoded already."""
    return packet(pack(">BH", 4, status) + wire.ajp_string(reason) + pack(">H", len(headers)) + b"".join(headers))


def chunk(data: bytes) -> bytes:
    return packet(pack(">BH", 3, len(data)) + data + b"\0")


def end(reuse: int = 1) -> bytes:
    return packet(bytes((5, reuse)))


def get_body(size: int) -> bytes:
    return packet(pack(">BH", 6, size))


def started(length: int = 0, keep: bool = True) -> ClientConnection:
    connection = ClientConnection()
    connection.start([*VARIABLES, (b"CONTENT_LENGTH", b"%d" % length)], keep)
    return connection


def events(connection: ClientConnection, data: bytes) -> list[object]:
    connection.receive_data(data)
    found: list[object] = []
    while (event := connection.next_event()) is not None:
        found.append(event)
    return found


TYPE = b"\xa0\x01" + wire.ajp_string(b"text/plain")
OTHER = wire.ajp_string(b"X-A") + wire.ajp_string(b"b")


def test_a_response() -> None:
    connection = started()
    data = head(TYPE, OTHER) + chunk(b"he") + chunk(b"") + chunk(b"llo") + end()
    expected = [
        Stdout(b"Status: 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\n"), Stdout(b"he"), Stdout(b"llo"), End(),
    ]  # fmt: skip
    assert events(connection, data) == expected
    assert connection.reusable
    pieces = started()
    assert [event for at in range(len(data)) for event in events(pieces, data[at : at + 1])] == expected


@pytest.mark.parametrize(("keep", "reuse"), [(True, 0), (False, 1)])
def test_a_connection_that_ends_with_its_request(keep: bool, reuse: int) -> None:
    connection = started(keep=keep)
    events(connection, head(TYPE) + end(reuse))
    assert not connection.reusable


def test_the_next_request() -> None:
    connection = started()
    assert not connection.reusable
    with pytest.raises(RuntimeError):
        connection.start(VARIABLES)
    events(connection, head(TYPE) + end())
    assert connection.start(VARIABLES).startswith(b"\x12\x34")


def test_the_body_is_sent_as_it_is_asked_for() -> None:
    body = bytes(range(256)) * 80
    connection = started(len(body))
    assert connection.hungry
    assert connection.send_body(body[:15000]) == wire.ajp_body(body[:8186]), "the first piece, unasked"
    assert not connection.hungry
    assert connection.more() == b""
    assert events(connection, get_body(5000)) == []
    assert connection.more() == wire.ajp_body(body[8186:13186])
    events(connection, get_body(65535))
    assert connection.more() == wire.ajp_body(body[13186:15000])
    events(connection, get_body(8186))
    assert connection.more() == b"", "the application waits, and so do we"
    assert connection.hungry
    assert connection.send_body(body[15000:]) == wire.ajp_body(body[15000:])
    assert events(connection, head(TYPE) + end())[-1] == End()
    assert connection.reusable


def test_an_application_that_asks_for_too_much_gets_the_end() -> None:
    connection = started(5)
    assert connection.send_body(b"hello") == wire.ajp_body(b"hello")
    events(connection, get_body(8186))
    assert connection.end_body() == wire.ajp_body(b"")


def test_a_body_that_was_not_sent_keeps_the_connection_from_another_request() -> None:
    connection = started(10_000)
    connection.send_body(b"x" * 10_000)
    assert events(connection, head(TYPE) + end())[-1] == End()
    assert not connection.reusable


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="http"),
        pytest.param(b"A\x01", id="magic"),
        pytest.param(b"AB\0\0", id="empty"),
        pytest.param(chunk(b"x"), id="body-first"),
        pytest.param(end(), id="end-first"),
        pytest.param(head(TYPE) * 2, id="two-heads"),
        pytest.param(head(b"\xa0\x0c" + wire.ajp_string(b"x")), id="unknown-code"),
        pytest.param(head(b"\xa0\x01\xff"), id="header-past-the-end"),
        pytest.param(head(wire.ajp_string(b"A") + wire.ajp_string(b"x\r\nB: y")), id="line-break"),
        pytest.param(head(reason=b"OK\r\nX: y"), id="line-break-in-the-reason"),
        pytest.param(head(TYPE) + packet(b"\x03\0\x05hell"), id="chunk-that-lies"),
        pytest.param(head(TYPE) + packet(b"\x03\0"), id="chunk-without-a-length"),
        pytest.param(head(TYPE) + packet(b"\x07"), id="shutdown"),
        pytest.param(head(TYPE) + end() + chunk(b"x"), id="after-the-end"),
    ],
)
def test_what_no_application_may_send(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        events(started(), data)
    assert caught.value.status == "502 Bad Gateway"


@pytest.mark.parametrize("data", [b"", head(TYPE), head(TYPE) + chunk(b"x"), head(TYPE)[:9]])
def test_a_connection_that_ends_too_early(data: bytes) -> None:
    connection = started()
    if data:
        events(connection, data)
    connection.receive_data(b"")
    with pytest.raises(TruncatedResponse):
        connection.next_event()
