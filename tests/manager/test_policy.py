"""The policy of a pool as its master meets it: start, replacement, stop, and who may say what."""

from __future__ import annotations

import math

import pytest

from gateways.manager.moves import (
    Exited,
    Failed,
    Finished,
    GiveUp,
    Go,
    Kill,
    Ready,
    ReloadAsked,
    Retiring,
    Say,
    Start,
    Stop,
    StopAsked,
    Waiting,
)
from gateways.manager.policy import Policy
from gateways.manager.roster import Phase
from gateways.manager.rules import Rules
from tests.manager.fake import EPOCH, Fake, goes, only, serving, starts, stops

# The start


def test_static_starts_all_at_once_and_lets_each_go_when_it_is_ready() -> None:
    fake = Fake(3)
    assert fake.first == [Start(1, 1), Start(2, 1), Start(3, 1)]
    assert fake.ready(2) == [Go(2)]
    assert not fake.policy.up
    assert fake.ready(3, 1) == [Go(3), Go(1)]
    assert fake.policy.up
    assert fake.policy.next_tick(fake.clock) == math.inf


def test_numbers_go_on_where_an_earlier_master_stopped() -> None:
    policy = Policy(Rules(2), EPOCH, first_worker=41, first_generation=7)
    assert policy.begin(EPOCH) == [Start(41, 7), Start(42, 7)]
    assert policy.generation == 7


def test_phases() -> None:
    fake = Fake(1)
    phases = [fake.policy.phase_of(1)]
    fake.ready(1)
    phases.append(fake.policy.phase_of(1))
    fake.tell(StopAsked())
    phases.append(fake.policy.phase_of(1))
    fake.exit(1)
    phases.append(fake.policy.phase_of(1))
    assert phases == [Phase.STARTING, Phase.SERVING, Phase.STOPPING, None]


# Replacement


def test_a_worker_that_dies_is_replaced_at_once() -> None:
    fake = serving(2)
    fake.pass_time(60)
    said, start = fake.exit(1, how="killed by SIGSEGV")
    assert said == Say("error", "worker 1 died after 60.0 s: killed by SIGSEGV")
    assert start == Start(3, 1)
    assert fake.ready(3) == [Go(3)]


def test_all_workers_that_die_are_replaced_at_once() -> None:
    fake = serving(20)
    fake.pass_time(60)
    assert starts(fake.exit(*range(1, 21), how="killed by SIGKILL")) == list(range(21, 41))


def test_the_replacement_of_a_retiring_worker_does_not_wait_for_its_end() -> None:
    fake = serving(2)
    assert fake.tell(Retiring(1, "max_requests")) == [Start(3, 1)]
    assert fake.policy.phase_of(1) is Phase.STOPPING
    assert fake.ready(3) == [Go(3)]
    assert fake.exit(1) == []


def test_as_many_may_finish_as_may_serve_but_not_more() -> None:
    fake = serving(2)
    assert starts(fake.tell(Retiring(1, "max_requests"))) == [3]
    assert starts(fake.tell(Retiring(2, "max_requests"))) == [4]
    fake.ready(3, 4)
    assert fake.tell(Retiring(3, "max_requests")) == []
    assert fake.policy.next_tick(fake.clock) == 1.0, "no tick can help"
    assert starts(fake.exit(1)) == [5]


def test_a_retiring_worker_that_does_not_end_is_killed() -> None:
    fake = serving(1, graceful_timeout=5.0)
    fake.tell(Retiring(1, "max_memory"))
    fake.ready(2)
    assert fake.pass_time(5.4) == []
    assert fake.pass_time(1) == [Kill(1, "it did not end in time")]


def test_a_worker_that_cannot_be_killed_is_killed_again() -> None:
    """It may wait for a disk; its replacement does not."""
    fake = serving(1, graceful_timeout=0.0)
    fake.tell(Retiring(1, "max_memory"))
    fake.ready(2)
    fake.pass_time(35)
    assert fake.times(Kill) == [0.5, 10.5, 20.5, 30.5]
    fake.exit(1)
    assert fake.pass_time(60) == []


