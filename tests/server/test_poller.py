"""gateways.server.poller: both ways to wait for descriptors keep the same promises."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from typing import Union

import pytest

from gateways.server import poller as module
from gateways.server.poller import SelectorPoller
from tests.support.serving import PATIENCE, until

AnyPoller = Union["module.EpollPoller", SelectorPoller]


@pytest.fixture(params=["EpollPoller", "SelectorPoller"])
def poller(request: pytest.FixtureRequest) -> Iterator[AnyPoller]:
    instance: AnyPoller = getattr(module, request.param)()
    yield instance
    instance.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_nothing_is_readable(poller: AnyPoller, pair: tuple[socket.socket, socket.socket]) -> None:
    poller.register(pair[0].fileno())
    assert poller.poll(0) == []
    started = time.monotonic()
    assert poller.poll(0.05) == []
    assert time.monotonic() - started >= 0.045


def test_what_is_readable_is_reported_until_it_is_read(
    poller: AnyPoller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.register(ours.fileno())
    theirs.send(b"x")
    assert poller.poll(None) == [ours.fileno()]
    assert poller.poll(None) == [ours.fileno()]
    ours.recv(1)
    assert poller.poll(0) == []


def test_a_closed_peer_is_readable(poller: AnyPoller, pair: tuple[socket.socket, socket.socket]) -> None:
    poller.register(pair[0].fileno())
    pair[1].close()
    assert poller.poll(None) == [pair[0].fileno()]


def test_unregistered_descriptors_are_silent(poller: AnyPoller, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    poller.register(ours.fileno())
    theirs.send(b"x")
    poller.unregister(ours.fileno())
    assert poller.poll(0) == []
    poller.register(ours.fileno())
    assert poller.poll(0) == [ours.fileno()]


def test_another_thread_registers_while_one_waits(poller: AnyPoller, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    timer = threading.Timer(0.05, poller.register, [ours.fileno()])
    timer.start()
    assert poller.poll(PATIENCE) == [ours.fileno()]
    timer.join()


def test_a_listener_shared_by_two_pollers(poller: AnyPoller) -> None:
    other = type(poller)()
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        poller.register(listener.fileno(), shared=True)
        other.register(listener.fileno(), shared=True)
        client.connect(listener.getsockname())
        until(lambda: listener.fileno() in poller.poll(0) + other.poll(0))
        poller.unregister(listener.fileno())
        other.unregister(listener.fileno())
    other.close()


def test_descriptors_above_1023(poller: AnyPoller, pair: tuple[socket.socket, socket.socket]) -> None:
    """CVE-2012-6687: ``select`` cannot."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    high = 1500
    try:
        os.dup2(pair[0].fileno(), high)
        poller.register(high)
        pair[1].send(b"x")
        assert poller.poll(None) == [high]
        poller.unregister(high)
        os.close(high)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_readable_descriptors_than_one_wait_returns(poller: AnyPoller) -> None:
    pairs = [socket.socketpair() for _ in range(100)]
    try:
        for ours, theirs in pairs:
            poller.register(ours.fileno())
            theirs.send(b"x")
        seen: set[int] = set()
        while len(seen) < len(pairs):
            for fd in poller.poll(0):
                seen.add(fd)
                poller.unregister(fd)
        assert seen == {ours.fileno() for ours, _ in pairs}
    finally:
        for ours, theirs in pairs:
            ours.close()
            theirs.close()
