"""What a process says of itself, and that a server says what it is doing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gateways.adapters import inhand
from gateways.server.slot import Phase, Slot
from tests.support import wire
from tests.support.gate import Gate, read_answer, send_slow
from tests.support.serving import serving, until


def test_a_slot_of_its_own() -> None:
    slot = Slot.private(3)
    assert (slot.pid, slot.worker, slot.generation, slot.pool) == (os.getpid(), 1, 1, 0)
    assert (slot.phase, slot.records, slot.threads, slot.served, slot.sent) == (Phase.STARTING, 3, 0, 0, 0)
    assert (slot.in_hand(), slot.heartbeat, slot.memory, slot.idle_since) == ([], 0.0, 0, 0.0)
    slot.phase = Phase.LOADING
    assert (slot.phase, slot.idle_since) == (Phase.LOADING, 0.0)
    slot.phase = Phase.SERVING
    assert (slot.phase, slot.idle_since >= slot.started > 0) == (Phase.SERVING, True)
    slot.beat()
    assert slot.heartbeat >= slot.started
    assert slot.memory > 1_000_000
    slot.threads = 3
    assert slot.threads == 3
    with pytest.raises(ValueError, match="4 threads, but only 3 records"):
        slot.threads = 4
    slot.claim(5, 7, 9)
    assert (slot.worker, slot.generation, slot.pool, slot.pid, slot.phase) == (7, 9, 5, 0, Phase.STARTING)
    assert (slot.memory, slot.heartbeat, slot.threads) == (0, 0.0, 0)


def test_a_phase_that_is_none() -> None:
    slot = Slot.private(1)
    slot.area.cast("q")[inhand.PHASE] = 99
    assert slot.phase is Phase.SERVING


def test_it_beats_until_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, done = Slot.private(1), threading.Event()
    monkeypatch.setattr("gateways.server.slot.BEAT", 0.001)
    thread = threading.Thread(target=slot.beat_until, args=(done,))
    thread.start()
    until(lambda: slot.heartbeat)
    first = slot.heartbeat
    until(lambda: slot.heartbeat > first)
    done.set()
    thread.join()


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_server_shows_what_it_has_in_hand(gate: Gate, protocol: str, threads: int) -> None:
    slot = Slot.private(threads)
    with serving(gate, protocol, threads=threads, slot=slot) as served:
        until(lambda: slot.heartbeat and (slot.phase, slot.threads) == (Phase.SERVING, threads))
        params = wire.post(0)
        data = wire.request(params) if protocol == "fastcgi" else wire.scgi(params)
        with served.connect() as sock:
            sock.sendall(data)
            until(lambda: len(slot.in_hand()) == 1 and gate.entered)
            [(since, number, record)] = slot.in_hand()
            assert (number, record, slot.idle_since <= since) == (1, 0, True)
            assert b"/path" in bytes(slot.area)
            gate.opened.set()
            wire.receive_all(sock)
        until(lambda: slot.in_hand() == [])
        until(lambda: slot.idle_since > since)
        until(lambda: (slot.served, slot.sent) == (1, len(b"through")))
    assert (slot.phase, slot.served) == (Phase.STOPPING, 2)


def test_requests_of_several_threads(gate: Gate) -> None:
    slot = Slot.private(8)
    with serving(gate, threads=4, slot=slot) as served:
        slow = []
        for count in range(1, 5):
            slow.append(send_slow(served, str(count)))
            until(lambda count=count: len(slot.in_hand()) == count)
        assert [number for _, number, _ in slot.in_hand()] == [1, 2, 3, 4]
        assert sorted(slot.in_hand()) == slot.in_hand()
        gate.opened.set()
        assert [read_answer(sock).body for sock in slow] == [b"through"] * 4
        until(lambda: slot.in_hand() == [])
    assert slot.served == 5


def failing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise LookupError


def not_sent_at_once(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 100_000] * 30


def with_a_body(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
@pytest.mark.parametrize(("application", "sent"), [(failing, None), (not_sent_at_once, 3_000_000), (with_a_body, 4)])
def test_whatever_becomes_of_a_request_its_record_is_given_back(
    application: Callable[..., Any], sent: int | None, protocol: str
) -> None:
    slot = Slot.private(1)
    with serving(application, protocol, threads=1, slot=slot) as served:
        served.request(wire.post(4), b"body")
        until(lambda: slot.served == 1 and slot.in_hand() == [])
        if sent is not None:
            until(lambda: slot.sent == sent)


def test_a_fault_of_ours_gives_the_record_back(monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    slot = Slot.private(1)
    gate.opened.set()
    with serving(gate, threads=1, slot=slot, access_log="-") as served:

        def fail(*args: object) -> None:
            monkeypatch.undo()
            raise LookupError("a fault")

        monkeypatch.setattr(served.log, "write", fail)
        served.ask(wire.request(keep=False))
        until(lambda: "a fault" in served.log.text("exception"))
        until(lambda: slot.in_hand() == [])
    assert slot.served == 2


def test_a_request_that_is_refused_is_seen(gate: Gate) -> None:
    slot = Slot.private(2)
    gate.opened.set()
    with serving(gate, threads=2, slot=slot, max_body_size=10) as served:
        assert served.request(wire.post(11), bytes(11)).status == "413 Content Too Large"
        until(lambda: slot.served == 1)
    assert slot.served == 2


def test_the_number_of_the_worker_is_known_to_the_access_log(gate: Gate) -> None:
    slot = Slot.private(1)
    slot.claim(0, 42, 1)
    gate.opened.set()
    with serving(gate, slot=slot, threads=1) as served:
        assert vars(served.log)["worker"] == 42
