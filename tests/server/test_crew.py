"""The threads of a server: who leads, who serves, and that nobody waits for a slow request."""

from __future__ import annotations

import errno
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from gateways.server import crew
from gateways.server.poller import EpollPoller, SelectorPoller
from tests.support import wire
from tests.support.gate import Gate, read_answer, send_slow
from tests.support.serving import (
    Recorder,
    serving,
    until,
)


def test_slow_requests_do_not_hold_up_fast_ones(gate: Gate) -> None:
    with serving(gate, threads=8) as served:
        slow = [send_slow(served) for _ in range(7)]
        until(lambda: len(gate.entered) == 7)
        for _ in range(21):
            assert served.request().body == b"through"
        gate.opened.set()
        assert [read_answer(sock).body for sock in slow] == [b"through"] * 7
    assert gate.multithread == {True}


def test_after_many_quick_requests_a_slow_one_still_holds_up_nobody(gate: Gate) -> None:
    """The monitor looks less often while the leader is quick."""
    with serving(gate, threads=2) as served, served.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(300):
            sock.sendall(wire.request(keep=True))
            assert reader.answer().body == b"through"
        slow = send_slow(served)
        until(lambda: gate.entered)
        assert served.request().body == b"through"
        gate.opened.set()
        assert read_answer(slow).body == b"through"


@pytest.mark.parametrize("threads", [1, 3])
def test_more_slow_requests_than_threads_are_served_in_order(gate: Gate, threads: int) -> None:
    names = [str(number) for number in range(20)]
    with serving(gate, threads=threads) as served:
        slow = []
        for name in names:
            slow.append(send_slow(served, name))
            if len(slow) <= threads:
                until(lambda: len(gate.entered) == len(slow))
        assert gate.entered == names[:threads]
        gate.opened.set()
        assert all(read_answer(sock).body == b"through" for sock in slow)
    if threads == 1:
        assert gate.entered == names
    assert sorted(gate.entered) == sorted(names)
    assert len(gate.threads) <= threads


def test_with_one_thread_the_caller_serves_everything(gate: Gate) -> None:
    with serving(gate, threads=1) as served:
        for _ in range(3):
            served.request()
    assert gate.threads == {"served"}
    assert gate.multithread == {False}


def test_threads_are_started_when_they_are_needed(gate: Gate) -> None:
    with serving(gate, threads=8) as served:
        for _ in range(50):
            served.request()
        before = threading.active_count()
        slow = [send_slow(served) for _ in range(4)]
        until(lambda: len(gate.entered) == 4)
        assert threading.active_count() <= before + 4
        gate.opened.set()
        for sock in slow:
            read_answer(sock)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("gateways-")])


def test_idle_kept_connections_cost_no_thread() -> None:
    """HAProxy #2936: with as many idle connections as workers, other servers stand still."""
    app = Recorder()
    with serving(app, threads=1) as served, ExitStack() as stack:
        idle = [stack.enter_context(served.connect()) for _ in range(200)]
        for sock in idle:
            sock.sendall(wire.request(keep=True))
            assert wire.RecordReader(sock).answer().status == "200 OK"
        assert served.request().status == "200 OK"
        for sock in reversed(idle):
            sock.sendall(wire.request(wire.post(2), b"hi", keep=True))
            assert wire.RecordReader(sock).answer().body == b"got hi"


def test_pipelined_requests_behind_a_slow_one(gate: Gate) -> None:
    """The connection leaves the leader's hands in its first request, and comes back after the last."""
    with serving(gate, threads=4) as served, served.connect() as sock:
        sock.sendall(wire.request(wire.post(0), keep=True) + wire.request(id=2, keep=True) * 3)
        until(lambda: gate.entered)
        assert served.request().body == b"through"
        time.sleep(0.02)
        gate.opened.set()
        reader = wire.RecordReader(sock)
        assert [reader.answer(id).body for id in (1, 2, 2, 2)] == [b"through"] * 4
        sock.sendall(wire.request(id=3, keep=True))
        assert reader.answer(3).body == b"through"


