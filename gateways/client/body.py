"""A request body from whatever the caller has: bytes, a file, or an iterable of blocks."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Union, cast

from gateways.errors import GatewayError

Source = Union[bytes, IO[bytes], Iterable[bytes]]

#: Bodies are read and sent in pieces of this size.
BLOCK = 65536
#: A body whose length has to be found out waits in memory up to here, then in a temporary file.
SPOOL = 1048576


class Body:
    """A request body. ``length`` is in bytes, None while it is not known.

    A file is sent from its position on, and stays open. ``repeatable`` says that ``blocks`` can be called again.
    """

    def __init__(self, source: Source) -> None:
        self._unmeasured: Iterable[bytes] = ()
        self._file: IO[bytes] | None = None
        self._start = 0
        self._stored = False
        self.length: int | None = None
        self.repeatable = False
        if isinstance(source, bytes):
            self._use(io.BytesIO(source))
        elif not hasattr(source, "read"):
            self._unmeasured = source
        else:
            file = cast("IO[bytes]", source)
            if hasattr(file, "seekable") and file.seekable():
                self._use(file)
            else:
                self._unmeasured = iter(lambda: file.read(BLOCK), b"")

    def measure(self) -> None:
        """Find ``length`` out, by storing a body of unknown length first."""
        if self._file is None:
            spool = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=SPOOL))  # noqa: SIM115  see close
            self._file = spool
            self._stored = True
            for block in self._unmeasured:
                spool.write(block)
            self.length = spool.tell()
            self.repeatable = True

    def blocks(self) -> Iterator[bytes]:
        """Yield the body in pieces of at most 64 KiB. Raises ``GatewayError`` when a file has become shorter."""
        if self._file is None or self.length is None:
            for piece in self._unmeasured:
                for start in range(0, len(piece), BLOCK):
                    yield piece[start : start + BLOCK]
            return
        self._file.seek(self._start)
        left = self.length
        while left:
            block = self._file.read(min(left, BLOCK))
            if not block:
                raise GatewayError(f"the request body ended {left} bytes before the length it had at first")
            left -= len(block)
            yield block

    def close(self) -> None:
        """Remove what ``measure`` stored."""
        if self._stored and self._file is not None:
            self._file.close()

    def _use(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        self.length = file.seek(0, os.SEEK_END) - self._start
        self.repeatable = True
