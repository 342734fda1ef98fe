"""How quickly workers are started when they do not last."""

from __future__ import annotations

import math

import pytest

from gateways.manager.pacing import Pacing
from gateways.manager.rules import Rules

PLENTY = 1000


def test_in_good_times_all_may_start() -> None:
    pacing = Pacing(Rules(4))
    assert pacing.allowed(0, 0.0) >= PLENTY
    for _ in range(PLENTY):
        pacing.started(0.0)
    assert pacing.allowed(PLENTY, 0.0) >= PLENTY


def test_failures_wait_twice_as_long_each_time() -> None:
    pacing = Pacing(Rules(4))
    now, waits = 0.0, []
    for number in range(1, 14):
        assert pacing.failed(number, number + 1, now)
        waits.append(pacing.held(now))
        assert pacing.wait(0, now) == pacing.held(now)
        assert pacing.allowed(0, now + waits[-1] - 0.01) == 0
        now += waits[-1] + 1e-6
        assert pacing.allowed(0, now) == 1
        assert pacing.allowed(1, now) == 0
        assert pacing.wait(1, now) == math.inf
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30, 30])
    assert pacing.failures == 13


def test_very_many_failures() -> None:
    pacing = Pacing(Rules(4))
    for number in range(1, 5000):
        pacing.failed(number, number + 1, 0.0)
    assert pacing.held(0.0) == 30.0


def test_success_ends_the_waiting() -> None:
    pacing = Pacing(Rules(4))
    pacing.failed(1, 2, 0.0)
    pacing.succeeded()
    assert (pacing.failures, pacing.held(0.0)) == (0, 0.0)
    assert pacing.allowed(0, 0.0) >= PLENTY


def test_those_started_together_fail_once() -> None:
    pacing = Pacing(Rules(4))
    assert [pacing.failed(number, 5, 0.0) for number in (3, 1, 4, 2)] == [True, False, False, False]
    assert pacing.failures == 1
    assert pacing.failed(5, 6, 0.0)


def dies(pacing: Pacing, times: int, *, served: float = 0.1, first: int = 1, now: float = 100.0) -> list[float]:
    """Let workers die one after the other; return how long the next one was held back each time."""
    waits = []
    for number in range(first, first + times):
        pacing.lasted(number, served)
        pacing.died(number, number + 1, served, now)
        waits.append(pacing.held(now))
    return waits


def test_quick_deaths_are_made_good_at_once_at_first() -> None:
    waits = dies(Pacing(Rules(4)), 11)
    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2])


def test_whoever_served_for_a_while_did_not_die_quickly() -> None:
    assert dies(Pacing(Rules(4)), 50, served=0.5) == [0.0] * 50


def test_one_that_lasts_ends_the_row() -> None:
    pacing = Pacing(Rules(4))
    dies(pacing, 8)
    pacing.lasted(9, 0.5)
    assert dies(pacing, 4, first=10, now=200.0) == pytest.approx([0, 0, 0, 0.1])


def test_one_that_is_older_than_the_row_does_not_end_it() -> None:
    """It may be the last one with the old library; all that start now die."""
    pacing = Pacing(Rules(4))
    dies(pacing, 8, first=2)
    pacing.lasted(1, 1000.0)
    assert dies(pacing, 1, first=10, now=200.0) == [2.0]


def test_those_that_die_together_died_once() -> None:
    pacing = Pacing(Rules(8))
    for number in range(1, 9):
        pacing.died(number, 9, 0.1, 0.0)
    assert pacing.held(0.0) == 0.0


@pytest.mark.parametrize(("workers", "at_once", "a_second"), [(1, 5, 5), (4, 5, 5), (20, 20, 10), (64, 64, 32)])
def test_after_a_death_so_many_may_start(workers: int, at_once: int, a_second: int) -> None:
    pacing = Pacing(Rules(workers))
    now = 100.0
    pacing.died(1, 2, 5.0, now)
    assert pacing.allowed(0, now) == at_once
    for _ in range(at_once):
        assert pacing.wait(0, now) == 0.0
        pacing.started(now)
    assert pacing.allowed(0, now) == 0
    assert pacing.wait(0, now) == pytest.approx(1 / a_second)
    assert pacing.allowed(0, now + 1.001) == min(a_second, at_once)
    assert pacing.allowed(0, now + 10.001) >= PLENTY


def test_another_generation_begins_anew() -> None:
    pacing = Pacing(Rules(4))
    dies(pacing, 9)
    pacing.failed(10, 11, 100.0)
    pacing.reset()
    assert (pacing.failures, pacing.held(100.0)) == (0, 0.0)
