"""``WSGIServer`` for FastCGI, one request at a time."""

from __future__ import annotations

from typing import Any

from gateways.compat.fastcgi.records import FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS, FCGI_RESPONDER
from gateways.compat.flup.server.fcgi_base import BaseFCGIServer
from gateways.compat.flup.server.singleserver import SingleServer
from gateways.compat.gateway import address_in

__all__ = ["WSGIServer"]

__author__ = "the gateways authors"
__version__ = "$Revision$"


class WSGIServer(BaseFCGIServer, SingleServer):
    """Serves a WSGI application over FastCGI, in one thread. ``kw`` is not looked at."""

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
        BaseFCGIServer.__init__(
            self,
            application,
            environ=environ,
            multithreaded=False,
            multiprocess=False,
            bindAddress=bindAddress,
            umask=umask,
            multiplexed=multiplexed,
            debug=debug,
            roles=roles,
            forceCGI=forceCGI,
        )
        self._multiplexed = False
        for key in ("jobClass", "jobArgs"):
            kw.pop(key, None)
        SingleServer.__init__(self, jobClass=self._connectionClass, jobArgs=(self, None), **kw)
        self.capability = {FCGI_MAX_CONNS: 1, FCGI_MAX_REQS: 1, FCGI_MPXS_CONNS: 0}

    def _isClientAllowed(self, addr: Any) -> bool:
        return address_in(addr, self._web_server_addrs)

    def run(self) -> bool:  # type: ignore[override]  # flup's
        """Serve until SIGHUP, SIGINT, SIGTERM or the program ends it; return whether it was SIGHUP.

        A CGI script serves its request, and exits. Raises ``BindFailed``, an ``OSError``.
        """
        sock = self._setupSocket()
        try:
            return SingleServer.run(self, sock)
        finally:
            self._cleanupSocket(sock)