def test_one_that_fails_while_serving_is_replaced() -> None:
    fake = serving(2)
    fake.pass_time(60)
    assert starts(fake.tell(Failed(1, "a hook failed"))) == [3]
    assert fake.exit(1) == []


def test_a_worker_that_retires_before_it_serves_could_not_become_ready() -> None:
    """max_memory is less than what the application takes by itself: that may not go round and round."""
    fake = Fake(1)
    said = fake.tell(Retiring(1, "max_memory: 90 MiB"))
    assert said == [Say("error", "worker 1: max_memory: 90 MiB; it is tried again in 0.1 s")]
    assert fake.exit(1) == []


# Boot


def test_boot_timeout_kills_and_counts_as_failed() -> None:
    fake = Fake(1, boot_timeout=5.0, boot_retries=2)
    fake.pass_time(4.9)
    assert fake.log[1:] == []
    kill, say = fake.pass_time(0.1)
    assert kill == Kill(1, "not ready after 5 s (boot_timeout)")
    assert say.text == "worker 1: not ready after 5 s (boot_timeout); it is tried again in 0.1 s"
    assert starts(fake.exit(1)) == []
    assert starts(fake.pass_time(0.1)) == [2]
    fake.pass_time(5)
    assert only([action for _, action in fake.log], GiveUp)


def test_who_never_becomes_ready_ends_the_pool() -> None:
    fake = Fake(1, boot_retries=5)
    for worker in range(1, 6):
        fake.fail(worker, "no module named 'shop'\nat all")
        fake.pass_time(5)
    assert fake.times(Start) == [0.0, 0.1, 5.2, 10.4, 15.8]
    (give_up,) = only([action for _, action in fake.log], GiveUp)
    assert (
        give_up.reason
        == "no worker became ready, 5 times in a row; the last one: worker 5: no module named 'shop' at all"
    )
    assert fake.log[-1][1] == Finished()


def test_workers_that_fail_together_failed_once() -> None:
    fake = Fake(8, boot_retries=2)
    actions = [action for worker in range(1, 9) for action in fake.fail(worker)]
    assert len(only(actions, Say)) == 1
    assert only(actions, GiveUp) == []
    assert starts(fake.pass_time(0.2)) == [9], "one is tried, not all"
    assert only(fake.fail(9), GiveUp)


def test_when_the_one_that_was_tried_is_ready_the_others_follow() -> None:
    fake = Fake(4)
    for worker in range(1, 5):
        fake.fail(worker)
    assert starts(fake.pass_time(0.2)) == [5]
    assert fake.ready(5) == [Go(5), Start(6, 1), Start(7, 1), Start(8, 1)]


def test_a_worker_that_may_still_become_ready_is_waited_for() -> None:
    fake = Fake(2, boot_retries=1)
    assert only(fake.fail(1), GiveUp) == []
    assert only(fake.fail(2), GiveUp)


def test_while_others_serve_nothing_is_given_up() -> None:
    fake = Fake(2, boot_retries=2)
    fake.ready(1)
    worker, said = 2, []
    for _ in range(12):
        actions = fake.fail(worker)
        assert len(only(actions, Say)) == 1
        said += only(actions, Say)
        (worker,) = starts(fake.pass_time(30.1))
    assert [say.text.rpartition(" in ")[2] for say in said[:5]] == ["0.1 s", "0.2 s", "0.4 s", "0.8 s", "1.6 s"]
    assert said[-1].text.endswith("in 30.0 s")
    assert fake.ready(worker) == [Go(worker)]


def test_boot_retries_0_never_gives_up() -> None:
    fake = Fake(1, boot_retries=0)
    worker = 1
    for _ in range(200):
        assert only(fake.fail(worker), GiveUp) == []
        (worker,) = starts(fake.pass_time(30.1))


def test_L19_what_never_starts_is_not_tried_more_than_five_times_a_second() -> None:
    fake = Fake(2, boot_retries=0)
    while fake.now < 60:
        for worker in starts([action for _, action in fake.log]):
            if fake.policy.phase_of(worker):
                fake.exit(worker, how="exit status 1")
        fake.pass_time(0.05)
    times = fake.times(Start)
    assert max(sum(second <= time < second + 1 for time in times) for second in range(1, 60)) <= 5
    assert len(times) <= 2 + 10


