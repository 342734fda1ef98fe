"""A socket to a backend and the protocol spoken on it: sends a request body and receives the response at once.

Both at once, in one thread: a backend may answer before it has read the body, or never read it, and a client that first
sends all of 10 MiB would then wait for a backend that waits for it.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING

from gateways.adapters.cgiresponse import End, Stderr, Stdout
from gateways.client.body import BLOCK, Body
from gateways.errors import BackendTimeout, ProtocolError, TruncatedResponse

if TYPE_CHECKING:
    from gateways.adapters.interface import ClientConnection

_READ_SIZE = 65536


class Link:
    """One connection to a backend. ``peer`` is what error messages call it."""

    def __init__(self, sock: socket.socket, connection: ClientConnection, peer: str) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._blocks: Iterator[bytes] | None = None
        self._piece_size = BLOCK
        self._outgoing = memoryview(b"")
        self._limit: float | None = None
        self._end = 0.0
        self.connection = connection
        self.peer = peer

    @property
    def reusable(self) -> bool:
        """True when another request can be sent: the last is over, nothing is left of it, and nobody has closed."""
        return self.connection.reusable and not self._outgoing and not self._poll.poll(0)

    def limit(self, seconds: float | None) -> None:
        """From now on so many seconds may pass, whatever comes; None is no limit. Then ``BackendTimeout`` is raised."""
        self._limit = seconds
        self._end = monotonic() + (seconds or 0.0)

    def begin(self, variables: Iterable[tuple[bytes, bytes]], body: Body, keep: bool) -> None:
        """Start a request, and send what the socket takes at once. Raises ``ValueError`` for unusable variables.

        A body whose length is known is there and sent in large pieces. Of any other each block leaves as it comes, and
        the response waits while the caller makes the next.
        """
        head = self.connection.start(variables, keep)
        self._blocks = body.blocks()
        self._piece_size = 1 if body.length is None else BLOCK
        self._outgoing = memoryview(head if body.length is None else head + self._next_pieces())
        self._send()

    def next_event(self, timeout: float) -> Stdout | Stderr | End:
        """Return the next event of the response.

        Raises ``BackendTimeout`` when for ``timeout`` seconds nothing could be sent or received, ``ProtocolError`` and
        ``TruncatedResponse`` for a response that is none, and what the blocks of the body raise.
        """
        try:
            while True:
                event = self.connection.next_event()
                if isinstance(event, (Stdout, Stderr, End)):
                    return event
                if not self._outgoing:
                    self._outgoing = memoryview(self.connection.more() or self._next_pieces())
                self._wait(timeout)
        except ProtocolError as error:
            raise self.named(error) from None

    def named(self, error: ProtocolError) -> ProtocolError:
        """Return the same error with the backend's address in front."""
        return type(error)(f"{self.peer}: {error}", error.status)

    def close(self) -> None:
        """Close the socket: for the backend, an abort of the request in hand."""
        self._blocks = None
        self._sock.close()

    def _wait(self, timeout: float) -> None:
        """Wait until the socket moves, and move it."""
        wanted = select.POLLIN | (select.POLLOUT if self._outgoing else 0)
        self._poll.modify(self._sock, wanted)
        left = timeout if self._limit is None else min(timeout, self._end - monotonic())
        ready = self._poll.poll(left * 1000) if left > 0 else []
        if not ready and left < timeout:
            raise BackendTimeout(f"{self.peer}: the response has not come to its end in {self._limit:g} s")
        if not ready:
            raise BackendTimeout(
                f"{self.peer}: the backend {'took' if self._outgoing else 'sent'} nothing for {timeout:g} s"
            )
        if ready[0][1] & select.POLLOUT:
            self._send()
        if ready[0][1] & ~select.POLLOUT:
            self._receive()

    def _send(self) -> None:
        try:
            sent = self._sock.send(self._outgoing)
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            # The backend reads no further. It may have answered nevertheless, so go on receiving.
            self._blocks = None
            self._outgoing = memoryview(b"")
            return
        self._outgoing = self._outgoing[sent:] or memoryview(self._next_pieces())

    def _next_pieces(self) -> bytes:
        """Take blocks of the body up to the size of a piece and frame them; after the last, frame the end."""
        pieces: list[bytes] = []
        size = 0
        while self._blocks is not None and size < self._piece_size and self.connection.hungry:
            block = next(self._blocks, None)
            if block is None:
                self._blocks = None
                pieces.append(self.connection.end_body())
            elif block:
                pieces.append(self.connection.send_body(block))
                size += len(block)
        return b"".join(pieces)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except ConnectionResetError:
            raise TruncatedResponse(
                "the backend reset the connection before the end of its response", "502 Bad Gateway"
            ) from None
        self.connection.receive_data(data)
