"""The request that flup gives to ``handler`` and ``error`` of its AJP servers, and the body it reads."""

from __future__ import annotations

import logging
import struct
import time
from typing import TYPE_CHECKING, Any

from gateways.compat.ajp13.packets import (
    PKTTYPE_END_RESPONSE,
    PKTTYPE_GET_BODY,
    PKTTYPE_SEND_BODY,
    PKTTYPE_SEND_HEADERS,
    Packet,
    ProtocolError,
    encodeResponseHeader,
    encodeString,
)
from gateways.compat.fastcgi.streams import InputStream as Stream
from gateways.errors import ClientDisconnected
from gateways.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

LoggerName = "ajp-wsgi"

#: The most that is asked for at once, bytes: what fits into a packet of the usual size.
_MOST_ASKED = 8186


class InputStream(Stream):
    """The body of a request, which has to be asked for."""

    def __init__(self, conn: Any) -> None:
        super().__init__(conn)
        self._length = 0
        self._received = 0
        self._eof = True
        self.logger = logging.getLogger(LoggerName)

    def bytesAvailForAdd(self) -> int:
        """Return how many bytes are to come."""
        return self._length - self._received

    def _waitForData(self) -> None:
        packet = Packet()
        packet.data = PKTTYPE_GET_BODY + struct.pack(">H", min(self.bytesAvailForAdd(), _MOST_ASKED))
        self._conn.writePacket(packet)
        self._conn.processInput()

    def setDataLength(self, length: int) -> None:
        """Say how long the body is."""
        self._length = length
        self._eof = not length

    def addData(self, data: bytes) -> None:
        """Take what has come. Raises ``ProtocolError`` for more than there is to come, and for an early end."""
        if not data:
            raise ProtocolError("short data")
        self._received += len(data)
        if self._received > self._length:
            raise ProtocolError("too much data")
        self.add_data(data)
        if self._received == self._length:
            self.add_data(b"")


class Request:
    """One request: ``environ``, ``input``, ``startResponse`` and ``write`` are for ``handler`` and ``error``."""

    _maxWrite = 8192 - 4 - 3 - 1

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.environ: dict[str, Any] = {}
        self.input: Any = InputStream(conn)
        self._headersSent = False
        self.logger = logging.getLogger(LoggerName)

    def run(self) -> None:
        """Have the server's ``handler`` answer.

        What it raises is logged, and the server's ``error`` answers; half of an answer is broken off instead, by
        raising it again.
        """
        started = time.monotonic()
        try:
            self._conn.server.handler(self)
        except ClientDisconnected:
            raise
        except BaseException:  # SystemExit too: sys.exit() in a handler must not take the server along
            if self._headersSent:
                raise
            self.logger.exception("Exception caught from handler")
            self._conn.server.error(self)
        packet = Packet()
        packet.data = PKTTYPE_END_RESPONSE + b"\1"
        self._conn.writePacket(packet)
        uri = escape(str(self.environ.get("REQUEST_URI", "")))
        seconds = time.monotonic() - started
        self.logger.debug("%s %s done (%.3f secs)", self.environ.get("REQUEST_METHOD"), uri, seconds)

    # What the connection says of the request

    def setMethod(self, value: bytes) -> None:
        """Set REQUEST_METHOD."""
        self.environ["REQUEST_METHOD"] = value.decode("latin-1")

    def setProtocol(self, value: bytes) -> None:
        """Set SERVER_PROTOCOL."""
        self.environ["SERVER_PROTOCOL"] = value.decode("latin-1")

    def setRequestURI(self, value: bytes) -> None:
        """Set REQUEST_URI."""
        self.environ["REQUEST_URI"] = value.decode("latin-1")

    def setRemoteAddr(self, value: bytes) -> None:
        """Set REMOTE_ADDR."""
        self.environ["REMOTE_ADDR"] = value.decode("latin-1")

    def setRemoteHost(self, value: bytes) -> None:
        """Set REMOTE_HOST."""
        self.environ["REMOTE_HOST"] = value.decode("latin-1")

    def setServerName(self, value: bytes) -> None:
        """Set SERVER_NAME."""
        self.environ["SERVER_NAME"] = value.decode("latin-1")

    def setServerPort(self, value: int) -> None:
        """Set SERVER_PORT."""
        self.environ["SERVER_PORT"] = str(value)

    def setIsSSL(self, value: Any) -> None:
        """Set HTTPS, where it is so."""
        if value:
            self.environ["HTTPS"] = "on"

    def addHeader(self, name: bytes, value: bytes) -> None:
        """Set the variable of a header. Raises ``ProtocolError`` for a length that is no number."""
        key = name.replace(b"-", b"_").upper().decode("latin-1")
        if key == "CONTENT_LENGTH":
            if not value.isdigit():
                raise ProtocolError("Content-Length is not a number")
            self.input.setDataLength(int(value))
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        if key != "HTTP_PROXY":  # CVE-2016-5385
            self.environ[key] = value.decode("latin-1")

    def addAttribute(self, name: bytes, value: bytes) -> None:
        """Set the variable of an attribute."""
        self.environ[name.decode("latin-1")] = value.decode("latin-1")

    # What the handler calls

    def startResponse(self, statusCode: int, statusMsg: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send the head of the response, once. Raises ``AssertionError`` for a second time."""
        if self._headersSent:
            raise AssertionError("the headers have left already")
        packet = Packet()
        packet.data = PKTTYPE_SEND_HEADERS + struct.pack(">H", statusCode) + encodeString(statusMsg)
        packet.data += struct.pack(">H", len(headers))
        packet.data += b"".join([encodeResponseHeader(name, value) for name, value in headers])
        self._conn.writePacket(packet)
        self._headersSent = True

    def write(self, data: bytes) -> None:
        """Send a block of the body. Raises ``AssertionError`` before the head."""
        if not self._headersSent:
            raise AssertionError("startResponse was not called")
        for start in range(0, len(data), self._maxWrite):
            piece = data[start : start + self._maxWrite]
            packet = Packet()
            packet.data = PKTTYPE_SEND_BODY + struct.pack(">H", len(piece)) + piece + b"\0"
            self._conn.writePacket(packet)
