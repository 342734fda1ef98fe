"""The memory that master and workers share: slots, totals, facts, and what others may do at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.adapters._pure import Board, Link
from gateways.manager import scoreboard
from gateways.manager.scoreboard import BoardFull, Scoreboard, Totals
from gateways.server.slot import Phase, Slot


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    made = Scoreboard.create(4, 2, facts_size=1000)
    yield made
    made.close()


def serve(slot: Slot, count: int = 1, sent: int = 10) -> Board:
    """Have a process serve so many requests."""
    serving, link = Board(threading.Lock(), print, slot.area), Link()
    for _ in range(count):
        serving.begin(link, {"REQUEST_URI": "/"})
        serving.end(link, sent)
    return serving


def in_child(function: Any) -> None:
    """Call ``function`` in a process that is forked for it."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_a_worker_is_claimed_seen_and_released(board: Scoreboard) -> None:
    assert board.read() == []
    slot = board.claim("web", 7, 3)
    slot.set_pid(4711)
    [row] = board.read()
    assert (row.slot, row.pool, row.worker, row.generation, row.pid) == (slot.index, "web", 7, 3, 4711)
    assert (row.phase, row.threads, row.requests) == (Phase.STARTING, 0, 0)
    board.release(slot)
    assert board.read() == []
    board.release(slot)  # twice is fine
    assert board.look().totals == {"web": Totals(0, 0, 0)}


def test_what_a_child_writes_is_seen_here(board: Scoreboard) -> None:
    slot = board.claim("web", 1, 1)

    def work() -> None:
        own = board.slot(slot.index)
        own.threads = 2
        own.phase = Phase.SERVING
        own.beat()
        serve(own, 3)

    in_child(work)
    [row] = board.read()
    assert (row.phase, row.threads, row.requests, row.sent) == (Phase.SERVING, 2, 3, 30)
    assert row.memory > 1_000_000


def test_what_the_master_publishes_is_seen_in_a_child(board: Scoreboard) -> None:
    reader, writer = os.pipe()
    board.publish({"version": "1.0"})
    in_child(lambda: os.write(writer, board.facts()["version"].encode()))
    assert os.read(reader, 100) == b"1.0"
    os.close(reader)
    os.close(writer)


def test_all_slots_taken(board: Scoreboard) -> None:
    slots = [board.claim("web", number, 1) for number in range(4)]
    assert len({slot.index for slot in slots}) == 4
    with pytest.raises(BoardFull, match="no slot is free for worker 9: all 4 are taken"):
        board.claim("web", 9, 1)
    board.release(slots[2])
    assert board.claim("web", 9, 1).index == slots[2].index


def test_a_slot_is_wiped_for_the_next_worker(board: Scoreboard) -> None:
    slot = board.claim("web", 1, 1)
    slot.threads = 2
    slot.beat()
    serve(slot)
    board.release(slot)
    again = board.claim("web", 2, 1)
    assert again.index == slot.index
    [row] = board.read()
    assert (row.requests, row.heartbeat, row.memory, row.last, row.threads) == (0, 0.0, 0, None, 0)


def test_the_totals_of_a_pool_outlive_its_workers(board: Scoreboard) -> None:
    for number in range(1, 4):
        slot = board.claim("web", number, 1)
        serve(slot, number)
        board.release(slot)
    other = board.claim("other", 4, 1)
    serve(other, 1, 5)
    assert board.look().totals == {"web": Totals(6, 60, 0), "other": Totals(1, 5, 0)}
    killed = board.claim("web", 5, 1)
    serve(killed).begin(Link(), {})
    assert board.look().totals["web"] == Totals(8, 70, 0)
    board.release(killed)  # with a request in hand, which is lost, but was one
    assert board.look().totals["web"] == Totals(8, 70, 1)


def test_rows_are_sorted_by_pool_and_number(board: Scoreboard) -> None:
    for pool, number in (("b", 1), ("a", 10), ("a", 9)):
        board.claim(pool, number, 1)
    assert [(row.pool, row.worker) for row in board.read()] == [("a", 9), ("a", 10), ("b", 1)]


def test_sights(board: Scoreboard) -> None:
    assert board.sights() == {}
    busy, idle = board.claim("web", 5, 1), board.claim("other", 6, 1)
    serve(busy).begin(Link(), {})
    idle.threads = 2
    found = board.sights()
    assert {pool: list(workers) for pool, workers in found.items()} == {"web": [5], "other": [6]}
    assert found["web"][5].in_hand == 1
    assert {row.worker: row.sight() for row in board.read()} == {**found["web"], **found["other"]}
    board.release(busy)
    assert board.sights()["web"] == {}


