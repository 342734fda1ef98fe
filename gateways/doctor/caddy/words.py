"""Divides a Caddyfile into words, each with its place; puts in the environment, and the arguments of an import."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateways.doctor.directives import Fault

_TOKEN = re.compile(
    r"""(?P<space>(?:[^\S\n]|\\\n)+)
    | (?P<end>\n)
    | (?P<comment>\#[^\n]*)
    | "(?P<double>(?:\\.|[^"\\])*)"
    | `(?P<back>[^`]*)`
    | (?P<open>["`])
    | <<(?P<marker>[\w-]+)(?=\n)
    | (?P<word>(?:(?!\\\n)\S)+)""",
    re.VERBOSE | re.DOTALL,
)
#: ``{$NAME}`` or ``{$NAME:default}``: Caddy puts the value in before it reads the file.
_ENVIRONMENT = re.compile(r"\{\$([^}:\n]+)(?::([^}\n]*))?\}")
_ARGUMENT = re.compile(r"\{args(?:\.(\d{1,4})|\[(\d{1,4})\])\}")
_ARGUMENTS = re.compile(r"\{args\[(\d{0,4}):\]\}")


@dataclass(frozen=True)
class Token:
    """A word with its place. Those of one ``row`` belong to one line, though it may go on in the next of the file."""

    text: str
    file: str
    line: int
    row: int
    quoted: bool
    asked: bool

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return f"{self.file}:{self.line}"

    def is_word(self, text: str) -> bool:
        """Say whether it is that text, and not in quotation marks."""
        return self.text == text and not self.quoted


def _with_environment(match: re.Match[str]) -> str:
    value = os.environ.get(match[1], match[2])
    return match[0] if value is None or "\n" in value else value


def tokens_of(text: str, path: str, asked: bool) -> Iterator[Token]:
    """Give the words of a file. Raises ``Fault`` for a quotation that has no end."""
    text = _ENVIRONMENT.sub(_with_environment, text.replace("\r\n", "\n").lstrip("\ufeff"))
    at, line, row = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:  # a backslash before the end of the file
            return
        kind, stop = match.lastgroup, match.end()
        if kind == "open":
            raise Fault(f"{path}:{line}", f"a {match[0]} is not closed")
        if kind == "marker":
            end = re.compile(rf"\n[ \t]*{re.escape(match[0][2:])}(?=\s|\Z)").search(text, stop)
            if end is None:
                raise Fault(f"{path}:{line}", f"the text that begins with {match[0]} has no end")
            yield Token(text[stop + 1 : end.start()], path, line, row, True, asked)
            stop = end.end()
        elif kind in ("double", "back"):
            yield Token(
                match[kind].replace('\\"', '"') if kind == "double" else match[kind], path, line, row, True, asked
            )
        elif kind == "word":
            yield Token(match[0], path, line, row, False, asked)
        row += kind == "end"
        line += text.count("\n", at, stop)
        at = stop


def filled(token: Token, args: list[str], asked: bool) -> Iterator[Token]:
    """Give a token with the arguments of its import: ``{args[0]}``, ``{args.0}``, or all of ``{args[:]}``."""

    def argument(match: re.Match[str]) -> str:
        number = int(match[1] or match[2])
        return args[number] if number < len(args) else match[0]

    several = _ARGUMENTS.fullmatch(token.text)
    if several:
        for text in args[int(several[1] or 0) :]:
            yield replace(token, text=text, asked=token.asked or asked)
    elif "{args" in token.text or (asked and not token.asked):
        yield replace(token, text=_ARGUMENT.sub(argument, token.text), asked=token.asked or asked)
    else:
        yield token
