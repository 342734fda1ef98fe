"""A server that a web server started, and that begins anew when it is time: its program is executed again.

It could end instead, and leave it to the web server to start another process. But that takes time, or does not happen
(measured, 50 requests a second, an edited file):

==============================  ====================================================================================
lighttpd 1.4.69                 503 for two or three seconds
mod_fcgid 2.3.9                 up to 10 seconds without an answer: it starts no process for a while when several end;
                                with ``max_requests=50`` 24 of 1000 requests were not answered within 30 seconds
spawn-fcgi, supervisor          no other process
executed again                  all answered, the longest after 0.3 seconds
==============================  ====================================================================================
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gateways.server.changes import Changes, LoadedFiles
from gateways.server.origin import origin
from gateways.server.renewal import make_renewal
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
    that says what is looked at. ``may_renew`` is false where the program could not be executed again as it was.
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[Listener],
        settings: Settings,
        error_log: ErrorLog,
        access_log: AccessLog | None = None,
        *,
        look: Callable[[], str] | None = None,
        slot: Slot | None = None,
        may_renew: bool = True,
    ) -> None:
        super().__init__(application, listeners, settings, error_log, access_log, spawned=True, slot=slot)
        self._told = False
        self._successor: Successor | None = None
        # What it has opened itself would be closed for a while.
        if not may_renew or not all(listener.address.kind == "fd" for listener in listeners):
            return
        self._successor = Successor(listeners, self._parent.parent if self._parent is not None else 0)
        self._left = list(origin.children)
        self._look = look or look_at_files(settings)
        wanted = self._look_around if self._look is not None or self._left else None
        self._renewal = make_renewal(settings, wanted, settings.graceful_timeout / 2)

    def begin_anew(self) -> None:
        """To be called when ``run`` has returned: become a new program, if it has retired, and do not return then."""
        if self._successor is not None:
            if self._becomes_another:
                self._successor.take_over()
            self._successor.close()

    def told_to_stop(self) -> None:
        """End, even when it is about to begin anew."""
        self._told = True
        super().told_to_stop()

    def retire(self, reason: str) -> None:
        """Finish what is in hand, and begin anew."""
        if not self.stopping:
            self.error_log.notice(f"{reason}; starting anew")
            self.graceful_timeout /= 2  # the other half it has waited for a moment without a request
        super().retire(reason)

    def _look_around(self) -> str:
        """Look for a reason to begin anew, and wait for what the program before this one has left."""
        for pid in self._left[:]:
            try:
                ended = os.waitpid(pid, os.WNOHANG)[0]
            except ChildProcessError:
                ended = pid
            if ended:
                self._left.remove(pid)
        return self._look() if self._look is not None else ""

    @property
    def _becomes_another(self) -> bool:
        return bool(self.retired) and not self._told

    def _break_off(self) -> None:
        if self._successor is not None and self._becomes_another:
            self._successor.execute()
        super()._break_off()


def look_at_files(settings: Settings) -> Callable[[], str] | None:
    """Return what says which file of the application has changed; None where ``renew_on`` wants nothing of it."""
    if settings.renew_on == "never":
        return None
    more = (settings.restart_file,) if settings.restart_file is not None else ()
    return Changes(LoadedFiles(settings.renew_on == "restart", more), origin.since).reason
