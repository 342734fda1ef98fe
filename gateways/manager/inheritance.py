"""What a pool has from an earlier master: workers that serve on, and listeners that are not in the settings any more.

Such a listener is served by the old workers alone. Before they are told to stop, nobody is let in there any more, and
they get the time to accept who waits already: what is in its backlog when the last of them closes it is lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gateways.manager.queues import waiting_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateways.manager.process import Process
    from gateways.server.listeners import Listener

#: How long connections may wait at a listener that nobody is let in to, and how often to look, seconds.
_PATIENCE = 5.0
_INTERVAL = 0.02


class Inheritance:
    """``adopted`` are the numbers of the workers, ``former`` the listeners.

    ``spared``: nobody has served in this pool since the upgrade; it may fail without ending the others.
    """

    def __init__(self) -> None:
        self.adopted: set[int] = set()
        #: Those who were told to stop by the earlier master.
        self.leaving: list[int] = []
        self.former: list[Listener] = []
        self.spared = False
        self._held: list[tuple[Process, str]] = []
        self._deadline = math.inf

    def dismiss(self, process: Process, line: str, now: float) -> None:
        """Tell a worker ``line``, by which it stops: as soon as nobody waits at the former listeners."""
        if process.number not in self.adopted or not self.former:
            process.channel.tell(line)
            return
        if not self._held:
            self._deadline = now + _PATIENCE
            for listener in self.former:
                listener.refuse()
        self._held.append((process, line))

    def tick(self, now: float) -> float:
        """Do what is due; return how long there is nothing to do, seconds."""
        if not self._held:
            return math.inf
        if now >= self._deadline or not waiting_at(listener.sock for listener in self.former):
            self.release()
            return math.inf
        return _INTERVAL

    def release(self) -> None:
        """Do not wait any longer: close the former listeners, and say what was held back."""
        for listener in self.former:
            listener.close()
        self.former.clear()
        held, self._held = self._held, []
        for process, line in held:
            process.channel.tell(line)

    def closers(self) -> Iterator[Callable[[], object]]:
        """Give what a child has no use for."""
        for listener in self.former:
            yield listener.sock.close
