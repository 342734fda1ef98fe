"""The Python twins of two small types of the C part; ``speedups`` chooses. They belong to the server's loop."""

from __future__ import annotations

from itertools import count
from time import monotonic

from gateways.adapters.inhand import InHand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Lock
    from typing import Any, Callable


class Link:
    """What the server's loop has to know of a connection; ``server.connection.Connection`` is one.

    ``fd``        its descriptor, -1 when closed
    ``deadline``  the monotonic time at which it may be closed while it waits
    ``watched``   the poller reports it
    ``detached``  a thread that no longer leads serves it (server/crew.py)
    ``waiting``   used before, and now for a next request, nothing of which is here
    ``fresh``     nothing of a request is here: what comes next is the beginning of one
    ``ahead``     the C part has a request in hand that the protocol does not know of; ``keep`` says whether the
                  connection is kept after it
    ``errors``    ``wsgi.errors`` of its requests
    ``number``    that of its request in hand, or of the last one, in this process; 0 before the first
    ``record``    where its request in hand is shown to other processes (inhand.py); -1: nowhere
    """

    __slots__ = (
        "ahead",
        "deadline",
        "detached",
        "errors",
        "fd",
        "fresh",
        "keep",
        "number",
        "record",
        "waiting",
        "watched",
    )

    def __init__(self) -> None:
        self.fd = -1
        self.deadline = 0.0
        self.watched = False
        self.detached = False
        self.waiting = False
        self.fresh = True
        self.ahead = False
        self.keep = False
        self.errors: Any = None
        self.number = 0
        self.record = -1

    def on_readable(self) -> None:
        """Read once and serve what is complete. Called by the leading thread only."""
        self.read()

    def read(self) -> None:
        """What ``on_readable`` does when there is no C part, or when it is not asked."""
        raise NotImplementedError

    def admit(self) -> None:
        """Have the server take the connection in: without the C part it always has."""


class Board:
    """Who serves what: the leader writes, the monitor reads, and with an ``area`` other processes, too (inhand.py).

    ``busy``        the connection that the leader serves
    ``served``      how many requests have begun
    ``since``       the monotonic time at which the last one began
    ``resting``     the monitor sleeps until ``wake`` is called
    ``next_sweep``  the earliest deadline of all connections
    ``stopping``    the server has been told to stop

    ``lock`` is held while another thread is promoted.
    """

    def __init__(self, lock: Lock, wake: Callable[[], object], area: Any = None) -> None:
        self._lock = lock
        self._wake = wake
        self._in_hand = None if area is None else InHand(area)
        self._numbers = count(1)
        self.busy: Link | None = None
        self.served = 0
        self.since = 0.0
        self.resting = False
        self.stopping = False
        self.next_sweep = 0.0

    def begin(self, link: Link, environ: dict[str, Any] | None = None) -> None:
        """The application is about to run for this connection."""
        now = monotonic()
        link.number = next(self._numbers)
        if self._in_hand is not None:
            self._in_hand.begin(link, environ, now)
        if not link.detached:
            self.since = now
            self.served += 1
            self.busy = link
            if self.resting:
                self._wake()

    def end(self, link: Link, sent: int = 0) -> None:
        """The application has finished, ``sent`` bytes of body are out; the thread leads on, unless the monitor was
        faster.
        """
        if self._in_hand is not None:
            self._in_hand.end(link, sent)
        if not link.detached:
            with self._lock:
                if self.busy is link:
                    self.busy = None

    def take(self, link: Link, served: int) -> bool:
        """Take the connection from the leader, if it still is in the same request. The caller holds the lock."""
        if self.busy is not link or self.served != served:
            return False
        self.busy = None
        return True
