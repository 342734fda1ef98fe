"""Requests that take too long, and interpreters that give no sign of life."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gateways.manager.clock import Clock
from gateways.manager.moves import Sight
from gateways.manager.roster import Phase, Roster, Worker
from gateways.manager.rules import Rules

#: A worker gets this time to write its stacks before it is killed, seconds.
DUMPING = 0.1
#: What a worker is condemned for when it is not a request.
_HEART = -1


class _Charge(NamedTuple):
    """A limit that a worker has passed. ``key`` is the request, or ``_HEART``."""

    key: int
    seconds: float
    reason: str


class Watchdog:
    """Compares what the scoreboard shows with the limits.

    A worker that passed a limit writes its stacks first, and is killed a moment later when nothing has changed. It can
    be idle again by then: the request ended at the last moment.
    """

    def __init__(self, rules: Rules, roster: Roster, clock: Clock) -> None:
        self._rules = rules
        self._roster = roster
        self._clock = clock
        #: How many requests were written to the slow log.
        self.slow = 0
        self._looked = clock.now

    @property
    def on(self) -> bool:
        rules = self._rules
        return bool(rules.slowlog_timeout or rules.terminate_timeout or rules.heartbeat_timeout)

    def look(self, sights: Mapping[int, Sight]) -> list[tuple[Worker, str]]:
        """Order the dumps that are due, and return whom to kill and why."""
        self._looked = self._clock.now
        if not self.on:
            return []
        sentences = []
        for worker in self._watched():
            sight = sights.get(worker.number)
            if sight is None:
                continue
            reason = self._judge(worker, sight)
            if reason:
                sentences.append((worker, reason))
        return sentences

    def wait(self, sights: Mapping[int, Sight]) -> float:
        """Return after which time something may be due, seconds. A request that begins now is seen before its limit."""
        watched = self._watched() if self.on else []
        if not watched:
            return math.inf
        rules = self._rules
        limits = (rules.slowlog_timeout, rules.terminate_timeout, rules.heartbeat_timeout)
        since = self._clock.now - self._looked  # events may come faster than any limit: they do not put the look off
        waits = [limit - since for limit in limits if limit]
        for worker in watched:
            sight = sights.get(worker.number)
            if sight is not None:
                waits.append(self._wait_for(worker, sight))
        return min(waits)

    def _watched(self) -> list[Worker]:
        phases = (Phase.SERVING, Phase.STOPPING)
        return [worker for worker in self._roster if worker.phase in phases and not worker.killed]

    def _judge(self, worker: Worker, sight: Sight) -> str:
        charge = self._charge(sight)
        if charge is None:
            worker.condemned = None
            self._look_for_slow(worker, sight)
            return ""
        if worker.condemned is None or worker.condemned[0] != charge.key:
            worker.condemned = (charge.key, self._clock.now)
            self._roster.dump(worker, sight.oldest_number if sight.in_hand else 0, charge.seconds)
        elif self._clock.now - worker.condemned[1] >= DUMPING:
            return charge.reason
        return ""

    def _charge(self, sight: Sight) -> _Charge | None:
        limit = self._rules.terminate_timeout
        if limit and sight.in_hand:
            seconds = self._clock.lived(sight.oldest_since)
            if seconds >= limit:
                reason = f"a request took {seconds:.1f} s (request_terminate_timeout)"
                return _Charge(sight.oldest_number, seconds, reason)
        limit = self._rules.heartbeat_timeout
        if limit and sight.heartbeat:
            seconds = self._clock.lived(sight.heartbeat)
            if seconds >= limit:
                return _Charge(_HEART, seconds, f"no sign of life for {seconds:.1f} s (heartbeat_timeout)")
        return None

    def _look_for_slow(self, worker: Worker, sight: Sight) -> None:
        limit = self._rules.slowlog_timeout
        if limit and sight.in_hand and sight.oldest_number != worker.dumped:
            seconds = self._clock.lived(sight.oldest_since)
            if seconds >= limit:
                self.slow += 1
                self._roster.dump(worker, sight.oldest_number, seconds)

    def _wait_for(self, worker: Worker, sight: Sight) -> float:
        if worker.condemned is not None:
            return worker.condemned[1] + DUMPING - self._clock.now
        waits = [math.inf]
        rules = self._rules
        if sight.in_hand:
            taken = self._clock.lived(sight.oldest_since)
            if rules.slowlog_timeout and sight.oldest_number != worker.dumped:
                waits.append(rules.slowlog_timeout - taken)
            if rules.terminate_timeout:
                waits.append(rules.terminate_timeout - taken)
        if rules.heartbeat_timeout and sight.heartbeat:
            waits.append(rules.heartbeat_timeout - self._clock.lived(sight.heartbeat))
        return min(waits)
