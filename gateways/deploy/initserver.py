"""What the configuration of an Apache on this machine says about a directory, as far as a customer may read it."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass

#: Where Debian, Red Hat, Arch and SUSE keep it.
CONFIGURATIONS = (
    "/etc/apache2/apache2.conf",
    "/etc/apache2/*-enabled/*",
    "/etc/httpd/conf/httpd.conf",
    "/etc/httpd/conf.d/*.conf",
    "/etc/httpd/conf.modules.d/*.conf",
    "/etc/apache2/httpd.conf",
    "/etc/apache2/conf.d/*.conf",
)

_DIRECTORY = re.compile(r'<Directory\s+"?([^">]+?)"?\s*>(.*?)</Directory>', re.DOTALL | re.IGNORECASE)
_MODULE = re.compile(r"^\s*LoadModule\s+(\w+)_module\b", re.MULTILINE | re.IGNORECASE)
_OVERRIDE = re.compile(r"^\s*AllowOverride\s+(.+?)\s*$", re.MULTILINE | re.IGNORECASE)

#: Bytes of one file that are read.
_MAX_SIZE = 1 << 20


@dataclass(frozen=True)
class ApacheFacts:
    """``modules`` are those that are loaded, ``override`` what .htaccess may say there; each empty where not known."""

    modules: frozenset[str] = frozenset()
    override: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a configuration that we can read."""
        return bool(self.modules)


def look(directory: str) -> ApacheFacts:
    """Read what there is."""
    modules: set[str] = set()
    override, best = "", -1
    for path in sorted({name for pattern in CONFIGURATIONS for name in glob.glob(pattern)}):
        text = _read(path)
        modules.update(name.lower() for name in _MODULE.findall(text))
        for place, inside in _DIRECTORY.findall(text):
            said = _OVERRIDE.search(inside)
            if said and _holds(place, directory) and len(place) > best:
                override, best = said[1], len(place)
    return ApacheFacts(frozenset(modules), override)


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
