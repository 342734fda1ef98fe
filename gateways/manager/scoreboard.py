"""What each worker is doing, in memory that the master and all workers share.

The master makes it before it forks, claims a slot for each worker before it forks that, and releases it when the
worker was reaped. A worker writes to its own slot, and the master writes facts of its own: everybody reads all of it.
It is memory and nothing else, so a worker that hangs or dies is seen as it was.
"""

from __future__ import annotations

import json
import os
from mmap import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

from gateways.adapters import inhand
from gateways.manager.rows import WorkerRow, read_row, read_sight
from gateways.server.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.manager.moves import Sight

#: Changes with the layout, here and in adapters/inhand.py: the master of another version must not read it.
_MAGIC = 0x67776279_0001

# Words of the header.
_MAGIC_WORD, _SLOTS, _RECORDS, _FACTS_SIZE, _CHANGES, _FACTS, _POOLS = range(7)
_HEADER_SIZE = 64

MAX_POOLS = 256
MAX_NAME = 96  # of a pool, bytes
_POOL_REQUESTS, _POOL_SENT, _POOL_LOST, _POOL_NAME = range(4)
_POOL_SIZE = 4 * inhand.WORD + MAX_NAME
_POOL_WORDS = _POOL_SIZE // inhand.WORD

#: How often a reader tries again while the master changes something.
_ATTEMPTS = 50


class BoardFull(Exception):
    """No slot is free."""


class Totals(NamedTuple):
    """What a pool has done since the start, by the workers that are gone and those that are there."""

    requests: int
    sent: int
    #: Requests that were in hand when their process ended.
    lost: int


class Reading(NamedTuple):
    """All of the scoreboard at one moment."""

    facts: Mapping[str, Any]
    totals: dict[str, Totals]
    rows: list[WorkerRow]


