"""Which machines may connect over TCP: the ``allowed_clients`` setting, and FCGI_WEB_SERVER_ADDRS.

FastCGI, SCGI and uwsgi have no authentication; AJP13 has a secret, which it sends in clear. Whoever can connect says
who the user is (REMOTE_USER) and what is asked of the application, so a port that other machines reach has to know its
web servers. On a Unix socket the permissions of the file say who may connect, and nothing is checked here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateways.errors import ConfigError
from gateways.server.transports import TRANSPORTS

#: The word that stands for every client, and that for whoever comes by a Unix socket.
ANY = "any"
UNIX = "unix"

_VARIABLE = "FCGI_WEB_SERVER_ADDRS"
#: How an IPv6 socket reports IPv4 addresses (RFC 4291, section 2.5.5.2).
_MAPPED = b"\0" * 10 + b"\xff\xff"


class Range(NamedTuple):
    """The addresses from ``first`` to ``last``, packed: 4 bytes for IPv4, 16 for IPv6.

    ``interface`` is the index of the network interface they are on, 0 for all of them.
    """

    first: bytes
    last: bytes
    interface: int = 0


EVERYBODY = (Range(bytes(4), b"\xff" * 4), Range(bytes(16), b"\xff" * 16))


class PeerFilter:
    """Says by its address whether a peer may connect: it has to be in every one of ``lists``."""

    __slots__ = ("_lists",)

    def __init__(self, *lists: Iterable[Range]) -> None:
        self._lists = [list(ranges) for ranges in lists]

    def allows(self, peer: object) -> bool:
        """Say whether a peer may connect. ``peer`` is the address that ``socket.accept`` returned with it.

        An IPv4 address that an IPv6 socket reports is compared as IPv4. What is not an IP address is refused.
        """
        if not isinstance(peer, tuple):
            return False
        try:
            address = _pack(peer[0])
        except OSError:
            return False
        scope = peer[3] if len(peer) == 4 else 0
        return all(_contains(ranges, address, scope) for ranges in self._lists)


class TrustedProxies:
    """The peers whose word about a client counts: the ``forwarded_allow_ips`` setting.

    ``names`` are addresses, networks, ``unix`` and ``any``. Raises ``ConfigError`` for what is none of these.
    """

    __slots__ = ("_filter", "trusts_unix")

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self.trusts_unix = UNIX in names or ANY in names
        self._filter = PeerFilter(parse_clients([name for name in names if name != UNIX], "forwarded_allow_ips"))

    def trusts(self, address: str) -> bool:
        """Say whether an IP address, in text, is one of theirs; false for what is none."""
        return self._filter.allows((address,))

    def trusts_peer(self, peer: object) -> bool:
        """Say so of a peer. ``peer`` is the address that ``socket.accept`` returned with it."""
        return self._filter.allows(peer) if isinstance(peer, tuple) else self.trusts_unix


def filter_for(
    sock: socket.socket, protocol: str, allowed_clients: Iterable[str], environ: Mapping[str, str]
) -> PeerFilter | None:
    """Return the filter for connections to a bound socket, or None when everybody who reaches it may connect.

    FCGI_WEB_SERVER_ADDRS, a list of addresses separated by commas, holds for FastCGI beside ``allowed_clients``
    (FastCGI 1.0, section 3.2). By the letter of that section it would also close each connection to a Unix socket;
    like the other implementations, we leave those to the permissions of the file.

    Raises ``ConfigError`` when other machines reach the socket and neither list is given, and for a list that cannot be
    read.
    """
    if sock.family == socket.AF_UNIX:
        return None
    lists = lists_for(protocol, allowed_clients, environ)
    if lists:
        return PeerFilter(*lists)
    refuse_everybody(sock.getsockname()[0], protocol)
    return None


def lists_for(protocol: str, allowed_clients: Iterable[str], environ: Mapping[str, str]) -> list[list[Range]]:
    """Return the lists that a peer has to be in. Raises ``ConfigError`` for a list that cannot be read."""
    lists = [parse_clients(allowed_clients, "allowed_clients")]
    if protocol in ("fastcgi", "listen"):  # on a port of any protocol it is FastCGI that may be spoken
        lists.append(parse_clients(web_servers(environ), _VARIABLE))
    return [ranges for ranges in lists if ranges]


def web_servers(environ: Mapping[str, str]) -> list[str]:
    """Return the addresses in FCGI_WEB_SERVER_ADDRS."""
    return [part.strip() for part in environ.get(_VARIABLE, "").split(",") if part.strip()]


def refuse_everybody(host: str, protocol: str) -> None:
    """Raise ``ConfigError`` when other machines reach ``host``, an IP address; ``OSError`` when it is none.

    HTTP is for everybody: a client says nothing in it that an application would have to believe.
    """
    if not TRANSPORTS[protocol].public and not _is_loopback(_pack(host)):
        reason = "sends its secret in clear" if protocol == "ajp" else "has no authentication"
        raise ConfigError(
            f"will not listen on {host} for everybody: {protocol} {reason}, and whoever can connect "
            f"controls the application; name the web servers with allowed_clients (addresses or networks, such as "
            f'10.0.0.5), or give "{ANY}" where a firewall protects the port'
        )


def reached_by_others(sock: socket.socket) -> bool:
    """Say whether other machines reach a bound socket."""
    return sock.family != socket.AF_UNIX and not _is_loopback(_pack(sock.getsockname()[0]))


def require_secret(sock: socket.socket, protocol: str, secret: str | None) -> None:
    """Raise ``ConfigError`` when other machines reach a bound socket that speaks AJP13, and there is no ``secret``."""
    if sock.family != socket.AF_UNIX:
        refuse_without_secret(sock.getsockname()[0], protocol, secret)


def refuse_without_secret(host: str, protocol: str, secret: str | None) -> None:
    """Do the same for an IP address; ``OSError`` when ``host`` is none."""
    if protocol == "ajp" and not secret and not _is_loopback(_pack(host)):
        raise ConfigError(
            f"will not listen on {host} for AJP13 without a secret (CVE-2020-1938); give ajp_secret, best as "
            "@/path of a file, and the same to the web server (Apache: ProxyPass ... secret=...)"
        )


def parse_clients(clients: Iterable[str], origin: str) -> list[Range]:
    """Read addresses and networks: ``10.0.0.5``, ``10.0.0.0/8``, ``2001:db8::/32``, ``fe80::1%eth0``, ``any``.

    ``origin`` names where they come from. Raises ``ConfigError`` for what is none of these.
    """
    ranges: list[Range] = []
    for client in clients:
        if client == ANY:
            ranges += EVERYBODY
        else:
            try:
                ranges.append(_parse_client(client))
            except ValueError as error:
                raise ConfigError(f"{origin}: {client!r} is not an IP address or network: {error}") from None
    return ranges


def _parse_client(client: str) -> Range:
    """Read one address or network. Raises ``ValueError``."""
    import ipaddress  # some milliseconds that only a process with such a list spends

    interface = 0
    if "%" in client:  # fe80::1%eth0 or fe80::%eth0/10
        before, _, after = client.partition("%")
        name, slash, bits = after.partition("/")
        client = before + slash + bits
        interface = _interface(name)
    try:
        network = ipaddress.ip_network(client)
    except ValueError:
        try:
            meant = ipaddress.ip_interface(client).network
        except ValueError:
            raise ValueError("write 10.0.0.5, 10.0.0.0/8, ::1 or 2001:db8::/32") from None
        raise ValueError(f"it has bits behind its prefix; the network is {meant}") from None
    first, last = network.network_address.packed, network.broadcast_address.packed
    if first.startswith(_MAPPED) and last.startswith(_MAPPED):
        first, last = first[12:], last[12:]
    return Range(first, last, interface)


def _interface(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return socket.if_nametoindex(name)
    except OSError:
        raise ValueError(f"this machine has no network interface {name!r}") from None


def _pack(host: str) -> bytes:
    """Return an address as bytes, IPv4 also when it is mapped into IPv6. Raises ``OSError`` when it is none."""
    if ":" not in host:
        return socket.inet_pton(socket.AF_INET, host)
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _contains(ranges: Iterable[Range], address: bytes, scope: int) -> bool:
    return any(
        len(first) == len(address) and first <= address <= last and interface in (0, scope)
        for first, last, interface in ranges
    )


def _is_loopback(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"
