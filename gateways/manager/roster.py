"""The workers of a pool, and the orders given to them."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator

from gateways.manager.clock import Clock
from gateways.manager.moves import Action, Dump, Go, Kill, Say, Start, Stop
from gateways.manager.rules import Rules

#: A worker ends by itself at graceful_timeout and says so; one that has not by then is stuck, and killed so much later.
_LATITUDE = 0.5
#: A worker that serves nobody yet has nothing to finish, seconds.
_GRACE_UNUSED = 2.0
#: SIGKILL is sent again while the process is still there: it may have waited for a disk, seconds.
_KILL_AGAIN = 10.0


class Phase(enum.Enum):
    """What a worker is doing, as far as the master knows."""

    #: It loads the application.
    STARTING = "starting"
    #: It waits for the others of its generation.
    READY = "ready"
    SERVING = "serving"
    #: It finishes what is in hand and ends, or was killed.
    STOPPING = "stopping"


class Worker:
    """One process. ``since`` (when it entered its phase) and ``deadline`` are in the time of the pool's clock."""

    def __init__(self, number: int, generation: int, phase: Phase, since: float, deadline: float) -> None:
        self.number = number
        self.generation = generation
        self.phase = phase
        self.since = since
        self.deadline = deadline
        self.killed = False
        #: The request that was written to the slow log last.
        self.dumped = -1
        #: For what it is about to be killed (a request, or its heart), and since when.
        self.condemned: tuple[int, float] | None = None


class Roster:
    """All workers whose processes have not ended. What is ordered here becomes an action of the policy.

    ``next_number`` is the number of the worker that is started next.
    """

    def __init__(self, rules: Rules, clock: Clock, first_worker: int) -> None:
        self.next_number = first_worker
        self._rules = rules
        self._clock = clock
        self._workers: dict[int, Worker] = {}
        self._orders: list[Action] = []

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._workers.values()))

    def get(self, number: int) -> Worker | None:
        return self._workers.get(number)

    def of(self, generation: int, *phases: Phase) -> list[Worker]:
        """Return those of ``generation`` that are in one of ``phases``; the oldest first."""
        return [worker for worker in self if worker.generation == generation and worker.phase in phases]

    def members(self, generation: int) -> list[Worker]:
        """Return those of ``generation`` that serve or will serve."""
        return self.of(generation, Phase.STARTING, Phase.READY, Phase.SERVING)

    def serving(self) -> list[Worker]:
        return [worker for worker in self if worker.phase is Phase.SERVING]

    def overdue(self) -> list[Worker]:
        return [worker for worker in self if worker.deadline <= self._clock.now]

    @property
    def next_deadline(self) -> float:
        return min((worker.deadline for worker in self), default=math.inf)

    # What happens to them

    def adopt(self, number: int, generation: int) -> None:
        self._workers[number] = Worker(number, generation, Phase.SERVING, self._clock.now, math.inf)
        self.next_number = max(self.next_number, number + 1)

    def ready(self, worker: Worker) -> None:
        self._enter(worker, Phase.READY, math.inf)

    def leaves(self, worker: Worker) -> None:
        """The worker ends by itself."""
        grace = self._rules.graceful_timeout if worker.phase is Phase.SERVING else self._unused_grace()
        self._enter(worker, Phase.STOPPING, grace + _LATITUDE)

    def gone(self, number: int) -> Worker | None:
        """The process has ended."""
        return self._workers.pop(number, None)

    # Orders

    def start(self, generation: int) -> None:
        now = self._clock.now
        worker = Worker(self.next_number, generation, Phase.STARTING, now, now + self._rules.boot_timeout)
        self.next_number += 1
        self._workers[worker.number] = worker
        self.order(Start(worker.number, generation))

    def go(self, worker: Worker) -> None:
        self._enter(worker, Phase.SERVING, math.inf)
        self.order(Go(worker.number))

    def stop(self, worker: Worker, reason: str, last: bool = False) -> None:
        self.order(Stop(worker.number, reason, last and worker.phase is Phase.SERVING))
        self.leaves(worker)

    def kill(self, worker: Worker, reason: str) -> None:
        self._enter(worker, Phase.STOPPING, _KILL_AGAIN)
        worker.killed = True
        self.order(Kill(worker.number, reason))

    def dump(self, worker: Worker, number: int, seconds: float) -> None:
        worker.dumped = number
        self.order(Dump(worker.number, number, seconds))

    def say(self, level: str, text: str) -> None:
        self.order(Say(level, text))

    def order(self, action: Action) -> None:
        self._orders.append(action)

    def take(self) -> list[Action]:
        """Return the orders since the last call."""
        orders, self._orders = self._orders, []
        return orders

    def _enter(self, worker: Worker, phase: Phase, time: float) -> None:
        worker.phase = phase
        worker.since = self._clock.now
        worker.deadline = self._clock.now + time

    def _unused_grace(self) -> float:
        return min(self._rules.graceful_timeout, _GRACE_UNUSED)
