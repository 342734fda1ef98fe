"""FastCGI 1.0 with several requests at a time on one connection, without I/O: records out of bytes, by request.

A ``Demultiplexer`` reads the record headers. What belongs to a request goes to a ``ServerConnection`` of its own, which
knows of no other: so a request is parsed, limited and answered as it is on a connection that it has for itself.
"""

from __future__ import annotations

from typing import NamedTuple, Union

from gateways.adapters.cgihead import encode_head
from gateways.adapters.events import Limits, Request
from gateways.adapters.fastcgi import management
from gateways.adapters.fastcgi import records as fcgi
from gateways.adapters.fastcgi.server import ServerConnection
from gateways.adapters.foreign import PREFIX, hint
from gateways.errors import ProtocolError

#: The types of the records that a web server sends for a request.
_OURS = (fcgi.BEGIN_REQUEST, fcgi.PARAMS, fcgi.STDIN, fcgi.DATA, fcgi.ABORT_REQUEST)
_OVERLOADED = "503 Service Unavailable"


class Begun(NamedTuple):
    """The parameters of a request are in. ``protocol`` frames its answer.

    ``request`` is a ``ProtocolError`` with a status where they cannot be served.
    """

    id: int
    protocol: ServerConnection
    request: Request | ProtocolError


class More(NamedTuple):
    """Records of the input of a request that has begun, for its ``protocol`` to receive."""

    id: int
    data: bytes


class Abort(NamedTuple):
    """The web server gave a request up that has begun (section 5.4)."""

    id: int


MuxEvent = Union[Begun, More, Abort]


