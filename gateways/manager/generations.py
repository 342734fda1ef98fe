"""Which loading of the application serves, and the gate that a new one has to pass.

A new generation boots beside the one that serves, and its workers wait. When all of them are ready they go, and the old
ones finish what they have in hand. When one of them fails, the new ones are stopped, and nothing has changed.

The first generation has no gate, unless workers of an earlier master still serve: these stay until enough of the new
ones are ready. It is not given up when one of its workers fails, as there are no others that could be started.
"""

from __future__ import annotations

from typing import NamedTuple

from gateways.manager.clock import Clock
from gateways.manager.moves import Reloaded
from gateways.manager.roster import Phase, Roster, Worker
from gateways.manager.rules import Rules
from gateways.manager.sizing import Sizing


class ReloadState(NamedTuple):
    """``state`` is idle, booting or failed; ``since`` is a reading of the monotonic clock."""

    state: str
    since: float
    #: What asked for it, and why it failed.
    why: str
    reason: str


class _Opening:
    """A generation that does not serve yet, or not with all its workers."""

    def __init__(self, generation: int, needed: int, since: float, why: str) -> None:
        self.generation = generation
        self.needed = needed
        self.since = since
        self.why = why
        #: It has failed once, which was told; it is tried again.
        self.failed = False


class Generations:
    """``current`` is the generation that workers are started of; one that has to pass the gate is beside it."""

    def __init__(self, rules: Rules, roster: Roster, sizing: Sizing, clock: Clock, first: int) -> None:
        self.current = first
        #: Reloads that succeeded, and that failed.
        self.reloads = 0
        self.failures = 0
        self._rules = rules
        self._roster = roster
        self._sizing = sizing
        self._clock = clock
        self._newest = first
        self._opening: _Opening | None = None
        #: A reload that has not begun, as another one is going on: since when, and why.
        self._asked: tuple[float, str] | None = None
        self._last = ReloadState("idle", clock.seen, "", "")

    @property
    def state(self) -> ReloadState:
        opening = self._opening
        if opening is not None and not opening.failed:
            return ReloadState("booting", opening.since, opening.why, "")
        if self._asked is not None:
            return ReloadState("booting", *self._asked, "")
        return self._last

    @property
    def trial(self) -> int | None:
        """The generation at the gate."""
        opening = self._opening
        return opening.generation if opening is not None and opening.generation != self.current else None

    def begin(self) -> None:
        """Begin with the first generation."""
        upgrade = bool(len(self._roster))
        if upgrade:
            self._sizing.level = max(1, self._sizing.level)  # somebody has to show that the application loads
        why = "upgrade" if upgrade else ""
        self._opening = _Opening(self.current, self._sizing.level, self._clock.seen, why)

    def ask(self, why: str) -> None:
        """The operator wants a new generation. More than one wish is one."""
        self._asked = (self._clock.seen, why)

    def failed(self, reason: str) -> None:
        """A worker at the gate, or of a first generation, could not become ready."""
        opening = self._opening
        if opening is None:
            return
        if opening.generation != self.current:
            self._opening = None
            for worker in self._roster.members(opening.generation):
                self._roster.stop(worker, "its generation failed")
            self._report(opening, self.current, reason)
        elif not opening.failed:
            opening.failed = True
            others = self._others()
            self._report(opening, others[0].generation if others else self.current, reason)

    def end(self) -> None:
        """The pool ends: nothing is opened any more, and whoever waits for a reload is told."""
        opening = self._opening or (_Opening(0, 0, *self._asked) if self._asked else None)
        self._opening = self._asked = None
        if opening is not None and not opening.failed:
            self._report(opening, self.current, "the pool was told to stop")

    def review(self) -> bool:
        """Open what can be opened, begin what was asked for. Returns whether another generation is the current one."""
        before = self.current
        opening = self._opening
        if opening is not None and opening.generation == self.current:
            self._review_first(opening)
        elif opening is not None:
            self._review_gate(opening)
        else:
            for worker in self._roster.of(self.current, Phase.READY):
                self._roster.go(worker)
        if self._asked is not None:
            self._begin_asked(*self._asked)
        return self.current != before

    def _review_first(self, opening: _Opening) -> None:
        ready = self._roster.of(self.current, Phase.READY)
        count = len(ready) + len(self._roster.of(self.current, Phase.SERVING))
        others = self._others()
        complete = count >= min(opening.needed, self._sizing.level)
        if complete or not any(worker.phase is Phase.SERVING for worker in others):
            for worker in ready:
                self._roster.go(worker)
        if complete:
            self._opening = None
            self._dismiss(others)
            self._report(opening, self.current, "")

    def _review_gate(self, opening: _Opening) -> None:
        """Open the gate when all are ready; or for the first of them, when nobody serves who could be kept."""
        ready = self._roster.of(opening.generation, Phase.READY)
        loading = self._roster.of(opening.generation, Phase.STARTING)
        if not ready or (loading and self._roster.serving()):
            return
        self._opening = None
        self.current = opening.generation
        for worker in ready:
            self._roster.go(worker)
        self._sizing.opened(len(ready) + len(loading))
        self._dismiss(self._others())
        self._report(opening, self.current, "")

    def _begin_asked(self, since: float, why: str) -> None:
        opening = self._opening
        if opening is not None and not opening.failed:
            return
        needed = max(1, self._sizing.level)
        if opening is not None and not self._roster.of(self.current, Phase.SERVING):
            self._supersede(needed, since, why)
        elif self._has_room(needed):
            self._asked = None
            self._newest += 1
            self._opening = _Opening(self._newest, needed, since, why)
            for _ in range(needed):
                self._roster.start(self._newest)

    def _supersede(self, needed: int, since: float, why: str) -> None:
        """Go on with a new generation at once: nobody serves of the current one, which never opened."""
        self._asked = None
        for worker in self._roster.members(self.current):
            self._roster.stop(worker, "another generation was asked for")
        self._newest += 1
        self.current = self._newest
        self._opening = _Opening(self.current, needed, since, why)

    def _has_room(self, needed: int) -> bool:
        """No more than twice the workers while reloading: those that still finish for an earlier reload come first."""
        members = self._roster.members(self.current)
        leaving = [w for w in self._roster if w.phase is Phase.STOPPING and w.generation != self.current]
        return len(members) + len(leaving) + needed <= 2 * self._rules.workers

    def _others(self) -> list[Worker]:
        return [w for w in self._roster if w.generation != self.current and w.phase is not Phase.STOPPING]

    def _dismiss(self, others: list[Worker]) -> None:
        for worker in others:
            self._roster.stop(worker, f"generation {self.current} serves")

    def _report(self, opening: _Opening, generation: int, failure: str) -> None:
        if not opening.why:
            return
        self._last = ReloadState("failed" if failure else "idle", self._clock.seen, opening.why, failure)
        self.reloads += not failure
        self.failures += bool(failure)
        self._roster.order(Reloaded(generation, failure))
