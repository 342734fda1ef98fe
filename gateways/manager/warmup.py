"""Placeholder."""

from __future__ import annotations

from typing import Any


def warm_up(application: Any, settings: Any) -> None: ...
