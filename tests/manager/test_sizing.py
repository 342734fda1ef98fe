"""How many workers there are: static, dynamic, ondemand."""

from __future__ import annotations

from gateways.manager.moves import Exited, Go, Retiring, Say, Start, Stop, Waiting
from tests.manager.fake import Fake, only, serving, starts, stops


def dynamic(workers: int = 50, **rules: int) -> Fake:
    return serving(workers, mode="dynamic", **rules)


def grown(fake: Fake, seconds: int) -> list[int]:
    """Return how many workers started in each of the next seconds, when all are busy at once."""
    counts = []
    for _ in range(seconds):
        new = starts(fake.pass_time(1))
        counts.append(len(new))
        fake.ready(*new)
        fake.busy(*new)
    return counts


# static


def test_static_does_not_care_who_is_idle() -> None:
    fake = serving(3)
    fake.idle(1, 2, 3)
    assert fake.pass_time(1000) == []
    assert fake.ticks == 0
    assert not fake.policy.watches_backlog
    assert fake.tell(Waiting()) == []


# dynamic


def test_dynamic_starts_twice_as_many_each_second_while_too_few_are_idle() -> None:
    fake = dynamic(workers=100, start_workers=1, min_spare=40, max_spare=60)
    fake.busy(1)
    assert grown(fake, 9) == [1, 2, 4, 8, 16, 32, 32, 4, 0]


def test_dynamic_starts_no_more_than_are_missing() -> None:
    fake = dynamic(start_workers=3, min_spare=2, max_spare=4)
    fake.busy(1, 2, 3)
    first = starts(fake.pass_time(1))
    assert len(first) == 1
    fake.ready(*first)
    fake.idle(*first)
    assert len(starts(fake.pass_time(1))) == 1, "one is idle, two should be"
    assert starts(fake.pass_time(5)) == [], "the one that starts will be the second"


def test_a_worker_with_a_free_thread_is_spare() -> None:
    fake = dynamic(start_workers=1, min_spare=1, max_spare=1)
    fake.busy(1, in_hand=3)
    assert fake.pass_time(10) == []
    fake.busy(1, in_hand=4)
    assert starts(fake.pass_time(1)) == [2]


def test_dynamic_starts_slowly_again_after_a_quiet_time() -> None:
    fake = dynamic(start_workers=1, min_spare=8, max_spare=9)
    fake.busy(1)
    assert grown(fake, 3) == [1, 2, 4]
    fake.idle(*range(1, 9))
    assert fake.pass_time(1) == []
    fake.busy(*range(1, 9))
    assert grown(fake, 2) == [1, 2]


def test_dynamic_stops_one_at_a_time_the_one_that_was_idle_for_the_longest_time() -> None:
    fake = dynamic(start_workers=5, min_spare=1, max_spare=2)
    fake.pass_time(100)
    for worker in (3, 1, 5, 2, 4):
        fake.idle(worker)
        fake.clock += 0.1
    stopped = []
    for _ in range(6):
        gone = stops(fake.pass_time(1))
        fake.exit(*gone)
        stopped.append(gone)
    assert stopped == [[3], [1], [5], [], [], []]


def test_dynamic_never_stops_one_that_has_something_in_hand() -> None:
    fake = dynamic(start_workers=4, min_spare=1, max_spare=1)
    fake.pass_time(10)
    fake.log.clear()
    fake.busy(1, 2, 3, 4, in_hand=1)
    assert fake.pass_time(10) == []
    fake.idle(3)
    assert fake.pass_time(1) == [Stop(3, "idle")]


def test_dynamic_stops_nobody_whom_it_did_not_see() -> None:
    fake = dynamic(start_workers=4, min_spare=1, max_spare=1)
    assert fake.pass_time(100) == []


def test_dynamic_ends_at_the_limit_and_says_so_once() -> None:
    fake = dynamic(workers=3, start_workers=1, min_spare=2, max_spare=3)
    fake.busy(1)
    assert grown(fake, 10) == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    said = only([action for _, action in fake.log], Say)
    assert said == [Say("warning", "all 3 workers are busy: consider to raise workers")]
    assert fake.policy.counters.saturated == 1
    for _ in range(40):
        fake.idle(1)
        fake.pass_time(1)
        fake.busy(1)
        fake.pass_time(1)
    assert fake.policy.counters.saturated == 41
    assert len(only([action for _, action in fake.log], Say)) == 2, "not more than once a minute"


