"""The arithmetic: medians over rounds, ratios of one round to the same round of another row, and who is ahead."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.model import METRICS, Outcome, Row, Sample


@dataclass(frozen=True)
class Spread:
    """A median, with the least and the most of all rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def median(samples: Sequence[Sample], metric: str) -> float | None:
    """The median of a metric over rounds; None where the row has no such metric."""
    values = [sample[metric] for sample in samples if metric in sample]
    return statistics.median(values) if values else None


def ratio(samples: Sequence[Sample], reference: Sequence[Sample], metric: str) -> Spread | None:
    """The ratio of two rows, taken round by round: what hit one hit the other in the same round."""
    pairs = [
        (mine[metric], theirs[metric])
        for mine, theirs in zip(samples, reference)
        if metric in mine and metric in theirs
    ]
    if not pairs or not all(theirs for _, theirs in pairs):
        return None
    return spread([mine / theirs for mine, theirs in pairs])


def spread(values: Sequence[float]) -> Spread:
    """Median and range."""
    return Spread(statistics.median(values), min(values), max(values))


def shown(value: float | None, metric: str) -> str:
    """A figure as it is written in a table."""
    return "–" if value is None else format(value, METRICS[metric].form)


def sorted_rows(outcome: Outcome) -> list[Row]:
    """The rows of a case: by variant as declared, and within one the best first."""
    variants = [row.variant for row in outcome.case.rows]
    metric = outcome.case.ratio
    sign = -1 if METRICS[metric].higher_is_better else 1

    def rank(row: Row) -> tuple[int, float]:
        value = median(outcome.samples[row.key], metric)
        return variants.index(row.variant), 0 if value is None else sign * value

    return sorted(outcome.rows, key=rank)
