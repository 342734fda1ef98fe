"""What the master owes to whoever started it: systemd, a shell that waits for a program in the background."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from gateways.manager.notify import Notifier
from gateways.server.opening import count

if TYPE_CHECKING:
    from gateways.manager.daemon import Daemon
    from gateways.manager.master import Master

#: How soon to try again what systemd did not take, seconds.
_RETRY = 0.5


class Citizenship:
    """Reports the state of ``master`` to systemd, if it asks for that, and the first one to ``daemon``."""

    def __init__(self, master: Master, daemon: Daemon) -> None:
        self._master = master
        self._daemon = daemon
        self._notifier = Notifier(os.environ)
        self._next_sign = 0.0
        master.helpers.append(self._tend)
        master.closers += [self._notifier.close, daemon.close]
        master.on_serving.append(self._serving)
        master.on_reload.append(lambda: self._notifier.reloading("a new generation starts"))
        master.on_stop.append(lambda: self._notifier.stopping("requests in hand are finished"))
        master.on_give_up.append(daemon.failed)

    def _serving(self) -> None:
        pools = self._master.pools
        workers = sum(pool.serving() for pool in pools)
        text = f"{count(workers, 'worker')} in {count(len(pools), 'pool')}"
        failed = [pool for pool in pools if pool.policy.reload_state.reason]
        for pool in failed:
            text += f"; the last reload of {pool.name} failed: {pool.policy.reload_state.reason}"
        self._notifier.ready(text)
        self._daemon.ready()

    def _tend(self, now: float) -> float:
        """Give systemd its sign of life; return how long the next can wait, seconds."""
        interval = self._notifier.watchdog_interval
        if interval and now >= self._next_sign:
            self._next_sign = now + interval
            self._notifier.watchdog()
        if self._notifier.owes and not self._notifier.flush():
            return _RETRY
        return self._next_sign - now if interval else math.inf
