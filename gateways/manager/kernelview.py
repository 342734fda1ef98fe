"""What the kernel knows of a process that does not answer, on Linux: which threads run, and what others wait for."""

from __future__ import annotations

import os

_MAX_THREADS = 100
_STATES = {
    "R": "running",
    "S": "waiting",
    "D": "waiting, cannot be interrupted",
    "T": "stopped",
    "t": "stopped by a debugger",
    "Z": "ended",
}


def is_stopped(pid: int) -> bool:
    """Say whether the process was stopped (SIGSTOP); false where the system does not tell."""
    return _state(f"/proc/{pid}") in ("T", "t")


def is_held(pid: int, thread: int, number: int) -> bool:
    """Say whether a signal waits for a thread, which may be in its handler; false where the system does not tell."""
    for line in _read(f"/proc/{pid}/task/{thread}/status").splitlines():
        name, _, value = line.partition(":")
        if name in ("SigPnd", "SigBlk"):
            try:
                if int(value, 16) >> (number - 1) & 1:
                    return True
            except ValueError:
                pass  # the file is longer than what is read of it
    return False


def describe(pid: int) -> str:
    """Return a line for each thread: ``Thread 1234 of the kernel: waiting (hrtimer_nanosleep)``; "" if it cannot."""
    try:
        threads = sorted(os.listdir(f"/proc/{pid}/task"), key=int)
    except (OSError, ValueError):
        return ""
    lines = []
    for thread in threads[:_MAX_THREADS]:
        place = f"/proc/{pid}/task/{thread}"
        state = _state(place)
        where = _read(f"{place}/wchan")
        if state:
            text = _STATES.get(state, state) + (f" ({where})" if where not in ("", "0") else "")
            lines.append(f"Thread {thread} of the kernel: {text}")
    return "\n".join(lines)


def _state(place: str) -> str:
    # The name of the program may hold spaces and brackets.
    return _read(f"{place}/stat").rpartition(")")[2].strip()[:1]


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="backslashreplace") as file:
            return file.read(4096)
    except OSError:
        return ""
