"""Placeholder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Facts:
    def __init__(self, master: Any) -> None: ...
    def status(self) -> Mapping[str, Any]:
        return {}
