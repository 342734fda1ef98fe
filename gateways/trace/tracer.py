"""Accept connections, relay each to the backend in a thread of its own, and show what passes, one line at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from time import monotonic

from gateways.addresses import Address, connect
from gateways.errors import ConnectError
from gateways.trace.capture import Piece
from gateways.trace.conversation import Conversation
from gateways.trace.items import Item
from gateways.trace.output import Output
from gateways.trace.relay import Relay

#: Connections at once, each a thread and two descriptors; more wait in the backlog.
MOST_CONNECTIONS = 400
#: How long the backend may take to accept a connection, seconds; a web server waits as long.
_CONNECT_TIMEOUT = 60.0
#: How long until it is looked again whether a connection can be accepted, or lines be shown, seconds.
_LOOK = 0.5
#: How long a request in hand may go on after Ctrl-C, seconds.
PATIENCE = 10.0
#: How long it may take besides until the threads have noticed; one that still waits for the backend is not waited for.
_GRACE = 2.0


class Watch:
    """What happens on one connection, told to an ``Output``; times are relative to the beginning of the request."""

    def __init__(self, number: int, protocol: str, output: Output, started: float) -> None:
        self._number = number
        self._protocol = protocol
        self._output = output
        self._trace_began = started
        self._request_began = monotonic()
        self._conversation = Conversation(protocol)

    @property
    def idle(self) -> bool:
        """True between requests."""
        return self._conversation.idle

    def passed(self, backend: bool, data: bytes) -> None:
        """Show what one side has sent, and note it."""
        now = monotonic()
        self._output.piece(Piece("", data, self._number, backend, now - self._trace_began, self._protocol))
        if data and not backend and self._conversation.idle:
            self._request_began = now
        items = self._conversation.feed(backend, data) if data else self._conversation.ended(backend)
        if not data:
            items.append(Item("end of sending"))
        self._output.items(self._number, now - self._request_began, backend, items)

    def closed(self, backend: bool, reset: bool) -> None:
        """Show who has closed first."""
        items = self._conversation.ended(backend)
        self.say(Item("reset" if reset else "closed"), items, backend)

    def say(self, item: Item, before: list[Item] | None = None, backend: bool | None = None) -> None:
        """Show something that no side has sent."""
        self._output.items(self._number, monotonic() - self._request_began, backend, [*(before or []), item])


class Tracer:
    """Relays between a listening socket and a backend until it is stopped."""

    def __init__(self, listener: socket.socket, protocol: str, backend: Address, output: Output) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._protocol = protocol
        self._backend = backend
        self._output = output
        self._relays: dict[threading.Thread, Relay | None] = {}
        self._lock = threading.Lock()
        self._count = 0
        self._broken = 0
        self._started = monotonic()
        self._wake, self._woken = socket.socketpair()
        self.stopping = False

    def run(self) -> None:
        """Accept until ``stop`` is called."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        short = False  # of descriptors or threads: who waits stays in the backlog until there are some again
        while not self.stopping and self._output.failed is None:
            full = short or len(self._relays) >= MOST_CONNECTIONS
            poll.register(self._listener, 0 if full else select.POLLIN)
            found = dict(poll.poll(_LOOK * 1000))
            short = bool(found.get(self._listener.fileno(), 0) & select.POLLIN) and not self._accept()

    def stop(self) -> None:
        """Have ``run`` return. Can be called by a signal handler."""
        self.stopping = True
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def finish(self, patience: float = PATIENCE) -> int:
        """Serve who is in the backlog, finish the requests in hand, and return how many were broken off."""
        self.stopping = True
        while self._accept():
            pass
        self._listener.close()
        with self._lock:
            relays = dict(self._relays)
        for relay in relays.values():
            if relay is not None:
                relay.stop(patience)
        deadline = monotonic() + patience + _GRACE
        for thread in relays:
            thread.join(max(0.0, deadline - monotonic()))
        self._wake.close()
        self._woken.close()
        with self._lock:
            return self._broken + sum(thread.is_alive() for thread in relays)

    def _accept(self) -> bool:
        try:
            front, _ = self._listener.accept()
        except OSError:
            return False
        self._count += 1
        thread = _Thread(self, front, self._count)
        with self._lock:
            self._relays[thread] = None
        try:
            thread.start()
        except RuntimeError as error:
            with front, self._lock:
                del self._relays[thread]
                self._broken += 1
            self._output.items(self._count, 0.0, None, [Item("broken off", [str(error)])])
            return False
        return True

    def serve(self, thread: _Thread, front: socket.socket, number: int) -> None:
        """Relay one connection, in its thread."""
        watch = Watch(number, self._protocol, self._output, self._started)
        try:
            with front:
                try:
                    back = connect(self._backend, _CONNECT_TIMEOUT)
                except ConnectError as error:
                    watch.say(Item("no backend", [str(error)]))
                    self._count_broken(self.stopping)
                    return
                relay = Relay(front, back, watch)
                with self._lock:
                    self._relays[thread] = relay
                if self.stopping:
                    relay.stop(PATIENCE)
                if not relay.run():
                    self._count_broken(True)
                    watch.say(Item("broken off", ["a request was in hand when the trace ended"]))
        finally:
            with self._lock:
                del self._relays[thread]

    def _count_broken(self, broken: bool) -> None:
        with self._lock:
            self._broken += broken


class _Thread(threading.Thread):
    def __init__(self, tracer: Tracer, front: socket.socket, number: int) -> None:
        super().__init__(name=f"trace {number}", daemon=True)
        self._tracer = tracer
        self._front = front
        self._number = number

    def run(self) -> None:
        self._tracer.serve(self, self._front, self._number)
