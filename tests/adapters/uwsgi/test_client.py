"""gateways.adapters.uwsgi.client: requests out, answers in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters import uwsgi
from gateways.adapters.cgiresponse import End, HeadParser, Stdout
from gateways.adapters.uwsgi.client import ClientConnection, encode_request
from gateways.errors import ProtocolError, TruncatedResponse
from tests.support import wire
from tests.support.drive import cut


def test_the_example_of_the_specification() -> None:
    """Protocol.rst has one pair of it: 0E 00 REQUEST_METHOD 03 00 GET."""
    assert encode_request([(b"REQUEST_METHOD", b"GET")]) == b"\0\x15\0\0\x0e\0REQUEST_METHOD\x03\0GET"
    assert encode_request([], 30) == b"\x1e\0\0\0"


@pytest.mark.parametrize(
    "variables",
    [
        [(b"", b"x")],  # U13
        [(b"A\0", b"x")],
        [(b"A", b"x\0y")],  # U22
        [(b"A", b"x" * 65536)],
        [(b"A", b"x" * 40000), (b"B", b"x" * 40000)],  # U24
    ],
)
def test_what_does_not_fit_is_not_sent(variables: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ValueError, match="uwsgi"):
        encode_request(variables)


def drive(pieces: list[bytes]) -> bytes:
    """What the connection hands on of a whole answer in ``pieces``."""
    connection = ClientConnection()
    received = b""
    for piece in [*filter(None, pieces), b""]:
        connection.receive_data(piece)
        while (event := connection.next_event()) is not None:
            if isinstance(event, Stdout):
                received += event.data
    assert event is None
    assert not connection.reusable
    return received


@given(st.sampled_from([b"", b"Status: 404 Gone\r\n", b"X"]), st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_U02_any_segmentation_of_cgi_form_is_handed_on_as_it_is(start: bytes, data: bytes, points: list[int]) -> None:
    if not b"HTTP/".startswith((start + data)[:5]):
        assert drive(cut(start + data, points)) == start + data


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_U02_a_status_line_becomes_a_header(data: bytes, points: list[int]) -> None:
    assert drive(cut(b"HTTP/1.1 404 Not Found\r\n" + data, points)) == b"Status: 404 Not Found\r\n" + data


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"HTTP/1.0 200\n", b"200"), (b"HTTP/1.1 200 \r\n", b"200"), (b"HTTP/1.1  299 A b\r\n", b"299 A b")],
)
def test_the_forms_of_a_status_line(line: bytes, status: bytes) -> None:
    assert drive([line + b"A: b\r\n\r\n"]) == b"Status: " + status + b"\r\nA: b\r\n\r\n"


def test_what_is_handed_on_is_a_head_of_cgi() -> None:
    protocol = uwsgi.ServerConnection()
    head = HeadParser().feed(drive([protocol.encode_head("204 No Content", [("A", "b")], b"", True)]))
    assert head is not None
    assert (head.status, head.reason, head.headers) == (204, "No Content", [("A", "b")])


@pytest.mark.parametrize("line", [b"HTTP/1.1 20 OK\r\n", b"HTTP/1.1 OK\r\n", b"HTTP/x\n", b"HTTP/" + b"x" * 70_000])
def test_a_status_line_that_is_none(line: bytes) -> None:
    connection = ClientConnection()
    connection.receive_data(line)
    with pytest.raises(ProtocolError, match="not a status line"):
        connection.next_event()


@pytest.mark.parametrize("data", [b"", b"H", b"HTTP/1.1 200"])
def test_a_connection_closed_too_early_is_an_error(data: bytes) -> None:
    connection = ClientConnection()
    connection.start(wire.GET)
    assert connection.next_event() is None
    for piece in dict.fromkeys((data, b"")):
        connection.receive_data(piece)
    with pytest.raises(TruncatedResponse, match=r"does it speak uwsgi|inside the status line"):
        connection.next_event()


def test_the_end_comes_once() -> None:
    connection = ClientConnection()
    connection.receive_data(b"A: b\r\n\r\n")
    connection.receive_data(b"")
    assert [connection.next_event() for _ in range(3)] == [Stdout(b"A: b\r\n\r\n"), End(), None]
