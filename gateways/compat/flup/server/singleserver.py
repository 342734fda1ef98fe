"""``SingleServer``: one connection after another, or, for the servers of this package, the engine with one thread."""

from __future__ import annotations

from typing import Any

from gateways.compat.accepting import AcceptingServer, setCloseOnExec

__all__ = ["SingleServer"]


class SingleServer(AcceptingServer):
    """Accepts connections and runs ``jobClass(sock, addr, *jobArgs)`` for each, here. ``kw`` is not looked at."""

    concurrency = {"multithreaded": False, "multiprocess": False}  # noqa: RUF012 -- never changed

    def __init__(self, jobClass: Any = None, jobArgs: Any = (), **kw: Any) -> None:
        super().__init__(jobClass, jobArgs)

    def _take(self, job: Any) -> bool:
        job.run()
        return True
