"""The status of a process without a master: a scoreboard with one slot, and the facts that a master would publish."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from gateways import __version__
from gateways.manager.facts import HISTORY, INTERVAL, Past, settings_facts
from gateways.manager.queues import waiting_at
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.snapshot import PoolFigures
from gateways.manager.statusapp import StatusApplication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateways.core.types import Application
    from gateways.server.listeners import Listener
    from gateways.server.slot import Slot
    from gateways.settings import Settings

#: It is the only one.
_POOL = "app"


class Single:
    """Makes what ``server.launch.launch`` wants: ``slot`` for the server, and ``application`` for the path."""

    def __init__(self, name: str, settings: Settings, listeners: Sequence[Listener]) -> None:
        self._board = Scoreboard.create(1, settings.threads)
        self.slot: Slot = self._board.claim(_POOL, 1, 1)
        self.slot.set_pid(os.getpid())
        self.application: Application = StatusApplication(self._board, _POOL)
        self._sockets = [listener.sock for listener in listeners]
        self._started = time.time()
        self._facts = {**settings_facts(name, settings, list(listeners)), "pm": "single", "limit": 1, "generation": 1}
        self._past = Past(HISTORY, PoolFigures())
        self._closed = threading.Event()
        self.publish()
        threading.Thread(target=self._keep_publishing, name="gateways-facts", daemon=True).start()

    def close(self) -> None:
        """Publish no more."""
        self._closed.set()

    def publish(self) -> None:
        """Write the facts as they are now."""
        pool = {**self._facts, **self._past.facts(waiting_at(self._sockets)), "workers_started": 1}
        self._board.publish(
            {"version": __version__, "pid": os.getpid(), "started": self._started, "pools": {_POOL: pool}}
        )

    def _keep_publishing(self) -> None:
        while not self._closed.wait(INTERVAL):
            self._past.look(_POOL, self._board.look())
            self.publish()
