"""The head of a request, made by h11 behind checks of our own (RFC 9112, sections 2 to 6).

h11 is as lenient as many servers are: it takes bare line feeds, folded lines, two equal lengths, and both framings at
once. Where two servers on the way of a request take a thing in two ways, one of them can be made to see a request that
the other did not (request smuggling), so here each of them is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gateways.errors import ConfigError, ProtocolError

if TYPE_CHECKING:
    from gateways.core.types import Variables

BAD = "400 Bad Request"
NOT_IMPLEMENTED = "501 Not Implemented"
_VERSION = "505 HTTP Version Not Supported"
_EXPECTATION = "417 Expectation Failed"

#: RFC 9110, section 5.6.2.
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#: What Host and an absolute target may name: a registered name or address, IPv6 in brackets, and a port (RFC 3986).
HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
#: The most digits of a length: what is below 10**18 fits 64 bits.
MAX_LENGTH_DIGITS = 18
_LENGTH = re.compile(rb"[0-9]{1,%d}" % MAX_LENGTH_DIGITS)

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/([0-9]\.[0-9])\r\n")
_FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[\t -~\x80-\xff]*\r\n")
_FOREIGN_VERSION = re.compile(TOKEN + rb" [!-~]+ HTTP/[0-9]+(?:\.[0-9]+)?\r\n")
#: Fields that decide where the request ends, or whom it is for.
_DECIDING = re.compile(rb"\r\n(content-length|transfer-encoding|host|expect|connection):[ \t]*([^\r]*)", re.IGNORECASE)


class Head(NamedTuple):
    """A request line and its fields, in order. ``minor`` is 0 or 1; ``length`` is None where none was given."""

    method: bytes
    target: bytes
    minor: int
    fields: Variables
    length: int | None = None
    chunked: bool = False
    expects: bool = False
    keep: bool = True


def require() -> None:
    """Import h11, so that no request has to. Raises ``ConfigError`` where it is not installed."""
    try:
        import h11  # noqa: F401
    except ImportError:
        raise ConfigError("HTTP needs the package h11, which is not installed: pip install 'gateways[http]'") from None


def check_line(line: bytes, first: bool) -> None:
    """Check a complete line of the head. Raises ``ProtocolError``."""
    if first:
        if _REQUEST_LINE.fullmatch(line) is None:
            if _FOREIGN_VERSION.fullmatch(line):
                raise ProtocolError(f"not HTTP/1.0 or HTTP/1.1: {_show(line)}", _VERSION)
            raise ProtocolError(f"not a request line: {_show(line)}", BAD)
    elif _FIELD_LINE.fullmatch(line) is None:
        what = "a folded line" if line[:1] in (b" ", b"\t") else "not a header field"
        raise ProtocolError(f"{what}: {_show(line)}", BAD)


def parse_head(block: bytes, newest: int = 1) -> tuple[Head, Any]:
    """Parse a head whose lines have been checked. Returns it, and h11's connection, which reads a chunked body.

    With ``newest`` 0 every request counts as one of HTTP/1.0. Raises ``ProtocolError`` with the status to answer.
    """
    import h11

    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(block) + 1)
    connection.receive_data(block)
    deciding: dict[bytes, list[bytes]] = {}
    for name, value in _DECIDING.findall(block):
        deciding.setdefault(name.lower(), []).append(value.rstrip(b" \t"))
    _check_codings(deciding.get(b"transfer-encoding"))
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = NOT_IMPLEMENTED if error.error_status_hint == 501 else BAD
        raise ProtocolError(str(error), status) from None
    if not isinstance(request, h11.Request):
        raise ProtocolError("no request", BAD)
    major, minor = request.http_version.split(b".")
    if major != b"1":
        raise ProtocolError(f"HTTP/{request.http_version.decode('ascii')} is not served here", _VERSION)
    head = Head(request.method, request.target, min(int(minor), newest), request.headers.raw_items())
    return _decide(head, deciding), connection


def _decide(head: Head, deciding: dict[bytes, list[bytes]]) -> Head:
    """Add what the fields say of the body and of the connection. Raises ``ProtocolError`` where they leave a doubt."""
    length = _length(deciding.get(b"content-length"))
    chunked = b"transfer-encoding" in deciding
    if chunked and length is not None:
        raise ProtocolError("both Content-Length and Transfer-Encoding", BAD)
    if chunked and not head.minor:
        raise ProtocolError("Transfer-Encoding in an HTTP/1.0 request", BAD)
    hosts = deciding.get(b"host", [])
    if len(hosts) > 1 or (head.minor and not hosts):
        raise ProtocolError("a request has one Host", BAD)
    if hosts and HOST.fullmatch(hosts[0]) is None:
        raise ProtocolError(f"not a Host: {_show(hosts[0])}", BAD)
    expected = [text.strip(b" \t").lower() for text in b",".join(deciding.get(b"expect", [])).split(b",")]
    expects = head.minor == 1 and expected != [b""]
    if expects and expected != [b"100-continue"]:
        raise ProtocolError(f"cannot do what is expected: {_show(b', '.join(expected))}", _EXPECTATION)
    options = {text.strip(b" \t").lower() for text in b",".join(deciding.get(b"connection", [])).split(b",")}
    keep = b"close" not in options and (head.minor == 1 or b"keep-alive" in options)
    # Nobody waits for leave to send nothing.
    return head._replace(length=length, chunked=chunked, expects=expects and (chunked or bool(length)), keep=keep)


def _check_codings(codings: list[bytes] | None) -> None:
    """Refuse a Transfer-Encoding that is no list of tokens, or in which chunked is not alone (section 6.1)."""
    if codings is None:
        return
    names = [name.strip(b" \t").lower() for name in b",".join(codings).split(b",")]
    if b"chunked" in names and (len(names) > 1 or len(codings) > 1):
        raise ProtocolError(f"chunked is not the only transfer coding: {_show(b', '.join(names))}", BAD)
    if not all(re.fullmatch(TOKEN, name) for name in names):
        raise ProtocolError(f"not a transfer coding: {_show(b', '.join(names))}", BAD)


def _length(values: list[bytes] | None) -> int | None:
    if values is None:
        return None
    if len(values) > 1 or _LENGTH.fullmatch(values[0]) is None:
        raise ProtocolError(f"Content-Length is not one number: {_show(b', '.join(values))}", BAD)
    return int(values[0])


def _show(data: bytes) -> str:
    """Show the start of a peer's bytes, escaped."""
    return f"{data[:60]!r}{' …' if len(data) > 60 else ''}"
