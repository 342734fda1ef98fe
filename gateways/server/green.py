"""``worker = "gevent"``: one greenlet for each request in hand, so that a thousand of them can wait in one process.

The loop is the same, and so is everything that a connection does. Only its waits are gevent's: those in wire.py
because ``select.poll`` is replaced like everything else that waits (``patch``), that of the loop because its poller is
looked at by gevent's. What is readable is handed to a greenlet, and comes back when it waits for its peer again. The C
part is left out: it serves inline, in the loop, which an application that waits would hold up.

Two things stay real threads, and use nothing that was replaced: the one that enforces ``graceful_timeout``, and the
line to the master (manager/tether.py). An application that never waits holds up all else.
"""

from __future__ import annotations

import importlib
import os
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakSet

from gateways.errors import ConfigError
from gateways.server.crew import CAME_BACK
from gateways.server.worker import Server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from threading import Lock

    from gateways.server.connection import Connection
    from gateways.server.listeners import Listener
    from gateways.settings import Settings

_AnyServer = TypeVar("_AnyServer", bound=Server)

#: How many events one wait returns, as in poller.py.
_BATCH = 64
#: How exactly ``graceful_timeout`` is kept, seconds.
_ENFORCING = 0.05
_READ = 1  # gevent's own number for it

_servers: WeakSet[GreenServer] = WeakSet()


def patch() -> bool:
    """Have everything that waits in Python wait by gevent: the first thing, before the application is loaded.

    False when that was so already. Raises ``ConfigError`` where gevent is not installed or cannot be used.
    """
    monkey = _import("gevent.monkey")
    if monkey.is_module_patched("socket"):
        return False
    try:
        monkey.get_original("select", "epoll")
    except AttributeError:
        raise ConfigError("worker gevent: it needs epoll, which this system does not have; use threads") from None
    monkey.patch_all()
    return True


def refuse_what_cannot_be(settings: Settings) -> None:
    """Raise ``ConfigError`` for what greenlets cannot serve; config/checks.py says so for files and flags."""
    if settings.interface == "asgi":
        raise ConfigError("worker gevent cannot serve interface asgi, which waits by asyncio; use worker threads")
    if settings.fcgi_multiplex:
        raise ConfigError("worker gevent cannot serve fcgi_multiplex, which is made of threads; use worker threads")


def after_fork() -> None:
    """Make gevent's loop that of this process, which a nursery has forked."""
    _import("gevent").reinit()


def with_greenlets(kind: type[_AnyServer]) -> type[_AnyServer]:
    """Return the kind of server that is ``kind``, with greenlets."""
    return cast("type[_AnyServer]", type(f"Green{kind.__name__}", (GreenServer, kind), {}))


def turns() -> Iterator[Any]:
    """Give the greenlets of this process that serve a request."""
    for server in list(_servers):
        yield from list(server.turns)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "gevent":
            raise ConfigError(f"worker gevent: gevent cannot be imported: {error}") from None
        raise ConfigError("worker gevent needs gevent: pip install 'gateways[gevent]'") from None


class GreenPoller:
    """epoll, which gevent's loop looks at: it becomes readable when there is something to report."""

    def __init__(self) -> None:
        self._gevent = _import("gevent")
        self._hub = self._gevent.get_hub()
        select = importlib.import_module("select")
        get = _import("gevent.monkey").get_original
        self._epoll = get("select", "epoll")()
        self._in, self._exclusive = select.EPOLLIN, select.EPOLLEXCLUSIVE

    def register(self, fd: int, shared: bool = False) -> None:
        """Watch ``fd``; see ``EpollPoller``."""
        self._epoll.register(fd, self._in | (self._exclusive if shared else 0))

    def unregister(self, fd: int) -> None:
        """Stop watching ``fd``."""
        self._epoll.unregister(fd)

    def poll(self, timeout: float | None) -> list[int]:
        """Return the readable descriptors; wait for at most ``timeout`` seconds, for ever when it is None."""
        found = self._epoll.poll(0, _BATCH)
        if not found:
            self.wait(self._epoll.fileno(), timeout)
            found = self._epoll.poll(0, _BATCH)
        return [fd for fd, _ in found]

    def wait(self, fd: int, timeout: float | None) -> None:
        """Wait until ``fd`` is readable, or for ``timeout`` seconds."""
        watcher = self._hub.loop.io(fd, _READ)
        try:
            with self._gevent.Timeout(timeout, False):
                self._hub.wait(watcher)
        finally:
            watcher.stop()
            watcher.close()
        self._stay_away()

    def let_others(self) -> None:
        """Let all greenlets go on that can."""
        self._gevent.sleep(0)
        self._stay_away()

    def _stay_away(self) -> None:
        """Let a process that the application has forked off have this loop's greenlet no more."""
        while self._epoll.closed:
            self._hub.switch()

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()


