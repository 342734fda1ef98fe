"""The uwsgi protocol, the web server's side, without I/O: a request out as bytes, the answer in as events.

The response is in HTTP form, as uWSGI sends it, or in CGI form, which nginx takes as well. Its status line is handed on
as a ``Status`` header, so that who reads the events need not know the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from struct import pack
from typing import Union

from gateways.adapters.cgiresponse import MAX_HEAD, End, Stdout
from gateways.errors import ProtocolError, TruncatedResponse

Event = Union[Stdout, End]

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


class ClientConnection:
    """One connection to an application that speaks uwsgi, which is one request."""

    name = "uwsgi"
    #: A body has no other end than its length.
    needs_length = True
    hungry = True
    #: The end of the connection is the end of the response.
    reusable = False

    def __init__(self) -> None:
        self._received = bytearray()
        self._in_body = False  # or in the headers: behind the status line
        self._eof = False
        self._ended = False
        self.answered = False

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the request's variables. ``keep`` is not possible, and ignored."""
        return encode_request(variables)

    def send_body(self, data: bytes) -> bytes:
        """Return ``data``: the body has no frame."""
        return data

    def end_body(self) -> bytes:
        """Return nothing: ``CONTENT_LENGTH`` said where the body ends."""
        return b""

    def more(self) -> bytes:
        """Return nothing: all that was given to ``send_body`` has left."""
        return b""

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the application; ``b""`` is the end of the connection, and of the response."""
        if data:
            self.answered = True
            self._received += data
        else:
            self._eof = True

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed.

        Raises ``TruncatedResponse`` for a connection that ended without a byte, and ``ProtocolError`` for a status line
        that is none.
        """
        if not self._in_body:
            self._in_body = self._translate_status()
        if self._received and self._in_body:
            data = bytes(self._received)
            self._received.clear()
            return Stdout(data)
        if not self._eof or self._ended:
            return None
        if not self.answered:
            raise TruncatedResponse(
                "the backend closed the connection without a word; does it speak uwsgi?", _BAD_GATEWAY
            )
        self._ended = True
        return End()

    def _translate_status(self) -> bool:
        """Put a ``Status`` in the place of a status line; false when more bytes are needed."""
        received = self._received
        if not received:
            return False
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
