"""AJP13, the application's side, without I/O: bytes in, events and bytes out.

A connection carries one request after another. The body comes in packets: where there is a Content-Length the first
unasked, all others only when GET_BODY_CHUNK asks for them. A packet of the body does not say that it is one. So the
connection is used again only when the body has been read to its end; otherwise END_RESPONSE says that it will close,
and whatever still comes is dropped.
"""

from __future__ import annotations

from gateways.adapters.ajp import packets as ajp
from gateways.adapters.ajp.answer import Answer
from gateways.adapters.ajp.request import ForwardRequest
from gateways.adapters.events import Limits, Request
from gateways.adapters.foreign import PREFIX, hint
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gateways.adapters.events import Event

_TOO_LARGE = "431 Request Header Fields Too Large"
_CPONG = ajp.packet(ajp.FROM_APPLICATION, bytes((ajp.CPONG,)))
_NOTHING = Request((), keep=False)

#: lighttpd sends a large body from a file with TCP_CORK, which holds back for 200 ms what fills no segment. So it is
#: asked for so much at once, and again when half of it has come; nothing of it is kept here.
_WINDOW = 1048576
_MOST_ASKED = 65535


def _never() -> bool:
    return False


class ServerConnection(Answer):
    """One connection from a web server. With a ``secret``, only requests that know it are served.

    ``packet_size`` is that of the longest packet in bytes, from 8192 to 65536; both sides have to agree on it.
    ``stopping`` is asked with each response whether it is the last of its connection.
    """

    name = "AJP13"
    #: Whether closing the connection is what ends a response.
    ends_by_close = False
    owed = b""
    #: There is no other request while something of a body comes.
    draining = False

    __slots__ = (
        *("_asked", "_bare", "_buffer", "_closing", "_due", "_left", "_limits", "_over", "_request", "_secret"),
        *("_stopping", "outgoing"),
    )

    def __init__(
        self,
        limits: Limits | None = None,
        secret: bytes = b"",
        packet_size: int = ajp.PACKET_SIZE,
        stopping: Callable[[], bool] = _never,
    ) -> None:
        super().__init__(packet_size)
        self._stopping = stopping
        self._limits = limits or Limits()
        self._secret = secret
        self._buffer = bytearray()
        self._request: Request | None = None
        self._bare = False  # lighttpd's way: packets of the body have no length of their own
        self._left: int | None = 0  # bytes of the body still to come, None where nobody knows
        self._over = True  # whether the body has been delivered
        self._asked = 0  # bytes of the body that lighttpd was asked for, and has not sent
        self._due = False  # whether a packet of the body comes without asking once more
        self._closing = False  # whether END_RESPONSE has said that this is the end
        self.outgoing: list[bytes] = []

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer. What is kept is at most one packet and what came behind it."""
        self._buffer += data

    def resume(self, keep: bool, rest: bytes | None) -> None:
        """Not possible: no C part parses AJP13."""
        raise NotImplementedError("no C part parses AJP13")

    def set_body_length(self, length: int, server: str = "") -> None:
        """Do nothing: the length is known."""

    @property
    def idle(self) -> bool:
        """True between requests, with nothing received of the next: the time to close a kept connection."""
        return self._request is None and not self._buffer

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return len(self._buffer)

    @property
    def input_complete(self) -> bool:
        """True when nothing more of the last request's body can come: nothing does that was not asked for."""
        if self._bare:
            return False  # there may still be an empty packet, and closing would reset the connection
        return not self._due or self._has_packet()

    def next_event(self) -> Event:
        """Return the request, pieces of its body, ``b""`` at its end; None when more bytes are needed.

        Asking for the body is what GET_BODY_CHUNK is sent for. Raises ``ProtocolError``; with a status it can be
        answered.
        """
        if self._closing:
            self._drop()
            return None
        if self._request is not None:
            return self._next_piece()
        while True:
            payload = self._next_packet()
            if payload is None:
                return None
            if not payload:
                if not self._bare:
                    raise ProtocolError("AJP13 packet without content")
                continue  # the end of the body of the request before, empty or streamed
            kind = payload[0]
            if kind == ajp.FORWARD_REQUEST:
                return self._begin(payload)
            if kind == ajp.CPING and len(payload) == 1:
                self.outgoing.append(_CPONG)
            elif kind != ajp.SHUTDOWN:  # whoever can connect could stop the server
                raise ProtocolError(f"AJP13 packet of type {kind}, which starts no request")

    def _begin(self, payload: bytes) -> Request:
        if len(payload) > self._limits.size:
            raise ProtocolError(f"request headers of more than {self._limits.size} bytes", _TOO_LARGE)
        request = ForwardRequest(payload[1:], self._limits)
        if self._secret:
            self._check_secret(request.secret)
        self._bare = not request.marked
        self._left = request.length
        self._over = request.length == 0
        self._due = bool(request.length)
        self._asked = 0
        self._request = Request(request.variables, keep=True)
        return self._request

    def _check_secret(self, given: bytes | None) -> None:
        from hmac import compare_digest  # only where there is a secret

        if not compare_digest(given or b"", self._secret):
            what = "no secret" if given is None else "another secret than ajp_secret"
            raise ProtocolError(
                f"{what} in the request; give mod_proxy_ajp the same one: ProxyPass ... secret=...", "403 Forbidden"
            )

    def _next_piece(self) -> Event:
        """Return the next piece of the body."""
        if self._over:
            return b""
        # lighttpd sends the first piece unasked only if it has it already (server.stream-request-body): ask at once.
        if not self._due or (self._bare and self._asked <= _WINDOW // 2):
            self._ask()
        payload = self._next_packet()
        if payload is None:
            return None
        data = self._open(payload)
        self._asked = max(0, self._asked - len(data))
        self._due = self._asked > 0
        if self._left is not None:
            if len(data) > self._left:
                raise ProtocolError(f"AJP13 body goes on {len(data) - self._left} bytes behind its Content-Length")
            self._left -= len(data)
        self._over = not (data and self._left != 0)
        return data

    def _ask(self) -> None:
        """Send GET_BODY_CHUNK, which one packet answers."""
        self._due = True
        if not self._bare or self._left is None:
            most = self._packet_size - ajp.AROUND_BODY
            size = most if self._left is None else min(self._left, most)
            self.outgoing.append(_get_body_chunk(size))
            return
        most = min(self._left, _WINDOW)
        while self._asked < most:
            size = min(most - self._asked, _MOST_ASKED)
            self.outgoing.append(_get_body_chunk(size))
            self._asked += size

    def _open(self, payload: bytes) -> bytes:
        """Take the piece of the body out of its packet; ``b""`` is the end."""
        inner = int.from_bytes(payload[:2], "big")
        whole = len(payload) >= 2 and inner <= len(payload) - 2
        if self._bare and not (whole and len(payload) - 2 == inner == self._left):
            return payload
        if not payload:
            return b""
        if not whole:
            raise ProtocolError(f"AJP13 body packet of {len(payload)} bytes says that it has {inner} and two")
        return payload[2 : 2 + inner]

    def _next_packet(self) -> bytes | None:
        """Take a packet out of the buffer; None when it is not all here."""
        buffer = self._buffer
        if not buffer:
            return None
        if not ajp.FROM_WEB_SERVER.startswith(buffer[:2]):
            raise ProtocolError(f"not AJP13, but {bytes(buffer[:8])!r}{hint(bytes(buffer[:PREFIX]), self.name)}")
        if len(buffer) < ajp.HEADER_SIZE:
            return None
        length = int.from_bytes(buffer[2:4], "big")
        if length > self._packet_size - ajp.HEADER_SIZE:
            raise ProtocolError(
                f"AJP13 packet of {length + ajp.HEADER_SIZE} bytes, more than ajp_packet_size, {self._packet_size}; "
                "give it what the web server has (Apache: ProxyIOBufferSize)"
            )
        if not self._has_packet():
            return None
        stop = ajp.HEADER_SIZE + length
        payload = bytes(buffer[ajp.HEADER_SIZE : stop])
        del buffer[:stop]
        return payload

    def _has_packet(self) -> bool:
        buffer = self._buffer
        return len(buffer) >= ajp.HEADER_SIZE and len(buffer) - ajp.HEADER_SIZE >= int.from_bytes(buffer[2:4], "big")

    def _drop(self) -> None:
        """Let go of what still comes; the packet of the body that is due is the last that can be in the way."""
        if self._due and self._has_packet():
            self._due = False
        if not self._due:
            self._buffer.clear()

    # Sending

    def _close_request(self) -> bool:
        request = self._request or _NOTHING
        self._request = None
        if request.keep and self._over and not self._left and not self._stopping():
            return True
        request.keep = False
        self._closing = True
        return False


def _get_body_chunk(size: int) -> bytes:
    return ajp.packet(ajp.FROM_APPLICATION, bytes((ajp.GET_BODY_CHUNK,)) + ajp.integer(size))
