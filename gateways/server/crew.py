"""Threads that take turns at leading, so that they do not compete.

N threads, but they do not compete. One of them, the leader, waits for readable descriptors and serves the requests it
finds inline. A monitor looks every millisecond: when the leader has been inside one request for longer than that, it
takes that connection out of the poller and makes another thread the leader. The old leader finishes its request and
becomes one of those that wait. Fast applications so run at the speed of one thread, and slow ones get up to N.

    leader  --- serve --- serve --- s e r v e   s l o w l y ----------------> idle
    monitor   .   .   .   .   .   .   .   . promotes
    idle thread                             `--> leader --- serve --- serve ---

With ``threads=1`` the calling thread serves everything and there is no monitor.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.adapters.speedups import Board, Link
from gateways.server.poller import AnyPoller, Poller
from gateways.server.service import Service
from gateways.server.slot import Phase

if TYPE_CHECKING:
    from threading import Lock

    from gateways.core.types import Environ
    from gateways.server.connection import Connection
    from gateways.server.slot import Slot
    from gateways.server.stream import Stream


#: How long a leader may be inside one request before another thread leads, seconds.
PROMOTE_AFTER = 0.001
#: Each look has the leader wait for the interpreter, about 50 µs of processor. One that serves more requests than this
#: between two looks is quick, and the next look may come later, after so many seconds.
_QUICK = 10
_QUICK_PAUSE = 3 * PROMOTE_AFTER
#: Looks at a resting process before the monitor goes to sleep itself. A request then wakes it, which costs as much as
#: a look or two.
_QUIET_LOOKS = 3
#: How long to wait after a fault in the loop itself, seconds: one that comes again at once must not spin.
_FAULT_PAUSE = 0.1
#: The exit status of a process that the application forked off and that came back from its code.
CAME_BACK = 70


class Crew(Service):
    """A service whose threads take turns. What the leader does is ``_lead``; ``_finish`` lets all of them go.

    A gate is a lock that its thread waits on; ``_leader`` is the gate of the leading thread. ``_lock`` guards who
    leads, and which connections are in the poller's hands.
    """

    def __init__(self, *args: Any, slot: Slot | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slot = slot
        if slot is not None:
            slot.threads = self.threads
            if self.access_log is not None:
                self.access_log.worker = slot.worker
        self._poller = self._make_poller()
        self._lock = threading.Lock()
        self._leader: Lock | None = None
        self._idle: list[Lock] = []
        self._threads: list[threading.Thread] = []
        self._monitor_gate = closed_gate()
        self._board = Board(self._lock, self._wake_monitor, None if slot is None else slot.area)
        self._done = threading.Event()
        self._ready: deque[Stream] = deque()  # requests for which there was no thread yet
        #: The monotonic time at which it was told to stop.
        self.stopped_at = 0.0
        #: True in a process that the application has forked off.
        self.forked = False

    def _lead(self, gate: Lock) -> None:
        """Wait and serve until another thread leads (``_leader`` is not ``gate`` any more) or all is done."""
        raise NotImplementedError

    def _wake(self) -> None:
        """Let the leader look at what has changed. Safe in any thread."""
        raise NotImplementedError

    def _make_poller(self) -> AnyPoller:
        return Poller()

    def _work(self) -> None:
        """Serve until ``_finish``. With one thread it is this one; with more this one is the monitor."""
        self._begin_work()
        if self.threads == 1:
            self._serve_as(threading.Lock())
        else:
            with self._lock:
                self._start_thread()
            self._monitor()

    def _begin_work(self) -> None:
        """Say that it serves, again and again."""
        if self._slot is not None:
            self._slot.phase = Phase.SERVING
            beat = self._slot.beat_until
            threading.Thread(target=beat, args=(self._done,), name="gateways-pulse", daemon=True).start()

    def _start_enforcing(self) -> None:
        """Have ``_enforce_stop`` run in a thread of its own."""
        threading.Thread(target=self._enforce_stop, name="gateways-stop", daemon=True).start()

    def _enforce_stop(self) -> None:
        raise NotImplementedError

    def _begin_to_stop(self) -> None:
        """Say so to all who ask."""
        self.stopped_at = monotonic()
        self.stopping = self._board.stopping = True
        if self._slot is not None:
            self._slot.phase = Phase.STOPPING

    def _finish(self) -> None:
        """Everything has ended: let all threads go."""
        with self._lock:
            self._done.set()
            while self._idle:
                self._idle.pop().release()
        open_gate(self._monitor_gate)

    def begin(self, connection: Link, environ: Environ | None = None) -> None:
        """Mark the leader busy, for the monitor, and show the request to other processes."""
        self._board.begin(connection, environ)

    def end(self, connection: Link, sent: int = 0) -> None:
        """The leader is free again, unless the monitor was faster."""
        self._board.end(connection, sent)

    # Requests that came in one with others (multiplex.py)

    def start_soon(self, stream: Stream) -> None:
        """Have a request served by whoever leads next. Safe in any thread."""
        self._ready.append(stream)
        self._wake()

    def start_never(self, stream: Stream) -> bool:
        """Take a request back; false when a thread is about to serve it."""
        try:
            self._ready.remove(stream)
        except ValueError:
            return False
        return True

    def _start_ready(self) -> None:
        """Serve what is to start, while this thread leads."""
        while self._ready:
            stream = self._ready.popleft()
            if self._ready:
                self._wake()  # this one may take its time, and another leader is to look here
            try:
                stream.run()
            except Exception as error:
                self.fault(stream, error)
            if stream.detached:
                return

    def unwatch(self, connection: Connection) -> None:
        """Have the poller report a connection no more, for as long as another thread reads from it."""
        with self._lock:
            if connection.watched:
                connection.watched = False
                self._poller.unregister(connection.fd)

    def fault(self, connection: Connection | Stream, error: Exception) -> None:
        """A fault of ours, which costs this connection only."""
        self.error_log.exception(f"{connection.peer}: connection closed after an error in the server", error)
        self.end(connection)
        connection.close()

    def _wake_monitor(self) -> None:
        open_gate(self._monitor_gate)

    def _start_thread(self) -> None:
        """Start a thread that leads from its first moment on. The caller holds the lock."""
        gate = threading.Lock()
        self._leader = gate
        name = f"gateways-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._serve_as, args=(gate,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve_as(self, gate: Lock) -> None:
        """What a serving thread does: lead, rest, lead again."""
        gate.acquire()
        self._leader = gate
        while not self._done.is_set():
            try:
                self._lead(gate)
            except Exception as error:
                if self.forked:
                    os._exit(CAME_BACK)
                self.error_log.exception("the server loop failed, and goes on", error)
                time.sleep(_FAULT_PAUSE)
            if self.forked:
                os._exit(CAME_BACK)
            with self._lock:
                if self._leader is None or self._leader is gate:
                    self._leader = gate
                    continue
                if self._done.is_set():
                    return
                self._idle.append(gate)
            gate.acquire()

    def _monitor(self) -> None:
        """Promote another thread whenever the leader stays in one request. Runs in the thread that called ``run``."""
        quiet = 0
        last = -1
        while not self._done.is_set():
            served = self._board.served  # before ``since``: of a request that begins in between nothing is believed
            since = self._board.since
            busy = self._board.busy
            if busy is None:
                quiet += 1
                if quiet > _QUIET_LOOKS:
                    self._rest()
                    quiet = 0
            else:
                quiet = 0
                if monotonic() - since >= PROMOTE_AFTER:
                    self._promote(busy, served)
            quick = served - last > _QUICK
            last = served
            time.sleep(_QUICK_PAUSE if quick else PROMOTE_AFTER)

    def _rest(self) -> None:
        """Sleep until the leader has something to do."""
        self._board.resting = True
        # Looked at after the flag is up: the leader either sees the flag, or was seen here.
        if self._board.busy is None and not self._done.is_set():
            self._monitor_gate.acquire()
        self._board.resting = False

    def _promote(self, busy: Any, served: int) -> None:
        """Give the leadership to another thread, if there is one and the leader is still in the same request."""
        with self._lock:
            if not self._board.take(busy, served):
                return
            self.keep_track(busy)
            if busy.watched:
                busy.watched = False
                self._poller.unregister(busy.fd)
            if self._idle:
                self._leader = self._idle.pop()
                self._leader.release()
            elif len(self._threads) < self.threads:
                self._start_thread()
            else:
                self._leader = None  # all are busy: the first that finishes leads
            # At last: a leader that finds this set takes no lock, and has to find the rest done.
            busy.detached = True


def closed_gate() -> Lock:
    """Return a gate that holds up the first one that comes."""
    gate = threading.Lock()
    gate.acquire()
    return gate


def open_gate(gate: Lock) -> None:
    """Let the one that waits at ``gate`` go on, or the next one that comes."""
    try:
        gate.release()
    except RuntimeError:
        pass  # open already
