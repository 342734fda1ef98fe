"""The file that holds the master's process id, and that only one living master can have.

Whether the process of an old file still lives is told by a lock and not by its number, which another process may have
by now. It is a POSIX record lock: unlike flock it stays with this one process, so that a worker that outlives a killed
master for a moment does not hold up the next start, and it survives exec.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import struct
import sys

from gateways.errors import ConfigError

_CONTENT = re.compile(rb"[0-9]{0,10}\s*")
_HELD = (errno.EACCES, errno.EAGAIN)
#: struct flock on Linux: type, whence, start, length, pid.
_FLOCK = "hhlli"


class PidFile:
    """The pid file at ``path``; ``take`` writes it, ``remove`` removes it.

    ``fd`` is what ``fileno`` returned before this process executed itself anew, else -1.
    """

    def __init__(self, path: str, fd: int = -1) -> None:
        self.path = path if os.path.isabs(path) else os.path.join(_working_directory(path), path)
        self._fd = fd
        self._owner = 0

    def take(self) -> None:
        """Write the number of this process. A reader never sees half of it.

        Raises ``ConfigError``: when another process that lives holds the file, when something else than a pid file is
        in its place, and when it cannot be written.
        """
        if self._fd >= 0 and not self._is_kept():
            self.close()
        if self._fd < 0:
            try:
                self._fd = self._place()
            except OSError as error:
                raise ConfigError(f"pid_file {self.path!r} cannot be written: {_why(self.path, error)}") from None
        self._owner = os.getpid()

    def fileno(self) -> int:
        """Return the descriptor; the lock survives exec if it is inheritable, for the ``PidFile`` after it."""
        return self._fd

    def remove(self) -> None:
        """Remove the file, if this process wrote it and it is still that one."""
        if self._fd >= 0 and os.getpid() == self._owner and self._is_at_path():
            try:
                os.unlink(self.path)
            except OSError:
                pass  # the lock is gone with the process: the next start finds the file stale
        self.close()

    def close(self) -> None:
        """Let go of the file and leave it where it is: what a child does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _is_kept(self) -> bool:
        """Say whether ``fd`` is the file that this process locked before exec."""
        try:
            if not self._is_at_path() or os.pread(self._fd, 32, 0).strip() != b"%d" % os.getpid():
                return False
            os.set_inheritable(self._fd, False)
            _lock(self._fd)
        except OSError:
            return False
        return True

    def _is_at_path(self) -> bool:
        try:
            return _identity(os.fstat(self._fd)) == _identity(os.lstat(self.path))
        except OSError:
            return False

    def _place(self) -> int:
        """Put a complete and locked file at the path; return its descriptor."""
        new = os.path.join(os.path.dirname(self.path), f".{os.path.basename(self.path)}.{os.getpid()}")
        fd = _create(new)
        try:
            os.fchmod(fd, 0o644)
            os.write(fd, b"%d\n" % os.getpid())
            _lock(fd)
            while not self._publish(new):
                pass  # whoever was in the way has gone
        except BaseException:
            os.close(fd)
            raise
        finally:
            _unlink(new)
        return fd

    def _publish(self, new: str) -> bool:
        """Give ``new`` the name of the pid file. False: what was there has changed meanwhile."""
        try:
            os.link(new, self.path)
            return True
        except FileExistsError:
            pass
        try:
            stale = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            self._refuse_taken(stale)
            # Who holds the lock of the file at the path, and nobody else, may replace it.
            if _identity(os.fstat(stale)) != _identity(os.lstat(self.path)):
                return False
            os.rename(new, self.path)
            return True
        except FileNotFoundError:
            return False
        finally:
            os.close(stale)

    def _refuse_taken(self, fd: int) -> None:
        """Raise ``ConfigError`` unless ``fd`` is a pid file that nobody holds; lock it."""
        content = os.pread(fd, 64, 0) if stat.S_ISREG(os.fstat(fd).st_mode) else b"?"
        if not _CONTENT.fullmatch(content):
            raise ConfigError(f"pid_file {self.path!r} exists and is no pid file; move it, or choose another name")
        try:
            _lock(fd)
        except OSError as error:
            if error.errno not in _HELD:
                raise
            raise ConfigError(
                f"pid_file {self.path!r}: process {content.decode().strip()} holds it and is running; "
                f"stop it, or choose another file"
            ) from None


def is_held(fd: int) -> bool:
    """Say whether another process has locked the open file ``fd``; True where the system cannot be asked."""
    if sys.platform != "linux":
        return True
    question = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    try:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, question)
    except OSError:
        return True
    kind: int = struct.unpack(_FLOCK, answer)[0]
    return kind != fcntl.F_UNLCK


def _create(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:  # left behind by a process that had our number and was killed
        os.unlink(path)
        return os.open(path, flags, 0o644)


def _lock(fd: int) -> None:
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was renamed


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _working_directory(path: str) -> str:
    try:
        return os.getcwd()
    except OSError:
        raise ConfigError(f"pid_file {path!r}: the current directory is gone; give an absolute path") from None


def _why(path: str, error: OSError) -> str:
    directory = os.path.dirname(path)
    if error.errno == errno.ENOENT:
        return f"there is no directory {directory}; create it (under systemd: RuntimeDirectory=)"
    if error.errno == errno.EACCES:
        return f"no permission for user {os.geteuid()}; let it write in {directory}, or choose another file"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link; give the file it leads to"
    if error.errno == errno.ENOLCK:
        return "this file system has no locks; choose a local one, such as /run"
    return error.strerror or str(error)
