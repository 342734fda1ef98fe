"""``WSGIServer`` for FastCGI, with processes."""

from __future__ import annotations

from typing import Any

from gateways.compat.fastcgi.records import FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS, FCGI_RESPONDER
from gateways.compat.flup.server.fcgi_base import BaseFCGIServer
from gateways.compat.flup.server.preforkserver import PreforkServer
from gateways.compat.gateway import address_in

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseFCGIServer, PreforkServer):
    """Serves a WSGI application over FastCGI, in processes of one thread.

    ``timeout`` is the time for a request, in seconds. ``kw``: ``minSpare``, ``maxSpare``, ``maxChildren``,
    ``maxRequests``, ``sockTimeout``.
    """

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
        BaseFCGIServer.__init__(
            self,
            application,
            environ=environ,
            multithreaded=False,
            multiprocess=True,
            bindAddress=bindAddress,
            umask=umask,
            multiplexed=multiplexed,
            debug=debug,
            roles=roles,
            forceCGI=forceCGI,
        )
        self._multiplexed = False
        for key in ("multithreaded", "multiprocess", "jobClass", "jobArgs"):
            kw.pop(key, None)
        PreforkServer.__init__(self, jobClass=self._connectionClass, jobArgs=(self, timeout), **kw)
        import resource

        limits = (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)
        known = [limit for limit in (resource.getrlimit(name)[0] for name in limits) if limit >= 0]
        most = min(known, default=100)
        self.capability = {FCGI_MAX_CONNS: most, FCGI_MAX_REQS: most, FCGI_MPXS_CONNS: 0}

    def _isClientAllowed(self, addr: Any) -> bool:
        return address_in(addr, self._web_server_addrs)

    def run(self) -> bool:  # type: ignore[override]  # flup's
        """Serve until SIGHUP, SIGINT, SIGTERM or the program ends it; return whether it was SIGHUP.

        A CGI script serves its request, and exits. Raises ``BindFailed``, an ``OSError``.
        """
        sock = self._setupSocket()
        try:
            return PreforkServer.run(self, sock)
        finally:
            self._cleanupSocket(sock)
