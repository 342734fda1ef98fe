"""One response to a client of the front: the backend's, or the front's own page when there is none."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from email.utils import formatdate

from gateways.adapters.cgiresponse import reason_phrase
from gateways.client.response import Response
from gateways.errors import ClientDisconnected, TruncatedResponse
from gateways.front.head import RequestHead

# For the front to send, not for a backend (RFC 9110, section 7.6.1); the length is added again where it belongs.
_DROPPED = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_RESET = struct.pack("ii", 1, 0)


class Reply:
    """Writes the response to one request.

    ``status`` and ``sent`` (bytes of body) are for the log; ``keep`` is true when another request can follow. Methods
    raise ``ClientDisconnected`` when the client has gone, or takes nothing for ``timeout`` seconds.
    """

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._head: RequestHead | None = None
        self._started = False
        self._until_close = False
        self.status = 0
        self.sent = 0
        self.keep = False

    def prepare(self, head: RequestHead, may_keep: bool) -> None:
        """Tell which request this is the response to."""
        self._head = head
        self.keep = may_keep and head.keep_alive

    def ask_for_body(self) -> None:
        """Send ``100 Continue`` (RFC 9110, section 10.1.1)."""
        self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def relay(self, response: Response) -> str:
        """Send the backend's response, each block at once. Returns what is to remark about it.

        Raises what ``Response.iter_body`` does; ``fail`` then ends the reply.
        """
        assert self._head is not None
        headers = [item for item in response.headers if item[0].lower() not in _DROPPED]
        length = response.content_length
        chunked = response.has_body and length is None and self._head.version == "HTTP/1.1"
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif length is not None and response.status != 204:
            headers.append(("Content-Length", str(length)))
        elif response.has_body:
            self._until_close = True
            self.keep = False
        self._send_head(response.status, response.reason, headers)
        for block in response.iter_body():
            self._send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            self.sent += len(block)
        remark = f"the backend ended with the status {response.app_status}" if response.app_status else ""
        if remark and response.has_body and length is None:
            raise TruncatedResponse(remark)  # nothing else would tell the client that this is not all of it
        if chunked:
            self._send(b"0\r\n\r\n")
        return remark

    def fail(self, status: str, message: str) -> str:
        """End the reply after an error of the backend: with a page while nothing is sent, else by breaking off.

        Returns ``message``, for the log.
        """
        if not self._started:
            self.answer(status, message)
            return message
        self.keep = False
        if self._until_close:
            # Here the close would say that the body is complete.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return f"broken off: {message}"

    def answer(self, status: str, message: str) -> None:
        """Answer with a page of the front's own, of one line."""
        body = f"{status}: {message}\n".encode("ascii", "backslashreplace")
        headers = [
            ("Content-Type", "text/plain; charset=us-ascii"),
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(body))),
        ]
        self._send_head(int(status[:3]), status[4:], headers)
        if self._head is None or self._head.method != "HEAD":
            self._send(body)
            self.sent = len(body)

    def refuse(self, status: str, message: str) -> None:
        """Answer a request that cannot be served; the connection cannot go on."""
        self.keep = False
        self.answer(status or "400 Bad Request", message)

    def _send_head(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        assert not self._started
        self._started = True
        self.status = status
        lines = [f"HTTP/1.1 {status} {reason or reason_phrase(status)}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        if not any(name.lower() == "date" for name, _ in headers):
            lines.append(f"Date: {formatdate(usegmt=True)}\r\n")
        if not self.keep:
            lines.append("Connection: close\r\n")
        elif self._head is not None and self._head.version == "HTTP/1.0":
            lines.append("Connection: keep-alive\r\n")
        lines.append("\r\n")
        self._send("".join(lines).encode("latin-1"))

    def _send(self, data: bytes) -> None:
        self._sock.settimeout(self._timeout)
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise ClientDisconnected(f"the client went away: {error.strerror or 'it reads nothing'}") from None
