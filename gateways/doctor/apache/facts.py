"""What the configuration of an Apache on this machine says about a directory, as far as a customer may read it."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

from gateways.doctor.apache.syntax import Reader, covers, merging
from gateways.doctor.directives import Directive, Fault

#: Where Debian, Red Hat and Arch, SUSE, and FreeBSD keep it.
CONFIGURATIONS = (
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
    "/usr/local/etc/apache2*/httpd.conf",
)

#: Bytes of a command line that are read.
_MAX_SIZE = 1 << 20


@dataclass(frozen=True)
class ApacheFacts:
    """``modules`` are those that are loaded, ``override`` what .htaccess may say there; each empty where not known.

    ``scripts`` says that ``Options`` allows scripts in the directory.
    """

    modules: frozenset[str] = frozenset()
    override: str = ""
    scripts: bool = False

    @property
    def known(self) -> bool:
        """Whether there is a configuration that we can read."""
        return bool(self.modules)


@dataclass(frozen=True)
class _Whole:
    """What counts of all configurations: modules, and the sections of directories in the order of their merging."""

    modules: frozenset[str]
    sections: tuple[Directive, ...]


def _read() -> _Whole:
    modules: set[str] = set()
    sections: list[Directive] = []
    for root in _configurations(running_configurations() or CONFIGURATIONS):
        for directive in root.walk():
            if directive.name == "loadmodule":
                modules.add(re.sub("_module$", "", directive.value.lower()))
            elif directive.name in ("directory", "directorymatch"):
                sections.append(directive)
    return _Whole(frozenset(modules), tuple(sorted(sections, key=merging)))


_WHOLE: ContextVar[Callable[[], _Whole]] = ContextVar("whole", default=_read)


@contextmanager
def read_once() -> Iterator[None]:
    """Within this the configurations are read once, however many directories are looked at."""
    token = _WHOLE.set(lru_cache(maxsize=None)(_read))
    try:
        yield
    finally:
        _WHOLE.reset(token)


def look(directory: str) -> ApacheFacts:
    """Read what there is: the configuration of each Apache that runs with one of its own, or else the system's."""
    directory = os.path.abspath(directory)
    whole = _WHOLE.get()()
    override, scripts = "", False
    for section in whole.sections:
        if not covers(section, directory):
            continue
        if section.name == "directory" and section.value != "~":  # with an expression, Apache does not heed it
            for line in section.all("allowoverride"):
                override = " ".join(line.args)
        for line in section.all("options"):
            scripts = allows_scripts(line.args, scripts)
    return ApacheFacts(whole.modules, override, scripts)


def allows_scripts(options: Iterable[str], before: bool) -> bool:
    """Say whether scripts may run after a line of ``Options``; words with a sign change what was ``before``."""
    words = [word.lower() for word in options]
    if not any(word.startswith(("+", "-")) for word in words):
        return bool({"execcgi", "all"} & set(words))
    for word in words:
        if word[1:] in ("execcgi", "all"):
            before = word.startswith("+")
    return before


def running_configurations(proc: str = "/proc") -> tuple[str, ...]:
    """Return the files that Apaches were started with, by ``-f``."""
    found = set()
    for path in glob.glob(f"{proc}/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = [word.decode("utf-8", "surrogateescape") for word in file.read(_MAX_SIZE).split(b"\0")]
        except OSError:
            continue  # it has ended
        if os.path.basename(words[0]) in ("apache2", "httpd") and "-f" in words[:-1]:
            found.add(words[words.index("-f") + 1])
    return tuple(sorted(found - {""}))


def _configurations(patterns: Iterable[str]) -> Iterator[Directive]:
    """Yield the configurations that there are and that can be read."""
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            try:
                yield Reader(path).read(path)
            except (OSError, Fault):
                continue
