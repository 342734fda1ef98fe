"""What the configuration of an Apache on this machine says about a directory, as far as a customer may read it."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Where Debian, Red Hat and Arch, SUSE, and FreeBSD keep it.
CONFIGURATIONS = (
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
    "/usr/local/etc/apache2*/httpd.conf",
)

_DIRECTORY = re.compile(r'<Directory\s+"?([^">]+?)"?\s*>(.*?)</Directory>', re.DOTALL | re.IGNORECASE)
_MODULE = re.compile(r"^\s*LoadModule\s+(\w+)_module\b", re.MULTILINE | re.IGNORECASE)
_OVERRIDE = re.compile(r"^\s*AllowOverride\s+(.+?)\s*$", re.MULTILINE | re.IGNORECASE)

_INCLUDE = re.compile(r'^\s*Include(?:Optional)?\s+"?([^"\s]+)', re.MULTILINE | re.IGNORECASE)
_ROOT = re.compile(r'^\s*ServerRoot\s+"?([^"\s]+)', re.MULTILINE | re.IGNORECASE)
_OPTIONS = re.compile(r"^\s*Options\s+(.+?)\s*$", re.MULTILINE | re.IGNORECASE)

#: Files that are read; Debian's configuration has about fifty.
_MAX_FILES = 1000

#: Bytes of one file that are read.
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


def look(directory: str) -> ApacheFacts:
    """Read what there is: the configuration of each Apache that runs with one of its own, or else the system's."""
    modules: set[str] = set()
    override, best = "", -1
    scripts, nearest = False, -1
    for text in _texts(running_configurations() or CONFIGURATIONS):
        modules.update(name.lower() for name in _MODULE.findall(text))
        for place, inside in _DIRECTORY.findall(text):
            said = _OVERRIDE.search(inside)
            if said and _holds(place, directory) and len(place) > best:
                override, best = said[1], len(place)
            options = _OPTIONS.search(inside)
            if options and _holds(place, directory) and len(place) > nearest:
                words = {word.lstrip("+").lower() for word in options[1].split()}
                scripts, nearest = bool(words & {"execcgi", "all"}), len(place)
    return ApacheFacts(frozenset(modules), override, scripts)


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


def _texts(patterns: Iterable[str]) -> Iterator[str]:
    """Yield the text of each file once, and of those that it includes."""
    waiting, root = list(patterns), "/etc/apache2"
    seen: set[str] = set()
    while waiting and len(seen) < _MAX_FILES:
        for path in sorted(glob.glob(waiting.pop(0))):
            if path not in seen and os.path.isfile(path):
                seen.add(path)
                text = _read(path)
                said = _ROOT.search(text)
                root = said[1] if said else root
                waiting += [os.path.join(root, name) for name in _INCLUDE.findall(text)]
                yield text


def _holds(place: str, directory: str) -> bool:
    """Say whether a section is about a directory. ``*`` stands for one name."""
    expression = re.escape(place.rstrip("/")).replace(r"\*", "[^/]*")
    return re.match(rf"{expression}(/|$)", f"{os.path.abspath(directory).rstrip('/')}/") is not None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return re.sub(r"^\s*#.*$", "", file.read(_MAX_SIZE), flags=re.MULTILINE)
    except OSError:
        return ""
