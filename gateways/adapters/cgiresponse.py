"""What a gateway program sends back (RFC 3875, section 6), as the web server's side of every transport reads it.

parser = HeadParser()
head = parser.feed(data)        None until the blank line is in
parser.rest                     what came behind it: the start of the body
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Union

from gateways.errors import ProtocolError, TruncatedResponse


@dataclass(frozen=True)
class Stdout:
    """A piece of the response: header block first, then body, cut anywhere."""

    data: bytes


@dataclass(frozen=True)
class Stderr:
    """Text for the error log (FCGI_STDERR)."""

    data: bytes


@dataclass(frozen=True)
class End:
    """The response is over. The numbers are those of FastCGI's END_REQUEST; where a protocol has none they are 0."""

    app_status: int = 0
    protocol_status: int = 0


Event = Union[Stdout, Stderr, End]

#: What web servers take of a response's header block lies between 4 KiB (nginx) and 64 KiB (lighttpd).
MAX_HEAD = 65536

_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS = re.compile(r"([2-9][0-9][0-9])(?: (.*))?")
# Each CGI field at most once (section 6.3); two lengths would leave the end of the body to chance.
_ONCE = ("status", "location", "content-type", "content-length")


@dataclass(frozen=True)
class ResponseHead:
    """Status and headers of a response.

    ``headers`` are in the order sent, without ``Status``; ``content_length`` is None when the program gave none.
    """

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_length: int | None = None


class HeadParser:
    """Collects a response until its header block is complete. ``limit`` is the most bytes that block may have."""

    def __init__(self, limit: int = MAX_HEAD) -> None:
        self._limit = limit
        self._buffer = bytearray()
        #: The bytes behind the header block, once it is complete.
        self.rest = b""

    def feed(self, data: bytes) -> ResponseHead | None:
        """Take the next bytes; return the head when it is complete.

        Raises ``ProtocolError`` (502) for what is no CGI header block, and for one above the limit.
        """
        start = max(0, len(self._buffer) - 2)
        self._buffer += data
        _refuse_foreign(self._buffer)
        end = _BLANK_LINE.search(self._buffer, start)
        if (end.end() if end else len(self._buffer)) > self._limit:
            raise _bad(f"response header block of more than {self._limit} bytes")
        if end is None:
            return None
        self.rest = bytes(self._buffer[end.end() :])
        return parse_head(bytes(self._buffer[: end.end()]))

    def end(self) -> TruncatedResponse:
        """Make the error for a response that ended before its head was complete."""
        if not self._buffer:
            return TruncatedResponse("the backend ended the request without an answer", _BAD_GATEWAY)
        return TruncatedResponse(
            f"the backend ended its response inside the header block, after {_show(self._buffer)}", _BAD_GATEWAY
        )


def parse_head(block: bytes) -> ResponseHead:
    """Parse a header block with the blank line that ends it. Raises ``ProtocolError`` (502).

    Lines end in LF or CRLF (section 6.2, "NL"). A ``Location`` without ``Status`` is a 302, also for a path: the local
    redirect of section 6.2.2 is left to the client, as nginx does.
    """
    headers: list[tuple[str, str]] = []
    single: dict[str, str] = {}
    for line in block.split(b"\n"):
        line = line[:-1] if line.endswith(b"\r") else line
        if not line:
            continue
        name, value = _parse_line(line)
        lower = name.lower()
        if lower in _ONCE:
            if lower in single:
                raise _bad(f"response header {name} is there twice")
            single[lower] = value
        if lower != "status":
            headers.append((name, value))
    if not headers and not single:
        raise _bad("the response has no headers (section 6.2 of RFC 3875 asks for one at least)")
    status, reason = _parse_status(single.get("status", "302" if "location" in single else "200"))
    return ResponseHead(status, reason, headers, _parse_length(single.get("content-length")))


def _parse_line(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
        raise _bad(f"not a response header: {_show(line)}")
    return name.decode("ascii"), value.strip(b" \t").decode("latin-1")


def _parse_status(value: str) -> tuple[int, str]:
    match = _STATUS.fullmatch(value)
    if match is None:
        raise _bad(f"Status must be three digits from 200 on and a reason, not {_show(value.encode('latin-1'))}")
    status = int(match[1])
    return status, match[2] or reason_phrase(status)


def _parse_length(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise _bad(f"Content-Length of the response must be a number, not {_show(value.encode('latin-1'))}")
    return int(value)


def reason_phrase(status: int) -> str:
    """Return the usual reason for a status, or ``""``."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _refuse_foreign(start: bytearray) -> None:
    """Say which protocol it is when a peer answers in another one: the most common fault of a configuration."""
    if start[:5] == b"HTTP/":
        raise _bad("the backend answers in HTTP: an HTTP server listens there")
    if start[:1] == b"\x01":
        raise _bad("the backend answers in FastCGI: ask it by FastCGI")


_BAD_GATEWAY = "502 Bad Gateway"


def _bad(message: str) -> ProtocolError:
    return ProtocolError(message, _BAD_GATEWAY)


def _show(data: bytes | bytearray) -> str:
    """Show the start of a peer's bytes in one line, escaped."""
    return repr(bytes(data[:60])) + (" …" if len(data) > 60 else "")
