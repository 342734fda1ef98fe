"""AJP13: from CGI variables to FORWARD_REQUEST, as Apache sends it; the other way is request.py."""

from __future__ import annotations

from collections.abc import Iterable

from gateways.adapters.ajp import packets as ajp

_METHODS = {name: code for code, name in enumerate(ajp.METHODS, 1)}
_HEADERS = {name: 0xA000 + code for code, name in enumerate(ajp.REQUEST_HEADERS, 1)}
#: Fields of the packet, and what AJP13 has no place for.
_FIELDS = frozenset(
    (
        *(b"REQUEST_METHOD", b"SERVER_PROTOCOL", b"REQUEST_URI", b"QUERY_STRING", b"REMOTE_ADDR", b"REMOTE_HOST"),
        *(b"SERVER_NAME", b"SERVER_PORT", b"REQUEST_SCHEME", b"HTTPS", b"SCRIPT_NAME", b"PATH_INFO"),
        *(b"GATEWAY_INTERFACE", b"SERVER_SOFTWARE", b"SSL_CIPHER_USEKEYSIZE"),
    )
)
_CODES = {
    b"REMOTE_USER": ajp.REMOTE_USER,
    b"AUTH_TYPE": ajp.AUTH_TYPE,
    b"AJP_ROUTE": ajp.ROUTE,
    b"SSL_CLIENT_CERT": ajp.SSL_CERT,
    b"SSL_CIPHER": ajp.SSL_CIPHER,
    b"SSL_SESSION_ID": ajp.SSL_SESSION,
    b"AJP_SECRET": ajp.SECRET,
}
_EXTENSIONS = {
    b"REMOTE_PORT": b"AJP_REMOTE_PORT",
    b"SERVER_ADDR": b"AJP_LOCAL_ADDR",
    b"SSL_PROTOCOL": b"AJP_SSL_PROTOCOL",
}
_NULL = ajp.integer(ajp.NULL)


def encode_request(variables: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int]:
    """Return the packet and the length of the body in bytes.

    ``REQUEST_URI`` is sent as it is. ``AJP_SECRET`` becomes the secret, ``AJP_NAME`` the attribute ``NAME``, as in
    Apache; of any other variable that is no field, the attribute has its name. A ``CONTENT_LENGTH`` that is missing is
    0. Raises ``ValueError`` for a NUL byte, a length that is no number, and for what does not fit into a packet.
    """
    values: dict[bytes, bytes] = {}
    for name, value in variables:
        if not name or b"\0" in name or b"\0" in value:
            raise ValueError(f"AJP13 needs a name, and holds no NUL byte: {name[:60]!r}")
        values[name] = value
    length = values.get(b"CONTENT_LENGTH", b"0") or b"0"
    if not length.isdigit():
        raise ValueError(f"AJP13 needs a number as CONTENT_LENGTH, not {length[:60]!r}")
    try:
        payload = _fields(values) + _headers(values) + _attributes(values) + bytes((ajp.TERMINATOR,))
    except OverflowError:
        payload = bytes(ajp.PACKET_SIZE)
    if len(payload) > ajp.PACKET_SIZE - ajp.HEADER_SIZE:
        raise ValueError(f"an AJP13 request has at most {ajp.PACKET_SIZE} bytes, with all its headers")
    return ajp.packet(ajp.FROM_WEB_SERVER, payload), int(length)


def _fields(values: dict[bytes, bytes]) -> bytes:
    port = values.get(b"SERVER_PORT", b"80")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"SERVER_PORT is a number up to 65535, not {port[:60]!r}")
    host = values.get(b"REMOTE_HOST")
    secure = values.get(b"HTTPS", b"").lower() == b"on" or values.get(b"REQUEST_SCHEME") == b"https"
    return b"".join(
        (
            bytes((ajp.FORWARD_REQUEST, _METHODS.get(values.get(b"REQUEST_METHOD", b"GET"), ajp.STORED_METHOD))),
            ajp.string(values.get(b"SERVER_PROTOCOL", b"HTTP/1.1")),
            ajp.string(values.get(b"REQUEST_URI", b"/").partition(b"?")[0]),
            ajp.string(values.get(b"REMOTE_ADDR", b"")),
            _NULL if host is None else ajp.string(host),
            ajp.string(values.get(b"SERVER_NAME", b"localhost")),
            ajp.integer(int(port)),
            bytes((secure,)),
        )
    )


def _headers(values: dict[bytes, bytes]) -> bytes:
    parts = []
    for variable, value in values.items():
        if variable in {b"CONTENT_TYPE", b"CONTENT_LENGTH"}:
            name = variable
        elif variable.startswith(b"HTTP_"):
            name = variable[5:]
        else:
            continue
        name = name.replace(b"_", b"-").lower()
        code = _HEADERS.get(name)
        parts.append((ajp.string(name.title()) if code is None else ajp.integer(code)) + ajp.string(value))
    return ajp.integer(len(parts)) + b"".join(parts)


def _attributes(values: dict[bytes, bytes]) -> bytes:
    parts = []
    _, mark, query = values.get(b"REQUEST_URI", b"").partition(b"?")
    if mark:
        parts.append(bytes((ajp.QUERY_STRING,)) + ajp.string(query))
    method = values.get(b"REQUEST_METHOD", b"GET")
    if method not in _METHODS:
        parts.append(bytes((ajp.METHOD,)) + ajp.string(method))
    for name, value in {b"REMOTE_PORT": b"0", **values}.items():  # Apache always sends a port; lighttpd never does
        if name in _CODES:
            parts.append(bytes((_CODES[name],)) + ajp.string(value))
        elif not (name in _FIELDS or name.startswith((b"HTTP_", b"CONTENT_"))):
            attribute = _EXTENSIONS.get(name) or (name[4:] if name.startswith(b"AJP_") and name[4:] else name)
            parts.append(bytes((ajp.REQ_ATTRIBUTE,)) + ajp.string(attribute) + ajp.string(value))
    size = values.get(b"SSL_CIPHER_USEKEYSIZE", b"")
    if size.isdigit():
        parts.append(bytes((ajp.SSL_KEY_SIZE,)) + ajp.integer(int(size)))
    return b"".join(parts)
