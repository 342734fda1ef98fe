"""Bytes pass unchanged, ends and resets as well; a reader that is slow slows the writer down; nothing is kept."""

from __future__ import annotations

import contextlib
import hashlib
import random
import select
import socket
import threading
from collections.abc import Iterator
from struct import pack

import pytest

from gateways.trace.relay import Relay
from tests.support.serving import PATIENCE, until

MIB = 1 << 20


class Watching:
    """Keeps what passed, and says whether the connection is idle."""

    def __init__(self) -> None:
        self.idle = True
        self.sent = {False: b"", True: b""}
        self.over: list[bool] = []
        self.ends: list[tuple[bool, bool]] = []

    def passed(self, backend: bool, data: bytes) -> None:
        if data:
            self.sent[backend] += data
        else:
            self.over.append(backend)

    def closed(self, backend: bool, reset: bool) -> None:
        self.ends.append((backend, reset))


class Relayed:
    """A relay in a thread, with the far ends of both connections."""

    def __init__(self, tcp: bool) -> None:
        self.watch = Watching()
        self.server, front = _pair(tcp)
        self.backend, back = _pair(tcp)
        self.relay = Relay(front, back, self.watch)
        self.result: list[bool] = []
        self.thread = threading.Thread(target=lambda: self.result.append(self.relay.run()))
        self.thread.start()

    def join(self) -> bool:
        self.thread.join(PATIENCE)
        assert self.result, "the relay does not end"
        return self.result[0]


def _pair(tcp: bool) -> tuple[socket.socket, socket.socket]:
    if not tcp:
        ends = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near = socket.create_connection(listener.getsockname())
            ends = (near, listener.accept()[0])
    ends[0].settimeout(PATIENCE)
    return ends


@pytest.fixture(params=["unix", "tcp"])
def relayed(request: pytest.FixtureRequest) -> Iterator[Relayed]:
    found = Relayed(request.param == "tcp")
    try:
        yield found
    finally:
        found.server.close()
        found.backend.close()
        found.relay.stop(0)
        found.thread.join(PATIENCE)


def read_all(sock: socket.socket) -> bytes:
    parts = []
    while piece := sock.recv(65536):
        parts.append(piece)
    return b"".join(parts)


def test_both_directions_and_both_ends(relayed: Relayed) -> None:
    relayed.server.sendall(b"question")
    assert relayed.backend.recv(100) == b"question"
    relayed.server.shutdown(socket.SHUT_WR)
    assert relayed.backend.recv(100) == b"", "a half-close is passed on"
    relayed.backend.sendall(b"answer")
    relayed.backend.shutdown(socket.SHUT_WR)
    assert read_all(relayed.server) == b"answer"
    assert relayed.join()
    assert relayed.watch.sent == {False: b"question", True: b"answer"}
    assert relayed.watch.over == [False, True]


def test_every_byte_of_megabytes_both_ways_at_once(relayed: Relayed) -> None:
    blocks = {name: random.Random(name).randbytes(3 * MIB) for name in ("to", "from")}
    senders = [
        threading.Thread(target=_send, args=(sock, blocks[name]))
        for sock, name in ((relayed.server, "to"), (relayed.backend, "from"))
    ]
    received: dict[str, bytes] = {}
    readers = [
        threading.Thread(target=lambda s=sock, n=name: received.update({n: read_all(s)}))
        for sock, name in ((relayed.backend, "to"), (relayed.server, "from"))
    ]
    for thread in (*senders, *readers):
        thread.start()
    for thread in (*senders, *readers):
        thread.join(PATIENCE)
    assert {name: hashlib.sha256(data).digest() for name, data in received.items()} == {
        name: hashlib.sha256(data).digest() for name, data in blocks.items()
    }
    assert relayed.join()
    assert relayed.watch.sent == {False: blocks["to"], True: blocks["from"]}


def _send(sock: socket.socket, data: bytes) -> None:
    sizes = random.Random(1)
    at = 0
    while at < len(data):
        size = sizes.choice((1, 7, 1000, 65536, 200_000))
        sock.sendall(data[at : at + size])
        at += size
    sock.shutdown(socket.SHUT_WR)


def test_a_reader_that_does_not_read_stops_the_writer(relayed: Relayed) -> None:
    """Or all that a backend can say would be kept here."""
    sent: list[bool] = []

    def send() -> None:
        with contextlib.suppress(OSError):
            relayed.backend.sendall(bytes(64 * MIB))
            sent.append(True)

    sender = threading.Thread(target=send)
    sender.start()
    front = relayed.relay._front
    poll = select.poll()
    poll.register(front.sock, select.POLLOUT)
    until(lambda: front.waiting and not poll.poll(0))  # what the system keeps is full
    relayed.server.close()
    sender.join(PATIENCE)
    assert sent == []
    assert relayed.join()
    assert 0 < len(relayed.watch.sent[True]) < 64 * MIB


def test_a_reset_is_passed_on() -> None:
    relayed = Relayed(tcp=True)
    relayed.server.sendall(b"question")
    assert relayed.backend.recv(100) == b"question"
    relayed.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    relayed.server.close()
    with pytest.raises(ConnectionResetError), relayed.backend:
        relayed.backend.recv(100)
    assert relayed.join()
    assert relayed.watch.ends == [(False, True)]


def test_a_backend_that_answers_and_reads_no_more(relayed: Relayed) -> None:
    """It may refuse an upload: what it has said arrives, and the rest of the upload is dropped."""
    relayed.backend.sendall(b"413")
    relayed.backend.shutdown(socket.SHUT_WR)
    assert read_all(relayed.server) == b"413"
    relayed.server.close()
    assert relayed.join()


def test_a_web_server_that_leaves_is_noticed_by_the_backend(relayed: Relayed) -> None:
    relayed.server.sendall(b"question")
    assert relayed.backend.recv(100) == b"question"
    relayed.server.close()
    assert relayed.backend.recv(100) == b""
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        _send(relayed.backend, bytes(64 * MIB))
    assert relayed.join()


def test_an_idle_connection_ends_when_asked(relayed: Relayed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.trace.relay._FRESH", 0.01)
    relayed.relay.stop(PATIENCE)
    assert relayed.join()
    assert relayed.server.recv(10) == b""


def test_what_is_on_its_way_when_all_ends_is_not_lost(relayed: Relayed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has connected is about to ask, and may have asked already."""
    monkeypatch.setattr("gateways.trace.relay._FRESH", PATIENCE)
    relayed.relay.stop(PATIENCE)
    relayed.server.sendall(b"question")
    assert relayed.backend.recv(100) == b"question"
    assert relayed.join()


def test_a_request_in_hand_is_finished_first(relayed: Relayed) -> None:
    relayed.watch.idle = False
    relayed.server.sendall(b"question")
    assert relayed.backend.recv(100) == b"question"
    relayed.relay.stop(PATIENCE)
    relayed.backend.sendall(b"answer")
    assert relayed.server.recv(100) == b"answer"
    assert relayed.thread.is_alive()
    relayed.watch.idle = True
    assert relayed.join()


def test_a_request_that_does_not_end_is_broken_off(relayed: Relayed) -> None:
    relayed.watch.idle = False
    relayed.relay.stop(0)
    assert not relayed.join()
