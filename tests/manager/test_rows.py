"""Reading a slot as a stranger would."""

from __future__ import annotations

import math
import random
import threading
from typing import Any

import pytest

from gateways.adapters import inhand
from gateways.adapters._pure import Board, Link
from gateways.manager.moves import Sight
from gateways.manager.rows import Request, read_row, read_sight
from gateways.server.slot import Phase, Slot

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/a?b=1",
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_USER": "alice",
    "SCRIPT_FILENAME": "/srv/app.py",
    "CONTENT_LENGTH": "12",
}


def make(threads: int = 2) -> tuple[Slot, Board]:
    slot = Slot.private(threads)
    slot.threads = threads
    slot.phase = Phase.SERVING
    return slot, Board(threading.Lock(), print, slot.area)


def begin(board: Board, **changes: str) -> Link:
    link = Link()
    board.begin(link, {**ENVIRON, **changes})
    return link


def test_an_idle_worker() -> None:
    slot, _ = make()
    slot.beat()
    row = read_row(slot, "web")
    assert (row.pool, row.worker, row.generation, row.pid, row.phase) == ("web", 1, 1, slot.pid, Phase.SERVING)
    assert (row.requests, row.in_hand, row.oldest, row.last, row.sent) == (0, 0, None, None, 0)
    assert (row.started, row.heartbeat, row.memory) == (slot.started, slot.heartbeat, slot.memory)
    assert row.sight() == Sight(0, 2, slot.idle_since, 0.0, 0, slot.heartbeat) == read_sight(slot)


def test_requests_in_hand_and_the_last_one() -> None:
    slot, board = make(3)
    links = [begin(board, REQUEST_URI=f"/{name}") for name in "abc"]
    row = read_row(slot, "web")
    assert (row.requests, row.in_hand, row.last) == (3, 3, None)
    assert row.oldest is not None
    since = row.oldest.since
    assert row.oldest == Request(1, since, 0.0, "GET", "/a", "192.0.2.7", "alice", "/srv/app.py", 12)
    assert row.oldest.duration(since + 2.5) == 2.5
    board.end(links[0], 100)
    board.end(links[2], 10)
    row = read_row(slot, "web")
    assert (row.requests, row.in_hand, row.sent) == (3, 1, 110)
    assert row.oldest is not None
    assert row.last is not None
    assert (row.oldest.uri, row.oldest.number, row.last.uri, row.last.number) == ("/b", 2, "/c", 3)
    assert row.last.duration(1e9) == row.last.ended - row.last.since
    assert row.sight() == read_sight(slot) == Sight(1, 3, slot.idle_since, row.oldest.since, 2, 0.0)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/a b", "/a\\x20b"),
        ('/"\\', "/\\x22\\x5c"),
        ("/<script>&", "/<script>&"),  # who makes HTML of it escapes it
        ("/\r\n\x1b[31m\x9b", "/\\x0d\\x0a\\x1b[31m\\x9b"),
        ("/\xe9\u20ac", "/\\xe9?"),
        ("/" + "x" * 255, "/" + "x" * 255),
        ("/" + "x" * 256, "/" + "x" * 255 + "..."),
    ],
)
def test_texts_are_escaped_and_cut(uri: str, shown: str) -> None:
    slot, board = make()
    begin(board, REQUEST_URI=uri)
    oldest = read_row(slot, "").oldest
    assert oldest is not None
    assert oldest.uri == shown


def test_a_record_that_is_being_written_is_left_out() -> None:
    slot, board = make()
    begin(board)
    slot.area.cast("q")[inhand.HEADER_SIZE // inhand.WORD + inhand.NUMBER] = 0
    row = read_row(slot, "")
    assert (row.in_hand, row.oldest) == (0, None)


def test_a_record_that_changes_all_the_time_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, board = make()
    begin(board)

    class Changing:
        """A slot whose record has another number at each look."""

        def __init__(self) -> None:
            self.looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(slot, name)

        @property
        def area(self) -> memoryview:
            self.looks += 1
            slot.area.cast("q")[inhand.HEADER_SIZE // inhand.WORD + inhand.NUMBER] = self.looks
            return slot.area

    row = read_row(Changing(), "")  # type: ignore[arg-type]
    assert (row.in_hand, row.oldest) == (1, None)
    assert row.sight().in_hand == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_times_that_are_none(value: float) -> None:
    slot, board = make()
    begin(board)
    times = slot.area.cast("d")
    times[inhand.HEARTBEAT] = times[inhand.IDLE_SINCE] = times[inhand.STARTED] = value
    times[inhand.HEADER_SIZE // inhand.WORD + inhand.SINCE] = value
    row = read_row(slot, "")
    assert (row.heartbeat, row.idle_since, row.started) == (0.0, 0.0, 0.0)
    assert row.oldest is not None
    assert row.oldest.since == 0.0
    assert read_sight(slot) == row.sight()


def test_nonsense_is_no_reason_to_fail() -> None:
    """A worker that has gone mad can write to all of it, and the master must not follow it."""
    chance = random.Random(4)
    slot = Slot.private(4)
    for _ in range(500):
        slot.area[:] = chance.randbytes(len(slot.area))
        row = read_row(slot, "web")
        assert row.in_hand <= 4
        for request in (row.oldest, row.last):
            assert request is None or (request.uri.isascii() and request.uri.isprintable())
        row.sight()
        read_sight(slot)
