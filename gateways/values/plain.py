"""Text, numbers, words and switches: what a person gives as one value."""

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
