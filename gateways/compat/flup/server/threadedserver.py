"""``ThreadedServer``: a thread for each connection, or, for the servers of this package, the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.compat.accepting import run_jobs, setCloseOnExec
from gateways.compat.flup.server.threadpool import ThreadPool
from gateways.compat.gateway import Gateway
from gateways.compat.loops import ServerLoop

if TYPE_CHECKING:
    import socket

__all__ = ["ThreadedServer"]


class ThreadedServer(ServerLoop):
    """Accepts connections and runs ``jobClass(sock, addr, *jobArgs)`` for each in a ``ThreadPool(**kw)``."""

    def __init__(self, jobClass: Any = None, jobArgs: Any = (), **kw: Any) -> None:
        self._jobClass = jobClass
        self._jobArgs = jobArgs
        self._threadPool = ThreadPool(**kw)

    def run(self, sock: socket.socket, timeout: float = 1.0) -> bool:
        """Serve a listening socket until a signal or the program ends it; return whether that was SIGHUP.

        ``timeout`` is how often, in seconds, ``_mainloopPeriodic`` is called.
        """
        self._begin()
        try:
            setCloseOnExec(sock)
            if isinstance(self, Gateway) and self._is_for_engine():
                from gateways.compat.engine import serve

                serve(self, sock, timeout)
            else:
                run_jobs(self, sock, timeout, lambda job: self._threadPool.addJob(job, allowQueuing=False))
        finally:
            reload = self._end()
        return reload

    def shutdown(self) -> None:
        """Wait for the jobs in hand."""
        self._threadPool.shutdown()
