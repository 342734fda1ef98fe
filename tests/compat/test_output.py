from __future__ import annotations

import pytest

from gateways.compat.output import Output
from gateways.errors import ProtocolError, TruncatedResponse


@pytest.fixture
def answered():
    calls: list[object] = []

    def start_response(status, headers):
        calls.append((status, headers))
        return calls.append

    return Output(start_response), calls


@pytest.mark.parametrize("cut", range(1, 50))
def test_head_and_body_wherever_they_are_cut(answered, cut):
    output, calls = answered
    data = b"Status: 404 Gone\r\nContent-Type: text/plain\r\n\r\nbody"
    for piece in (data[:cut], data[cut:]):
        output.write(piece)
    output.end()
    assert calls[0] == ("404 Gone", [("Content-Type", "text/plain")])
    assert b"".join(calls[1:]) == b"body"


def test_the_usual_status(answered):
    output, calls = answered
    output.write(b"Content-Type: text/plain\n\n")
    assert calls == [("200 OK", [("Content-Type", "text/plain")])]


def test_no_headers_at_all(answered):
    output, _ = answered
    with pytest.raises(ProtocolError):
        output.write(b"hello, world\n\n")


def test_nothing_or_half_a_head(answered):
    output, _ = answered
    with pytest.raises(TruncatedResponse):
        output.end()
    output.write(b"Content-Type: te")
    with pytest.raises(TruncatedResponse):
        output.end()
