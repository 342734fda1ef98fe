"""Reads Apache's configuration into directives that know where they stand; included files in their places.

What is in <IfModule>, <IfVersion> or <IfFile> counts as if it stood outside, and not what needs the contrary (!): which
modules are loaded is seldom in the file.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator

from gateways.doctor.directives import Directive, Fault, Files, NotIncluded, check_depth, glob_expression, read_text

_SECTION = re.compile(r"<(/?)([A-Za-z]\w*)\s*(.*?)>\s*")
_WORD = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|(\S+))')
_ESCAPED = re.compile(r"\\([\"'\\])")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_EXPORT = re.compile(r"^\s*(?:export\s+)?(\w+)=([^\s#;]*)", re.MULTILINE)

#: Sections that say when, and not for what.
_CONDITIONS = {"ifmodule", "ifversion", "iffile", "ifdirective", "ifsection", "ifdefine"}
_OTHERWISE = {"else", "elseif"}


class Reader(Files):
    """Reads one configuration. ``root_directory`` is Apache's ServerRoot, where relative paths start."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.root_directory = ""
        self.variables: dict[str, str] = {}

    def read(self, path: str) -> Directive:
        """Return a block with all that the file says. Raises ``Fault``, and ``OSError`` if it cannot be read."""
        directory = os.path.dirname(os.path.abspath(path))
        self.root_directory = os.path.dirname(directory) if os.path.basename(directory) == "conf" else directory
        envvars = os.path.join(self.root_directory, "envvars")  # Debian's
        if os.path.isfile(envvars) and os.access(envvars, os.R_OK):
            self.variables.update(_EXPORT.findall(read_text(envvars)))
        root = Directive("", (), path, 0, False, None, [])
        self._into(root, path, 0)
        return root

    def _into(self, block: Directive, path: str, depth: int, asked: bool = False) -> None:
        asked = self.enter(path, asked, depth)
        stack = [block]
        skipped: list[str] = []  # sections whose content does not count
        conditions: list[str] = []  # those that count as if they were not there
        for line, text in lines(read_text(path)):
            section = _SECTION.fullmatch(text)
            if section is None:
                if text.startswith("<"):
                    raise Fault(f"{path}:{line}", f"{text} is a section without its >")
                if not skipped:
                    self._add(stack[-1], path, line, text, asked, depth)
                continue
            end, name, rest = section[1], section[2].lower(), section[3]
            if end:
                self._end(path, line, name, stack, skipped, conditions)
            elif skipped or name in _OTHERWISE or (name in _CONDITIONS and _unlikely(name, rest)):
                skipped.append(name)
            elif name in _CONDITIONS:
                conditions.append(name)
            else:
                directive = Directive(name, tuple(self._words(rest)), path, line, asked, stack[-1], [])
                check_depth(directive)
                _children(stack[-1]).append(directive)
                stack.append(directive)
        if len(stack) > 1:
            raise Fault(stack[-1].where, f"<{stack[-1].name}> is not closed")

    def _end(
        self, path: str, line: int, name: str, stack: list[Directive], skipped: list[str], conditions: list[str]
    ) -> None:
        if skipped:
            if skipped[-1] != name:
                raise Fault(f"{path}:{line}", f"</{name}> closes <{skipped[-1]}>")
            skipped.pop()
        elif conditions and name in _CONDITIONS:
            conditions.pop()
        elif len(stack) > 1 and stack[-1].name == name:
            stack.pop()
        else:
            inner = f"<{stack[-1].name}> of line {stack[-1].line}" if len(stack) > 1 else "nothing"
            raise Fault(f"{path}:{line}", f"</{name}> closes {inner}")

    def _add(self, block: Directive, path: str, line: int, text: str, asked: bool, depth: int) -> None:
        name, _, rest = text.partition(" ") if "\t" not in text.split(" ", maxsplit=1)[0] else text.partition("\t")
        directive = Directive(name.lower(), tuple(self._words(rest)), path, line, asked, block)
        if directive.name == "define" and directive.args:
            self.variables[directive.value] = directive.args[1] if len(directive.args) > 1 else ""
        if directive.name == "serverroot" and directive.args:
            self.root_directory = directive.value
        if directive.name not in ("include", "includeoptional"):
            _children(block).append(directive)
            return
        pattern = os.path.join(self.root_directory, directive.value)
        found = sorted(glob.glob(pattern))
        if not found and directive.name == "include" and not glob.has_magic(pattern):
            self.not_included.append(NotIncluded(directive.where, text, directive.asked))
        for name in found:
            if os.path.isfile(name):
                try:
                    self._into(block, name, depth + 1, asked)
                except OSError as error:
                    self.not_included.append(NotIncluded(directive.where, text, directive.asked, error))

    def _words(self, text: str) -> Iterator[str]:
        for word in words(text):
            yield _VARIABLE.sub(lambda variable: self.variables.get(variable[1], variable[0]), word)


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that say something, with their numbers; what a backslash continues is one line, without a space.

    So Apache reads them: a backslash that no line feed follows is one of the text.
    """
    pending, start = "", 0
    rows = text.split("\n")
    for number, line in enumerate(rows, 1):
        line = line.rstrip("\r")
        start = start or number
        if line.endswith("\\") and number < len(rows):
            pending += line[:-1]
            continue
        whole = (pending + line).strip()
        if whole and not whole.startswith("#"):
            yield start, whole
        pending, start = "", 0


def words(text: str) -> Iterator[str]:
    """Give the words of a line, those in quotation marks without them."""
    for match in _WORD.finditer(text):
        inner = match[1] if match[1] is not None else match[2]
        yield match[3] if inner is None else _ESCAPED.sub(r"\1", inner)


def covers(section: Directive, path: str) -> bool:
    """Say whether a <Directory> or <Location> is about a path: that, or one above it; ``*`` stands for one name."""
    if section.name.endswith("match") or section.value == "~":
        return bool(section.args) and _matches(section.args[-1], path)
    return re.match(f"{glob_expression(section.value.rstrip('/'))}/", f"{path.rstrip('/')}/") is not None


def merging(section: Directive) -> tuple[int, int]:
    """Return how late Apache merges a section, to be compared; those of the same are merged in the order of the file.

    A <Directory> with fewer names in its path comes before one with more; one of a regular expression comes later.
    """
    kind = section.name.partition("match")[0]
    if kind == "directory" and section.name == kind and section.value != "~":
        return 0, len([name for name in section.value.split("/") if name])
    return {"directory": 1, "files": 2, "location": 3}[kind], 0


def is_for_file(section: Directive, name: str) -> bool:
    """Say whether a section may be about a file of that name: all but a <Files> or <FilesMatch> of others are."""
    if section.name == "filesmatch" or (section.name == "files" and section.value == "~"):
        return _matches(section.args[-1] if section.args else "", name)
    return section.name != "files" or fnmatch.fnmatchcase(name, section.value)


def handler_of(name: str, directives: Iterable[Directive]) -> str:
    """Return the handler that a file of that name gets by SetHandler and AddHandler, "" where it gets none."""
    found, ending = "", os.path.splitext(name.lower())[1]
    for directive in directives:
        endings = [f".{word.lower().lstrip('.')}" for word in directive.args[1:]]
        applies = directive.name == "sethandler" or ending in endings
        if applies and directive.args and all(is_for_file(section, name) for section in directive.up()):
            found = directive.value.lower()  # as Apache has them
    return found


def _matches(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error:
        return True  # Apache's expressions are PCRE's


def _unlikely(name: str, rest: str) -> bool:
    """Say whether a condition is probably not so: the contrary of one, or a name that has to be defined."""
    return rest.strip().strip('"').startswith("!") != (name == "ifdefine")


def _children(block: Directive) -> list[Directive]:
    assert block.children is not None
    return block.children
