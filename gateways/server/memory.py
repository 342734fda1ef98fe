"""How much memory this process has in use."""

from __future__ import annotations

import resource
import sys
from time import monotonic

_PAGE_SIZE = resource.getpagesize()
#: How old an answer of ``recent`` may be, seconds.
_AGE = 1.0


def resident_memory() -> int:
    """Return the resident memory of this process in bytes: what it uses now or, where only that is told, its peak."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_SIZE
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class RecentMemory:
    """The resident memory, looked at once a second at most."""

    def __init__(self) -> None:
        self._seen = (-_AGE, 0)

    def __call__(self) -> int:
        """Return the resident memory in bytes."""
        seen = self._seen  # one attribute, so that two threads cannot mix their halves
        now = monotonic()
        if now - seen[0] >= _AGE:
            seen = self._seen = (now, resident_memory())
        return seen[1]
