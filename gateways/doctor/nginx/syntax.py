"""Reads nginx's configuration into directives that know where they stand; included files in their places."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from gateways.doctor.directives import Directive, Fault, Files, NotIncluded, check_depth, glob_expression, read_text

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<mark>[{};])
    | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<word>(?:\\.|\$\{[^}\n]*\}|[^\s;{}"'\#\\])(?:\\.|\$\{[^}\n]*\}|[^\s;{}\\])*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\([\"' ;{}\\#])")
#: A block of these holds no directives but a program.
_PROGRAM = re.compile("_by_lua_block$")
_LUA = re.compile(
    r"""--\[(?P<remark>=*)\[ | --[^\n]*
    | \[(?P<text>=*)\[ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    | (?P<brace>[{}])""",
    re.VERBOSE | re.DOTALL,
)

#: What begins a line as a name, and is hardly ever an argument.
_NAME = re.compile(
    "(fastcgi|scgi|uwsgi|proxy|client|keepalive|ssl)_[a-z_]+|listen|server_name|root|alias|include|location|try_files"
    "|return|rewrite|access_log|error_log|add_header"
)

#: What nginx -T writes before each file.
_DUMPED = re.compile(r"^# configuration file (\S.*):$", re.MULTILINE)

#: Where includes are looked for that are not found beside the main file: Debian's and most others' place.
USUAL_PLACE = "/etc/nginx"


class Reader(Files):
    """Reads one configuration."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self._prefix = ""
        self._dump: dict[str, str] = {}

    def read(self, path: str) -> Directive:
        """Return a block with all that the file says. Raises ``Fault``, and ``OSError`` if it cannot be read."""
        root = Directive("", (), path, 0, False, None, [])
        text = read_text(path)
        parts = _DUMPED.split(text)
        if len(parts) > 1:
            self._dump = {name: content.partition("\n")[2] for name, content in zip(parts[1::2], parts[2::2])}
            path = parts[1]  # the file may have come from another machine
            text = self._dump[path]
        self._prefix = os.path.dirname(os.path.abspath(path))
        self._into(root, path, text, bool(self._dump), 0)
        return root

    def _into(self, block: Directive, path: str, text: str, asked: bool, depth: int) -> None:
        file = _File(path, self.enter(path, asked, depth), block)
        for kind, value, line in _tokens(text, path):
            if kind == "word":
                file.words.append((value, line))
            elif kind == "}":
                file.close(line)
            elif kind == "{":
                file.open(line)
            elif file.words:
                directive = file.take()
                if directive.name == "include":
                    self._include(directive, depth)
                else:
                    _children(file.block).append(directive)
        file.end()

    def _include(self, directive: Directive, depth: int) -> None:
        block, line = directive.parent, f"include {directive.value}"
        assert block is not None
        found = self._find(directive.value)
        if not found and not glob.has_magic(directive.value):
            self.not_included.append(NotIncluded(directive.where, line, directive.asked))
        for path in found:
            try:
                text = self._dump[path] if path in self._dump else read_text(path)
            except OSError as error:
                self.not_included.append(NotIncluded(directive.where, line, directive.asked, error))
                continue
            self._into(block, path, text, directive.asked, depth + 1)

    def _find(self, pattern: str) -> list[str]:
        for directory in (self._prefix, USUAL_PLACE):
            place = os.path.join(directory, pattern)
            if self._dump:
                expression = re.compile(glob_expression(place))
                found = [path for path in self._dump if expression.fullmatch(path)]
            else:
                found = sorted(glob.glob(place))
            if found:
                return found
        return []


class _File:
    """One file on its way to be read: the block that it is in, and the words of a directive that has not ended."""

    def __init__(self, path: str, asked: bool, block: Directive) -> None:
        self._path = path
        self._asked = asked
        self._outermost = block
        self.block = block
        self.words: list[tuple[str, int]] = []

    def take(self) -> Directive:
        """Return the directive of the words."""
        _check_end(self.words, self._path)
        (name, line), *args = self.words
        self.words = []
        return Directive(name, tuple(word for word, _ in args), self._path, line, self._asked, self.block)

    def open(self, line: int) -> None:
        """Begin the block that the words are about."""
        if not self.words:
            raise Fault(f"{self._path}:{line}", "a { without a name before it")
        directive = self.take()
        check_depth(directive)
        directive.children = []
        _children(self.block).append(directive)
        self.block = directive

    def close(self, line: int) -> None:
        """End the block."""
        self._check_words()
        if self.block is self._outermost:
            raise Fault(f"{self._path}:{line}", "a } that closes nothing")
        assert self.block.parent is not None
        self.block = self.block.parent

    def end(self) -> None:
        """End the file."""
        self._check_words()
        if self.block is not self._outermost:
            raise Fault(self.block.where, f"the {{ of {self.block.name} is not closed")

    def _check_words(self) -> None:
        if self.words:
            raise Fault(f"{self._path}:{self.words[0][1]}", f"a semicolon is missing after {_shown(self.words)}")


def _children(block: Directive) -> list[Directive]:
    assert block.children is not None
    return block.children


def is_dump(text: str) -> bool:
    """Say whether a text is what ``nginx -T`` writes."""
    return _DUMPED.search(text) is not None


def _tokens(text: str, path: str) -> Iterator[tuple[str, str, int]]:
    at, line = 0, 1
    first = ""
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Fault(f"{path}:{line}", f"a quotation mark that is not closed: {text[at : at + 40].splitlines()[0]}")
        start, kind = line, match.lastgroup
        line += match[0].count("\n")
        at = match.end()
        if kind == "mark":
            if match[0] == "{" and _PROGRAM.search(first):
                at = _skip(text, at)
                line += text.count("\n", match.end(), at)
                yield ";", ";", start
            else:
                yield match[0], match[0], start
            first = ""
        elif kind:
            value = _ESCAPED.sub(r"\1", match[kind])
            first = first or value
            yield "word", value, start


def _skip(text: str, at: int) -> int:
    """Return the place behind the } that closes a block with a program: those in its strings and comments do not."""
    depth = 1
    while match := _LUA.search(text, at):
        at = match.end()
        level = match["text"] if match["remark"] is None else match["remark"]
        if match["brace"]:
            depth += 1 if match["brace"] == "{" else -1
            if not depth:
                return at
        elif level is not None:
            end = f"]{level}]"
            at = text.find(end, at) + len(end)
            if at < len(end):
                break
    return len(text)


def _check_end(words: list[tuple[str, int]], path: str) -> None:
    """Raise ``Fault`` where a line in the middle of a directive begins with the name of another one."""
    for (_, before), (word, line) in zip(words, words[1:]):
        if line > before and _NAME.fullmatch(word):
            last = [known for known in words if known[1] < line]
            raise Fault(f"{path}:{before}", f"a semicolon is missing after {_shown(last)}")


def _shown(words: list[tuple[str, int]]) -> str:
    """The directive as far as it goes on its first line."""
    return " ".join(word for word, line in words if line == words[0][1])
