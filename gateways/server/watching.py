"""Watches the files of an application while somebody works on it, and says at once when one has changed.

A thread looks at all of them (changes.py), every half second; where the package ``watchfiles`` is installed it is woken
by the system instead, and looks for itself now and then only. Beside what is loaded it watches the whole directory of
the application: a file that is new, or that could not be loaded, is no module of this process.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from gateways.loader import is_installed
from gateways.server.changes import Changes, Files, LoadedFiles, module_files, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateways.server.errorlog import ErrorLog

#: Seconds between two looks, alone and with watchfiles: it does not see what happens on file systems of a network.
INTERVAL = 0.5
WOKEN_INTERVAL = 5.0
#: Seconds for a change to settle: editors and version control write in several steps.
SETTLING = 0.1
#: What an application is written in. Nothing that it could write itself while it runs: each request would reload it.
SUFFIXES = (".py", ".html", ".jinja", ".jinja2", ".j2", ".mako", ".toml", ".ini", ".cfg")
#: Directories that hold no code of the application. Hidden ones and virtual environments are left out, too.
LEFT_OUT = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
#: No more files are watched, and no more directories looked into: somebody works in a home directory, or in /.
MAX_FILES = MAX_DIRECTORIES = 10_000


class Watcher:
    """Calls ``on_change(file)`` in a thread of its own, for one file of those that have changed together.

    ``application`` is what ``loader.load`` takes. Made before it is loaded, so that a change of what is being loaded is
    noticed; ``start`` follows when it is.
    """

    def __init__(self, application: str, on_change: Callable[[str], object], error_log: ErrorLog) -> None:
        self._application = application
        self._directory = ""
        self._interval = INTERVAL
        self._on_change = on_change
        self._error_log = error_log
        self._since = time.time()
        self._loaded = LoadedFiles()
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        self._directory = directory_of(self._application)
        self._changes = Changes(self.files, self._since)
        notify = _import_watchfiles()
        if notify is not None:
            self._interval = WOKEN_INTERVAL
            threading.Thread(target=self._listen, args=(notify,), name="gateways-notify", daemon=True).start()
        threading.Thread(target=self._watch, name="gateways-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._woken.set()

    def files(self) -> Files:
        """Return what is watched now."""
        files = self._loaded()
        return Files((*files.first, *files.others), listed=tuple(sources(self._directory)))

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                changed = self._changes.changed()
                if changed:
                    self._on_change(changed)
            except Exception as error:
                self._error_log.exception("watching for changes failed, and goes on", error)
            self._woken.wait(SETTLING if self._changes.unsettled else self._interval)
            self._woken.clear()

    def _listen(self, notify: Any) -> None:
        """Wake the other thread whenever something happens in the directory."""
        try:
            for _ in notify.watch(self._directory, stop_event=self._stopped, debounce=50, step=10, watch_filter=None):
                self._woken.set()
        except Exception as error:  # too many watches (fs.inotify.max_user_watches), or the directory is gone
            self._interval = INTERVAL
            self._error_log.warning(f"watchfiles: {error}; files are looked at every {INTERVAL:g} s instead")


def directory_of(application: str) -> str:
    """Return the directory that an application, which was loaded, is in: that of its file or of its first package."""
    where = application.rpartition(":")[0] or application
    if "/" in where or where.endswith(".py"):
        return os.path.dirname(os.path.abspath(where))
    path = dict(module_files()).get(where.partition(".")[0], "")
    if path and not is_installed(path):
        return place_of(path)
    try:
        return os.getcwd()
    except OSError:
        return ""  # it was removed


def sources(directory: str) -> Iterator[str]:
    """Give the files of an application in and below ``directory``."""
    number = 0
    for visited, (place, directories, names) in enumerate(os.walk(directory), 1):
        directories[:] = sorted(name for name in directories if not _is_left_out(place, name))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):  # some editors' copies begin with a dot
                yield os.path.join(place, name)
                number += 1
                if number >= MAX_FILES:
                    return
        if visited >= MAX_DIRECTORIES:
            return


def _is_left_out(place: str, name: str) -> bool:
    if name.startswith(".") or name in LEFT_OUT:
        return True
    return os.path.exists(os.path.join(place, name, "pyvenv.cfg"))


def _import_watchfiles() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        return None  # it waits in C, and there is no thread that it would not hold up
    try:
        return importlib.import_module("watchfiles")
    except ImportError:
        return None
