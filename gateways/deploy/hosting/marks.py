"""Marks what ``gateways init`` writes, so that it knows it again: and knows whether a person has changed it since."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_FILE = re.compile(r"^# Written by gateways init ([0-9a-f]{12}): .*\n", re.MULTILINE)
_FILE_TEXT = "# Written by gateways init {}: gateways init --remove takes it away, as long as nobody has changed it.\n"

_BEGIN = "# >>> gateways init {} {}: gateways init --remove takes these lines away, as long as nobody changed them.\n"
_END = "# <<< gateways init\n"
_BLOCK = re.compile(r"# >>> gateways init (file|lines) ([0-9a-f]{12}): [^\n]*\n(.*?)# <<< gateways init\n", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """The lines of ours in a file: where they are, whether nobody has changed them, and whether the file was made."""

    start: int
    end: int
    unchanged: bool
    whole: bool


def mark_file(text: str, line: int = 1) -> str:
    """Return the text of a file with the mark behind so many lines."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:line], _FILE_TEXT.format(_digest(text)), *lines[line:]])


def is_marked(text: str) -> bool:
    """Say whether a file was written by us, changed or not."""
    return _FILE.search(text) is not None


def is_unchanged(text: str) -> bool:
    """Say whether a file is as we wrote it."""
    match = _FILE.search(text)
    return match is not None and _digest(text[: match.start()] + text[match.end() :]) == match[1]


def mark_block(text: str, whole: bool) -> str:
    """Return lines with marks around them. ``whole`` says that they are a file of their own."""
    return f"{_BEGIN.format('file' if whole else 'lines', _digest(text))}{text}{_END}"


def find_block(text: str) -> Block | None:
    """Return our lines in the text of a file, or None."""
    match = _BLOCK.search(text)
    if match is None:
        return None
    return Block(match.start(), match.end(), _digest(match[3]) == match[2], match[1] == "file")


def _digest(text: str) -> str:
    """Not against anybody: it tells a change."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
