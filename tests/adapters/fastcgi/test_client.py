"""gateways.adapters.fastcgi.client: requests out, answers in, against records made by hand and our own server side."""

from __future__ import annotations

from struct import pack
from typing import Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters import fastcgi
from gateways.adapters.cgiresponse import End, Stderr, Stdout
from gateways.adapters.events import Request
from gateways.adapters.fastcgi.client import ClientConnection, Event
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import cut

Outcome = list[Union[Event, str]]


def answer(id: int = 1, app_status: int = 0, protocol_status: int = 0, padding: int = 0) -> bytes:
    """Write what an application sends for a request."""
    return (
        wire.record(wire.STDOUT, id, b"Status: 200 OK\r\n\r\n", padding)
        + wire.record(wire.STDERR, id, b"careful\n", padding)
        + wire.record(wire.STDOUT, id, b"hello", padding)
        + wire.record(wire.STDOUT, id, b"", padding)
        + end(id, app_status, protocol_status)
    )


def end(id: int = 1, app_status: int = 0, protocol_status: int = 0) -> bytes:
    return wire.record(wire.END, id, pack(">IB3x", app_status, protocol_status))


EVENTS: Outcome = [Stdout(b"Status: 200 OK\r\n\r\n"), Stderr(b"careful\n"), Stdout(b"hello"), End()]


def started(id: int = 1, keep: bool = False) -> ClientConnection:
    """Return a connection with a complete request on its way."""
    connection = ClientConnection(id)
    connection.start(wire.GET, keep)
    connection.end_body()
    return connection


def receive(connection: ClientConnection, pieces: list[bytes], eof: bool = False) -> Outcome:
    """Feed ``pieces`` and return all events; an error is the last of them, as text."""
    events: Outcome = []
    try:
        for piece in [*filter(None, pieces), *([b""] if eof else [])]:
            connection.receive_data(piece)
            while (event := connection.next_event()) is not None:
                events.append(event)
    except ProtocolError as error:
        events.append(f"{type(error).__name__}: {error}")
        with pytest.raises(type(error)):  # it stays so
            connection.next_event()
    return events


# What is sent


def test_a_request_is_what_a_web_server_sends() -> None:
    connection = ClientConnection()
    sent = connection.start(wire.GET) + connection.send_body(b"hello") + connection.end_body()
    records = list(wire.parse_records(sent))
    assert [(item.type, item.id) for item in records] == [
        (wire.BEGIN, 1),
        (wire.PARAMS, 1),
        (wire.PARAMS, 1),
        (wire.STDIN, 1),
        (wire.STDIN, 1),
    ]
    assert records[0].content == b"\0\x01\0\0\0\0\0\0"
    assert records[1].content == wire.pairs(wire.GET)
    assert [item.content for item in records[2:]] == [b"", b"hello", b""]
    assert not any(any(item.padding) or item.reserved for item in records), "CVE-2023-0836: nothing leaks in padding"


def test_keep_sets_the_flag() -> None:
    begin = next(wire.parse_records(ClientConnection().start(wire.GET, keep=True)))
    assert begin.content == b"\0\x01\x01\0\0\0\0\0"


def test_a_variable_longer_than_a_record_comes_back_intact() -> None:
    """CVE-2007-4727: a length that overflows the record makes variables of what follows."""
    long = [(b"HTTP_X", b"x" * 70000), (b"HTTP_Y", b"y")]
    server = fastcgi.ServerConnection()
    server.receive_data(ClientConnection().start(long))
    request = server.next_event()
    assert isinstance(request, Request)
    assert list(request.variables)[:2] == long


@pytest.mark.parametrize("size", [1, 65528, 65535, 65536, 200000])
def test_a_body_of_any_size_fits_its_records(size: int) -> None:
    connection = ClientConnection()
    connection.start(wire.GET)
    records = list(wire.parse_records(connection.send_body(b"x" * size)))
    assert b"".join(item.content for item in records) == b"x" * size
    assert {item.type for item in records} == {wire.STDIN}


@pytest.mark.parametrize("pair", [(b"", b"x"), (b"A\0", b"x"), (b"A", b"\0")])
def test_F21_F22_a_variable_without_a_name_or_with_nul_is_not_sent(pair: tuple[bytes, bytes]) -> None:
    connection = ClientConnection()
    with pytest.raises(ValueError, match="CGI variable"):
        connection.start([pair])
    connection.start(wire.GET)  # nothing has begun before


