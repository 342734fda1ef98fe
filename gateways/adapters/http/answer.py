"""HTTP/1.1: how a response is framed (RFC 9112, section 6), and whether the connection is kept after it (section 9)."""

from __future__ import annotations

from time import gmtime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.core.types import Headers

#: How the end of a response is told: there is no body, by its length, by the last chunk, by the end of the connection.
NONE, LENGTH, CHUNKS, CLOSE = range(4)

_LAST_CHUNK = b"0\r\n\r\n"


class Answer:
    """Frames the response of the request in hand: ``_minor`` is its version, ``_head_only`` says that it was a HEAD."""

    owed = b""

    __slots__ = ("_framing", "_head_only", "_minor", "_version")

    def __init__(self) -> None:
        self._framing = NONE
        self._head_only = False
        self._minor = 1
        self._version = "HTTP/1.1"  # ours, whatever the client's is (RFC 9110, section 6.2)

    def _decide_keep(self, keep: bool) -> bool:
        """Say, when the head of the response leaves, whether another request can follow; ``keep`` is its framing's."""
        raise NotImplementedError

    def _end(self) -> None:
        """The response is complete."""
        raise NotImplementedError

    @property
    def ends_by_close(self) -> bool:
        """Whether closing the connection is what ends the response."""
        return self._framing == CLOSE

    def encode_head(self, status: str, headers: Headers, block: bytes, end: bool) -> bytes:
        """Encode the response's head and its first block; with ``end`` also the end of the response."""
        return self._head(status, headers, len(block), end) + self.encode_body(block, end)

    def encode_body(self, block: bytes, end: bool) -> bytes:
        """Frame a block of the response; with ``end`` also its end."""
        framing = self._framing
        if framing == CHUNKS:
            if block:
                block = b"%x\r\n%b\r\n" % (len(block), block)
            if end:
                block += _LAST_CHUNK
        elif framing == NONE:
            block = b""
        if end:
            self._end()
        return block

    def gather_head(self, status: str, headers: Headers, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_head`` for a large block: pieces for one gathered write, without a copy of the block."""
        return [self._head(status, headers, len(view), end), *self.gather_body(view, end)]

    def gather_body(self, view: memoryview, end: bool) -> list[bytes | memoryview]:
        """``encode_body`` for a large block."""
        parts: list[bytes | memoryview] = [view]
        if self._framing == CHUNKS:
            parts = [b"%x\r\n" % len(view), view, b"\r\n" + _LAST_CHUNK if end else b"\r\n"]
        elif self._framing == NONE:
            parts = [b""]
        if end:
            self._end()
        return parts

    def frame_file(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Frame ``count`` bytes of a file: what goes before each piece, and the length of the piece."""
        if self._framing == CHUNKS:
            yield b"%x\r\n" % count, count
            yield b"\r\n", 0
        else:
            yield b"", count

    def encode_errors(self, text: bytes) -> bytes:
        """Return nothing: HTTP has no error stream."""
        return b""

    def encode_abort(self) -> bytes:
        """Return nothing: a connection that closes before the last chunk, or before the length, has broken off."""
        return b""

    def _head(self, status: str, headers: Headers, size: int, end: bool) -> bytes:
        """Encode status line and fields, and settle the framing: ``size`` bytes follow, and with ``end`` no more."""
        lines = [f"{self._version} {status}\r\n"]
        names = set()
        for name, value in headers:
            lines.append(f"{name}: {value}\r\n")
            names.add(name.lower())
        if self._head_only or status[:4] in ("204 ", "304 "):
            self._framing = NONE
        elif "content-length" in names:
            self._framing = LENGTH
        elif end:
            self._framing = LENGTH
            lines.append(f"Content-Length: {size}\r\n")
        elif self._minor:
            self._framing = CHUNKS
            lines.append("Transfer-Encoding: chunked\r\n")
        else:
            self._framing = CLOSE
        if "date" not in names:
            lines.append(_date())
        if "server" not in names:
            lines.append("Server: gateways\r\n")
        if not self._decide_keep(self._framing != CLOSE):
            lines.append("Connection: close\r\n")
        elif not self._minor:
            lines.append("Connection: keep-alive\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1")


# Not strftime: it has the names of the locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_last_date = (0, "")


def _date() -> str:
    """Return the Date line of this second (RFC 9110, section 6.6.1)."""
    global _last_date  # noqa: PLW0603 - a tuple, so that threads see second and text together
    now = int(time())
    second, line = _last_date
    if second != now:
        year, month, day, hour, minute, second, weekday, *_ = gmtime(now)
        name = _MONTHS[month - 1]
        line = f"Date: {_DAYS[weekday]}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT\r\n"
        _last_date = (now, line)
    return line
