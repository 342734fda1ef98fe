"""Reads nginx's configuration into directives that know where they stand; included files in their places."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from gateways.doctor.directives import DEEPEST, Directive, Fault, check_depth, glob_expression, read_text

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
_OPENED = re.compile("[{}]")

#: What begins a line as a name, and is hardly ever an argument.
_NAME = re.compile(
    "(fastcgi|scgi|uwsgi|proxy|client|keepalive|ssl)_[a-z_]+|listen|server_name|root|alias|include|location|try_files"
    "|return|rewrite|access_log|error_log|add_header"
)

#: What nginx -T writes before each file.
_DUMPED = re.compile(r"^# configuration file (\S.*):$", re.MULTILINE)

#: Where includes are looked for that are not found beside the main file: Debian's and most others' place.
USUAL_PLACE = "/etc/nginx"


class Reader:
    """Reads one configuration. ``missing`` has what is included and is not there, ``unread`` what cannot be read."""

    def __init__(self, asked: str, prefix: str) -> None:
        self._asked = os.path.realpath(asked)
        self._prefix = prefix
        self._dump: dict[str, tuple[str, int]] = {}
        self.missing: list[tuple[Directive, str]] = []
        self.unread: list[tuple[Directive, OSError]] = []
        self.files: set[str] = set()

    def read(self, path: str) -> Directive:
        """Return a block with all that the file says. Raises ``Fault``, and ``OSError`` if it cannot be read."""
        root = Directive("", (), path, 0, False, None, [])
        text = read_text(path)
        parts = _DUMPED.split(text)
        if len(parts) > 1:
            line = 1 + parts[0].count("\n")
            for name, content in zip(parts[1::2], parts[2::2]):
                self._dump[name] = (content.partition("\n")[2], 1)
                line += content.count("\n") + 1
            path = parts[1]
            text = self._dump[path][0]
            self._asked = ""
            self._prefix = os.path.dirname(path)  # the file may have come from another machine
        self._into(root, path, text, bool(self._dump), 0)
        return root

    def _into(self, block: Directive, path: str, text: str, asked: bool, depth: int) -> None:
        asked = asked or os.path.realpath(path) == self._asked
        self.files.add(os.path.realpath(path))
        if depth > DEEPEST:
            raise Fault(f"{path}:1", "files include each other without an end")
        tokens = _tokens(text, path)
        open_blocks = [block]
        words: list[tuple[str, int]] = []
        for kind, value, line in tokens:
            if kind == "word":
                words.append((value, line))
                continue
            inner = open_blocks[-1]
            if kind == "}":
                if words:
                    raise Fault(f"{path}:{words[0][1]}", f"a semicolon is missing after {_shown(words)}")
                if len(open_blocks) == 1:
                    raise Fault(f"{path}:{line}", "a } that closes nothing")
                open_blocks.pop()
                continue
            if not words:
                if kind == "{":
                    raise Fault(f"{path}:{line}", "a { without a name before it")
                continue
            _check_end(words, path)
            directive = Directive(words[0][0], tuple(word for word, _ in words[1:]), path, words[0][1], asked, inner)
            assert inner.children is not None
            if kind == "{":
                check_depth(directive)
                directive.children = []
                open_blocks.append(directive)
            elif directive.name == "include":
                self._include(directive, inner, depth)
                words = []
                continue
            inner.children.append(directive)
            words = []
        if words:
            raise Fault(f"{path}:{words[0][1]}", f"a semicolon is missing after {_shown(words)}")
        if len(open_blocks) > 1:
            raise Fault(open_blocks[-1].where, f"the {{ of {open_blocks[-1].name} is not closed")

    def _include(self, directive: Directive, block: Directive, depth: int) -> None:
        found = self._find(directive.value)
        if not found and not glob.has_magic(directive.value):
            self.missing.append((directive, directive.value))
        for path in found:
            try:
                text = self._dump[path][0] if path in self._dump else read_text(path)
            except OSError as error:
                self.unread.append((directive, error))
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
    """Return the place behind the } that closes a block with a program."""
    depth = 1
    for match in _OPENED.finditer(text, at):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.end()
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
