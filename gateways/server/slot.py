"""What one process says of itself where others can read it: its place on the scoreboard."""

from __future__ import annotations

import enum
import os
from mmap import mmap
from time import monotonic
from typing import TYPE_CHECKING

from gateways.adapters import inhand
from gateways.server.memory import resident_memory

if TYPE_CHECKING:
    from threading import Event

#: How often a process gives a sign of life, seconds.
BEAT = 1.0


class Phase(enum.IntEnum):
    """How far a worker is in its life."""

    STARTING = 0
    LOADING = 1
    WARMING_UP = 2
    WAITING = 3  # ready, and not yet told to go
    SERVING = 4
    STOPPING = 5


class Slot:
    """The header of an area: who the process is, how it is, and what the sum of its records is.

    Its owner writes ``phase``, ``threads`` and ``beat()``; its ``Server`` writes the records. All of it may be read by
    any process that has the memory.
    """

    def __init__(self, area: memoryview, index: int = 0) -> None:
        self.area = area
        self.index = index
        self.records = (len(area) - inhand.HEADER_SIZE) // inhand.RECORD_SIZE
        self._words = area.cast("q")
        self._times = area.cast("d")

    @classmethod
    def private(cls, threads: int) -> Slot:
        """Return a slot in memory of its own, for a process without a master."""
        slot = cls(memoryview(mmap(-1, inhand.area_size(threads))))
        slot.claim(0, 1, 1)
        slot.set_pid(os.getpid())
        return slot

    # The master's side

    def claim(self, pool: int, worker: int, generation: int) -> None:
        """Wipe the slot, and make it that of a worker to come."""
        self.area[:] = bytes(len(self.area))
        words = self._words
        words[inhand.WORKER] = worker
        words[inhand.GENERATION] = generation
        words[inhand.POOL] = pool
        self._times[inhand.STARTED] = monotonic()

    def set_pid(self, pid: int) -> None:
        """Note the process id, once it is known."""
        self._words[inhand.PID] = pid

    # The worker's side

    def beat(self) -> None:
        """Give a sign of life of the interpreter, and note the resident memory."""
        self._words[inhand.MEMORY] = resident_memory()
        self._times[inhand.HEARTBEAT] = monotonic()

    def beat_until(self, done: Event) -> None:
        """``beat`` once a second: what a thread of its own does."""
        self.beat()
        while not done.wait(BEAT):
            self.beat()

    @property
    def phase(self) -> Phase:
        """How far the process is."""
        try:
            return Phase(self._words[inhand.PHASE])
        except ValueError:  # another process has written nonsense
            return Phase.SERVING

    @phase.setter
    def phase(self, phase: Phase) -> None:
        if phase is Phase.SERVING:
            self._times[inhand.IDLE_SINCE] = monotonic()
        self._words[inhand.PHASE] = phase

    @property
    def threads(self) -> int:
        """How many requests it takes at once."""
        return self._words[inhand.THREADS]

    @threads.setter
    def threads(self, threads: int) -> None:
        if threads > self.records:
            raise ValueError(f"{threads} threads, but only {self.records} records")
        self._words[inhand.THREADS] = threads

    # Everybody's

    @property
    def pid(self) -> int:
        """The process id; 0 before it is known."""
        return self._words[inhand.PID]

    @property
    def worker(self) -> int:
        """The worker's number."""
        return self._words[inhand.WORKER]

    @property
    def generation(self) -> int:
        """Which loading of the application it serves."""
        return self._words[inhand.GENERATION]

    @property
    def pool(self) -> int:
        """The number of its pool on the scoreboard."""
        return self._words[inhand.POOL]

    @property
    def started(self) -> float:
        """When it was claimed, monotonic."""
        return self._times[inhand.STARTED]

    @property
    def heartbeat(self) -> float:
        """The last ``beat``, monotonic; 0.0 before the first."""
        return self._times[inhand.HEARTBEAT]

    @property
    def idle_since(self) -> float:
        """When the last request ended that left nothing in hand, monotonic."""
        return self._times[inhand.IDLE_SINCE]

    @property
    def memory(self) -> int:
        """Resident memory at the last ``beat``, bytes."""
        return self._words[inhand.MEMORY]

    @property
    def last_record(self) -> int:
        """The record of the request that ended last."""
        return self._words[inhand.LAST]

    @property
    def served(self) -> int:
        """How many requests have ended."""
        return sum(self._words[word + inhand.SERVED] for word in self._record_words())

    @property
    def sent(self) -> int:
        """How many bytes of response bodies were sent."""
        return sum(self._words[word + inhand.SENT] for word in self._record_words())

    def in_hand(self) -> list[tuple[float, int, int]]:
        """Return when each request in hand began, its number and its record; the oldest first."""
        words, times = self._words, self._times
        found = []
        for index, word in enumerate(self._record_words()):
            number = words[word + inhand.NUMBER]
            since = times[word + inhand.SINCE]
            if number > 0 and times[word + inhand.ENDED] == 0.0 and words[word + inhand.NUMBER] == number:
                found.append((since, number, index))
        return sorted(found)

    def _record_words(self) -> range:
        start = inhand.HEADER_SIZE // inhand.WORD
        step = inhand.RECORD_SIZE // inhand.WORD
        count = self.threads
        return range(start, start + (count if 0 < count <= self.records else self.records) * step, step)
