"""AJP13 connections as a class to derive from, and the one that stands before the engine."""

from __future__ import annotations

import logging
import struct
import traceback
from typing import TYPE_CHECKING, Any

from gateways.compat.ajp13.packets import (
    PKTTYPE_CPING,
    PKTTYPE_CPONG,
    PKTTYPE_FWD_REQ,
    PKTTYPE_PING,
    PKTTYPE_SEND_BODY,
    PKTTYPE_SEND_HEADERS,
    PKTTYPE_SHUTDOWN,
    Packet,
    ProtocolError,
    decodeAttribute,
    decodeRequestHeader,
    decodeString,
    methodTable,
    responseHeaderTable,
)
from gateways.compat.ajp13.requests import LoggerName
from gateways.compat.alarms import TimeoutException, alarm
from gateways.compat.laxity import header_list

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from gateways.core.types import Environ


class Connection:
    """One connection from a web server: for programs that derive from it, instead of the engine."""

    def __init__(self, sock: socket.socket, addr: Any, server: Any, timeout: float | None) -> None:
        self.server = server
        self._sock = sock
        self._addr = addr
        self._timeout = timeout
        self._request: Any = None
        self.logger = logging.getLogger(LoggerName)

    def timeout_handler(self, signum: int, frame: FrameType | None) -> None:
        """Say where the request was when its time was over, and end it."""
        self.logger.error("Timeout Exceeded\n%s", "".join(traceback.format_stack(frame)))
        raise TimeoutException

    def run(self) -> None:
        """Serve requests until the web server ends the connection."""
        try:
            while True:
                self.processInput()
        except (EOFError, KeyboardInterrupt):
            pass
        except ProtocolError as error:
            self.logger.error("Protocol error '%s'", error)
        except Exception:
            self.logger.exception("Exception caught in Connection")
        self._sock.close()

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
            self._write = self._start(*_read_head(pkt.data))
        elif kind == PKTTYPE_SEND_BODY and self._write is not None:
            length = struct.unpack_from(">H", pkt.data, 1)[0]
            if length:
                self._write(pkt.data[3 : 3 + length])

    def processInput(self) -> None:
        """Do nothing: the input waits by itself."""


def _read_head(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    code = struct.unpack_from(">H", data, 1)[0]
    reason, position = decodeString(data, 3)
    count = struct.unpack_from(">H", data, position)[0]
    position += 2
    headers: list[tuple[bytes, bytes]] = []
    for _ in range(count):
        if data[position] == 0xA0:
            name = responseHeaderTable[data[position + 1]] or b""
            position += 2
        else:
            name, position = decodeString(data, position)
        value, position = decodeString(data, position)
        headers.append((name, value))
    return f"{code:03d} {reason.decode('latin-1')}", header_list(headers)


def converse(server: Any, environ: Environ, start_response: Callable[..., Any]) -> None:
    """Have a request object answer. Raises what it raises in the middle of an answer."""
    request = server.requestClass(BridgeConnection(server, start_response))
    request.environ = environ
    request.input = environ["wsgi.input"]
    with alarm(server._timeout, Connection.timeout_handler.__get__(request)):
        request.run()
