"""gateways.adapters.incoming: what the web server's sides have in common. Their own tests look at it, too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters import scgi, uwsgi
from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.events import Request
from gateways.adapters.incoming import Incoming
from gateways.adapters.scgi.client import ClientConnection as Scgi
from gateways.adapters.uwsgi.client import ClientConnection as Uwsgi
from gateways.errors import TruncatedResponse
from tests.support import wire
from tests.support.drive import cut

SIDES = [(Scgi, scgi.ServerConnection), (Uwsgi, uwsgi.ServerConnection)]
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9).map(str.encode)
values = st.binary(max_size=30).map(lambda value: value.replace(b"\0", b""))


def test_a_byte_is_an_answer_and_the_end_is_none() -> None:
    incoming = Incoming()
    incoming.receive_data(b"")
    assert not incoming.answered
    incoming.receive_data(b"x")
    assert incoming.answered


@pytest.mark.parametrize(("client", "server"), SIDES, ids=["scgi", "uwsgi"])
@given(
    variables=st.dictionaries(names, values, max_size=6),
    body=st.binary(max_size=100),
    points=st.lists(st.integers(0, 300), max_size=5),
)
def test_a_round_trip_with_our_server(
    client: type[Scgi | Uwsgi],
    server: type[scgi.ServerConnection | uwsgi.ServerConnection],
    variables: dict[bytes, bytes],
    body: bytes,
    points: list[int],
) -> None:
    ours, theirs = client(), server()
    variables.pop(b"SCGI", None)
    variables[b"CONTENT_LENGTH"] = b"%d" % len(body)
    sent = ours.start(variables.items()) + ours.send_body(body) + ours.end_body() + ours.more()
    received = b""
    request = None
    for piece in cut(sent, points):
        theirs.receive_data(piece)
        while (event := theirs.next_event()) is not None:
            if isinstance(event, Request):
                request = event
            elif event == b"":
                break
            else:
                assert isinstance(event, bytes)
                received += event
    assert request is not None
    assert {name: value for name, value in request.variables if name != b"SCGI"} == variables
    assert received == body


@pytest.mark.parametrize("client", [Scgi, Uwsgi])
def test_the_end_of_the_connection_is_that_of_the_response(client: type[Scgi | Uwsgi]) -> None:
    connection = client()
    connection.start(wire.GET)
    assert (connection.needs_length, connection.hungry) == (True, True)
    assert connection.next_event() is None
    connection.receive_data(b"Status: 200 OK\r\n\r\n")
    connection.receive_data(b"")
    events = [connection.next_event() for _ in range(3)]
    assert events == [Stdout(b"Status: 200 OK\r\n\r\n"), End(), None]
    assert not connection.reusable


@pytest.mark.parametrize("client", [Scgi, Uwsgi])
def test_a_connection_closed_without_a_byte_is_an_error(client: type[Scgi | Uwsgi]) -> None:
    connection = client()
    connection.start(wire.GET)
    assert connection.next_event() is None
    connection.receive_data(b"")
    with pytest.raises(TruncatedResponse, match=f"does it speak {connection.name}"):
        connection.next_event()
