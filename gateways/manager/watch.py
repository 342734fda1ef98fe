"""Files that have the application loaded anew: ``restart_file``, when it is touched, and with ``reload`` its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gateways.server.changes import signature

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 1.0


class RestartFile:
    """Calls ``on_touch(why)`` when the file ``path`` was touched, or is new. ``tick`` is a helper of the master's."""

    def __init__(self, path: str, on_touch: Callable[[str], object]) -> None:
        self.path = os.path.abspath(path)
        self._on_touch = on_touch
        self._known = signature(self.path)
        self._next = 0.0

    def touched(self) -> bool:
        """Look; true once for each change. That the file has been removed is none."""
        now = signature(self.path)
        changed = now is not None and now != self._known
        self._known = now
        return changed

    def tick(self, now: float) -> float:
        """Look if it is time; return the seconds until it is."""
        if now >= self._next:
            self._next = now + INTERVAL
            if self.touched():
                self._on_touch(f"{self.path} was touched")
        return self._next - now


class ChangedFiles:
    """Calls ``on_change(why)`` once for each change that workers of a pool report: all of them see it."""

    def __init__(self, on_change: Callable[[str], object]) -> None:
        self._on_change = on_change
        self._last = ("", 0)

    def changed(self, file: str, time: int) -> None:
        """A worker has found a ``file`` that was written at ``time``."""
        if (file, time) != self._last:
            self._last = (file, time)
            self._on_change(f"{file} has changed")
