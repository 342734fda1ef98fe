"""``WSGIServer`` for AJP13, with processes."""

from __future__ import annotations

import logging
from typing import Any

from gateways.compat.ajp13.connections import Connection
from gateways.compat.flup.server.ajp_base import BaseAJPServer
from gateways.compat.flup.server.preforkserver import PreforkServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseAJPServer, PreforkServer):
    """Serves a WSGI application over AJP13, in processes of one thread.

    ``timeout`` is the time for a request, in seconds. ``kw``: ``minSpare``, ``maxSpare``, ``maxChildren``,
    ``maxRequests``, ``sockTimeout``.
    """

    loop = PreforkServer
    run = BaseAJPServer._serve  # type: ignore[assignment]  # takes no socket, as flup's

    def __init__(
        self,
        application: Any,
        scriptName: Any = "",
        environ: Any = None,
        bindAddress: Any = ("localhost", 8009),
        allowedServers: Any = None,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
        timeout: float | None = None,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
