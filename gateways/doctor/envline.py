"""What ``env`` makes of the rest of a first line: which program it looks for, and where (env(1), ``-S``)."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass

#: What web servers give their scripts; Debian's apache2 service, and systemd's default.
SERVER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Of a single argument, what is to be taken apart: "-S", also behind other letters ("-iS"), and its long name.
_SPLIT = re.compile(r"(?:-([iv0]*)S|--split-string(?:=|\s))\s*", re.DOTALL)

#: Options whose value is the next word.
_WITH_VALUE = frozenset(("-u", "--unset", "-C", "--chdir", "-P", "-a", "--argv0"))


@dataclass(frozen=True)
class Started:
    """What env starts: ``name``, found at ``program`` ("" where it is not), with ``arguments``.

    ``name`` is "" where the line does not say it plainly: it is a variable of the environment, or is not there.
    """

    name: str = ""
    program: str = ""
    arguments: tuple[str, ...] = ()


def read_env(argument: str) -> Started:
    """Return what env starts for ``argument``, all that stands behind it in the first line.

    The kernel passes it as one. Raises ``ValueError``, with the reason, for what env refuses or cannot find by any
    PATH: a name with spaces, a quotation without an end.
    """
    split = _SPLIT.match(argument)
    if split is None:
        if " " in argument or "\t" in argument:
            raise ValueError(f"env gets {argument!r} as the name of one program")
        return _of([argument] if argument else [])
    try:
        return _of(shlex.split(argument[split.end() :]))
    except ValueError:
        raise ValueError(f"env finds no end of a quotation in {argument!r}") from None


def find(name: str, path: str = SERVER_PATH) -> str:
    """Return the file that env starts for a name, or ""."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else ""
    candidates = (os.path.join(directory, name) for directory in path.split(":"))
    return next((file for file in candidates if os.path.isfile(file) and os.access(file, os.X_OK)), "")


def _of(words: list[str]) -> Started:
    path = SERVER_PATH
    while words and (words[0].startswith("-") or "=" in words[0]):
        word = words.pop(0)
        if word.startswith("PATH="):
            path = word[len("PATH=") :]
        if word in _WITH_VALUE and words:
            words.pop(0)
    if not words or "$" in words[0] or "$" in path:
        return Started()
    return Started(words[0], find(words[0], path), tuple(words[1:]))
