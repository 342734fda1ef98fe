"""The workers and the orders given to them."""

from __future__ import annotations

import pytest

from gateways.manager.clock import Clock
from gateways.manager.moves import Dump, Go, Kill, Say, Start, Stop
from gateways.manager.roster import Phase, Roster, Worker
from gateways.manager.rules import Rules


class Stage:
    """A roster at 100.0 with one worker, numbered 7."""

    def __init__(self, **rules: float) -> None:
        self.clock = Clock(100.0)
        self.roster = Roster(Rules(2, **rules), self.clock, 7)
        self.roster.start(3)

    @property
    def worker(self) -> Worker:
        worker = self.roster.get(7)
        assert worker is not None
        return worker


def test_each_order_changes_the_phase_and_is_an_action() -> None:
    stage = Stage()
    roster, worker = stage.roster, stage.worker
    seen = [worker.phase]
    roster.ready(worker)
    seen.append(worker.phase)
    roster.go(worker)
    seen.append(worker.phase)
    roster.dump(worker, 5, 2.5)
    roster.say("notice", "text")
    roster.stop(worker, "why", last=True)
    seen.append(worker.phase)
    roster.kill(worker, "stuck")
    assert seen == [Phase.STARTING, Phase.READY, Phase.SERVING, Phase.STOPPING]
    assert roster.take() == [
        Start(7, 3),
        Go(7),
        Dump(7, 5, 2.5),
        Say("notice", "text"),
        Stop(7, "why", True),
        Kill(7, "stuck"),
    ]
    assert roster.take() == []
    assert (worker.dumped, worker.killed, worker.phase) == (5, True, Phase.STOPPING)


def test_only_one_that_serves_can_empty_the_backlog() -> None:
    stage = Stage()
    stage.roster.stop(stage.worker, "why", last=True)
    assert stage.roster.take()[-1] == Stop(7, "why", False)


def test_numbers_are_never_used_again() -> None:
    stage = Stage()
    assert stage.roster.gone(7) is not None
    assert stage.roster.gone(7) is None
    stage.roster.start(3)
    assert [worker.number for worker in stage.roster] == [8]
    stage.roster.adopt(20, 2)
    stage.roster.start(3)
    assert [worker.number for worker in stage.roster] == [8, 20, 21]
    stage.roster.adopt(5, 2)
    assert stage.roster.next_number == 22


def test_deadlines() -> None:
    stage = Stage(boot_timeout=5.0, graceful_timeout=10.0)
    roster, clock, worker = stage.roster, stage.clock, stage.worker
    assert roster.next_deadline == 105.0
    roster.ready(worker)
    assert roster.next_deadline == float("inf")
    roster.go(worker)
    clock.look(101.0)
    roster.stop(worker, "why")
    assert roster.next_deadline == 111.5
    clock.look(111.4)
    assert roster.overdue() == []
    clock.look(111.5)
    assert roster.overdue() == [worker]
    roster.kill(worker, "stuck")
    assert roster.overdue() == []
    clock.look(121.5)
    assert roster.overdue() == [worker]


@pytest.mark.parametrize(("graceful_timeout", "deadline"), [(30.0, 102.5), (1.0, 101.5), (0.0, 100.5)])
def test_one_that_serves_nobody_has_less_time_to_end(graceful_timeout: float, deadline: float) -> None:
    stage = Stage(graceful_timeout=graceful_timeout)
    stage.roster.stop(stage.worker, "why")
    assert stage.roster.next_deadline == deadline


def test_generations_and_phases() -> None:
    stage = Stage()
    roster = stage.roster
    roster.start(4)
    roster.start(4)
    first, second, third = roster
    roster.go(second)
    roster.stop(third, "why")
    assert roster.of(4, Phase.SERVING, Phase.STOPPING) == [second, third]
    assert roster.members(4) == [second]
    assert roster.members(3) == [first]
    assert roster.serving() == [second]
    assert len(roster) == 3
