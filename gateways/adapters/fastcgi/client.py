"""FastCGI 1.0, the web server's side, without I/O: a request out as bytes, the answer in as events.

    connection = ClientConnection()
    send(connection.start(variables) + connection.send_body(body) + connection.end_body())
    connection.receive_data(received)
    connection.next_event()             Stdout, Stderr, End, or None when more bytes are needed

One request at a time on a connection: FastCGI multiplexes without flow control, and nothing that matters offers it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from gateways.adapters.cgiresponse import End, Stderr, Stdout
from gateways.adapters.fastcgi import records as fcgi
from gateways.adapters.incoming import Incoming
from gateways.errors import ProtocolError, TruncatedResponse

_BAD_GATEWAY = "502 Bad Gateway"

Event = Union[Stdout, Stderr, End]


class ClientConnection(Incoming):
    """One connection to a FastCGI application.

    Take events until ``next_event`` returns None before receiving more: then what is kept is never more than one
    record (64 KiB) and the last piece received. Methods called out of order raise ``RuntimeError``.
    """

    name = "FastCGI"
    needs_length = False
    hungry = True

    def __init__(self, request_id: int = 1) -> None:
        if not 1 <= request_id <= 65535:
            raise ValueError(f"a FastCGI request id is from 1 to 65535, not {request_id}")
        self._request_id = request_id
        super().__init__()
        self._active = False
        self._keep = False
        self._body_open = False
        self._data_open = False
        self._stdout_over = False

    # Sending

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False, role: int = fcgi.RESPONDER) -> bytes:
        """Begin a request; ``keep`` asks the application to leave the connection open afterwards.

        ``role`` is RESPONDER, AUTHORIZER, which has an empty body, or FILTER, which has data after its body (the names
        are in ``records``).

        Raises ``ValueError`` for a variable without a name or with a NUL byte (section 6.1).
        """
        if self._active:
            raise RuntimeError("a request is in hand on this connection")
        pairs = list(variables)
        for name, value in pairs:
            if not name or b"\0" in name or b"\0" in value:
                raise ValueError(f"a CGI variable needs a name, and holds no NUL byte: {name[:60]!r}")
        self._active = self._body_open = True
        self._stdout_over = self.answered = False
        self._keep = keep
        self._data_open = role == fcgi.FILTER
        return b"".join(
            (
                fcgi.begin_request(self._request_id, role, keep),
                fcgi.stream(fcgi.PARAMS, self._request_id, fcgi.encode_pairs(pairs)),
                fcgi.record(fcgi.PARAMS, self._request_id),
            )
        )

    def send_body(self, data: bytes) -> bytes:
        """Frame a piece of the request body."""
        if not self._body_open:
            raise RuntimeError("no request body is open")
        return fcgi.stream(fcgi.STDIN, self._request_id, data)

    def end_body(self) -> bytes:
        """Frame the end of the request body, which every request has."""
        if not self._body_open:
            raise RuntimeError("no request body is open")
        self._body_open = False
        return fcgi.record(fcgi.STDIN, self._request_id)

    def send_data(self, data: bytes) -> bytes:
        """Frame a piece of a filter's data; the body has to be ended before (section 6.4)."""
        if not self._data_open or self._body_open:
            raise RuntimeError("no data of a filter is open")
        return fcgi.stream(fcgi.DATA, self._request_id, data)

    def end_data(self) -> bytes:
        """Frame the end of a filter's data."""
        self.send_data(b"")
        self._data_open = False
        return fcgi.record(fcgi.DATA, self._request_id)

    def more(self) -> bytes:
        """Return nothing: all that was given to ``send_body`` has left."""
        return b""

    def abort(self) -> bytes:
        """Give the request up (section 5.4); the application still ends it, so go on until ``End``."""
        if not self._active:
            raise RuntimeError("no request is in hand")
        return fcgi.record(fcgi.ABORT_REQUEST, self._request_id)

    # Receiving

    @property
    def reusable(self) -> bool:
        """True when the last request is over on both sides and the connection stays open for another."""
        open_streams = self._body_open or self._data_open
        return self._keep and not (self._active or open_streams or self._buffer or self._eof)

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed.

        Raises ``ProtocolError`` for what FastCGI forbids, and ``TruncatedResponse`` for a connection that ended before
        the request did. The connection is of no use afterwards, and every further call raises the same.
        """
        buffer = self._buffer
        while buffer:
            if buffer[0] != fcgi.VERSION:
                raise _not_fastcgi(buffer[0])
            if len(buffer) < fcgi.HEADER_LENGTH:
                break
            _, kind, request_id, length, padding = fcgi.HEADER.unpack_from(buffer)
            stop = fcgi.HEADER_LENGTH + length
            if len(buffer) < stop + padding:
                break
            event = self._receive_record(kind, request_id, bytes(buffer[fcgi.HEADER_LENGTH : stop]))
            del buffer[: stop + padding]
            if event is not None:
                return event
        if self._eof and (buffer or self._active):
            raise self._truncated()
        return None

    def _receive_record(self, kind: int, request_id: int, content: bytes) -> Event | None:
        """Act on one record. It stays in the buffer when this raises."""
        if request_id == 0:  # they answer GET_VALUES (section 4), and nothing else
            raise _bad(f"record of type {kind} with request id 0, to a question that was not asked")
        if request_id != self._request_id or not self._active:
            # An application may ignore an id that is not active (section 3.3). Here it would be an answer that nobody
            # asked for, and the next request would get it.
            raise _bad(f"record of type {kind} for request {request_id}, which is not open")
        if kind == fcgi.STDOUT:
            return self._receive_stdout(content)
        if kind == fcgi.STDERR:
            return Stderr(content) if content else None
        if kind == fcgi.END_REQUEST:
            return self._receive_end(content)
        if kind == fcgi.ABORT_REQUEST:  # how our own server side says it; see encode_abort there
            raise TruncatedResponse("the backend broke its response off", _BAD_GATEWAY)
        raise _bad(f"record of type {kind}, which an application does not send")

    def _receive_stdout(self, content: bytes) -> Event | None:
        if not content:
            self._stdout_over = True
            return None
        if self._stdout_over:
            raise _bad("STDOUT goes on after its end (section 3.3)")
        return Stdout(content)

    def _receive_end(self, content: bytes) -> Event:
        """END_REQUEST, section 5.5. Many applications leave out the empty STDOUT record before it."""
        if len(content) != fcgi.END_BODY.size:
            raise _bad(f"END_REQUEST of {len(content)} bytes instead of {fcgi.END_BODY.size}")
        self._active = False
        return End(*fcgi.END_BODY.unpack(content))

    def _truncated(self) -> TruncatedResponse:
        if not self.answered:
            return TruncatedResponse(
                "the backend closed the connection without a word; does it speak FastCGI?", _BAD_GATEWAY
            )
        return TruncatedResponse("the backend closed the connection before the end of its response", _BAD_GATEWAY)


def _not_fastcgi(first: int) -> ProtocolError:
    # By the first byte alone, so that the answer does not depend on how many came with it.
    text = {0x48: "this looks like HTTP", 0x53: "this looks like CGI or SCGI"}.get(first, "this is another protocol")
    return ProtocolError(
        f"the backend does not answer in FastCGI: its answer starts with the byte 0x{first:02x}; {text}", _BAD_GATEWAY
    )


def _bad(message: str) -> ProtocolError:
    return ProtocolError(f"the backend breaks the FastCGI protocol: {message}", _BAD_GATEWAY)
