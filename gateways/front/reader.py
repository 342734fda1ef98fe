"""Reads an HTTP/1.1 request from a socket, with a limit for everything: first the head, then pieces of the body."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from time import monotonic

from gateways.errors import ClientDisconnected, ProtocolError
from gateways.front.head import MAX_HEAD, TOO_LARGE, RequestHead, bad_request

#: Chunk size lines and trailers; clients send extensions and trailers next to never.
MAX_CHUNK_LINE = 256
MAX_TRAILERS = 8192

_READ_SIZE = 65536
_END_OF_HEAD = re.compile(rb"\n\r?\n")
# At most 16 digits fit in 64 bits (RFC 9112, section 7.1); what follows a ";" is an extension, ignored.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")


class Reader:
    """The receiving half of one connection from a client.

    ``header_timeout`` is how many seconds a head may take from its first byte on, ``body_timeout`` how long a body may
    pause. Methods raise ``ClientDisconnected`` when the client has gone, and ``ProtocolError`` with the status to
    answer; after that the connection is of no use.
    """

    def __init__(self, sock: socket.socket, header_timeout: float, body_timeout: float) -> None:
        self._sock = sock
        self._header_timeout = header_timeout
        self._body_timeout = body_timeout
        self._buffer = bytearray()

    def wait(self, timeout: float) -> bool:
        """Wait for the first byte of a request. False when the client closed or sent nothing for ``timeout`` seconds.

        Empty lines before a request are skipped (RFC 9112, section 2.2).
        """
        deadline = monotonic() + timeout
        while True:
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))]
            if self._buffer:
                return True
            try:
                if not self._receive(deadline):
                    return False
            except (socket.timeout, ClientDisconnected):
                return False

    def read_head(self) -> bytes:
        """Return a request's head, with the empty line that ends it."""
        deadline = monotonic() + self._header_timeout
        start = 0
        while True:
            end = _END_OF_HEAD.search(self._buffer, start)
            if end and end.end() <= MAX_HEAD:
                return self._take(end.end())
            if end or len(self._buffer) > MAX_HEAD:
                raise ProtocolError(f"request head of more than {MAX_HEAD} bytes", TOO_LARGE)
            start = max(0, len(self._buffer) - 2)
            self._receive_more(deadline, "the request's headers")

    def body(self, head: RequestHead) -> Iterator[bytes]:
        """Yield the body of the request in pieces of at most 64 KiB, whatever its framing is."""
        if head.chunked:
            yield from self._chunks()
        else:
            yield from self._exactly(head.content_length or 0)

    def _chunks(self) -> Iterator[bytes]:
        """Chunked transfer coding (RFC 9112, section 7.1)."""
        while True:
            line = self._read_line(MAX_CHUNK_LINE)
            match = _CHUNK_SIZE.fullmatch(line)
            if match is None:
                raise bad_request(f"not a chunk size: {line!r}")
            size = int(match[1], 16)
            if size == 0:
                break
            yield from self._exactly(size)
            end = b"".join(self._exactly(2))
            if end != b"\r\n":
                raise bad_request(f"a chunk is not followed by CRLF, but by {end!r}")
        # Trailers are read and dropped: merged into the headers they could name what was checked before.
        left = MAX_TRAILERS
        while (line := self._read_line(left)) != b"\r\n":
            left -= len(line)

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._buffer:
                self._receive_more(monotonic() + self._body_timeout, "the request's body")
            piece = self._take(min(size, len(self._buffer)))
            size -= len(piece)
            yield piece

    def _read_line(self, limit: int) -> bytes:
        while True:
            end = self._buffer.find(b"\n", 0, limit)
            if end >= 0:
                return self._take(end + 1)
            if len(self._buffer) >= limit:
                raise bad_request("a chunk size line or the trailers of a chunked body are too long")
            self._receive_more(monotonic() + self._body_timeout, "the request's body")

    def _take(self, size: int) -> bytes:
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece

    def _receive_more(self, deadline: float, what: str) -> None:
        try:
            received = self._receive(deadline)
        except socket.timeout:
            raise ProtocolError(f"{what} did not arrive in time", "408 Request Timeout") from None
        if not received:
            raise ClientDisconnected(f"the client closed the connection before the end of {what}")

    def _receive(self, deadline: float) -> bool:
        """Receive what is there into the buffer; False at the end of the connection."""
        self._sock.settimeout(max(0.001, deadline - monotonic()))
        try:
            data = self._sock.recv(_READ_SIZE)
        except socket.timeout:
            raise
        except OSError as error:
            raise ClientDisconnected(f"the client went away: {error.strerror}") from None
        self._buffer += data
        return bool(data)
