"""FastCGI 1.0 on the wire: record types, record headers, name-value pairs.

typedef struct {
    unsigned char version;          always 1
    unsigned char type;
    unsigned char requestIdB1;      0 for management records
    unsigned char requestIdB0;
    unsigned char contentLengthB1;  0..65535
    unsigned char contentLengthB0;
    unsigned char paddingLength;    0..255, skipped by the receiver
    unsigned char reserved;
} FCGI_Record;                      FastCGI 1.0, section 3.3
"""

from __future__ import annotations

from collections.abc import Iterable
from io import SEEK_CUR, BytesIO
from struct import Struct
from struct import error as StructError

from gateways.errors import ProtocolError

VERSION = 1
HEADER_LENGTH = 8
MAX_CONTENT = 65535
#: The largest content that needs no padding to keep records aligned to 8 bytes (section 3.3 recommends it).
MAX_ALIGNED_CONTENT = 65528
#: The largest content of STDERR. HAProxy 2.6 ends, with all it has in hand, at a record without padding or one of its
#: buffer's size (16 KiB).
MAX_ERROR_CONTENT = 4096

# Record types (section 8).
BEGIN_REQUEST = 1
ABORT_REQUEST = 2
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
STDERR = 7
DATA = 8
GET_VALUES = 9
GET_VALUES_RESULT = 10
UNKNOWN_TYPE = 11

# Roles and flags of BEGIN_REQUEST (section 5.1).
RESPONDER = 1
AUTHORIZER = 2
FILTER = 3
KEEP_CONN = 1
#: The names of roles, as FCGI_ROLE has them.
ROLES = {RESPONDER: b"RESPONDER", AUTHORIZER: b"AUTHORIZER", FILTER: b"FILTER"}

# Protocol status of END_REQUEST (section 5.5).
REQUEST_COMPLETE = 0
CANT_MPX_CONN = 1
OVERLOADED = 2
UNKNOWN_ROLE = 3
STATUSES = ("REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED", "UNKNOWN_ROLE")

HEADER = Struct(">BBHHBx")
BEGIN_BODY = Struct(">HB5x")
END_BODY = Struct(">IB3x")
UNKNOWN_BODY = Struct(">B7x")

_LONG = Struct(">I")
#: An empty STDOUT record and END_REQUEST, packed together because every response ends with them.
_RESPONSE_END = Struct(">BBHHBx BBHHBx IB3x")
_PADDING = [bytes(n) for n in range(9)]


def measure(data: bytearray) -> int:
    """Return how long the record is that begins there, 0 where that cannot be known yet, -1 where none does."""
    if data[0] != VERSION:
        return -1
    if len(data) < HEADER_LENGTH:
        return 0
    _, _, _, length, padding = HEADER.unpack_from(data)
    return int(HEADER_LENGTH + length + padding)


def record(kind: int, request_id: int, content: bytes = b"") -> bytes:
    """Frame one record, padded to a multiple of 8 bytes. ``content`` is at most 65535 bytes."""
    length = len(content)
    padding = -length & 7
    return HEADER.pack(VERSION, kind, request_id, length, padding) + content + _PADDING[padding]


def stream(kind: int, request_id: int, data: bytes) -> bytes:
    """Frame ``data`` as stream records of at most 65528 bytes each; nothing for empty data, which would end it."""
    if len(data) <= MAX_ALIGNED_CONTENT:
        return record(kind, request_id, data) if data else b""
    view = memoryview(data)
    return b"".join(
        [
            record(kind, request_id, bytes(view[start : start + MAX_ALIGNED_CONTENT]))
            for start in range(0, len(data), MAX_ALIGNED_CONTENT)
        ]
    )


def errors(request_id: int, text: bytes) -> bytes:
    """Frame text for STDERR: short records, each of them padded."""
    records = []
    for start in range(0, len(text), MAX_ERROR_CONTENT):
        content = text[start : start + MAX_ERROR_CONTENT]
        padding = 8 - (len(content) & 7)
        records.append(HEADER.pack(VERSION, STDERR, request_id, len(content), padding) + content + _PADDING[padding])
    return b"".join(records)


