"""Wait for descriptors and call what belongs to them. poll(2), whose state is in this process: a fork copies it."""

from __future__ import annotations

import select
from collections.abc import Callable

READ = select.POLLIN
WRITE = select.POLLOUT


class Loop:
    """Descriptors and what to call with the events of each. One thread."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._calls: dict[int, Callable[[int], object]] = {}

    def watch(self, fd: int, call: Callable[[int], object], events: int = READ) -> None:
        """Call ``call(events)`` whenever ``fd`` has some of ``events``, or an error. Replaces what was there."""
        self._calls[fd] = call
        self._poll.register(fd, events)

    def unwatch(self, fd: int) -> None:
        """Watch ``fd`` no longer; before it is closed. Harmless for one that is not watched."""
        if self._calls.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def turn(self, timeout: float) -> None:
        """Wait for at most ``timeout`` seconds, and make the calls. One that is unwatched meanwhile is left out."""
        # Rounded up: waking a little too early would turn again, and again.
        for fd, events in self._poll.poll(int(max(0.0, timeout) * 1000) + 1):
            call = self._calls.get(fd)
            if call is not None:
                call(events)
