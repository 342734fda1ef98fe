"""``WSGIServer`` for FastCGI, one request at a time."""

from __future__ import annotations

from typing import Any

from gateways.compat.fastcgi.records import FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS, FCGI_RESPONDER
from gateways.compat.flup.server.fcgi_base import BaseFCGIServer
from gateways.compat.flup.server.singleserver import SingleServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseFCGIServer, SingleServer):
    """Serves a WSGI application over FastCGI, in one thread. ``kw`` is not looked at."""

    loop = SingleServer
    run = BaseFCGIServer._serve  # type: ignore[assignment]  # takes no socket, as flup's

    def __init__(
        self,
        application: Any,
        environ: Any = None,
        bindAddress: Any = None,
        umask: int | None = None,
        multiplexed: bool = False,
        debug: Any = False,
        roles: Any = (FCGI_RESPONDER,),
        forceCGI: bool = False,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
        self._limit_to(1)
