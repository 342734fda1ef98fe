"""The load of a pool over time, as points of an SVG. page.js draws the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: The size of the drawing, and how far apart two seconds are.
WIDTH, HEIGHT, STEP = 600, 100, 2


class Series(NamedTuple):
    """A line: its points, its last value and its highest."""

    points: str
    last: int
    top: int


def rates(history: Sequence[Sequence[int]]) -> list[int]:
    """Return the requests of each second."""
    return [max(0, after[1] - before[1]) for before, after in zip(history, history[1:])]


def in_hand(history: Sequence[Sequence[int]]) -> list[int]:
    """Return the requests in hand at the end of each of these seconds."""
    return [moment[0] for moment in history[1:]]


def series(values: Sequence[int]) -> Series:
    """Draw ``values``, the newest at the right edge, the highest at the upper one."""
    values = values[-(WIDTH // STEP + 1) :]
    top = max(values, default=0)
    first = WIDTH - (len(values) - 1) * STEP
    points = [f"{first + i * STEP},{_round(HEIGHT - value * HEIGHT / (top or 1))}" for i, value in enumerate(values)]
    return Series(" ".join(points), values[-1] if values else 0, top)


def area(drawn: Series) -> str:
    """Return the points of the area below a line."""
    if not drawn.points:
        return ""
    first = drawn.points.partition(",")[0]
    return f"{first},{HEIGHT} {drawn.points} {WIDTH},{HEIGHT}"


def _round(value: float) -> str:
    return f"{value:.1f}".replace(".0", "")
