"""The two streams of a FastCGI filter (section 6.4): the body of the request, and behind it the data to be filtered.

They come one after the other on one connection. An application may still read them in any order: what it has not read
of the body when it reads the data is kept, up to ``MAX_KEPT`` bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gateways.core.environ import MAX_LENGTH_DIGITS, content_length
from gateways.core.input import Input
from gateways.errors import BodyTooLarge, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.core.types import Environ

#: Bytes of a body that are kept for an application that reads the data first: those of a form, not of an upload.
MAX_KEPT = 1048576


class Streams:
    """``body`` and ``data`` of one request; the latter is put into the environ, as ``fcgi.data``.

    ``receive`` returns the next piece of the body, ``b""`` at its end, and ``receive_data`` after that the same of the
    data. Raises ``ProtocolError`` (400) for an FCGI_DATA_LENGTH that is not a number.
    """

    def __init__(self, receive: Callable[[], bytes], receive_data: Callable[[], bytes], environ: Environ) -> None:
        self._receive = receive
        self._receive_more_data = receive_data
        self._kept: deque[bytes] = deque()
        self._left = content_length(environ)  # of the body, for those who count
        self._size = 0
        self._body_over = False
        self.body = Input(self._receive_body, self._left)
        self.data = Input(self._receive_data, data_length(environ))
        environ["fcgi.data"] = self.data

    def _receive_body(self) -> bytes:
        if self._kept:
            return self._kept.popleft()
        return self._next_of_body()

    def _next_of_body(self) -> bytes:
        """Return the next piece, without what is behind CONTENT_LENGTH; ``b""`` at the end of the stream."""
        while not self._body_over:
            piece = self._receive()
            self._body_over = not piece
            if self._left is not None:
                piece = piece[: self._left]
                self._left -= len(piece)
            if piece:
                return piece
        return b""

    def _receive_data(self) -> bytes:
        while piece := self._next_of_body():
            self._size += len(piece)
            if self._size > MAX_KEPT:
                raise BodyTooLarge(
                    f"fcgi.data was read before wsgi.input, and the body is larger than {MAX_KEPT} bytes"
                )
            self._kept.append(piece)
        return self._receive_more_data()


def data_length(environ: Environ) -> int | None:
    """Return FCGI_DATA_LENGTH, None when it was not sent."""
    text: str = environ.get("FCGI_DATA_LENGTH", "")
    if not text:
        return None
    if not (text.isdigit() and text.isascii() and len(text) <= MAX_LENGTH_DIGITS):
        raise ProtocolError(f"FCGI_DATA_LENGTH {text[:40]!a} is not a number", "400 Bad Request")
    return int(text)
