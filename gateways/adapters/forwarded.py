"""What proxies say of the client in header fields: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239).

A field is as true as whoever wrote it: each proxy adds what it sees behind what it was given, and a client can begin
the list with anything. So it is read from its end, as long as those who wrote are trusted; the first address that is
not, is the client's. Whatever is not believed is taken out, as applications and frameworks would believe it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Variables = Sequence[tuple[bytes, bytes]]

#: The fields that can be believed, and the default: what a proxy that is set up at all sets. One that it does not know
#: of comes from the client as it is.
FIELDS = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")
USUAL_FIELDS = ("x-forwarded-for", "x-forwarded-proto")

_KNOWN = {b"HTTP_" + name.upper().replace("-", "_").encode(): name for name in FIELDS}
_FOR = b"HTTP_X_FORWARDED_FOR"
#: Others that frameworks believe, and nobody here.
_RELATED = frozenset(
    b"HTTP_X_" + name
    for name in (
        *(b"FORWARDED_BY", b"FORWARDED_PORT", b"FORWARDED_PREFIX", b"FORWARDED_PROTOCOL", b"FORWARDED_SCHEME"),
        *(b"FORWARDED_SERVER", b"FORWARDED_SSL", b"REAL_IP", b"URL_SCHEME"),
    )
)
#: More proxies than this are a client's invention.
MAX_HOPS = 50
_HOST = re.compile(rb"(?:[a-zA-Z0-9._~%!$&'()*+;=-]{1,255}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{0,5})?")
_PORT = re.compile(rb"[0-9]{1,5}")
_PAIR = re.compile(rb"[ \t]*([!#$%&'*+.^_`|~0-9a-zA-Z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^ \t\",;]*))[ \t]*(;|,|$)")


class Hop(NamedTuple):
    """What one proxy says of whoever connected to it; an empty value says nothing."""

    client: bytes = b""
    scheme: bytes = b""
    host: bytes = b""


class Forwarded:
    """Rewrites the CGI variables of requests.

    ``trusts`` says whether an address, in text, is that of a proxy of ours; ``fields`` are the header fields that these
    set, of ``FIELDS``. With ``forwarded`` none of the others is looked at.
    """

    def __init__(self, trusts: Callable[[str], bool], fields: Iterable[str] = USUAL_FIELDS) -> None:
        self._trusts = trusts
        chosen = frozenset(fields)
        self._believed = frozenset(("forwarded",)) if "forwarded" in chosen else chosen

    def apply(self, variables: Variables, trusted: bool) -> list[tuple[bytes, bytes]]:
        """Return ``variables`` as the fields have them; ``trusted`` says that the peer is a proxy of ours.

        REMOTE_ADDR, REMOTE_PORT, HTTPS, HTTP_HOST and X-Forwarded-For are what can change. Fields that are not believed
        are left out.
        """
        kept: list[tuple[bytes, bytes]] = []
        fields: dict[str, list[bytes]] = {}
        for name, value in variables:
            known = _KNOWN.get(name)
            if known is None:
                if name not in _RELATED or trusted:
                    kept.append((name, value))
            elif trusted and known in self._believed:
                fields.setdefault(known, []).append(value)
                kept.append((name, value))
        if not fields:
            return kept
        hops = _hops(fields)
        client, count = self._client(hops)
        if "x-forwarded-for" in fields:  # what stands before is made up, and applications like to take the first
            kept = [pair for pair in kept if pair[0] != _FOR]
            kept.append((_FOR, b", ".join([hop.client for hop in hops[-count:]])))
        return _believe(kept, client)

    def _client(self, hops: Sequence[Hop]) -> tuple[Hop, int]:
        """Return what is known of the client, and how many hops tell it.

        Each hop tells of the one before it, the last is our peer's word.
        """
        found = Hop()
        count = 0
        for hop in reversed(hops[-MAX_HOPS:]):
            count += 1
            # What a hop leaves open, the next may have said of the same client: one that only adds its address.
            address = _address(hop.client) if hop.client else None
            if hop.client and address is None:
                return Hop(found.client, hop.scheme or found.scheme, hop.host or found.host), count
            found = Hop(hop.client or found.client, hop.scheme or found.scheme, hop.host or found.host)
            if address is None or not self._trusts(address[0]):
                break
        return found, count


def _believe(variables: list[tuple[bytes, bytes]], client: Hop) -> list[tuple[bytes, bytes]]:
    """Put what is known of the client in the place of what the socket said."""
    new: dict[bytes, bytes] = {}
    dropped = set()
    address = _address(client.client) if client.client else None
    if address is not None:
        new[b"REMOTE_ADDR"] = address[0].encode()
        dropped.add(b"REMOTE_PORT")
        if address[1]:
            new[b"REMOTE_PORT"] = address[1]
    scheme = client.scheme.lower()
    if scheme in (b"http", b"https"):
        dropped.add(b"HTTPS")
        new[b"REQUEST_SCHEME"] = scheme
        if scheme == b"https":
            new[b"HTTPS"] = b"on"
    if _HOST.fullmatch(client.host):
        new[b"HTTP_HOST"] = client.host
    dropped.update(new)
    return [pair for pair in variables if pair[0] not in dropped] + list(new.items())


def _hops(fields: dict[str, list[bytes]]) -> list[Hop]:
    """Return what each proxy said, the nearest last."""
    if "forwarded" in fields:
        return _read_forwarded(b",".join(fields["forwarded"]))
    clients, schemes, hosts = [
        [word.strip() for word in b",".join(fields.get(name, ())).split(b",")]
        for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
    ]
    count = len(clients)
    return [
        Hop(client, _of_hop(schemes, index, count), _of_hop(hosts, index, count))
        for index, client in enumerate(clients)
    ]


def _of_hop(values: list[bytes], index: int, count: int) -> bytes:
    """Return what belongs to the hop of that index, where each proxy added a value; else the last proxy's word."""
    return values[index] if len(values) == count else values[-1]


def _read_forwarded(text: bytes) -> list[Hop]:
    """Read the field of RFC 7239, section 4. From what is no element on, counted from the end, nothing is believed."""
    hops: list[Hop] = []
    pairs: dict[bytes, bytes] = {}
    at = 0
    while True:
        match = _PAIR.match(text, at)
        if match is None:  # what stands before is not to be told from what a client made up
            comma = text.find(b",", at)
            if comma < 0:
                return []
            hops, pairs, at = [], {}, comma + 1
            continue
        quoted = match[2]
        value = re.sub(rb"\\(.)", rb"\1", quoted) if quoted is not None else match[3]
        pairs.setdefault(match[1].lower(), value)
        at = match.end()
        if match[4] == b";":
            continue
        hops.append(Hop(pairs.get(b"for", b""), pairs.get(b"proto", b""), pairs.get(b"host", b"")))
        pairs = {}
        if not match[4]:
            return hops


def _address(text: bytes) -> tuple[str, bytes] | None:
    """Return address and port of ``192.0.2.1:80``, ``[2001:db8::1]:80`` or either without; None for anything else."""
    if text.startswith(b"["):
        host, bracket, port = text[1:].partition(b"]")
        if not bracket or (port and not port.startswith(b":")):
            return None
        port = port[1:]
    elif text.count(b":") == 1:
        host, _, port = text.partition(b":")
    else:
        host, port = text, b""
    import ipaddress  # some milliseconds that only a process with proxies spends

    if b"%" in host or not (port == b"" or _PORT.fullmatch(port)):
        return None
    try:
        address = ipaddress.ip_address(host.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        return None
    return str(getattr(address, "ipv4_mapped", None) or address), port
