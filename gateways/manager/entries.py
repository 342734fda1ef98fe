"""The slow log: one entry for each request that took too long, with what the threads of its worker were doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateways.escaping import escape
from gateways.server.errorlog import timestamp
from gateways.server.logfile import LogFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateways.server.errorlog import ErrorLog

#: The longest entry, bytes: what somebody reads of a worker of a hundred threads.
MAX_ENTRY = 65536


class Entry(NamedTuple):
    """A request that took too long."""

    #: When the stacks were asked for: wall clock.
    when: float
    pool: str
    worker: int
    pid: int
    #: Method and URI, and who asked: ``GET /report?all=1 from 192.0.2.7``.
    request: str
    #: How long it had taken, and its number in its worker.
    seconds: float
    number: int
    #: What the threads were doing, or why that is not known.
    stacks: str


class SlowLog:
    """Writes entries to ``target``, a file name, or ``"-"`` for the error log.

    ``write`` raises nothing. Raises ``ConfigError`` when the file cannot be opened.
    """

    def __init__(self, target: str, error_log: ErrorLog) -> None:
        self._error_log = error_log
        self._file = None if target == "-" else LogFile("slow_log", target, 2, error_log.error)

    def write(self, entry: Entry) -> None:
        """Write one entry: a line that says what took how long, and the stacks, indented, below it."""
        head = (
            f"pool {entry.pool}, worker {entry.worker}, pid {entry.pid}: "
            f"{entry.request} has taken {entry.seconds:.3f} s (request {entry.number})"
        )
        if self._file is None:
            self._error_log.warning(f"slow: {head}")
            for line in filter(None, _cut(entry.stacks)):
                self._error_log.warning(f"  {line}")
            return
        limit = self._file.max_line
        lines = [
            f"{timestamp(entry.when)} {escape(head)}",
            *[f"  {line}" if line else "" for line in _cut(entry.stacks)],
        ]
        self._file.write_all(_encode(line, limit) for line in [*lines, ""])

    def reopen(self) -> None:
        """Open the file anew, after it was renamed."""
        if self._file is not None:
            self._file.reopen()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _cut(text: str) -> Iterator[str]:
    """Give the lines of ``text``, escaped, until they are too much for an entry."""
    room = MAX_ENTRY
    for line in text.split("\n"):
        line = escape(line.rstrip("\r"))
        room -= len(line) + 3
        if room < 0:
            yield "..."
            return
        yield line


def _encode(line: str, limit: int) -> bytes:
    data = line.encode("utf-8", "backslashreplace")
    if len(data) >= limit:
        data = data[: limit - 4].decode("utf-8", "ignore").encode() + b"..."
    return data + b"\n"
