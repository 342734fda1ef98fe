"""An ASGI application for the one request of a CGI process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.asgi.bridge import Bridge, import_a2wsgi
from gateways.core.handler import why_not
from gateways.loader import LazyApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateways.core.types import Application, Environ

#: How long the process stays for what the application does after its response, seconds: the ``graceful_timeout`` of a
#: server.
PATIENCE = 30.0


class Once:
    """A WSGI application that is started by its request, so that a failure is answered. ``end`` follows.

    Raises ``ConfigError`` where a2wsgi is not installed.
    """

    def __init__(self, application: Any, log: Callable[[str], object]) -> None:
        import_a2wsgi()
        self._log = log
        self._bridge: Bridge | None = None
        if isinstance(application, str):
            lazy = LazyApplication(application, "asgi")
            lazy.adapt = self._start
            self._application: Application = lazy
        else:
            self._application = self._start_and_serve
            self._given = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Start the application, and serve the request."""
        return self._application(environ, start_response)

    def _start_and_serve(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        return self._start(self._given)(environ, start_response)

    def _start(self, application: Any) -> Application:
        from gateways.errors import BootError

        reason = why_not(application, "asgi")
        if reason:
            raise BootError(f"the application cannot be served: {reason}")
        bridge = Bridge(application, self._log, lambda text, error: self._log(text))
        bridge.start()
        self._bridge = bridge
        return bridge

    def end(self) -> None:
        """Have the application shut down."""
        if self._bridge is not None:
            self._bridge.stop(PATIENCE)
