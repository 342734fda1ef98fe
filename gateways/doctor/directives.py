"""What the configurations of nginx and Apache are made of: directives in blocks, each with its file and line."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Bytes of a file that are read: no configuration is larger, and a log file given by mistake may be.
MAX_SIZE = 4 << 20
#: Files that include each other must end somewhere.
DEEPEST = 16
#: Files that are read, one that is included several times as often: a host has one for each of its sites.
MOST_FILES = 10_000
#: Blocks in one another; what has more was made to do harm.
MOST_NESTED = 100


class Fault(Exception):
    """A file that the web server would not read. ``where`` is FILE:LINE."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.where = where


@dataclass(eq=False)
class Directive:
    """One directive. ``children`` is None where it is no block; ``asked``: it is of the file in question.

    The names of Apache's are in small letters.
    """

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    asked: bool
    parent: Directive | None = None
    children: list[Directive] | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """FILE:LINE, as editors and compilers write it."""
        return f"{self.file}:{self.line}"

    @property
    def value(self) -> str:
        """The first argument, or nothing."""
        return self.args[0] if self.args else ""

    def all(self, *names: str) -> Iterator[Directive]:
        """Give the directives with one of these names directly in this block."""
        return (child for child in self.children or () if child.name in names)

    def walk(self) -> Iterator[Directive]:
        """Give all directives below this one."""
        waiting = list(reversed(self.children or ()))
        while waiting:
            directive = waiting.pop()
            yield directive
            waiting += reversed(directive.children or ())

    def up(self) -> Iterator[Directive]:
        """Give the blocks around this directive, the innermost first."""
        block = self.parent
        while block is not None:
            yield block
            block = block.parent


@dataclass(frozen=True)
class NotIncluded:
    """A line that includes a file which is not there, or which cannot be read: then ``error`` says why."""

    where: str
    line: str
    asked: bool
    error: OSError | None = None


class Files:
    """The files that a reader goes through. ``met`` says whether ``asked``, the file in question, was among them."""

    def __init__(self, asked: str) -> None:
        self._asked = os.path.realpath(asked)
        self._entered = 0
        self.met = False
        self.not_included: list[NotIncluded] = []

    def enter(self, path: str, asked: bool, depth: int) -> bool:
        """Say whether what a file says is asked for, as that is which includes it. Raises ``Fault`` without an end."""
        if depth > DEEPEST:
            raise Fault(f"{path}:1", "files include each other without an end")
        self._entered += 1
        if self._entered > MOST_FILES:
            raise Fault(f"{path}:1", f"more than {MOST_FILES} files are included")
        asked = asked or os.path.realpath(path) == self._asked
        self.met = self.met or asked
        return asked


def check_depth(directive: Directive) -> None:
    """Raise ``Fault`` for a block that is in too many others."""
    if sum(1 for _ in directive.up()) > MOST_NESTED:
        raise Fault(directive.where, f"more than {MOST_NESTED} blocks are in one another")


def read_text(path: str) -> str:
    """Return the text of a file, with any bytes in it but NUL.

    Raises ``OSError``, for a pipe or a device as well, and ``Fault`` for a NUL: no name of a file or user can have one.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(0, "it is no file", path)  # a pipe would be waited for
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read(MAX_SIZE)
    before, nul, _ = text.partition("\0")
    if nul:
        line = before.count("\n") + 1
        raise Fault(f"{path}:{line}", "there is a NUL byte: the file is damaged, or no text")
    return text


def glob_expression(pattern: str) -> str:
    """Return a pattern of file names as a regular expression; a star does not match a slash."""
    parts = re.split(r"([*?])", pattern)
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in parts)
