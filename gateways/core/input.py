"""``wsgi.input`` and ``wsgi.errors`` (PEP 3333, "Input and Error Streams").

The input fetches nothing that the application does not ask for: back-pressure reaches the client by itself, and a body
of any size passes in constant memory.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Callable

#: Error text is handed on when it grows past this, flushed or not: a stream must not become a store.
MAX_ERRORS_BUFFER = 8192

# C0 without tab and line feed, DEL and C1, and Unicode's line ends: they steer terminals and forge log lines.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
_ESCAPES.update({0x2028: "\\u2028", 0x2029: "\\u2029"})


class Input:
    """The request body as a file: ``read``, ``readline``, ``readlines`` and iteration, never past its end.

    ``receive`` returns the next piece of the body, ``b""`` at the end the transport marks, and raises
    ``ClientDisconnected`` when the body broke off; that error reaches the application. ``length`` is the announced
    length in bytes, or None when only the transport knows the end. No byte after ``length`` is ever delivered
    (RFC 3875, section 4.2). ``short`` is true once the transport ended the body before ``length``.
    """

    __slots__ = ("_buffer", "_position", "_receive", "_remaining", "short")

    def __init__(self, receive: Callable[[], bytes], length: int | None) -> None:
        self._receive = receive
        self._remaining = length
        self._buffer = b""
        self._position = 0
        self.short = False

    def read(self, size: int | None = -1) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the body; all that is left for -1 or None."""
        if size is None or size < 0:
            parts = [self._take(len(self._buffer))]
            while self._fill():
                parts.append(self._take(len(self._buffer)))
            return b"".join(parts)
        data = self._take(size)
        if len(data) == size:
            return data
        parts = [data]
        missing = size - len(data)
        while missing and self._fill():
            data = self._take(missing)
            missing -= len(data)
            parts.append(data)
        return b"".join(parts)

    def read1(self, size: int = -1) -> bytes:
        """Return what is here, at most ``size`` bytes; wait only when there is nothing. ``b""`` is the end."""
        if self._position >= len(self._buffer) and not self._fill():
            return b""
        return self._take(len(self._buffer) if size < 0 else size)

    def readline(self, size: int | None = -1) -> bytes:
        """Return up to and including the next line feed, at most ``size`` bytes when it is given and not negative."""
        limit = -1 if size is None or size < 0 else size
        parts: list[bytes] = []
        while limit and (self._position < len(self._buffer) or self._fill()):
            stop = len(self._buffer) if limit < 0 else self._position + limit
            end = self._buffer.find(b"\n", self._position, stop) + 1 or stop
            piece = self._take(end - self._position)
            parts.append(piece)
            if piece.endswith(b"\n"):
                break
            if limit > 0:
                limit -= len(piece)
        return b"".join(parts)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Return the lines that are left; with a positive ``hint``, stop after the line that reaches so many bytes."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def set_hundred_continue_response_headers(
        self, headers: Iterable[tuple[str, str]], capitalize_response_headers: bool = False
    ) -> None:
        """Do nothing: no client waits for ``100 Continue``, or the web server has sent it."""

    def send_hundred_continue_response(self) -> None:
        """Do nothing, for the same reason."""

    def _take(self, size: int) -> bytes:
        """Cut at most ``size`` bytes from what is buffered."""
        start = self._position
        data = self._buffer[start : start + size]
        self._position = start + len(data)
        return data

    def _fill(self) -> bool:
        """Fetch the next piece, replacing the used-up buffer; false at the end of the body."""
        if self._remaining == 0:
            return False
        data = self._receive()
        if self._remaining is not None:
            if not data:
                self.short = True
            data = data[: self._remaining]
            self._remaining -= len(data)
        if not data:
            self._remaining = 0
        self._buffer = data
        self._position = 0
        return bool(data)


class Errors:
    """``wsgi.errors``: text in, escaped lines out to the web server's error log.

    Text is kept until ``flush``, the end of the request, or ``MAX_ERRORS_BUFFER`` characters. Control characters other
    than tab and line feed are written as ``\\xNN``: what an application logs often holds a client's bytes.
    """

    __slots__ = ("_parts", "_sink", "_size")

    encoding = "utf-8"

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._parts: list[str] = []
        self._size = 0

    @property
    def pending(self) -> bool:
        """True when there is text to flush."""
        return bool(self._parts)

    def write(self, text: str) -> int:
        """Keep ``text`` for the next flush. Raises ``TypeError`` when it is not a ``str``."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors.write needs str, not {type(text).__name__}")
        self._parts.append(text)
        self._size += len(text)
        if self._size > MAX_ERRORS_BUFFER:
            self.flush()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._parts:
            text = "".join(self._parts).translate(_ESCAPES)
            self._parts.clear()
            self._size = 0
            self._sink(text.encode("utf-8", "backslashreplace"))
