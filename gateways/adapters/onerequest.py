"""What SCGI and uwsgi have in common: a connection is one request, whose response ends when it is closed.

The body behind the headers has no frame, only the length that ``CONTENT_LENGTH`` gives. Nothing that follows it is
looked at: it can never become a request.
"""

from __future__ import annotations

from gateways.adapters.events import Limits, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateways.adapters.events import Event
    from gateways.core.types import Headers

#: Statuses of what can be answered.
BAD = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"


class OneRequest:
    """The application's side of such a connection, without I/O.

    A transport gives ``name``, the encoder of a response's head, and ``_receive_headers``, which returns the request
    and leaves in ``_buffer`` what follows it, and in ``_remaining`` how long its body is.
    """

    name = ""
    #: Whether closing the connection is what ends a response.
    ends_by_close = True
    owed = b""
    #: There is no other request while something of a body comes.
    draining = False
    _encode_head: Callable[[str, Headers], bytes]

    __slots__ = ("_buffer", "_limits", "_remaining", "_started", "outgoing")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._remaining = 0  # bytes of body still to be delivered
        self._started = False
        self.outgoing: list[bytes] = []

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._buffer += data

    def resume(self, keep: bool, rest: bytes | None) -> None:
        """Go on behind headers that were parsed elsewhere: ``rest`` followed them, None ends the body."""
        self._started = True
        self._buffer += rest or b""

    def set_body_length(self, length: int, server: str = "") -> None:
        """Correct the length of the body, after the ``Request``: nginx can announce less than it sends."""
        self._remaining = length

    @property
    def idle(self) -> bool:
        """True while nothing has been received."""
        return not self._started and not self._buffer

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return len(self._buffer)

    @property
    def input_complete(self) -> bool:
        """True when the body has been delivered, or is here."""
        return self._started and self._remaining <= len(self._buffer)

    def next_event(self) -> Event:
        """Return the request, then pieces of its body, ``b""`` at its end; None when more bytes are needed.

        Raises ``ProtocolError`` for what the protocol forbids; with a status it can be answered.
        """
        if self._started:
            if self._remaining and not self._buffer:
                return None
            data = bytes(self._buffer[: self._remaining])
            self._remaining -= len(data)
            self._buffer.clear()
            return data
        request = self._receive_headers()
        self._started = request is not None
        return request

    def _receive_headers(self) -> Request | None:
        """Take the header block out of the buffer; None when more bytes are needed."""
        raise NotImplementedError

    # Sending

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Encode the response's head and its first block."""
        return self._encode_head(status, headers) + block

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Return the block as it is: only closing the connection ends the response."""
        return block

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""
        return [self._encode_head(status, headers), view]

    def gather_body(self, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_body`` for a large block."""
        return [view]

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""
        yield b"", count

    def encode_errors(self, text: bytes) -> bytes:
        """Return nothing: there is no error stream."""
        return b""

    def encode_abort(self) -> bytes:
        """Return nothing: there is no sign for a response that breaks off."""
        return b""

    def complete(self, app_status: int = 0) -> bytes:
        """Return nothing, as ``encode_body``."""
        return b""
