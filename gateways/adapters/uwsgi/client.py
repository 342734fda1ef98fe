"""The uwsgi protocol, the web server's side, without I/O: a request out as bytes, the answer in as events.

The response is in HTTP form, as uWSGI sends it, or in CGI form, which nginx takes as well. Its status line is handed on
as a ``Status`` header, so that who reads the events need not know the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from struct import pack

from gateways.adapters.cgiresponse import MAX_HEAD
from gateways.adapters.incoming import OneResponse
from gateways.errors import ProtocolError, TruncatedResponse

#: The size of the block is a number of two bytes.
MAX_BLOCK = 65535

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] +([0-9]{3}(?: [^\r\n]*)?)\r?\n")
_START = b"HTTP/"
_BAD_GATEWAY = "502 Bad Gateway"


def encode_request(variables: Iterable[tuple[bytes, bytes]], modifier: int = 0) -> bytes:
    """Encode the head of a request: four bytes, then names and values with their lengths.

    Raises ``ValueError`` for a name that is empty, a NUL byte, and more than the 65 535 bytes that there is room for.
    """
    parts = []
    for name, value in variables:
        if not name or b"\0" in name or b"\0" in value:
            raise ValueError(f"a uwsgi variable needs a name, and holds no NUL byte: {name[:60]!r}")
        if max(len(name), len(value)) > MAX_BLOCK:
            raise ValueError(f"a uwsgi variable is larger than {MAX_BLOCK} bytes: {name[:60]!r}")
        parts += [pack("<H", len(name)), name, pack("<H", len(value)), value]
    block = b"".join(parts)
    if len(block) > MAX_BLOCK:
        raise ValueError(f"the variables take {len(block)} bytes, and uwsgi has room for {MAX_BLOCK}")
    return pack("<BHB", modifier, len(block), 0) + block


class ClientConnection(OneResponse):
    """One connection to an application that speaks uwsgi, which is one request.

    ``next_event`` also raises ``ProtocolError`` for a status line that is none.
    """

    name = "uwsgi"

    def __init__(self) -> None:
        super().__init__()
        self._in_body = False  # or in the headers: behind the status line

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the request's variables. ``keep`` is not possible, and ignored."""
        return encode_request(variables)

    def _begins(self) -> bool:
        if not self._in_body:
            self._in_body = self._translate_status()
        return self._in_body

    def _translate_status(self) -> bool:
        """Put a ``Status`` in the place of a status line; false when more bytes are needed."""
        received = self._buffer
        start = bytes(received[: len(_START)])
        if start != _START[: len(start)]:
            return True
        end = received.find(b"\n") + 1
        if not end and len(received) <= MAX_HEAD:
            if self._eof:
                raise TruncatedResponse("the backend ended its response inside the status line", _BAD_GATEWAY)
            return False
        match = _STATUS_LINE.fullmatch(received[:end])
        if match is None:
            raise ProtocolError(f"not a status line: {bytes(received[:60])!r}", _BAD_GATEWAY)
        received[:end] = b"Status: " + match[1].rstrip() + b"\r\n"
        return True