class Scoreboard:
    """The memory, its slots, and the facts. Make one with ``create``."""

    def __init__(self, memory: mmap, fd: int) -> None:
        self._fd = fd
        self._bytes = memoryview(memory)
        self._words = self._bytes.cast("q")
        self._names: list[str] = []
        slots, records = self._words[_SLOTS], self._words[_RECORDS]
        self._facts_size = self._words[_FACTS_SIZE]
        self._taken = (_HEADER_SIZE + MAX_POOLS * _POOL_SIZE) // inhand.WORD  # a word for each slot
        self._facts_start = self._taken * inhand.WORD + slots * inhand.WORD
        start = self._facts_start + 2 * (inhand.WORD + self._facts_size)
        size = inhand.area_size(records)
        self._slots = [
            Slot(self._bytes[start + index * size : start + (index + 1) * size], index) for index in range(slots)
        ]

    @classmethod
    def create(cls, slots: int, records_per_slot: int, facts_size: int = 8 << 20) -> Scoreboard:
        """Make one with room for so many workers of so many threads. What is not used takes no memory.

        ``facts_size`` limits what ``publish`` takes, bytes.
        """
        facts_size = -(-facts_size // inhand.WORD) * inhand.WORD
        size = _HEADER_SIZE + MAX_POOLS * _POOL_SIZE + 2 * (inhand.WORD + facts_size)
        size += slots * (inhand.WORD + inhand.area_size(records_per_slot))
        fd = _memory_file(size)
        memory = mmap(fd, size)
        words = memoryview(memory).cast("q")
        words[_SLOTS], words[_RECORDS], words[_FACTS_SIZE] = slots, records_per_slot, facts_size
        words[_MAGIC_WORD] = _MAGIC
        return cls(memory, fd)

    @classmethod
    def open(cls, fd: int) -> Scoreboard | None:
        """Take over the one that the master made before it executed itself anew; None when it cannot be read.

        The descriptor, which is that of ``fileno()`` then, belongs to the scoreboard from here on.
        """
        try:
            memory = mmap(fd, 0)
            view = memoryview(memory)
            words = view[: len(view) // inhand.WORD * inhand.WORD].cast("q")
            if len(words) > _POOLS and words[_MAGIC_WORD] == _MAGIC:
                board = cls(memory, fd)
                board._names = board._read_names()
                return board
        except (OSError, ValueError, IndexError):
            pass
        return None

    def fileno(self) -> int:
        """Return the descriptor of the memory, for ``open``; -1 where the system has none. It is not inheritable."""
        return self._fd

    def close(self) -> None:
        """Close the descriptor. The memory stays for as long as somebody uses it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def slots(self) -> int:
        """For how many workers there is room."""
        return len(self._slots)

    @property
    def records(self) -> int:
        """For how many threads of each worker there is room."""
        return self._words[_RECORDS]

    # The master's side

    def claimed(self) -> list[Slot]:
        """Return the slots that are somebody's."""
        return [slot for slot in self._slots if self._is_taken(slot)]

    def claim(self, pool: str, worker: int, generation: int) -> Slot:
        """Return a free slot for a worker that is about to be forked. Raises ``BoardFull``."""
        for slot in self._slots:
            if not self._is_taken(slot):
                number = self._pool_number(pool)
                self._begin_change()
                slot.claim(number, worker, generation)
                self._words[self._taken + slot.index] = 1
                self._end_change()
                return slot
        raise BoardFull(f"no slot is free for worker {worker}: all {len(self._slots)} are taken")

    def release(self, slot: Slot) -> None:
        """Give the slot of a worker back that was reaped. What it has served is added to its pool's totals."""
        if not self._is_taken(slot):
            return
        self._begin_change()
        word = self._pool_word(slot.pool)
        lost = len(slot.in_hand())
        self._words[word + _POOL_REQUESTS] += slot.served + lost
        self._words[word + _POOL_SENT] += slot.sent
        self._words[word + _POOL_LOST] += lost
        self._words[self._taken + slot.index] = 0
        self._end_change()

    def slot(self, index: int) -> Slot:
        """Return the slot of that ``Slot.index``, for a process that was told no more."""
        return self._slots[index]

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Let everybody read ``facts``, which JSON can hold. Raises ``ValueError`` when they are too long."""
        data = json.dumps(facts, separators=(",", ":")).encode()
        if len(data) > self._facts_size:
            raise ValueError(f"the facts take {len(data)} bytes, of {self._facts_size}")
        # Two places that take turns: who reads finds the last facts whole, even when the master dies while it writes.
        count = self._words[_FACTS] + 1
        place = self._facts_place(count)
        self._words[place // inhand.WORD] = len(data)
        self._bytes[place + inhand.WORD : place + inhand.WORD + len(data)] = data
        self._words[_FACTS] = count

    def sights(self) -> dict[str, dict[int, Sight]]:
        """Return what policies want to know of each worker, by pool and number, without the texts."""
        names = self._read_names()
        found: dict[str, dict[int, Sight]] = {name: {} for name in names}
        for slot in self._slots:
            if self._is_taken(slot) and 0 <= slot.pool < len(names):
                found[names[slot.pool]][slot.worker] = read_sight(slot)
        return found

    # Everybody's

    def facts(self) -> dict[str, Any]:
        """Return what was published last; nothing when nothing was."""
        for _ in range(_ATTEMPTS):
            count = self._words[_FACTS]
            place = self._facts_place(count)
            size = max(0, min(self._words[place // inhand.WORD], self._facts_size))
            data = bytes(self._bytes[place + inhand.WORD : place + inhand.WORD + size])
            if self._words[_FACTS] == count:
                return _decode(data)
        return {}

    def read(self) -> list[WorkerRow]:
        """Return a row for each worker, by pool and number."""
        return self.look().rows

    def look(self) -> Reading:
        """Return facts, totals and rows. No worker is counted twice, or left out, because its slot changes hands."""
        reading = Reading({}, {}, [])
        for _ in range(_ATTEMPTS):
            changes = self._words[_CHANGES]
            reading = self._look()
            if not changes & 1 and self._words[_CHANGES] == changes:
                break
        return reading

    def _look(self) -> Reading:
        names = self._read_names()
        rows = [
            read_row(slot, names[slot.pool] if 0 <= slot.pool < len(names) else "?")
            for slot in self._slots
            if self._is_taken(slot)
        ]
        rows.sort(key=lambda row: (row.pool, row.worker))
        totals = {}
        for number, name in enumerate(names):
            word = self._pool_word(number)
            own = [row for row in rows if row.pool == name]
            requests = self._words[word + _POOL_REQUESTS] + sum(row.requests for row in own)
            sent = self._words[word + _POOL_SENT] + sum(row.sent for row in own)
            totals[name] = Totals(requests, sent, self._words[word + _POOL_LOST])
        return Reading(self.facts(), totals, rows)

    def _is_taken(self, slot: Slot) -> bool:
        # Not in the slot itself: looking at memory is enough to have it, and most of it is never needed.
        return bool(self._words[self._taken + slot.index])

    def _begin_change(self) -> None:
        self._words[_CHANGES] |= 1

    def _end_change(self) -> None:
        self._words[_CHANGES] += 1

    def _pool_number(self, name: str) -> int:
        if name in self._names:
            return self._names.index(name)
        data = name.encode()
        if len(data) > MAX_NAME or b"\0" in data:
            raise ValueError(f"the name of a pool has at most {MAX_NAME} bytes: {name!r}")
        number = len(self._names)
        if number == MAX_POOLS:
            raise BoardFull(f"no room for pool {name}: there have been {MAX_POOLS}")
        start = _HEADER_SIZE + number * _POOL_SIZE + _POOL_NAME * inhand.WORD
        self._bytes[start : start + len(data)] = data
        self._names.append(name)
        self._words[_POOLS] = len(self._names)
        return number

    def _read_names(self) -> list[str]:
        names = []
        for number in range(max(0, min(self._words[_POOLS], MAX_POOLS))):
            start = _HEADER_SIZE + number * _POOL_SIZE + _POOL_NAME * inhand.WORD
            names.append(bytes(self._bytes[start : start + MAX_NAME]).rstrip(b"\0").decode("utf-8", "replace"))
        return names

    def _pool_word(self, number: int) -> int:
        return _HEADER_SIZE // inhand.WORD + max(0, min(number, MAX_POOLS - 1)) * _POOL_WORDS

    def _facts_place(self, count: int) -> int:
        return self._facts_start + (count & 1) * (inhand.WORD + self._facts_size)


def _memory_file(size: int) -> int:
    """Return the descriptor of a file in memory, which the master can keep when it executes itself anew; or -1."""
    create = getattr(os, "memfd_create", None)
    if create is None:
        return -1
    try:
        fd: int = create("gateways-scoreboard")
    except OSError:  # not permitted here
        return -1
    os.ftruncate(fd, size)
    return fd


def _decode(data: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(data or b"{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
