"""Pairs of a name and a value, and lists of any kind."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gateways.values.plain import Kind


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
