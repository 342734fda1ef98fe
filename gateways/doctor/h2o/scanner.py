"""Goes through the text of a YAML file: spaces and comments, plain and quoted scalars, blocks of text."""

from __future__ import annotations

import re
from bisect import bisect_right

from gateways.doctor.directives import Fault
from gateways.doctor.findings import quoted

_BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*")
_SPACES = re.compile(" *")
_SPACES_AND_TABS = re.compile(r"[ \t]*")
_REST_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_MARKER = re.compile(r"(?:---|\.\.\.)(?=\s)")
_WORD = re.compile(r"[&*!][^\s,\[\]{}]*")
_BEGINNING = re.compile(r"(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)\n)*---(?=\s)")
_PLAIN = re.compile(r"(?:[^\s:#]|:(?!\s)|(?<=\S)#|[ \t]+(?=[^\s#]))*")
_PLAIN_IN_FLOW = re.compile(r"(?:[^\s:#,\[\]{}]|:(?![\s,\[\]{}])|(?<=\S)#|[ \t]+(?=[^\s#,\[\]{}]))*")
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|\r?\n[ \t]*|.)", re.DOTALL)
_FOLD = re.compile(r"[ \t]*\n\s*")
_HEADER = re.compile(r"[|>][+-]?[1-9]?[+-]?[ \t]*(?:(?<=[ \t])#[^\n]*)?\n")
_COLON = re.compile(r"[ \t]*:(?=\s)")
#: What \ and a letter stand for, as far as it is not the letter.
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
#: No value can begin with these.
_RESERVED = "@`%"


class Beyond(Exception):
    """YAML that the server may well read, and we do not. ``where`` is FILE:LINE."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.where = where


class Scanner:
    """A place in the text of a file: ``at``."""

    def __init__(self, text: str, path: str) -> None:
        text = text[1:] if text.startswith("\ufeff") else text
        self.text = text if text.endswith("\n") else f"{text}\n"
        self.path = path
        self.at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self._pass(_BEGINNING)

    @property
    def line(self) -> int:
        """The line, from 1."""
        return bisect_right(self._starts, self.at)

    @property
    def column(self) -> int:
        """The column, from 0."""
        return self.at - self._starts[self.line - 1]

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.path}:{self.line}"

    @property
    def char(self) -> str:
        """What is there; "" at the end."""
        return self.text[self.at : self.at + 1]

    def fault(self, what: str) -> Fault:
        """Return that the server does not read what is here."""
        return Fault(self.where, what)

    def beyond(self, what: str) -> Beyond:
        """Return that we do not read what is here."""
        return Beyond(self.where, what)

    def rest(self) -> str:
        """Return what follows in the line, to be shown."""
        return quoted(self.text[self.at : self.at + 60].partition("\n")[0].rstrip())

    def blanks(self) -> None:
        """Pass over spaces in the line."""
        self._pass(_SPACES_AND_TABS)

    def skip(self) -> bool:
        """Pass over spaces, comments and empty lines, and say whether anything follows in the document."""
        if _REST_BLANK.match(self.text, self.at) or not self.column:
            self._pass(_BLANK)
            self._pass(_SPACES)
            if self.char == "\t":
                raise self.fault("a tab where YAML wants spaces: lines are indented by spaces alone")
        else:
            self.blanks()
        return bool(self.char) and not (self.column == 0 and _MARKER.match(self.text, self.at))

    def skip_in_flow(self) -> None:
        """Pass over spaces, comments and line ends inside of brackets."""
        self._pass(_BLANK)
        self.blanks()

    def check_end(self) -> None:
        """Raise ``Fault`` unless the line ends here, or a comment begins."""
        if not _REST_BLANK.match(self.text, self.at):
            self.blanks()
            colon = self.text.startswith(":", self.at)
            said = "a second colon in the line: write the value in quotation marks" if colon else "more than a value"
            raise self.fault(f"{said}: {self.rest()}")

    def word(self) -> str:
        """Return the name of an anchor, alias or tag, with the mark before it."""
        return self._pass(_WORD)

    def key(self) -> str | None:
        """Return the key that begins here, and go behind its colon; None where there is no key, and stay."""
        start = self.at
        text = self.quoted() if self.char in ('"', "'") else self._plain(_PLAIN)
        colon = _COLON.match(self.text, self.at)
        if colon is None or self.text.count("\n", start, self.at) or (not text and self.char == ":"):
            self.at = start
            return None
        self.at = colon.end()
        return text

    def quoted(self) -> str:
        """Read a scalar in quotation marks."""
        double = self.char == '"'
        match = (_DOUBLE if double else _SINGLE).match(self.text, self.at)
        if match is None:
            raise self.fault(f"a quotation mark that is not closed: {self.rest()}")
        self.at = match.end()
        text = _FOLD.sub(" ", match[1])
        return _ESCAPE.sub(_unescaped, text) if double else text.replace("''", "'")

    def plain(self, parent: int) -> str:
        """Read a scalar without quotation marks; lines that are indented more than ``parent`` belong to it."""
        self.check_start()
        parts = [self._plain(_PLAIN)]
        while True:
            end = self.at
            if not _REST_BLANK.match(self.text, self.at) or not self.skip() or self.column <= parent:
                self.at = end
                return " ".join(parts)
            line = self.at
            parts.append(self._plain(_PLAIN))
            if _COLON.match(self.text, self.at):
                self.at = line
                what = f"{self.rest()} is indented more than the line above, which has a value already"
                raise self.fault(f"{what}; or a colon is missing there")
            if self.at == line:
                self.at = end
                return " ".join(parts)

    def plain_in_flow(self) -> str:
        """Read a scalar without quotation marks inside of brackets."""
        self.check_start()
        parts = []
        while text := self._plain(_PLAIN_IN_FLOW):
            parts.append(text)
            self.skip_in_flow()
        return " ".join(parts)

    def check_start(self) -> None:
        """Raise ``Fault`` for what no value can begin with."""
        if self.char and self.char in _RESERVED:
            raise self.fault(f"no value begins with {self.char}: write it in quotation marks: {self.rest()}")

    def block(self, parent: int) -> str:
        """Read the text behind ``|`` or ``>``: the lines that are indented more than ``parent``."""
        if not self._pass(_HEADER):
            raise self.fault(f"more than a value: {self.rest()}")
        body = self._pass(re.compile(rf"(?:[ ]{{{parent + 1},}}[^\n]*\n|[ \t]*\n)*"))
        self.at -= 1  # at the end of a line, as behind any other value
        return "\n".join(line.strip() for line in body.splitlines())

    def _plain(self, pattern: re.Pattern[str]) -> str:
        return self._pass(pattern).rstrip(" \t")

    def _pass(self, pattern: re.Pattern[str]) -> str:
        """Go behind what matches, and return it; "" where nothing does."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]


def _unescaped(match: re.Match[str]) -> str:
    text = match[1]
    if text[0] in "xu" and len(text) > 1:
        return chr(int(text[1:], 16))
    return "" if text[0] in "\r\n" else _CONTROLS.get(text, text)
