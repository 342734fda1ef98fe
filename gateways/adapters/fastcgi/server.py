"""FastCGI 1.0, the application's side, without I/O: bytes in, events and bytes out.

One request at a time on a connection: parsing stops where the request in hand ends, so pipelined requests wait in the
buffer, and an interleaved one is refused with CANT_MPX_CONN (section 5.5). The states of the connection:

    IDLE     no request; BEGIN_REQUEST starts one
    PARAMS   the name-value stream is coming; its empty record yields a ``Request``
    STDIN    the application runs; the body comes until its empty record
    DATA     the same of a filter's data, which follows the body (section 6.4)
    REPLY    all input is complete; the application runs on
"""

from __future__ import annotations

from gateways.adapters.events import ABORTED, Limits, Request
from gateways.adapters.fastcgi import management
from gateways.adapters.fastcgi import records as fcgi
from gateways.adapters.fastcgi.answer import Answer
from gateways.adapters.foreign import PREFIX, hint
from gateways.adapters.received import append
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.adapters.events import Event

IDLE, PARAMS, STDIN, DATA, REPLY = range(5)

_TOO_LARGE = "431 Request Header Fields Too Large"
#: BEGIN_REQUEST as every web server sends it, and whether the connection is kept.
_USUAL_BEGIN = {fcgi.begin_request(1, keep=keep): keep for keep in (False, True)}
_USUAL_PARAMS = fcgi.record(fcgi.PARAMS, 1)[:4]
_PARAMS_END = fcgi.record(fcgi.PARAMS, 1)
_STDIN_END = fcgi.record(fcgi.STDIN, 1)
#: Web servers that are at a loss when a request ends before its input has (SERVER_SOFTWARE): HAProxy 2.6 waits with the
#: client for its own timeout, and h2o 2.2 ends as a whole. Section 5.5 lets the end come later. h2o lives when it never
#: comes, as the connection is closed before.
_FRAGILE = "h2o/"
_PATIENT = ("HAProxy", _FRAGILE)


