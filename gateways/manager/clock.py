"""The time that a pool has lived: it does not pass while the machine, or the master, is suspended."""

from __future__ import annotations

import math
from collections import deque

#: A master that comes this much later than it was asked to was suspended, seconds. A busy machine is quicker.
_LATE = 1.0
#: A machine that was suspended is not suspended again this soon; it is overloaded, and time does pass, seconds.
_AWAKE = 5.0
#: So many suspensions are remembered. One that is forgotten counts as lived by a request that is older than it.
_REMEMBERED = 32


class Clock:
    """Tells ``now`` in the pool's own time, from readings of the monotonic clock.

    A master that wakes up much later than it asked for did not live in between, and most likely nobody did. Deadlines
    are kept in the time of this clock, so that nobody is killed for having been suspended.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        #: The last reading.
        self.seen = now
        self._due = math.inf
        self._gaps: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._lost = 0.0
        self._woke = -math.inf

    def look(self, now: float) -> None:
        """Take a reading of the monotonic clock."""
        due = max(self._due, self.seen)
        if now - due > _LATE:
            self._skip(self.seen if self.now - self._woke >= _AWAKE else due, now)
        self.seen = max(self.seen, now)
        self.now = self.seen - self._lost

    def _skip(self, since: float, until: float) -> None:
        """Count the time between these readings as not lived."""
        self._gaps.append((since, until))
        self._lost += until - since
        self._woke = until - self._lost

    def wake_in(self, seconds: float) -> None:
        """Remember that the next reading is due in ``seconds``; infinite: it may come at any time."""
        self._due = self.seen + seconds

    def lived(self, since: float) -> float:
        """Return how much time was lived since that reading of the monotonic clock, seconds."""
        gaps = sum(end - max(start, since) for start, end in self._gaps if end > since)
        return max(0.0, self.seen - since - gaps)
