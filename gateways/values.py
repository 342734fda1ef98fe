"""The kinds of value a setting can have: how each is read from text or from Python, and what is allowed.

``Kind.read`` takes what a person gave, a string from a flag or a variable or a Python value from a keyword, and returns
the value to use. It raises ``ValueError``: with a reason of its own, or without one when ``allowed`` says it all. Who
gave the value, and where, is for ``declared`` to add.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping


class Kind:
    """Base of all kinds. ``metavar`` stands for the value in help, ``allowed`` completes the sentence "give ...".

    ``many`` says that the value is a list, ``switch`` that the flag takes no value, ``off`` that ``None`` is allowed
    and that ``--no-NAME`` and the word ``off`` mean it.
    """

    metavar = "VALUE"
    allowed = "a value"
    many = False
    switch = False
    off = False

    def read(self, given: object) -> object:
        raise NotImplementedError

    def show(self, value: object) -> str:
        """Write a value as a person would give it."""
        return str(value)

    def rebase(self, value: object, directory: str) -> object:
        """Let a relative path start at ``directory``. ``value`` has been read; other kinds than paths stay as it is."""
        return value

    def over(self, below: object, value: object) -> object:
        """Return what ``value`` makes of the value ``below``, which a place of less weight gave: it replaces it."""
        return value


class Text(Kind):
    """Text without control characters; a path may also be an ``os.PathLike``. Numbers are allowed for user ids."""

    def __init__(self, metavar: str, allowed: str, off: bool = False) -> None:
        self.metavar = metavar
        self.allowed = allowed + (', or "off"' if off else "")
        self.off = off

    def read(self, given: object) -> object:
        if given is None or (self.off and given == "off"):
            return None
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if not isinstance(given, (str, os.PathLike)):
            raise ValueError
        text = os.fspath(given)
        if not isinstance(text, str) or not text or re.search(r"[\0-\x1f\x7f]", text):
            raise ValueError
        return text

    def show(self, value: object) -> str:
        return "none" if value is None else str(value)


class Path(Text):
    """The path of a file or directory. ``-``, which stands for a standard stream, is none."""

    def rebase(self, value: object, directory: str) -> object:
        return value if value in (None, "-") else os.path.join(directory, _without_dot(str(value)))


class Module(Path):
    """The name of a module, or the path of a Python file."""

    def rebase(self, value: object, directory: str) -> object:
        is_path = isinstance(value, str) and ("/" in value or value.endswith(".py"))
        return super().rebase(value, directory) if is_path else value


class Number(Kind):
    """A whole number within bounds."""

    metavar = "N"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.allowed = f"a whole number from {least} to {most}"

    def read(self, given: object) -> object:
        number = self.parse(given) if isinstance(given, str) else given
        if not isinstance(number, int) or isinstance(number, bool) or not self.least <= number <= self.most:
            raise ValueError
        return number

    def parse(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text):  # int() would also take "1_000", " 1 " and the digits of all scripts
            raise ValueError
        return int(text)


class Size(Number):
    """A number of bytes, in text also with k, M or G (powers of 1024)."""

    metavar = "SIZE"
    units = (("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10))

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)
        self.allowed = f"a size from {self.show(least)} to {self.show(most)}, such as 65536, 64k or 1M"

    def parse(self, text: str) -> int:
        factors = {unit.lower(): factor for unit, factor in self.units}
        if text[-1:].lower() in factors:
            return super().parse(text[:-1]) * factors[text[-1].lower()]
        return super().parse(text)

    def show(self, value: object) -> str:
        assert isinstance(value, int)
        for unit, factor in self.units:
            if value and value % factor == 0:
                return f"{value // factor}{unit}"
        return str(value)


class Duration(Kind):
    """Seconds, in text also with ms, s, m or h. The result is a float."""

    metavar = "TIME"
    units: Mapping[str, float] = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
    most = 86400.0

    def __init__(self, least: float) -> None:
        self.least = least
        self.allowed = f"a time from {self.show(least)} to 24h, such as 30, 30s, 1.5s or 2m"

    def read(self, given: object) -> object:
        seconds = given
        if isinstance(given, str):
            match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|)", given)
            if match is None:
                raise ValueError
            seconds = float(match[1]) * self.units[match[2]]
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            raise ValueError
        if not self.least <= seconds <= self.most:  # false for NaN
            raise ValueError
        return float(seconds)

    def show(self, value: object) -> str:
        return f"{value:g}s"


class Mode(Number):
    """Permission bits, octal in text."""

    metavar = "MODE"

    def __init__(self) -> None:
        super().__init__(0, 0o777)
        self.allowed = "permission bits in octal, such as 0660 (in Python 0o660)"

    def parse(self, text: str) -> int:
        if not re.fullmatch("(0o)?[0-7]{1,4}", text):
            raise ValueError
        return int(text, 8)

    def show(self, value: object) -> str:
        return f"{value:04o}"


class Choice(Kind):
    """One of a few words."""

    def __init__(self, metavar: str, *words: str) -> None:
        self.metavar = metavar
        self.words = words
        self.allowed = "one of " + ", ".join(words)

    def read(self, given: object) -> object:
        if given not in self.words:
            raise ValueError
        return given


class Switch(Kind):
    """Yes or no."""

    allowed = "yes or no"
    switch = True
    words: Mapping[str, bool] = {
        **dict.fromkeys(("1", "yes", "true", "on"), True),
        **dict.fromkeys(("0", "no", "false", "off"), False),
    }

    def read(self, given: object) -> object:
        value = self.words.get(given.lower()) if isinstance(given, str) else given
        if not isinstance(value, bool):
            raise ValueError
        return value

    def show(self, value: object) -> str:
        return "yes" if value else "no"


class Address(Kind):
    """Where to listen, as ``gateways.addresses.parse_address`` reads it."""

    metavar = "ADDR"
    allowed = "unix:/path, host:port, [::1]:port, :port, @abstract-name, fd:N or systemd:NAME"

    def read(self, given: object) -> object:
        from gateways.addresses import parse_address
        from gateways.errors import ConfigError

        if not isinstance(given, str):
            raise ValueError
        try:
            parse_address(given)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return given

    def rebase(self, value: object, directory: str) -> object:
        path = value[5:] if isinstance(value, str) and value.startswith("unix:") else "/"
        if path.startswith("/"):
            return value
        return self.read(f"unix:{os.path.join(directory, _without_dot(path))}")  # may be too long for a socket now


class RequestPath(Kind):
    """What follows the host in a URL: a path, and a query if need be, kept as it is."""

    metavar = "PATH"
    allowed = 'a path that starts with "/", such as /health or /search?q=x'

    def read(self, given: object) -> object:
        if not isinstance(given, str) or not given.startswith("/") or not given.isprintable():
            raise ValueError
        return given


class MountPath(RequestPath):
    """SCRIPT_NAME: empty, or starting with a slash and not ending with one."""

    allowed = 'a path that starts with "/", such as /app; "/" stands for the root'

    def read(self, given: object) -> object:
        return given if given in (None, "") else str(super().read(given)).rstrip("/")

    def show(self, value: object) -> str:
        return "none" if value is None else str(value) or "/"


class Pair(Kind):
    """A name and a value: the text ``NAME=VALUE``, or a tuple of two strings."""

    metavar = "NAME=VALUE"
    allowed = "NAME=VALUE"

    def read(self, given: object) -> object:
        if isinstance(given, str):
            name, equals, value = given.partition("=")
            given = (name, value) if equals else None
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ValueError
        name, value = given
        if not isinstance(name, str) or not isinstance(value, str) or "\0" in name + value:
            raise ValueError
        if not name or "=" in name or not name.isprintable():
            raise ValueError
        return name, value

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return "=".join(value)


class EnvironPair(Pair):
    """A pair for the environ of WSGI."""

    allowed = "NAME=VALUE; names that start with wsgi. belong to the gateway"

    def read(self, given: object) -> object:
        pair = super().read(given)
        assert isinstance(pair, tuple)
        if pair[0].lower().startswith("wsgi."):
            raise ValueError
        return pair


class Many(Kind):
    """Any number of another kind. In Python one value alone stands for a list of it, a mapping for its items."""

    many = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.metavar = kind.metavar
        self.allowed = kind.allowed

    def read(self, given: object) -> object:
        if isinstance(given, Mapping):
            given = given.items()
        elif isinstance(given, (str, os.PathLike)):
            given = (given,)
        try:
            items = list(given)  # type: ignore[call-overload]
        except TypeError:
            raise ValueError from None
        return tuple(self._read_item(item) for item in items)

    def _read_item(self, item: object) -> object:
        try:
            return self.kind.read(item)
        except ValueError as error:
            raise BadItem(item, str(error)) from None

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return " ".join(self.kind.show(item) for item in value) or "none"

    def rebase(self, value: object, directory: str) -> object:
        assert isinstance(value, tuple)
        return tuple(self.kind.rebase(item, directory) for item in value)

    def over(self, below: object, value: object) -> object:
        """Pairs come together, by their names; of anything else the list as a whole is replaced."""
        if not isinstance(self.kind, Pair):
            return value
        assert isinstance(below, tuple)
        assert isinstance(value, tuple)
        return tuple({**dict(below), **dict(value)}.items())


class BadItem(ValueError):
    """One value of several is at fault: ``item`` says which, the message why."""

    def __init__(self, item: object, reason: str) -> None:
        super().__init__(reason)
        self.item = item


def _without_dot(path: str) -> str:
    return path[2:] if path.startswith("./") else path
