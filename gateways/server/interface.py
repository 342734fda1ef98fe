"""Makes what was loaded a WSGI application, by the setting ``interface``, in the process that serves it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from gateways.errors import BootError
from gateways.loader import LazyApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.asgi import Bridge
    from gateways.core.types import Application
    from gateways.server.errorlog import ErrorLog
    from gateways.settings import Settings


class Interface:
    """``adapt`` comes when no fork is to come any more, ``end`` when the last request has been served."""

    def __init__(self, settings: Settings, error_log: ErrorLog) -> None:
        self._interface = settings.interface
        self._patience = settings.graceful_timeout
        self._error_log = error_log
        self._bridge: Bridge | None = None

    def adapt(self, application: Application, answer: bool = False) -> Application:
        """Return a WSGI application. An ASGI one is started up (lifespan).

        One that could not be loaded is started when it can be. When the start fails ``BootError`` is raised, or with
        ``answer`` told to each request, and tried again as loading is.
        """
        if self._interface == "wsgi":
            return application
        if isinstance(application, LazyApplication):
            application.adapt = self._start
            return application
        try:
            return self._start(application)
        except BootError as error:
            if not answer:
                raise
            self._error_log.error(f"{error}; requests are answered with 500 until it starts")
            return _Unstarted(application, self._start)

    def _start(self, application: Application) -> Application:
        from gateways.asgi import Bridge  # asyncio is for those only who need it

        bridge = Bridge(application, self._error_log.error, self._error_log.exception)
        bridge.start()
        self._bridge = bridge
        return bridge

    def end(self, since: float) -> None:
        """Have the application shut down, in what is left of ``graceful_timeout`` since the time ``since``."""
        if self._bridge is not None:
            self._bridge.stop(max(0.0, since + self._patience - monotonic()))


class _Unstarted(LazyApplication):
    """An application that was loaded, but did not start."""

    def __init__(self, loaded: Application, start: Callable[[Application], Application]) -> None:
        super().__init__("")
        self._loaded, self._start = loaded, start

    def _obtain(self) -> Application:
        return self._start(self._loaded)
