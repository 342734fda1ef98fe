"""Processes forked off the tests' own, for what happens between a master and its workers."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Iterator
from typing import Callable

from tests.support.processes import fork
from tests.support.serving import until


class Child:
    """A process that was forked off; ``status`` is what ``waitpid`` says of it, None while it runs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    def ended(self) -> bool:
        """Look whether it has ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        until(self.ended, "for the end of a child")
        assert self.status is not None
        return os.waitstatus_to_exitcode(self.status)

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if not self.ended():
            os.kill(self.pid, number)


@contextlib.contextmanager
def child(main: Callable[[], object]) -> Iterator[Child]:
    """Run ``main`` in a process of its own, which ends with status 0 after it and with 99 where it raises."""
    pid = fork()
    if not pid:
        code = 99
        try:
            main()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    process = Child(pid)
    try:
        yield process
    finally:
        process.signal(signal.SIGKILL)
        process.wait()
