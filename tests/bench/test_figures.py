"""Medians and ratios."""

from __future__ import annotations

import pytest

from tests.bench.figures import Spread, median, ratio, shown, spread


def test_median_of_the_rounds_that_have_the_metric():
    assert median([{"cost": 3}, {"cost": 1}, {"cost": 2}, {"p99": 100}], "cost") == 2
    assert median([{"cost": 3}], "rate") is None
    assert median([], "cost") is None


def test_a_ratio_is_taken_round_by_round():
    """In the second round the machine was ten times slower: the ratio of medians would be 1."""
    mine = [{"cost": 1.0}, {"cost": 10.0}, {"cost": 2.0}]
    theirs = [{"cost": 2.0}, {"cost": 20.0}, {"cost": 2.0}]
    assert ratio(mine, theirs, "cost") == Spread(0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ([], []),
        ([{"cost": 1.0}], []),
        ([{"cost": 1.0}], [{"rate": 1.0}]),
        ([{"cost": 1.0}], [{"cost": 0.0}]),
    ],
)
def test_no_ratio_where_there_is_nothing_to_compare(mine, theirs):
    assert ratio(mine, theirs, "cost") is None


def test_a_spread_says_median_and_range():
    assert str(spread([0.5, 0.611, 0.7])) == "0.61 (0.50–0.70)"


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [(12345.6, "rate", "12,346"), (5.26, "cost", "5.3"), (0.95, "share", "0.950"), (None, "cost", "–")],
)
def test_figures_are_written_as_their_metric_says(value, metric, text):
    assert shown(value, metric) == text
