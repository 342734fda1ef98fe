"""What a transport has to offer: the interface that the servers' connections and the client are written against.

For the type checker and the reader only; nothing imports it at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from gateways.adapters.cgiresponse import End, Stderr, Stdout
from gateways.adapters.events import Event
from gateways.core.types import Headers


class ServerConnection(Protocol):
    """The application's side of one connection, without I/O: bytes in, events and bytes out."""

    #: As messages call it: ``"FastCGI"``.
    name: str
    #: What the protocol itself has to say (refusals, management, requests for more body); to be sent, then cleared.
    outgoing: list[bytes]

    @property
    def owed(self) -> bytes:
        """What waits for the end of the last request's input, and is to be sent before our side ends at the latest."""

    @property
    def ends_by_close(self) -> bool:
        """Whether closing the connection is what ends the response."""

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer."""

    def next_event(self) -> Event:
        """Return the request, pieces of its body, ``b""`` at its end, ``ABORTED``; None when more bytes are needed.

        Asking for the body is what the application does that reads it: the place to send ``100 Continue`` or to ask
        the peer for more. Raises ``ProtocolError``; with a status it can be answered.
        """

    def resume(self, keep: bool, rest: bytes | None) -> None:
        """Go on behind headers that the C part parsed: ``rest`` followed them, None ends the body."""

    def set_body_length(self, length: int, server: str = "") -> None:
        """Correct the length of the body, after the ``Request``. ``server`` is its SERVER_SOFTWARE."""

    @property
    def idle(self) -> bool:
        """True between requests, with nothing received of the next: the time to close a kept connection."""

    @property
    def draining(self) -> bool:
        """True between requests, with something of the last one's body still to come, which nobody wants."""

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""

    @property
    def input_complete(self) -> bool:
        """True when nothing more of the last request's body can come."""

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Frame the response's head and first block; with ``end`` also the end of the request."""

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Frame a block of the response; with ``end`` also the end of the request."""

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""

    def gather_body(self, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_body`` for a large block."""

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""

    def encode_errors(self, text: bytes) -> bytes:
        """Frame text for the web server's error log; nothing where the transport has no such stream."""

    def encode_abort(self) -> bytes:
        """Frame the sign that the response breaks off; the connection is closed after it."""

    def complete(self, app_status: int = 0) -> bytes:
        """End the request in hand."""


class ClientConnection(Protocol):
    """The web server's side of one connection, without I/O: a request out as bytes, the answer in as events."""

    #: As messages call it.
    name: str
    #: Whether a request has to say how long its body is before it is sent.
    needs_length: bool
    #: True once the application has sent a byte.
    answered: bool

    @property
    def hungry(self) -> bool:
        """True when a block of the body can be sent: always, unless the application asks for each (AJP13)."""

    @property
    def reusable(self) -> bool:
        """True when another request can be sent on the connection."""

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the head of a request; ``keep`` asks to leave the connection open. Raises ``ValueError``."""

    def send_body(self, data: bytes) -> bytes:
        """Frame a piece of the body, not empty."""

    def end_body(self) -> bytes:
        """Frame the end of the body."""

    def more(self) -> bytes:
        """Frame what is left of earlier blocks, as far as it has been asked for since (AJP13)."""

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the application; ``b""`` is the end of the connection."""

    def next_event(self) -> Stdout | Stderr | End | None:
        """Return the next event, or None when more bytes are needed. Raises ``ProtocolError``."""
