"""The head of a response, collected from the pieces in which it comes, and the beginning of the body behind it."""

from __future__ import annotations

import re

from gateways.adapters.cgiresponse import parse_head
from gateways.errors import ProtocolError
from gateways.trace.items import MAX_HEAD, Item

_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/([0-9]\.[0-9]) +([0-9]{3})[^\r\n]*\r?\n")


class Response:
    """One response in CGI form, or in HTTP form where ``status_line`` says that the protocol allows it."""

    def __init__(self, status_line: bool = False) -> None:
        self._status_line = status_line
        self._buffer = bytearray()
        self._over = False
        self.started = False
        self._body_shown = False

    @property
    def kept(self) -> int:
        """Bytes that are kept to be decoded."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Item]:
        """Take a piece of the response; the items of it that are complete."""
        if not data:
            return []
        self.started = True
        if self._over:
            return [self._body(data)]
        start = max(0, len(self._buffer) - 2)
        self._buffer += data
        end = _BLANK_LINE.search(self._buffer, start)
        if end is None:
            if len(self._buffer) <= MAX_HEAD:
                return []
            self._over = True
            size = self.kept
            self._buffer.clear()
            return [Item("response", size=size, wrong=f"no end of the headers in {MAX_HEAD} bytes")]
        self._over = True
        head, rest = bytes(self._buffer[: end.end()]), bytes(self._buffer[end.end() :])
        self._buffer.clear()
        return [self._head(head), *([self._body(rest)] if rest else [])]

    def end(self) -> list[Item]:
        """Take note that no more comes of it."""
        if self._buffer and not self._over:
            self._over = True
            return [Item("response", size=len(self._buffer), wrong="ends inside the headers (RFC 3875, 6.2)")]
        return []

    def _head(self, block: bytes) -> Item:
        match = _STATUS_LINE.match(block) if self._status_line else None
        lines = block[match.end() :] if match else block
        pairs = [
            (name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines.split(b"\n"))
        ]
        item = Item("response", pairs=[pair for pair in pairs if pair[0]])
        try:
            head = parse_head((b"Status: %b\r\n" % match[2] if match else b"") + lines)
            item.facts.append(f"{head.status} {head.reason}".strip())
        except ProtocolError as error:
            item.wrong = f"{error} (RFC 3875, 6.2)"
        return item

    def _body(self, data: bytes) -> Item:
        first = not self._body_shown
        self._body_shown = True
        return Item("body", size=len(data), start=data if first else None)
