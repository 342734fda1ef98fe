"""``WSGIServer`` for SCGI, with threads."""

from __future__ import annotations

import logging
from typing import Any

from gateways.compat.flup.server import NoDefault
from gateways.compat.flup.server.scgi_base import BaseSCGIServer, Connection
from gateways.compat.flup.server.threadedserver import ThreadedServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseSCGIServer, ThreadedServer):
    """Serves a WSGI application over SCGI.

    ``kw``: ``minSpare``, ``maxSpare`` and ``maxThreads``; the last says how many requests are served at a time.
    """

    loop = ThreadedServer
    run = BaseSCGIServer._serve  # type: ignore[assignment]  # takes no socket, as flup's

    def __init__(
        self,
        application: Any,
        scriptName: Any = NoDefault,
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = ("localhost", 4000),
        umask: int | None = None,
        allowedServers: Any = None,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
