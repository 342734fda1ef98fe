"""How this program was started: what it takes to start it anew in the same process (successor.py).

The application may change the directory, the environment and ``sys.argv``, so all of it is taken down when this module
is imported, by ``run`` and ``gateways serve`` before they do anything.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from gateways.declared import SUCCEEDS

if TYPE_CHECKING:
    from types import ModuleType

#: Runs a script as Python does, and answers for it when that fails.
RERUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rerun.py")


class Origin(NamedTuple):
    """What was there at the start.

    ``command``    the words that started the program: the interpreter, its flags, the script or ``-m``, arguments
    ``directory``  the working directory, "" when it had been removed
    ``environ``    the environment
    ``since``      the time of the clock before anything was loaded
    ``parent``     the process to watch, as the program before this one knew it; None when this one is the first
    ``children``   processes that the program before this one has left: nobody else waits for their end
    """

    command: list[bytes]
    directory: str
    environ: dict[bytes, bytes]
    since: float
    parent: int | None
    children: tuple[int, ...]


def _take_down() -> Origin:
    environ = _environ()
    since, parent, children = _read(environ.pop(SUCCEEDS.encode(), b""))
    os.environ.pop(SUCCEEDS, None)
    try:
        directory = os.getcwd()
    except OSError:
        directory = ""
    return Origin(_command(sys.modules["__main__"]), directory, environ, since, parent, children)


def tell(parent: int) -> dict[bytes, bytes]:
    """Return the environment for the program that takes the place of this one, which has watched ``parent``."""
    children = " ".join(map(str, _children()))
    return {**origin.environ, SUCCEEDS.encode(): f"{os.getpid()} {time.time()!r} {parent} {children}".encode()}


def _read(text: bytes) -> tuple[float, int | None, tuple[int, ...]]:
    words = text.split()
    if len(words) >= 3 and words[0] == b"%d" % os.getpid():  # and not inherited from a process that started this one
        return float(words[1]), int(words[2]), tuple(map(int, words[3:]))
    # The first: it has done little else than computing since it began.
    return time.time() - time.process_time(), None, ()


def _children() -> list[int]:
    """Return the children of this process, as far as the system tells."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
    except OSError:
        pass
    return found


def _environ() -> dict[bytes, bytes]:
    """Return the environment of the start, or, where the system does not tell it, of now."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [pair.partition(b"=") for pair in file.read().split(b"\0")]
    except OSError:
        return dict(os.environb)
    return {name: value for name, equals, value in pairs if equals}


def _command(main: ModuleType) -> list[bytes]:
    """Return the command; that of a script goes by way of RERUN."""
    words = command_words()
    script = getattr(main, "__file__", None)
    if script is None or getattr(main, "__spec__", None) is not None:
        return words  # -m or -c
    if os.path.abspath(script) == RERUN:
        return words  # the script has failed, and is no module any more
    # Relative to a directory that may be another now; Python has made it absolute.
    name = os.fsencode(os.path.basename(script))
    at = next((at for at, word in enumerate(words[1:], 1) if os.path.basename(word) == name), 0)
    if not at:
        return words
    flags = words[1 : at - 1 if words[at - 1] == os.fsencode(RERUN) else at]
    return [words[0], *flags, os.fsencode(RERUN), os.fsencode(os.path.abspath(script)), *words[at + 1 :]]


def command_words() -> list[bytes]:
    """Return the words that started this process; before its title is set, which overwrites them on Python 3.9."""
    interpreter = os.fsencode(sys.executable or "python3")
    words: list[str] | None = getattr(sys, "orig_argv", None)  # Python 3.10
    if words:
        return [interpreter, *map(os.fsencode, words[1:])]
    try:
        with open("/proc/self/cmdline", "rb") as file:
            found = file.read().split(b"\0")[1:-1]
    except OSError:
        found = []
    return [interpreter, *(found or map(os.fsencode, sys.argv))]


origin = _take_down()
