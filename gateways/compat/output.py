"""The answer of a program that writes what a CGI script would, given on to ``start_response`` and ``write``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateways.adapters.cgiresponse import HeadParser
from gateways.compat.laxity import header_list

if TYPE_CHECKING:
    from collections.abc import Callable


class Output:
    """A file to write to: header block first, then the body.

    Raises ``ProtocolError`` for a header block that is none, and what ``start_response`` and ``write`` raise.
    """

    def __init__(self, start_response: Callable[..., Any]) -> None:
        self._start = start_response
        self._write: Callable[[bytes], Any] | None = None
        self._parser = HeadParser()

    def write(self, data: bytes) -> int:
        """Write bytes."""
        if self._write is None:
            head = self._parser.feed(data)
            if head is None:
                return len(data)
            self._write = self._start(f"{head.status:03d} {head.reason}", header_list(head.headers))
            rest = self._parser.rest
        else:
            rest = data
        if rest:
            self._write(rest)
        return len(data)

    def end(self) -> None:
        """Raise ``TruncatedResponse`` where the header block is not complete."""
        if self._write is None:
            raise self._parser.end()

    def flush(self) -> None:
        """Do nothing: what is written leaves at once."""

    def close(self) -> None:
        """Do nothing: the end of the request ends the response."""
