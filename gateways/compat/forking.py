"""Serve a gateway of flup's names by workers that the process manager keeps, forked from this very process."""

from __future__ import annotations

import math
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gateways.compat.engine import Served, application_name, lend, read_settings
from gateways.compat.loops import ServerLoop, overridden
from gateways.manager.assembly import add_pool, open_board
from gateways.manager.facts import Facts
from gateways.manager.inbox import Inbox
from gateways.manager.master import GAVE_UP, Master
from gateways.manager.operations import Operations
from gateways.manager.takeover import Takeover
from gateways.server.errorlog import ErrorLog
from gateways.server.privileges import Privileges

if TYPE_CHECKING:
    import socket

    from gateways.server.listeners import Listener
    from gateways.settings import Settings

_NAME = "flup"
#: How much longer than its ``timeout`` a request may take that does not let itself be ended, seconds.
_PATIENCE = 5.0
#: The most workers; so many are more than a machine has use for.
_MOST_WORKERS = 1024


class ForkingMaster(Master):
    """A master whose signals mean what they mean to flup's forking servers."""

    def __init__(self, gateway: Any, obeys: bool, *given: Any) -> None:
        super().__init__(*given)
        self._gateway = gateway
        self._obeys = obeys
        self._period = 1.0 if overridden(gateway, ServerLoop, "_mainloopPeriodic") else math.inf
        self.helpers.append(self._tend)

    def make_inbox(self) -> Inbox:
        """Obey signals, where this is the main thread and the program has not said otherwise."""
        inbox = Inbox(self._obeys and threading.current_thread() is threading.main_thread())
        self._gateway._serve_with(_Stopper(inbox))
        return inbox

    def _tend(self, now: float) -> float:
        if self._period is not math.inf:
            self._gateway._mainloopPeriodic()
        return self._period

    def _obey(self, number: signal.Signals) -> None:
        gateway = self._gateway
        if number == signal.SIGHUP:
            gateway._hupReceived = True
            self._stop("SIGHUP")
        elif number == signal.SIGUSR1:
            self.error_log.notice("SIGUSR1: all workers are replaced")
            self.operations.reload(None, "SIGUSR1")
        elif number in (signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
            pass  # they mean nothing to flup
        else:
            gateway._going = False
            super()._obey(number)

    def _stop(self, why: str) -> None:
        self._gateway._going = False
        if not self.stopping:
            self.operations.stop(why)


class _Stopper:
    """Ends a master, from anywhere."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def stop(self) -> None:
        self._inbox.post(signal.SIGTERM)


def manage(gateway: Any, sock: socket.socket, obeys: bool) -> None:
    """Keep workers until the gateway is told to stop, and they have finished what they have in hand.

    ``obeys`` says whether signals are for it, where this is the main thread. Raises ``SystemExit(3)`` when no worker
    can be kept alive.
    """
    settings = read_settings(gateway, **worker_settings(gateway))
    with ExitStack() as stack:
        error_log = ErrorLog(settings.error_log, settings.log_level)
        stack.callback(error_log.close)
        listener = lend(gateway, sock, error_log)
        stack.callback(listener.close)
        code = _make_master(gateway, obeys, listener, settings, error_log, stack).run()
    if code == GAVE_UP:
        raise SystemExit(code)


def worker_settings(gateway: Any) -> dict[str, Any]:
    """Return the settings that flup's keywords are for the process manager."""
    most = min(gateway._maxChildren, _MOST_WORKERS)
    given: dict[str, Any] = {
        "threads": 1,
        "workers": most,
        "pm": "dynamic",
        "min_spare": min(gateway._minSpare, most),
        "max_spare": min(gateway._maxSpare, most),
        "start_workers": min(gateway._maxSpare, most),
        "max_requests": max(0, gateway._maxRequests),
    }
    if gateway._timeout:
        given["request_terminate_timeout"] = float(gateway._timeout) + _PATIENCE
    return given


def _make_master(
    gateway: Any, obeys: bool, listener: Listener, settings: Settings, error_log: ErrorLog, stack: ExitStack
) -> ForkingMaster:
    takeover = Takeover(None, error_log)
    board, dumps = open_board(takeover, settings.workers, settings.threads, stack)
    master = ForkingMaster(gateway, obeys, error_log, board, dumps)
    add_pool(
        *(master, takeover, stack, settings, gateway._spawned),
        name=_NAME,
        application=application_name(gateway.application),
        listeners=[listener],
        privileges=Privileges.of(settings, spawned=True),  # whoever runs the program chose its user
        loaded=Served(gateway),
    )
    master.operations = Operations(master, Facts(master).status)
    return master
