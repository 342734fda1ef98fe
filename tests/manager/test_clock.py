"""Time that does not pass while the machine is suspended."""

from __future__ import annotations

import math

import pytest

from gateways.manager.clock import Clock


def test_a_punctual_master_lives_all_of_its_time() -> None:
    clock = Clock(100.0)
    for now in (101.0, 102.0, 103.5):
        clock.wake_in(1.0)
        clock.look(now)
    assert clock.now == clock.seen == 103.5
    assert clock.lived(100.5) == 3.0


def test_a_late_master_did_not_live_in_between() -> None:
    """Nobody knows when it fell asleep: so nothing counts since it was last awake."""
    clock = Clock(100.0)
    clock.wake_in(1.0)
    clock.look(3601.0)
    assert clock.now == 100.0
    assert clock.seen == 3601.0
    clock.look(3602.0)
    assert clock.now == 101.0


def test_each_suspension_counts_for_nothing_when_it_was_awake_in_between() -> None:
    clock = Clock(100.0)
    for turn in range(1, 4):
        for second in range(6):
            clock.wake_in(1.0)
            clock.look(1000.0 * turn + second)
    assert clock.now == 100.0 + 3 * 5.0


def test_a_master_that_is_always_late_is_overloaded_and_its_time_passes() -> None:
    clock = Clock(100.0)
    for turn in range(1, 61):
        clock.wake_in(1.0)
        clock.look(100.0 + 5.0 * turn)
    assert clock.now == 100.0 + 59.0, "all but the first second that it had asked for"


@pytest.mark.parametrize(
    ("since", "lived"),
    [
        (99.0, 3.0),  # one second before, and two after it
        (100.0, 2.0),
        (2000.0, 2.0),  # while suspended
        (3602.0, 1.0),
        (3603.0, 0.0),
        (9999.0, 0.0),  # another processor's clock may be ahead
    ],
)
def test_only_the_time_lived_counts_for_what_began_earlier(since: float, lived: float) -> None:
    clock = Clock(100.0)
    clock.wake_in(1.0)
    clock.look(3601.0)
    clock.wake_in(2.0)
    clock.look(3603.0)
    assert clock.lived(since) == pytest.approx(lived)


def test_who_may_sleep_for_ever_is_never_late() -> None:
    clock = Clock(100.0)
    clock.wake_in(math.inf)
    clock.look(9000.0)
    assert clock.now == 9000.0


def test_whoever_is_heard_of_was_awake() -> None:
    """Events come in between; what is late is counted from the last of them."""
    clock = Clock(100.0)
    clock.wake_in(1.0)
    for now in (101.5, 102.4, 103.3, 104.2):
        clock.look(now)
    assert clock.now == 104.2


def test_time_never_goes_back() -> None:
    clock = Clock(100.0)
    clock.look(105.0)
    clock.look(103.0)
    assert clock.now == 105.0


def test_many_suspensions_cost_no_memory() -> None:
    clock = Clock(0.0)
    for turn in range(1, 1000):
        clock.wake_in(1.0)
        clock.look(turn * 100.0)
    assert clock.now == 998.0
    assert clock.lived(999 * 100.0 - 50.0) == 0.0
    assert len(clock._gaps) < 100
