"""Decode captures of a file: those that ``--write`` has made, and the corpus of the tests."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.trace import capture
from gateways.trace.cgi import decode_cgi, is_cgi
from gateways.trace.conversation import DECODERS, Conversation, protocol_of
from gateways.trace.items import Item
from gateways.trace.printing import Printer


def replay(path: str, printer: Printer) -> Iterator[str]:
    """Give the lines of all captures in the file. Raises ``ConfigError``."""
    conversations: dict[int, Conversation] = {}
    began: dict[int, float] = {}
    for number, piece in enumerate(capture.read(path), 1):
        if not piece.connection:
            yield from _whole(number, piece, printer)
            continue
        conversation = conversations.get(piece.connection)
        if conversation is None:
            protocol = piece.protocol if piece.protocol in DECODERS else protocol_of(piece.data) or "http"
            conversation = conversations[piece.connection] = Conversation(protocol)
        if piece.data and not piece.backend and conversation.idle:
            began[piece.connection] = piece.seconds
        items = conversation.feed(piece.backend, piece.data) if piece.data else conversation.ended(piece.backend)
        if not piece.data:
            items.append(Item("end of sending"))
        seconds = piece.seconds - began.get(piece.connection, piece.seconds)
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
