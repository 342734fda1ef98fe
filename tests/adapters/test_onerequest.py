"""gateways.adapters.onerequest: what SCGI and uwsgi have in common. Their own tests hold it to account as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateways.adapters.events import Request
from gateways.adapters.scgi import ServerConnection as Scgi
from gateways.adapters.uwsgi import ServerConnection as Uwsgi
from tests.support import wire

if TYPE_CHECKING:
    from gateways.adapters.interface import ServerConnection


@pytest.fixture(params=[(Scgi, wire.scgi), (Uwsgi, wire.uwsgi)], ids=["scgi", "uwsgi"])
def protocol(request: pytest.FixtureRequest) -> ServerConnection:
    """A connection that has a request with five bytes of body, of which three are here."""
    kind, encode = request.param
    connection: ServerConnection = kind()
    connection.receive_data(encode(wire.post(5), b"abc"))
    assert isinstance(connection.next_event(), Request)
    return connection


def test_the_body_is_what_was_announced_and_no_more(protocol: ServerConnection) -> None:
    assert not protocol.input_complete
    assert [protocol.next_event(), protocol.next_event()] == [b"abc", None]
    protocol.receive_data(b"de" + wire.scgi())
    assert protocol.input_complete
    assert [protocol.next_event(), protocol.next_event(), protocol.buffered] == [b"de", b"", 0]


def test_a_corrected_length(protocol: ServerConnection) -> None:
    protocol.set_body_length(2)
    assert [protocol.next_event(), protocol.next_event()] == [b"ab", b""]


@pytest.mark.parametrize("kind", [Scgi, Uwsgi])
def test_going_on_behind_headers_that_were_parsed_elsewhere(kind: type[Scgi | Uwsgi]) -> None:
    protocol = kind()
    assert protocol.idle
    protocol.resume(False, b"ab")
    protocol.set_body_length(2)
    assert not protocol.idle
    assert [protocol.next_event(), protocol.next_event()] == [b"ab", b""]


def test_only_the_head_is_framed(protocol: ServerConnection) -> None:
    head = protocol.encode_head("200 OK", [("A", "b")], b"", False)
    assert head.endswith(b"\r\n\r\n")
    assert protocol.gather_head("200 OK", [("A", "b")], memoryview(b"x"), True) == [head, b"x"]
    assert protocol.gather_body(memoryview(b"x"), True) == [b"x"]
    assert list(protocol.frame_file(7)) == [(b"", 7)]
    assert protocol.encode_body(b"x", True) == b"x"
    assert protocol.encode_errors(b"x") == protocol.encode_abort() == protocol.complete() == b""
