"""The loop of one process: wait, serve, stop.

N threads, but they do not compete. One of them, the leader, waits for readable descriptors and serves the requests it
finds inline. A monitor looks every millisecond: when the leader has been inside one request since the last look, it
takes that connection out of the poller and makes another thread the leader. The old leader finishes its request and
becomes one of those that wait. Fast applications so run at the speed of one thread, and slow ones get up to N.

    leader  --- serve --- serve --- s e r v e   s l o w l y ----------------> idle
    monitor   .   .   .   .   .   .   .   . promotes
    idle thread                             `--> leader --- serve --- serve ---

With ``threads=1`` the calling thread serves everything and there is no monitor.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.server.connection import Connection
from gateways.server.poller import Poller
from gateways.server.service import Service, peer_name
from gateways.server.spawned import ParentWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Lock

    from gateways.core.types import Application
    from gateways.server.accesslog import AccessLog
    from gateways.server.errorlog import ErrorLog
    from gateways.server.listeners import Listener
    from gateways.settings import Settings

#: How long a leader may be inside one request before another thread leads, seconds.
PROMOTE_AFTER = 0.001
#: Looks at a resting process before the monitor goes to sleep itself.
_QUIET_LOOKS = 100
#: How long to stop accepting when descriptors or memory have run out: retrying at once would spin (CPU, log).
ACCEPT_PAUSE = 0.1
_ACCEPT_CAPACITY = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
#: How often a spawned process looks whether its web server is still there, where nothing wakes it, seconds.
_PARENT_INTERVAL = 1.0


class Server(Service):
    """Serve one application on listening sockets, in this process, until stopped.

    ``run`` blocks and returns the exit code: 0 when all requests in hand were finished, 1 when ``graceful_timeout``
    passed first. ``stop`` may be called from any thread and from a signal handler. ``spawned`` says that a web server
    started this process: it then ends with that server, and takes USR1 as a wish to end, as libfcgi's programs do.
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[Listener],
        settings: Settings,
        error_log: ErrorLog,
        access_log: AccessLog | None = None,
        spawned: bool = False,
    ) -> None:
        super().__init__(application, settings, error_log, access_log, spawned)
        self.graceful_timeout = settings.graceful_timeout
        self._spawned = spawned
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._accepting = False  # the poller watches the listeners
        self._resume_at = 0.0  # when to accept again after a shortage; 0 when there is none
        self._complained_at = -60.0
        self._connections: dict[int, Connection] = {}
        self._next_sweep = 0.0
        self._parent = ParentWatch() if spawned else None
        self._poller = Poller()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        # Leadership. A gate is a lock that its thread waits on; _leader is the gate of the leading thread.
        self._lock = threading.Lock()
        self._leader: Lock | None = None
        self._idle: list[Lock] = []
        self._threads: list[threading.Thread] = []
        self._busy: Connection | None = None  # what the leader serves
        self._served = 0
        self._monitor_rests = False
        self._monitor_gate = _closed_gate()
        # Stopping.
        self._stop_gate = _closed_gate()
        self._reopen = False
        self._owns_process = False
        self._done = threading.Event()
        self._exit_code = 0

    # Running and stopping

    def run(self) -> int:
        """Serve until stopped. Signal handlers are installed when this is the main thread, and restored."""
        self._owns_process = threading.current_thread() is threading.main_thread()
        restore = self._install_signals() if self._owns_process else []
        threading.Thread(target=self._enforce_stop, name="gateways-stop", daemon=True).start()
        self._poller.register(self._wake_out)
        if self._parent is not None and self._parent.fileno() >= 0:
            self._poller.register(self._parent.fileno())
        self._accept_again()
        try:
            if self.threads == 1:
                self._serve_as(threading.Lock())
            else:
                with self._lock:
                    self._start_thread()
                self._monitor()
        finally:
            for listener in self._listeners.values():
                listener.close()
            for number, handler in restore:
                signal.signal(number, handler)
        if self._exit_code == 0:
            self._release()
        return self._exit_code

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

    def stop(self) -> None:
        """Stop accepting, finish what is in hand, and let ``run`` return. Safe in any thread, and twice.

        It only sets flags, opens gates and writes to a pipe: a signal handler may interrupt any lock's owner.
        """
        if not self.stopping:
            self.stopping = True
            _open(self._stop_gate)
        self._wake()

    def _wake(self) -> None:
        """Let the leader look at what has changed."""
        try:
            os.write(self._wake_in, b"w")
        except OSError:
            pass  # full: it is awake already; or closed: it has ended

    def _install_signals(self) -> list[tuple[int, Any]]:
        handlers = {"SIGTERM": self._on_stop_signal, "SIGINT": self._on_stop_signal, "SIGHUP": self._on_stop_signal}
        handlers["SIGUSR1"] = self._on_stop_signal if self._spawned else self._on_reopen_signal
        numbers = [(getattr(signal, name), handler) for name, handler in handlers.items() if hasattr(signal, name)]
        return [(number, signal.signal(number, handler)) for number, handler in numbers]

    def _on_stop_signal(self, number: int, frame: object) -> None:
        # Apache sends TERM twice, 1.3 s apart, to a process that is finishing a request: only a person's second
        # Ctrl-C is a demand to drop it.
        if self.stopping and number == signal.SIGINT:
            os._exit(1)
        self.stop()

    def _on_reopen_signal(self, number: int, frame: object) -> None:
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
            os._exit(1)  # the threads are inside the application, where nothing can end them
        self._exit_code = 1
        self._finish()

    def _finish(self) -> None:
        """Everything has ended: let all threads go."""
        with self._lock:
            self._done.set()
            while self._idle:
                self._idle.pop().release()
        _open(self._monitor_gate)

    # Threads

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
                self.error_log.exception("the server loop failed, and goes on", error)
                time.sleep(ACCEPT_PAUSE)
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
            busy = self._busy
            served = self._served
            if busy is None:
                quiet += 1
                if quiet > _QUIET_LOOKS:
                    self._rest()
                    quiet = 0
            else:
                quiet = 0
                if served == last:
                    self._promote(busy, served)
            last = served
            time.sleep(PROMOTE_AFTER)

    def _rest(self) -> None:
        """Sleep until the leader has something to do."""
        self._monitor_rests = True
        # Looked at after the flag is up: the leader either sees the flag, or was seen here.
        if self._busy is None and not self._done.is_set():
            self._monitor_gate.acquire()
        self._monitor_rests = False

    def _promote(self, busy: Connection, served: int) -> None:
        """Give the leadership to another thread, if there is one and the leader is still in the same request."""
        with self._lock:
            if self._busy is not busy or self._served != served:
                return
            self._busy = None
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

    # What connections ask for (Service)

    def begin(self, connection: Connection) -> None:
        """Mark the leader busy, for the monitor."""
        if not connection.detached:
            self._served += 1
            self._busy = connection
            if self._monitor_rests:
                _open(self._monitor_gate)

    def end(self, connection: Connection) -> None:
        """The leader is free again, unless the monitor was faster."""
        if not connection.detached:
            with self._lock:
                if self._busy is connection:
                    self._busy = None

    def watch(self, connection: Connection) -> None:
        """Let the poller report the connection's next bytes."""
        self._next_sweep = min(self._next_sweep, connection.deadline)
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
        while not self._done.is_set():
            for fd in self._poller.poll(self._timeout()):
                connection = self._connections.get(fd)
                if connection is not None:
                    self._take_turn(connection, connection.on_readable)
                elif fd in self._listeners:
                    self._accept(self._listeners[fd])
                else:
                    self._drain_wake()
                if self._leader is not gate:
                    return  # what is left of this batch is reported to the new leader again
            self._housekeeping()
            if self.stopping:
                self._close_down(gate)
            if self._leader is not gate:
                return

    def _take_turn(self, connection: Connection, turn: Callable[[], None]) -> None:
        """Let a connection do what it is to do now. A fault of ours costs this connection only."""
        try:
            turn()
        except Exception as error:
            self.error_log.exception(f"{connection.peer}: connection closed after an error in the server", error)
            self.end(connection)
            connection.close()

    def _timeout(self) -> float | None:
        """How long the poller may wait, seconds: until the next deadline; None for ever."""
        now = monotonic()
        waits = []
        if self._parent is not None and self._parent.fileno() < 0:
            waits.append(_PARENT_INTERVAL)
        if self._connections:
            waits.append(self._next_sweep - now)
        if self._resume_at:
            waits.append(self._resume_at - now)
        return max(0.0, min(waits)) if waits else None

    def _drain_wake(self) -> None:
        try:
            os.read(self._wake_out, 512)
        except BlockingIOError:
            pass

    def _housekeeping(self) -> None:
        """Everything that is not a readable socket: deadlines, accepting again, logs, the parent."""
        now = monotonic()
        if now >= self._next_sweep and self._connections:
            self._sweep(now)
        if self._resume_at and now >= self._resume_at:
            self._accept_again()
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
        next_sweep = now + max(1.0, min(self.header_timeout, self.keepalive_timeout))
        for connection in self._waiting():
            if connection.deadline <= now:
                self._take_turn(connection, connection.on_deadline)
            elif connection.deadline < next_sweep:
                next_sweep = connection.deadline
        self._next_sweep = next_sweep

    # Accepting

    def _accept(self, listener: Listener) -> bool:
        """Accept one connection and serve what it brings along; false when there was none."""
        try:
            sock, address = listener.sock.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _ACCEPT_CAPACITY:
                self._pause_accepting(error)
            else:  # the peer is gone already, or the network has an error to tell: accept(2)
                self.error_log.info(f"accept on {listener.address}: {error.strerror}")
            return False
        peer = peer_name(address)
        if listener.peers is not None and not listener.peers.allows(address):
            self.error_log.warning(f"{peer}: not an allowed client of {listener.address}, closed")
            sock.close()
            return True
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # the peer has reset it already
            sock.close()
            return True
        connection = Connection(self, self.new_protocol(listener.protocol), sock, peer)
        self._connections[connection.fd] = connection
        self._take_turn(connection, connection.on_readable)
        return True

    def _pause_accepting(self, error: OSError) -> None:
        """Out of descriptors or memory: leave the rest in the backlog for a moment, and say so once a second."""
        self._stop_accepting()
        now = monotonic()
        self._resume_at = now + ACCEPT_PAUSE
        if now - self._complained_at >= 1.0:
            self._complained_at = now
            self.error_log.error(f"cannot accept connections: {error.strerror} (raise the limit, ulimit -n)")

    def _accept_again(self) -> None:
        self._resume_at = 0.0
        if not self._accepting:
            self._accepting = True
            for fd in self._listeners:
                self._poller.register(fd, shared=True)

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for fd in self._listeners:
                self._poller.unregister(fd)

    def _close_down(self, gate: Lock) -> None:
        """Serve the backlog, close the listeners and the connections that wait; the end when nothing is left."""
        self._stop_accepting()
        self._resume_at = 0.0
        for fd, listener in list(self._listeners.items()):
            # Closing our own listener resets what is in its backlog; an inherited one has others that accept.
            while not listener.inherited and self._accept(listener):
                if self._leader is not gate:
                    return
            del self._listeners[fd]
            listener.close()
        for connection in self._waiting():
            self._take_turn(connection, connection.on_stop)
            if self._leader is not gate:
                return
        if not self._connections:
            self._finish()


def _closed_gate() -> Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate


def _open(gate: Lock) -> None:
    """Let the one that waits at ``gate`` go on, or the next one that comes."""
    try:
        gate.release()
    except RuntimeError:
        pass  # open already
