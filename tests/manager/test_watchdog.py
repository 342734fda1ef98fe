"""Slow requests, requests that never end, interpreters that hang, and machines that were asleep."""

from __future__ import annotations

import pytest

from gateways.manager.moves import Dump, Go, Kill, Retiring, Start, Stop, StopAsked, Waiting
from tests.manager.fake import Fake, only, serving, starts


def kills(fake: Fake) -> list[tuple[float, int]]:
    return [(round(time, 3), action.worker) for time, action in fake.log if isinstance(action, Kill)]


def dumps(fake: Fake) -> list[tuple[float, int, int]]:
    return [(round(time, 3), action.worker, action.number) for time, action in fake.log if isinstance(action, Dump)]


# The slow log


def test_a_slow_request_is_written_once() -> None:
    fake = serving(2, slowlog_timeout=2.4)
    fake.idle(2)
    fake.pass_time(0.7)
    fake.busy(1, number=17)
    fake.pass_time(60)
    assert dumps(fake) == [(pytest.approx(3.1, abs=0.02), 1, 17)]
    assert kills(fake) == []
    assert only([action for _, action in fake.log], Dump)[0].seconds == pytest.approx(2.4, abs=0.02)


def test_the_next_slow_request_is_written_too() -> None:
    fake = serving(1, slowlog_timeout=2.0)
    fake.busy(1, number=17)
    fake.pass_time(5)
    fake.busy(1, number=18)
    fake.pass_time(1.9)
    fake.busy(1, number=19)
    fake.pass_time(5)
    assert dumps(fake) == [(2.0, 1, 17), (8.9, 1, 19)]


def test_without_a_limit_nothing_is_looked_at() -> None:
    fake = serving(1)
    fake.busy(1)
    fake.pass_time(10000)
    assert (fake.ticks, dumps(fake), kills(fake)) == (0, [], [])


# request_terminate_timeout


@pytest.mark.parametrize("limit", [0.05, 0.3, 2.4, 45.7])
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.999])
def test_L18_a_request_that_takes_too_long_is_written_and_its_worker_killed_a_moment_later(
    limit: float, offset: float
) -> None:
    fake = serving(2, terminate_timeout=limit)
    fake.idle(1, 2)
    fake.pass_time(5 + offset)
    fake.busy(1, number=3)
    began = fake.now
    fake.pass_time(limit + 0.3)
    ((dumped, worker, number),) = dumps(fake)
    ((killed, victim),) = kills(fake)
    assert (worker, number, victim) == (1, 3, 1)
    assert began + limit <= dumped + 0.001
    assert dumped < killed <= began + limit + 0.15
    assert fake.log[-1][1] == Start(3, 1), "nobody waits for its end"
    assert fake.exit(1, how="killed by SIGKILL") == []
    assert fake.policy.counters.terminated == 1


def test_it_is_written_again_when_it_was_slow_before() -> None:
    fake = serving(1, slowlog_timeout=1.0, terminate_timeout=3.0)
    fake.busy(1, number=5)
    fake.pass_time(5)
    assert dumps(fake) == [(1.0, 1, 5), (3.0, 1, 5)]
    assert kills(fake) == [(3.1, 1)]


def test_limits_that_are_equal_write_it_once() -> None:
    fake = serving(1, slowlog_timeout=3.0, terminate_timeout=3.0)
    fake.busy(1, number=5)
    fake.pass_time(5)
    assert dumps(fake) == [(3.0, 1, 5)]
    assert kills(fake) == [(3.1, 1)]


def test_a_request_that_ends_at_the_last_moment_is_not_punished() -> None:
    fake = serving(1, terminate_timeout=3.0)
    fake.busy(1, number=5)
    fake.pass_time(3.05)
    fake.busy(1, number=6)
    fake.pass_time(2.9)
    fake.idle(1)
    fake.pass_time(60)
    assert dumps(fake) == [(3.0, 1, 5)]
    assert kills(fake) == []


def test_a_worker_that_finishes_is_watched_too() -> None:
    fake = serving(1, terminate_timeout=3.0, graceful_timeout=60.0)
    fake.busy(1)
    fake.tell(Retiring(1, "max_requests"))
    fake.ready(2)
    fake.pass_time(5)
    assert kills(fake) == [(3.1, 1)]
    assert starts([action for _, action in fake.log]) == [1, 2]


def test_at_the_end_too() -> None:
    fake = serving(1, terminate_timeout=3.0, graceful_timeout=60.0)
    fake.busy(1)
    fake.tell(StopAsked())
    fake.pass_time(5)
    assert kills(fake) == [(3.1, 1)]


def test_workers_that_are_killed_again_and_again_are_not_started_more_than_five_times_a_second() -> None:
    fake = serving(2, terminate_timeout=0.05)
    while fake.now < 20:
        for worker in starts([action for _, action in fake.log]):
            if fake.policy.phase_of(worker) and worker not in fake.sights:
                fake.ready(worker)
                fake.busy(worker)
        fake.pass_time(0.02)
        fake.exit(*[worker for _, worker in kills(fake)])
    assert 20 < len(kills(fake)) <= len(fake.times(Start)) < 115


