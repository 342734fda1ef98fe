"""A request as CGI variables (RFC 3875, section 4.1): what of it an application is told, and under which names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateways.adapters.http.head import BAD, HOST, NOT_IMPLEMENTED
from gateways.errors import ProtocolError

if TYPE_CHECKING:
    from gateways.adapters.http.ends import Ends
    from gateways.adapters.http.head import Head
    from gateways.core.types import Variables

#: Names remembered, and the bytes of one. Clients invent them, so both have an end.
_MAX_REMEMBERED = 1024
_MAX_SIZE = 256
_NAME = re.compile(rb"[A-Za-z0-9-]+")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
_ORIGIN = re.compile(rb"/[^#]*")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES = {b"%02x" % value: bytes((value,)) for value in range(256)}
#: As it comes in a path that no file and no application has.
NUL = b"%00"
_PROTOCOLS = (b"HTTP/1.0", b"HTTP/1.1")


class _Names(dict[bytes, bytes]):
    """The variable that a field becomes; empty for a name that is passed on to nobody."""

    def __missing__(self, name: bytes) -> bytes:
        # "X_A" and "X.A" would be taken for "X-A", which a web server in front may have checked (as nginx has it).
        upper = name.upper().replace(b"-", b"_") if _NAME.fullmatch(name) else b""
        variable = upper if upper in {b"", b"CONTENT_TYPE", b"CONTENT_LENGTH"} else b"HTTP_" + upper
        if len(name) <= _MAX_SIZE:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[name] = variable
        return variable


names = _Names()


def variables(head: Head, ends: Ends) -> Variables:
    """Return the CGI variables of a request between ``ends``.

    Raises ``ProtocolError`` for a target that is none (RFC 9112, section 3.2), and for a NUL byte in its path.
    """
    host, uri = _split_target(head)
    fields = [(names[name], value) for name, value in head.fields]
    fields = [field for field in fields if field[0]]
    if host:
        fields = [field for field in fields if field[0] != b"HTTP_HOST"]
        fields.append((b"HTTP_HOST", host))
    else:
        host = next((value for name, value in fields if name == b"HTTP_HOST"), b"")
    if NUL in uri.partition(b"?")[0]:
        raise ProtocolError("a NUL byte in the path", BAD)
    return assemble(head.method, uri, _PROTOCOLS[head.minor], server_name(host, ends), fields, ends)


def assemble(method: bytes, uri: bytes, protocol: bytes, name: bytes, fields: Variables, ends: Ends) -> Variables:
    """Put the variables of a request together; ``uri`` is path and query as they came."""
    path, _, query = uri.partition(b"?")
    return [
        *ends.variables,
        (b"SERVER_NAME", name),
        (b"SERVER_PROTOCOL", protocol),
        (b"REQUEST_METHOD", method),
        (b"REQUEST_URI", uri),
        (b"SCRIPT_NAME", b""),
        (b"PATH_INFO", unquote(path) if b"%" in path else path),
        (b"QUERY_STRING", query),
        *fields,
    ]


def server_name(host: bytes, ends: Ends) -> bytes:
    """Return the host of a Host without its port, or the address that the connection came to."""
    name, colon, _ = host.rpartition(b":")
    return (name if colon and not host.endswith(b"]") else host) or ends.name


def unquote(path: bytes) -> bytes:
    """Decode percent-encoding once. What is not ``%`` and two hexadecimal digits stays."""
    return _ESCAPE.sub(lambda match: _BYTES[match[1].lower()], path)


def _split_target(head: Head) -> tuple[bytes, bytes]:
    """Return the authority of an absolute target, else ``b""``, and path and query. Raises ``ProtocolError``.

    The authority goes before Host (section 3.2.2).
    """
    method, target = head.method, head.target
    if method == b"CONNECT":
        raise ProtocolError("CONNECT is for proxies", NOT_IMPLEMENTED)
    if _ORIGIN.fullmatch(target) or (target == b"*" and method == b"OPTIONS"):
        return b"", target
    match = _ABSOLUTE.fullmatch(target)
    if match is None or HOST.fullmatch(match[1]) is None:
        raise ProtocolError(f"not a request target: {target[:60]!r}", BAD)
    return match[1], (match[2] or b"/") + (match[3] or b"")
