"""The error log: one timestamped line for each record, with the process id, control characters escaped."""

from __future__ import annotations

import os
import time
import traceback

from gateways.errors import ConfigError

LEVELS = ("debug", "info", "notice", "warning", "error")
#: A longer line is cut: many log readers cut at 8 KiB, too.
MAX_LINE = 8192

# C0, DEL and C1 but tab, and Unicode's line ends: text from a client must not steer terminals or forge records.
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(9), *range(10, 32), *range(127, 160))}
_ESCAPES.update({0x2028: "\\u2028", 0x2029: "\\u2029"})


class ErrorLog:
    """Writes records of ``level`` and above to ``target``, a file name or ``"-"`` for standard error.

    Nothing here raises after construction: a log that cannot be written must not fail a request. Raises ``ConfigError``
    when the file cannot be opened.
    """

    def __init__(self, target: str = "-", level: str = "info") -> None:
        self._target = target
        self._least = LEVELS.index(level)
        self._fd = 2 if target == "-" else _open(target)

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
        """An error with its traceback, one record for each line."""
        self._log(4, f"{message}: {type(error).__name__}: {error}")
        for entry in traceback.format_exception(type(error), error, error.__traceback__):
            for line in entry.rstrip("\n").split("\n"):
                self._log(4, f"  {line}")

    def reopen(self) -> None:
        """Open the file anew, after it was rotated; the old one is kept when that fails."""
        if self._target == "-":
            return
        try:
            fd = _open(self._target)
        except ConfigError as error:
            self.error(str(error))
            return
        os.dup2(fd, self._fd)
        os.close(fd)

    def _log(self, level: int, message: str) -> None:
        if level < self._least:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
        text = f"{stamp}.{int(now % 1 * 1000):03d} [{os.getpid()}] {LEVELS[level]}: {message.translate(_ESCAPES)}"
        data = text.encode("utf-8", "backslashreplace")
        if len(data) >= MAX_LINE:
            data = data[: MAX_LINE - 4] + b"..."
        try:
            os.write(self._fd, data + b"\n")
        except OSError:
            pass


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigError(f"error_log {path!r} cannot be opened: {error.strerror}") from None
