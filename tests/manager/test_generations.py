"""Reloading: the gate that a new generation has to pass, wishes in between, and upgrades."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.manager.moves import (
    Exited,
    Failed,
    Finished,
    GiveUp,
    Go,
    Kill,
    ReloadAsked,
    Reloaded,
    Retiring,
    Start,
    Stop,
    StopAsked,
    Waiting,
)
from tests.manager.fake import Fake, goes, only, serving, starts, stops

HUP = ReloadAsked("SIGHUP")


def everything(fake: Fake, kind: type) -> list[object]:
    return only([action for _, action in fake.log], kind)


# The gate


def test_a_reload_starts_the_new_ones_beside_the_old_and_changes_when_all_are_ready() -> None:
    fake = serving(2)
    assert fake.tell(HUP) == [Start(3, 2), Start(4, 2)]
    assert (fake.policy.generation, fake.policy.trial) == (1, 2)
    assert fake.ready(4) == []
    assert fake.ready(3) == [
        Go(3),
        Go(4),
        Stop(1, "generation 2 serves"),
        Stop(2, "generation 2 serves"),
        Reloaded(2, ""),
    ]
    assert (fake.policy.generation, fake.policy.trial) == (2, None)
    assert fake.exit(1, 2) == []
    assert starts(fake.exit(3, how="killed by SIGSEGV")) == [5]


def test_old_workers_that_do_not_end_are_killed() -> None:
    fake = serving(2, graceful_timeout=4.0)
    fake.tell(HUP)
    fake.ready(3, 4)
    fake.exit(1)
    fake.pass_time(10)
    assert [(time, action) for time, action in fake.log if type(action) is Kill] == [
        (pytest.approx(4.5), Kill(2, "it did not end in time"))
    ]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (Failed(3, "app:application: SyntaxError\nline 3"), "worker 3: app:application: SyntaxError line 3"),
        (Exited(3, "killed by SIGKILL"), "worker 3: it ended before it was ready: killed by SIGKILL"),
        (Retiring(3, "max_memory"), "worker 3: max_memory"),
    ],
)
def test_L19_when_one_fails_the_old_serve_on(end: Failed | Exited | Retiring, reason: str) -> None:
    fake = serving(2)
    fake.tell(HUP)
    fake.ready(4)
    actions = fake.tell(end)
    assert actions == [Stop(4, "its generation failed"), Reloaded(1, reason)]
    assert fake.policy.reload_state == ("failed", fake.clock, "SIGHUP", reason)
    assert (fake.policy.generation, fake.policy.trial) == (1, None)
    assert fake.exit(3, 4) == []
    assert starts(fake.exit(1)) == [5]
    assert everything(fake, Start)[-1] == Start(5, 1)


def test_one_that_was_ready_may_still_fail_at_the_gate() -> None:
    fake = serving(2)
    fake.tell(HUP)
    fake.ready(3)
    actions = fake.exit(3, how="killed by SIGSEGV")
    assert actions == [
        Stop(4, "its generation failed"),
        Reloaded(1, "worker 3: it ended before it was ready: killed by SIGSEGV"),
    ]


def test_boot_timeout_at_the_gate() -> None:
    fake = serving(1, boot_timeout=3.0)
    fake.tell(HUP)
    assert fake.pass_time(3) == [
        Kill(2, "not ready after 3 s (boot_timeout)"),
        Reloaded(1, "worker 2: not ready after 3 s (boot_timeout)"),
    ]


def test_those_stopped_at_the_gate_are_killed_soon() -> None:
    """They may be importing something for ever, and have nothing in hand."""
    fake = serving(2)
    fake.tell(HUP)
    fake.fail(3)
    assert fake.pass_time(3) == [Kill(4, "it did not end in time")]


def test_a_failed_reload_is_not_tried_again_by_itself() -> None:
    fake = serving(2, boot_retries=1)
    fake.tell(HUP)
    fake.fail(3)
    fake.exit(4)
    assert fake.pass_time(100) == []
    assert fake.tell(HUP) == [Start(5, 3), Start(6, 3)]
    fake.ready(5, 6)
    assert everything(fake, Reloaded)[-1] == Reloaded(3, "")
    assert fake.policy.reload_state[0] == "idle"
    assert (fake.policy.counters.reloads, fake.policy.counters.failed_reloads) == (1, 1)


def test_old_workers_are_replaced_while_the_new_ones_boot() -> None:
    fake = serving(2)
    fake.pass_time(60)
    fake.tell(HUP)
    assert everything(fake, Start)[-2:] == [Start(3, 2), Start(4, 2)]
    assert fake.exit(1)[-1] == Start(5, 1)
    fake.ready(3)
    actions = fake.ready(4)
    assert goes(actions) == [3, 4]
    assert stops(actions) == [2, 5]


# When nobody serves


def reload_while_both_end(fake: Fake) -> Any:
    """Reload two old workers, of which none is left when the first new one is ready; return what is done then."""
    fake.pass_time(60)
    fake.tell(HUP)
    fake.ready(3)
    fake.exit(1)
    actions = fake.exit(2)
    assert goes(actions) == [3]
    return actions


def test_when_nobody_serves_the_gate_opens_for_the_first_one() -> None:
    fake = serving(2)
    actions = reload_while_both_end(fake)
    assert Reloaded(2, "") in actions
    assert fake.ready(4) == [Go(4)], "it is an ordinary worker now"
    assert fake.policy.generation == 2


def test_when_all_old_ones_died_and_the_new_ones_fail_the_old_generation_is_started_again() -> None:
    fake = serving(1)
    fake.pass_time(60)
    fake.tell(HUP)
    fake.exit(1)
    actions = fake.fail(2)
    assert only(actions, Reloaded) == [Reloaded(1, "worker 2: ImportError")]
    assert fake.ready(3) == [Go(3)]


def test_a_reload_while_the_first_generation_fails_supersedes_it() -> None:
    """The developer has repaired the application: nobody waits for the back-off."""
    fake = Fake(2, boot_retries=0)
    for worker in (1, 2):
        fake.fail(worker)
    for worker in range(3, 8):
        assert starts(fake.pass_time(10)) == [worker]
        fake.fail(worker)
    assert fake.tell(HUP) == [Start(8, 2), Start(9, 2)]
    assert fake.policy.generation == 2
    assert fake.ready(8) == [Go(8)]
    assert fake.ready(9) == [Go(9), Reloaded(2, "")]


def test_a_first_generation_that_hangs_after_a_failure_is_superseded_too() -> None:
    fake = Fake(2)
    fake.fail(1)
    assert fake.tell(HUP) == [Stop(2, "another generation was asked for"), Start(3, 2), Start(4, 2)]
    assert only(fake.fail(3), Reloaded) == [Reloaded(2, "worker 3: ImportError")]
    assert fake.policy.reload_state[0] == "failed"
    assert fake.ready(4) == [Go(4), Start(5, 2)]
    assert fake.ready(5) == [Go(5), Reloaded(2, "")]
    assert fake.policy.reload_state[0] == "idle"


def test_a_reload_that_fails_where_nothing_ever_served_counts_as_failed_boots() -> None:
    fake = Fake(1, boot_retries=2)
    fake.fail(1)
    fake.tell(HUP)
    fake.fail(2)
    fake.pass_time(1)
    actions = fake.fail(3)
    assert only(actions, GiveUp)
    assert everything(fake, Reloaded) == [Reloaded(2, "worker 2: ImportError")]


def test_a_reload_while_the_first_workers_boot_waits_for_them() -> None:
    fake = Fake(2)
    assert fake.tell(HUP) == []
    assert fake.ready(1) == [Go(1)]
    assert fake.ready(2) == [Go(2), Start(3, 2), Start(4, 2)]


def test_a_reload_when_some_of_the_first_serve_has_a_gate() -> None:
    fake = Fake(2)
    fake.ready(1)
    fake.fail(2)
    assert fake.tell(HUP) == [Start(3, 2), Start(4, 2)]
    fake.exit(3)
    assert everything(fake, Reloaded)[-1].generation == 1  # type: ignore[attr-defined]
    assert starts(fake.pass_time(5)) == [5]
    assert fake.ready(5) == [Go(5)]


# Wishes in between


def test_more_wishes_during_a_reload_are_one() -> None:
    fake = serving(1)
    fake.tell(HUP)
    for number in range(20):
        assert fake.tell(ReloadAsked(f"wish {number}")) == []
    fake.ready(2)
    assert fake.policy.reload_state == ("booting", fake.clock, "wish 19", "")
    assert starts(fake.exit(1)) == [3]
    fake.ready(3)
    assert fake.exit(2) == []
    assert fake.policy.reload_state[0] == "idle"
    assert fake.policy.generation == 3


def test_a_wish_during_a_reload_that_fails_is_carried_out_too() -> None:
    fake = serving(1)
    fake.tell(HUP)
    fake.tell(ReloadAsked("app.py changed"))
    assert starts(fake.tell(Failed(2, "SyntaxError"))) == []
    assert starts(fake.exit(2)) == [3]
    fake.ready(3)
    assert everything(fake, Reloaded) == [Reloaded(1, "worker 2: SyntaxError"), Reloaded(3, "")]


def test_a_reload_waits_until_there_are_not_more_than_twice_the_workers() -> None:
    fake = serving(2)
    fake.tell(HUP)
    fake.ready(3, 4)
    assert fake.tell(HUP) == []
    assert fake.policy.reload_state[0] == "booting"
    assert fake.exit(1) == []
    assert starts(fake.exit(2)) == [5, 6]


def test_retiring_workers_do_not_keep_a_reload_waiting() -> None:
    fake = serving(2)
    fake.tell(Retiring(1, "max_requests"))
    fake.ready(3)
    assert starts(fake.tell(HUP)) == [4, 5]


def test_a_retiring_worker_is_replaced_while_old_ones_finish() -> None:
    fake = serving(1)
    fake.tell(HUP)
    fake.ready(2)
    assert starts(fake.tell(Retiring(2, "max_requests"))) == [3]


# The end


def test_the_end_during_a_reload() -> None:
    fake = serving(1)
    fake.tell(HUP)
    assert fake.tell(StopAsked()) == [
        Reloaded(1, "the pool was told to stop"),
        Stop(1, "the pool stops", True),
        Stop(2, "the pool stops", False),
    ]
    assert fake.policy.reload_state.state == "failed"
    assert fake.ready(2) == []
    assert fake.exit(1, 2) == [Finished()]


def test_a_reload_that_has_not_begun_is_told_of_the_end() -> None:
    fake = serving(1)
    fake.tell(HUP)
    fake.ready(2)
    fake.tell(HUP)
    assert only(fake.tell(StopAsked()), Reloaded) == [Reloaded(2, "the pool was told to stop")]
    assert fake.tell(HUP) == []


# dynamic and ondemand


def test_dynamic_starts_as_many_as_there_are() -> None:
    fake = serving(10, mode="dynamic", min_spare=1, max_spare=8, start_workers=3)
    assert starts(fake.tell(HUP)) == [4, 5, 6]
    fake.ready(4, 5, 6)
    fake.exit(1, 2, 3)
    fake.idle(4, 5, 6)
    assert fake.pass_time(10) == []


def test_those_that_still_boot_when_the_gate_opens_early_are_kept() -> None:
    fake = serving(10, mode="dynamic", min_spare=1, max_spare=8, start_workers=2)
    actions = reload_while_both_end(fake)
    assert 4 not in stops(actions)
    assert fake.ready(4) == [Go(4)]


def test_ondemand_without_workers_tries_one() -> None:
    fake = Fake(4, mode="ondemand", idle_timeout=5.0)
    assert fake.tell(HUP) == [Start(1, 2)]
    assert fake.ready(1) == [Go(1), Reloaded(2, "")]
    fake.idle(1)
    assert fake.pass_time(4.9) == []
    assert stops(fake.pass_time(0.4)) == [1]
    fake.exit(1)
    assert fake.tell(Waiting()) == [Start(2, 2)]


def test_ondemand_without_workers_refuses_what_does_not_start() -> None:
    fake = Fake(4, mode="ondemand")
    fake.tell(HUP)
    assert fake.fail(1) == [Reloaded(1, "worker 1: ImportError")]
    assert fake.tell(Waiting()) == [Start(2, 1)]


def test_fewer_workers_during_a_reload() -> None:
    fake = serving(3)
    fake.tell(HUP)
    assert stops(fake.policy.resize(-1, fake.clock)) == [3]
    fake.exit(3)
    fake.ready(4, 5)
    actions = fake.ready(6)
    assert goes(actions) == [4, 5, 6]
    assert sorted(stops(actions)) == [1, 2, 6]


# Upgrades


def test_an_upgrade_keeps_the_workers_of_the_earlier_master_until_the_new_ones_are_ready() -> None:
    fake = Fake(2, adopted=(5, 6))
    assert fake.first == [Start(7, 1), Start(8, 1)]
    assert fake.policy.reload_state[:3:2] == ("booting", "upgrade")
    assert fake.ready(7) == []
    assert fake.ready(8) == [
        Go(7),
        Go(8),
        Stop(5, "generation 1 serves"),
        Stop(6, "generation 1 serves"),
        Reloaded(1, ""),
    ]


def test_an_upgrade_that_fails_is_told_once_and_tried_again() -> None:
    fake = Fake(2, adopted=(1, 2), boot_retries=1)
    assert only(fake.fail(3), Reloaded) == [Reloaded(0, "worker 3: ImportError")]
    assert fake.policy.reload_state.state == "failed"
    fake.fail(4)
    (worker,) = starts(fake.pass_time(10))
    assert only(fake.fail(worker), Reloaded) == []
    (worker,) = starts(fake.pass_time(10))
    (last,) = starts(fake.ready(worker))
    assert fake.ready(last) == [
        Go(worker),
        Go(last),
        Stop(1, "generation 1 serves"),
        Stop(2, "generation 1 serves"),
        Reloaded(1, ""),
    ]


def test_a_reload_repairs_a_failed_upgrade() -> None:
    fake = Fake(2, adopted=(1, 2))
    fake.fail(3)
    actions = fake.tell(HUP)
    assert (starts(actions), stops(actions)) == ([5, 6], [4])
    fake.ready(5)
    actions = fake.ready(6)
    assert (goes(actions), stops(actions)) == ([5, 6], [1, 2])
    assert actions[-1] == Reloaded(2, "")


def test_when_the_adopted_are_gone_nobody_waits() -> None:
    fake = Fake(2, adopted=(1, 2))
    fake.ready(3)
    assert goes(fake.exit(1)) == []
    assert goes(fake.exit(2)) == [3]
    assert goes(fake.ready(4)) == [4]


def test_an_upgrade_with_ondemand_tries_one() -> None:
    fake = Fake(4, mode="ondemand", adopted=(1, 2))
    assert fake.first == [Start(3, 1)]
    assert stops(fake.ready(3)) == [1, 2]


def test_adopted_workers_end_with_the_pool() -> None:
    fake = Fake(1, adopted=(1,))
    assert only(fake.tell(StopAsked()), Stop) == [Stop(1, "the pool stops", True), Stop(2, "the pool stops", False)]
    assert fake.exit(1, 2) == [Finished()]
