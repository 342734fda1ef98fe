from __future__ import annotations

import socket
import threading

import pytest

from gateways.compat.waiting import receive_exactly, send_all, wait


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_wait(pair):
    ours, theirs = pair
    assert not wait(ours, timeout=0)
    theirs.send(b"x")
    assert wait(ours, timeout=45)


def test_all_bytes_or_those_before_the_end(pair):
    ours, theirs = pair
    theirs.sendall(b"abcdef")
    theirs.close()
    assert receive_exactly(ours, 4) == b"abcd"
    assert receive_exactly(ours, 4) == b"ef"


@pytest.mark.parametrize("blocking", [True, False])
def test_more_than_a_socket_holds(pair, blocking):
    ours, theirs = pair
    ours.setblocking(blocking)
    theirs.setblocking(blocking)
    data = b"0123456789" * 200_000
    thread = threading.Thread(target=send_all, args=(ours, data))
    thread.start()
    assert receive_exactly(theirs, len(data)) == data
    thread.join()