def test_requests_of_mixed_length_from_many_clients() -> None:
    """Leadership changes hands all the time; nothing is lost or answered twice."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        name = environ.get("HTTP_NAME", "0")
        time.sleep(int(name[-1]) % 3 * 0.003)
        start_response("200 OK", [])
        return [name.encode()]

    wrong: list[str] = []

    def client(number: int) -> None:
        with served.connect() as sock:
            reader = wire.RecordReader(sock)
            for count in range(40):
                name = f"{number}-{count}"
                keep = count < 39
                sock.sendall(wire.request(wire.get((b"HTTP_NAME", name.encode())), keep=keep))
                if reader.answer().body.decode() != name:
                    wrong.append(name)

    with serving(application, threads=4) as served:
        clients = [threading.Thread(target=client, args=[number]) for number in range(10)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    assert wrong == []
    assert len(served.log.requests) == 401
    assert served.log.text() == ""


class WatchedPoller(EpollPoller):
    """Counts how many threads wait at once, and takes its time to unregister."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[int] = []
        self.most_waiting = 0

    def poll(self, timeout: float | None) -> list[int]:
        self.waiting.append(threading.get_ident())
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        try:
            return super().poll(timeout)
        finally:
            self.waiting.remove(threading.get_ident())

    def unregister(self, fd: int) -> None:
        time.sleep(0.003)
        super().unregister(fd)


def test_a_request_that_ends_while_another_thread_is_promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two leaders would serve one connection at the same time."""
    monkeypatch.setattr(crew, "Poller", WatchedPoller)

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        time.sleep(0.004)
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, threads=4) as served:
        for _ in range(30):
            with served.connect() as sock:
                reader = wire.RecordReader(sock)
                for keep in (True, True, False):
                    sock.sendall(wire.request(keep=keep))
                    assert reader.answer().body == b"fine"
        poller = served.server._poller
        assert isinstance(poller, WatchedPoller)
        assert poller.most_waiting == 1
    assert served.log.text() == ""


def test_slow_requests_on_a_connection_that_has_left_the_leaders_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of them must not count as the leader's: another thread leads already."""
    monkeypatch.setattr(crew, "Poller", WatchedPoller)

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        time.sleep(0.01)
        start_response("200 OK", [])
        return [b"fine"]

    with serving(application, threads=4) as served, served.connect() as sock:
        sock.sendall(wire.request(keep=True) * 5)
        reader = wire.RecordReader(sock)
        assert [reader.answer().body for _ in range(5)] == [b"fine"] * 5
        poller = served.server._poller
        assert isinstance(poller, WatchedPoller)
        assert poller.most_waiting == 1


def test_a_fault_of_the_loop_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [OSError(errno.EIO, "once"), RuntimeError("twice")]

    class FaultyPoller(EpollPoller):
        def poll(self, timeout: float | None) -> list[int]:
            if faults:
                raise faults.pop()
            return super().poll(timeout)

    monkeypatch.setattr(crew, "Poller", FaultyPoller)
    with serving(Recorder()) as served:
        assert served.request().status == "200 OK"
        assert served.log.text("exception").count("the server loop failed, and goes on") == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_the_other_poller_serves_as_well(monkeypatch: pytest.MonkeyPatch, gate: Gate, threads: int) -> None:
    monkeypatch.setattr(crew, "Poller", SelectorPoller)
    with serving(gate, threads=threads) as served, served.connect() as kept:
        for _ in range(3):
            kept.sendall(wire.request(keep=True))
            assert wire.RecordReader(kept).answer().body == b"through"
        slow = [send_slow(served) for _ in range(threads)]
        until(lambda: len(gate.entered) == threads)
        gate.opened.set()
        assert all(read_answer(sock).body == b"through" for sock in slow)


# Stopping