class Demultiplexer:
    """One connection from a web server, of which ``most`` requests may be in hand at the same time.

    More of them are answered 503, and OVERLOADED (section 5.5): HAProxy 2.6 waits for ever when it gets nothing but the
    latter. ``done`` has to be called before the end of an answer is sent, as the id may be used again at once.
    ``outgoing`` collects what is answered here. ``closing`` is true after a request that was answered here and came
    without KEEP_CONN: the connection is to be closed after those in hand.
    """

    name = "FastCGI"
    ends_by_close = False
    owed = b""

    __slots__ = ("_begun", "_buffer", "_draining", "_ended", "_limits", "_open", "closing", "most", "outgoing")

    def __init__(self, limits: Limits, most: int) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._open: dict[int, ServerConnection] = {}  # requests in hand
        self._begun: set[int] = set()  # those of which the parameters are in
        self._ended: set[int] = set()  # those of which all input is in
        # Those that were answered before all their input was in, the latest last: as many as there can be in hand,
        # since a web server that never ends their input could begin and give up any number.
        self._draining: dict[int, None] = {}
        self.most = most
        self.closing = False
        self.outgoing: list[bytes] = []

    @property
    def idle(self) -> bool:
        """True when no request is in hand, and nothing was received of the next."""
        return not (self._open or self._buffer)

    @property
    def draining(self) -> bool:
        """True when no request is in hand, with something of the input of earlier ones still to come."""
        return bool(self._draining) and not self._open

    @property
    def input_complete(self) -> bool:
        """True when nothing more can come of the requests that were answered."""
        return not (self._open or self._draining or self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer. Take all events afterwards: then what is kept here is less than a record."""
        self._buffer += data

    def next_event(self) -> MuxEvent | None:
        """Return the next event, or None when more bytes are needed.

        Raises ``ProtocolError`` for what FastCGI forbids; the connection is of no use afterwards.
        """
        buffer = self._buffer
        while buffer:
            if buffer[0] != fcgi.VERSION:
                head = bytes(buffer[:PREFIX])
                raise ProtocolError(f"not FastCGI version 1, but {head[:8]!r}{hint(head, self.name)}")
            if len(buffer) < fcgi.HEADER_LENGTH:
                break
            _, kind, request_id, length, padding = fcgi.HEADER.unpack_from(buffer)
            stop = fcgi.HEADER_LENGTH + length + padding
            if len(buffer) < stop:
                break
            record = bytes(buffer[:stop])
            del buffer[:stop]
            event = self._receive(kind, request_id, record, length)
            if event is not None:
                return event
        return None

    def done(self, request_id: int) -> None:
        """Forget a request: what still comes of it is ignored (section 3.3)."""
        if self._open.pop(request_id, None) is not None:
            if request_id not in self._ended:
                self._drain(request_id)
            self._ended.discard(request_id)
            self._begun.discard(request_id)

    def refuse(self, request_id: int) -> None:
        """Answer a request with 503 and OVERLOADED, and forget it."""
        self.outgoing.append(fcgi.stream(fcgi.STDOUT, request_id, encode_head(_OVERLOADED, [])))
        self.outgoing.append(fcgi.end_request(request_id, 0, fcgi.OVERLOADED))
        self.done(request_id)

    def _drain(self, request_id: int) -> None:
        self._draining.pop(request_id, None)
        self._draining[request_id] = None
        if len(self._draining) > self.most:
            del self._draining[next(iter(self._draining))]

    def _receive(self, kind: int, request_id: int, record: bytes, length: int) -> MuxEvent | None:
        """Act on one record."""
        if request_id == 0:
            content = record[fcgi.HEADER_LENGTH : fcgi.HEADER_LENGTH + length]
            self.outgoing.append(management.answer(kind, content, self.most, multiplexes=True))
            return None
        protocol = self._open.get(request_id)
        if kind not in _OURS:
            if kind == 0 or kind > fcgi.UNKNOWN_TYPE:
                if protocol is None:
                    return None
                raise ProtocolError(f"unknown FastCGI record type {kind} for request {request_id}")
            raise ProtocolError(f"FastCGI record type {kind} with request id {request_id} is not for an application")
        if kind == fcgi.BEGIN_REQUEST:
            self._begin(request_id, record)
            return None
        if protocol is None:
            if not length and kind in (fcgi.STDIN, fcgi.DATA):
                self._draining.pop(request_id, None)
            return None
        if request_id not in self._begun:
            return self._feed(request_id, protocol, record)
        if kind == fcgi.ABORT_REQUEST:
            return Abort(request_id)
        if not length and kind == protocol.last_stream:
            self._ended.add(request_id)
        return More(request_id, record) if kind in (fcgi.STDIN, fcgi.DATA) else None

    def _begin(self, request_id: int, record: bytes) -> None:
        if request_id in self._open:
            raise ProtocolError(f"FastCGI BEGIN_REQUEST for request id {request_id}, which is in use")
        if len(self._open) >= self.most:
            self.refuse(request_id)
            self._drain(request_id)
            return
        self._draining.pop(request_id, None)
        protocol = self._open[request_id] = ServerConnection(self._limits, self.most, alone=False)
        self._feed(request_id, protocol, record)

    def _forget(self, request_id: int) -> None:
        """Let go of a request of which nothing more is expected."""
        self._ended.add(request_id)
        self.done(request_id)

    def _feed(self, request_id: int, protocol: ServerConnection, record: bytes) -> Begun | None:
        """Let the request's own parser have a record of its parameters."""
        protocol.receive_data(record)
        request: Request | ProtocolError
        try:
            event = protocol.next_event()
        except ProtocolError as error:
            answered = bool(protocol.outgoing) and protocol.idle
            self.outgoing += protocol.outgoing
            if answered:  # without KEEP_CONN: a request that has the connection for itself would end it so
                self.closing = True
                self._forget(request_id)
                return None
            if not error.status:
                raise
            request = error
        else:
            if not isinstance(event, Request):
                if protocol.idle:  # of an unknown role, or given up
                    self.outgoing += protocol.outgoing
                    self._forget(request_id)
                return None
            request = event
        self._begun.add(request_id)
        if protocol.role == fcgi.AUTHORIZER:
            self._ended.add(request_id)  # Apache sends no end of it
        return Begun(request_id, protocol, request)
