"""gateways.adapters.undecided: bytes are held until they say which protocol they are of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapters.undecided import Undecided
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.drive import cut

SAMPLES = {
    "FastCGI": wire.request(),
    "SCGI": wire.scgi(),
    "uwsgi": wire.uwsgi(),
    "AJP13": b"\x12\x34\x00\x01\x0a",
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
}


@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.integers(0, 40), max_size=12))
def test_any_segmentation_gives_the_same_protocol(name: str, points: list[int]) -> None:
    undecided = Undecided()
    sent = b""
    for piece in cut(SAMPLES[name], points):
        found = undecided.decide(piece)
        if found is not None:
            break
        undecided.receive_data(piece)
        sent += piece
        assert undecided.held == sent
        assert undecided.next_event() is None
        assert not undecided.idle
    assert found == name
    assert SAMPLES[name].startswith(undecided.held)


def test_nothing_received_yet() -> None:
    undecided = Undecided()
    assert undecided.idle
    assert undecided.next_event() is None
    assert undecided.held == b""


@pytest.mark.parametrize("pieces", [[b"SSH-2.0-OpenSSH"], [b"EHLO", b" x"], [b"\xff"], [bytes(4), bytes(4)]])
def test_what_is_none_is_refused_without_an_answer(pieces: list[bytes]) -> None:
    undecided = Undecided()
    for piece in pieces[:-1]:
        assert undecided.decide(piece) is None
        undecided.receive_data(piece)
    with pytest.raises(ProtocolError, match="are of no protocol that is known here") as caught:
        undecided.decide(pieces[-1] + b" more")
    assert caught.value.status == ""
