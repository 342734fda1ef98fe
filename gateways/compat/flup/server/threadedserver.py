"""``ThreadedServer``: a thread for each connection, or, for the servers of this package, the engine."""

from __future__ import annotations

from typing import Any

from gateways.compat.accepting import AcceptingServer, setCloseOnExec
from gateways.compat.flup.server.threadpool import ThreadPool

__all__ = ["ThreadedServer"]


class ThreadedServer(AcceptingServer):
    """Accepts connections and runs ``jobClass(sock, addr, *jobArgs)`` for each in a ``ThreadPool(**kw)``."""

    def __init__(self, jobClass: Any = None, jobArgs: Any = (), **kw: Any) -> None:
        super().__init__(jobClass, jobArgs)
        self._threadPool = ThreadPool(**kw)

    def _take(self, job: Any) -> bool:
        return self._threadPool.addJob(job, allowQueuing=False)

    def shutdown(self) -> None:
        """Wait for the jobs in hand."""
        self._threadPool.shutdown()
