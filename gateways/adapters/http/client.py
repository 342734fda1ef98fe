"""HTTP/1.1, the client's side, without I/O: CGI variables out as a request, the response in as that of a program.

The interface is that of the FastCGI ``ClientConnection``. What HTTP has no place for is not sent: the addresses of the
client, and where the application is mounted. h11 does the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Union
from urllib.parse import quote_from_bytes

from gateways.adapters.cgiresponse import End, Stdout
from gateways.adapters.http.head import TOKEN, require
from gateways.errors import ProtocolError, TruncatedResponse

Event = Union[Stdout, End]

_BAD_GATEWAY = "502 Bad Gateway"
#: Of this connection, not of the response (RFC 9110, section 7.6.1).
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
#: Variables that the request line says, or that HTTP has no place for.
_UNSENT = frozenset(
    (
        *(b"GATEWAY_INTERFACE", b"SERVER_SOFTWARE", b"SERVER_PROTOCOL", b"SERVER_NAME", b"SERVER_PORT"),
        *(b"REQUEST_METHOD", b"REQUEST_SCHEME", b"REQUEST_URI", b"SCRIPT_NAME", b"PATH_INFO", b"QUERY_STRING"),
        *(b"REMOTE_ADDR", b"REMOTE_PORT", b"SERVER_ADDR", b"DOCUMENT_ROOT", b"DOCUMENT_URI", b"SCRIPT_FILENAME"),
    )
)
_NAME = re.compile(TOKEN)
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
#: What a header block of a response may measure; as ``cgiresponse`` has it.
_MAX_HEAD = 65536


class ClientConnection:
    """One connection to an HTTP server. Raises ``ConfigError`` where h11 is not installed."""

    name = "HTTP"
    #: A body of unknown length is chunked.
    needs_length = False
    hungry = True

    def __init__(self) -> None:
        require()
        import h11

        self._h11 = h11
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._request: Any = None  # its head, while it is not known whether a body follows
        self._keep = False
        self._eof = False
        self.answered = False

    @property
    def reusable(self) -> bool:
        """True when the last request is over on both sides and the connection stays open for another."""
        states = {*self._connection.states.values()}
        return self._keep and not self._eof and states <= {self._h11.DONE, self._h11.IDLE} and not self._left()

    def start(self, variables: Iterable[tuple[bytes, bytes]], keep: bool = False) -> bytes:
        """Encode the head of a request; one without CONTENT_LENGTH waits for the first piece of a body.

        Raises ``ValueError`` for what cannot be sent by HTTP, a CGI variable that is no header among it.
        """
        h11 = self._h11
        found = dict(variables)
        headers = _headers(found)
        if not keep:
            headers.append((b"Connection", b"close"))
        method, target = found.get(b"REQUEST_METHOD", b"GET"), _target(found)
        if self._connection.our_state is h11.DONE:
            self._connection.start_next_cycle()
        self._keep = keep
        self.answered = False
        try:
            request = h11.Request(method=method, target=target, headers=headers)
        except h11.LocalProtocolError as error:
            raise ValueError(f"this cannot be sent by HTTP: {error}") from None
        if b"CONTENT_LENGTH" not in found:
            self._request = request
            return b""
        return self._send(request)

    def send_body(self, data: bytes) -> bytes:
        """Frame a piece of the request body."""
        head = b""
        if self._request is not None:
            request, self._request = self._request, None
            request = self._h11.Request(
                method=request.method,
                target=request.target,
                headers=[*request.headers.raw_items(), (b"Transfer-Encoding", b"chunked")],
            )
            head = self._send(request)
        return head + self._send(self._h11.Data(data=data))

    def end_body(self) -> bytes:
        """Frame the end of the request body."""
        head = b""
        if self._request is not None:
            head = self._send(self._request)
            self._request = None
        return head + self._send(self._h11.EndOfMessage())

    def more(self) -> bytes:
        """Return nothing: all that was given to ``send_body`` has left."""
        return b""

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the server; ``b""`` is the end of the connection."""
        if data:
            self.answered = True
        else:
            self._eof = True
        self._connection.receive_data(data)

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed.

        Raises ``ProtocolError`` for what is no HTTP response, and ``TruncatedResponse`` for one that breaks off.
        """
        h11 = self._h11
        while True:
            if self._eof and not self.answered:
                raise TruncatedResponse(
                    "the backend closed the connection without a word; does it speak HTTP?", _BAD_GATEWAY
                )
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                if self._eof:
                    raise TruncatedResponse(
                        "the backend closed the connection before the end of its response", _BAD_GATEWAY
                    ) from None
                raise ProtocolError(f"the backend breaks the HTTP protocol: {error}", _BAD_GATEWAY) from None
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return None
            if isinstance(event, h11.ConnectionClosed):
                raise TruncatedResponse("the backend closed the connection", _BAD_GATEWAY)
            if isinstance(event, h11.Response):
                return Stdout(_cgi_head(event))
            if isinstance(event, h11.Data) and event.data:
                return Stdout(bytes(event.data))
            if isinstance(event, h11.EndOfMessage):
                return End()

    def _send(self, event: Any) -> bytes:
        try:
            return self._connection.send(event) or b""
        except self._h11.LocalProtocolError as error:
            raise ValueError(f"this cannot be sent by HTTP: {error}") from None

    def _left(self) -> bool:
        """Whether more has come than was asked for."""
        return bool(self._connection.trailing_data[0])


def _headers(variables: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Return the headers that became ``variables``. Raises ``ValueError``."""
    headers = []
    for variable, value in variables.items():
        if variable in _UNSENT:
            continue
        if not (variable.startswith(b"HTTP_") or variable in {b"CONTENT_TYPE", b"CONTENT_LENGTH"}):
            raise ValueError(f"HTTP has no CGI variables, so {variable[:60]!r} cannot be sent; send a header")
        name = variable[5:] if variable.startswith(b"HTTP_") else variable
        name = b"-".join([word.capitalize() for word in name.split(b"_")])
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise ValueError(f"this cannot be sent as a header: {variable[:60]!r}")
        headers.append((name, value.strip(b" \t")))
    return headers


def _target(variables: dict[bytes, bytes]) -> bytes:
    """Return path and query as they were asked for, or else as they are."""
    target = variables.get(b"REQUEST_URI", b"")
    if not target:
        path = variables.get(b"SCRIPT_NAME", b"") + variables.get(b"PATH_INFO", b"")
        query = variables.get(b"QUERY_STRING", b"")
        target = quote_from_bytes(path or b"/").encode("ascii") + (b"?" + query if query else b"")
    return target


def _cgi_head(response: Any) -> bytes:
    """Return the head of a response as a gateway program sends it (RFC 3875, section 6)."""
    lines = [b"Status: %d %b\r\n" % (response.status_code, response.reason)]
    for name, value in response.headers.raw_items():
        if name.lower() not in _HOP_BY_HOP and name.lower() != b"status":
            lines.append(name + b": " + value + b"\r\n")
    return b"".join([*lines, b"\r\n"])
