"""Accept connections from the listeners, and survive what accept(2) can fail with."""

from __future__ import annotations

import errno
import socket
from time import monotonic
from typing import TYPE_CHECKING

from gateways.server.service import peer_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateways.server.errorlog import ErrorLog
    from gateways.server.listeners import Listener
    from gateways.server.poller import AnyPoller

#: How long to stop accepting when descriptors or memory have run out: retrying at once would spin (CPU, log).
ACCEPT_PAUSE = 0.1
_CAPACITY = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """The listeners of a server, in and out of its poller.

    ``admit(listener, sock, address)`` gets each new connection, with what accept(2) says of its peer: the socket
    does not know that any more once the peer has reset the connection. ``resume_at`` is the monotonic time at which to
    call ``resume`` after a shortage, 0 when there is none.
    """

    def __init__(
        self,
        listeners: Iterable[Listener],
        poller: AnyPoller,
        error_log: ErrorLog,
        admit: Callable[[Listener, socket.socket, object], None],
    ) -> None:
        self.listeners = {listener.fileno(): listener for listener in listeners}
        self.resume_at = 0.0
        self._poller = poller
        self._error_log = error_log
        self._admit = admit
        self._watching = False
        self._complained_at = -60.0

    def accept(self, listener: Listener) -> bool:
        """Accept one connection, or several by the C part, and hand them on; false when there was none."""
        try:
            if listener.fast_path is not None and listener.peers is None:
                return bool(listener.fast_path.accept())
            sock, address = listener.sock.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _CAPACITY:
                self._pause(error)
            elif not listener.refusing:  # the peer is gone already, or the network has an error to tell: accept(2)
                self._error_log.info(f"accept on {listener.address}: {error.strerror}")
            return False
        if listener.peers is not None and not listener.peers.allows(address):
            self._error_log.warning(f"{peer_name(address)}: not an allowed client of {listener.address}, closed")
            sock.close()
            return True
        try:
            if isinstance(address, tuple):  # TCP; asking the socket for its family takes longer
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            elif sock.family != socket.AF_UNIX:
                raise ConnectionAbortedError("nobody knows who this is, and it would be taken for a Unix peer")
        except OSError:  # the peer has reset it already
            sock.close()
            return True
        self._admit(listener, sock, address)
        return True

    def resume(self) -> None:
        """Let the poller report new connections."""
        self.resume_at = 0.0
        if not self._watching:
            self._watching = True
            for fd in self.listeners:
                self._poller.register(fd, shared=True)

    def suspend(self) -> None:
        """Leave new connections in the backlog."""
        self.resume_at = 0.0
        if self._watching:
            self._watching = False
            for fd in self.listeners:
                self._poller.unregister(fd)

    def close(self, listener: Listener) -> None:
        """Close a listener, after ``suspend``."""
        del self.listeners[listener.fileno()]
        listener.close()

    def close_all(self) -> None:
        """Close whatever is still open."""
        for listener in self.listeners.values():
            listener.close()

    def _pause(self, error: OSError) -> None:
        """Out of descriptors or memory: leave the rest in the backlog for a moment, and say so once a second."""
        self.suspend()
        now = monotonic()
        self.resume_at = now + ACCEPT_PAUSE
        if now - self._complained_at >= 1.0:
            self._complained_at = now
            self._error_log.error(f"cannot accept connections: {error.strerror} (raise the limit, ulimit -n)")
