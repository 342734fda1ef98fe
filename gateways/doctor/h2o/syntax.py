"""Reads h2o's configuration: the YAML that such files are written in, with anchors, ``<<`` and ``!file``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from gateways.doctor.directives import MOST_NESTED, Files, NotIncluded, read_text
from gateways.doctor.h2o.nodes import Entry, Node, merged
from gateways.doctor.h2o.scanner import Scanner


@dataclass
class Configuration:
    """What was read.

    ``unknown`` has where tags stand that make something else of a value, and ``relative`` where ``!file`` stands with
    a path that does not begin with a slash, and that path.
    """

    root: Node
    unknown: list[str] = field(default_factory=list)
    relative: list[tuple[str, str]] = field(default_factory=list)


class Reader(Files):
    """Reads one configuration."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.unknown: list[str] = []
        self.relative: list[tuple[str, str]] = []

    def read(self, path: str) -> Configuration:
        """Return all that the file says. Raises ``Fault``, ``Beyond``, and ``OSError`` if it cannot be read."""
        return Configuration(self._file(path, False, 0), self.unknown, self.relative)

    def _file(self, path: str, asked: bool, depth: int) -> Node:
        return _File(self, path, self.enter(path, asked, depth), depth).read()

    def include(self, name: str, file: _File, where: str) -> Node | None:
        """Return what the file says that a ``!file`` names; None if it cannot be read."""
        path = os.path.join(os.path.dirname(file.path), name)
        try:
            found = self._file(path, file.asked, file.depth + 1)
        except OSError as error:
            absent = isinstance(error, FileNotFoundError)
            self.not_included.append(NotIncluded(where, f"!file {name}", file.asked, None if absent else error))
            return None
        if not os.path.isabs(name) and file.asked:
            self.relative.append((where, name))
        return found


