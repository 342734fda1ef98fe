"""A lock that others may hold, for a while."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from gateways.server.locking import lock
from tests.support.serving import PATIENCE


def test_it_is_waited_for(tmp_path: Path) -> None:
    first, second = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    assert lock(first, PATIENCE) is None
    problem = lock(second, 0.05)
    assert problem is not None
    assert problem.errno == errno.EAGAIN
    timer = threading.Timer(0.05, os.close, (first,))
    timer.start()
    assert lock(second, PATIENCE) is None
    timer.join()
    os.close(second)


def test_what_cannot_be_locked_is_not_waited_for(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    os.close(fd)
    problem = lock(fd, PATIENCE)
    assert problem is not None
    assert problem.errno == errno.EBADF
