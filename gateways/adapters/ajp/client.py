"""AJP13, the web server's side, without I/O: a request out as bytes, the answer in as events.

    connection = ClientConnection()
    send(connection.start(variables, keep=True) + connection.send_body(block))
    connection.receive_data(received)
    connection.next_event()             Stdout, End, or None when more bytes are needed
    send(connection.more())             what the application has asked for meanwhile

The head of the response is given in CGI form, as all transports have it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.ajp.forward import encode_request
from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.incoming import Incoming
from gateways.errors import ProtocolError, TruncatedResponse

_BAD_GATEWAY = "502 Bad Gateway"
_MAX_PIECE = ajp.PACKET_SIZE - ajp.AROUND_BODY

Event = Union[Stdout, End]


class ClientConnection(Incoming):
    """One connection to an application, which can take one request after another.

    The application asks for each piece of the body but the first. ``hungry`` is true while it waits for one that is
    not here: blocks are passed to ``send_body`` only then.
    """

    name = "AJP13"
    #: Without a length, the application could not tell a body from none.
    needs_length = True

    def __init__(self) -> None:
        super().__init__()
        self._active = False
        self._keep = False
        self._reuse = False
        self._head_over = False
        self._wanted = 0  # bytes of the body that the application waits for
        self._rest = b""  # of a block, not asked for yet
        self._left = 0  # bytes of the body that were not given to ``send_body``

    # Sending

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the head of a request. Raises ``ValueError`` for variables that cannot be sent."""
        if self._active:
            raise RuntimeError("a request is in hand on this connection")
        data, self._left = encode_request(variables)
        self._wanted = _MAX_PIECE if self._left else 0  # the first piece is sent unasked
        self._rest = b""
        self._active = True
        self._keep = keep
        self._reuse = self._head_over = self.answered = False
        return data

    @property
    def hungry(self) -> bool:
        """True when a block of the body can be sent."""
        return self._wanted > 0 and not self._rest

    def send_body(self, data: bytes) -> bytes:
        """Frame as much of a block as was asked for; ``more`` gives the rest."""
        self._rest += data
        self._left -= len(data)
        return self.more()

    def end_body(self) -> bytes:
        """Frame the end of the body, if it was asked for."""
        self._left = 0
        return self.more()

    def more(self) -> bytes:
        """Frame what was asked for and is here; ``b""`` for nothing."""
        if not self._wanted or (self._left > 0 and not self._rest):
            return b""
        piece = self._rest[: self._wanted]
        self._rest = self._rest[len(piece) :]
        self._wanted = 0
        return ajp.packet(ajp.FROM_WEB_SERVER, ajp.integer(len(piece)) + piece)

    # Receiving

    @property
    def reusable(self) -> bool:
        """True when the last request is over on both sides and the connection stays open for another."""
        idle = not (self._active or self._rest or self._left or self._buffer or self._eof)
        return self._keep and self._reuse and idle

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed, or the application waits for the body.

        Raises ``ProtocolError`` for what AJP13 forbids, and ``TruncatedResponse`` for a connection that ended before
        the request did. The connection is of no use afterwards.
        """
        buffer = self._buffer
        while buffer:
            if not ajp.FROM_APPLICATION.startswith(buffer[:2]):
                raise _bad(f"its answer starts with the bytes {bytes(buffer[:4])!r}; is it another one?")
            stop = ajp.HEADER_SIZE + int.from_bytes(buffer[2:4], "big")
            if len(buffer) < ajp.HEADER_SIZE or len(buffer) < stop:
                break
            event = self._receive(bytes(buffer[ajp.HEADER_SIZE : stop]))
            del buffer[:stop]
            if event is not None:
                return event
        if self._eof and (buffer or self._active):
            raise self._truncated()
        return None

    def _receive(self, payload: bytes) -> Event | None:
        """Act on one packet."""
        if not payload:
            raise _bad("a packet without content")
        if not self._active:
            raise _bad(f"a packet of type {payload[0]}, and no request is open")
        kind = payload[0]
        if kind == ajp.GET_BODY_CHUNK:
            self._wanted = min(_fields(payload).integer(), _MAX_PIECE)
            return None
        if kind == ajp.SEND_HEADERS:
            return self._receive_head(payload)
        if not self._head_over:
            raise _bad(f"a packet of type {kind} before the headers")
        if kind == ajp.SEND_BODY_CHUNK:
            data = payload[3:]
            length = int.from_bytes(payload[1:3], "big")
            if len(payload) < 3 or length > len(data):
                raise _bad(f"a piece of the body of {len(data)} bytes, which should have {length}")
            return Stdout(data[:length]) if length else None
        if kind == ajp.END_RESPONSE:
            self._active = False
            self._wanted = 0
            self._reuse = payload[1:2] == b"\1"
            return End()
        raise _bad(f"a packet of type {kind}, which an application does not send")

    def _receive_head(self, payload: bytes) -> Event:
        if self._head_over:
            raise _bad("headers twice")
        self._head_over = True
        try:
            status, headers = read_head(payload)
        except ProtocolError as error:
            raise ProtocolError(str(error), _BAD_GATEWAY) from None
        lines = [b"Status: " + status.encode("latin-1"), *(name + b": " + value for name, value in headers)]
        if any(b"\n" in line or b"\r" in line for line in lines):
            raise _bad("a line break in a header")
        return Stdout(b"\r\n".join([*lines, b"", b""]))

    def _truncated(self) -> TruncatedResponse:
        if not self.answered:
            return TruncatedResponse(
                "the backend closed the connection without a word; does it speak AJP13?", _BAD_GATEWAY
            )
        return TruncatedResponse("the backend closed the connection before the end of its response", _BAD_GATEWAY)


def read_head(payload: bytes) -> tuple[str, list[tuple[bytes, bytes]]]:
    """Read SEND_HEADERS: the status with its reason, and the headers. Raises ``ProtocolError``."""
    fields = _fields(payload)
    status = f"{fields.integer()} {(fields.string() or b'').decode('latin-1')}"
    headers = []
    for _ in range(fields.integer()):
        code = fields.peek()
        if code >> 8 == 0xA0:
            fields.integer()
            if not 1 <= code & 0xFF <= len(ajp.RESPONSE_HEADERS):
                raise _bad(f"a header of the unknown code 0x{code:04x}")
            name = ajp.RESPONSE_HEADERS[(code & 0xFF) - 1]
        else:
            name = fields.string() or b""
        headers.append((name, fields.string() or b""))
    return status, headers


def _fields(payload: bytes) -> ajp.Reader:
    """Read behind the type."""
    return ajp.Reader(payload[1:], "answer of the backend")


def _bad(message: str) -> ProtocolError:
    return ProtocolError(f"the backend breaks the AJP13 protocol: {message}", _BAD_GATEWAY)
