"""Where the keys of a TOML document stand: the line of each, and how its value is written there.

The standard library's parser tells neither. This scanner relies on it: the document has been parsed without an error
before, so that only what keys and values look like has to be known here, not what is allowed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple, Union

#: The keys from the root of the document; the number of an item in an array.
Path = tuple[Union[str, int], ...]


class Place(NamedTuple):
    """The line of a key, from 1, and the text of its value; "" for a table."""

    line: int
    text: str


def find_places(text: str) -> dict[Path, Place]:
    """Return the place of every table, key and item of an array in ``text``, which has to be valid TOML."""
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.places


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}'''  # one or two quotes may belong to the text before the three that end it
    r"""|'''.*?'{3,5}"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\r\n]*")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class _Scanner:
    """One pass over the text; ``position`` is always where the next thing to read begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.places: dict[Path, Place] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lengths: dict[Path, int] = {}  # of the arrays of tables

    def scan(self) -> None:
        table: Path = ()
        self._match(_BLANK)
        while self.position < len(self.text):
            if self.text.startswith("[", self.position):
                table = self._header()
            else:
                self._pair(table)
            self._match(_BLANK)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        assert match is not None, f"not TOML at {self.position}"
        self.position = match.end()
        return match[0]

    def _found(self, path: Path, start: int, text: str = "") -> None:
        """Note the place of ``path``, and of the tables that it implies."""
        line = bisect_right(self._starts, start)
        for length in range(1, len(path)):
            self.places.setdefault(path[:length], Place(line, ""))
        if self.places.get(path, Place(0, "")).text == "":
            self.places[path] = Place(line, text)

    def _keys(self) -> list[str]:
        """Read a key with its dots, and the space around it."""
        keys = []
        while True:
            self._match(_SPACE)
            keys.append(_unquote(self._match(_KEY)))
            self._match(_SPACE)
            if not self.text.startswith(".", self.position):
                return keys
            self.position += 1

    def _header(self) -> Path:
        start = self.position
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.position += brackets
        keys = self._keys()
        self.position += brackets
        path: Path = ()
        for key in keys[:-1] if brackets == 2 else keys:
            path += (key,)
            if path in self._lengths:  # the last table of that array is meant
                path += (self._lengths[path] - 1,)
        if brackets == 2:
            path += (keys[-1],)
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path += (self._lengths[path] - 1,)
        self._found(path, start)
        return path

    def _pair(self, table: Path) -> None:
        self._match(_SPACE)
        start = self.position
        path = (*table, *self._keys())
        self.position += 1  # the equals sign
        self._match(_SPACE)
        self._value(path, start)

    def _value(self, path: Path, start: int) -> None:
        """Read the value of ``path``, whose key (or itself, in an array) begins at ``start``."""
        begin = self.position
        opening = self.text[begin]
        self._found(path, start)
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._pairs(path)
        elif opening in "\"'":
            self._match(_STRING)
        else:
            self._match(_PLAIN)
        self._found(path, start, self.text[begin : self.position].rstrip())

    def _items(self, path: Path) -> None:
        self.position += 1
        number = 0
        while not self._closed_by("]"):
            self._value((*path, number), self.position)
            number += 1

    def _pairs(self, path: Path) -> None:
        self.position += 1
        while not self._closed_by("}"):
            self._pair(path)

    def _closed_by(self, bracket: str) -> bool:
        """Step over the comma before an item and all that is blank, or over the bracket, if that comes instead."""
        self._match(_BLANK)
        if self.text.startswith(",", self.position):
            self.position += 1
            self._match(_BLANK)
        if self.text.startswith(bracket, self.position):
            self.position += 1
            return True
        return False


def _unquote(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        return _ESCAPE.sub(_unescape, key[1:-1])
    return key


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(match[4], match[4])
