"""The web server's sides: what comes from the application, and a response that ends when the connection does."""

from __future__ import annotations

from typing import Union

from gateways.adapters.cgiresponse import End, Stdout
from gateways.errors import TruncatedResponse

Event = Union[Stdout, End]


class Incoming:
    """What has come from the application and is still to be parsed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._eof = False
        #: True once the application has sent a byte: until then, a closed connection may only have been idle too long.
        self.answered = False

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the application; ``b""`` is the end of the connection."""
        if data:
            self.answered = True
            self._buffer += data
        else:
            self._eof = True


class OneResponse(Incoming):
    """One connection that is one request, as with SCGI and uwsgi: only its end is the end of the response.

    A transport gives ``name`` and ``start``; ``onerequest`` has the application's side.
    """

    name = ""
    #: A body has no other end than its length.
    needs_length = True
    hungry = True
    reusable = False

    def __init__(self) -> None:
        super().__init__()
        self._ended = False

    def send_body(self, data: bytes) -> bytes:
        """Return ``data``: the body has no frame."""
        return data

    def end_body(self) -> bytes:
        """Return nothing: ``CONTENT_LENGTH`` said where the body ends."""
        return b""

    def more(self) -> bytes:
        """Return nothing: all that was given to ``send_body`` has left."""
        return b""

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed.

        Raises ``TruncatedResponse`` for a connection that ended without a byte.
        """
        if self._buffer and self._begins():
            data = bytes(self._buffer)
            self._buffer.clear()
            return Stdout(data)
        if not self._eof or self._ended:
            return None
        if not self.answered:
            raise TruncatedResponse(
                f"the backend closed the connection without a word; does it speak {self.name}?", "502 Bad Gateway"
            )
        self._ended = True
        return End()

    def _begins(self) -> bool:
        """Say whether the beginning of the response is here as it is to be handed on."""
        return True