class GreenServer(Server):
    """A server whose requests are greenlets; ``threads`` is how many there can be at once."""

    _poller: GreenPoller  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        get = _import("gevent.monkey").get_original
        self._gevent = _import("gevent")
        self._socket_type = get("socket", "socket")  # one that leaves the waiting to us
        self._sleep = get("time", "sleep")
        self._start_thread_natively = get("_thread", "start_new_thread")
        self._stop_gate = get("_thread", "allocate_lock")()
        self._stop_gate.acquire()
        #: The greenlets that have a connection in hand.
        self.turns: set[Any] = set()
        self._full = False
        self._abandoned = False
        self._forker: Any = None
        _servers.add(self)

    def _make_poller(self) -> Any:
        return GreenPoller()

    def _work(self) -> None:
        self._begin_work()
        self._serve_as(threading.Lock())

    # The end, when greenlets do not let go: by a thread that none of them can hold up

    def _start_enforcing(self) -> None:
        self._start_thread_natively(self._enforce_stop, ())

    def _enforce_stop(self) -> None:
        self._stop_gate.acquire()
        deadline = monotonic() + self.graceful_timeout
        while monotonic() < deadline:
            if self._done.is_set():
                return
            self._sleep(_ENFORCING)
        if self._done.is_set():
            return
        count = len(self._connections)
        self.error_log.error(f"stopped after {self.graceful_timeout:g} s with {count} connections in hand")
        if self._owns_process:
            self._break_off()
        self._abandoned = True
        self._wake()

    # Leading

    def _lead(self, gate: Lock) -> None:
        connections, listeners = self._connections, self._acceptor.listeners
        while not self._done.is_set():
            for fd in self._poll():
                connection = connections.get(fd)
                if connection is not None:
                    self._take_turn(connection, connection.on_readable)
                elif fd in listeners:
                    self._acceptor.accept(listeners[fd])
                else:
                    self._drain_wake()
                if len(self.turns) >= self.threads:
                    break  # what is left is reported again
            self._housekeeping()
            if self.stopping:
                self._close_down(gate)
            if self._abandoned:
                self._exit_code = 1
                self._finish()
            self._poller.let_others()

    def _poll(self) -> list[int]:
        """Wait for what is readable; while all greenlets are busy, for the end of one: the rest waits outside."""
        self._full = len(self.turns) >= self.threads
        if self._full:
            self._poller.wait(self._wake_out, self._timeout())
            found = [self._wake_out]
        else:
            found = self._poller.poll(self._timeout())
        return found

    def _take_turn(self, connection: Connection, turn: Callable[[], None]) -> None:
        """Let a connection do what it is to do now, in a greenlet where that may have to wait."""
        if turn == connection.on_deadline or not connection.has_data():
            super()._take_turn(connection, turn)
            return
        if connection.watched:
            connection.watched = False
            self._poller.unregister(connection.fd)
        self.turns.add(self._gevent.spawn(self._run_turn, connection, turn))

    def _run_turn(self, connection: Connection, turn: Callable[[], None]) -> None:
        """What a greenlet does: one request, or as many as came at once."""
        try:
            super()._take_turn(connection, turn)
        finally:
            if self.forked and self._gevent.getcurrent() is self._forker:
                os._exit(CAME_BACK)
            self.turns.discard(self._gevent.getcurrent())
            if self._full:
                self._wake()

    def _admit(self, listener: Listener, sock: socket.socket, address: object) -> None:
        if type(sock) is not self._socket_type:
            sock = self._socket_type(sock.family, sock.type, sock.proto, sock.detach())
        super()._admit(listener, sock, address)

    # In a process that the application has forked off

    def leave_to_parent(self) -> None:
        """Close everything, and end all requests but the one that forked: gevent would go on with them here as well."""
        super().leave_to_parent()
        self._gevent.reinit()
        self._forker = self._gevent.getcurrent()
        self.error_log, self.access_log = cast("Any", _Nowhere()), None
        self._gevent.killall([turn for turn in self.turns if turn is not self._forker], block=False)


class _Nowhere:
    """An error log for requests that another process serves."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None
