"""The usual request, recognised at once: its head is whole, its length is known, and there is nothing to think about.

It makes the variables that ``head`` and ``variables`` would make, in a tenth of the time, or nothing: then they do it.
A property test holds both together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gateways.adapters.http import variables as cgi
from gateways.adapters.http.head import HOST, MAX_LENGTH_DIGITS

if TYPE_CHECKING:
    from gateways.adapters.http.ends import Ends
    from gateways.core.types import Variables

#: No two parts next to each other match the same, so that it never goes back far (CVE-2020-5236).
_REQUEST = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[!\"$-~]*) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_FIELD = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([^\r]*)\r\n")
#: What decides about more than the application's answer.
_UNUSUAL = (b"HTTP_TRANSFER_ENCODING", b"HTTP_EXPECT")
_PROTOCOL = b"HTTP/1.1"


class Usual(NamedTuple):
    """A usual request, whose head ends at ``end``; ``length`` bytes of body follow."""

    end: int
    length: int
    head_only: bool
    keep: bool
    variables: Variables


#: Values of Host that have been looked at, and the SERVER_NAME each means. Clients invent them, so both have an end.
_hosts: dict[bytes, bytes] = {}
_MAX_HOSTS = 1024
_MAX_HOST_SIZE = 255


def recognise(data: bytes, start: int, ends: Ends, limits: tuple[int, int, int]) -> Usual | None:
    """Return the request that begins at ``start``, or None. ``limits``: of its size, its fields and its first line."""
    match = _REQUEST.match(data, start)
    if match is None or match.end() - start > limits[0]:
        return None
    method, target, block = match.groups()
    names = cgi.names
    fields = [(names[name], value.rstrip(b" \t")) for name, value in _FIELD.findall(block)]
    values = dict(fields)
    if len(values) != len(fields) or len(fields) > limits[1] or len(method) + len(target) + 12 > limits[2]:
        return None
    keep = True
    connection = values.get(b"HTTP_CONNECTION")
    if connection is not None:
        option = connection.lower()
        keep = option == b"keep-alive"
        if not keep and option != b"close":
            return None
    for name in _UNUSUAL:
        if name in values:
            return None
    length = values.get(b"CONTENT_LENGTH", b"0")
    if not length.isdigit() or len(length) > MAX_LENGTH_DIGITS:  # isdigit() of bytes is ASCII only
        return None
    host = values.get(b"HTTP_HOST")
    if host is None or cgi.NUL in target:
        return None
    name = _hosts.get(host) or _remember(host, ends)
    if not name:
        return None
    found = cgi.assemble(method, target, _PROTOCOL, name, fields, ends)
    return Usual(match.end(), int(length), method == b"HEAD", keep, found)


def _remember(host: bytes, ends: Ends) -> bytes:
    """Return the SERVER_NAME that a Host means, empty where there is something to think about."""
    if not host or len(host) > _MAX_HOST_SIZE or HOST.fullmatch(host) is None or host.startswith(b":"):
        return b""
    name = cgi.server_name(host, ends)
    if len(_hosts) >= _MAX_HOSTS:
        _hosts.clear()
    _hosts[host] = name
    return name
