"""What ps and top show: ``gateways: master shop``, ``gateways: worker 3 of shop, generation 2``.

Linux shows the memory that the arguments of the process were put into. Its place is looked up once, and it is never
written beyond. The package ``setproctitle`` is used where it is installed: it has more room, and knows other systems.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any, Callable, NamedTuple

#: The name of the main thread, for pgrep, killall and top. Linux keeps 15 bytes of it.
_COMMAND = "gateways"
_PR_SET_NAME = 15
#: The fields arg_start and arg_end of /proc/PID/stat, after the name of the command (proc(5): 48 and 49).
_ARG_START, _ARG_END = 45, 46


class _Area(NamedTuple):
    """Where the arguments of this process are in its memory, and how many bytes. Size 0: not known for certain."""

    start: int
    size: int


def set_title(text: str) -> None:
    """Show ``text`` in place of the command line, cut where there is no room. Does nothing where that is impossible.

    The command line itself is gone then: what a process needs to execute itself anew has to be known before.
    """
    package = _package()
    if package is not None:
        package(text)
    elif _area().size:
        _write(_area(), text.encode("utf-8", "backslashreplace").replace(b"\0", b" "))
    _prctl(_PR_SET_NAME, _COMMAND)


@functools.cache
def _package() -> Callable[[str], object] | None:
    try:
        found = importlib.import_module("setproctitle").setproctitle
    except Exception:  # absent, or made for another Python
        return None
    return found if callable(found) else None


@functools.cache
def _area() -> _Area:
    """Find the place of the arguments. Done before the first title, and kept in children: it is the same there."""
    nowhere = _Area(0, 0)
    if not sys.platform.startswith("linux"):
        return nowhere
    try:
        import ctypes

        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/self/cmdline", "rb") as file:
            shown = file.read()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        if not 0 < end - start == len(shown) or not _is_writable(start, end):
            return nowhere
        return _Area(start, len(shown)) if ctypes.string_at(start, len(shown)) == shown else nowhere
    except (ImportError, OSError, ValueError, IndexError):
        return nowhere  # no /proc, another kind of kernel, a Python without ctypes


def _is_writable(start: int, end: int) -> bool:
    """Say whether all of the area is in one piece of memory that may be written."""
    with open("/proc/self/maps", "rb") as file:
        for line in file:
            place, access = line.split()[:2]
            low, _, high = place.partition(b"-")
            if int(low, 16) <= start and end <= int(high, 16):
                return access.startswith(b"rw")
    return False


def _write(area: _Area, title: bytes) -> None:
    """Fill the area. Its last byte stays 0: with another value there, Linux would go on into the environment."""
    import ctypes

    ctypes.memmove(area.start, title[: area.size - 1].ljust(area.size, b"\0"), area.size)


def _prctl(option: int, text: str) -> None:
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        prctl: Any = ctypes.CDLL(None).prctl
        prctl(ctypes.c_int(option), ctypes.c_char_p(text.encode()), *[ctypes.c_ulong(0)] * 3)
    except (ImportError, AttributeError, OSError):
        pass  # it keeps the name it has