def test_events_do_not_put_a_look_off() -> None:
    """A master that is told something all the time asks again and again how long it may wait."""
    fake = serving(1, terminate_timeout=2.0)
    fake.busy(1)
    for _ in range(40):
        fake.pass_time(0.1)
        fake.tell(Waiting())
    assert kills(fake) == [(pytest.approx(2.1, abs=0.03), 1)]


def test_a_killed_worker_is_not_killed_again_for_the_same_request() -> None:
    fake = serving(1, terminate_timeout=3.0)
    fake.busy(1)
    fake.pass_time(9)
    assert kills(fake) == [(3.1, 1)]


# heartbeat_timeout


def test_an_interpreter_that_hangs_is_killed() -> None:
    fake = serving(2, heartbeat_timeout=3.0)
    fake.busy(1, number=8, in_hand=1)
    fake.idle(2)
    for _ in range(10):
        fake.beat(1, 2)
        fake.pass_time(1)
    for _ in range(6):
        fake.beat(2)
        fake.pass_time(1)
    assert dumps(fake) == [(12.0, 1, 8)]
    assert kills(fake) == [(12.1, 1)]
    assert only([action for _, action in fake.log], Kill)[0].reason == "no sign of life for 3.1 s (heartbeat_timeout)"


def test_an_interpreter_that_hangs_is_noticed_in_time() -> None:
    fake = serving(1, heartbeat_timeout=3.3)
    fake.idle(1)
    fake.pass_time(0.4)
    fake.beat(1)
    fake.pass_time(5)
    assert kills(fake) == [(pytest.approx(3.8, abs=0.03), 1)]


def test_an_idle_one_that_hangs_has_no_request_to_write() -> None:
    fake = serving(1, heartbeat_timeout=3.0)
    fake.idle(1)
    fake.beat(1)
    fake.pass_time(5)
    assert dumps(fake) == [(3.0, 1, 0)]


def test_a_heart_that_stops_a_second_time_is_written_again_before_the_kill() -> None:
    fake = serving(1, heartbeat_timeout=3.0)
    fake.idle(1)
    fake.beat(1)
    fake.pass_time(3.05)
    fake.beat(1)
    ticks = fake.ticks
    fake.pass_time(2)
    assert fake.ticks - ticks <= 5, "it is not looked at more often for ever"
    fake.pass_time(2)
    assert len(dumps(fake)) == 2
    ((killed, _),) = kills(fake)
    assert killed - dumps(fake)[1][0] == pytest.approx(0.1, abs=0.03)


def test_one_that_gives_no_sign_yet_is_left_alone() -> None:
    fake = serving(1, heartbeat_timeout=3.0)
    fake.busy(1)
    fake.pass_time(100)
    assert kills(fake) == []


def test_a_heart_that_beats_again_is_in_time() -> None:
    fake = serving(1, heartbeat_timeout=3.0)
    fake.idle(1)
    fake.beat(1)
    fake.pass_time(3.05)
    fake.beat(1)
    fake.pass_time(2)
    assert kills(fake) == []


# L15, L17: suspended


def test_L17_nobody_is_killed_for_having_been_suspended() -> None:
    fake = Fake(3, terminate_timeout=10.0, heartbeat_timeout=5.0, graceful_timeout=10.0, boot_timeout=10.0)
    fake.ready(1, 2)
    fake.busy(1)
    fake.idle(2)
    fake.beat(1, 2)
    fake.policy.resize(-1, fake.clock)  # 3, which starts, is stopped
    fake.pass_time(1)
    fake.suspend(3600)
    fake.log.clear()
    fake.tick()
    assert fake.log == []
    fake.beat(1, 2)
    fake.pass_time(0.4)
    assert fake.log == []


def test_the_limits_hold_for_the_time_that_was_lived() -> None:
    fake = serving(1, terminate_timeout=10.0, slowlog_timeout=5.0)
    fake.busy(1)
    fake.pass_time(3)
    fake.suspend(3600)
    fake.tick()
    woke = fake.now
    fake.pass_time(8)
    (slow, *_), (late, *_) = dumps(fake)
    ((killed, _),) = kills(fake)
    assert slow - woke == pytest.approx(5 - 3, abs=0.02)
    assert late - woke == pytest.approx(10 - 3, abs=0.02)
    assert killed - woke == pytest.approx(10 - 3 + 0.1, abs=0.03)


def test_a_suspension_is_noticed_by_an_event_as_well() -> None:
    fake = Fake(1, boot_timeout=10.0)
    fake.pass_time(1)
    fake.suspend(3600)
    assert fake.ready(1) == [Go(1)]
    assert fake.pass_time(100) == []


def test_idle_workers_are_not_stopped_after_a_suspension() -> None:
    fake = Fake(2, mode="ondemand", idle_timeout=10.0, adopted=(1,))
    fake.ready(2)
    fake.idle(2)
    fake.pass_time(1)
    fake.suspend(3600)
    fake.log.clear()
    fake.tick()
    fake.pass_time(5)
    assert fake.log == []
    assert only(fake.pass_time(6), Stop) == [Stop(2, "idle")]


def test_a_master_that_is_a_bit_late_is_believed() -> None:
    fake = serving(1, terminate_timeout=2.0)
    fake.busy(1)
    while fake.now < 3:
        fake.clock += fake.policy.next_tick(fake.clock) + 0.4
        fake.tick()
    assert 2.0 < kills(fake)[0][0] < 3.5
