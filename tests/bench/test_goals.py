"""What is judged, and how."""

from __future__ import annotations

import pytest

from tests.bench.cases import every
from tests.bench.figures import Spread
from tests.bench.goals import GOALS, Goal, judge
from tests.bench.model import METRICS


def verdict(monkeypatch, outcome, **fields):
    goal = Goal("made up", "made-up", **{"row": "c1", **fields})
    monkeypatch.setattr("tests.bench.goals.GOALS", (goal,))
    return judge({"made-up": outcome})[0]


@pytest.mark.parametrize(("limit", "met", "word"), [(0.5, True, "yes"), (0.49, False, "**no**"), (None, None, "–")])
def test_the_median_ratio_is_judged(monkeypatch, outcome, limit, met, word):
    found = verdict(monkeypatch, outcome, against=("peer",), limit=limit)
    assert (found.measured, found.met, found.word) == (Spread(0.5, 0.5, 0.75), met, word)


def test_a_rate_has_to_be_at_least_the_limit(monkeypatch, outcome):
    outcome.samples["c1"] = [{"share": 0.9}, {"share": 0.96}, {"share": 0.97}]
    assert verdict(monkeypatch, outcome, metric="share", limit=0.95).met is True
    assert verdict(monkeypatch, outcome, metric="share", limit=0.95, worst=True).met is False


def test_the_worst_round_counts_where_the_goal_says_so(monkeypatch, outcome):
    assert verdict(monkeypatch, outcome, metric="p99", limit=5.0).met is True
    assert verdict(monkeypatch, outcome, metric="p99", limit=5.0, worst=True).met is False


def test_the_best_opponent_counts(monkeypatch, outcome):
    outcome.samples["better"] = [{"cost": 10.0}, {"cost": 20.0}, {"cost": 45.0}]
    assert verdict(monkeypatch, outcome, against=("peer", "better"), limit=0.5).measured == Spread(1, 1, 1)


@pytest.mark.parametrize("fields", [{"row": "absent"}, {"against": ("peer", "absent")}, {"metric": "growth"}])
def test_what_is_not_there_is_neither_met_nor_missed(monkeypatch, outcome, fields):
    found = verdict(monkeypatch, outcome, limit=1.0, **fields)
    assert (found.measured, found.met, found.word) == (None, None, "not measured")


def test_only_goals_of_measured_cases_are_judged():
    assert judge({}) == []


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.case}: {goal.subject}")
def test_a_goal_is_about_rows_that_exist(goal):
    keys = {row.key for row in every()[goal.case].rows}
    assert {goal.row, *goal.against} <= keys
    assert goal.metric in METRICS
