"""The error log: one timestamped line for each record, with the process id, all controls escaped."""

from __future__ import annotations

import os
import time
import traceback

from gateways.escaping import escape
from gateways.server.logfile import LogFile

LEVELS = ("debug", "info", "notice", "warning", "error")

#: Lines of a traceback. A longer one keeps both ends: where it began, and what was raised.
MAX_TRACEBACK = 200


class ErrorLog:
    """Writes records of ``level`` and above to ``target``, a file name or ``"-"`` for standard error.

    Nothing here raises after construction: a log that cannot be written must not fail a request. Raises ``ConfigError``
    when the file cannot be opened.
    """

    def __init__(self, target: str = "-", level: str = "info") -> None:
        self._least = LEVELS.index(level)
        self._file = LogFile("error_log", target, 2, self.error)

    def debug(self, message: str) -> None:
        """For those who look for a fault in gateways."""
        self._log(0, message)

    def info(self, message: str) -> None:
        """What happens every day, a client's leaving for example."""
        self._log(1, message)

    def notice(self, message: str) -> None:
        """Starting, stopping and the like."""
        self._log(2, message)

    def warning(self, message: str) -> None:
        """Something is wrong, and the request or the process goes on."""
        self._log(3, message)

    def error(self, message: str) -> None:
        """A request failed, or something that an administrator has to mend."""
        self._log(4, message)

    def exception(self, message: str, error: BaseException) -> None:
        """An error with its traceback, one record for each line, all of them together."""
        try:
            lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
        except Exception as second:  # too deep, out of memory, or an exception with a life of its own
            lines = [f"{type(error).__name__}, and its traceback cannot be shown: {type(second).__name__}"]
        if len(lines) > MAX_TRACEBACK:
            half = MAX_TRACEBACK // 2
            lines[half:-half] = [f"... {len(lines) - 2 * half} lines ..."]
        self._file.write_all([self._record(4, f"{message}: {lines[-1].strip()}")])
        self._file.write_all(self._record(4, f"  {line}") for line in lines)

    def reopen(self) -> None:
        """Open the file anew, after it was renamed; the old one is kept when that fails."""
        self._file.reopen()

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._file.fileno()

    def adopt(self, fd: int) -> None:
        """Write to the open file ``fd`` from now on, and take it."""
        self._file.adopt(fd)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _log(self, level: int, message: str) -> None:
        if level >= self._least:
            self._file.write(self._record(level, message))

    def _record(self, level: int, message: str) -> bytes:
        text = f"{timestamp(time.time())} [{os.getpid()}] {LEVELS[level]}: {escape(message)}"
        line = text.encode("utf-8", "backslashreplace")
        room = self._file.max_line - 1
        if len(line) > room:
            line = line[: room - 3].decode("utf-8", "ignore").encode() + b"..."
        return line + b"\n"


def timestamp(now: float) -> str:
    """Write the wall clock time ``now`` as all logs do: local, with milliseconds."""
    second = time.localtime(now)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', second)}.{int(now % 1 * 1000):03d}{time.strftime('%z', second)}"