class ServerConnection(Answer):
    """One connection from a web server.

    Feed it with ``receive_data`` and take events with ``next_event`` until that returns None. ``outgoing`` collects
    what the protocol itself answers (management records, refusals) and must be sent. While a request is in hand,
    ``encode_head``, ``encode_body`` and ``encode_errors`` frame the application's answer; ``complete`` ends it.
    ``alone`` is false for one of several requests on a connection.
    """

    name = "FastCGI"
    #: Whether closing the connection is what ends a response.
    ends_by_close = False

    __slots__ = (
        *("_alone", "_buffer", "_draining", "_keep", "_limits", "_params", "_params_size", "_position"),
        *("_fragile", "_late", "_late_end", "_state", "max_requests", "outgoing"),
    )

    def __init__(self, limits: Limits | None = None, max_requests: int = 1, alone: bool = True) -> None:
        super().__init__()
        self._limits = limits or Limits()
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._state = IDLE
        self._draining = 0  # the id of an answered request whose body is still coming
        self._alone = alone
        self._late = False  # whether the request in hand may end only after its input
        self._fragile = False  # and never before
        self._late_end = b""  # of the one that is draining
        self._keep = False
        self._params: list[bytes] = []
        self._params_size = 0
        self.outgoing: list[bytes] = []
        #: What FCGI_MAX_CONNS and FCGI_MAX_REQS answer: how many requests this process serves at once.
        self.max_requests = max_requests

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer. What is kept is at most one record (64 KiB) and what came behind it."""
        self._buffer = append(self._buffer, self._position, data)
        self._position = 0

    def resume(self, keep: bool, rest: bytes | None) -> None:
        """Go on with request 1, whose parameters were parsed elsewhere: ``rest`` followed them, None ends the body."""
        self._state = REPLY if rest is None else STDIN
        self._request_id = 1
        self._draining = 0
        self._late_end = b""  # the end of another request with this id would be taken for that of this one
        self._role = fcgi.RESPONDER
        self._keep = keep
        self._buffer = rest or b""
        self._position = 0

    def set_body_length(self, length: int, server: str = "") -> None:
        """Note which web server sends it; the body ends with its stream, whatever length was announced."""
        self._late = self._alone and self._keep and length > 0 and server.startswith(_PATIENT)
        if self._late:
            self._fragile = server.startswith(_FRAGILE)

    @property
    def idle(self) -> bool:
        """True between requests, with nothing received of the next one: the time to close a kept connection."""
        return self._state == IDLE and self._position == len(self._buffer)

    @property
    def draining(self) -> bool:
        """True between requests, with something of the last one's input still to come, which nobody wants."""
        return self._state == IDLE and self._draining != 0

    @property
    def owed(self) -> bytes:
        """The end of the request that is draining, for a web server that bears it before the end of the input."""
        return b"" if self._fragile else self._late_end

    @property
    def keep(self) -> bool:
        """Whether the web server wants the connection to stay open after the request in hand, or the last one."""
        return self._keep

    @property
    def role(self) -> int:
        """The role of the request in hand, or of the last one."""
        return self._role

    @property
    def last_stream(self) -> int:
        """The type of the records that end the input of a request."""
        return fcgi.DATA if self._role == fcgi.FILTER else fcgi.STDIN

    @property
    def in_hand(self) -> bool:
        """True from the beginning of a request to the end of its answer."""
        return self._state != IDLE

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return len(self._buffer) - self._position

    @property
    def input_complete(self) -> bool:
        """True when nothing more of the last request's body can come."""
        if self._state == STDIN:
            return self._input_end_is_here()
        return self._state in (IDLE, REPLY) and not self._draining

    def next_event(self) -> Event:
        """Return the next event, or None when more bytes are needed.

        Raises ``ProtocolError`` for what FastCGI forbids; the connection is of no use afterwards. An error with a
        status concerns the request whose parameters were coming, which can still be answered.
        """
        if self._position == len(self._buffer):
            return None
        if self._state == IDLE:
            request = self._receive_whole()
            if request is not None:
                return request
        while True:
            buffer = self._buffer
            start = self._position + fcgi.HEADER_LENGTH
            if start > len(buffer):
                if start - fcgi.HEADER_LENGTH < len(buffer) and buffer[self._position] != fcgi.VERSION:
                    raise self._not_fastcgi()
                return None
            version, kind, request_id, length, padding = fcgi.HEADER.unpack_from(buffer, self._position)
            if version != fcgi.VERSION:
                raise self._not_fastcgi()
            stop = start + length
            if stop + padding > len(buffer):
                return None
            self._position = stop + padding
            if kind == fcgi.STDIN and request_id == self._request_id and self._state == STDIN:
                if not length:
                    self._state = DATA if self._role == fcgi.FILTER else REPLY
                return bytes(buffer[start:stop])
            event = self._receive_record(kind, request_id, bytes(buffer[start:stop]))
            if event is not None:
                return event

    def _receive_whole(self) -> Request | None:
        """Receive the usual request, which came in one piece and has its parameters in one record.

        Any other is left for ``next_event``, which would make the same of this one.
        """
        buffer = self._buffer
        start = self._position + 16
        keep = _USUAL_BEGIN.get(bytes(buffer[self._position : start]))
        if keep is None or start + fcgi.HEADER_LENGTH > len(buffer) or not buffer.startswith(_USUAL_PARAMS, start):
            return None
        _, _, _, length, padding = fcgi.HEADER.unpack_from(buffer, start)
        start += fcgi.HEADER_LENGTH
        stop = start + length
        end = stop + padding
        if length > self._limits.size or not buffer.startswith(_PARAMS_END, end):
            return None
        self._position = end + fcgi.HEADER_LENGTH
        if self._draining:
            self._end_draining()
        self._request_id = 1
        self._role = fcgi.RESPONDER
        self._keep = keep
        return self._request(bytes(buffer[start:stop]))

    def _receive_record(self, kind: int, request_id: int, content: bytes) -> Event:
        """Act on one record that is not the body of the request in hand."""
        if request_id == 0:
            self.outgoing.append(management.answer(kind, content, self.max_requests))
        elif kind == fcgi.BEGIN_REQUEST:
            self._begin(request_id, content)
        elif kind in (fcgi.PARAMS, fcgi.STDIN, fcgi.ABORT_REQUEST, fcgi.DATA):
            # Records of ids that are not active are ignored (section 3.3): what is left of a request answered early.
            if request_id == self._request_id and self._state != IDLE:
                return self._receive_stream(kind, content)
            ends = kind == fcgi.ABORT_REQUEST or (kind == self.last_stream and not content)
            if ends and request_id == self._draining:
                self._end_draining()
        elif kind > fcgi.UNKNOWN_TYPE or kind == 0:
            if request_id == self._request_id and self._state != IDLE:
                raise ProtocolError(f"unknown FastCGI record type {kind} for request {request_id}")
        else:
            raise ProtocolError(f"FastCGI record type {kind} with request id {request_id} is not for an application")
        return None

    def _receive_stream(self, kind: int, content: bytes) -> Event:
        """Act on a record of the active request."""
        if kind == fcgi.ABORT_REQUEST:
            return self._abort()
        if self._state == PARAMS:
            if kind == fcgi.PARAMS:
                return self._receive_params(content)
            raise ProtocolError("FastCGI STDIN or DATA record before the end of PARAMS")
        if kind == fcgi.DATA and self._role == fcgi.FILTER:
            if self._state == DATA:
                if not content:
                    self._state = REPLY
                return content
            if self._state == STDIN:
                raise ProtocolError("FastCGI DATA record before the end of STDIN")
        # PARAMS after its end, STDIN after its end, DATA of a responder: the stream is over or not asked for.
        return None

    def _begin(self, request_id: int, content: bytes) -> None:
        """BEGIN_REQUEST, section 5.1."""
        if len(content) != 8:
            raise ProtocolError(f"FastCGI BEGIN_REQUEST of {len(content)} bytes instead of 8")
        role, flags = fcgi.BEGIN_BODY.unpack(content)
        if self._state != IDLE:
            if request_id == self._request_id:
                raise ProtocolError(f"FastCGI BEGIN_REQUEST for request id {request_id}, which is in use")
            self.outgoing.append(fcgi.end_request(request_id, 0, fcgi.CANT_MPX_CONN))
            return
        self._keep = bool(flags & fcgi.KEEP_CONN)
        if role not in fcgi.ROLES:
            self.outgoing.append(fcgi.end_request(request_id, 0, fcgi.UNKNOWN_ROLE))
            if not self._keep:
                raise ProtocolError(f"FastCGI role {role} is not served here")
            return
        self._end_draining()
        self._request_id = request_id
        self._role = role
        self._state = PARAMS

    def _receive_params(self, content: bytes) -> Event:
        """A piece of the PARAMS stream: the stream counts, not how it is cut into records (section 3.3)."""
        if content:
            self._params_size += len(content)
            if self._params_size > self._limits.size:
                raise ProtocolError(f"FastCGI parameters of more than {self._limits.size} bytes", _TOO_LARGE)
            self._params.append(content)
            return None
        block = b"".join(self._params)
        self._params = []
        self._params_size = 0
        return self._request(block)

    def _request(self, block: bytes) -> Request:
        """All parameters are in: the request can be served while its body comes."""
        self._state = STDIN
        variables = fcgi.decode_pairs(block)
        if len(variables) > self._limits.count:
            raise ProtocolError(f"more than {self._limits.count} FastCGI parameters", _TOO_LARGE)
        variables.append((b"FCGI_ROLE", fcgi.ROLES[self._role]))
        if self._role == fcgi.AUTHORIZER:
            variables.append((b"CONTENT_LENGTH", b"0"))  # no body (section 6.3), and from Apache no end of it either
        return Request(variables, self._keep, self._role == fcgi.FILTER)

    def _abort(self) -> Event:
        """ABORT_REQUEST, section 5.4: before the application runs it is answered here."""
        if self._state == PARAMS:
            self._params = []
            self._params_size = 0
            self.outgoing.append(self.complete(app_status=1))
            if not self._keep:
                raise ProtocolError("FastCGI request given up by the web server before it was complete")
            return None
        self._state = REPLY
        return ABORTED

    def _not_fastcgi(self) -> ProtocolError:
        head = bytes(self._buffer[self._position : self._position + PREFIX])
        return ProtocolError(f"not FastCGI version 1, but {head[:8]!r}{hint(head, self.name)}")

    # Sending

    def encode_errors(self, text: bytes) -> bytes:
        """Frame text for the web server's error log (FCGI_STDERR, section 6.1); nothing without a request in hand."""
        if self._state == IDLE:
            return b""
        return fcgi.errors(self._request_id, text)

    def complete(self, app_status: int = 0) -> bytes:
        """End the request in hand (section 5.5); records of it that still come are ignored."""
        request_id = self._request_id
        end = fcgi.response_end(request_id, app_status)
        if self._state in (STDIN, DATA) and not self._skip_input_end():
            self._draining = request_id
            if self._late:
                self._late_end = end[fcgi.HEADER_LENGTH :]
                end = end[: fcgi.HEADER_LENGTH]
        self._state = IDLE
        self._request_id = 0
        self._late = False
        return end

    def _end_draining(self) -> None:
        """All input of the request that was answered before it was in has come, or will not."""
        self._draining = 0
        if self._late_end:
            self.outgoing.append(self._late_end)
            self._late_end = b""

    def _skip_input_end(self) -> bool:
        """Skip the end of a body that is empty, or has been read, when it is here; true when it was."""
        if self._input_end_is_here():
            self._position += fcgi.HEADER_LENGTH
            return True
        return False

    def _input_end_is_here(self) -> bool:
        if self._request_id != 1 or self._role == fcgi.FILTER:
            return False
        return self._buffer.startswith(_STDIN_END, self._position)
