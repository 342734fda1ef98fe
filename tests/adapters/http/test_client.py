"""gateways.adapters.http.client: requests out, responses in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.events import Request
from gateways.adapters.http.client import ClientConnection
from gateways.adapters.http.ends import Ends
from gateways.adapters.http.server import ServerConnection
from gateways.client.variables import variables_for
from gateways.errors import ProtocolError, TruncatedResponse
from tests.support.drive import cut

GET = variables_for("GET", "/a%20b?c", [("Host", "example.test"), ("X-Y", "z")])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"


def asked(keep: bool = True) -> ClientConnection:
    connection = ClientConnection()
    assert connection.start(GET, keep) + connection.end_body()
    return connection


def events(connection: ClientConnection, *pieces: bytes) -> list[object]:
    """Take all events; pieces of the response are joined."""
    found: list[object] = []
    for piece in pieces:
        connection.receive_data(piece)
        while (event := connection.next_event()) is not None:
            if isinstance(event, Stdout) and found and isinstance(found[-1], bytes):
                found[-1] += event.data
            else:
                found.append(event.data if isinstance(event, Stdout) else event)
            if isinstance(event, End):
                break
    return found


def test_a_request_without_a_body() -> None:
    connection = ClientConnection()
    assert connection.start(GET, keep=True) + connection.end_body() == (
        b"GET /a%20b?c HTTP/1.1\r\nHost: example.test\r\nX-Y: z\r\n\r\n"
    )


def test_a_request_with_a_body() -> None:
    connection = ClientConnection()
    variables = variables_for("PUT", "/", [("Host", "h"), ("Content-Type", "x/y")], 5)
    head = connection.start(variables)
    assert head.startswith(b"PUT / HTTP/1.1\r\n")
    assert b"Content-Length: 5\r\nContent-Type: x/y\r\n" in head
    assert b"Connection: close\r\n" in head
    assert connection.send_body(b"hello") + connection.end_body() == b"hello"


def test_a_body_of_unknown_length_is_chunked() -> None:
    connection = ClientConnection()
    assert connection.start(variables_for("PUT", "/", [("Host", "h")]), keep=True) == b""
    data = connection.send_body(b"hel") + connection.send_body(b"lo") + connection.end_body()
    assert data == (b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")


def test_a_path_without_a_target_is_encoded() -> None:
    connection = ClientConnection()
    connection.start([(b"HTTP_HOST", b"h"), (b"SCRIPT_NAME", b"/a"), (b"PATH_INFO", b"/b c"), (b"QUERY_STRING", b"d")])
    assert connection.end_body().startswith(b"GET /a/b%20c?d HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "variable", [(b"MY_OWN", b"1"), (b"HTTP_X", b"a\r\nb: c"), (b"HTTP_X Y", b""), (b"REQUEST_URI", b"/a b")]
)
def test_what_cannot_be_sent(variable: tuple[bytes, bytes]) -> None:
    connection = ClientConnection()
    with pytest.raises(ValueError, match="cannot be sent"):
        connection.start([*GET, variable])


@pytest.mark.parametrize(
    "response",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    ],
    ids=["length", "chunks", "interim"],
)
def test_a_response(response: bytes) -> None:
    head, end = events(asked(), response)
    assert isinstance(head, bytes)
    assert head.startswith(b"Status: 200 OK\r\n")
    assert head.endswith(b"\r\n\r\nhello")
    assert b"X: y\r\n" in head
    assert b"Transfer" not in head
    assert end == End()


def test_a_connection_is_used_again() -> None:
    connection = asked()
    assert not connection.reusable
    for _ in range(2):
        assert events(connection, OK)[-1] == End()
        assert connection.reusable
        assert connection.start(GET, keep=True) + connection.end_body()
        assert not connection.reusable


@pytest.mark.parametrize(
    "response", [OK.replace(b"X: y", b"Connection: close"), OK.replace(b"1.1", b"1.0", 1), OK + b"x"]
)
def test_a_connection_that_is_not_used_again(response: bytes) -> None:
    connection = asked()
    assert events(connection, response)[-1] == End()
    assert not connection.reusable
    closing = asked(keep=False)
    events(closing, OK)
    assert not closing.reusable


def test_a_response_until_the_end_of_the_connection() -> None:
    found = events(asked(), b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", b"")
    assert found == [b"Status: 200 OK\r\n\r\nhello", End()]


@pytest.mark.parametrize(
    "response", [b"", OK[:-1], OK[:20], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"]
)
def test_a_response_that_breaks_off(response: bytes) -> None:
    with pytest.raises(TruncatedResponse):
        events(asked(), response, b"")


@pytest.mark.parametrize("response", [b"Status: 200 OK\r\n\r\n", b"\x01\x06\0\1\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"])
def test_what_is_no_response(response: bytes) -> None:
    with pytest.raises(ProtocolError):
        events(asked(), response)


@given(st.lists(st.integers(0, 999), max_size=6))
def test_any_segmentation_of_a_response_is_the_same(points: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
    assert events(asked(), *cut(data, [point % len(data) for point in points])) == [
        b"Status: 200 OK\r\n\r\nhello!",
        End(),
    ]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.booleans())
def test_a_round_trip(blocks: list[bytes], known: bool) -> None:
    """What the client sends is what our own server makes the same variables of."""
    body = b"".join(blocks)
    variables = variables_for("POST", "/a%20b?c", [("Host", "h"), ("X-Y", "z")], len(body) if known else None)
    client, server = ClientConnection(), ServerConnection(ends=Ends(("127.0.0.1", 0), ("127.0.0.1", 80)))
    data = client.start(variables, keep=True)
    server.receive_data(b"".join([data, *map(client.send_body, blocks), client.end_body()]))
    request = server.next_event()
    assert isinstance(request, Request)
    sent = dict(variables)
    found = dict(request.variables)
    for name in (b"REQUEST_METHOD", b"REQUEST_URI", b"PATH_INFO", b"QUERY_STRING", b"HTTP_HOST", b"HTTP_X_Y"):
        assert found[name] == sent[name]
    received = b""
    while piece := server.next_event():
        assert isinstance(piece, bytes)
        received += piece
    assert received == body
    answer = server.encode_head("200 OK", [], b"first ", False) + server.encode_body(b"second", True)
    head, end = events(client, answer)
    assert isinstance(head, bytes)
    assert head.endswith(b"first second")
    assert (end, client.reusable) == (End(), True)
