"""HTTP/1.1, the application's side, without I/O: bytes in, events and bytes out.

One request at a time: parsing stops where the request in hand ends, so pipelined requests wait in the buffer. The
states of the connection:

    IDLE   no request; lines of the next one's head may be here
    BODY   the application runs, and its body is still coming
    REPLY  the body is complete; the application runs on
    DRAIN  the response is complete, and what is left of the body is skipped
    OVER   the connection takes no other request
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.adapters.events import Limits, Request
from gateways.adapters.foreign import PREFIX, hint
from gateways.adapters.http.answer import Answer
from gateways.adapters.http.chunked import Chunked
from gateways.adapters.http.ends import Ends
from gateways.adapters.http.head import BAD, check_line, parse_head
from gateways.adapters.http.usual import recognise
from gateways.adapters.http.variables import variables
from gateways.adapters.received import append
from gateways.errors import ProtocolError

if TYPE_CHECKING:
    from typing import Callable

    from gateways.adapters.events import Event
    from gateways.core.types import Variables

IDLE, BODY, REPLY, DRAIN, OVER = range(5)

_TOO_LARGE = "431 Request Header Fields Too Large"
_TOO_LONG = "414 URI Too Long"

#: How much of a body that nobody reads is skipped to keep the connection. A new one is cheaper than more.
MAX_DRAIN = 65536
#: What tells a client that waits for it to send its body (RFC 9110, section 10.1.1).
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: Empty lines before a request, which some old clients send (RFC 9112, section 2.2).
_MAX_BLANK = 2


def _never() -> bool:
    return False


class ServerConnection(Answer):
    """One connection from a client or a web server; the interface is that of the FastCGI ``ServerConnection``.

    ``ends`` says who is at its ends. ``stopping`` is asked with each response whether another request will be taken.
    """

    name = "HTTP"

    __slots__ = (
        *("_blank", "_buffer", "_chunked", "_expects", "_head_size", "_limits", "_lines", "_position", "_remaining"),
        *("_newest", "_request", "_state", "_stopping", "ends", "interim", "outgoing"),
    )

    def __init__(
        self, limits: Limits | None = None, ends: Ends | None = None, stopping: Callable[[], bool] = _never
    ) -> None:
        super().__init__()
        limits = limits or Limits()
        self._limits = (limits.size, limits.count, limits.line)
        self._version = f"HTTP/1.{limits.minor}"
        self._newest = limits.minor
        self._stopping = stopping
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._state = IDLE
        self._request: Request | None = None
        self._blank = 0
        self._lines = 0  # of the head, complete and checked
        self._head_size = 0  # of these
        self._remaining = 0  # bytes of body still to be delivered
        self._chunked: Chunked | None = None
        self._expects = False
        self.ends = ends or Ends()
        #: That response to the request in hand; an application may add header fields to it.
        self.interim = CONTINUE
        self.outgoing: list[bytes] = []

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._buffer = append(self._buffer, self._position, data)
        self._position = 0

    def resume(self, keep: bool, rest: bytes | None) -> None:
        """Do nothing: no other part parses HTTP."""

    def set_body_length(self, length: int, server: str = "") -> None:
        """Do nothing: the framing of the request has said it."""

    @property
    def idle(self) -> bool:
        """True between requests, with nothing received of the next one: the time to close a kept connection."""
        return self._state == IDLE and self._position == len(self._buffer)

    @property
    def draining(self) -> bool:
        """True between requests, with something of the last one's body still to come, which nobody wants."""
        return self._state == DRAIN

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return len(self._buffer) - self._position

    @property
    def input_complete(self) -> bool:
        """True when nothing more of the last request's body can come, nor anything else that nobody reads."""
        if self._state == OVER:
            return self._body_is_over() and self._position == len(self._buffer)
        return self._body_is_over() or (self._chunked is None and self._remaining <= self.buffered)

    def next_event(self) -> Event:
        """Return the next event, or None when more bytes are needed.

        Raises ``ProtocolError`` for what HTTP forbids; after that the connection takes no other request.
        """
        state = self._state
        if state == IDLE:
            return self._receive_request()
        if state == REPLY:
            return b""
        if state == BODY:
            return self._receive_body()
        try:
            while data := self._receive_body():
                pass  # nobody wants it
        except ProtocolError:
            self._position = len(self._buffer)
            return None
        if state == OVER or data is None:
            return data
        self._state = IDLE
        return self._receive_request()

    def _receive_request(self) -> Event:
        if self._position == len(self._buffer):
            return None
        buffer = self._buffer
        if type(buffer) is bytes and not self._lines and self._newest:
            usual = recognise(buffer, self._position, self.ends, self._limits)
            if usual is not None:
                self._position = usual.end
                self._remaining = usual.length
                self._blank = 0
                self._chunked = None
                self._head_only = usual.head_only
                return self._begin(usual.variables, usual.keep)
        try:
            return self._receive_head()
        except ProtocolError:
            self._fail()
            raise

    def _begin(self, found: Variables, keep: bool) -> Request:
        self._state = BODY
        self._request = Request(found, keep)
        return self._request

    def _receive_head(self) -> Request | None:
        """Take and check lines up to the empty one, and parse them."""
        buffer = self._buffer
        count = self._limits[1]
        start = self._position + self._head_size
        if not self._lines and not self._skip_blank():
            return None
        while True:
            if not self._lines:
                start = self._position
                self._check_first_byte(buffer[start])
            stop = buffer.find(b"\n", start) + 1
            self._check_size(start, stop or len(buffer))
            if not stop:
                return None
            line = bytes(buffer[start:stop])
            if self._lines and line == b"\r\n":
                return self._parse(stop)
            check_line(line, first=not self._lines)
            self._lines += 1
            self._head_size += len(line)
            if self._lines > count + 1:
                raise ProtocolError(f"more than {count} header fields", _TOO_LARGE)
            start = stop

    def _skip_blank(self) -> bool:
        """Skip empty lines before a request; false when nothing else is here."""
        buffer = self._buffer
        while buffer.startswith(b"\r\n", self._position):
            self._position += 2
            self._blank += 1
            if self._blank > _MAX_BLANK:
                raise ProtocolError("empty lines instead of a request", BAD)
        return bytes(buffer[self._position : self._position + 2]) not in (b"", b"\r")

    def _check_first_byte(self, first: int) -> None:
        """Refuse a binary protocol at once: there is nobody who would read an answer."""
        if first < 0x20 and first not in b"\t\r\n":
            start = bytes(self._buffer[self._position : self._position + PREFIX])
            raise ProtocolError(f"not HTTP, but {start[:8]!r}{hint(start, self.name)}")

    def _check_size(self, start: int, stop: int) -> None:
        """Hold a line, of which the end may be missing, against the limits, and look for a NUL byte within them."""
        size, _, line = self._limits
        left = size - self._head_size if self._lines else line
        if self._buffer.find(b"\0", start, min(stop, start + left)) >= 0:
            first = bytes(self._buffer[self._position : self._position + PREFIX])
            raise ProtocolError(f"a NUL byte in the header{hint(first, self.name)}", BAD)
        if stop - start > left:
            if not self._lines:
                raise ProtocolError(f"a request line of more than {line} bytes", _TOO_LONG)
            raise ProtocolError(f"header fields of more than {size} bytes", _TOO_LARGE)

    def _parse(self, stop: int) -> Request:
        """Parse the head, which ends at ``stop``."""
        head, parser = parse_head(bytes(self._buffer[self._position : stop]), self._newest)
        self._position = stop
        self._lines = self._head_size = self._blank = 0
        self._minor = head.minor
        self._head_only = head.method == b"HEAD"
        found = variables(head, self.ends)
        self._remaining = head.length or 0
        self._chunked = None
        if head.chunked:
            self._chunked = Chunked(parser, *self._limits[:2])
        self._expects = head.expects
        self.interim = CONTINUE
        return self._begin(found, head.keep)

    def _receive_body(self) -> bytes | None:
        """Return the next piece of the body, ``b""`` at its end, None when more bytes are needed."""
        if self._expects:
            self._expects = False
            if self._position == len(self._buffer):
                self.outgoing.append(self.interim)
        if self._body_is_over():
            if self._state == BODY:
                self._state = REPLY
            return b""
        if self._position == len(self._buffer):
            return None
        if self._chunked is not None:
            return self._receive_chunks(self._chunked)
        stop = min(len(self._buffer), self._position + self._remaining)
        data = bytes(self._buffer[self._position : stop])
        self._position = stop
        self._remaining -= len(data)
        return data

    def invite(self) -> None:
        """Let a client that waits send its body, before anybody reads it."""
        if self._expects:
            self._expects = False
            self.outgoing.append(self.interim)

    def _receive_chunks(self, chunked: Chunked) -> bytes | None:
        buffer = self._buffer
        if not isinstance(buffer, bytearray):
            buffer = bytearray(buffer[self._position :])
        else:
            del buffer[: self._position]
        self._buffer = buffer
        self._position = 0
        try:
            data = chunked.take(buffer)
        except ProtocolError:
            if self._state != OVER:
                self._fail(BODY)  # an application that reads on is told again
            raise
        if not buffer:
            self._buffer = b""
        return data

    def _body_is_over(self) -> bool:
        return self._chunked.over if self._chunked is not None else not self._remaining

    def _fail(self, state: int = OVER) -> None:
        """Take no other request; what has been received of one is of no use."""
        self._state = state
        if self._request is not None:
            self._request.keep = False
        if state == OVER:
            self._position = len(self._buffer)
            self._remaining = 0
            self._chunked = None

    # Sending

    def _decide_keep(self, keep: bool) -> bool:
        """Decide with the head of the response (``Answer``), and let the server know.

        A client that waits for 100 sends its body behind the final response, or does not (RFC 9110, section 10.1.1).
        """
        request = self._request
        if request is None or self._state == OVER:
            return False
        if request.keep:
            waits = self._expects and self._position == len(self._buffer)
            request.keep = keep and not waits and self._can_drain() and not self._stopping()
        self._expects = False
        return request.keep

    def _can_drain(self) -> bool:
        """Say whether what is left of the body is little enough to be skipped, as far as that is known now."""
        if self._chunked is not None:
            return self._chunked.over
        return self._remaining - self.buffered <= MAX_DRAIN

    def _end(self) -> None:
        """The response is complete (``Answer``)."""
        request = self._request
        if request is None or not request.keep:
            self._state = OVER
        else:
            self._state = IDLE if self._body_is_over() else DRAIN
        self._request = None
        self._head_only = False
        self._minor = 1

    def complete(self, app_status: int = 0) -> bytes:
        """Return nothing: the framing says where a response ends."""
        return b""
