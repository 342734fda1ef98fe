"""Reads lighttpd's configuration: settings with their values, and the conditions that they stand under."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

from gateways.doctor.directives import MOST_NESTED, Fault, Files, NotIncluded, read_text

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*)+)
    | "(?P<string>(?:\\.|[^"\\])*)"
    | (?P<mark>=>|==|!=|=~|!~|=\^|=\$|\+=|:=|=|[(){}\[\],+])
    | (?P<word>[^\s"(){}\[\],+=\#!]+)""",
    re.VERBOSE | re.DOTALL,
)
#: What is longer is no number that lighttpd knows.
_NUMBER = re.compile("[0-9]{1,18}")
_COMPARISONS = ("==", "!=", "=~", "!~", "=^", "=$")

Value = Union[str, int, "Array"]


@dataclass
class Item:
    """An element of an array: ``"key" => value``; the key is None where there is none."""

    key: str | None
    value: Value
    where: str


class Array(list[Item]):
    """``( ... )``, a list of ``Item``s."""

    def get(self, key: str) -> Item | None:
        """Return the last element with that key."""
        return next((item for item in reversed(self) if item.key == key), None)


@dataclass(eq=False)
class Condition:
    """``$HTTP["url"] =~ "^/app" { ... }``, or an ``else`` of one. Two of the same words are two conditions."""

    subject: str
    operator: str
    value: str


@dataclass(eq=False)
class Setting:
    """One line. ``conditions`` are those around it, the outermost first; ``asked``: it is of the file in question."""

    name: str
    operator: str
    value: Value
    where: str
    asked: bool
    conditions: tuple[Condition, ...] = ()


@dataclass
class Token:
    """A piece of the text: "string", "word" or "mark"."""

    kind: str
    text: str
    line: int


@dataclass
class Configuration:
    """All settings in the order of the files."""

    settings: list[Setting] = field(default_factory=list)

    def in_force(self, name: str, conditions: tuple[Condition, ...]) -> Setting | None:
        """Return the setting that counts where these conditions hold."""
        found = [
            one for one in self.settings if one.name == name and conditions[: len(one.conditions)] == one.conditions
        ]
        # What is under more conditions counts more, wherever it stands.
        return max(reversed(found), key=lambda one: len(one.conditions), default=None)

    def elements(self, name: str, conditions: tuple[Condition, ...] | None = None) -> Iterator[Item]:
        """Give the elements of an array that is put together of several lines; under any conditions for None."""
        for one in self.settings:
            if one.name == name and (conditions is None or conditions[: len(one.conditions)] == one.conditions):
                yield from one.value if isinstance(one.value, Array) else [Item(None, one.value, one.where)]