def test_a_total_is_never_seen_too_small(board: Scoreboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the master adds a worker to the totals and frees its slot, who reads waits."""
    slot = board.claim("web", 1, 1)
    serve(slot, 5)
    looks = 0
    look = board._look

    def look_while_it_changes() -> Any:
        nonlocal looks
        looks += 1
        reading = look()
        if looks == 1:
            board._begin_change()
            board._words[board._pool_word(0)] += 5
        elif looks == 4:
            board._words[board._taken + slot.index] = 0
            board._end_change()
        return reading

    monkeypatch.setattr(board, "_look", look_while_it_changes)
    assert board.look().totals["web"].requests == 5
    assert looks == 5


def test_who_reads_does_not_wait_for_a_master_that_died_in_a_change(board: Scoreboard) -> None:
    board.claim("web", 1, 1)
    board._begin_change()
    assert len(board.read()) == 1


def test_names_of_pools(board: Scoreboard) -> None:
    name = "é" * 48
    board.claim(name, 1, 1)
    assert [row.pool for row in board.read()] == [name]
    with pytest.raises(ValueError, match="at most 96 bytes"):
        board.claim("é" * 49, 2, 1)
    assert len(board.read()) == 1


def test_too_many_pools(board: Scoreboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoreboard, "MAX_POOLS", 2)
    for name in ("a", "b"):
        board.release(board.claim(name, 1, 1))
    with pytest.raises(BoardFull, match="no room for pool c: there have been 2"):
        board.claim("c", 1, 1)
    board.release(board.claim("a", 2, 1))


def test_facts(board: Scoreboard) -> None:
    assert board.facts() == {}
    for number in range(5):
        board.publish({"number": number, "text": "x" * number})
        assert board.facts() == {"number": number, "text": "x" * number}
    with pytest.raises(ValueError, match="the facts take 1011 bytes, of 1000"):
        board.publish({"text": "x" * 1000})
    assert board.facts()["number"] == 4


def test_facts_of_a_master_that_died_while_it_wrote(board: Scoreboard, monkeypatch: pytest.MonkeyPatch) -> None:
    board.publish({"number": 1})
    board.publish({"number": 2})
    place = board._facts_place(board._words[scoreboard._FACTS] + 1)
    board._bytes[place : place + 20] = b"\xff" * 20
    assert board.facts() == {"number": 2}


@pytest.mark.parametrize("data", [b"\xff" * 20, b"[1]", b"{"])
def test_facts_that_somebody_has_overwritten(board: Scoreboard, data: bytes) -> None:
    board.publish({"number": 1, "text": "something long enough"})
    place = board._facts_place(1)
    board._words[place // 8] = len(data)
    board._bytes[place + 8 : place + 8 + len(data)] = data
    assert board.facts() == {}
    board._words[place // 8] = -1
    assert board.facts() == {}
    board._words[place // 8] = 1 << 60
    assert board.facts() == {}


def test_a_master_that_executed_itself_anew_takes_over(board: Scoreboard) -> None:
    if board.fileno() < 0:
        pytest.skip("this system has no files in memory")
    slot = board.claim("web", 1, 1)
    serve(slot, 2)
    board.publish({"number": 1})
    assert not os.get_inheritable(board.fileno())
    taken = Scoreboard.open(os.dup(board.fileno()))
    assert taken is not None
    assert taken.look() == board.look()
    serve(slot)
    assert taken.read()[0].requests == 1 + 2
    taken.release(taken.slot(slot.index))
    taken.claim("web", 2, 2)
    assert taken.look().totals == {"web": Totals(3, 30, 0)}
    assert board.look().totals == {"web": Totals(3, 30, 0)}
    taken.close()


def test_what_cannot_be_taken_over(board: Scoreboard) -> None:
    reader, writer = os.pipe()
    for fd in (reader, writer):
        assert Scoreboard.open(fd) is None
        os.close(fd)
    create = getattr(os, "memfd_create", None)
    if create is None:
        return
    for content in (b"", b"x", b"x" * 100_000):
        fd = create("other")
        os.write(fd, content)
        assert Scoreboard.open(fd) is None
        os.close(fd)
    board._words[0] += 1  # of another version
    fd = os.dup(board.fileno())
    assert Scoreboard.open(fd) is None
    os.close(fd)


@pytest.mark.parametrize("error", [AttributeError, OSError])
def test_a_system_without_files_in_memory(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def refuse(name: str) -> int:
        raise OSError

    if error is AttributeError:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    else:
        monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    board = Scoreboard.create(1, 1)
    assert board.fileno() == -1
    slot = board.claim("web", 1, 1)
    in_child(lambda: serve(slot))
    assert board.read()[0].requests == 1
    board.close()


def test_room_for_many_costs_nothing_until_it_is_used() -> None:
    board = Scoreboard.create(3000, 64)
    board.claim("web", 1, 1)
    assert len(board.read()) == 1
    assert os.fstat(board.fileno()).st_blocks * 512 < 1_000_000
    board.close()
