"""AJP13 connections as a class to derive from, and the one that stands before the engine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from gateways.adapters.ajp.client import read_head
from gateways.compat.ajp13.packets import (
    PKTTYPE_CPING,
    PKTTYPE_CPONG,
    PKTTYPE_FWD_REQ,
    PKTTYPE_PING,
    PKTTYPE_SEND_BODY,
    PKTTYPE_SEND_HEADERS,
    PKTTYPE_SHUTDOWN,
    Packet,
    decodeAttribute,
    decodeRequestHeader,
    decodeString,
    methodTable,
)
from gateways.compat.ajp13.requests import LoggerName
from gateways.compat.alarms import alarm
from gateways.compat.conversations import LoggedConnection, ProtocolError
from gateways.compat.laxity import header_list
from gateways.compat.waiting import wait

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from gateways.core.types import Environ


class Connection(LoggedConnection):
    """One connection from a web server: for programs that derive from it, instead of the engine."""

    logger_name = LoggerName

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        super().__init__(sock, addr, server, timeout)
        self._request: Any = None

    def _converse(self) -> None:
        while True:
            wait(self._sock)  # for the next request as long as it likes
            self.processInput()

    def processInput(self) -> None:
        """Receive one packet and do what it asks for. Raises ``EOFError`` at the end of the connection."""
        packet = Packet()
        packet.read(self._sock)
        if self._request is not None:
            self._processBody(packet)
            return
        if not packet.length:
            raise ProtocolError("unexpected empty packet")
        kinds = {
            PKTTYPE_FWD_REQ: self._forwardRequest,
            PKTTYPE_SHUTDOWN: self._shutdown,
            PKTTYPE_PING: self._ping,
            PKTTYPE_CPING: self._cping,
        }
        handler = kinds.get(packet.data[0])
        if handler is None:
            raise ProtocolError("unknown packet type")
        handler(packet)

    def _forwardRequest(self, pkt: Packet) -> None:
        request = self.server.requestClass(self)
        position = self._read_line(request, pkt.data)
        if position + 2 > len(pkt.data):
            raise ProtocolError("the packet ends before its headers")
        count = struct.unpack_from(">H", pkt.data, position)[0]
        position += 2
        for _ in range(count):
            name, value, position = decodeRequestHeader(pkt.data, position)
            request.addHeader(name, value)
        while True:
            attribute, text, position = decodeAttribute(pkt.data, position)
            if attribute is None:
                break
            request.addAttribute(attribute, text or b"")
        self._request = request
        try:
            if request.input.bytesAvailForAdd():
                self.processInput()  # the first piece comes by itself
            self.server._note(request.environ)
            with alarm(self._timeout, self.timeout_handler):
                request.run()
        finally:
            self._request = None

    def _read_line(self, request: Any, data: bytes) -> int:
        """Read what stands before the headers; return where these begin."""
        code = data[1] if len(data) > 1 else 0
        method = methodTable[code] if code < len(methodTable) else None
        if method is None:
            raise ProtocolError(f"there is no method {code}")
        request.setMethod(method)
        position = 2
        for take in (
            *(request.setProtocol, request.setRequestURI, request.setRemoteAddr, request.setRemoteHost),
            request.setServerName,
        ):
            value, position = decodeString(data, position)
            take(value)
        if position + 3 > len(data):
            raise ProtocolError("the packet ends before its headers")
        port, secure = struct.unpack_from(">HB", data, position)
        request.setServerPort(port)
        request.setIsSSL(bool(secure))
        return position + 3

    def _shutdown(self, pkt: Packet) -> None:
        """Nothing is shut down because somebody who can connect says so."""
        self.logger.info("Received shutdown request from server")

    def _ping(self, pkt: Packet) -> None:
        self.logger.debug("Received ping")

    def _cping(self, pkt: Packet) -> None:
        answer = Packet()
        answer.data = PKTTYPE_CPONG
        self.writePacket(answer)

    def _processBody(self, pkt: Packet) -> None:
        length = struct.unpack_from(">H", pkt.data)[0] if pkt.length >= 2 else 0
        self._request.input.addData(pkt.data[2 : 2 + length])

    def writePacket(self, pkt: Packet) -> None:
        """Send a packet."""
        pkt.write(self._sock)


class BridgeConnection:
    """The connection that a request knows while the engine serves: what it sends as packets goes on to that."""

    def __init__(self, server: Any, start_response: Callable[..., Any]) -> None:
        self.server = server
        self._start = start_response
        self._write: Callable[[bytes], Any] | None = None

    def writePacket(self, pkt: Packet) -> None:
        """Give a packet on."""
        kind = pkt.data[:1]
        if kind == PKTTYPE_SEND_HEADERS:
            status, headers = read_head(pkt.data)
            self._write = self._start(status, header_list(headers))
        elif kind == PKTTYPE_SEND_BODY and self._write is not None:
            length = struct.unpack_from(">H", pkt.data, 1)[0]
            if length:
                self._write(pkt.data[3 : 3 + length])

    def processInput(self) -> None:
        """Do nothing: the input waits by itself."""


def converse(server: Any, environ: Environ, start_response: Callable[..., Any]) -> None:
    """Have a request object answer. Raises what it raises in the middle of an answer."""
    request = server.requestClass(BridgeConnection(server, start_response))
    request.environ = environ
    request.input = environ["wsgi.input"]
    with alarm(server._timeout, request.timeout_handler):
        request.run()
