"""``WSGIServer`` for FastCGI, with threads."""

from __future__ import annotations

from typing import Any

from gateways.compat.fastcgi.records import FCGI_RESPONDER
from gateways.compat.flup.server.fcgi_base import BaseFCGIServer
from gateways.compat.flup.server.threadedserver import ThreadedServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseFCGIServer, ThreadedServer):
    """Serves a WSGI application over FastCGI, or by CGI where this is a CGI script.

    ``kw``: ``minSpare``, ``maxSpare`` and ``maxThreads``; the last says how many requests are served at a time.
    """

    loop = ThreadedServer

    def __init__(
        self,
        application: Any,
        environ: Any = None,
        multithreaded: bool = True,
        multiprocess: bool = False,
        bindAddress: Any = None,
        umask: int | None = None,
        multiplexed: bool = False,
        debug: Any = False,
        roles: Any = (FCGI_RESPONDER,),
        forceCGI: bool = False,
        **kw: Any,
    ) -> None:
        self._set_up(locals())

    def run(self) -> bool:  # type: ignore[override]  # flup's
        """Serve until SIGHUP, SIGINT, SIGTERM or the program ends it; return whether it was SIGHUP.

        Requests in hand are finished, those of classes of the program's own, too. Raises as ``Gateway._serve`` does.
        """
        reload = self._serve()
        self.shutdown()
        return reload
