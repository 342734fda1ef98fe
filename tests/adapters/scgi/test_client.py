"""gateways.adapters.scgi.client: requests out, answers in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.scgi.client import ClientConnection, encode_headers
from tests.support.drive import cut


def test_the_example_of_the_specification() -> None:
    """Section 5 of the protocol, which has CONTENT_LENGTH first and SCGI anywhere."""
    variables = [(b"REQUEST_METHOD", b"POST"), (b"REQUEST_URI", b"/deepthought"), (b"CONTENT_LENGTH", b"27")]
    assert encode_headers(variables) == (
        b"70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,"
    )


def test_without_a_length_it_is_zero() -> None:
    assert encode_headers([(b"A", b"")]) == b"27:CONTENT_LENGTH\x000\0SCGI\x001\0A\0\0,"


@pytest.mark.parametrize(
    "variables",
    [
        [(b"", b"x")],  # S16
        [(b"A\0", b"x")],
        [(b"A", b"x\0y")],
        [(b"A", b"x"), (b"A", b"x")],  # S17
        [(b"CONTENT_LENGTH", b"5"), (b"CONTENT_LENGTH", b"3")],  # S18
        [(b"SCGI", b"2")],  # S06
        [(b"CONTENT_LENGTH", b"")],  # S19-S22
        [(b"CONTENT_LENGTH", b"-1")],
        [(b"CONTENT_LENGTH", b"+5")],
    ],
)
def test_what_scgi_forbids_is_not_sent(variables: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ValueError, match="SCGI"):
        encode_headers(variables)


@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_S02_any_segmentation_gives_the_same_response(data: bytes, points: list[int]) -> None:
    connection = ClientConnection()
    received = b""
    for piece in filter(None, cut(data, points)):
        connection.receive_data(piece)
        while (event := connection.next_event()) is not None:
            assert isinstance(event, Stdout)
            received += event.data
    assert received == data
    connection.receive_data(b"")
    assert connection.next_event() == End()
    assert connection.next_event() is None
    assert not connection.reusable
