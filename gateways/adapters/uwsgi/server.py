"""The uwsgi protocol (uWSGI's Protocol.rst), the application's side, without I/O: bytes in, events and bytes out.

A connection carries one request: four bytes, a block of at most 65 535 bytes with the variables, then
``CONTENT_LENGTH`` bytes of body. Numbers are little-endian. The response is in HTTP form and ends with the connection.

    <modifier1> <size of the block, 2 bytes> <modifier2>
    <length, 2 bytes> "REQUEST_METHOD" <length, 2 bytes> "GET" ... <body>

What a request asks for stands in ``modifier1``. Served is 0, a WSGI request, and 30, the same with the path of the
mount still in front of ``PATH_INFO``; 100 is a ping. All else is closed, the modifiers above all that have uWSGI
evaluate code. ``UWSGI_FILE`` and its like, by which a web server chooses what uWSGI loads, are variables as any other.
"""

from __future__ import annotations

from gateways.adapters.events import Request
from gateways.adapters.foreign import PREFIX, hint
from gateways.adapters.onerequest import BAD, TOO_LARGE, OneRequest
from gateways.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateways.core.types import Headers, Variables

WSGI, WSGI_MANAGED, PING = 0, 30, 100
_PONG = b"\x64\0\0\1"
_HEADER_SIZE = 4


def encode_head(status: str, headers: Headers) -> bytes:
    """Encode checked headers behind a status line, which mod_proxy_uwsgi insists on.

    HTTP/1.0 is what the response is by its form: it ends with the connection.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"HTTP/1.0 {status}\r\n{lines}\r\n".encode("latin-1")


class ServerConnection(OneRequest):
    """One connection from a web server, which is one request. Pings before it are answered."""

    name = "uwsgi"
    _encode_head = staticmethod(encode_head)

    __slots__ = ()

    def _receive_headers(self) -> Request | None:
        buffer = self._buffer
        while len(buffer) >= _HEADER_SIZE:
            modifier = buffer[0]
            size = buffer[1] | buffer[2] << 8
            if modifier in (WSGI, WSGI_MANAGED):
                return self._receive_block(modifier, size)
            if modifier != PING or size:
                raise ProtocolError(
                    f"uwsgi modifier1 {modifier} is not served, only 0 and 30{hint(bytes(buffer[:PREFIX]), self.name)}"
                )
            del buffer[:_HEADER_SIZE]
            self.outgoing.append(_PONG)
        return None

    def _receive_block(self, modifier: int, size: int) -> Request | None:
        """Return the request in the buffer, whose block has ``size`` bytes; None when they are not all here."""
        if size > self._limits.size:
            raise ProtocolError(f"uwsgi variables of more than {self._limits.size} bytes", TOO_LARGE)
        end = _HEADER_SIZE + size
        if len(self._buffer) < end:
            return None
        variables = self._check(self._split(bytes(self._buffer[_HEADER_SIZE:end])))
        del self._buffer[:end]
        return Request(_cut_mount(variables, modifier), keep=False)

    def _split(self, block: bytes) -> Variables:
        """Split the block into names and values."""
        texts: list[bytes] = []
        most = 2 * self._limits.count
        at = 0
        end = len(block)
        while at < end:
            start = at + 2
            at = start + (block[start - 2] | block[start - 1] << 8) if start <= end else end + 1
            if at > end:
                raise ProtocolError("uwsgi variable that does not end with the block", BAD)
            texts.append(block[start:at])
            if len(texts) > most:
                raise ProtocolError(f"more than {self._limits.count} uwsgi variables", TOO_LARGE)
        if len(texts) % 2:
            raise ProtocolError("uwsgi variable without a value", BAD)
        return list(zip(texts[0::2], texts[1::2]))

    def _check(self, variables: Variables) -> Variables:
        """Refuse names that are empty and values that contradict each other, and note the length of the body."""
        values = dict(variables)
        if b"" in values:
            raise ProtocolError("uwsgi variable with an empty name", BAD)
        if len(values) != len(variables):
            if [name for name, _ in variables].count(b"CONTENT_LENGTH") > 1:
                # A parameter file and the deployer's own line: an empty length beside another is none.
                variables = [pair for pair in variables if pair != (b"CONTENT_LENGTH", b"")]
            _check_repeated(variables)
            values = dict(variables)
        length = values.get(b"CONTENT_LENGTH") or b"0"  # nginx sends an empty one for a request without a body
        if not length.isdigit() or len(length) > 18:
            raise ProtocolError(f"uwsgi CONTENT_LENGTH {length[:40]!r} is not a number", BAD)
        self._remaining = int(length)
        return variables


def _cut_mount(variables: Variables, modifier: int) -> Variables:
    """Take SCRIPT_NAME off the front of PATH_INFO where the two overlap.

    That is what modifier1 30 says. With 0 the core finds it out by REQUEST_URI (uWSGI's ``manage-script-name``), except
    for the mount itself: there both are the same, as they are for ``/app/app``.
    """
    values = dict(variables)
    mount = values.get(b"SCRIPT_NAME", b"").rstrip(b"/")
    if not mount:
        return variables
    path = values.get(b"PATH_INFO", b"")
    if modifier == WSGI_MANAGED:
        overlap = path == mount or path.startswith(mount + b"/")
    else:
        asked = values.get(b"REQUEST_URI", b"").partition(b"?")[0]
        overlap = path == mount and 0 < asked.count(b"/") <= mount.count(b"/")
    if not overlap:
        return variables
    return [(name, path[len(mount) :] if name == b"PATH_INFO" else value) for name, value in variables]


def _check_repeated(variables: Variables) -> None:
    """Refuse two lengths of the body and two users. Of any other variable the last value counts, as in uWSGI.

    nginx repeats what a configuration sets again behind ``include uwsgi_params``.
    """
    seen: dict[bytes, bytes] = {}
    for name, value in variables:
        if name in _UNDOUBTED and seen.setdefault(name, value) != value:
            raise ProtocolError(f"uwsgi variable {name!r} twice, with different values", BAD)


_UNDOUBTED = frozenset((b"CONTENT_LENGTH", b"REMOTE_USER", b"AUTH_TYPE"))
