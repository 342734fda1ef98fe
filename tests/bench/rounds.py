"""The rounds of a case: each measures every row once, in an order of its own, so that a drift hits all alike."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

from tests.bench.backends import BenchError
from tests.bench.model import Case, Outcome, Row, by_reason


class Progress:
    """What a person sees meanwhile: one line that changes on a terminal, else a line for each round."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()

    def row(self, text: str) -> None:
        """A row begins."""
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()

    def round(self, text: str) -> None:
        """A round is over."""
        if not self._terminal:
            self.say(text)

    def say(self, text: str) -> None:
        """Something that has to be read."""
        self._stream.write(f"\r\x1b[K{text}\n" if self._terminal else f"{text}\n")
        self._stream.flush()


def measure(case: Case, rounds: int, seconds: int, progress: Progress) -> Outcome:
    """Measure the rows of a case that can be; a row that fails is left out from then on, and named."""
    outcome = Outcome(case, missing={row.label: row.backend.missing for row in case.rows if row.backend.missing})
    for reason, labels in by_reason(outcome.missing).items():
        progress.say(f"{case.name}: {reason}: without {'; '.join(labels)}")
    rows = [row for row in case.rows if not row.backend.missing]
    if not rows:
        return outcome
    progress.row(f"{case.name}: starting {len(rows)} rows")
    with case.opened(rows) as measures:
        for number in range(rounds):
            for row in order(rows, number):
                if row.label in outcome.failed:
                    continue
                progress.row(f"{case.name}: round {number + 1}/{rounds}, {row.label}")
                try:
                    outcome.samples.setdefault(row.key, []).append(measures[row.key](seconds))
                except BenchError as error:
                    outcome.failed[row.label] = str(error)
                    outcome.samples.pop(row.key, None)  # ratios are made of whole rounds
                    progress.say(f"{case.name}: {error}")
            progress.round(f"{case.name}: round {number + 1} of {rounds}")
    return outcome


def order(rows: Sequence[Row], number: int) -> list[Row]:
    """The order of a round: shuffled, and the same in every run."""
    shuffled = list(rows)
    random.Random(number).shuffle(shuffled)
    return shuffled


def quick(case: Case) -> Case:
    """The rows of a case that ``--quick`` has; all, where the case marks none."""
    return replace(case, rows=tuple(row for row in case.rows if row.quick) or case.rows)
