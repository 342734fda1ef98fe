"""Whatever the workers do and the operator wants, some things always hold: see the assertions of ``World``."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateways.manager.moves import Finished, GiveUp, Kill, Reloaded, Start
from gateways.manager.rules import Rules
from tests.manager.world import GOOD, Fate, World

#: A life takes longer than an example of other properties.
lives = settings(max_examples=settings.default.max_examples // 3)

SHORT = st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 4.0])
LONG = st.sampled_from([math.inf, math.inf, math.inf, 0.0, 0.1, 0.6, 3.0, 20.0])

FATES = st.builds(
    Fate,
    boot=SHORT,
    outcome=st.sampled_from(["ready", "ready", "ready", "ready", "failed", "exits", "hangs"]),
    dies=LONG,
    retires=LONG,
    busy=st.sampled_from([0.0, 0.01, 0.1, 1.0, 6.0, math.inf]),
    pause=st.sampled_from([0.01, 0.5, 7.0]),
    ends=st.sampled_from([0.0, 0.01, 0.01, 1.0, math.inf]),
)

RULES = st.builds(
    Rules,
    workers=st.integers(1, 6),
    mode=st.sampled_from(["static", "dynamic", "ondemand"]),
    start_workers=st.integers(0, 4),
    min_spare=st.integers(1, 3),
    max_spare=st.integers(3, 5),
    idle_timeout=st.sampled_from([0.5, 3.0]),
    boot_timeout=st.sampled_from([0.5, 5.0]),
    boot_retries=st.sampled_from([0, 1, 3]),
    graceful_timeout=st.sampled_from([0.0, 1.0, 5.0]),
    slowlog_timeout=st.sampled_from([0.0, 0.5]),
    terminate_timeout=st.sampled_from([0.0, 2.0]),
)

PLANS = st.lists(
    st.tuples(
        st.floats(0, 40).map(lambda when: round(when, 2)),
        st.sampled_from(["reload"] * 3 + ["connection"] * 4 + ["more", "fewer", "suspend"]),
    ),
    max_size=25,
)


@lives
@given(RULES, st.lists(FATES, min_size=1, max_size=8), PLANS, st.integers(0, 3))
def test_it_always_ends(rules: Rules, fates: list[Fate], plan: list[tuple[float, str]], adopted: int) -> None:
    world = World(rules, fates, plan, adopted=min(adopted, rules.workers)).run(40.0)
    if not world.finished:
        world.stop()
        world.run(40.0 + rules.graceful_timeout + 0.5 + world.slack)
    assert world.finished
    assert [action for _, action in world.seen if isinstance(action, Finished)] == [Finished()]
    assert world.seen[-1][1] == Finished()
    event("gave up" if world.gave_up else "was stopped")


@lives
@given(RULES, st.lists(FATES, min_size=1, max_size=8), PLANS)
def test_it_never_spins(rules: Rules, fates: list[Fate], plan: list[tuple[float, str]]) -> None:
    world = World(rules, fates, plan).run(40.0)
    assert world.hurried <= 2 * (len(world.seen) + world.events) + 10
    assert world.ticks <= 10 * 41 + 4 * (len(world.seen) + world.events)


@lives
@given(RULES, st.lists(FATES, min_size=1, max_size=8), PLANS, st.integers(0, 3))
def test_it_recovers(rules: Rules, fates: list[Fate], plan: list[tuple[float, str]], adopted: int) -> None:
    """When new workers are good again, it has as many as it may, all of one generation."""
    rules = replace(rules, mode="static", boot_retries=0, terminate_timeout=2.0)
    world = World(rules, fates, plan, adopted=min(adopted, rules.workers), good_from=41.0)
    world.run(161.0)
    assert len(world.accepting) == world.policy.limit
    assert {being.generation for being in world.accepting} == {world.policy.generation}
    assert world.policy.reload_state.state != "booting"


@lives
@given(RULES, PLANS)
def test_with_good_workers_nobody_is_killed_and_every_reload_succeeds(
    rules: Rules, plan: list[tuple[float, str]]
) -> None:
    fates = [Fate(boot=0.2, busy=busy) for busy in (0.1, 0.0, 0.3)]
    rules = replace(rules, graceful_timeout=5.0)
    suspended = [step for step in plan if step[1] == "suspend"]
    plan = [step for step in plan if step not in suspended[1:]]  # again and again within seconds is not believed
    world = World(rules, fates, plan).run(50.0)
    assert [action for _, action in world.seen if isinstance(action, (Kill, GiveUp))] == []
    reloads = [action for _, action in world.seen if isinstance(action, Reloaded)]
    asked = sum(what == "reload" for _, what in plan)
    assert bool(reloads) == bool(asked)
    assert len(reloads) <= asked
    assert {action.failure for action in reloads} <= {""}
    assert world.policy.counters[1:4] == (0, 0, 0)


@lives
@given(st.integers(1, 6), st.lists(st.floats(5, 40), max_size=15), st.lists(FATES, min_size=1, max_size=5))
def test_a_reload_never_takes_capacity(workers: int, reloads: list[float], fates: list[Fate]) -> None:
    """Good workers serve, and are only ever stopped when as many others do; whatever the new ones do until they are."""
    trials = [replace(fate, dies=math.inf, retires=math.inf) for fate in fates]
    world = World(Rules(workers), [GOOD] * workers + trials, [(when, "reload") for when in reloads])
    lowest = workers
    for step in range(1, 800):
        world.run(step * 0.1)
        if step > 10:
            lowest = min(lowest, len(world.accepting))
    assert lowest == workers


@pytest.mark.parametrize("every", [0.05, 1.0])
def test_L1_reloads_in_quick_succession(every: float) -> None:
    plan = [(5 + number * every, "reload") for number in range(20)]
    world = World(Rules(4), [Fate(boot=0.3, busy=0.1, pause=0.02)], plan).run(60.0)
    reloads = [action for _, action in world.seen if isinstance(action, Reloaded)]
    assert len(reloads) == 20 if every == 1.0 else 2 <= len(reloads) <= 6
    assert {action.failure for action in reloads} == {""}
    assert {being.generation for being in world.accepting} == {1 + len(reloads)}
    assert len([action for _, action in world.seen if isinstance(action, Start)]) == 4 * (1 + len(reloads))
