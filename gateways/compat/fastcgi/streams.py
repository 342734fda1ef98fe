"""The streams of a request: FCGI_STDIN and FCGI_DATA to read, FCGI_STDOUT and FCGI_STDERR to write."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from gateways.compat.fastcgi.records import FCGI_HEADER_LEN, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class InputStream:
    """The body of a request, or the file of a filter, as it comes in over a connection."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._shrinkThreshold: int = conn.server.inputStreamShrinkThreshold
        self._buf = b""
        self._bufList: list[bytes] = []
        self._pos = 0
        self._avail = 0
        self._eof = False
        self._broken = False

    def _wait(self) -> None:
        self._conn.process_input()

    def _waitForData(self) -> None:
        """Wait for more. Raises ``EOFError`` where it broke off: what has come is not the whole of it."""
        if not self._broken:
            self._wait()
        if self._broken and not self._eof:
            raise EOFError("the body broke off")

    def _merge(self) -> None:
        """Put what has come behind what is there, and drop what was read."""
        if self._bufList or self._pos >= self._shrinkThreshold:
            self._buf = self._buf[self._pos :] + b"".join(self._bufList)
            self._bufList = []
            self._pos = 0
            self._avail = len(self._buf)

    def _take(self, count: int) -> bytes:
        self._merge()
        data = self._buf[self._pos : self._pos + count]
        self._pos += len(data)
        return data

    def read(self, n: int = -1) -> bytes:
        """Return ``n`` bytes, fewer only at the end; everything for -1."""
        while not self._eof and (n < 0 or self._avail - self._pos < n):
            self._waitForData()
        return self._take(self._avail - self._pos if n < 0 else n)

    def readline(self, length: int | None = None) -> bytes:
        """Return up to and including the next line feed, at most ``length`` bytes where it is given."""
        limit = -1 if length is None or length < 0 else length
        while True:
            self._merge()
            end = self._buf.find(b"\n", self._pos) + 1
            here = (end or self._avail) - self._pos
            if end or self._eof or 0 <= limit <= here:
                return self._take(here if limit < 0 else min(limit, here))
            self._waitForData()

    def readlines(self, sizehint: int = 0) -> list[bytes]:
        """Return the lines that are left; with a ``sizehint``, stop after the line that reaches so many bytes."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if 0 < sizehint <= total:
                break
        return lines

    def __iter__(self) -> InputStream:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def add_data(self, data: bytes) -> None:
        """Take what has come; nothing is the end."""
        if data:
            self._bufList.append(data)
            self._avail += len(data)
        else:
            self._eof = True

    def break_off(self) -> None:
        """Note that no more will come, and that this is not the end."""
        self._broken = True


class Inputs:
    """What the streams of a connection share: their lock, and how many of them have a reader that waits."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        #: For who receives: notified when it may go on.
        self.room = threading.Condition(self.lock)
        self.hungry = 0


class MultiplexedInputStream(InputStream):
    """The same, where one thread receives and another reads.

    Who receives waits while MOST bytes are here that nobody reads: the web server, and memory, must not pay for a slow
    application. It does not wait where this stream's reader does, where the stream has ended, nor, up to FAR_MOST
    bytes, where the reader of another stream of the connection waits for what comes behind: a filter may read its file
    before its input. And in no case for longer than PATIENCE: a request may wait for another, or be aborted, by a
    record that comes behind.
    """

    MOST = 1 << 20
    FAR_MOST = 64 << 20
    #: Seconds for each record, which has 64 KiB at the most.
    PATIENCE = 1.0

    def __init__(self, conn: Any) -> None:
        super().__init__(conn)
        self._inputs: Inputs = conn.inputs
        self._lock = threading.Condition(self._inputs.lock)
        self._hungry = False

    def _wait(self) -> None:
        self._hungry = True
        self._inputs.hungry += 1
        self._inputs.room.notify_all()
        try:
            self._lock.wait()
        finally:
            self._inputs.hungry -= 1
            self._hungry = False

    def break_off(self) -> None:
        """Note that no more will come, and that this is not the end."""
        with self._lock:
            super().break_off()
            self._lock.notify_all()
            self._inputs.room.notify_all()

    def _take(self, count: int) -> bytes:
        data = super()._take(count)
        self._inputs.room.notify_all()
        return data

    def read(self, n: int = -1) -> bytes:
        """Return ``n`` bytes, fewer only at the end; everything for -1."""
        with self._lock:
            return super().read(n)

    def readline(self, length: int | None = None) -> bytes:
        """Return up to and including the next line feed, at most ``length`` bytes where it is given."""
        with self._lock:
            return super().readline(length)

    def _has_room(self) -> bool:
        unread = self._avail - self._pos
        return unread < self.MOST or self._hungry or self._eof or (bool(self._inputs.hungry) and unread < self.FAR_MOST)

    def add_data(self, data: bytes) -> None:
        """Take what has come; nothing is the end."""
        with self._lock:
            if data:
                self._inputs.room.wait_for(self._has_room, self.PATIENCE)
            super().add_data(data)
            self._lock.notify_all()
            if not data:
                self._inputs.room.notify_all()


class OutputStream:
    """What a request writes, as records of ``type``; with ``buffered``, when it is flushed."""

    def __init__(self, conn: Any, req: Any, type: int, buffered: bool = False) -> None:
        self._conn = conn
        self._req = req
        self._type = type
        self._buffered = buffered
        self._bufList: list[bytes] = []
        self.dataWritten = False
        self.closed = False

    def write(self, data: str | bytes) -> None:
        """Send ``data``; text becomes UTF-8. Raises ``ValueError`` after the end."""
        if self.closed:
            raise ValueError("the stream has been closed")
        if isinstance(data, str):
            data = data.encode("utf-8", "backslashreplace")
        if not data:
            return
        self.dataWritten = True
        if self._buffered:
            self._bufList.append(data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        size = max(1, self._req.server.maxwrite - FCGI_HEADER_LEN)
        for start in range(0, len(data), size):
            record = Record(self._type, self._req.requestId)
            record.contentData = data[start : start + size]
            record.contentLength = len(record.contentData)
            self._conn.writeRecord(record)

    def writelines(self, lines: Iterable[str | bytes]) -> None:
        """Write them all."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send what waits."""
        data = b"".join(self._bufList)
        self._bufList = []
        self._write(data)

    def close(self) -> None:
        """End the stream, where something was written to it."""
        if not self.closed and self.dataWritten:
            self.flush()
            self._conn.writeRecord(Record(self._type, self._req.requestId))
            self.closed = True


class TeeOutputStream:
    """Writes to several streams."""

    def __init__(self, streamList: Sequence[Any]) -> None:
        self._streamList = streamList

    def write(self, data: str) -> None:
        """Write to all of them."""
        for stream in self._streamList:
            stream.write(data)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write them all."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush all of them."""
        for stream in self._streamList:
            stream.flush()


class StdoutWrapper:
    """Standard output, and whether something was written to it."""

    def __init__(self, stdout: Any) -> None:
        self._file = stdout
        self.dataWritten = False

    def write(self, data: bytes) -> None:
        """Write bytes."""
        if data:
            self.dataWritten = True
        getattr(self._file, "buffer", self._file).write(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write them all."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
