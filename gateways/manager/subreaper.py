"""Inherit orphans, and collect every process that has ended.

Workers that a nursery forked are orphans by the time they serve. A subreaper inherits them (prctl(2)); process 1 of a
container does so in any case, together with what others have left behind.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


def is_available() -> bool:
    """Say whether this process can become a subreaper: Linux 3.4, and a Python with ctypes."""
    return _prctl(_PR_GET_CHILD_SUBREAPER, _out=True) is not None


def is_subreaper() -> bool:
    """Say whether orphans below this process become its children."""
    return os.getpid() == 1 or bool(_prctl(_PR_GET_CHILD_SUBREAPER, _out=True))


def become_subreaper() -> bool:
    """Inherit the orphans below this process from now on, also after exec. False where the system has no such thing."""
    return os.getpid() == 1 or _prctl(_PR_SET_CHILD_SUBREAPER, 1) is not None


def end_with_parent(parent: int) -> None:
    """Have this process killed when ``parent`` ends, on Linux; it has to be called anew after the user has changed."""
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it has ended already


def reap() -> list[tuple[int, int]]:
    """Collect all children that have ended: pairs of process id and wait status. Never waits.

    Strangers are among them: orphans that were inherited, and children that code in this process started.
    """
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append((pid, status))


def _prctl(option: int, value: int = 0, _out: bool = False) -> int | None:
    """Call prctl(2). Returns its value, or the one it stores where ``_out`` says so; None where it fails."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        prctl: Any = ctypes.CDLL(None).prctl
        stored = ctypes.c_int()
        argument = ctypes.byref(stored) if _out else ctypes.c_ulong(value)
        zero = ctypes.c_ulong(0)
        result = int(prctl(ctypes.c_int(option), argument, zero, zero, zero))
    except (ImportError, AttributeError, OSError):
        return None
    if result < 0:
        return None
    return stored.value if _out else result
