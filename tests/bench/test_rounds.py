"""Rounds: interleaved, bounded, and no failure hidden."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

from tests.bench.against import doubled, table
from tests.bench.backends import BenchError
from tests.bench.model import Case, Outcome
from tests.bench.rounds import Progress, measure, order


def opened_with(loads):
    """A way to open a case: ``loads`` has the function that measures each row."""

    @contextlib.contextmanager
    def opened(rows):
        yield {row.key: loads[row.key] for row in rows}

    return opened


def case(outcome: Outcome, calls: list[str]) -> Case:
    """The made-up case, measured by a function that notes who is measured; ``broken`` fails in the second round."""

    def load(key: str):
        def call(seconds: int):
            calls.append(key)
            if key == "broken" and calls.count("broken") == 2:
                raise BenchError("broken answers 500")
            return {"cost": float(seconds)}

        return call

    return replace(outcome.case, opened=opened_with({row.key: load(row.key) for row in outcome.case.rows}))


def test_each_round_measures_every_row_once(outcome):
    calls: list[str] = []
    measure(case(outcome, calls), 2, 1, Progress(io.StringIO()))
    assert sorted(calls[:3]) == sorted(calls[3:]) == ["broken", "c1", "peer"]


def test_the_order_changes_and_is_the_same_in_every_run(outcome):
    rows = outcome.case.rows
    orders = [[row.key for row in order(rows, number)] for number in range(5)]
    assert orders == [[row.key for row in order(rows, number)] for number in range(5)]
    assert len({tuple(keys) for keys in orders}) > 1


def test_a_row_that_fails_has_no_figures_and_the_others_go_on(outcome):
    calls: list[str] = []
    stream = io.StringIO()
    measured = measure(case(outcome, calls), 4, 1, Progress(stream))
    assert calls.count("broken") == 2
    assert measured.failed == {"broken (uwsgi)": "broken answers 500"}
    assert {key: len(samples) for key, samples in measured.samples.items()} == {"c1": 4, "peer": 4}
    assert "made-up: broken answers 500\n" in stream.getvalue()


def test_what_is_not_installed_is_named_and_not_started(outcome):
    stream = io.StringIO()
    measured = measure(case(outcome, []), 1, 1, Progress(stream))
    assert measured.missing == {"absent (uwsgi)": "pip install absent"}
    assert "absent" not in measured.samples
    assert stream.getvalue().startswith("made-up: pip install absent: without absent (uwsgi)\n")


def test_without_a_terminal_a_line_for_each_round(outcome):
    stream = io.StringIO()
    measure(case(outcome, []), 2, 1, Progress(stream))
    assert "\r" not in stream.getvalue()
    assert stream.getvalue().endswith("made-up: round 1 of 2\nmade-up: broken answers 500\nmade-up: round 2 of 2\n")


def test_another_commit_stands_beside_each_row_of_ours(tmp_path, outcome):
    twins = doubled(outcome.case, "v1", tmp_path)
    assert [(row.key, row.backend.source == tmp_path) for row in twins.rows] == [("c1", False), ("c1@v1", True)]
    outcome = Outcome(twins, {"c1": outcome.samples["c1"], "c1@v1": outcome.samples["peer"]})
    assert table(outcome, "v1")[2:] == ["| gateways, C & <fast> (FastCGI, kept) | 20.0 | 40.0 | 0.50 (0.50–0.75) |"]
