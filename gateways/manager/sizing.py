"""How many workers there should be: static, dynamic, ondemand."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateways.manager.clock import Clock
from gateways.manager.moves import Sight
from gateways.manager.roster import Phase, Roster, Worker
from gateways.manager.rules import Rules

#: dynamic counts the idle so often, seconds.
_EVERY = 1.0
#: ondemand looks so often whether all are busy, seconds: a connection that waits is not told before.
_EVERY_ONDEMAND = 0.2
#: Twice as many are started each time that it was not enough, up to this.
_MOST_AT_ONCE = 32
#: It is said again that all are busy after this time, seconds.
_SAY_AGAIN = 60.0


class Sizing:
    """Keeps ``level``, the number of workers that should be there, between 0 and ``limit``.

    ``limit`` is the setting ``workers`` unless the operator asked for fewer. Whoever dies or retires is replaced, as
    the level stays.
    """

    def __init__(self, rules: Rules, roster: Roster, clock: Clock) -> None:
        self.level = rules.first
        self.limit = rules.workers
        #: How many times all the workers there may be were busy.
        self.saturated = 0
        self._rules = rules
        self._roster = roster
        self._clock = clock
        self._at_once = 1
        self._looked = -math.inf
        self._busy = False
        self._said = -math.inf

    def resize(self, delta: int) -> bool:
        """Allow so many workers more or fewer. Returns whether that was within the bounds, which are 1 and workers."""
        limit = max(1, min(self.limit + delta, self._rules.workers))
        changed = limit != self.limit
        self.limit = limit
        self.level = limit if self._rules.mode == "static" else min(self.level, limit)
        return changed

    def opened(self, count: int) -> None:
        """A generation of so many workers has begun to serve."""
        if self._rules.mode != "static":
            self.level = min(count, self.limit)

    def look(self, generation: int, sights: Mapping[int, Sight]) -> list[Worker]:
        """Raise the level when too few of ``generation`` are idle; lower it by those returned, to be stopped."""
        if self._rules.mode == "static":
            return []
        serving = self._roster.of(generation, Phase.SERVING)
        coming = self._roster.of(generation, Phase.STARTING, Phase.READY)
        idle = len(coming) + sum(has_room(sights.get(worker.number)) for worker in serving)
        self._notice_saturation(idle, len(serving))
        if self._rules.mode == "ondemand":
            self._looked = self._clock.now
            if idle:
                self._at_once = 1
            leaving = self._unneeded(serving, sights)
        elif self._clock.now - self._looked < _EVERY:
            return []
        else:
            self._looked = self._clock.now
            leaving = self._keep_spare(len(serving) + len(coming), idle, serving, sights)
        self.level -= len(leaving)
        return leaving

    def may_grow(self, generation: int, sights: Mapping[int, Sight]) -> bool:
        """Return whether, with ondemand, one more of ``generation`` would help if a connection waits."""
        if self._rules.mode != "ondemand" or self.level >= self.limit:
            return False
        members = self._roster.members(generation)
        if len(members) < self.level or any(worker.phase is not Phase.SERVING for worker in members):
            return False
        return not any(has_room(sights.get(worker.number)) for worker in members)

    def grow(self) -> None:
        """A connection waits and nobody can take it."""
        self.level = min(self.level + self._at_once, self.limit)
        self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)

    def surplus(self, members: list[Worker], sights: Mapping[int, Sight]) -> list[Worker]:
        """Return those of ``members`` that are more than the level; those that have the least to finish."""

        def cost(worker: Worker) -> tuple[bool, int, int]:
            sight = sights.get(worker.number)
            return worker.phase is Phase.SERVING, sight.in_hand if sight else 0, -worker.number

        return sorted(members, key=cost)[: max(0, len(members) - self.level)]

    def wait(self, anybody: bool) -> float:
        """Return after which time to look again, seconds. ``anybody``: whether there is a worker to look at."""
        if self._rules.mode == "static" or not anybody:
            return math.inf
        every = _EVERY_ONDEMAND if self._rules.mode == "ondemand" else _EVERY
        return self._looked + every - self._clock.now

    def _unneeded(self, serving: list[Worker], sights: Mapping[int, Sight]) -> list[Worker]:
        return [worker for worker in serving if self._idle_for(worker, sights) >= self._rules.idle_timeout]

    def _keep_spare(self, count: int, idle: int, serving: list[Worker], sights: Mapping[int, Sight]) -> list[Worker]:
        """Do what php-fpm does each second: start more and more, but stop one at a time."""
        if idle < self._rules.min_spare:
            if count >= self.level:
                self.level = min(self.level + min(self._at_once, self._rules.min_spare - idle), self.limit)
                self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
            return []
        self._at_once = 1
        if idle <= self._rules.max_spare:
            return []
        longest = max(serving, key=lambda worker: self._idle_for(worker, sights), default=None)
        return [longest] if longest is not None and self._idle_for(longest, sights) >= 0 else []

    def _idle_for(self, worker: Worker, sights: Mapping[int, Sight]) -> float:
        """Return how long the worker has had nothing in hand, or -1 when it has, or when nobody knows."""
        sight = sights.get(worker.number)
        if sight is None or sight.in_hand:
            return -1.0
        return min(self._clock.lived(sight.idle_since), self._clock.now - worker.since)

    def _notice_saturation(self, idle: int, serving: int) -> None:
        busy = not idle and serving >= self.limit
        if busy and not self._busy:
            self.saturated += 1
            if self._clock.now - self._said >= _SAY_AGAIN:
                self._said = self._clock.now
                self._roster.say("warning", f"all {serving} workers are busy: consider to raise workers")
        self._busy = busy


def has_room(sight: Sight | None) -> bool:
    """Return whether a worker could take one more request. One that was not seen yet has just begun."""
    return sight is None or sight.in_hand < sight.threads