def test_dynamic_replaces_at_once_who_dies_or_retires() -> None:
    fake = dynamic(start_workers=3)
    fake.pass_time(60)
    assert starts(fake.tell(Exited(1, "killed by SIGKILL"))) == [4]
    assert starts(fake.tell(Retiring(2, "max_requests"))) == [5]


def test_dynamic_does_not_want_more_and_more_of_what_does_not_start() -> None:
    fake = dynamic(start_workers=2, min_spare=2, max_spare=4, boot_retries=0)
    fake.busy(1, 2)
    worker = 3
    assert starts(fake.pass_time(1)) == [3]
    for _ in range(20):
        fake.fail(worker)
        (worker,) = starts(fake.pass_time(30.1))
    assert len(starts(fake.ready(worker))) == 1, "two idle ones are wanted"


# ondemand


def test_ondemand_starts_with_the_first_connection() -> None:
    fake = Fake(2, mode="ondemand")
    assert fake.first == []
    assert fake.policy.up
    assert fake.policy.watches_backlog
    assert fake.pass_time(1000) == []
    assert fake.ticks == 0
    assert fake.tell(Waiting()) == [Start(1, 1)]
    assert not fake.policy.watches_backlog, "the one that starts will take it"
    assert fake.tell(Waiting()) == []
    assert fake.ready(1) == [Go(1)]


def test_ondemand_starts_nobody_while_one_could_accept() -> None:
    fake = Fake(3, mode="ondemand")
    fake.tell(Waiting())
    fake.ready(1)
    fake.busy(1, in_hand=3)
    fake.pass_time(1)
    assert not fake.policy.watches_backlog
    assert fake.tell(Waiting()) == []
    fake.busy(1, in_hand=4)
    fake.pass_time(0.3)
    assert fake.policy.watches_backlog
    assert starts(fake.tell(Waiting())) == [2]


def test_ondemand_starts_twice_as_many_while_that_is_not_enough() -> None:
    fake = Fake(12, mode="ondemand")
    counts = []
    while fake.policy.watches_backlog:
        new = starts(fake.tell(Waiting()))
        counts.append(len(new))
        fake.ready(*new)
        fake.busy(*new)
        fake.pass_time(0.3)
    assert counts == [1, 2, 4, 5]
    assert fake.tell(Waiting()) == []


def test_ondemand_stops_whoever_was_idle_for_idle_timeout() -> None:
    fake = Fake(2, mode="ondemand", idle_timeout=5.0)
    fake.tell(Waiting())
    fake.ready(1)
    fake.busy(1)
    fake.pass_time(1)
    fake.ready(*starts(fake.tell(Waiting())))
    fake.idle(2)
    assert fake.pass_time(4.9) == []
    assert stops(fake.pass_time(0.4)) == [2]
    fake.exit(2)
    assert fake.pass_time(100) == [], "the other one is busy"
    fake.idle(1)
    assert stops(fake.pass_time(5.3)) == [1]
    fake.exit(1)
    assert fake.policy.watches_backlog
    assert fake.tell(Waiting()) == [Start(3, 1)]


def test_a_worker_that_has_just_begun_was_not_idle_before() -> None:
    """A scoreboard may say 0 until the worker writes."""
    fake = Fake(3, mode="ondemand", idle_timeout=5.0)
    fake.tell(Waiting())
    fake.pass_time(20)
    fake.ready(1)
    fake.idle(1)
    fake.sights[1] = fake.sights[1]._replace(idle_since=0.0)
    assert fake.pass_time(4.9) == []
    assert stops(fake.pass_time(0.4)) == [1]


def test_ondemand_tries_again_what_does_not_start() -> None:
    fake = Fake(3, mode="ondemand", boot_retries=0)
    fake.tell(Waiting())
    fake.fail(1)
    assert not fake.policy.watches_backlog, "a listener that is not watched does not wake the master again and again"
    assert starts(fake.pass_time(0.2)) == [2]
    assert not fake.policy.watches_backlog


def test_ondemand_says_when_all_are_busy() -> None:
    fake = Fake(1, mode="ondemand")
    fake.tell(Waiting())
    fake.ready(1)
    fake.busy(1)
    assert only(fake.pass_time(1), Say) == [Say("warning", "all 1 workers are busy: consider to raise workers")]
