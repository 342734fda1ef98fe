"""The arithmetic: medians over rounds, and ratios of one round to the same round of another row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.model import METRICS, Sample


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