def stream_parts(kind: int, request_id: int, head: bytes, view: memoryview) -> list[bytes | memoryview]:
    """Frame ``head`` and ``view`` as ``stream`` does, in pieces for one gathered write: ``view`` is not copied.

    ``head`` is at most 65528 bytes.
    """
    parts: list[bytes | memoryview] = []
    start = 0
    stop = min(MAX_ALIGNED_CONTENT - len(head), len(view))
    while start < stop or head:
        length = len(head) + stop - start
        padding = -length & 7
        parts.append(HEADER.pack(VERSION, kind, request_id, length, padding) + head)
        parts.append(view[start:stop])
        if padding:
            parts.append(_PADDING[padding])
        head = b""
        start, stop = stop, min(stop + MAX_ALIGNED_CONTENT, len(view))
    return parts


def begin_request(request_id: int, role: int = RESPONDER, keep: bool = False) -> bytes:
    """Frame BEGIN_REQUEST (section 5.1)."""
    return record(BEGIN_REQUEST, request_id, BEGIN_BODY.pack(role, KEEP_CONN if keep else 0))


def end_request(request_id: int, app_status: int = 0, protocol_status: int = REQUEST_COMPLETE) -> bytes:
    """Frame END_REQUEST (section 5.5)."""
    return record(END_REQUEST, request_id, END_BODY.pack(app_status, protocol_status))


def response_end(request_id: int, app_status: int = 0) -> bytes:
    """Frame the end of STDOUT and END_REQUEST, as a responder ends a request that it has served."""
    stdout = (VERSION, STDOUT, request_id, 0, 0)
    end = (VERSION, END_REQUEST, request_id, END_BODY.size, 0)
    return _RESPONSE_END.pack(*stdout, *end, app_status, REQUEST_COMPLETE)


def encode_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode name-value pairs (section 3.4): one length byte below 128, else four with the high bit set."""
    parts: list[bytes] = []
    for name, value in pairs:
        for length in (len(name), len(value)):
            parts.append(bytes((length,)) if length < 128 else _LONG.pack(length | 0x80000000))
        parts.append(name)
        parts.append(value)
    return b"".join(parts)


def decode_pairs(block: bytes) -> list[tuple[bytes, bytes]]:
    """Decode the whole of a name-value stream (section 3.4), in wire order.

    Raises ``ProtocolError`` (400) where a length points past the end of the block: nothing is allocated from a length
    that lies (CVE-2025-23016).
    """
    stream = BytesIO(block)
    read = stream.read  # one call and no arithmetic for each piece: slices of the block take a third longer
    pairs: list[tuple[bytes, bytes]] = []
    name_length = value_length = 0
    try:
        while lengths := read(2):
            name_length, value_length = lengths
            if name_length > 127 or value_length > 127:
                stream.seek(-2, SEEK_CUR)
                name_length = _read_length(stream)
                value_length = _read_length(stream)
            pairs.append((read(name_length), read(value_length)))
    except (IndexError, ValueError, StructError):  # the block ends inside a length
        raise _past_the_end(len(pairs) + 1, block) from None
    # A read at the end returns what there is, so only the last pair can be short.
    if pairs and (len(pairs[-1][0]) != name_length or len(pairs[-1][1]) != value_length):
        raise _past_the_end(len(pairs), block)
    return pairs


def _read_length(stream: BytesIO) -> int:
    """Read a length of one byte or four. Raises ``IndexError`` or ``StructError`` where it is cut off."""
    first = stream.read(1)
    if first[0] < 128:
        return first[0]
    length: int = _LONG.unpack(first + stream.read(3))[0]
    return length & 0x7FFFFFFF


def _past_the_end(number: int, block: bytes) -> ProtocolError:
    return ProtocolError(
        f"FastCGI name-value pair {number} reaches past the end of its {len(block)} byte stream", "400 Bad Request"
    )
