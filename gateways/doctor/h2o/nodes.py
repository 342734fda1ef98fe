"""What a configuration of h2o is made of: scalars, mappings and sequences of YAML, each with its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(eq=False)
class Node:
    """A value. It is a scalar with ``text`` unless it has ``entries`` (a mapping) or ``items`` (a sequence).

    ``where`` is FILE:LINE; ``asked``: it is of the file in question; ``known`` is False where a tag makes something
    else of it than what is written, such as ``!env``.
    """

    where: str
    asked: bool
    text: str = ""
    entries: list[Entry] | None = None
    items: list[Node] | None = None
    known: bool = True

    def get(self, key: str) -> Entry | None:
        """Return the last entry of a mapping with that key."""
        return next((entry for entry in reversed(self.entries or ()) if entry.key == key), None)

    def all(self, key: str) -> Iterator[Entry]:
        """Give the entries of a mapping with that key: ``listen`` may be there twice."""
        return (entry for entry in self.entries or () if entry.key == key)

    def scalar(self, key: str) -> str:
        """Return the text of an entry, or "" where there is none."""
        entry = self.get(key)
        return entry.node.text if entry is not None else ""

    def each(self) -> list[Node]:
        """Return the items of a sequence, or the node itself where it is none."""
        return [self] if self.items is None else self.items

    def is_known(self) -> bool:
        """Say whether the node, and what it has directly in it, is what is written."""
        inner = [entry.node for entry in self.entries or ()] + (self.items or [])
        return self.known and all(node.known for node in inner)


@dataclass(eq=False)
class Entry:
    """``key: value``. ``where`` is that of the key."""

    key: str
    node: Node
    where: str
    asked: bool

    def number(self) -> int | None:
        """Return the number that h2o reads there, which is what the value begins with; None where there is none."""
        match = _NUMBER.match(self.node.text.strip()) if self.node.known else None
        return int(match[0]) if match else None


def merged(own: list[Entry], others: list[Node]) -> list[Entry]:
    """Return the entries of a mapping with those that ``<<`` adds: what a mapping has itself counts more."""
    entries = list(own)
    for node in others:
        known = {entry.key for entry in entries}
        entries += [entry for entry in node.entries or () if entry.key not in known]
    return entries
