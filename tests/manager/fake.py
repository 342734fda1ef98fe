"""A policy with a clock that the test moves, and a scoreboard that it writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateways.manager.moves import Action, Event, Exited, Failed, Go, Ready, Sight, Start, Stop
from gateways.manager.policy import Policy
from gateways.manager.rules import Rules

EPOCH = 1000.0


class Fake:
    """Calls a policy as a punctual master does. ``log`` holds all actions with their times, counted from 0."""

    def __init__(self, workers: int, *, adopted: Iterable[int] = (), **rules: Any) -> None:
        self.clock = EPOCH
        self.policy = Policy(Rules(workers=workers, **rules), self.clock)
        self.sights: dict[int, Sight] = {}
        self.log: list[tuple[float, Action]] = []
        self.ticks = 0
        for worker in adopted:
            self.policy.adopt(worker, self.clock)
        self.first = self._note(self.policy.begin(self.clock))

    @property
    def now(self) -> float:
        return self.clock - EPOCH

    def tell(self, event: Event) -> list[Action]:
        actions = self._note(self.policy.handle(event, self.clock))
        self.policy.next_tick(self.clock)
        return actions

    def ready(self, *workers: int) -> list[Action]:
        return [action for worker in workers for action in self.tell(Ready(worker))]

    def exit(self, *workers: int, how: str = "exit status 0") -> list[Action]:
        return [action for worker in workers for action in self.tell(Exited(worker, how))]

    def fail(self, worker: int, reason: str = "ImportError") -> list[Action]:
        """The worker says that it cannot start, and ends."""
        return self.tell(Failed(worker, reason)) + self.exit(worker, how="exit status 3")

    def tick(self) -> list[Action]:
        self.ticks += 1
        return self._note(self.policy.tick(self.clock, dict(self.sights)))

    def pass_time(self, seconds: float) -> list[Action]:
        """Let time pass, with a tick whenever the policy wants one."""
        until = self.clock + seconds
        actions = []
        while True:
            wait = self.policy.next_tick(self.clock)
            assert wait > 0
            if self.clock + wait > until:
                self.clock = until
                return actions
            self.clock += wait
            actions += self.tick()

    def suspend(self, seconds: float) -> None:
        self.policy.next_tick(self.clock)
        self.clock += seconds

    def idle(self, *workers: int, threads: int = 4) -> None:
        """These workers have nothing in hand from now on."""
        for worker in workers:
            self.sights[worker] = Sight(0, threads, self.clock, 0.0, 0, 0.0)

    def busy(self, *workers: int, number: int = 1, in_hand: int = 4, threads: int = 4) -> None:
        """These workers have had ``in_hand`` requests from now on; the oldest is the one with that number."""
        for worker in workers:
            self.sights[worker] = Sight(in_hand, threads, 0.0, self.clock, number, 0.0)

    def beat(self, *workers: int) -> None:
        """These workers give a sign of life."""
        for worker in workers:
            self.sights[worker] = self.sights[worker]._replace(heartbeat=self.clock)

    def times(self, kind: type) -> list[float]:
        """Return when actions of this kind were wanted, rounded to milliseconds."""
        return [round(time, 3) for time, action in self.log if type(action) is kind]

    def _note(self, actions: list[Action]) -> list[Action]:
        self.log += [(self.now, action) for action in actions]
        return actions


def serving(workers: int, **rules: Any) -> Fake:
    """Return a pool whose first workers serve."""
    fake = Fake(workers, **rules)
    fake.ready(*starts(fake.first))
    return fake


def starts(actions: Iterable[Action]) -> list[int]:
    return [action.worker for action in actions if isinstance(action, Start)]


def goes(actions: Iterable[Action]) -> list[int]:
    return [action.worker for action in actions if isinstance(action, Go)]


def stops(actions: Iterable[Action]) -> list[int]:
    return [action.worker for action in actions if isinstance(action, Stop)]


def only(actions: Iterable[Action], kind: type) -> list[Any]:
    return [action for action in actions if type(action) is kind]