def test_calls_out_of_order_are_refused() -> None:
    connection = ClientConnection()
    for call in (lambda: connection.send_body(b"x"), connection.end_body, connection.abort):
        with pytest.raises(RuntimeError):
            call()
    connection.start(wire.GET)
    connection.end_body()
    for call in (lambda: connection.send_body(b"x"), connection.end_body, lambda: connection.start(wire.GET)):
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(ValueError, match="65536"):
        ClientConnection(65536)


def test_an_abort_is_one_record_and_waits_for_the_end() -> None:
    connection = started()
    assert connection.abort() == wire.record(wire.ABORT, 1)
    assert receive(connection, [end(app_status=1)]) == [End(1)]


# What is received


def test_an_answer() -> None:
    connection = started()
    assert not connection.answered
    assert receive(connection, [answer()]) == EVENTS
    assert connection.answered
    assert not connection.reusable, "it was not asked to keep the connection"


@given(st.lists(st.integers(0, 160), max_size=8), st.booleans())
def test_F03_any_segmentation_gives_the_same_events(points: list[int], eof: bool) -> None:
    assert receive(started(), cut(answer(), points), eof) == EVENTS


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=4), st.booleans())
def test_any_bytes_give_events_or_an_error(data: bytes, points: list[int], eof: bool) -> None:
    assert receive(started(), cut(data, points), eof) == receive(started(), [data] if data else [], eof)


@given(
    st.lists(
        st.tuples(st.integers(0, 13), st.integers(0, 2), st.binary(max_size=9), st.integers(0, 9)),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.integers(0, 120), max_size=4),
)
def test_any_records_give_events_or_an_error(items: list[tuple[int, int, bytes, int]], points: list[int]) -> None:
    data = b"".join(wire.record(*item) for item in items)
    assert receive(started(), cut(data, points), True) == receive(started(), [data], True)


def test_F15_padding_is_skipped() -> None:
    assert receive(started(), [answer(padding=255)]) == EVENTS


def test_F34_the_highest_id() -> None:
    assert receive(started(65535), [answer(65535)]) == EVENTS


def test_F44_the_reserved_byte_is_ignored() -> None:
    data = wire.record(wire.STDOUT, 1, b"x", reserved=255) + end()
    assert receive(started(), [data]) == [Stdout(b"x"), End()]


def test_the_empty_stdout_record_may_be_left_out() -> None:
    assert receive(started(), [wire.record(wire.STDOUT, 1, b"x") + end()]) == [Stdout(b"x"), End()]


def test_statuses_of_the_end() -> None:
    assert receive(started(), [end(app_status=0xFFFFFFFF)]) == [End(0xFFFFFFFF)]
    assert receive(started(), [end(protocol_status=wire.OVERLOADED)]) == [End(0, wire.OVERLOADED)]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"Status: 200 OK\r\n\r\n",
        b"\x02\x06\0\x01\0\0\0\0",  # F07, version 2
        wire.record(wire.STDOUT, 2, b"x"),
        wire.record(wire.STDOUT, 0, b"x"),  # F10
        wire.record(wire.STDOUT, 1) + wire.record(wire.STDOUT, 1, b"x"),  # F38, after the end of the stream
        wire.record(wire.END, 1, b"1234567"),
        wire.record(wire.END, 1, b"123456789"),
        wire.record(wire.STDIN, 1, b"x"),  # F37, wrong direction
        wire.begin(),
        wire.record(99, 1),
        wire.record(99, 0),
        wire.record(wire.GET_VALUES_RESULT, 0),  # not asked
        wire.record(wire.UNKNOWN_TYPE, 0, b"\x09" + bytes(7)),
    ],
)
def test_wrong_bytes_are_a_protocol_error(data: bytes) -> None:
    events = receive(started(), [data])
    assert isinstance(events[-1], str)
    assert events[-1].startswith("ProtocolError: the backend ")


@pytest.mark.parametrize("first", [b"H", b"HTTP/1.1"])
def test_F42_http_is_named_from_its_first_byte_on(first: bytes) -> None:
    assert "looks like HTTP" in str(receive(started(), [first])[-1])


