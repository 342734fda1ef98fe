"""Signals as the master gets them: one at a time, in the loop, never in the middle of something."""

from __future__ import annotations

import os
import signal
from typing import Any

#: What the master obeys. SIGCHLD only wakes it: which child it was, waitpid says.
NAMES = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGCHLD", "SIGWINCH")


class Inbox:
    """Signals of this process, from ``open`` to ``close``. Made in the main thread.

    ``fileno()`` is readable when one has come. SIGHUP that is ignored at the start stays so: nohup asks for that.
    With ``handles=False``, which any thread may say, nothing comes but what is posted.
    """

    def __init__(self, handles: bool = True) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: list[tuple[int, Any]] = []
        self._handles = handles
        if not handles:
            return
        # First: a signal that comes between a handler and this would be lost. A full pipe holds thousands of signals
        # already: one that does not fit is no loss, and no warning.
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for name in NAMES:
            number = getattr(signal, name)
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before.append((number, signal.signal(number, _do_nothing)))
        # The master that executed this program has blocked them, so that none was lost until now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number for number, _ in self._before])

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._read

    def post(self, number: int) -> None:
        """Let a signal have come. Safe in any thread, and in a signal handler."""
        try:
            os.write(self._write, bytes((number,)))
        except OSError:
            pass  # it is full, or it was closed

    def take(self) -> list[int]:
        """Return the numbers of the signals that came, in their order, each that came again at once only once."""
        try:
            data = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return [number for place, number in enumerate(data) if not place or data[place - 1] != number]

    def shed(self) -> None:
        """Let go of the descriptors, in a child."""
        os.close(self._read)
        os.close(self._write)

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        if self._handles:
            signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before:
            signal.signal(number, handler)
        self.shed()


def _do_nothing(number: int, frame: object) -> None:
    """The number is in the pipe already."""
