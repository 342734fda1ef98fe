"""Pass bytes between the two sides of one connection, unchanged, and tell what passes.

A block is read only when the one before it has been taken by the other side, so that a slow reader slows the writer
down as it would without us, and memory is bounded by two blocks for each connection. The end of each direction, and a
reset, are passed on, too.
"""

from __future__ import annotations

import contextlib
import select
import socket
from struct import pack
from time import monotonic
from typing import Protocol

#: One read, and so the most that is held of a direction.
_BLOCK = 65536
#: How long a wait may be until it is looked whether all has to end, seconds.
_LOOK = 0.5
#: The same when all has to end, and it is only looked whether something is on its way.
_SOON = 0.05
#: How long who has connected and said nothing yet may take to say it when all has to end, seconds.
_FRESH = 1.0


class Watcher(Protocol):
    """Is told what passes."""

    @property
    def idle(self) -> bool:
        """True when the connection can be closed without a loss."""

    def passed(self, backend: bool, data: bytes) -> None:
        """The ``backend``, or the web server, has sent ``data``; ``b""`` when it sends no more."""

    def closed(self, backend: bool, reset: bool) -> None:
        """The ``backend``, or the web server, has closed the connection first, by a reset or not."""


class _Side:
    """One of the two sockets. ``waiting`` are bytes for it; ``over`` says that it sends no more."""

    def __init__(self, sock: socket.socket, backend: bool) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.backend = backend
        self.waiting = memoryview(b"")
        self.over = False
        self.shut = False  # no more is sent to it


class Relay:
    """One connection of a web server, and one to its backend."""

    def __init__(self, front: socket.socket, back: socket.socket, watcher: Watcher) -> None:
        self._front = _Side(front, backend=False)
        self._back = _Side(back, backend=True)
        self._watcher = watcher
        self._reset = False
        self._deadline: float | None = None
        self._fresh_until = 0.0  # for a connection on which nothing has come
        self._used = False

    def stop(self, patience: float) -> None:
        """End when the request in hand is over, or after ``patience`` seconds. Called by another thread."""
        self._fresh_until = monotonic() + min(_FRESH, patience)
        self._deadline = monotonic() + patience

    def run(self) -> bool:
        """Relay until both directions have ended; false when it was broken off by ``stop``. Closes both sockets."""
        try:
            while not self._done():
                stopping = self._deadline is not None
                moved = self._turn(_SOON if stopping else _LOOK)
                if self._deadline is None or not stopping:
                    continue
                if monotonic() > self._deadline or (self._is_idle() and not moved):
                    return self._is_idle()
            return True
        finally:
            for side in (self._front, self._back):
                if self._reset:
                    with contextlib.suppress(OSError):
                        side.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
                side.sock.close()

    def _done(self) -> bool:
        return self._reset or (self._front.shut and self._back.shut)

    def _is_idle(self) -> bool:
        fresh = not self._used and monotonic() < self._fresh_until
        return self._watcher.idle and not (fresh or self._front.waiting or self._back.waiting)

    def _turn(self, patience: float) -> bool:
        """Wait for one of the sockets, and do what can be done; false when nothing was to be done."""
        poll = select.poll()
        pairs = ((self._front, self._back), (self._back, self._front))
        for side, other in pairs:
            events = select.POLLOUT if side.waiting else 0
            if not side.over and not other.waiting:
                events |= select.POLLIN
            # Without events a socket still tells that its peer is gone: of a web server that is of interest, once all
            # that it has sent is passed on.
            if events or not side.over or (side is self._front and not other.waiting):
                poll.register(side.sock, events)
        ready = dict(poll.poll(patience * 1000))
        for side, other in pairs:
            found = ready.get(side.sock.fileno(), 0)
            if found & select.POLLOUT:
                self._send(side)
            if found & (select.POLLIN | select.POLLHUP | select.POLLERR) and not side.over and not other.waiting:
                self._receive(side, other)
            elif found & (select.POLLHUP | select.POLLERR) and side is self._front and side.over:
                self._gone(side, other)
        return bool(ready)

    def _receive(self, side: _Side, other: _Side) -> None:
        try:
            data = side.sock.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            self._watcher.closed(side.backend, reset=True)
            self._reset = True
            return
        if not data:
            side.over = True
            self._watcher.passed(side.backend, b"")
            self._shut(other)
            return
        self._used = True
        if not other.shut:
            other.waiting = memoryview(data)
            self._send(other)  # before it is decoded and shown: nobody waits for a terminal
        self._watcher.passed(side.backend, data)

    def _send(self, side: _Side) -> None:
        try:
            side.waiting = side.waiting[side.sock.send(side.waiting) :]
        except BlockingIOError:
            return
        except OSError:
            self._watcher.closed(side.backend, reset=False)
            side.waiting = memoryview(b"")
            side.shut = True  # a backend takes no more, but may have answered; without a web server all ends
            self._reset = not side.backend
            return
        if not side.waiting and (self._front if side.backend else self._back).over:
            self._shut(side)

    def _shut(self, side: _Side) -> None:
        """Tell a side that no more comes, once all that was to come is sent."""
        if side.waiting or side.shut:
            return
        side.shut = True
        with contextlib.suppress(OSError):
            side.sock.shutdown(socket.SHUT_WR)

    def _gone(self, side: _Side, other: _Side) -> None:
        """A side that had ended its direction has closed the other as well: nobody reads the answer any more."""
        if not side.shut:
            self._watcher.closed(side.backend, reset=False)
        side.shut = other.shut = True
