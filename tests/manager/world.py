"""A simulated master with simulated workers, which boot, fail, serve, hang, and die as hypothesis wants them to.

The world keeps its own books of who lives and in which phase, so that it can tell when the policy is wrong.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateways.manager.moves import (
    Action,
    Dump,
    Event,
    Exited,
    Failed,
    Finished,
    GiveUp,
    Go,
    Kill,
    Ready,
    ReloadAsked,
    Reloaded,
    Retiring,
    Sight,
    Start,
    Stop,
    StopAsked,
    Waiting,
)
from gateways.manager.policy import Policy
from gateways.manager.rules import Rules

#: A process that was killed is reaped by then, seconds.
REAPED = 0.2
#: For how long the machine is suspended, when it is, seconds.
SUSPENDED = 1000.0


@dataclass(frozen=True)
class Fate:
    """What becomes of a worker. Times are seconds; never is infinite."""

    #: From its start until it is ready, or fails.
    boot: float = 0.3
    #: ready, failed (it says so), exits (it does not), hangs.
    outcome: str = "ready"
    #: From Go until it dies, and until it retires.
    dies: float = math.inf
    retires: float = math.inf
    #: Its requests: how long each takes, and the pause between two. One that takes for ever never ends.
    busy: float = 0.1
    pause: float = 0.4
    #: It ends this long after it was told to and has nothing in hand. One that never does has to be killed.
    ends: float = 0.01


GOOD = Fate()


class Being:
    """A worker of the world."""

    def __init__(self, number: int, generation: int, fate: Fate, now: float) -> None:
        self.number = number
        self.generation = generation
        self.fate = fate
        self.started = now
        self.ready = self.failed = False
        self.went: float | None = None
        #: Since when it is about to end: it was told to, retires, has failed, or was killed.
        self.leaving: float | None = None
        self.killed = False

    @property
    def accepts(self) -> bool:
        return self.went is not None and self.leaving is None

    def request(self, now: float) -> tuple[int, float, float] | None:
        """Return the number of the request in hand, when it began and when it ends."""
        if self.went is None:
            return None
        cycle = self.fate.busy + self.fate.pause
        turn = 0 if cycle == math.inf else int((now - self.went) / cycle)
        began = self.went + (turn * cycle if turn else 0.0)
        if self.leaving is not None and began > self.leaving:
            return None
        return (turn + 1, began, began + self.fate.busy) if now < began + self.fate.busy else None

    def sight(self, now: float) -> Sight:
        request = self.request(now)
        if request is None:
            cycle = self.fate.busy + self.fate.pause
            since = self.went or 0.0
            if self.went is not None and cycle < math.inf:
                since += int((now - self.went) / cycle) * cycle + self.fate.busy
            return Sight(0, 1, min(since, now), 0.0, 0, now)
        return Sight(1, 1, 0.0, request[1], request[0], now)


class World:
    """Runs a policy from 0.0 on. ``fates`` are taken in turn; those that start after ``good_from`` are all good."""

    def __init__(
        self,
        rules: Rules,
        fates: Sequence[Fate],
        plan: Sequence[tuple[float, str]] = (),
        adopted: int = 0,
        good_from: float = math.inf,
    ) -> None:
        self.rules = rules
        self.now = 0.0
        #: How much later than its time something may happen: a tick may be a bit late, and a second is lost whenever
        #: the machine is suspended.
        self.slack = REAPED + 0.1
        self.suspended = 0.0
        self.policy = Policy(rules, 0.0)
        self.beings: dict[int, Being] = {}
        self.ended = self.finished = False
        self.gave_up = False
        self.seen: list[tuple[float, Action]] = []
        self.ticks = self.hurried = self.events = 0
        self._fates = itertools.cycle(fates)
        self._good_from = good_from
        self._newest = 0
        self._queue: list[tuple[float, int, Any]] = []
        self._order = itertools.count()
        self._sights: dict[int, Sight] = {}
        self._due = math.inf
        for when, what in plan:
            self._later(when, what)
        for number in range(1, adopted + 1):
            being = self.beings[number] = Being(number, 0, next(self._fates), 0.0)
            being.ready, being.went = True, 0.0
            self.policy.adopt(number, 0.0)
            self._later(being.fate.dies, Exited(number, "killed by SIGKILL"))
            self._newest = number
        self._do(self.policy.begin(0.0))

    def run(self, until: float) -> World:
        """Let time pass, until there is nobody left or it is ``until``, not counting the time of suspension."""
        while not self.finished:
            when = min(self._queue[0][0] if self._queue else math.inf, self._due)
            if when > until + self.suspended:
                break
            if self._due <= when:
                self.now = max(self.now, when)
                self._tick()
                continue
            when, _, what = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            self._happen(what)
        if not self.finished:
            self.now = max(self.now, until + self.suspended)
        return self

    def stop(self) -> None:
        self._happen("stop")

    @property
    def accepting(self) -> list[Being]:
        return [being for being in self.beings.values() if being.accepts]

    # What happens

    def _later(self, when: float, what: Any) -> None:
        if when < math.inf:
            heapq.heappush(self._queue, (when, next(self._order), what))

    def _happen(self, what: Any) -> None:
        if what == "stop":
            self.ended = True
            self._tell(StopAsked())
        elif what == "reload":
            self._tell(ReloadAsked("SIGHUP"))
        elif what in ("more", "fewer"):
            self._do(self.policy.resize(1 if what == "more" else -1, self.now))
        elif what == "suspend":
            self._suspend()
        elif what == "connection":
            self._tell_waiting()
        elif isinstance(what, Being):
            self._end_if_done(what)
        elif what.worker in self.beings:
            self._happen_to(what, self.beings[what.worker])

    def _happen_to(self, event: Any, being: Being) -> None:
        if isinstance(event, Exited):
            del self.beings[being.number]
        elif being.killed:
            return
        elif isinstance(event, Ready):
            if being.leaving is not None:
                return
            being.ready = True
        elif isinstance(event, Failed):
            being.leaving = being.leaving or self.now
            self._later(self.now + being.fate.ends, Exited(being.number, "exit status 3"))
        elif isinstance(event, Retiring):
            if being.leaving is not None:
                return
            being.leaving = self.now
            self._end_if_done(being)
        self._tell(event)

    def _end_if_done(self, being: Being) -> None:
        request = being.request(self.now)
        if request is not None:
            self._later(request[2], being)
        else:
            self._later(self.now + being.fate.ends, Exited(being.number, "exit status 0"))

    def _suspend(self) -> None:
        """Nobody lives for that time: what was to come comes later, and what has begun began later."""
        self._queue = [(when + SUSPENDED, order, what) for when, order, what in self._queue]
        for being in self.beings.values():
            being.started += SUSPENDED
            being.went = being.went if being.went is None else being.went + SUSPENDED
            being.leaving = being.leaving if being.leaving is None else being.leaving + SUSPENDED
        self.now += SUSPENDED
        self.suspended += SUSPENDED
        self.slack += 1.0

    def _tell(self, event: Event) -> None:
        self.events += 1
        self._do(self.policy.handle(event, self.now))

    def _tell_waiting(self) -> None:
        """A connection comes. Who is free takes it; otherwise it waits, and the master is told if it watches."""
        if any(being.accepts and being.request(self.now) is None for being in self.beings.values()):
            return
        if self.policy.watches_backlog:
            self._tell(Waiting())
            assert not self.policy.watches_backlog, "a master would be told for ever"

    def _tick(self) -> None:
        self.ticks += 1
        self._sights = {being.number: being.sight(self.now) for being in self.beings.values() if being.went is not None}
        self._do(self.policy.tick(self.now, dict(self._sights)))

    # What the policy wants

    def _do(self, actions: list[Action]) -> None:
        served = bool(self.accepting)
        for action in actions:
            assert not self.finished, f"{action} after the end"
            self.seen.append((self.now, action))
            getattr(self, "_" + type(action).__name__.lower(), lambda action: None)(action)
        reloaded = any(isinstance(action, Reloaded) for action in actions)
        killed = any(isinstance(action, Kill) for action in actions)
        if reloaded and served and not killed and not self.ended and not self.gave_up:
            assert self.accepting, f"nobody serves after {actions}"
        wait = self.policy.next_tick(self.now)
        assert wait > 0
        self.hurried += wait <= 0.011
        self._due = self.now + wait
        self._check_times()

    def _start(self, action: Start) -> None:
        assert action.worker > self._newest, "a number is used again"
        assert action.generation in (self.policy.generation, self.policy.trial)
        assert not self.ended
        assert not self.gave_up
        self._newest = action.worker
        fate = next(self._fates) if self.now < self._good_from else GOOD
        being = self.beings[action.worker] = Being(action.worker, action.generation, fate, self.now)
        same = [other for other in self.beings.values() if other.generation == action.generation]
        assert sum(other.leaving is None for other in same) <= self.rules.workers
        assert len(same) <= 2 * self.rules.workers
        assert len(self.beings) <= 4 * self.rules.workers
        ready = self.now + fate.boot
        if fate.outcome == "ready":
            self._later(ready, Ready(being.number))
        elif fate.outcome == "failed":
            self._later(ready, Failed(being.number, "ImportError"))
        elif fate.outcome == "exits":
            self._later(ready, Exited(being.number, "exit status 1"))

    def _go(self, action: Go) -> None:
        being = self.beings[action.worker]
        assert being.ready
        assert being.went is None
        assert being.leaving is None
        being.went = self.now
        self._later(self.now + being.fate.dies, Exited(being.number, "killed by SIGSEGV"))
        self._later(self.now + being.fate.retires, Retiring(being.number, "max_requests"))

    def _stop(self, action: Stop) -> None:
        being = self.beings[action.worker]
        assert being.leaving is None
        assert action.last == (self.ended or self.gave_up) or being.went is None
        if action.reason == "idle":
            assert self._sights[action.worker].in_hand == 0
        being.leaving = self.now
        if being.ready or being.fate.outcome != "hangs":
            self._end_if_done(being)

    def _kill(self, action: Kill) -> None:
        being = self.beings[action.worker]
        being.killed = True
        being.leaving = self.now if being.leaving is None else being.leaving
        self._later(self.now + REAPED, Exited(action.worker, "killed by SIGKILL"))

    def _dump(self, action: Dump) -> None:
        assert self.beings[action.worker].request(self.now)[0] == action.number  # type: ignore[index]

    def _reloaded(self, action: Reloaded) -> None:
        if not action.failure:
            assert action.generation == self.policy.generation
            assert any(being.accepts and being.generation == action.generation for being in self.beings.values())

    def _giveup(self, action: GiveUp) -> None:
        assert not self.accepting
        assert self.rules.boot_retries
        self.gave_up = True

    def _finished(self, action: Finished) -> None:
        assert not self.beings
        assert self.ended or self.gave_up
        self.finished = True

    def _check_times(self) -> None:
        """Nobody boots, or takes leave, for longer than is allowed."""
        for being in self.beings.values():
            if being.leaving is not None:
                assert self.now - being.leaving <= self.rules.graceful_timeout + 0.5 + self.slack, vars(being)
            elif not being.ready:
                assert self.now - being.started <= self.rules.boot_timeout + self.slack, vars(being)
