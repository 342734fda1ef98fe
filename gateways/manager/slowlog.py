"""Placeholder."""

from __future__ import annotations

from typing import Any


class Dumps:
    def __init__(self, log: Any) -> None: ...
    def tick(self, now: float) -> float:
        return 1.0

    def ask(self, *given: Any) -> None: ...
    def forget(self, number: int) -> None: ...
    def close(self) -> None: ...
