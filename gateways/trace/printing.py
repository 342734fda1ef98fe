"""Items as lines for a person or as JSON for a program: secrets masked, controls escaped, colours on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateways.escaping import escape
from gateways.trace.items import Item
from gateways.trace.masking import mask_text, mask_value

_RED, _DIM, _GREEN, _BLUE, _PLAIN = "\x1b[31;1m", "\x1b[2m", "\x1b[32m", "\x1b[34m", "\x1b[0m"
_ARROWS = {False: ">", True: "<", None: "="}
_SIDES = {False: "web server", True: "backend", None: "trace"}
#: Bytes behind those that are shown that are looked at for the masking.
_AROUND = 1024


@dataclass(frozen=True)
class Style:
    """How to show items. ``body`` is how many bytes of a body are shown, where it begins."""

    secrets: bool = False
    colours: bool = False
    as_json: bool = False
    body: int = 80


class Printer:
    """Turns items into lines, without line feeds."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def lines(self, connection: int, seconds: float, backend: bool | None, item: Item) -> Iterator[str]:
        """Show an item of connection number ``connection``, ``seconds`` after its request began.

        ``backend`` says who has sent it; None is what the relay itself has to say.
        """
        if self._style.as_json:
            yield self._json(connection, seconds, backend, item)
            return
        arrow = _ARROWS[backend]
        head = f"{f'#{connection}':<5}{seconds:9.4f}  {self._paint(arrow, _BLUE if backend else _GREEN)} "
        yield head + self._summary(item)
        if item.wrong:
            yield " " * 17 + self._paint(f"malformed: {escape(item.wrong)}", _RED)
        for name, value in self._pairs(item):
            yield " " * 19 + f"{self._paint(escape(name), _DIM)} = {escape(value)}"
        if start := self._start(item):
            more = " …" if len(item.start or b"") > self._style.body else ""
            yield " " * 19 + f'"{escape(start)}"{more}'

    def _summary(self, item: Item) -> str:
        facts = [escape(self._fact(item, fact)) for fact in item.facts if fact]
        if item.size is not None:
            facts.append(f"{item.size} byte" + ("" if item.size == 1 else "s"))
        return "  ".join([f"{escape(item.what):<15}", *facts]).rstrip()

    def _fact(self, item: Item, fact: str) -> str:
        """Mask the request line of HTTP: there may be secrets in its query."""
        return mask_text(fact) if item.what == "request" and not self._style.secrets else fact

    def _pairs(self, item: Item) -> Iterator[tuple[str, str]]:
        for name, value in item.pairs:
            text = name.decode("latin-1")
            shown = value.decode("latin-1")
            yield text, shown if self._style.secrets else mask_value(text, shown)

    def _start(self, item: Item) -> str:
        """Return how a body begins. It is masked before it is cut, or the name of a secret might be cut off."""
        text = (item.start or b"")[: self._style.body + _AROUND].decode("latin-1")
        return (text if self._style.secrets else mask_text(text))[: self._style.body]

    def _json(self, connection: int, seconds: float, backend: bool | None, item: Item) -> str:
        document: dict[str, Any] = {
            "connection": connection,
            "seconds": round(seconds, 6),
            "from": _SIDES[backend],
            "what": item.what,
        }
        if item.facts:
            document["facts"] = [self._fact(item, fact) for fact in item.facts if fact]
        if item.size is not None:
            document["size"] = item.size
        if item.pairs:
            document["variables"] = [list(pair) for pair in self._pairs(item)]
        if start := self._start(item):
            document["start"] = start
        if item.wrong:
            document["malformed"] = item.wrong
        return json.dumps(document, ensure_ascii=True)

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._style.colours else text
