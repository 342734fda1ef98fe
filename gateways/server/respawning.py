"""A server that a web server started, and that gives way to a new process, or becomes one, when it is time.

======================================  =======================================================================
mod_fcgid                               It ends with status 0; the next request starts another process.
lighttpd, spawn-fcgi, supervisor, ...   Nobody starts another one, or not at once: it executes its program anew.
======================================  =======================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.server.changes import Changes, LoadedFiles
from gateways.server.origin import origin
from gateways.server.renewal import make_renewal
from gateways.server.spawned import is_replaced
from gateways.server.successor import Successor
from gateways.server.worker import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateways.core.types import Application
    from gateways.server.accesslog import AccessLog
    from gateways.server.errorlog import ErrorLog
    from gateways.server.listeners import Listener
    from gateways.server.slot import Slot
    from gateways.settings import Settings


class SpawnedServer(Server):
    """A ``Server`` that watches its requests, its memory, its files, and the web server that started it.

    ``look`` returns why the process should be renewed, or ""; it is asked once a second. By default it is ``renew_on``
    that says what is looked at. ``run`` does not return where the process becomes a new one.
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[Listener],
        settings: Settings,
        error_log: ErrorLog,
        access_log: AccessLog | None = None,
        look: Callable[[], str] | None = None,
        *,
        slot: Slot | None = None,
    ) -> None:
        super().__init__(application, listeners, settings, error_log, access_log, spawned=True, slot=slot)
        self._told = False
        self._successor: Successor | None = None
        if not all(listener.address.kind == "fd" for listener in listeners):
            return  # what it has opened itself would be closed for a while
        parent = self._parent.parent if self._parent is not None else 0
        patience = 0.0
        if all(is_replaced(listener.sock.getsockname(), parent) for listener in listeners):
            for listener in listeners:
                listener.shared = False
        else:
            self._successor = Successor(listeners, parent)
            patience = settings.graceful_timeout / 2
        self._renewal = make_renewal(settings, look or _look(settings), patience)

    def run(self) -> int:
        """Serve until told to stop, or until it is time for a new process."""
        code = super().run()
        if self._successor is not None:
            if self._becomes_another:
                self._successor.take_over()
            self._successor.close()
        return code

    def retire(self, reason: str) -> None:
        """Finish what is in hand, and give way."""
        if self.stopping:
            return
        if self._successor is not None:
            self.error_log.notice(f"{reason}; starting anew")
            self.graceful_timeout /= 2  # the other half it has waited for a moment without a request
        else:
            self.error_log.notice(f"{reason}; stopping, for another process to be started")
        super().retire(reason)

    @property
    def _becomes_another(self) -> bool:
        return bool(self.retired) and not self._told

    def told_to_stop(self) -> None:
        """Stop, and have no successor."""
        self._told = True
        super().told_to_stop()

    def _break_off(self) -> None:
        if self._successor is not None and self._becomes_another:
            self._successor.execute()
        super()._break_off()


def _look(settings: Settings) -> Callable[[], str] | None:
    if settings.renew_on == "never":
        return None
    return Changes(LoadedFiles(only_restart=settings.renew_on == "restart"), origin.since).reason
