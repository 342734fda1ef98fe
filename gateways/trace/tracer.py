"""Accept connections, relay each to the backend in a thread of its own, and show what passes, one line at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING, Callable

from gateways.addresses import Address, connect
from gateways.errors import ConnectError
from gateways.trace.capture import Piece, Writer
from gateways.trace.conversation import Conversation
from gateways.trace.items import Item
from gateways.trace.relay import Relay

if TYPE_CHECKING:
    from gateways.trace.printing import Printer

#: Connections at once, each a thread and two descriptors; more wait in the backlog.
MOST_CONNECTIONS = 400
#: How long the backend may take to accept a connection, seconds; a web server waits as long.
_CONNECT_TIMEOUT = 60.0
#: How long a request in hand may go on after Ctrl-C, seconds.
PATIENCE = 10.0


class Output:
    """Where lines and captures go: one item at a time, from any thread. ``failed`` is set when nobody reads them."""

    def __init__(self, printer: Printer, write: Callable[[str], None], writer: Writer | None) -> None:
        self._printer = printer
        self._write = write
        self._writer = writer
        self._lock = threading.Lock()
        self.failed: OSError | None = None

    def items(self, connection: int, seconds: float, backend: bool | None, items: list[Item]) -> None:
        """Show items."""
        with self._lock:
            for item in items:
                text = "".join([f"{line}\n" for line in self._printer.lines(connection, seconds, backend, item)])
                self._guarded(lambda text=text: self._write(text))  # type: ignore[misc]

    def piece(self, piece: Piece) -> None:
        """Write a capture."""
        writer = self._writer
        if writer is not None:
            with self._lock:
                self._guarded(lambda: writer.write(piece))

    def _guarded(self, write: Callable[[], None]) -> None:
        if self.failed is None:
            try:
                write()
            except OSError as error:  # the reader is gone, or the disk full: requests go on
                self.failed = error


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
        self._started = monotonic()
        self._wake, self._woken = socket.socketpair()
        self.stopping = False

    def run(self) -> None:
        """Accept until ``stop`` is called."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        while not self.stopping and self._output.failed is None:
            full = len(self._relays) >= MOST_CONNECTIONS
            poll.register(self._listener, 0 if full else select.POLLIN)
            found = dict(poll.poll(500))
            if found.get(self._listener.fileno(), 0) & select.POLLIN:
                self._accept()

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
        broken = 0
        for thread in relays:
            thread.join(patience + _CONNECT_TIMEOUT)
            broken += thread.is_alive() or bool(getattr(thread, "broken", False))
        self._wake.close()
        self._woken.close()
        return broken

    def _accept(self) -> bool:
        try:
            front, _ = self._listener.accept()
        except OSError:
            return False
        self._count += 1
        thread = _Thread(self, front, self._count)
        with self._lock:
            self._relays[thread] = None
        thread.start()
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
                    return
                relay = Relay(front, back, watch)
                with self._lock:
                    self._relays[thread] = relay
                if self.stopping:
                    relay.stop(PATIENCE)
                thread.broken = not relay.run()
                if thread.broken:
                    watch.say(Item("broken off", ["a request was in hand when the trace ended"]))
        finally:
            with self._lock:
                del self._relays[thread]


class _Thread(threading.Thread):
    def __init__(self, tracer: Tracer, front: socket.socket, number: int) -> None:
        super().__init__(name=f"trace {number}", daemon=True)
        self._tracer = tracer
        self._front = front
        self._number = number
        self.broken = False

    def run(self) -> None:
        self._tracer.serve(self, self._front, self._number)
