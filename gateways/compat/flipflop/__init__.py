"""flipflop's ``WSGIServer`` on this engine: ``install()``, and from then on ``import flipflop`` is this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.compat.aliases import AliasFinder
from gateways.compat.fastcgi.records import *  # noqa: F403 -- flipflop has all of these names
from gateways.compat.flup.server.fcgi import WSGIServer as _ThreadedServer
from gateways.errors import ConfigError

if TYPE_CHECKING:
    import socket

_FINDER = AliasFinder("flipflop", __name__, {})


def install() -> None:
    """Let ``flipflop`` be this module, in this process, also where flipflop is installed.

    To be called before anything imports flipflop; ``ConfigError`` says when it is too late. Twice is harmless.
    """
    _FINDER.install()


def uninstall() -> None:
    """Undo ``install``, for imports that come later."""
    _FINDER.uninstall()


class WSGIServer(_ThreadedServer):
    """Serves a WSGI application over FastCGI, on the socket on descriptor 0 that a web server passes."""

    def __init__(self, application: Any) -> None:
        super().__init__(application)

    def _setupSocket(self) -> socket.socket:
        from gateways.server.inherited import why_not_listening

        problem = why_not_listening(0)
        if problem:
            raise ConfigError(
                f"standard input {problem}: flipflop serves FastCGI on the listening socket that a web server or "
                "spawn-fcgi passes there; gateways.run serves whatever way a script is started"
            )
        return super()._setupSocket()
