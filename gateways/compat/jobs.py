"""Accept connections and run a job for each: for programs that give flup's servers a ``jobClass`` of their own."""

from __future__ import annotations

import errno
import fcntl
from typing import TYPE_CHECKING, Any

from gateways.compat.waiting import wait

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

GONE = (errno.EINTR, errno.EAGAIN, errno.ECONNABORTED, errno.EPROTO)


def setCloseOnExec(sock: socket.socket) -> None:
    """Keep a socket from the programs that this one starts."""
    fcntl.fcntl(sock.fileno(), fcntl.F_SETFD, fcntl.FD_CLOEXEC)


def accepted(server: Any, sock: socket.socket, timeout: float) -> Iterator[tuple[socket.socket, Any]]:
    """Give connections of those who may connect, with their addresses, until ``server`` is to stop.

    ``timeout`` is how often, in seconds, the server's ``_mainloopPeriodic`` is called while nobody connects.
    """
    while server._keepGoing:
        if wait(sock, timeout=timeout):
            try:
                client, address = sock.accept()
            except OSError as error:
                if error.errno in GONE:
                    continue
                raise
            client.setblocking(True)
            if server._isClientAllowed(address):
                yield client, address
            else:
                client.close()
        server._mainloopPeriodic()


def run_jobs(server: Any, sock: socket.socket, timeout: float, take: Callable[[Any], bool]) -> None:
    """Give ``take`` a job for each connection; where it does not take one, the connection is closed."""
    for client, address in accepted(server, sock, timeout):
        job = server._jobClass(client, address, *server._jobArgs)
        if not take(job):
            client.close()
