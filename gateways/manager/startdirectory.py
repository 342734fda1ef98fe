"""The directory the program was started in, by the name the operator knows it by.

A deployment replaces directories while the program runs: ``current`` becomes a link to another release, and the old one
is removed. The kernel's idea of the working directory stays with the old one, or with nothing at all. So the name is
kept, and entered again before each loading of the application and before the program executes itself anew: it may lead
to another directory then, which is the point.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gateways.errors import ConfigError


class StartDirectory:
    """Where relative paths start. ``path`` is empty when the program was started in a directory that is gone.

    PWD of ``environ`` is believed when it leads to the working directory: shells keep the name there by which links
    were followed, and ``os.getcwd`` would say where they led to.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.path = _by_name(environ.get("PWD", "")) or _by_system()

    def resolve(self, name: str, path: str, base: str | None = None) -> str:
        """Return ``path``, absolute. It is relative to ``base`` (``chdir``), and that to the start directory.

        ``name`` is the setting, for the ``ConfigError`` where the start directory is needed, and gone.
        """
        joined = os.path.join(base or "", path)
        if os.path.isabs(joined):
            return joined
        if not self.path:
            raise ConfigError(f"{name} {path!r}: the directory this was started in is gone; give an absolute path")
        return os.path.join(self.path, joined)

    def enter(self) -> bool:
        """Make it the working directory again. False: it is gone, and the process stays where it is."""
        try:
            os.chdir(self.path)
        except OSError:
            return False
        return True


def _by_name(name: str) -> str:
    try:
        return name if os.path.isabs(name) and os.path.samefile(name, ".") else ""
    except OSError:
        return ""


def _by_system() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""
