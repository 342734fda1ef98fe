"""``WSGIServer`` for FastCGI, with processes."""

from __future__ import annotations

from typing import Any

from gateways.compat.fastcgi.records import FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS, FCGI_RESPONDER
from gateways.compat.flup.server.fcgi_base import BaseFCGIServer
from gateways.compat.flup.server.preforkserver import PreforkServer

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseFCGIServer, PreforkServer):
    """Serves a WSGI application over FastCGI, in processes of one thread.

    ``timeout`` is the time for a request, in seconds. ``kw``: ``minSpare``, ``maxSpare``, ``maxChildren``,
    ``maxRequests``, ``sockTimeout``.
    """

    loop = PreforkServer
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
        timeout: float | None = None,
        **kw: Any,
    ) -> None:
        self._set_up(locals())
        import resource

        limits = (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)
        known = [limit for limit in (resource.getrlimit(name)[0] for name in limits) if limit >= 0]
        self._limit_to(min(known, default=100))
