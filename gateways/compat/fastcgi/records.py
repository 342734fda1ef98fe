"""FastCGI's numbers by flup's names, name-value pairs, and records that read and write themselves."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING

from gateways.adapters.fastcgi import records as wire
from gateways.compat.waiting import Framed

if TYPE_CHECKING:
    import socket

FCGI_LISTENSOCK_FILENO = 0
FCGI_HEADER_LEN = wire.HEADER_LENGTH
FCGI_VERSION_1 = wire.VERSION

FCGI_BEGIN_REQUEST = wire.BEGIN_REQUEST
FCGI_ABORT_REQUEST = wire.ABORT_REQUEST
FCGI_END_REQUEST = wire.END_REQUEST
FCGI_PARAMS = wire.PARAMS
FCGI_STDIN = wire.STDIN
FCGI_STDOUT = wire.STDOUT
FCGI_STDERR = wire.STDERR
FCGI_DATA = wire.DATA
FCGI_GET_VALUES = wire.GET_VALUES
FCGI_GET_VALUES_RESULT = wire.GET_VALUES_RESULT
FCGI_UNKNOWN_TYPE = wire.UNKNOWN_TYPE
FCGI_MAXTYPE = FCGI_UNKNOWN_TYPE

FCGI_NULL_REQUEST_ID = 0
FCGI_KEEP_CONN = wire.KEEP_CONN

FCGI_RESPONDER = wire.RESPONDER
FCGI_AUTHORIZER = wire.AUTHORIZER
FCGI_FILTER = wire.FILTER

FCGI_REQUEST_COMPLETE = wire.REQUEST_COMPLETE
FCGI_CANT_MPX_CONN = wire.CANT_MPX_CONN
FCGI_OVERLOADED = wire.OVERLOADED
FCGI_UNKNOWN_ROLE = wire.UNKNOWN_ROLE

FCGI_MAX_CONNS = "FCGI_MAX_CONNS"
FCGI_MAX_REQS = "FCGI_MAX_REQS"
FCGI_MPXS_CONNS = "FCGI_MPXS_CONNS"

FCGI_Header = "!BBHHBx"
FCGI_BeginRequestBody = "!HB5x"
FCGI_EndRequestBody = "!LB3x"
FCGI_UnknownTypeBody = "!B7x"

FCGI_BeginRequestBody_LEN = wire.BEGIN_BODY.size
FCGI_EndRequestBody_LEN = wire.END_BODY.size
FCGI_UnknownTypeBody_LEN = wire.UNKNOWN_BODY.size

#: The roles, as FCGI_ROLE and people call them.
ROLE_NAMES = {role: name.decode("ascii") for role, name in wire.ROLES.items()}


def decode_pair(s: bytes, pos: int = 0) -> tuple[int, tuple[bytes, bytes]]:
    """Return where the pair at ``pos`` ends, and its name and value.

    Raises ``ValueError`` where the bytes end before the pair does (FastCGI 1.0, section 3.4).
    """
    stream = BytesIO(s)
    stream.seek(pos)
    try:
        lengths = wire.read_length(stream), wire.read_length(stream)
    except (IndexError, struct.error):
        raise ValueError("a name-value pair is cut off") from None
    name, value = map(stream.read, lengths)
    if (len(name), len(value)) != lengths:
        raise ValueError("a name-value pair is cut off")
    return stream.tell(), (name, value)


def encode_pair(name: bytes, value: bytes) -> bytes:
    """Return a pair as FastCGI writes it."""
    return wire.encode_pairs([(name, value)])


class Record(Framed):
    """One record: ``version``, ``type``, ``requestId``, ``contentLength``, ``paddingLength``, ``contentData``."""

    def __init__(self, type: int = FCGI_UNKNOWN_TYPE, requestId: int = FCGI_NULL_REQUEST_ID) -> None:
        self.version = FCGI_VERSION_1
        self.type = type
        self.requestId = requestId
        self.contentLength = 0
        self.paddingLength = 0
        self.contentData = b""

    def read(self, sock: socket.socket) -> None:
        """Receive a record. Raises ``EOFError`` where the connection ends, or breaks, before it is complete."""
        header = self._complete(sock, FCGI_HEADER_LEN)
        fields = struct.unpack(FCGI_Header, header)
        self.version, self.type, self.requestId, self.contentLength, self.paddingLength = fields
        if self.version != FCGI_VERSION_1:
            raise EOFError(f"FastCGI version {self.version} is not spoken here")
        self.contentData = self._complete(sock, self.contentLength)
        self._complete(sock, self.paddingLength)

    def write(self, sock: socket.socket) -> None:
        """Send the record in one piece. ``contentLength`` says how much of ``contentData`` there is."""
        self.paddingLength = -self.contentLength & 7
        self._sendall(sock, wire.record(self.type, self.requestId, self.contentData[: self.contentLength]))
