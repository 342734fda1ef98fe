"""``WSGIServer`` for SCGI, with processes."""

from __future__ import annotations

import logging
from typing import Any

from gateways.compat.flup.server import NoDefault
from gateways.compat.flup.server.preforkserver import PreforkServer
from gateways.compat.flup.server.scgi_base import BaseSCGIServer, Connection

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseSCGIServer, PreforkServer):
    """Serves a WSGI application over SCGI, in processes of one thread.

    ``timeout`` is the time for a request, in seconds. ``kw``: ``minSpare``, ``maxSpare``, ``maxChildren``,
    ``maxRequests``, ``sockTimeout``.
    """

    loop = PreforkServer
    run = BaseSCGIServer._serve  # type: ignore[assignment]  # takes no socket, as flup's

    def __init__(
        self,
        application: Any,
        scriptName: Any = NoDefault,
        environ: Any = None,
        bindAddress: Any = ("localhost", 4000),
        umask: int | None = None,
        allowedServers: Any = None,
        loggingLevel: int = logging.INFO,
        debug: Any = False,
        timeout: float | None = None,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
