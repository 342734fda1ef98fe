"""``WSGIServer`` for AJP13, with threads."""

from __future__ import annotations

import logging
from typing import Any

from gateways.compat.ajp13.connections import Connection
from gateways.compat.flup.server.ajp_base import BaseAJPServer
from gateways.compat.flup.server.threadedserver import ThreadedServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseAJPServer, ThreadedServer):
    """Serves a WSGI application over AJP13.

    ``kw``: ``minSpare``, ``maxSpare`` and ``maxThreads``; the last says how many requests are served at a time.
    """

    loop = ThreadedServer
    run = BaseAJPServer._serve  # type: ignore[assignment]  # takes no socket, as flup's

    def __init__(
        self,
        application: Any,
        scriptName: Any = "",
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = ("localhost", 8009),
        allowedServers: Any = None,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
