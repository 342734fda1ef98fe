"""``PreforkServer``: processes that are there before connections come, or, for this package's servers, the manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.compat.accepting import setCloseOnExec
from gateways.compat.gateway import Gateway
from gateways.compat.loops import ServerLoop, overridden

if TYPE_CHECKING:
    import socket

__all__ = ["PreforkServer", "setCloseOnExec"]


class PreforkServer(ServerLoop):
    """Keeps ``minSpare`` to ``maxSpare`` idle processes, ``maxChildren`` at most.

    Each runs ``jobClass(sock, addr, *jobArgs)`` for one connection after another, ``maxRequests`` of them (0: any
    number), and is replaced. ``sockTimeout`` is checked, and has no effect: nothing here waits for it. SIGUSR1 replaces
    all processes.
    """

    concurrency = {"multithreaded": False, "multiprocess": True}  # noqa: RUF012 -- never changed

    def __init__(
        self,
        minSpare: int = 1,
        maxSpare: int = 5,
        maxChildren: int = 50,
        maxRequests: int = 0,
        sockTimeout: float = 0,
        jobClass: Any = None,
        jobArgs: Any = (),
    ) -> None:
        if minSpare < 1:
            raise ValueError(f"minSpare must be at least 1, not {minSpare}")
        if maxSpare < minSpare:
            raise ValueError(f"maxSpare, {maxSpare}, must not be less than minSpare, {minSpare}")
        if type(sockTimeout) not in (int, float) or sockTimeout < 0:
            raise ValueError(f"sockTimeout must be a number of seconds from 0 on, not {sockTimeout!r}")
        self._minSpare = minSpare
        self._maxSpare = maxSpare
        self._maxChildren = max(maxSpare, maxChildren)
        self._maxRequests = maxRequests
        self._sockTimeout = sockTimeout
        self._jobClass = jobClass
        self._jobArgs = jobArgs
        self._children: dict[int, Any] = {}
        self._children_to_purge: list[Any] = []

    def run(self, sock: socket.socket) -> bool:
        """Serve a listening socket until a signal or the program ends it; return whether that was SIGHUP."""
        setCloseOnExec(sock)
        if isinstance(self, Gateway) and self._is_for_engine():
            from gateways.compat.forking import manage

            self._hupReceived = False
            self._keepGoing = True
            try:
                manage(self, sock, not overridden(self, PreforkServer, "_installSignalHandlers"))
            finally:
                self._engine = None
            return self._hupReceived
        from gateways.compat.children import Children

        self._begin()
        try:
            Children(self, sock).run()
        finally:
            reload = self._end()
        return reload

    def _chldHandler(self, signum: int, frame: Any) -> None:
        """Do nothing: that a signal came is enough."""

    def _usr1Handler(self, signum: int, frame: Any) -> None:
        if self._is_here(signum):
            self._children_to_purge = list(self._children)

    def _signals(self) -> dict[int, Any]:
        import signal

        return {**super()._signals(), signal.SIGUSR1: self._usr1Handler}
