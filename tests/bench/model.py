"""What a case is made of, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Union

from tests.bench.backends import Backend

#: One round of one row: a figure for each metric.
Sample = dict[str, Union[int, float]]

#: Puts load on what a case has opened, mostly a running backend, for about so many seconds.
Load = Callable[..., Sample]

#: The same, bound to all but the seconds.
Measure = Callable[[int], Sample]


@dataclass(frozen=True)
class Metric:
    """How a figure is called and written."""

    title: str
    form: str
    higher_is_better: bool = False


METRICS = {
    "cost": Metric("processor µs/request", ",.1f"),
    "rate": Metric("requests/s", ",.0f", True),
    "p50": Metric("median ms", ",.2f"),
    "p99": Metric("p99 ms", ",.2f"),
    "throughput": Metric("MiB/s", ",.0f", True),
    "growth": Metric("memory growth, MiB", ",.1f"),
    "share": Metric("share of the ideal", ".3f", True),
    "extra": Metric("quick beside slow: extra p99 ms", ",.2f"),
    "import": Metric("import ms", ",.2f"),
    "whole": Metric("process ms", ",.2f"),
    "connections": Metric("idle connections", ",.0f", True),
    "each": Metric("KiB of memory each", ",.2f"),
    "p50_before": Metric("median ms without them", ",.3f"),
    "p50_beside": Metric("median ms beside them", ",.3f"),
    "unchanged": Metric("beside ÷ without", ".2f"),
}


@dataclass(frozen=True)
class Row:
    """A backend under a load. ``variant`` tells rows of one backend apart."""

    backend: Backend
    load: Load
    variant: str = ""
    quick: bool = False
    """Whether ``--quick`` has it."""

    @property
    def key(self) -> str:
        """What goals and files name it by."""
        return f"{self.backend.id}/{self.variant}" if self.variant else self.backend.id

    @property
    def label(self) -> str:
        """What a person reads."""
        return self.backend.label + (f", {self.variant}" if self.variant else "")


Opened = Callable[[Sequence[Row]], "AbstractContextManager[Mapping[str, Measure]]"]


@dataclass(frozen=True)
class Case:
    """Rows that are measured in turns, so that a drift of the machine hits all alike.

    ``references`` are identities of backends: each row shows its ratio to the row of theirs with the same variant.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    opened: Opened
    references: tuple[str, ...] = ()
    ratio: str = "cost"
    """The metric that ratios are made of."""


def by_reason(missing: Mapping[str, str]) -> dict[str, list[str]]:
    """The labels of what is missing, for each reason."""
    found: dict[str, list[str]] = {}
    for label, reason in missing.items():
        found.setdefault(reason, []).append(label)
    return found


@dataclass
class Outcome:
    """What was measured of a case: a sample for each round, and why some rows have none."""

    case: Case
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """The rows with figures."""
        return [row for row in self.case.rows if row.key in self.samples]
