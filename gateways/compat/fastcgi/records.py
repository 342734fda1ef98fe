"""FastCGI's numbers by flup's names, name-value pairs, and records that read and write themselves."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from gateways.compat.waiting import receive_exactly, send_all

if TYPE_CHECKING:
    import socket

FCGI_LISTENSOCK_FILENO = 0
FCGI_HEADER_LEN = 8
FCGI_VERSION_1 = 1

FCGI_BEGIN_REQUEST = 1
FCGI_ABORT_REQUEST = 2
FCGI_END_REQUEST = 3
FCGI_PARAMS = 4
FCGI_STDIN = 5
FCGI_STDOUT = 6
FCGI_STDERR = 7
FCGI_DATA = 8
FCGI_GET_VALUES = 9
FCGI_GET_VALUES_RESULT = 10
FCGI_UNKNOWN_TYPE = 11
FCGI_MAXTYPE = FCGI_UNKNOWN_TYPE

FCGI_NULL_REQUEST_ID = 0
FCGI_KEEP_CONN = 1

FCGI_RESPONDER = 1
FCGI_AUTHORIZER = 2
FCGI_FILTER = 3

FCGI_REQUEST_COMPLETE = 0
FCGI_CANT_MPX_CONN = 1
FCGI_OVERLOADED = 2
FCGI_UNKNOWN_ROLE = 3

FCGI_MAX_CONNS = "FCGI_MAX_CONNS"
FCGI_MAX_REQS = "FCGI_MAX_REQS"
FCGI_MPXS_CONNS = "FCGI_MPXS_CONNS"

FCGI_Header = "!BBHHBx"
FCGI_BeginRequestBody = "!HB5x"
FCGI_EndRequestBody = "!LB3x"
FCGI_UnknownTypeBody = "!B7x"

FCGI_BeginRequestBody_LEN = struct.calcsize(FCGI_BeginRequestBody)
FCGI_EndRequestBody_LEN = struct.calcsize(FCGI_EndRequestBody)
FCGI_UnknownTypeBody_LEN = struct.calcsize(FCGI_UnknownTypeBody)

#: The most that a record holds, bytes.
MAX_CONTENT = 65535


def decode_pair(s: bytes, pos: int = 0) -> tuple[int, tuple[bytes, bytes]]:
    """Return where the pair at ``pos`` ends, and its name and value.

    Raises ``ValueError`` where the bytes end before the pair does (FastCGI 1.0, section 3.4).
    """
    lengths = []
    for _ in range(2):
        if pos >= len(s):
            raise ValueError("a name-value pair is cut off")
        length = s[pos]
        if length < 128:
            pos += 1
        else:
            if pos + 4 > len(s):
                raise ValueError("a name-value pair is cut off")
            length = struct.unpack_from("!L", s, pos)[0] & 0x7FFFFFFF
            pos += 4
        lengths.append(length)
    middle = pos + lengths[0]
    end = middle + lengths[1]
    if end > len(s):
        raise ValueError("a name-value pair is cut off")
    return end, (s[pos:middle], s[middle:end])


def encode_pair(name: bytes, value: bytes) -> bytes:
    """Return a pair as FastCGI writes it."""
    return _encode_length(len(name)) + _encode_length(len(value)) + name + value


def _encode_length(length: int) -> bytes:
    return bytes((length,)) if length < 128 else struct.pack("!L", length | 0x80000000)


class Record:
    """One record: ``version``, ``type``, ``requestId``, ``contentLength``, ``paddingLength``, ``contentData``."""

    def __init__(self, type: int = FCGI_UNKNOWN_TYPE, requestId: int = FCGI_NULL_REQUEST_ID) -> None:
        self.version = FCGI_VERSION_1
        self.type = type
        self.requestId = requestId
        self.contentLength = 0
        self.paddingLength = 0
        self.contentData = b""

    @staticmethod
    def _recvall(sock: socket.socket, length: int) -> tuple[bytes, int]:
        data = receive_exactly(sock, length)
        return data, len(data)

    @staticmethod
    def _sendall(sock: socket.socket, data: bytes) -> None:
        send_all(sock, data)

    def read(self, sock: socket.socket) -> None:
        """Receive a record. Raises ``EOFError`` where the connection ends, or breaks, before it is complete."""
        header = self._complete(sock, FCGI_HEADER_LEN)
        fields = struct.unpack(FCGI_Header, header)
        self.version, self.type, self.requestId, self.contentLength, self.paddingLength = fields
        if self.version != FCGI_VERSION_1:
            raise EOFError(f"FastCGI version {self.version} is not spoken here")
        self.contentData = self._complete(sock, self.contentLength)
        self._complete(sock, self.paddingLength)

    def _complete(self, sock: socket.socket, length: int) -> bytes:
        try:
            data, received = self._recvall(sock, length) if length else (b"", 0)
        except OSError as error:
            raise EOFError(str(error)) from error
        if received < length:
            raise EOFError("the connection ended in the middle of a record")
        return data

    def write(self, sock: socket.socket) -> None:
        """Send the record in one piece. ``contentLength`` says how much of ``contentData`` there is."""
        self.paddingLength = -self.contentLength & 7
        header = struct.pack(
            FCGI_Header, self.version, self.type, self.requestId, self.contentLength, self.paddingLength
        )
        self._sendall(sock, header + self.contentData[: self.contentLength] + bytes(self.paddingLength))
