"""Cut what others say into records or packets, to look at what passes. Servers and clients read in their own ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

#: Returns how long the record is that begins there: 0 where that cannot be known yet, -1 where none does.
Measure = Callable[[bytearray], int]

#: Bytes that are kept of what is no record: enough to see what it is.
_SHOWN = 512


class Cutter:
    """One direction of a connection. It keeps no more than one record."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._buffer = bytearray()
        #: How that begins which is no record. What comes then is not looked at any more.
        self.foreign = b""

    @property
    def pending(self) -> int:
        """How many bytes there are of a record that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the records that are complete now, each with its header."""
        buffer = self._buffer
        if self.foreign:
            return
        buffer += data
        while buffer:
            length = self._measure(buffer)
            if length < 0:
                self.foreign = bytes(buffer[:_SHOWN])
                buffer.clear()
            if length <= 0 or len(buffer) < length:
                return
            record = bytes(buffer[:length])
            del buffer[:length]
            yield record
