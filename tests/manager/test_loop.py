"""Descriptors and what they call."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from gateways.manager.loop import WRITE, Loop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_is_readable_is_called(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    loop, calls = Loop(), []
    loop.watch(ours.fileno(), calls.append)
    loop.turn(0)
    assert calls == []
    theirs.send(b"x")
    loop.turn(10)
    assert len(calls) == 1


def test_what_is_watched_anew_is_called_as_it_is_now(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    loop, calls = Loop(), []
    loop.watch(ours.fileno(), pytest.fail)
    loop.watch(ours.fileno(), calls.append, WRITE)
    loop.turn(10)
    assert calls == [WRITE]


def test_one_that_another_call_has_unwatched_is_left_out() -> None:
    loop, calls = Loop(), []
    pipes = [os.pipe(), os.pipe()]

    def first(events: int) -> None:
        calls.append(events)
        for read, _ in pipes:
            loop.unwatch(read)

    for read, write in pipes:
        os.write(write, b"x")
        loop.watch(read, first)
    loop.turn(10)
    assert len(calls) == 1
    loop.unwatch(pipes[0][0])
    for read, write in pipes:
        os.close(read)
        os.close(write)
