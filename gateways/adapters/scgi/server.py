"""SCGI (protocol of 2008-06-23), the application's side, without I/O: bytes in, events and bytes out.

A connection carries one request: a netstring of headers, then ``CONTENT_LENGTH`` bytes of body. The response is in CGI
form and ends with the connection.

    "70:" "CONTENT_LENGTH" <00> "27" <00> "SCGI" <00> "1" <00> ... "," <27 bytes of body>
"""

from __future__ import annotations

from gateways.adapters.cgihead import encode_head
from gateways.adapters.events import Request
from gateways.adapters.foreign import PREFIX, hint
from gateways.adapters.onerequest import BAD, TOO_LARGE, OneRequest
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.adapters.events import Limits
    from gateways.core.types import Variables

#: Digits of the netstring's length: more than any limit needs, and few enough to decide at once (section 4).
_MAX_DIGITS = 10


class ServerConnection(OneRequest):
    """One connection from a web server, which is one request."""

    name = "SCGI"
    _encode_head = staticmethod(encode_head)

    __slots__ = ("_size",)

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._size = -1  # of the header netstring, once its length is known

    def _receive_headers(self) -> Request | None:
        if self._size < 0 and not self._receive_length():
            return None
        end = self._size
        if len(self._buffer) <= end:
            return None
        if self._buffer[end] != 0x2C:
            raise ProtocolError("SCGI header netstring does not end with a comma", BAD)
        variables = self._split(bytes(self._buffer[:end]))
        del self._buffer[: end + 1]
        return Request(variables, keep=False)

    def _receive_length(self) -> bool:
        """Cut the netstring's length off the buffer (section 4); false when more bytes are needed."""
        head = bytes(self._buffer[: _MAX_DIGITS + 1])
        digits, colon, _ = head.partition(b":")
        # isdigit() of bytes is ASCII only.
        if (digits and not digits.isdigit()) or (colon and not digits) or (len(digits) > 1 and digits[:1] == b"0"):
            raise ProtocolError(
                f"not an SCGI netstring, but {head[:8]!r}{hint(bytes(self._buffer[:PREFIX]), self.name)}"
            )
        if len(digits) > _MAX_DIGITS or (colon and int(digits) > self._limits.size):
            raise ProtocolError(f"SCGI headers of more than {self._limits.size} bytes", TOO_LARGE)
        if not colon:
            return False
        self._size = int(digits)
        del self._buffer[: len(digits) + 1]
        return True

    def _split(self, block: bytes) -> Variables:
        """Split the header block and check what section 3 demands of it."""
        if block[-1:] != b"\0":
            raise ProtocolError("SCGI headers do not end with a NUL", BAD)
        parts = block[:-1].split(b"\0")
        if len(parts) % 2:
            raise ProtocolError("SCGI header without a value", BAD)
        if len(parts) > 2 * self._limits.count:
            raise ProtocolError(f"more than {self._limits.count} SCGI headers", TOO_LARGE)
        names = parts[0::2]
        variables = list(zip(names, parts[1::2]))
        if names[0] != b"CONTENT_LENGTH":
            raise ProtocolError("the first SCGI header is not CONTENT_LENGTH", BAD)
        length = parts[1]
        if not length.isdigit() or len(length) > 18:
            raise ProtocolError(f"SCGI CONTENT_LENGTH {length[:40]!r} is not a number", BAD)
        if len(set(names)) != len(names):
            # nginx's "scgi_param CONTENT_LENGTH $content_length" adds an empty one to a request without a body.
            variables = variables[:1] + [pair for pair in variables[1:] if pair != (b"CONTENT_LENGTH", b"")]
            _check_repeated(variables)
        values = dict(variables)
        if b"" in values:
            raise ProtocolError("SCGI header with an empty name", BAD)
        if values.get(b"SCGI") != b"1":
            raise ProtocolError("the SCGI header is missing or not 1", BAD)
        self._remaining = int(length)
        return variables


def _check_repeated(variables: Variables) -> None:
    """Refuse two different values for one meta-variable; ``HTTP_*`` are joined later, as nginx needs it.

    nginx repeats a pair where a configuration sets again what its shipped parameters have set. The first of SCRIPT_NAME
    may then differ, and the last one counts. The specification forbids all of it (section 3).
    """
    seen: dict[bytes, bytes] = {}
    for name, value in variables:
        if not name.startswith(b"HTTP_") and seen.setdefault(name, value) != value and name not in _REPEATABLE:
            raise ProtocolError(f"SCGI variable {name[:60]!r} twice, with different values", BAD)


#: Where a web server's shipped parameter file and the deployer's own line may say two things.
_REPEATABLE = frozenset((b"SCRIPT_NAME", b"PATH_INFO", b"SCRIPT_FILENAME", b"DOCUMENT_ROOT", b"HTTPS", b"SERVER_NAME"))
