"""The loop of one process: wait, serve, stop.

What the threads of the process do with it is in crew.py, how connections come in in acceptor.py.
"""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING

from gateways.server import forks, signals
from gateways.server.acceptor import Acceptor
from gateways.server.arrival import arrive, take_in
from gateways.server.connection import Connection
from gateways.server.crew import Crew, closed_gate, open_gate
from gateways.server.fastpath import make_fast_paths
from gateways.server.multiplex import Multiplexing
from gateways.server.service import peer_of
from gateways.server.spawned import ParentWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Lock

    from gateways.core.types import Application
    from gateways.server.accesslog import AccessLog
    from gateways.server.errorlog import ErrorLog
    from gateways.server.listeners import Listener
    from gateways.server.renewal import Renewal
    from gateways.server.slot import Slot
    from gateways.settings import Settings

#: How often a spawned process looks whether its web server is still there, where nothing wakes it, seconds.
_PARENT_INTERVAL = 1.0


class Server(Crew):
    """Serve one application on listening sockets, in this process, until stopped.

    ``run`` blocks and returns the exit code: 0 when all requests in hand were finished, 1 when ``graceful_timeout``
    passed first. ``stop`` may be called from any thread and from a signal handler. ``spawned`` says that a web server
    started this process: it then ends with that server, and takes USR1 as a wish to end, as libfcgi's programs do.
    ``managed`` says that the process manager started it: others accept from the same listeners, and signals that a
    terminal sends to all processes are the manager's to obey. ``renewal`` says when it has served for long enough.
    ``slot`` is where other processes see what it is doing.
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[Listener],
        settings: Settings,
        error_log: ErrorLog,
        access_log: AccessLog | None = None,
        *,
        spawned: bool = False,
        managed: bool = False,
        renewal: Renewal | None = None,
        slot: Slot | None = None,
    ) -> None:
        super().__init__(application, settings, error_log, access_log, spawned=spawned, managed=managed, slot=slot)
        self.graceful_timeout = settings.graceful_timeout
        self._spawned, self._managed, self._renewal = spawned, managed, renewal
        self._last = not managed
        #: Why it stopped by itself; empty while it serves, and when it was told to stop.
        self.retired = ""
        self._acceptor = Acceptor(listeners, self._poller, error_log, self._admit)
        self._connections: dict[int, Connection] = {}
        if settings.interface == "wsgi" and settings.worker == "threads":
            make_fast_paths(self, listeners, self._board, settings)
        self.multiplexing = Multiplexing(settings) if settings.fcgi_multiplex else None
        self._parent = ParentWatch() if spawned else None
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        self._stop_gate = closed_gate()
        self._reopen = False
        self._owns_process = False
        self._exit_code = 0

    # Running and stopping

    def run(self) -> int:
        """Serve until stopped. Signal handlers are installed when this is the main thread, and restored."""
        self._owns_process = threading.current_thread() is threading.main_thread()
        before = self._install_signals() if self._owns_process else []
        self._start_enforcing()
        self._poller.register(self._wake_out)
        forks.watch(self)
        if self._parent is not None and self._parent.fileno() >= 0:
            self._poller.register(self._parent.fileno())
        self._acceptor.resume()
        try:
            self._work()
        finally:
            self._acceptor.close_all()
            signals.restore(before)
        if self._exit_code == 0:
            self._release()
        return self._exit_code

    def _install_signals(self) -> signals.Before:
        return signals.install(self, self._spawned, self._managed)

    def _release(self) -> None:
        """Give the loop's own descriptors back, when no thread can use them any more."""
        for thread in self._threads:
            thread.join()
        self._forget_parent()
        self._poller.close()
        wake_out, wake_in = self._wake_out, self._wake_in
        self._wake_out = self._wake_in = -1
        os.close(wake_out)
        os.close(wake_in)

    def stop(self, last: bool = False) -> None:
        """Stop accepting, finish what is in hand, and let ``run`` return. Safe in any thread, and twice.

        A managed server leaves what is in the backlog to the others, unless it is one of the ``last``. This only sets
        flags, opens gates and writes to a pipe: a signal handler may interrupt any lock's owner.
        """
        self._last = self._last or last
        if not self.stopping:
            self._begin_to_stop()
            open_gate(self._stop_gate)
        self._wake()

    def told_to_stop(self) -> None:
        """Obey a signal: ``stop``."""
        self.stop()

    def retire(self, reason: str) -> None:
        """Stop because this process has served for long enough; ``retired`` says why."""
        if not self.stopping:
            self.retired = reason
            self.stop()

    def _wake(self) -> None:
        """Let the leader look at what has changed."""
        try:
            os.write(self._wake_in, b"w")
        except OSError:
            pass  # full: it is awake already; or closed: it has ended

    def reopen(self) -> None:
        """Open the logs anew, soon. Safe in a signal handler."""
        self._reopen = True
        self._wake()

    def _enforce_stop(self) -> None:
        """End the process when ``graceful_timeout`` passes with requests in hand. A thread of its own."""
        self._stop_gate.acquire()
        if self._done.wait(self.graceful_timeout):
            return
        count = len(self._connections)
        self.error_log.error(f"stopped after {self.graceful_timeout:g} s with {count} connections in hand")
        if self._owns_process:
            self._break_off()
        self._exit_code = 1
        self._finish()

    def _break_off(self) -> None:
        os._exit(1)  # the threads are inside the application, where nothing can end them

    def leave_to_parent(self) -> None:
        """Close everything in a process that the application has forked off (forks.py)."""
        self.forked = True
        if self._owns_process:
            signals.leave_to_parent()
        if self._lock.locked():
            self._lock.release()  # the monitor held it, which is not here to give it back
        self._leader = None  # whoever leads comes back from its loop, to where ``forked`` is looked at
        descriptors = [connection.fd for connection in self._connections.values()]
        if self._board.busy is not None:
            descriptors.append(self._board.busy.fd)
        forks.close({*descriptors, *self._acceptor.listeners, self._wake_out, self._wake_in})
        self._poller.close()

    # What connections ask for (Service)

    def keep_track(self, connection: Connection) -> None:
        """Count a connection in that the C part has accepted: the server must not end before its request."""
        if connection.fd >= 0:  # no request of a connection that carries several, which is in
            self._connections[connection.fd] = connection

    def watch(self, connection: Connection) -> None:
        """Let the poller report the connection's next bytes."""
        self._board.next_sweep = min(self._board.next_sweep, connection.deadline)
        if not connection.watched:
            # The last word of this thread: from here on the connection is the leader's. Under the lock, because the
            # leader may look at all that is watched (``_waiting``) before the poller knows this one.
            with self._lock:
                connection.watched = True
                connection.detached = False
                self._poller.register(connection.fd)
            if self.stopping:
                self._wake()  # the leader looks at waiting connections when it is woken

    def forget(self, connection: Connection) -> None:
        """Take a connection that will be closed out of all lists."""
        if connection.watched:
            connection.watched = False
            self._poller.unregister(connection.fd)
        self._connections.pop(connection.fd, None)
        if self.stopping:
            self._wake()

    # Leading

    def _lead(self, gate: Lock) -> None:
        """Wait and serve until another thread leads or the server has stopped."""
        connections = self._connections
        listeners = self._acceptor.listeners
        while not self._done.is_set():
            for fd in self._poller.poll(self._timeout()):
                connection = connections.get(fd)
                if connection is not None:
                    try:
                        connection.on_readable()
                    except Exception as error:
                        self.fault(connection, error)
                elif fd in listeners:
                    self._acceptor.accept(listeners[fd])
                else:
                    self._drain_wake()
                if self._leader is not gate:
                    return  # what is left of this batch is reported to the new leader again
            if self._ready:
                self._start_ready()
                if self._leader is not gate:
                    return  # another thread leads since, and does the rest
            self._housekeeping()
            if self.stopping:
                self._close_down(gate)
            if self._leader is not gate:
                return

    def _take_turn(self, connection: Connection, turn: Callable[[], None]) -> None:
        """Let a connection do what it is to do now."""
        try:
            turn()
        except Exception as error:
            self.fault(connection, error)

    def _timeout(self) -> float | None:
        """How long the poller may wait, seconds: until the next deadline; None for ever."""
        now = monotonic()
        waits = []
        if self._parent is not None and self._parent.fileno() < 0:
            waits.append(_PARENT_INTERVAL)
        if self._connections:
            waits.append(self._board.next_sweep - now)
        if self._acceptor.resume_at:
            waits.append(self._acceptor.resume_at - now)
        if self._renewal is not None and self._renewal.looks(self._board.served):
            waits.append(self._renewal.next_look - now)
        return max(0.0, min(waits)) if waits else None

    def _drain_wake(self) -> None:
        try:
            os.read(self._wake_out, 512)
        except BlockingIOError:
            pass

    def _housekeeping(self) -> None:
        """Everything that is not a readable socket: deadlines, accepting again, logs, the parent."""
        now = monotonic()
        if now >= self._board.next_sweep and self._connections:
            self._sweep(now)
        if self._acceptor.resume_at and now >= self._acceptor.resume_at:
            self._acceptor.resume()
        if self._renewal is not None and self._renewal.is_due(self._board.served, now):
            reason = self._renewal.reason(self._board.served, now, list(self._connections.values()))
            if reason:
                self.retire(reason)
        if self._reopen:
            self._reopen = False
            self.error_log.reopen()
            if self.access_log is not None:
                self.access_log.reopen()
        if self._parent is not None and self._parent.gone():
            self._forget_parent()
            if not self.stopping:
                self.error_log.notice("the web server that started this process is gone; stopping")
                self.stop()

    def _forget_parent(self) -> None:
        """Watch the web server no longer: once it has ended, its descriptor would wake the loop for ever."""
        if self._parent is not None:
            if self._parent.fileno() >= 0:
                self._poller.unregister(self._parent.fileno())
            self._parent.close()
            self._parent = None

    def _waiting(self) -> list[Connection]:
        """Return the connections that wait for their peer; all others are in the hands of some thread."""
        with self._lock:
            return [connection for connection in list(self._connections.values()) if connection.watched]

    def _sweep(self, now: float) -> None:
        """Close connections whose deadline has passed, and note the next deadline."""
        # Another thread may set one of these meanwhile, and does not wake this one for it.
        next_sweep = now + max(1.0, min(self.header_timeout, self.keepalive_timeout, self.body_timeout))
        for connection in self._waiting():
            if connection.deadline <= now:
                self._take_turn(connection, connection.on_deadline)
            elif connection.deadline < next_sweep:
                next_sweep = connection.deadline
        self._board.next_sweep = next_sweep

    def _admit(self, listener: Listener, sock: socket.socket, address: object) -> None:
        """Take a new connection in, and serve what it brings along."""
        connection = take_in(self, listener, sock, address)
        connection.fd = sock.fileno()
        connection.deadline = monotonic() + self.header_timeout
        self._connections[connection.fd] = connection
        if arrive(connection, listener, self, address):
            self._take_turn(connection, connection.on_readable)

    # What the C part asks for

    def admit(self, listener: Listener, connection: Connection) -> None:
        """Take in a connection that the C part has accepted, and cannot serve alone."""
        sock = socket.socket(listener.sock.family, listener.sock.type, 0, connection.fd)
        connection.open(self, self.new_protocol(listener.protocol), sock, peer_of(sock))
        self._connections[connection.fd] = connection

    def _close_down(self, gate: Lock) -> None:
        """Serve the backlog, close the listeners and the connections that wait; the end when nothing is left."""
        self._acceptor.suspend()
        for listener in list(self._acceptor.listeners.values()):
            # The last that closes a listener resets what is in its backlog; an inherited one has others that accept.
            if self._last and not listener.inherited:
                listener.refuse()
                while self._acceptor.accept(listener):
                    if self._leader is not gate:
                        return
            self._acceptor.close(listener)
        self._acceptor.suspend()  # a shortage just now would have accepting resumed
        for connection in self._waiting():
            self._take_turn(connection, connection.on_stop)
            if self._leader is not gate:
                return
        if not self._connections:
            self._finish()
