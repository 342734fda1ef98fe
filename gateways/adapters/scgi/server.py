"""SCGI (protocol of 2008-06-23), the application's side, without I/O: bytes in, events and bytes out.

A connection carries one request: a netstring of headers, then ``CONTENT_LENGTH`` bytes of body. The response is in CGI
form and ends with the connection.

    "70:" "CONTENT_LENGTH" <00> "27" <00> "SCGI" <00> "1" <00> ... "," <27 bytes of body>
"""

from __future__ import annotations

from gateways.adapters.cgihead import encode_head
from gateways.adapters.events import Limits, Request
from gateways.adapters.foreign import hint
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.adapters.events import Event
    from gateways.core.types import Headers, Variables

_BAD = "400 Bad Request"
_TOO_LARGE = "431 Request Header Fields Too Large"
#: Digits of the netstring's length: more than any limit needs, and few enough to decide at once (section 4).
_MAX_DIGITS = 10


class ServerConnection:
    """One connection from a web server, which is one request.

    The interface is that of the FastCGI ``ServerConnection``. Nothing that follows the body is looked at.
    """

    name = "SCGI"
    #: Whether closing the connection is what ends a response.
    ends_by_close = True

    __slots__ = ("_buffer", "_limits", "_remaining", "_size", "_started", "outgoing")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._size = -1  # of the header netstring, once its length is known
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

    def set_body_length(self, length: int) -> None:
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

        Raises ``ProtocolError`` for what SCGI forbids; with a status it can be answered.
        """
        if self._started:
            if self._remaining and not self._buffer:
                return None
            data = bytes(self._buffer[: self._remaining])
            self._remaining -= len(data)
            self._buffer.clear()
            return data
        if self._size < 0 and not self._receive_length():
            return None
        end = self._size
        if len(self._buffer) <= end:
            return None
        if self._buffer[end] != 0x2C:
            raise ProtocolError("SCGI header netstring does not end with a comma", _BAD)
        variables = self._split(bytes(self._buffer[:end]))
        del self._buffer[: end + 1]
        self._started = True
        return Request(variables, keep=False)

    def _receive_length(self) -> bool:
        """Cut the netstring's length off the buffer (section 4); false when more bytes are needed."""
        head = bytes(self._buffer[: _MAX_DIGITS + 1])
        digits, colon, _ = head.partition(b":")
        # isdigit() of bytes is ASCII only.
        if (digits and not digits.isdigit()) or (colon and not digits) or (len(digits) > 1 and digits[:1] == b"0"):
            raise ProtocolError(f"not an SCGI netstring, but {head[:8]!r}{hint(head, self.name)}")
        if len(digits) > _MAX_DIGITS or (colon and int(digits) > self._limits.size):
            raise ProtocolError(f"SCGI headers of more than {self._limits.size} bytes", _TOO_LARGE)
        if not colon:
            return False
        self._size = int(digits)
        del self._buffer[: len(digits) + 1]
        return True

    def _split(self, block: bytes) -> Variables:
        """Split the header block and check what section 3 demands of it."""
        if block[-1:] != b"\0":
            raise ProtocolError("SCGI headers do not end with a NUL", _BAD)
        parts = block[:-1].split(b"\0")
        if len(parts) % 2:
            raise ProtocolError("SCGI header without a value", _BAD)
        if len(parts) > 2 * self._limits.count:
            raise ProtocolError(f"more than {self._limits.count} SCGI headers", _TOO_LARGE)
        names = parts[0::2]
        variables = list(zip(names, parts[1::2]))
        if names[0] != b"CONTENT_LENGTH":
            raise ProtocolError("the first SCGI header is not CONTENT_LENGTH", _BAD)
        length = parts[1]
        if not length.isdigit() or len(length) > 18:
            raise ProtocolError(f"SCGI CONTENT_LENGTH {length[:40]!r} is not a number", _BAD)
        if len(set(names)) != len(names):
            # nginx's "scgi_param CONTENT_LENGTH $content_length" adds an empty one to a request without a body.
            variables = variables[:1] + [pair for pair in variables[1:] if pair != (b"CONTENT_LENGTH", b"")]
            _check_duplicates(variables)
        values = dict(variables)
        if b"" in values:
            raise ProtocolError("SCGI header with an empty name", _BAD)
        if values.get(b"SCGI") != b"1":
            raise ProtocolError("the SCGI header is missing or not 1", _BAD)
        self._remaining = int(length)
        return variables

    # Sending

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Encode the response's head and its first block."""
        return encode_head(status, headers) + block

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Return the block as it is: only closing the connection ends an SCGI response."""
        return block

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""
        return [encode_head(status, headers), view]

    def gather_body(self, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_body`` for a large block."""
        return [view]

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""
        yield b"", count

    def encode_errors(self, text: bytes) -> bytes:
        """Return nothing: SCGI has no error stream."""
        return b""

    def encode_abort(self) -> bytes:
        """Return nothing: SCGI has no sign for a response that breaks off."""
        return b""

    def complete(self, app_status: int = 0) -> bytes:
        """Return nothing, as ``encode_body``."""
        return b""


def _check_duplicates(variables: Variables) -> None:
    """Refuse two different values for one meta-variable; ``HTTP_*`` are joined later, as nginx needs it.

    nginx repeats a pair where a configuration sets again what ``scgi_params`` has set. The first of SCRIPT_NAME may
    then differ, and the last one counts; the length of the body and the user's name may not be in doubt.
    """
    seen: dict[bytes, bytes] = {}
    for name, value in variables:
        if not name.startswith(b"HTTP_") and seen.setdefault(name, value) != value and name not in _REPEATABLE:
            raise ProtocolError(f"SCGI header {name[:60]!r} twice, with different values", _BAD)


#: Where a web server's shipped parameter file and the deployer's own line may say two things.
_REPEATABLE = frozenset((b"SCRIPT_NAME", b"PATH_INFO", b"SCRIPT_FILENAME", b"DOCUMENT_ROOT", b"HTTPS", b"SERVER_NAME"))
