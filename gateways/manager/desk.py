"""The control socket in the master's loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from gateways.manager.control import ControlSocket
    from gateways.manager.master import Master


class Desk:
    """Watches what ``control`` is interested in, as long as ``master`` runs."""

    def __init__(self, control: ControlSocket, master: Master) -> None:
        self._control = control
        self._loop = master.loop
        self._watched: dict[int, int] = {}
        master.helpers.append(self._tend)
        master.closers.append(control.close_in_child)

    def _tend(self, now: float) -> float:
        """Watch what is to be watched now; return how long that can wait, seconds."""
        deadline = self._control.deadline()
        if deadline is not None and deadline <= now:
            self._control.expire()
            deadline = self._control.deadline()
        wanted = self._control.interests()
        for fd in self._watched.keys() - wanted.keys():
            self._loop.unwatch(fd)
        for fd, events in wanted.items():
            self._loop.watch(fd, self._handler(fd), events)
        self._watched = wanted
        return math.inf if deadline is None else deadline - now

    def _handler(self, fd: int) -> Callable[[int], object]:
        return lambda events: self._control.handle(fd, events)