def test_L19_what_dies_at_once_is_not_started_more_than_five_times_a_second() -> None:
    fake = Fake(4)
    while fake.now < 60:
        for worker in starts([action for _, action in fake.log]):
            if fake.policy.phase_of(worker):
                fake.ready(worker)
                fake.exit(worker, how="killed by SIGSEGV")
        fake.pass_time(0.1)
    times = fake.times(Start)
    assert all(sum(time <= other < time + 10 for other in times) <= 50 + 4 for time in times)
    assert len(times) < 60 * 4, "and slower and slower"
    assert times[-1] > 57, "but it does not stop"


def test_one_that_served_before_it_died_ends_a_row_of_quick_deaths() -> None:
    fake = serving(1)
    worker = 1
    for _ in range(10):
        for seconds in (0.1, 0.1, 0.1, 1.0):
            fake.pass_time(seconds)
            (worker,) = starts(fake.exit(worker, how="killed by SIGSEGV"))
            fake.ready(worker)


def test_L19_what_dies_soon_is_not_started_more_than_five_times_a_second() -> None:
    """Not so soon that each start waits longer than the one before."""
    fake = serving(16)
    fake.pass_time(60)
    born = dict.fromkeys(range(1, 17), 0.0)
    while fake.now < 120:
        for worker, since in list(born.items()):
            if fake.now - since > 1:
                del born[worker]
                for new in starts(fake.exit(worker, how="killed by SIGSEGV")):
                    fake.ready(new)
                    born[new] = fake.now
        for new in starts(fake.pass_time(0.1)):
            fake.ready(new)
            born[new] = fake.now
    times = [time for time in fake.times(Start) if time > 70]
    assert 7 * 50 < len(times) < 8 * 50 + 16, "half of 16 a second, which is more than 5"


def test_what_retires_at_once_is_not_started_more_than_five_times_a_second() -> None:
    """max_memory is less than what the application takes by itself."""
    fake = Fake(2)
    while fake.now < 20:
        for worker in starts([action for _, action in fake.log]):
            if fake.policy.phase_of(worker):
                fake.ready(worker)
                fake.tell(Retiring(worker, "max_memory"))
                fake.exit(worker)
        fake.pass_time(0.05)
    assert 80 < len(fake.times(Start)) <= 105


def test_L29_workers_that_retire_quickly_but_were_of_use_are_replaced_at_once() -> None:
    fake = serving(4)
    for worker in range(1, 201):
        fake.pass_time(0.1)
        assert starts(fake.tell(Retiring(worker, "max_requests"))) == [worker + 4]
        fake.ready(worker + 4)
        fake.exit(worker)


def test_L3_random_kills_are_made_good_at_once() -> None:
    """500 in 5 minutes; of four workers, one that has just begun may be the next."""
    fake = serving(4)
    for turn in range(500):
        fake.pass_time(0.6)
        victim = max(worker for worker in range(turn + 5) if fake.policy.phase_of(worker))
        (start,) = starts(fake.exit(victim, how="killed by SIGKILL"))
        fake.pass_time(0.05)
        fake.ready(start)
    assert fake.policy.counters.died == 500


# Stop


def test_the_end() -> None:
    fake = serving(2)
    assert fake.tell(StopAsked()) == [Stop(1, "the pool stops", True), Stop(2, "the pool stops", True)]
    assert fake.exit(1) == []
    assert fake.exit(2) == [Finished()]
    assert fake.policy.next_tick(fake.clock) == math.inf
    for event in (StopAsked(), ReloadAsked("HUP"), Waiting(), Exited(2, "again")):
        assert fake.tell(event) == []
    assert fake.policy.resize(-1, fake.clock) == []
    assert fake.tick() == []


def test_the_end_without_workers() -> None:
    assert Fake(2, mode="ondemand").tell(StopAsked()) == [Finished()]


