"""AJP13 by flup's names: numbers and tables, strings, packets that read and write themselves."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from gateways.adapters.ajp import packets as ajp
from gateways.compat.conversations import ProtocolError
from gateways.compat.waiting import Framed

if TYPE_CHECKING:
    import socket

SERVER_PREFIX = ajp.FROM_WEB_SERVER
CONTAINER_PREFIX = ajp.FROM_APPLICATION

PKTTYPE_FWD_REQ = ajp.FORWARD_REQUEST
PKTTYPE_SHUTDOWN = ajp.SHUTDOWN
PKTTYPE_PING = 8
PKTTYPE_CPING = ajp.CPING

PKTTYPE_SEND_BODY = bytes((ajp.SEND_BODY_CHUNK,))
PKTTYPE_SEND_HEADERS = bytes((ajp.SEND_HEADERS,))
PKTTYPE_END_RESPONSE = bytes((ajp.END_RESPONSE,))
PKTTYPE_GET_BODY = bytes((ajp.GET_BODY_CHUNK,))
PKTTYPE_CPONG = bytes((ajp.CPONG,))

methodTable = [None, *ajp.METHODS]
requestHeaderTable = [None, *[b"-".join(map(bytes.capitalize, name.split(b"-"))) for name in ajp.REQUEST_HEADERS]]
responseHeaderTable = [None, *[name.lower() for name in ajp.RESPONSE_HEADERS]]
attributeTable = [
    *(None, b"CONTEXT", b"SERVLET_PATH", b"REMOTE_USER", b"AUTH_TYPE", b"QUERY_STRING", b"JVM_ROUTE"),
    *(b"SSL_CERT", b"SSL_CIPHER", b"SSL_SESSION", None, b"SSL_KEY_SIZE"),
]

_CODED = 0xA0


def decodeString(data: bytes, pos: int = 0) -> tuple[bytes, int]:
    """Return the string at ``pos``, and where the next field is; one that is not there is empty."""
    if pos + 2 > len(data):
        raise ProtocolError("decodeString: the packet ends before the string does")
    length = struct.unpack_from(">H", data, pos)[0]
    pos += 2
    if length == ajp.NULL:
        return b"", pos
    if pos + length + 1 > len(data):
        raise ProtocolError("decodeString: the packet ends before the string does")
    return data[pos : pos + length], pos + length + 1


def decodeRequestHeader(data: bytes, pos: int = 0) -> tuple[bytes, bytes, int]:
    """Return name and value of a header, and where the next is."""
    if data[pos : pos + 1] == bytes((_CODED,)):
        code = data[pos + 1] if pos + 1 < len(data) else 0
        name = requestHeaderTable[code] if code < len(requestHeaderTable) else None
        if name is None:
            raise ProtocolError(f"decodeRequestHeader: there is no header {code}")
        pos += 2
    else:
        name, pos = decodeString(data, pos)
    value, pos = decodeString(data, pos)
    return name, value, pos


def decodeAttribute(data: bytes, pos: int = 0) -> tuple[bytes | None, bytes | None, int]:
    """Return name and value of an attribute, and where the next is; no name is the end."""
    if pos >= len(data):
        raise ProtocolError("decodeAttribute: the packet ends before its attributes do")
    code = data[pos]
    pos += 1
    if code == ajp.TERMINATOR:
        return None, None, pos
    if code == ajp.SSL_KEY_SIZE:
        if pos + 2 > len(data):
            raise ProtocolError("decodeAttribute: the packet ends before its attributes do")
        return b"SSL_KEY_SIZE", b"%d" % struct.unpack_from(">H", data, pos)[0], pos + 2
    if code == ajp.REQ_ATTRIBUTE:
        name, pos = decodeString(data, pos)
    else:
        known = attributeTable[code] if code < len(attributeTable) else None
        if known is None:
            raise ProtocolError(f"decodeAttribute: there is no attribute {code}")
        name = known
    value, pos = decodeString(data, pos)
    return name, value, pos


def encodeString(s: bytes) -> bytes:
    """Return a string as AJP13 writes it."""
    return ajp.string(s)


def encodeResponseHeader(name: bytes, value: bytes) -> bytes:
    """Return a header as AJP13 writes it."""
    lower = name.lower()
    code = bytes((_CODED, responseHeaderTable.index(lower))) if lower in responseHeaderTable else encodeString(name)
    return code + encodeString(value)


class Packet(Framed):
    """One packet: ``data``, and its ``length`` where it was received."""

    def __init__(self) -> None:
        self.data = b""
        self.length = 0

    def read(self, sock: socket.socket) -> None:
        """Receive a packet. Raises ``EOFError`` where the connection ends first, ``ProtocolError`` for what is none."""
        header = self._complete(sock, ajp.HEADER_SIZE)
        if header[:2] != SERVER_PREFIX:
            raise ProtocolError("invalid header")
        self.length = struct.unpack(">H", header[2:])[0]
        self.data = self._complete(sock, self.length)

    def write(self, sock: socket.socket) -> None:
        """Send the packet."""
        self.length = len(self.data)
        self._sendall(sock, ajp.packet(CONTAINER_PREFIX, self.data))
