"""Decode captures of a file: those that ``--write`` has made, and the corpus of the tests."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.trace import capture
from gateways.trace.cgi import decode_cgi, is_cgi
from gateways.trace.conversation import DECODERS, Conversation, protocol_of
from gateways.trace.items import Item
from gateways.trace.printing import Printer

#: Connections that are decoded at once: more than a trace relays (``MOST_CONNECTIONS``). Of those that were reset, or
#: closed by one side, a file has no end: whichever has been silent longest is forgotten.
_MOST_OPEN = 1000


class _Open:
    """A connection that at least one side has not ended."""

    def __init__(self, piece: capture.Piece) -> None:
        protocol = piece.protocol if piece.protocol in DECODERS else protocol_of(piece.data) or "http"
        self._conversation = Conversation(protocol)
        self._began = piece.seconds
        self.ended: set[bool] = set()

    def take(self, piece: capture.Piece) -> tuple[float, list[Item]]:
        """Return how long after the beginning of its request something came, and what it was."""
        if piece.data:
            if not piece.backend and self._conversation.idle:
                self._began = piece.seconds
            items = self._conversation.feed(piece.backend, piece.data)
        else:
            self.ended.add(piece.backend)
            items = [*self._conversation.ended(piece.backend), Item("end of sending")]
        return piece.seconds - self._began, items


def replay(path: str, printer: Printer) -> Iterator[str]:
    """Give the lines of all captures in the file. Raises ``ConfigError``."""
    connections: dict[int, _Open] = {}
    for number, piece in enumerate(capture.read(path), 1):
        if not piece.connection:
            yield from _whole(number, piece, printer)
            continue
        connection = connections.pop(piece.connection, None) or _Open(piece)
        seconds, items = connection.take(piece)
        if len(connection.ended) < 2:
            connections[piece.connection] = connection
        if len(connections) > _MOST_OPEN:
            del connections[next(iter(connections))]
        for item in items:
            yield from printer.lines(piece.connection, seconds, piece.backend, item)


def _whole(number: int, piece: capture.Piece, printer: Printer) -> Iterator[str]:
    """Decode all that a backend received on a connection."""
    yield from printer.lines(number, 0.0, None, Item("capture", [piece.name]))
    if is_cgi(piece.data):
        items = decode_cgi(piece.data)
    else:
        protocol = protocol_of(piece.data)
        if protocol:
            items = Conversation(protocol).feed(False, piece.data)
        else:
            items = [Item("bytes", size=len(piece.data), start=piece.data, wrong="none of the protocols")]
    for item in items:
        yield from printer.lines(number, 0.0, False, item)
