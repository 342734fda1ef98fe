"""AJP13: packets, codes and strings, as the protocol overview of Apache's mod_proxy_ajp has them.

A packet is two bytes that say who sent it, two with the length of what follows, and that: a byte that says what it is,
and its fields. The one exception is a piece of a request body, which has no such byte.

    12 34 00 01 0a                 the web server asks whether somebody is there (CPING)
    41 42 00 01 09                 the application is (CPONG)
"""

from __future__ import annotations

from gateways.errors import ProtocolError

#: Who has sent a packet.
FROM_WEB_SERVER = b"\x12\x34"
FROM_APPLICATION = b"AB"

HEADER_SIZE = 4
#: The longest packet, with its header, where neither side was configured otherwise ("Packet Size").
PACKET_SIZE = 8192
#: What a packet holds beside a piece of a request body: its header, and the length.
AROUND_BODY = HEADER_SIZE + 2
#: Beside a piece of a response body: its header, a type, the length, and a NUL at the end.
AROUND_CHUNK = HEADER_SIZE + 4

# What a packet is.
FORWARD_REQUEST, SEND_BODY_CHUNK, SEND_HEADERS, END_RESPONSE, GET_BODY_CHUNK, SHUTDOWN = range(2, 8)
CPONG, CPING = 9, 10

#: Length of a string that is not there; lighttpd sends an empty one so.
NULL = 0xFFFF
STORED_METHOD = 0xFF
TERMINATOR = 0xFF

#: By their codes, from 1 on.
METHODS = (
    *(b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY"),
    *(b"MOVE", b"LOCK", b"UNLOCK", b"ACL", b"REPORT", b"VERSION-CONTROL", b"CHECKIN", b"CHECKOUT", b"UNCHECKOUT"),
    *(b"SEARCH", b"MKWORKSPACE", b"UPDATE", b"LABEL", b"MERGE", b"BASELINE-CONTROL", b"MKACTIVITY"),
)
REQUEST_HEADERS = (
    *(b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"authorization", b"connection"),
    *(b"content-type", b"content-length", b"cookie", b"cookie2", b"host", b"pragma", b"referer", b"user-agent"),
)
RESPONSE_HEADERS = (
    *(b"Content-Type", b"Content-Language", b"Content-Length", b"Date", b"Last-Modified", b"Location", b"Set-Cookie"),
    *(b"Set-Cookie2", b"Servlet-Engine", b"Status", b"WWW-Authenticate"),
)

# Attributes of a request.
CONTEXT, SERVLET_PATH, REMOTE_USER, AUTH_TYPE, QUERY_STRING, ROUTE, SSL_CERT, SSL_CIPHER, SSL_SESSION = range(1, 10)
REQ_ATTRIBUTE, SSL_KEY_SIZE, SECRET, METHOD = range(10, 14)

_BAD = "400 Bad Request"


def measure(sender: bytes, data: bytearray) -> int:
    """Return how long the packet is that begins there, 0 where that cannot be known yet, -1 where none does."""
    if not sender.startswith(data[:2]):
        return -1
    return HEADER_SIZE + int.from_bytes(data[2:4], "big") if len(data) >= HEADER_SIZE else 0


def packet(sender: bytes, payload: bytes) -> bytes:
    """Put the header before a payload."""
    return sender + len(payload).to_bytes(2, "big") + payload


def integer(number: int) -> bytes:
    """Encode a number of two bytes."""
    return number.to_bytes(2, "big")


def string(text: bytes) -> bytes:
    """Encode a string: its length, its bytes, and a NUL. Raises ``OverflowError`` for more than 65535 bytes."""
    return len(text).to_bytes(2, "big") + text + b"\0"


class Reader:
    """Takes the fields of one packet, from the first on. Each raises ``ProtocolError`` (400) where the packet ends.

    ``what`` says in an error what the packet is.
    """

    __slots__ = ("_data", "_position", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._position = 0
        self._what = what

    def byte(self) -> int:
        """Take one byte."""
        return self._take(1)[0]

    def integer(self) -> int:
        """Take a number of two bytes."""
        return int.from_bytes(self._take(2), "big")

    def peek(self) -> int:
        """Return the next number of two bytes without taking it."""
        number = self.integer()
        self._position -= 2
        return number

    def string(self) -> bytes | None:
        """Take a string; None where there is none (0xFFFF)."""
        length = self.integer()
        if length == NULL:
            return None
        text = self._take(length + 1)
        if text[-1] != 0:
            raise ProtocolError(f"AJP13 {self._what}: a string does not end with a NUL", _BAD)
        if text.find(b"\0") != length:
            raise ProtocolError(f"AJP13 {self._what}: a string holds a NUL byte", _BAD)
        return text[:-1]

    def rest(self) -> bytes:
        """Take all that is left."""
        return self._take(len(self._data) - self._position)

    def _take(self, count: int) -> bytes:
        stop = self._position + count
        if stop > len(self._data):
            raise ProtocolError(f"AJP13 {self._what}: a field goes past the end of the packet", _BAD)
        data = self._data[self._position : stop]
        self._position = stop
        return data
