"""The numbers of a policy, as the settings give them."""

from __future__ import annotations

import pytest

from gateways.errors import ConfigError
from gateways.manager.rules import Rules
from gateways.settings import Settings


def test_the_numbers_come_from_the_settings() -> None:
    settings = Settings(
        workers=4,
        pm="ondemand",
        start_workers=2,
        min_spare=3,
        max_spare=5,
        idle_timeout=6,
        boot_timeout=7,
        boot_retries=8,
        heartbeat_timeout=9,
        graceful_timeout=10,
        request_slowlog_timeout=11,
        request_terminate_timeout=12,
    )
    assert Rules.of(settings) == Rules(4, "ondemand", 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)


def test_the_defaults_are_those_of_the_settings() -> None:
    assert Rules.of(Settings(workers=2)) == Rules(workers=2)


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ConfigError, match="workers"):
        Rules.of(Settings())


def test_spares_that_contradict_each_other_are_refused_where_they_matter() -> None:
    Rules.of(Settings(workers=8, min_spare=5, max_spare=4))
    with pytest.raises(ConfigError, match="min_spare: 5 is more than max_spare, which is 4"):
        Rules.of(Settings(workers=8, pm="dynamic", min_spare=5, max_spare=4))


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        (Rules(5), 5),
        (Rules(5, "ondemand"), 0),
        (Rules(5, "dynamic"), 2),
        (Rules(5, "dynamic", min_spare=2, max_spare=6), 4),
        (Rules(5, "dynamic", start_workers=3), 3),
        (Rules(5, "dynamic", start_workers=30), 5),
        (Rules(1, "dynamic"), 1),
    ],
)
def test_how_many_to_begin_with(rules: Rules, first: int) -> None:
    assert rules.first == first