def test_the_end_while_starting() -> None:
    fake = Fake(2)
    fake.ready(1)
    assert fake.tell(StopAsked()) == [Stop(1, "the pool stops", True), Stop(2, "the pool stops", False)]
    assert fake.ready(2) == []
    assert fake.exit(1, 2) == [Finished()]


def test_who_does_not_end_is_killed() -> None:
    fake = Fake(2, graceful_timeout=20.0)
    fake.ready(1)
    fake.tell(StopAsked())
    fake.pass_time(30)
    assert [(time, action.worker) for time, action in fake.log if isinstance(action, Kill)] == [
        (pytest.approx(2.5), 2),
        (pytest.approx(12.5), 2),
        (pytest.approx(20.5), 1),
        (pytest.approx(22.5), 2),
    ]
    assert fake.exit(1, 2) == [Finished()]


def test_nobody_is_replaced_at_the_end() -> None:
    fake = serving(3)
    fake.tell(StopAsked())
    assert fake.exit(1, how="killed by SIGSEGV") == []
    assert fake.tell(Retiring(2, "max_requests")) == []
    assert fake.tell(Failed(3, "what")) == []


def test_failures_at_the_end_are_not_told() -> None:
    fake = Fake(2, boot_retries=1)
    fake.tell(StopAsked())
    assert fake.fail(1) == []
    assert fake.fail(2) == [Finished()]


# Order


def test_what_makes_no_sense_is_ignored() -> None:
    fake = Fake(2)
    for event in (Ready(9), Failed(9, ""), Retiring(9, ""), Exited(9, "")):
        assert fake.tell(event) == []
    assert fake.ready(1) == [Go(1)]
    assert fake.ready(1) == []
    fake.tell(Retiring(1, "max_requests"))
    assert fake.tell(Retiring(1, "max_requests")) == []
    assert fake.tell(Failed(1, "late")) == []
    assert fake.ready(1) == []


def test_fewer_and_more_workers() -> None:
    fake = serving(3)
    fake.idle(1, 3)
    fake.busy(2)
    fake.tick()
    assert fake.policy.resize(-1, fake.clock) == [Stop(3, "fewer workers were asked for")]
    assert fake.policy.resize(-1, fake.clock) == [Stop(1, "fewer workers were asked for")]
    (said,) = fake.policy.resize(-1, fake.clock)
    assert said == Say("warning", "the number of workers stays 1: there has to be one")
    assert fake.policy.limit == 1
    assert starts(fake.policy.resize(+1, fake.clock)) == [4]
    assert starts(fake.policy.resize(+5, fake.clock)) == [5]
    (said,) = fake.policy.resize(+1, fake.clock)
    assert said == Say("warning", "the number of workers stays 3: the setting workers allows no more")


def test_those_that_are_too_many_have_their_time_from_then_on() -> None:
    fake = serving(2, graceful_timeout=5.0)
    fake.clock += 60
    fake.policy.resize(-1, fake.clock)
    assert fake.pass_time(5.4) == []
    assert len(only(fake.pass_time(0.2), Kill)) == 1


def test_fewer_workers_are_not_replaced() -> None:
    fake = serving(2)
    fake.policy.resize(-1, fake.clock)
    assert fake.exit(2) == []
    assert starts(fake.exit(1)) == [3]


def test_counters() -> None:
    fake = serving(2, terminate_timeout=2.0, slowlog_timeout=1.0)
    fake.busy(1)
    fake.pass_time(3)
    fake.ready(3)
    fake.exit(1)
    fake.exit(2, how="killed by SIGSEGV")
    fake.fail(4)
    fake.tell(ReloadAsked("HUP"))
    counters = fake.policy.counters
    assert counters._replace(started=0) == (0, 1, 1, 1, 1, 0, 0, 0)
    assert counters.started == len(fake.times(Start))


@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_a_pool_at_rest_costs_nothing(mode: str) -> None:
    fake = serving(2, mode=mode)
    fake.idle(1, 2)
    fake.pass_time(100)
    assert fake.ticks <= 101
    assert goes([action for time, action in fake.log if time]) == []
    assert stops([action for _, action in fake.log]) == []
