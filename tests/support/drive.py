"""Drive a sans-I/O server side with bytes in any pieces, and keep what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gateways.adapters.events import Aborted, Request
from gateways.errors import ProtocolError

if TYPE_CHECKING:
    from gateways.adapters.interface import ServerConnection

RESPONSE = b"the response"


class Outcome:
    """``events`` as plain values, with the pieces of each body joined, and ``output``, the bytes sent."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.output = b""
        self.most_buffered = 0
        self.request: Request | None = None
        self.streams = 1  # that are still to end, of the request in hand

    @property
    def finished(self) -> bool:
        """True right after an answer."""
        return self.events[-1:] == ["answered"]

    def is_over(self, protocol: ServerConnection) -> bool:
        """True after an answer behind which the connection takes nothing more."""
        ends = protocol.name in {"SCGI", "uwsgi"} or (
            protocol.name == "HTTP" and self.request is not None and not self.request.keep
        )
        return self.finished and ends

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and (self.events, self.output) == (other.events, other.output)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Outcome(events={self.events!r}, output={self.output!r})"


def drive(protocol: ServerConnection, pieces: Iterable[bytes], *, reads_body: bool = True) -> Outcome:
    """Feed ``pieces`` and answer every request: after its body, or at once without ``reads_body``."""
    outcome = Outcome()
    for piece in pieces:
        protocol.receive_data(piece)
        try:
            _take_events(protocol, outcome, reads_body)
        except ProtocolError as error:
            outcome.output += b"".join(protocol.outgoing)
            outcome.events.append(("error", error.status))
            if error.status:
                outcome.output += _respond(protocol)
            break
        outcome.most_buffered = max(outcome.most_buffered, protocol.buffered)
    return outcome


def _take_events(protocol: ServerConnection, outcome: Outcome, reads_body: bool) -> None:
    while not outcome.is_over(protocol):
        event = protocol.next_event()
        outcome.output += b"".join(protocol.outgoing)
        protocol.outgoing.clear()
        if event is None:
            return
        if isinstance(event, Request):
            outcome.request = event
            outcome.events.append(("request", list(event.variables), event.keep))
            outcome.streams = 2 if event.filters else 1
        elif isinstance(event, Aborted):
            outcome.events.append("aborted")
            outcome.output += protocol.complete(app_status=1)
        elif event and isinstance(outcome.events[-1], bytes):
            outcome.events[-1] += event
        elif event:
            outcome.events.append(event)
        if event == b"":
            outcome.streams -= 1
            if outcome.streams:
                outcome.events.append("data")
        if (event == b"" and not outcome.streams) or (isinstance(event, Request) and not reads_body):
            outcome.events.append("answered")
            outcome.output += _respond(protocol)


def _respond(protocol: ServerConnection) -> bytes:
    return protocol.encode_head("200 OK", [("Date", "today")], RESPONSE, True)


def check_every_split(kind: Callable[[], ServerConnection], data: bytes, *, reads_body: bool) -> None:
    """Cut in two anywhere, and byte by byte, the same comes of it."""
    whole = drive(kind(), [data], reads_body=reads_body)
    assert whole.events
    for point in range(1, len(data)):
        assert drive(kind(), [data[:point], data[point:]], reads_body=reads_body) == whole, point
    single = [data[at : at + 1] for at in range(len(data))]
    assert drive(kind(), single, reads_body=reads_body) == whole


def cut(data: bytes, points: Sequence[int]) -> list[bytes]:
    """Cut ``data`` at ``points``."""
    edges = [0, *sorted(points), len(data)]
    return [data[start:stop] for start, stop in zip(edges, edges[1:]) if start < stop]
