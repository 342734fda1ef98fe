"""``SingleServer``: one connection after another, or, for the servers of this package, the engine with one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.compat.accepting import run_jobs, setCloseOnExec
from gateways.compat.gateway import Gateway
from gateways.compat.loops import ServerLoop

if TYPE_CHECKING:
    import socket

__all__ = ["SingleServer"]


class SingleServer(ServerLoop):
    """Accepts connections and runs ``jobClass(sock, addr, *jobArgs)`` for each, here. ``kw`` is not looked at."""

    concurrency = {"multithreaded": False, "multiprocess": False}  # noqa: RUF012 -- never changed

    def __init__(self, jobClass: Any = None, jobArgs: Any = (), **kw: Any) -> None:
        self._jobClass = jobClass
        self._jobArgs = jobArgs

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
                run_jobs(self, sock, timeout, self._do)
        finally:
            reload = self._end()
        return reload

    def _do(self, job: Any) -> bool:
        job.run()
        return True