class _File(Scanner):
    """Reads the first document of one file."""

    def __init__(self, reader: Reader, path: str, asked: bool, depth: int) -> None:
        super().__init__(read_text(path), path)
        self._reader = reader
        self.asked = asked
        self.depth = depth
        self._anchors: dict[str, Node] = {}
        self._nested = 0

    def read(self) -> Node:
        if not self.skip():
            return Node(self.where, self.asked, entries=[])
        node = self._node(-1, False)
        if self.skip():
            raise self.fault(f"{self.rest()} belongs to nothing: its indentation is wrong, or a colon is missing above")
        return node

    def _node(self, parent: int, inline: bool) -> Node:
        """Read a value. It is indented more than the column ``parent``; ``inline``: it follows a key in its line."""
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise self.fault(f"more than {MOST_NESTED} blocks are in one another")
        start, where = self.line, self.where
        anchor = tag = ""
        node: Node | None = None
        while self.char in ("&", "!") and node is None:
            word = self.word()
            anchor, tag = (word[1:], tag) if word.startswith("&") else (anchor, word)
            if not self.skip() or (self.line != start and not self._belongs(parent, inline)):
                node = Node(where, self.asked)
        on_line = self.line == start
        if node is None:
            node = self._content(parent, inline and on_line, bool((anchor or tag) and on_line))
        node = self._tagged(tag, node, where)
        if anchor:
            self._anchors[anchor] = node
        self._nested -= 1
        return node

    def _belongs(self, parent: int, inline: bool) -> bool:
        """Say whether what stands in a line of its own is a value for the key, or dash, in the column ``parent``."""
        return self.column > parent or (inline and self.column == parent and self._at("-"))

    def _content(self, parent: int, inline: bool, named: bool) -> Node:
        """Read a value behind its anchor and tag. ``named``: it has one of them in its line."""
        where = self.where
        if self.char in ("|", ">"):
            return Node(where, self.asked, self.block(parent))
        if self.char == "*" and not self._at("*"):
            node = self._alias()
        elif self.char and self.char in "[{":
            node = self._flow()
        elif self._at("-"):
            if inline:
                raise self.fault("a list that begins in the line of its key: begin a new line, or write [ ... ]")
            return self._sequence()
        elif self._at("?"):
            raise self.beyond("a key that begins with a question mark")
        else:
            before = self.at
            if not inline and self.key() is not None:
                self.at = before
                if named:
                    raise self.beyond("an anchor or a tag of a key")
                return self._mapping()
            quoted = self.char in ('"', "'")
            node = Node(where, self.asked, self.quoted() if quoted else self.plain(parent))
        self.check_end()
        return node

    def _at(self, mark: str) -> bool:
        """Say whether a mark with a space behind it is here."""
        return self.char == mark and self.text[self.at + 1 : self.at + 2] in ("", " ", "\t", "\n")

    def _mapping(self) -> Node:
        column, where = self.column, self.where
        entries: list[Entry] = []
        others: list[Node] = []
        while True:
            at = self.where
            if self._at("-") or (key := self._checked_key()) is None:
                raise self.fault(f"no colon with a space behind it: {self.rest()}")
            node = self._value(column)
            if key == "<<":
                others += node.each()
            else:
                entries.append(Entry(key, node, at, self.asked))
            if not self.skip() or self.column < column:
                return Node(where, self.asked, entries=merged(entries, others))
            self._check_column(column)

    def _checked_key(self) -> str | None:
        if self.char == "*":
            raise self.fault(f"what begins with * has to be in quotation marks: {self.rest()}")
        if self.char in ("&", "!", "[", "{") or self._at("?"):
            raise self.beyond(f"a key of another kind than text: {self.rest()}")
        self.check_start()
        return self.key()

    def _check_column(self, column: int) -> None:
        if self.column > column:
            raise self.fault(f"{self.rest()} belongs to nothing: its indentation is wrong, or a colon is missing above")

    def _value(self, column: int) -> Node:
        """Read what stands behind the colon of a key in that column."""
        line, where = self.line, self.where
        end = self.at
        if self.skip():
            if self.line == line:
                return self._node(column, True)
            if self._belongs(column, True):
                return self._node(column - 1 if self.column == column else column, False)
        self.at = end
        return Node(where, self.asked)

    def _sequence(self) -> Node:
        column, where = self.column, self.where
        items: list[Node] = []
        while True:
            line, at = self.line, self.where
            self.at += 1
            end = self.at
            if self.skip() and (self.line == line or self.column > column):
                items.append(self._node(column, False))
            else:
                self.at = end
                items.append(Node(at, self.asked))
            # A list may stand in the column of its key; then the next key ends it.
            if not self.skip() or self.column < column or (self.column == column and not self._at("-")):
                return Node(where, self.asked, items=items)
            self._check_column(column)

    def _alias(self) -> Node:
        at = self.at
        name = self.word()[1:]
        if name not in self._anchors:
            self.at = at
            if not name.replace("-", "_").isidentifier():  # a host such as *.example.org
                raise self.fault(f"what begins with * has to be in quotation marks: {self.rest()}")
            raise self.fault(f"there is no &{name} above; what begins with * as a text has to be in quotation marks")
        return self._anchors[name]

    def _tagged(self, tag: str, node: Node, where: str) -> Node:
        if tag == "!file":
            found = self._reader.include(node.text, self, where)
            return found if found is not None else Node(where, self.asked, known=False)
        if tag and not tag.startswith("!!"):
            self._reader.unknown.append(where)
            return Node(where, self.asked, node.text, node.entries, node.items, False)
        return node

    # Inside of brackets --------------------------------------------------------------------------------------------

    def _flow(self) -> Node:
        opening, where = self.char, self.where
        closing = "]" if opening == "[" else "}"
        start = self.at
        entries: list[Entry] = []
        items: list[Node] = []
        others: list[Node] = []
        self.at += 1
        while True:
            self.skip_in_flow()
            if self.char == closing:
                self.at += 1
                break
            at = self.where
            node = self._flow_node()
            self.skip_in_flow()
            if self.char == ":":
                self.at += 1
                self.skip_in_flow()
                value = Node(at, self.asked) if self.char in (",", closing) else self._flow_node()
                if node.text == "<<":
                    others += value.each()
                else:
                    entries.append(Entry(node.text, value, at, self.asked))
                self.skip_in_flow()
            elif opening == "[":
                items.append(node)
            else:
                entries.append(Entry(node.text, Node(at, self.asked), at, self.asked))
            if self.char == ",":
                self.at += 1
            elif self.char != closing:
                self.at = start if not self.char else self.at
                raise self.fault(f"a comma or a {closing} is missing before {self.rest()}")
        if opening == "[":
            pairs = [Node(entry.where, self.asked, entries=[entry]) for entry in entries]
            return Node(where, self.asked, items=[*items, *pairs])
        return Node(where, self.asked, entries=merged(entries, others))

    def _flow_node(self) -> Node:
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise self.fault(f"more than {MOST_NESTED} blocks are in one another")
        where = self.where
        anchor = tag = ""
        while self.char in ("&", "!"):
            word = self.word()
            anchor, tag = (word[1:], tag) if word.startswith("&") else (anchor, word)
            self.skip_in_flow()
        if self.char and self.char in "[{":
            node = self._flow()
        elif self.char == "*":
            node = self._alias()
        else:
            quoted = self.char in ('"', "'")
            node = Node(where, self.asked, self.quoted() if quoted else self.plain_in_flow())
        node = self._tagged(tag, node, where)
        if anchor:
            self._anchors[anchor] = node
        self._nested -= 1
        return node
