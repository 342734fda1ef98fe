"""The files that an application is made of, and which of them has changed since it was loaded.

Nothing wakes a process when a file changes, on every system and file system, so the files are looked at again and
again: ``stat``, a microsecond each. A look is bounded: those that people touch are looked at each time, the others by
turns.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.util import cache_from_source
from typing import TYPE_CHECKING, NamedTuple, Optional

from gateways.loader import is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: What tells one state of a file from another: a copy may keep the time and the size, but not the inode.
Signature = Optional[tuple[int, int, int]]

#: Touched to have an application loaded anew, in the directory of the script or the application: the second as for
#: Phusion Passenger.
RESTART_FILES = ("restart.txt", os.path.join("tmp", "restart.txt"))

#: How many files of one kind are looked at at once.
_AT_ONCE = 64


class Files(NamedTuple):
    """Paths of files: ``first`` are looked at each time, ``others`` by turns.

    ``listed`` is everything in some directory, looked at each time: what comes to be there later has changed. The
    others come to be known when they are loaded, which is no change.
    """

    first: Sequence[str]
    others: Sequence[str] = ()
    listed: Sequence[str] = ()


def signature(path: str) -> Signature:
    """Return what differs when the file has changed; None where there is no such file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Changes:
    """Says which file has changed. ``files`` is asked at each look, as modules are imported while requests are served.

    A file counts when it is as it was at the look before: one that is being written, or several that come one after
    another, are waited for. One that has vanished does not count; it may come back, and what is gone cannot be loaded.

    ``since`` is the time of the clock before anything was loaded. A file that was written between that and the first
    look may have been read before, and counts as changed.
    """

    def __init__(self, files: Callable[[], Files], since: float) -> None:
        self._files = files
        self._since = int(since * 1e9)
        self._known: dict[str, Signature] = {}
        self._found: dict[str, Signature] = {}
        self._turn = 0
        self._learn(files(), True)

    def changed(self) -> str:
        """Look, and return the first file that has changed, or "". It is returned once."""
        files = self._files()
        self._learn(files, False)
        found: dict[str, Signature] = {}
        for path in dict.fromkeys((*files.listed, *files.first, *self._found, *self._next(files.others))):
            now = signature(path)
            if now is not None and now != self._known[path]:
                found[path] = now
        settled = found == self._found
        self._found = {} if settled else found
        if not found or not settled:
            return ""
        for path, now in found.items():
            _forget_compiled(path, self._known[path], now)
        self._known.update(found)
        return next(iter(found))

    @property
    def unsettled(self) -> bool:
        """Whether something has changed that the next look may return."""
        return bool(self._found)

    def reason(self) -> str:
        """The same, as a sentence."""
        path = self.changed()
        return f"{path} has changed" if path else ""

    def _learn(self, files: Files, begin: bool) -> None:
        """Note what is new among the files as it is now."""
        for path in files.listed:
            if path not in self._known and not begin:
                self._known[path] = None
        for paths in files:
            for path in paths:
                if path not in self._known:
                    now = signature(path)
                    late = now is not None and self._since <= now[0] <= time.time_ns()
                    self._known[path] = None if late else now

    def _next(self, paths: Sequence[str]) -> Sequence[str]:
        """Return those whose turn it is."""
        if self._turn >= len(paths):
            self._turn = 0
        begin = self._turn
        self._turn += _AT_ONCE
        return paths[begin : self._turn]


def _forget_compiled(path: str, before: Signature, now: Signature) -> None:
    """Remove what Python has compiled of a module, where it would take it for that of the new source."""
    # It compares the size, and the time in whole seconds.
    if (
        not path.endswith(".py")
        or now is None
        or (before and (before[0] // 10**9, before[1]) != (now[0] // 10**9, now[1]))
    ):
        return
    try:
        os.unlink(cache_from_source(path))
    except (OSError, NotImplementedError):
        pass


class LoadedFiles:
    """What this process has loaded: its script, the application's modules, the package ``gateways``, and RESTART_FILES.

    Modules of the standard library are left out, and so are installed packages: ``pip`` takes its time, so that a
    process would load one half of each. With ``only_restart`` it is RESTART_FILES alone. ``more`` are other files that
    are touched. Called, it returns the ``Files``.
    """

    def __init__(self, only_restart: bool = False, more: Sequence[str] = ()) -> None:
        self._only_restart = only_restart
        self._more = [os.path.abspath(path) for path in more]
        self._count = -1
        self._files = Files(())

    def __call__(self) -> Files:
        # The number of modules says whether there are new ones, at nearly no cost.
        if self._count != len(sys.modules):
            self._count = len(sys.modules)
            self._files = self._gather()
        return self._files

    def _gather(self) -> Files:
        tops: dict[str, None] = {}
        places: dict[str, None] = {}
        others: dict[str, None] = {}
        for name, path in module_files():
            if name.partition(".")[0] == "gateways":
                if name == "gateways":
                    tops[path] = None
            elif name == "__main__" or ("." not in name and not is_installed(path)):
                tops[path] = None
                places[place_of(path)] = None
            elif not is_installed(path):
                others[path] = None
        restart = self._more + [
            os.path.join(place, name) for place in list(places)[:_AT_ONCE] for name in RESTART_FILES
        ]
        if self._only_restart:
            return Files(restart)
        first = list(tops)
        return Files((*first[:_AT_ONCE], *restart), (*first[_AT_ONCE:], *others))


def module_files() -> Iterable[tuple[str, str]]:
    """Give name and file of each module that was loaded from one."""
    for name, module in list(sys.modules.items()):
        try:
            # Past what a module does when it is asked for an attribute: one that is loaded lazily would be loaded.
            path = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if isinstance(path, str) and os.path.isabs(path):  # relative ones are of the time before Python 3.9
            yield name, path


def place_of(path: str) -> str:
    """Return the directory that a top-level module is imported from."""
    directory, name = os.path.split(path)
    return os.path.dirname(directory) if name.startswith("__init__.") else directory
