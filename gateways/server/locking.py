"""A lock that others may hold, for a while."""

from __future__ import annotations

import errno
import fcntl
import time

_INTERVAL = 0.01


def lock(fd: int, timeout: float) -> OSError | None:
    """Lock an open file or directory (flock), or return why that is impossible.

    One that others hold is waited for, for ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None
        except OSError as error:  # or a file system without locks
            if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > deadline:
                return error
        time.sleep(_INTERVAL)
