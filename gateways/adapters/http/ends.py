"""Who is at the two ends of a connection: what HTTP itself does not say, and CGI variables have to."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from gateways.core.types import Variables

    Address = Optional[tuple[str, int]]


class Ends:
    """The addresses of a connection, as (IP address, port), None for a Unix socket; ``scheme`` is http or https.

    ``variables`` go before those of each request; whoever knows more of the client adds to them. ``name`` is the
    SERVER_NAME of a request without a Host, empty where nobody knows one.
    """

    __slots__ = ("name", "scheme", "variables")

    def __init__(self, remote: Address = None, local: Address = None, scheme: str = "http") -> None:
        remote, local = _plain(remote), _plain(local)
        self.scheme = scheme
        self.name = _bracketed(local[0]) if local else b""
        self.variables: Variables = [
            (b"GATEWAY_INTERFACE", b"CGI/1.1"),
            (b"SERVER_SOFTWARE", b"gateways"),
            (b"REQUEST_SCHEME", scheme.encode("ascii")),
            (b"REMOTE_ADDR", remote[0].encode("ascii") if remote else b""),
        ]
        if remote:
            self.variables.append((b"REMOTE_PORT", b"%d" % remote[1]))
        if local:
            self.variables.append((b"SERVER_ADDR", local[0].encode("ascii")))
            # The port that the connection came to, whatever the client says (RFC 3875, section 4.1.15). For a Unix
            # socket it comes from Host.
            self.variables.append((b"SERVER_PORT", b"%d" % local[1]))


def _plain(address: Address) -> Address:
    """Return an IPv4 address as such where an inherited IPv6 socket reports it (RFC 4291, section 2.5.5.2)."""
    if address is not None and address[0].startswith("::ffff:") and "." in address[0]:
        return address[0][7:], address[1]
    return address


def _bracketed(host: str) -> bytes:
    """Return an address as SERVER_NAME has it (RFC 3875, section 4.1.14)."""
    host = host.partition("%")[0]
    return (f"[{host}]" if ":" in host else host).encode("ascii")
