"""A chunked body (RFC 9112, section 7.1), decoded by h11 behind checks of its lines.

Nothing behind the body reaches h11. It gets each size without the extension, which nobody reads.
"""

from __future__ import annotations

import re
from typing import Any

from gateways.adapters.http.head import BAD, TOKEN, check_line
from gateways.errors import ProtocolError

#: A size, which fits 64 bits, and extensions: names, and values that are tokens or quoted (section 7.1.1).
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"(?:[ \t]*;[ \t]*" + TOKEN + rb'(?:=(?:[!#$%&\'*+.^_`|~0-9A-Za-z-]+|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~])*"))?)*'
    rb"\r\n"
)
#: Bytes of a line with a size. Extensions are hardly used, and never by what people run.
_MAX_LINE = 4096
#: How many bytes extensions may take beyond those of the data (section 7.1.1 asks for a limit).
_MAX_EXCESS = 16384
#: What says where a message ends, whom it is for, or how to read it, cannot come behind it (RFC 9110, section 6.5.1).
_FORBIDDEN = frozenset(
    (
        *(b"content-length", b"transfer-encoding", b"host", b"trailer", b"te", b"connection", b"expect", b"upgrade"),
        *(b"authorization", b"content-encoding", b"content-type", b"content-range", b"cookie", b"max-forwards"),
    )
)
_SIZE, _DATA, _TRAILERS, _OVER = range(4)


class Chunked:
    """The decoder of one body. ``parser`` is the h11 connection that has read its head; trailers are dropped.

    ``size`` and ``count`` are the most bytes and lines that trailers may have.
    """

    __slots__ = ("_count", "_error", "_excess", "_left", "_parser", "_room", "_state")

    def __init__(self, parser: Any, size: int, count: int) -> None:
        self._parser = parser
        self._error: ProtocolError | None = None
        self._state = _SIZE
        self._left = 0  # of a chunk, with the line end behind it
        self._excess = 0
        self._room = size
        self._count = count

    @property
    def over(self) -> bool:
        """True when the end of the body has been taken."""
        return self._state == _OVER

    def take(self, buffer: bytearray) -> bytes | None:
        """Cut what belongs to the body off the front of ``buffer`` and return the data in it.

        ``b""`` is the end of the body, None that more bytes are needed. Raises ``ProtocolError``.
        """
        pieces: list[bytes] = []
        used = 0
        while self._state != _OVER and self._error is None:
            try:
                count = self._pass_on(buffer, used)
                if not count:
                    break
                used += count
                self._decode(pieces)
            except ProtocolError as error:
                self._error = error  # data before it is good, however much came at once
        del buffer[:used]
        if pieces:
            return b"".join(pieces)
        if self._error is not None:
            raise self._error
        return b"" if self._state == _OVER else None

    def _decode(self, pieces: list[bytes]) -> None:
        import h11

        try:
            while isinstance(event := self._parser.next_event(), h11.Data):
                pieces.append(bytes(event.data))
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"chunked body: {error}", BAD) from None

    def _pass_on(self, buffer: bytearray, start: int) -> int:
        """Check what comes next and hand it to h11; return how many bytes it was, 0 when more are needed."""
        if self._state == _DATA:
            data = bytes(buffer[start : start + self._left])
            if data:
                self._left -= len(data)
                if not self._left:
                    self._state = _SIZE
                self._parser.receive_data(data)
            return len(data)
        limit = _MAX_LINE if self._state == _SIZE else self._room
        stop = buffer.find(b"\n", start, start + limit) + 1
        if not stop:
            if len(buffer) - start >= limit:
                raise ProtocolError("chunked body: a line, or its trailers, are too long", BAD)
            return 0
        line = bytes(buffer[start:stop])
        if self._state == _SIZE:
            self._receive_size(line)
        else:
            self._receive_trailer(line)
        return len(line)

    def _receive_size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise ProtocolError(f"not the size of a chunk: {line[:40]!r}", BAD)
        size = int(match[1], 16)
        self._excess = max(0, self._excess + len(line) - 16 - 2 * size)
        if self._excess > _MAX_EXCESS:
            raise ProtocolError("chunked body: extensions are longer than the data", BAD)
        self._left = size + 2
        self._state = _DATA if size else _TRAILERS
        self._parser.receive_data(b"%x\r\n" % size)

    def _receive_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self._state = _OVER
            self._parser.receive_data(b"\r\n")
            return
        check_line(line, first=False)  # h11 never sees it
        self._room -= len(line)
        self._count -= 1
        if self._count < 0 or self._room < 1:
            raise ProtocolError("chunked body: too many trailers", BAD)
        if line.partition(b":")[0].lower() in _FORBIDDEN:
            raise ProtocolError(f"not allowed behind a chunked body: {line[:40]!r}", BAD)
