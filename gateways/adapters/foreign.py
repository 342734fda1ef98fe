"""Tell by the first bytes of a connection which protocol it is: for a port that takes any of them, and for a log line.

They cannot be mistaken for each other, because each begins with other bytes:

=========  ========================================================================  =================================
FastCGI    01, then the type of a record, 01 to 0b                                   2 bytes
AJP13      12 34                                                                     2 bytes
SCGI       digits and a colon                                                        2 to 11 bytes
uwsgi      00 or 1e, the size of the variables, and a name within it                 7 bytes
           64 00 00 00, a ping                                                       4 bytes
HTTP       a method, a space, and what may follow it; one empty line may be before   4 to 31 bytes
TLS        16 03                                                                     2 bytes
PROXY      its text (version 1) or its signature (version 2)                         5 or 6 bytes
=========  ========================================================================  =================================

The first byte of a uwsgi packet can have any value (``modifier1``); the values above are all that is served of it.
"""

from __future__ import annotations

import re

#: More than this many bytes are never needed.
PREFIX = 32

_MORE = None
_NONE = ""

_METHODS = frozenset(b"GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT PRI PROPFIND".split())
_LONGEST_METHOD = 24
_TOKEN = re.compile(rb"[A-Za-z][!#$%&'*+.^_`|~0-9A-Za-z-]*")
_DIGITS = re.compile(rb"[0-9]{1,10}")
_PROXY = b"\r\n\r\n\0"
#: A request target begins with a slash, an asterisk or a scheme (RFC 9112, section 3.2); the authority of CONNECT is
#: known by the method.
_SCHEME = b"http"


def recognise(data: bytes) -> str | None:
    """Return the name of the protocol that ``data``, the first bytes of a connection, are of.

    ``None`` when more bytes are needed, which is never so for ``PREFIX`` bytes, and ``""`` for what is none that is
    known. What was decided once stays so, whatever follows.
    """
    if not data:
        return _MORE
    first = data[0]
    if first in _PAIRS:
        seconds, name = _PAIRS[first]
        if len(data) < 2:
            return _MORE
        return name if data[1] in seconds else _NONE
    return _RULES.get(first, _http)(data)


def describe(data: bytes) -> str:
    """Return what ``data``, the first bytes of a connection, looks like (``"HTTP"``, ``"TLS"``, …), or ``""``."""
    return recognise(bytes(data[:PREFIX])) or ""


def _literal(data: bytes, wanted: bytes, name: str) -> str | None:
    start = data[: len(wanted)]
    if start != wanted[: len(start)]:
        return _NONE
    return name if len(start) == len(wanted) else _MORE


def _scgi(data: bytes) -> str | None:
    match = _DIGITS.match(data)
    end = match.end() if match else 0
    if end == len(data):
        return _MORE
    return "SCGI" if data[end : end + 1] == b":" else _NONE


def _uwsgi(data: bytes) -> str | None:
    """Decide by the first name: zeros alone are often sent by mistake, and are nothing."""
    if len(data) < 6:
        return _MORE
    size = data[1] | data[2] << 8
    name = data[4] | data[5] << 8
    if not 0 < name <= size - 4:
        return _NONE
    if len(data) < 7:
        return _MORE
    return "uwsgi" if 0x21 <= data[6] <= 0x7E else _NONE


def _http(data: bytes) -> str | None:
    if not data:
        return _MORE
    match = _TOKEN.match(data)
    method = match[0] if match else b""
    if not method or len(method) > _LONGEST_METHOD:
        return _NONE
    if len(data) == len(method):
        return _MORE
    if data[len(method) : len(method) + 1] != b" ":
        return _NONE
    if method in _METHODS:
        return "HTTP"
    if method == b"PROXY":
        return "PROXY protocol"
    target = data[len(method) + 1 :]
    if target[:1] in (b"/", b"*"):
        return "HTTP"
    return _literal(target.lower(), _SCHEME, "HTTP")


def _ping(data: bytes) -> str | None:
    """A "d": of a ping of uwsgi (modifier1 100), or of a method."""
    return _literal(data, b"d\0\0\0", "uwsgi") if data[1:2] == b"\0" else _http(data)


def _empty_line(data: bytes) -> str | None:
    """A CR: of the signature of the PROXY protocol, or of an empty line before a request (RFC 9112, section 2.2)."""
    if data[:3] == _PROXY[:3]:
        return _literal(data, _PROXY, "PROXY protocol")
    return _http(data[2:]) if data[:2] == b"\r\n" else _literal(data, b"\r\n", _NONE)


#: What the second byte can be where two decide, by the first.
_PAIRS = {0x01: (bytes(range(1, 12)), "FastCGI"), 0x12: (b"\x34", "AJP13"), 0x16: (b"\x03", "TLS")}
#: What looks at the rest, by the first byte; for all others it is a method of HTTP or nothing.
_RULES = {0: _uwsgi, 30: _uwsgi, ord("d"): _ping, ord("\r"): _empty_line, **dict.fromkeys(b"0123456789", _scgi)}

#: What each protocol is called in the configuration of nginx, Apache (the scheme of ProxyPass) and lighttpd.
_SERVERS = ("nginx", "Apache", "lighttpd")
_DIRECTIVES = {
    "FastCGI": ("fastcgi_pass", "fcgi://", "fastcgi.server"),
    "SCGI": ("scgi_pass", "scgi://", "scgi.server"),
    "uwsgi": ("uwsgi_pass", "uwsgi://", 'scgi.protocol = "uwsgi"'),
    "AJP13": ("", "ajp://", "ajp13.server"),
    "HTTP": ("proxy_pass", "http://", "proxy.server"),
}


def hint(data: bytes, spoken: str) -> str:
    """Return the end of a log line for a connection on a ``spoken`` port, or ``""`` when nothing can be said."""
    found = describe(data)
    if not found or found == spoken:
        return ""
    what = f": this is {found}, on an address for {spoken}; "
    if found == "PROXY protocol":
        return f"{what}switch it off in the load balancer (HAProxy: send-proxy)"
    changes = [
        f"{server}: {ours} instead of {theirs}"
        for server, ours, theirs in zip(_SERVERS, _DIRECTIVES.get(spoken, ()), _DIRECTIVES.get(found, ()))
        if ours and theirs
    ]
    return f"{what}make the web server pass {spoken} here" + (f" ({'; '.join(changes)})" if changes else "")


def hint_for(name: str) -> str:
    """Return by what the web servers pass requests in the protocol that is called so: ``nginx: fastcgi_pass; ...``."""
    return "; ".join(f"{server}: {one}" for server, one in zip(_SERVERS, _DIRECTIVES.get(name, ())) if one)
