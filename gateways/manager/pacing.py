"""How quickly workers are started when they do not last: back-off, and the count that leads to giving up."""

from __future__ import annotations

import math

from gateways.manager.rules import Rules

#: A worker that dies this soon after it began to serve has died quickly, seconds.
QUICKLY = 0.5
#: Waits before the next start, seconds; each is twice the one before.
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 30.0
#: Those that died while serving are waited for less: requests need them, and one bad request may have killed them all.
_LONGEST_WAIT_SERVED = 2.0
#: So many times in a row a quick death is made good at once.
_FREE = 3
#: One that retires this soon had next to no use: max_memory may be less than the application takes by itself, seconds.
_USELESS = 0.1
#: For this time after a worker died, starts are counted: no more than so many a second, seconds.
_CALM = 10.0
_STARTS_A_SECOND = 5


class Pacing:
    """Says how many workers may be started now.

    Workers that were started together and fail together failed once: ``_wave`` is the first number of those that were
    started since. While they fail, one at a time is tried.
    """

    def __init__(self, rules: Rules) -> None:
        #: How many times in a row no worker became ready.
        self.failures = 0
        self._quick = 0
        self._wave = 0
        #: No start before, because workers do not become ready, and because they die quickly.
        self._after_failure = self._after_death = -math.inf
        self._last_death = -math.inf
        #: The starts of the last time leave this bucket one by one.
        self._bucket = float(max(_STARTS_A_SECOND, rules.workers))
        self._pace = max(_STARTS_A_SECOND, rules.workers / 2)
        self._filled = 0.0
        self._filled_at = 0.0

    def failed(self, number: int, next_number: int, now: float) -> bool:
        """A worker could not become ready. Returns whether it is the first of those that were started together."""
        if number < self._wave:
            return False
        self.failures += 1
        self._wave = next_number
        self._after_failure = now + _wait(self.failures, _LONGEST_WAIT)
        return True

    def succeeded(self) -> None:
        """A worker is ready."""
        self.failures = 0
        self._after_failure = -math.inf

    def lasted(self, number: int, seconds: float) -> None:
        """A worker has served for ``seconds``, and may have died then."""
        if seconds >= QUICKLY and number >= self._wave:
            self._quick = 0

    def died(self, number: int, next_number: int, seconds: float, now: float) -> None:
        """A worker died that had served for ``seconds``."""
        self._last_death = now
        if seconds >= QUICKLY or number < self._wave:
            return
        self._quick += 1
        self._wave = next_number
        if self._quick > _FREE:
            self._after_death = now + _wait(self._quick - _FREE, _LONGEST_WAIT_SERVED)

    def retired(self, seconds: float, now: float) -> None:
        """A worker retires that has served for ``seconds``."""
        if seconds < _USELESS:
            self._last_death = now

    def started(self, now: float) -> None:
        self._filled = self._level(now) + 1
        self._filled_at = now

    def reset(self) -> None:
        """What failed is not tried any more."""
        self.failures = self._quick = 0
        self._after_failure = self._after_death = -math.inf

    def allowed(self, starting: int, now: float) -> int:
        """Return how many workers may be started now, when so many are ``starting``."""
        if self.held(now):
            return 0
        if self.failures:
            return max(0, 1 - starting)
        if now - self._last_death >= _CALM:
            return 1 << 16
        return max(0, int(self._bucket - self._level(now)))

    def wait(self, starting: int, now: float) -> float:
        """Return after which time more may be started; infinite when that does not depend on time."""
        if self.held(now):
            return self.held(now)
        if self.failures and starting:
            return math.inf
        return max(0.0, (self._level(now) - self._bucket + 1) / self._pace)

    def held(self, now: float) -> float:
        """Return for how long starts are held back because workers fail, seconds."""
        return max(0.0, max(self._after_failure, self._after_death) - now)

    def _level(self, now: float) -> float:
        return max(0.0, self._filled - (now - self._filled_at) * self._pace)


def _wait(times: int, longest: float) -> float:
    return min(_FIRST_WAIT * 2.0 ** min(times - 1, 30), longest)
