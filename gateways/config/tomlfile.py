"""A TOML file: what it says, in which line, and a message with the line where it is no TOML."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import Any

from gateways.config.lines import Path, Place, find_places
from gateways.errors import ConfigError
from gateways.settings import Settings

#: Bytes. A file of settings is a few kilobytes; a device or a log given by mistake is not read to its end.
MAX_SIZE = 1 << 20

_ERROR = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)
_TWICE = "; the key or table is there for the second time"
_NO_QUOTES = re.compile(r"\s*(?P<name>[\w.-]+)\s*=\s*(?P<value>[^\s\"'\[{][^#\"']*?)\s*(?:[;#].*)?")
_BRACKETS = re.compile(r"\s*(?P<name>[\w.]+)\[(?P<key>[^\]]*)\]\s*=")


class TomlFile:
    """The contents of a file, read at once. ``name`` is as it was given; ``path`` and ``directory`` are absolute.

    ``here`` is the working directory, if it has another name than the system's. Raises ``ConfigError`` when the file
    cannot be read or is no TOML, with the line.
    """

    def __init__(self, name: str, here: str = "") -> None:
        self.name = name
        self.path = os.path.abspath(os.path.join(here, name))
        self.directory = os.path.dirname(self.path)
        text = _decode(name, _read(name))
        parser = _parser(name)
        try:
            self.tables: dict[str, Any] = parser.loads(text)
            self._places = find_places(text)
        except parser.TOMLDecodeError as error:
            raise ConfigError(_explain(name, text, str(error))) from None
        except RecursionError:
            raise ConfigError(f"{name}: brackets in brackets, too many to be read") from None

    def place(self, path: Path) -> Place:
        """Return where ``path`` stands, or else the table that it is missing in; line 1 is the document itself."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places[path] if path else Place(1, "")

    def where(self, path: Path) -> str:
        """Name the file and the line, for the beginning of a message."""
        return f"{self.name}, line {self.place(path).line}"


def _read(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(f"configuration file {name!r} cannot be read: {error.strerror}") from None
    if len(data) > MAX_SIZE:
        raise ConfigError(f"configuration file {name!r} is larger than {MAX_SIZE >> 20} MiB: is it the right one?")
    return data


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # some editors begin with the mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}, line {line}: not UTF-8; save the file in that encoding") from None


def _parser(name: str) -> Any:
    """Return the module that parses TOML: the standard library's, or the one that it came from."""
    try:
        return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        version = "{}.{}".format(*sys.version_info)
        raise ConfigError(
            f"{name} cannot be read: Python {version} has no parser for TOML; pip install 'gateways[config]', or give "
            "flags and variables instead"
        ) from None


def _explain(name: str, text: str, message: str) -> str:
    """Add to the parser's message what the line looks like it was meant to be."""
    lines = text.split("\n")
    match = _ERROR.fullmatch(message)
    number = int(match["line"] or len(lines)) if match else 1
    line = lines[number - 1] if number <= len(lines) else ""
    what = "".join(c if c.isprintable() else " " for c in (match["what"] if match else message))
    twice = "overwrite" in what or "twice" in what
    return f"{name}, line {number}: {what}{_TWICE if twice else _hint(line)}"


def _hint(line: str) -> str:
    """Say what a line in the manner of php-fpm's or uWSGI's files has to be here."""
    if line.lstrip().startswith(";"):
        return '; a comment begins with "#"'
    bracketed = _BRACKETS.match(line)
    plain = _NO_QUOTES.fullmatch(line)
    name = (bracketed or plain or {"name": ""})["name"]
    if name and name not in Settings.settings and Settings.other_name(name):
        return f"; {name} is {Settings.explain_unknown(name, str)}"
    if bracketed:
        return f'; write {name} = {{ {bracketed["key"] or "NAME"} = "..." }}'
    if plain:
        number = re.fullmatch("0[0-7]+", plain["value"])
        return f'; {"write" if number else "text stands in quotes:"} {name} = "{plain["value"]}"'
    return ""
