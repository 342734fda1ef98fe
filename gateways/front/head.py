"""The head of an HTTP/1.1 request, parsed strictly: what is in doubt is refused (RFC 9110 and 9112).

``http.server`` would be at hand, but it rewrites targets that start with "//", takes folded lines and spaces before a
colon, and knows no chunked bodies: a front that is to show an application what nginx would send cannot use it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateways.errors import ProtocolError

#: nginx takes 4 lines of 8 KiB, Apache 100 of 8 KiB.
MAX_HEAD = 65536
MAX_LINE = 8192
MAX_HEADERS = 100
TOO_LARGE = "431 Request Header Fields Too Large"

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ABSOLUTE = re.compile(r"https?://([^/?]+)(.*)", re.IGNORECASE)
_HOST = re.compile(r"(?:[0-9A-Za-z._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


@dataclass(frozen=True)
class RequestHead:
    """Request line and headers; text is latin-1, a character for a byte.

    ``target`` is path and query as the client sent them. Of ``content_length`` and ``chunked`` at most one is set.
    ``keep_alive`` is what the client asks for, ``expects`` that it waits for ``100 Continue``.
    """

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expects: bool


def parse_head(block: bytes) -> RequestHead:
    """Parse a request's head with the empty line that ends it.

    Raises ``ProtocolError`` with the status to answer; the connection has to be closed after it.
    """
    if not block.endswith(b"\r\n\r\n"):
        raise bad_request("the lines of a request head end in CRLF, not LF alone (RFC 9112, section 2.2)")
    lines = block.split(b"\r\n")
    if len(lines) > MAX_HEADERS + 3:
        raise ProtocolError(f"more than {MAX_HEADERS} request headers", TOO_LARGE)
    method, target, version = _parse_request_line(lines[0])
    headers = [_parse_header(line) for line in lines[1:-2]]
    values = _Values(headers)
    host = values.only("host")
    if host is None and version == "HTTP/1.1":
        raise bad_request("an HTTP/1.1 request has no Host (RFC 9112, section 3.2)")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute:
        # An absolute target replaces Host (RFC 9112, section 3.2.2).
        host = absolute[1]
        target = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
        headers = [("Host", host)] + [item for item in headers if item[0].lower() != "host"]
    if host is not None and not _HOST.fullmatch(host):
        raise bad_request(f"not a Host: {host[:80]!r}")
    if not target.startswith("/") or "#" in target:
        raise bad_request(f"not a path: {target[:80]!r}")
    length, chunked = _parse_framing(values, version)
    connection = values.options("connection")
    return RequestHead(
        method,
        target,
        version,
        headers,
        length,
        chunked,
        "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection),
        _parse_expect(values, version),
    )


def bad_request(message: str) -> ProtocolError:
    """Make the error for bytes that are no HTTP."""
    return ProtocolError(message, "400 Bad Request")


class _Values:
    """Looks up headers by name."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            self._values.setdefault(name.lower(), []).append(value)

    def only(self, name: str) -> str | None:
        """Return the one value of a header that must not be repeated, None when it is not there."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise bad_request(f"{name} is there {len(values)} times")
        return values[0] if values else None

    def options(self, name: str) -> set[str]:
        """Return the elements of a comma-separated header, in lower case."""
        return {option.strip(" \t").lower() for value in self._values.get(name, []) for option in value.split(",")}


def _parse_request_line(line: bytes) -> tuple[str, str, str]:
    if len(line) > MAX_LINE:
        raise ProtocolError(f"request line of more than {MAX_LINE} bytes", "414 URI Too Long")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise bad_request(f"not an HTTP request line: {line[:80]!r}")
    if match[3] != b"1" or match[4] not in b"01":
        raise ProtocolError(f"not HTTP/1.1: {line[-8:]!r}", "505 HTTP Version Not Supported")
    if match[1] == b"CONNECT":
        raise ProtocolError("CONNECT is for proxies", "501 Not Implemented")
    return match[1].decode(), match[2].decode("latin-1"), line[-8:].decode()


def _parse_header(line: bytes) -> tuple[str, str]:
    """Parse one line: no folding, no space before the colon (RFC 9112, section 5), no bare CR or LF."""
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
        raise bad_request(f"not a request header: {line[:80]!r}")
    return name.decode(), value.strip(b" \t").decode("latin-1")


def _parse_framing(values: _Values, version: str) -> tuple[int | None, bool]:
    """Find out how the body is framed: by length, chunked, or that there is none (RFC 9112, section 6)."""
    length = values.only("content-length")
    coding = values.only("transfer-encoding")
    if coding is not None:
        if length is not None:
            raise bad_request("both Content-Length and Transfer-Encoding")
        if version == "HTTP/1.0":
            raise bad_request("Transfer-Encoding in an HTTP/1.0 request")
        if coding.lower() != "chunked":
            raise ProtocolError(f"unknown Transfer-Encoding {coding[:80]!r}", "501 Not Implemented")
        return None, True
    if length is None:
        return None, False
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise bad_request(f"Content-Length is not a number: {length[:80]!r}")
    return int(length), False


def _parse_expect(values: _Values, version: str) -> bool:
    expect = values.only("expect")
    if expect is None or version == "HTTP/1.0":
        return False
    if expect.lower() != "100-continue":
        raise ProtocolError(f"unknown expectation {expect[:80]!r}", "417 Expectation Failed")
    return True
