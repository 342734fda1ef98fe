"""Accept connections and run a job for each: for programs that give flup's servers a ``jobClass`` of their own."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import time
from typing import TYPE_CHECKING, Any

from gateways.compat.gateway import Gateway
from gateways.compat.loops import ServerLoop

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_GONE = (errno.EINTR, errno.EAGAIN, errno.ECONNABORTED, errno.EPROTO)
#: Descriptors or memory are used up: who waits stays in the backlog until there are some again.
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: How long until it is looked again, seconds.
_PAUSE = 0.1


def setCloseOnExec(sock: socket.socket) -> None:
    """Keep a socket from the programs that this one starts."""
    fcntl.fcntl(sock.fileno(), fcntl.F_SETFD, fcntl.FD_CLOEXEC)


class Waker:
    """Ends a wait, from another thread or a signal handler: what serves, for ``ServerLoop._serve_with``."""

    def __init__(self) -> None:
        self._out, self._into = os.pipe()
        os.set_blocking(self._into, False)

    def fileno(self) -> int:
        """Return the descriptor that is readable when ``stop`` was called."""
        return self._out

    def stop(self) -> None:
        """End the wait."""
        try:
            os.write(self._into, b"w")
        except OSError:
            pass  # awake already, or over

    def close(self) -> None:
        """Give the descriptors back."""
        into, self._into = self._into, -1
        os.close(into)
        os.close(self._out)


def accepted(server: Any, sock: socket.socket, timeout: float) -> Iterator[tuple[socket.socket, Any]]:
    """Give connections of those who may connect, with their addresses, until ``server`` is to stop.

    ``timeout`` is how often, in seconds, the server's ``_mainloopPeriodic`` is called while nobody connects.
    """
    waker = Waker()
    sock.setblocking(False)  # another process may take the connection before us
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(waker.fileno(), select.POLLIN)
    try:
        server._serve_with(waker)
        while server._keepGoing:
            if any(fd == sock.fileno() for fd, _ in poll.poll(timeout * 1000)):
                found = accept(server, sock)
                if found is not None:
                    yield found
            server._mainloopPeriodic()
    finally:
        server._engine = None
        waker.close()


def accept(server: Any, sock: socket.socket) -> tuple[socket.socket, Any] | None:
    """Accept one who may connect, if there is one."""
    try:
        client, address = sock.accept()
    except OSError as error:
        if error.errno in _SHORT:
            time.sleep(_PAUSE)
        elif error.errno not in _GONE:
            raise
        return None
    client.setblocking(True)
    if server._isClientAllowed(address):
        return client, address
    client.close()
    return None


class AcceptingServer(ServerLoop):
    """Runs ``jobClass(sock, addr, *jobArgs)`` for each connection. The engine serves for this package's servers."""

    def __init__(self, jobClass: Any = None, jobArgs: Any = ()) -> None:
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
                for client, address in accepted(self, sock, timeout):
                    if not self._take(self._jobClass(client, address, *self._jobArgs)):
                        client.close()
        finally:
            reload = self._end()
        return reload

    def _take(self, job: Any) -> bool:
        """Have a job done, and say whether it will be."""
        raise NotImplementedError
