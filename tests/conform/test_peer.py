"""Steps are played in order; a backend that hangs, stalls, resets or floods is seen as that, and is not waited for."""

from __future__ import annotations

import socket
import threading
from struct import pack

import pytest

from gateways.addresses import parse_address
from gateways.conform.case import HALF_CLOSE, LEAVE, RESET, Await, Drip, Flood, Step
from gateways.conform.peer import play
from gateways.conform.readers import read_fastcgi, read_stream
from gateways.conform.seen import Seen
from tests.support.backends import Act, Peer, scripted
from tests.support.serving import PATIENCE, until


def seen(act: Act, *steps: Step, timeout: float = PATIENCE, fastcgi: bool = False) -> Seen:
    with scripted(act) as backend:
        return play(parse_address(backend.address), steps, read_fastcgi if fastcgi else read_stream, timeout)


def ignore(received: bytes) -> None:
    """What came is of no interest."""


def test_steps_are_sent_in_order() -> None:
    def act(peer: Peer) -> None:
        peer.send(b"Status: 200\r\n\r\n", peer.wait_for_close())

    found = seen(act, b"one ", Drip(b"two", 1), HALF_CLOSE)
    assert found.answers[0].text == b"Status: 200\r\n\r\none two"
    assert found.end == "closed"


def test_the_second_request_waits_for_the_first_answer() -> None:
    def act(peer: Peer) -> None:
        peer.answer()
        assert peer._exactly(3) == b"two"
        peer.answer()
        assert peer.wait_for_close() == b""

    found = seen(act, Await(), b"two", Await(2), LEAVE, fastcgi=True)
    assert (len(found.answers), found.end) == (2, "left")


def test_a_backend_that_hangs() -> None:
    found = seen(lambda peer: ignore(peer.wait_for_close()), b"hello", timeout=0.05)
    assert found.end == "open"
    assert found.describe() == "left hanging"


def test_a_backend_that_resets() -> None:
    def act(peer: Peer) -> None:
        peer._exactly(1)
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))

    with scripted(act, tcp=True) as backend:
        found = play(parse_address(backend.address), (b"hello",), read_stream, PATIENCE)
    assert found.end == "reset"


def test_what_a_backend_does_not_want_is_not_sent() -> None:
    found = seen(lambda peer: peer.send(b"Status: 400\r\n\r\n"), b"x" * (8 << 20))
    assert found.end in ("closed", "reset")


def test_a_flood_that_is_not_read() -> None:
    done = threading.Event()

    def act(peer: Peer) -> None:
        assert done.wait(PATIENCE)

    with scripted(act) as backend:
        found = play(parse_address(backend.address), (Flood(bytes(65536), 1000), LEAVE), read_stream, 0.05)
        done.set()
    assert (found.flood, found.describe()) == ("stopped", "stops reading")


def test_a_flood_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.conform.peer._STALL", PATIENCE)
    found = seen(lambda peer: ignore(peer.wait_for_close()), Flood(bytes(65536), 10), LEAVE)
    assert found.flood == "taken"


def test_a_flood_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.conform.peer._STALL", PATIENCE)
    found = seen(lambda peer: None, Flood(bytes(65536), 1000), LEAVE)
    assert found.flood == "refused"


def test_a_reset_by_us() -> None:
    errors: list[BaseException] = []

    def act(peer: Peer) -> None:
        try:
            while peer.sock.recv(10):
                pass
        except ConnectionResetError as error:
            errors.append(error)

    with scripted(act, tcp=True) as backend:
        assert play(parse_address(backend.address), (b"hello", RESET), read_stream, PATIENCE).end == "left"
        until(lambda: errors)