class Reader(Files):
    """Reads one configuration."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self._variables: dict[str, Value] = {}
        self.configuration = Configuration()

    def read(self, path: str) -> Configuration:
        """Return all that the file says. Raises ``Fault``, and ``OSError`` if it cannot be read."""
        self._into(path, (), False, 0)
        return self.configuration

    def _into(self, path: str, conditions: tuple[Condition, ...], asked: bool, depth: int) -> None:
        _File(self, path, conditions, self.enter(path, asked, depth), depth).read()

    def include(self, pattern: str, file: _File, conditions: tuple[Condition, ...], where: str) -> None:
        """Read the files that an ``include`` names."""
        found = sorted(glob.glob(os.path.join(os.path.dirname(file.path), pattern)))
        if not found and not glob.has_magic(pattern):
            self.not_included.append(NotIncluded(where, f'include "{pattern}"', file.asked))
        for path in found:
            try:
                self._into(path, conditions, file.asked, file.depth + 1)
            except OSError as error:
                self.not_included.append(NotIncluded(where, f'include "{pattern}"', file.asked, error))

    def variable(self, name: str) -> Value:
        """Return the value that a name stands for; the name itself where that is not known."""
        return self._variables.get(name, name)

    def assign(self, setting: Setting) -> None:
        """Remember a setting, and its value under its name."""
        known = self._variables.get(setting.name)
        if setting.operator == "+=" and isinstance(known, Array) and isinstance(setting.value, Array):
            self._variables[setting.name] = Array([*known, *setting.value])
        else:
            self._variables[setting.name] = setting.value
        self.configuration.settings.append(setting)


class _File:
    """Goes through the tokens of one file."""

    def __init__(self, reader: Reader, path: str, conditions: tuple[Condition, ...], asked: bool, depth: int) -> None:
        self._reader = reader
        self.path = path
        self.asked = asked
        self.depth = depth
        self._stack = [conditions]
        self._arrays = 0
        self._tokens = list(_tokens(read_text(path), path))
        self._at = 0

    def read(self) -> None:
        while self._at < len(self._tokens):
            self._statement()
        if len(self._stack) > 1:
            raise Fault(self._where(self._tokens[-1]), "a { is not closed")

    def _statement(self) -> None:
        token = self._next("a setting")
        if token.text == "}" and token.kind == "mark":
            if len(self._stack) == 1:
                raise Fault(self._where(token), "a } that closes nothing")
            self._stack.pop()
        elif token.text.startswith("$") or token.text in ("else", "elseif"):
            self._condition(token)
        elif token.text in ("include", "include_shell") and token.kind == "word":
            value = self._value()
            if token.text == "include":
                self._reader.include(str(value), self, self._stack[-1], self._where(token))
            elif "conf-enabled" in str(value):  # Debian's of old
                self._reader.include("conf-enabled/*.conf", self, self._stack[-1], self._where(token))
        elif token.kind == "word":
            self._setting(token)
        else:
            raise Fault(self._where(token), f"{token.text} where a setting is expected")

    def _setting(self, name: Token) -> None:
        operator = self._next(f"= after {name.text}")
        if operator.text not in ("=", "+=", ":="):
            raise Fault(self._where(name), f"{name.text} has no = behind it")
        value = self._value()
        self._reader.assign(Setting(name.text, operator.text, value, self._where(name), self.asked, self._stack[-1]))

    def _condition(self, token: Token) -> None:
        words = [token.text]
        while (following := self._next("{")).text != "{" or following.kind == "string":
            words.append(following.text)
        operator = next((word for word in words if word in _COMPARISONS), "else")
        subject = "".join(words[: words.index(operator)]) if operator in words else ""
        value = words[-1] if operator in words else ""
        self._check_depth(len(self._stack[-1]), token)
        self._stack.append((*self._stack[-1], Condition(subject, operator, value)))

    def _value(self) -> Value:
        value = self._operand()
        while self._at < len(self._tokens) and self._tokens[self._at].text == "+" and self._is_mark():
            self._at += 1
            more = self._operand()
            both = isinstance(value, Array) and isinstance(more, Array)
            value = Array([*value, *more]) if both else f"{value}{more}"  # type: ignore[misc]
        return value

    def _operand(self) -> Value:
        token = self._next("a value")
        if token.kind == "string":
            return token.text
        if token.text == "(":
            self._arrays += 1
            self._check_depth(self._arrays, token)
            array = self._array()
            self._arrays -= 1
            return array
        if token.kind == "word":
            return int(token.text) if _NUMBER.fullmatch(token.text) else self._reader.variable(token.text)
        raise Fault(self._where(token), f"{token.text} where a value is expected")

    def _array(self) -> Array:
        items = Array()
        while True:
            if self._peek() == ")":
                self._at += 1
                return items
            where = self._where(self._tokens[min(self._at, len(self._tokens) - 1)])
            value = self._value()
            key = None
            if self._peek() == "=>":
                self._at += 1
                key, value = str(value), self._value()
            items.append(Item(key, value, where))
            if self._peek() == ",":
                self._at += 1
            elif self._peek() != ")":
                raise Fault(where, "a comma or a ) is missing behind that")

    def _check_depth(self, depth: int, token: Token) -> None:
        if depth > MOST_NESTED:
            raise Fault(self._where(token), f"more than {MOST_NESTED} blocks are in one another")

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) and self._is_mark() else ""

    def _is_mark(self) -> bool:
        return self._tokens[self._at].kind == "mark"

    def _next(self, expected: str) -> Token:
        if self._at == len(self._tokens):
            raise Fault(self._where(self._tokens[-1]), f"the file ends where {expected} is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _where(self, token: Token) -> str:
        return f"{self.path}:{token.line}"


def _tokens(text: str, path: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Fault(f"{path}:{line}", f"this is not lighttpd's language: {text[at : at + 40].splitlines()[0]}")
        kind = match.lastgroup or "space"
        if kind != "space":
            yield Token(kind, match[kind].replace('\\"', '"') if kind == "string" else match[0], line)
        line += match[0].count("\n")
        at = match.end()
