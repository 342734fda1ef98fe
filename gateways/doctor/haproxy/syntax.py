"""Reads HAProxy's configuration: sections of lines, each line a row of words; what ``defaults`` says is inherited."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter

from gateways.doctor.directives import Fault, Files, NotIncluded, read_text

#: Those that requests go through.
PROXIES = ("frontend", "backend", "listen")
_SECTIONS = frozenset(
    {
        *PROXIES,
        *("global", "defaults", "fcgi-app", "userlist", "peers", "resolvers", "mailers", "cache", "program", "ring"),
        *("http-errors", "log-forward", "namespace_list", "crt-store", "traces", "log-profile", "acme", "healthcheck"),
    }
)
_PIECE = re.compile(
    r"""(?P<space>[ \t\r]+) | (?P<comment>\#.*) | '(?P<strong>[^']*)' | "(?P<weak>(?:\\.|[^"\\])*)"
    | \\(?P<escape>x[0-9a-fA-F]{2}|.) | (?P<plain>[^\ \t\r\#'"\\]+|\\\Z)""",
    re.VERBOSE | re.DOTALL,
)
_BACKSLASH = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
#: What a backslash makes of the letter behind it. In front of any other it stays, as in a regular expression.
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", **{char: char for char in " \t\\#'\""}}
_HEX = re.compile("x[0-9a-fA-F]{2}")
#: A variable of the environment, with the value for where it is not set.
_DEFAULT = re.compile(r"\$\{(\w+)-([^}]*)\}")


@dataclass(eq=False)
class Line:
    """One line. ``negated``: it has a ``no`` in front. ``asked``: it is of the file in question."""

    words: tuple[str, ...]
    where: str
    asked: bool
    negated: bool = False

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0]

    def word(self, number: int) -> str:
        """Return a word, or "" where there are not so many."""
        return self.words[number] if number < len(self.words) else ""

    @property
    def condition(self) -> tuple[str, ...]:
        """What stands behind ``if`` or ``unless``, that word first; empty without."""
        for number, word in enumerate(self.words[1:], 1):
            if word in ("if", "unless"):
                return self.words[number:]
        return ()

    @property
    def text(self) -> str:
        """The line as it is written, without quotes."""
        return " ".join(self.words)


@dataclass(eq=False)
class Section:
    """``backend NAME`` with its lines; ``defaults`` is the section that it inherits from."""

    head: Line
    defaults: Section | None = None
    lines: list[Line] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The first word of its head."""
        return self.head.name

    @property
    def name(self) -> str:
        """What it is called; "" if it has no name."""
        name = self.head.word(1)
        return "" if name == "from" else name

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[int, Line]]]:
        """The lines, with their numbers, by their first words: a frontend may lead to thousands of backends."""
        found: dict[str, list[tuple[int, Line]]] = {}
        for numbered in enumerate(self.lines):
            found.setdefault(numbered[1].name, []).append(numbered)
        return found

    def all(self, *names: str) -> Iterator[Line]:
        """Give its own lines that begin with one of these words. All of it has to have been read."""
        found = [numbered for name in names for numbered in self._by_name.get(name, ())]
        return (line for _, line in (found if len(names) == 1 else sorted(found, key=itemgetter(0))))

    def inherited(self, *names: str) -> Iterator[Line]:
        """Give the lines that begin with one of these words, first those of its defaults."""
        if self.defaults is not None:
            yield from self.defaults.inherited(*names)
        yield from self.all(*names)

    def setting(self, *words: str) -> Line | None:
        """Return the line with these words at its beginning that is in force, if any: the last of its own counts."""
        named = self._by_name.get(words[0], [])
        found = next((line for _, line in reversed(named) if line.words[: len(words)] == words), None)
        if found is None and self.defaults is not None:
            return self.defaults.setting(*words)
        return None if found is None or found.negated else found


@dataclass
class Configuration:
    """All sections in the order of the files. ``whole``: it has what belongs to no proxy alone."""

    sections: list[Section] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether it may be all that HAProxy reads, and no part of it."""
        return any(section.kind in ("global", "defaults") for section in self.sections)

    def all(self, *kinds: str) -> Iterator[Section]:
        """Give the sections of these kinds."""
        return (section for section in self.sections if section.kind in kinds)

    def named(self, name: str, *kinds: str) -> Section | None:
        """Return the section of that name."""
        return next((section for section in self.all(*kinds) if section.name == name), None)

    def word(self, name: str) -> str:
        """Return the value of a setting of ``global``, or ""."""
        found = [line.word(1) for section in self.all("global") for line in section.all(name)]
        return found[-1] if found else ""


class Reader(Files):
    """Reads one configuration. A file of a directory, such as conf.d, is read behind haproxy.cfg and its neighbours."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self._path = asked
        self.configuration = Configuration()

    def read(self, path: str) -> Configuration:
        """Return all that the file says, or that it is a part of. Raises ``Fault`` and ``OSError``."""
        self._into(self._path)
        if self.configuration.whole or os.path.realpath(path) == self._asked:
            return self._completed()
        self.configuration = Configuration()
        self._into(path)
        directory = os.path.dirname(os.path.abspath(self._path))
        beside = sorted(glob.glob(os.path.join(glob.escape(directory), "*.cfg")))
        whole_directory = self._asked in map(os.path.realpath, beside) and path not in beside
        for other in beside if whole_directory else [self._path]:
            try:
                self._into(other)
            except OSError as error:
                self.not_included.append(NotIncluded(f"{other}:1", f"-f {directory}", False, error))
        return self._completed()

    def _completed(self) -> Configuration:
        """Return what was read. Where the rest is not there, it is taken to say what it usually says."""
        if not self.configuration.whole:
            usual = Section(Line(("defaults",), self._path, False), None, [Line(("mode", "http"), self._path, False)])
            for section in self.configuration.all(*PROXIES):
                section.defaults = usual
        return self.configuration

    def _into(self, path: str) -> None:
        asked = self.enter(path, False, 0)
        text = read_text(path)
        lines = text.split("\n")
        for number, written in enumerate(lines, 1):
            where = f"{path}:{number}"
            words = split(written, where)
            if words and not words[0].startswith("."):  # .if, .notice
                self._line(words, where, asked)
        if lines[-1].strip():
            raise Fault(
                f"{path}:{len(lines)}", "the last line has no line feed at its end: HAProxy takes it for cut off"
            )

    def _line(self, words: list[str], where: str, asked: bool) -> None:
        if words[0] == "default" and len(words) > 1:
            return  # as if it were not there
        negated = words[0] == "no" and len(words) > 1
        words = words[1:] if negated else words
        line = Line(tuple(words), where, asked, negated)
        sections = self.configuration.sections
        if line.name in _SECTIONS:
            sections.append(Section(line, self._defaults(line)))
        elif not sections:
            raise Fault(where, f"{line.name} stands before the first section (global, defaults, frontend, ...)")
        else:
            sections[-1].lines.append(line)

    def _defaults(self, head: Line) -> Section | None:
        """Return the defaults of a new section: those that it names, or the last that there are."""
        if head.name not in (*PROXIES, "defaults"):
            return None
        if "from" in head.words[1:3]:
            name = head.word(head.words.index("from") + 1)
            return self.configuration.named(name, "defaults")
        return None if head.name == "defaults" else next(reversed(list(self.configuration.all("defaults"))), None)


def split(text: str, where: str) -> list[str]:
    """Return the words of a line without comment, quotes and backslashes. Raises ``Fault`` for an open quote."""
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise Fault(where, f"a quote is not closed: {text[at : at + 40]}")
        at = match.end()
        kind, piece = match.lastgroup or "", match[match.lastgroup or 0]
        if kind in ("space", "comment"):
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + _meant(kind, piece)
    return words if word is None else [*words, word]


def _meant(kind: str, piece: str) -> str:
    if kind == "weak":
        return _BACKSLASH.sub(lambda match: _meant("escape", match[1]), _DEFAULT.sub(r"\2", piece))
    if kind == "escape":
        return chr(int(piece[1:], 16)) if _HEX.fullmatch(piece) else _ESCAPED.get(piece, f"\\{piece}")
    return piece
