"""The results as a person reads them, a table of the terminal's width, and as a program does, by JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gateways.conform.case import DIFFERS, FAIL, PASS

if TYPE_CHECKING:
    from gateways.conform.runner import Backend, Result

HEADINGS = ("", "", "sent", "right", "came")
_COLOURS = {PASS: "32", DIFFERS: "33", FAIL: "31;1"}
#: The first two columns: F19, differs. Then at least so many for each of the others.
_NUMBER, _GRADE, _LEAST = 4, 8, 16


class Table:
    """Writes one result after another as rows of a table that is ``width`` columns wide."""

    def __init__(self, width: int, colours: bool = False) -> None:
        each = max(_LEAST, (width - _NUMBER - _GRADE - 4) // 3)
        self._widths = (_NUMBER, _GRADE, each, each, each)
        self._colours = colours

    def heading(self) -> str:
        """Return the first row."""
        return self._rows(HEADINGS)

    def row(self, result: Result) -> str:
        """Return the rows of one result, without a line feed at the end."""
        cells = (result.case.number, result.grade, result.case.sent, result.case.right, result.came)
        text = self._rows(cells)
        if self._colours:
            painted = f"\x1b[{_COLOURS[result.grade]}m{result.grade}\x1b[0m"
            text = text.replace(result.grade, painted, 1)
        return text

    def _rows(self, cells: Sequence[str]) -> str:
        columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, self._widths)]
        lines = []
        for number in range(max(map(len, columns))):
            parts = [
                (column[number] if number < len(column) else "").ljust(width)
                for column, width in zip(columns, self._widths)
            ]
            lines.append(" ".join(parts).rstrip())
        return "\n".join(lines)


def summary(results: Iterable[Result], planned: int) -> str:
    """Say in one line how many passed, differ and failed, and how many were not run."""
    counts = _count(results)
    missing = planned - sum(counts.values())
    text = ", ".join(f"{count} {_WORDS[grade]}" for grade, count in counts.items())
    return text + (f"; {missing} not run: the backend serves no more" if missing else "")


_WORDS = {PASS: "pass", DIFFERS: "differ", FAIL: "fail"}


def _count(results: Iterable[Result]) -> dict[str, int]:
    counts = dict.fromkeys((PASS, DIFFERS, FAIL), 0)
    for result in results:
        counts[result.grade] += 1
    return counts


def as_json(backend: Backend, results: Sequence[Result], planned: int) -> str:
    """Return everything as one JSON document."""
    document: dict[str, Any] = {
        "protocol": backend.protocol,
        "address": str(backend.address),
        "echo": backend.strict,
        "cases": [
            {
                "number": result.case.number,
                "grade": result.grade,
                "sent": result.case.sent,
                "right": result.case.right,
                "came": result.came,
            }
            for result in results
        ],
        **_count(results),
        "not_run": planned - len(results),
    }
    return json.dumps(document, indent=1, ensure_ascii=True)