@pytest.mark.parametrize(
    "data", [b"", b"\x01", answer()[:30], wire.record(wire.STDOUT, 1, b"x"), wire.record(wire.STDOUT, 1)]
)
def test_F40_an_end_before_end_request_is_truncated(data: bytes) -> None:
    events = receive(started(), [data] if data else [], eof=True)
    assert str(events[-1]).startswith("TruncatedResponse: ")
    assert ("without a word" in str(events[-1])) == (not data)


def test_a_response_that_our_server_breaks_off_is_truncated() -> None:
    backend = fastcgi.ServerConnection()
    backend.receive_data(wire.request(id=1))
    assert isinstance(backend.next_event(), Request)
    half = backend.encode_head("200 OK", [], b"half", False)
    events = receive(started(), [half + backend.encode_abort()])
    assert str(events[-1]).startswith("TruncatedResponse: ")


# One request after another


def test_F02_a_kept_connection_takes_the_next_request() -> None:
    connection = started(keep=True)
    assert not connection.reusable
    assert receive(connection, [answer()]) == EVENTS
    assert connection.reusable
    connection.start(wire.GET, keep=True)
    connection.end_body()
    assert not connection.answered
    assert receive(connection, [answer()]) == EVENTS


def test_F57_an_answer_before_the_end_of_the_body_leaves_nothing_to_reuse() -> None:
    connection = ClientConnection()
    connection.start(wire.GET, keep=True)
    connection.send_body(b"the first part")
    assert receive(connection, [answer()]) == EVENTS
    assert not connection.reusable
    connection.end_body()
    assert connection.reusable


@pytest.mark.parametrize("extra", [b"", end(), wire.record(wire.STDOUT, 1, b"Status: 200 OK\r\n\r\nforged")])
def test_F30_what_comes_after_the_end_never_reaches_the_next_request(extra: bytes) -> None:
    connection = started(keep=True)
    events = receive(connection, [answer() + extra], eof=not extra)
    assert events[:4] == EVENTS
    assert not connection.reusable


def test_a_late_record_of_a_finished_request_is_an_error() -> None:
    connection = started(keep=True)
    receive(connection, [answer()])
    assert "not open" in str(receive(connection, [end()])[-1])


# Our own server side


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=5))
def test_a_round_trip_with_our_server(body: bytes, response: bytes, points: list[int]) -> None:
    """Both sides of one module, wired to each other, with any cut in both directions."""
    client = ClientConnection()
    sent = client.start(wire.post(len(body))) + client.send_body(body) + client.end_body()
    server = fastcgi.ServerConnection()
    received: list[bytes] = []
    request = None
    for piece in cut(sent, points):
        server.receive_data(piece)
        while (event := server.next_event()) is not None:
            if isinstance(event, Request):
                request = event
            else:
                assert isinstance(event, bytes)
                received.append(event)
    assert request is not None
    assert (list(request.variables)[: len(wire.GET) + 1], b"".join(received)) == (list(wire.post(len(body))), body)
    events = receive(client, cut(server.encode_head("200 OK", [], response, True), points))
    assert b"".join(event.data for event in events if isinstance(event, Stdout)).endswith(b"\r\n\r\n" + response)
    assert events[-1] == End()


def test_a_filter_has_data_behind_its_body() -> None:
    connection = ClientConnection()
    sent = connection.start(wire.GET, keep=True, role=wire.FILTER) + connection.send_body(b"body")
    with pytest.raises(RuntimeError, match="no data"):
        connection.send_data(b"early")
    sent += connection.end_body() + connection.send_data(b"data")
    assert not connection.reusable
    sent += connection.end_data()
    records = list(wire.parse_records(sent))
    assert records[0].content == b"\0\3\1\0\0\0\0\0"
    assert [(item.type, item.content) for item in records[3:]] == [
        (wire.STDIN, b"body"),
        (wire.STDIN, b""),
        (wire.DATA, b"data"),
        (wire.DATA, b""),
    ]
    assert not connection.reusable
    assert receive(connection, [answer()]) == EVENTS
    assert connection.reusable
    with pytest.raises(RuntimeError, match="no data"):
        connection.end_data()


def test_an_authorizer_has_no_data() -> None:
    connection = ClientConnection()
    assert next(wire.parse_records(connection.start(wire.GET, role=wire.AUTHORIZER))).content[:2] == b"\0\2"
    connection.end_body()
    with pytest.raises(RuntimeError, match="no data"):
        connection.send_data(b"x")
