"""What a pool does next: it is told what happened, and answers with what to do. It knows no process, and no time.

A master calls ``begin``, then ``handle`` for each event, and ``tick`` at the latest after ``next_tick`` seconds; all of
them return actions, to be done in their order. The parts:

    rules.py        the numbers
    clock.py        time that does not pass while suspended
    roster.py       the workers, and the orders given to them
    sizing.py       how many there should be
    pacing.py       how quickly they are started when they fail
    generations.py  which loading of the application serves
    watchdog.py     limits of requests
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gateways.manager.clock import Clock
from gateways.manager.generations import Generations, ReloadState
from gateways.manager.moves import (
    Action,
    Event,
    Exited,
    Failed,
    Finished,
    GiveUp,
    Ready,
    ReloadAsked,
    Retiring,
    Sight,
    StopAsked,
    Waiting,
)
from gateways.manager.pacing import Pacing
from gateways.manager.roster import Phase, Roster, Worker
from gateways.manager.rules import Rules
from gateways.manager.sizing import Sizing
from gateways.manager.watchdog import Watchdog

#: The bounds of ``next_tick`` while there is something to wait for, seconds: it never spins, and notices a suspension.
_SOONEST = 0.01
_LATEST = 1.0


class Counters(NamedTuple):
    """What has happened in a pool, for its status page."""

    #: Workers that were started, that could not become ready, that died while serving, and that were killed for a limit
    #: of a request or of the heartbeat.
    started: int
    failed: int
    died: int
    terminated: int
    #: Requests that went to the slow log.
    slow: int
    #: How many times all workers there may be were busy; only with dynamic and ondemand.
    saturated: int
    reloads: int
    failed_reloads: int


class Policy:
    """Decides for one pool. ``now`` is always a reading of the monotonic clock."""

    def __init__(self, rules: Rules, now: float, first_worker: int = 1, first_generation: int = 1) -> None:
        self.rules = rules
        #: Whether the first workers have all become ready once.
        self.up = False
        self._first_worker = first_worker
        self._clock = Clock(now)
        self._roster = Roster(rules, self._clock, first_worker)
        self._sizing = Sizing(rules, self._roster, self._clock)
        self._pacing = Pacing(rules)
        self._watchdog = Watchdog(rules, self._roster, self._clock)
        self._generations = Generations(rules, self._roster, self._sizing, self._clock, first_generation)
        self._sights: Mapping[int, Sight] = {}
        self._ending = False
        self._finished = False
        self._failed = 0
        self._died = 0
        self._terminated = 0

    # What a master calls

    def adopt(self, worker: int, now: float) -> None:
        """Take over a worker that serves for an earlier master, before ``begin``; it goes when new ones are ready."""
        self._clock.look(now)
        self._roster.adopt(worker, self._generations.current - 1)

    def begin(self, now: float) -> list[Action]:
        """Start the first workers."""
        self._clock.look(now)
        self._first_worker = self._roster.next_number
        self._generations.begin()
        return self._review()

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event. One of a worker that has ended, or that says what it cannot say, is ignored."""
        self._clock.look(now)
        if isinstance(event, StopAsked):
            self._end("the pool stops")
        elif isinstance(event, ReloadAsked):
            if not self._ending:
                self._generations.ask(event.why)
        elif isinstance(event, Waiting):
            if self.watches_backlog:
                self._sizing.grow()
        else:
            worker = self._roster.get(event.worker)
            if worker is not None:
                self._handle_worker(event, worker)
        return self._review()

    def tick(self, now: float, sights: Mapping[int, Sight]) -> list[Action]:
        """Look at the clock and at the scoreboard: ``sights`` of the workers by number, as far as they are known."""
        self._clock.look(now)
        self._sights = sights
        for worker, reason in self._watchdog.look(sights):
            self._terminated += 1
            self._kill(worker, reason)
        for worker in self._roster.overdue():
            self._overdue(worker)
        if not self._ending:
            for worker in self._sizing.look(self.generation, sights):
                self._roster.stop(worker, "idle")
        return self._review()

    def next_tick(self, now: float) -> float:
        """Return after how many seconds to call ``tick`` at the latest; infinite: only after the next event."""
        self._clock.look(now)
        waits = [self._roster.next_deadline - self._clock.now, self._watchdog.wait(self._sights)]
        if not self._ending:
            members = self._roster.members(self.generation)
            waits.append(self._sizing.wait(bool(members)))
            if len(members) < self._sizing.level and self._room():
                waits.append(self._pacing.wait(self._starting(), self._clock.now))
        wait = min(waits)
        if wait < math.inf:
            wait = min(max(wait, _SOONEST), _LATEST)
        self._clock.wake_in(wait)
        return wait

    def resize(self, delta: int, now: float) -> list[Action]:
        """Allow ``delta`` workers more, or fewer when negative; at least 1, and at most the setting ``workers``."""
        self._clock.look(now)
        if not self._ending and not self._sizing.resize(delta):
            bound = "the setting workers allows no more" if delta > 0 else "there has to be one"
            self._roster.say("warning", f"the number of workers stays {self._sizing.limit}: {bound}")
        return self._review()

    # What a master, and a status page, look at

    @property
    def watches_backlog(self) -> bool:
        """Whether ``Waiting`` would start a worker: with ondemand, when no worker could accept and one more may be."""
        return not self._ending and self._sizing.may_grow(self.generation, self._sights)

    @property
    def generation(self) -> int:
        """The generation that serves. Besides it, workers are only started of ``trial``."""
        return self._generations.current

    @property
    def next_worker(self) -> int:
        """The number of the worker that will be started next."""
        return self._roster.next_number

    @property
    def trial(self) -> int | None:
        """The generation that boots beside it, at a reload."""
        return self._generations.trial

    @property
    def reload_state(self) -> ReloadState:
        return self._generations.state

    @property
    def limit(self) -> int:
        """How many workers there may be: the setting ``workers``, unless ``resize`` lowered it."""
        return self._sizing.limit

    @property
    def counters(self) -> Counters:
        return Counters(
            started=self._roster.next_number - self._first_worker,
            failed=self._failed,
            died=self._died,
            terminated=self._terminated,
            slow=self._watchdog.slow,
            saturated=self._sizing.saturated,
            reloads=self._generations.reloads,
            failed_reloads=self._generations.failures,
        )

    def phase_of(self, worker: int) -> Phase | None:
        """Return what the worker is doing; None when it has ended."""
        found = self._roster.get(worker)
        return found.phase if found is not None else None

    # Events

    def _handle_worker(self, event: Ready | Failed | Retiring | Exited, worker: Worker) -> None:
        if isinstance(event, Exited):
            self._exited(worker, event.how)
        elif worker.phase is Phase.STOPPING:
            return
        elif isinstance(event, Ready):
            if worker.phase is Phase.STARTING:
                self._roster.ready(worker)
                if worker.generation == self.generation:
                    self._pacing.succeeded()
        elif worker.phase is Phase.SERVING:
            if isinstance(event, Failed):
                self._lost(worker, event.reason)
            else:
                self._pacing.retired(self._clock.now - worker.since, self._clock.now)
            self._roster.leaves(worker)
        else:
            self._roster.leaves(worker)
            self._not_ready(worker, event.reason)

    def _exited(self, worker: Worker, how: str) -> None:
        self._roster.gone(worker.number)
        if worker.phase is Phase.SERVING:
            self._lost(worker, how)
        elif worker.phase is not Phase.STOPPING:
            self._not_ready(worker, f"it ended before it was ready: {how}")

    def _overdue(self, worker: Worker) -> None:
        if worker.phase is Phase.STARTING:
            self._kill(worker, f"not ready after {self.rules.boot_timeout:g} s (boot_timeout)")
        elif worker.killed:
            self._roster.kill(worker, "it is still there")
        else:
            self._roster.kill(worker, "it did not end in time")

    def _kill(self, worker: Worker, reason: str) -> None:
        phase = worker.phase
        seconds = self._clock.now - worker.since
        self._roster.kill(worker, reason)
        if phase is Phase.STARTING:
            self._not_ready(worker, reason)
        elif phase is Phase.SERVING:
            self._count_death(worker, seconds)

    def _lost(self, worker: Worker, how: str) -> None:
        """A worker is lost that should have served on."""
        self._died += 1
        seconds = self._clock.now - worker.since
        self._count_death(worker, seconds)
        held = self._pacing.held(self._clock.now)
        text = f"worker {worker.number} died after {seconds:.1f} s: {_one_line(how)}"
        self._roster.say("error", text + (f"; the next one starts in {held:.1f} s" if held else ""))

    def _count_death(self, worker: Worker, seconds: float) -> None:
        if worker.generation != self.generation:
            return
        now = self._clock.now
        for other in self._roster.of(self.generation, Phase.SERVING):
            self._pacing.lasted(other.number, now - other.since)
        self._pacing.lasted(worker.number, seconds)
        self._pacing.died(worker.number, self._roster.next_number, seconds, now)

    def _not_ready(self, worker: Worker, reason: str) -> None:
        """A worker cannot become ready: at the gate that ends the reload, otherwise it is tried again, or not."""
        self._failed += 1
        reason = _one_line(f"worker {worker.number}: {reason}")
        if worker.generation in (self.trial, self.generation):
            self._generations.failed(reason)
        if worker.generation == self.generation:
            self._try_again(worker, reason)

    def _try_again(self, worker: Worker, reason: str) -> None:
        now = self._clock.now
        counted = self._pacing.failed(worker.number, self._roster.next_number, now)
        failures, retries = self._pacing.failures, self.rules.boot_retries
        hopeless = retries and failures >= retries
        if hopeless and all(other.phase is Phase.STOPPING for other in self._roster):
            self._roster.order(GiveUp(f"no worker became ready, {failures} times in a row; the last one: {reason}"))
            self._end("the pool gives up")
        elif counted:
            self._roster.say("error", f"{reason}; it is tried again in {self._pacing.held(now):.1f} s")

    def _end(self, reason: str) -> None:
        self._ending = True
        self._generations.end()
        for worker in self._roster:
            if worker.phase is not Phase.STOPPING:
                self._roster.stop(worker, reason, last=True)

    # What follows from all events

    def _review(self) -> list[Action]:
        if not self._ending:
            if self._generations.review():
                self._pacing.reset()
            self._fill()
            serving = self._roster.of(self.generation, Phase.SERVING)
            self.up = self.up or len(serving) >= self._sizing.level
        elif not len(self._roster) and not self._finished:
            self._finished = True
            self._roster.order(Finished())
        return self._roster.take()

    def _fill(self) -> None:
        """Start what is missing, as quickly as it may be, and stop what is too many."""
        members = self._roster.members(self.generation)
        for worker in self._sizing.surplus(members, self._sights):
            self._roster.stop(worker, "fewer workers were asked for")
        missing = self._sizing.level - len(members)
        if missing <= 0:
            return
        allowed = self._pacing.allowed(self._starting(), self._clock.now)
        for _ in range(min(missing, allowed, self._room())):
            self._roster.start(self.generation)
            self._pacing.started(self._clock.now)

    def _starting(self) -> int:
        return len(self._roster.of(self.generation, Phase.STARTING))

    def _room(self) -> int:
        """As many of a generation may finish what they have in hand as may serve, and as many again of earlier ones."""
        processes = sum(worker.generation == self.generation for worker in self._roster)
        return max(0, min(2 * self.rules.workers - processes, 4 * self.rules.workers - len(self._roster)))


def _one_line(text: str) -> str:
    return " ".join(text.split())
