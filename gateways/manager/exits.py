"""How a process ended, in words for people."""

from __future__ import annotations

import os
import signal

#: What is worth a guess: who looks at the log does not know these by heart.
_HINTS = {
    signal.SIGKILL: "out of memory?",
    signal.SIGXCPU: "over its limit of processor time",
    signal.SIGSYS: "a system call that is not allowed",
}


def describe_exit(status: int, expected: bool = False) -> str:
    """Return what a status of ``os.waitpid`` means: ``exit status 3``, ``killed by SIGKILL (out of memory?)``.

    ``expected`` leaves the guess out: the signal was our own.
    """
    if os.WIFEXITED(status):
        return f"exit status {os.WEXITSTATUS(status)}"
    if not os.WIFSIGNALED(status):
        return f"wait status {status:#x}"
    number = os.WTERMSIG(status)
    notes = [_HINTS[hinted] for hinted in _HINTS if hinted == number and not expected]
    if os.WCOREDUMP(status):
        notes.append("core dumped")
    return f"killed by {signal_name(number)}" + (f" ({', '.join(notes)})" if notes else "")


def signal_name(number: int) -> str:
    """Return ``SIGTERM`` for 15, and ``signal 40`` for one that has no name of its own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
