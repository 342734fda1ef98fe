"""How this program was started: what it takes to start it anew in the same process (successor.py).

The application may change the directory, the environment and ``sys.argv``, so all of it is taken down when this module
is imported, by ``run`` and ``gateways serve`` before they do anything.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

#: What a program tells the one that takes its place: the process, when it left, and the parent that it has watched.
VARIABLE = "GATEWAYS_SUCCEEDS"

#: Runs a script as Python does, and answers for it when that fails.
RERUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rerun.py")


class Origin(NamedTuple):
    """What was there at the start.

    ``command``    the words that started the program: the interpreter, its flags, the script or ``-m``, arguments
    ``directory``  the working directory, "" when it had been removed
    ``environ``    the environment
    ``since``      the time of the clock before anything was loaded
    ``parent``     the process to watch, as the program before this one knew it; None when this one is the first
    """

    command: list[bytes]
    directory: str
    environ: dict[bytes, bytes]
    since: float
    parent: int | None


def _take_down() -> Origin:
    environ = _environ()
    since, parent = _read(environ.pop(VARIABLE.encode(), b""))
    os.environ.pop(VARIABLE, None)
    try:
        directory = os.getcwd()
    except OSError:
        directory = ""
    return Origin(_command(sys.modules["__main__"]), directory, environ, since, parent)


def _read(text: bytes) -> tuple[float, int | None]:
    words = text.split()
    if len(words) == 3 and words[0] == b"%d" % os.getpid():  # and not inherited from a process that started this one
        return float(words[1]), int(words[2])
    # The first: it has done little else than computing since it began.
    return time.time() - time.process_time(), None


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
