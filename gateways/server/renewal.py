"""When a process has served for long enough: after so many requests, with so much memory, when its files have changed.

The server asks between requests. That costs it two comparisons; everything else is looked at once a second.
"""

from __future__ import annotations

import random
import sys
from time import monotonic
from typing import TYPE_CHECKING

from gateways.server.memory import resident_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateways.adapters.speedups import Link
    from gateways.settings import Settings

#: Seconds between two looks at memory and files.
LOOK_INTERVAL = 1.0
#: Seconds between two looks for a moment without a request.
QUIET_INTERVAL = 0.05
#: Seconds that a short request takes at most.
SHORT = 1.0

_NEVER = float("inf")


def make_renewal(settings: Settings, look: Callable[[], str] | None = None, patience: float = 0.0) -> Renewal | None:
    """Return the ``Renewal`` of one process, or None where nothing is to be watched."""
    if not settings.max_requests and not settings.max_memory and look is None:
        return None
    return Renewal(settings, look, patience)


class Renewal:
    """Whether a process should give way to a new one. It belongs to the thread that leads.

    ``settings`` give ``max_requests`` with its jitter, and ``max_memory``; ``look`` returns another reason, such as a
    changed file (``Changes.reason``). From the first reason on, a moment without a request is waited for, while
    requests are taken as before. That is for a process that nobody stands in for. Its patience is ``patience`` seconds
    with those that were in hand at first, and without them SHORT: then all requests are short, and there are many.

    ``jitter(most)`` returns a whole number from 0 to ``most``, ``memory()`` the resident bytes.
    """

    def __init__(
        self,
        settings: Settings,
        look: Callable[[], str] | None = None,
        patience: float = 0.0,
        *,
        jitter: Callable[[int], int] | None = None,
        memory: Callable[[], int] | None = None,
        now: float | None = None,
    ) -> None:
        #: Requests after which it ends.
        self.max_requests = sys.maxsize
        if settings.max_requests:
            spread = settings.max_requests_jitter or settings.max_requests // 10
            self.max_requests = settings.max_requests + (jitter or _jitter)(spread)
        self._max_memory = settings.max_memory
        self._memory = memory or resident_memory
        self._look = look
        #: The monotonic time of the next look.
        self.next_look = (monotonic() if now is None else now) + LOOK_INTERVAL
        if look is None and not self._max_memory:
            self.next_look = _NEVER
        self._seen = 0
        self._reason = ""
        self._patience = patience
        self._found_at = _NEVER
        self._in_hand: set[Link] = set()

    def is_due(self, served: int, now: float) -> bool:
        """Say whether ``reason`` may have one to tell, after ``served`` requests."""
        return now >= self.next_look or served >= self.max_requests

    def looks(self, served: int) -> bool:
        """Say whether it wants to look at the time ``next_look``, even when no request comes until then."""
        # Memory grows with requests alone, while files change by themselves.
        return bool(self._reason) or self._look is not None or (self._max_memory > 0 and served != self._seen)

    def reason(self, served: int, now: float, connections: Iterable[Link] = ()) -> str:
        """Return why this process should end now, or "". Ask while ``is_due``; ``connections`` are all there are."""
        if self._reason:
            in_hand = _in_hand(connections)
        else:
            self._reason = self._find_reason(served, now)
            if not self._reason:
                return ""
            self._found_at = now
            self._in_hand = in_hand = _in_hand(connections)
        self.next_look = now + QUIET_INTERVAL  # the end of a request in another thread wakes nobody
        self._in_hand &= in_hand
        patience = self._patience if self._in_hand else min(self._patience, SHORT)
        return self._reason if not in_hand or now >= self._found_at + patience else ""

    def _find_reason(self, served: int, now: float) -> str:
        if served >= self.max_requests:
            return f"{served} requests served (max_requests)"
        if now < self.next_look:
            return ""
        self.next_look = now + LOOK_INTERVAL
        grown = served != self._seen
        self._seen = served
        used = self._memory() if self._max_memory and grown else 0
        if used > self._max_memory:
            return f"{_mebibytes(used)} of memory in use (max_memory is {_mebibytes(self._max_memory)})"
        return self._look() if self._look is not None else ""


def _in_hand(connections: Iterable[Link]) -> set[Link]:
    """Return those with a request, or with the beginning of one, or that may have been made for one."""
    return {connection for connection in connections if not (connection.watched and connection.waiting)}


def _jitter(most: int) -> int:
    # Not the application's generator, which it may have seeded: all workers would draw the same number.
    return random.SystemRandom().randint(0, most)


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
