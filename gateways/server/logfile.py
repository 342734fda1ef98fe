"""Where log lines go: a file, or a stream this process was started with. Writing never raises and never waits long."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable

# Both by name: gevent replaces what is in their modules later. A greenlet that waits here while it holds the lock must
# hold up all others, or one of them would wait for that lock and never let it go on.
from select import POLLOUT, poll
from threading import Lock
from typing import Callable
from weakref import WeakSet

from gateways.errors import ConfigError

#: The longest line for a file: many programs that read logs cut at 8 KiB, too.
MAX_LINE = 8192
#: The longest for a pipe or terminal: what the system takes whole, and unmixed with other processes' lines (PIPE_BUF).
MAX_PIPE_LINE = 4096
#: How long a line waits for a reader that is slow, milliseconds. After one that stood still lines do not wait at all.
_PATIENCE = 100


#: Those of this process: a fork that comes while another thread writes leaves its lock held in the child, for ever.
_open_files: WeakSet[LogFile] = WeakSet()


class LogFile:
    """Appends whole lines to ``target``, a file name, or ``"-"`` for the descriptor ``stream``.

    A line that cannot be written is dropped and counted in ``lost``: a full disk, or a reader that stands still, must
    not fail a request or hold it up. ``report`` is called once when that begins, and once when it is over. ``name``
    stands for the log in messages. Raises ``ConfigError`` when the file cannot be opened.
    """

    def __init__(self, name: str, target: str, stream: int, report: Callable[[str], None]) -> None:
        self._name = name
        self._target = target
        # Absolute, because reopen() may come after the application has changed the directory.
        self._path = "" if target == "-" else _absolute(name, target)
        self._report = report
        self._lock = Lock()
        self.lost = 0
        # A copy, because an application that closes sys.stdout would make the next connection take its number.
        self._fd = self._open() if self._path else fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, 3)
        self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        _open_files.add(self)
        #: The longest line, in bytes and with its end, that ``write`` should be given.
        self.max_line = MAX_LINE if self._is_file else MAX_PIPE_LINE

    def write(self, data: bytes) -> None:
        """Write one line, or several that are not longer than ``max_line`` together, with one system call."""
        try:
            if self._is_file:
                written = os.write(self._fd, data)
            else:
                with self._lock:  # or another thread might take the room that was seen
                    written = os.write(self._fd, data) if self._has_room() else 0
            if written < len(data):
                raise OSError(errno.EAGAIN, "it takes no more")
        except OSError as error:
            self.lost += 1
            if self.lost == 1:
                self._report(f"{self._name} cannot be written, lines are lost: {error.strerror}")
            return
        if self.lost:
            lost, self.lost = self.lost, 0
            self._report(f"{self._name} is written again; {lost} lines were lost")

    def write_all(self, lines: Iterable[bytes]) -> None:
        """Write many lines, as many at once as may be."""
        together = b""
        for line in lines:
            if together and len(together) + len(line) > self.max_line:
                self.write(together)
                together = b""
            together += line
        if together:
            self.write(together)

    def reopen(self) -> None:
        """Open the file anew, after it was renamed. Where that fails, the old one stays in use."""
        if not self._path:
            return
        try:
            fd = self._open()
        except ConfigError as error:
            self._report(f"{error}; the old file stays in use")
            return
        os.dup2(fd, self._fd, inheritable=False)  # in one step: other threads are writing
        os.close(fd)

    def fileno(self) -> int:
        """Return the descriptor, for another process to ``adopt`` a copy of."""
        return self._fd

    def adopt(self, fd: int) -> None:
        """Write to the open file ``fd`` from now on: another process has opened it where this one may not. Takes it."""
        os.dup2(fd, self._fd, inheritable=False)
        os.close(fd)

    def close(self) -> None:
        """Close the descriptor. Nothing may be written after that."""
        os.close(self._fd)

    def _has_room(self) -> bool:
        room = poll()
        room.register(self._fd, POLLOUT)
        return bool(room.poll(0 if self.lost else _PATIENCE))

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        try:
            return os.open(self._path, flags, 0o640)
        except OSError as error:
            raise ConfigError(f"{self._name} {self._target!r} cannot be opened: {_why(self._path, error)}") from None


def _renew_locks() -> None:
    for file in list(_open_files):
        file._lock = Lock()


os.register_at_fork(after_in_child=_renew_locks)


def _absolute(name: str, path: str) -> str:
    if os.path.isabs(path):
        return path
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:
        raise ConfigError(
            f"{name} {path!r} cannot be opened: the current directory is gone; give an absolute path"
        ) from None


def _why(path: str, error: OSError) -> str:
    directory = os.path.dirname(path)
    if error.errno == errno.ENOENT:
        return f"there is no directory {directory}; create it"
    if error.errno == errno.EACCES:
        return f"no permission for user {os.geteuid()}; let it write in {directory}, or choose another file"
    return error.strerror or str(error)
