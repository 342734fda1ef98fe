"""What a new connection is, and what it goes through before its first request: the PROXY header, then TLS.

Both of these stand before the socket and are used like it, so that nothing else knows of them; what they find out goes
to the protocol, as variables of all requests of the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.server.anyport import ANY, AnyConnection
from gateways.server.connection import Connection
from gateways.server.forwarding import UNTOLD
from gateways.server.proxysocket import ProxySocket
from gateways.server.service import peer_name

if TYPE_CHECKING:
    import socket

    from gateways.adapters.interface import ServerConnection
    from gateways.adapters.proxyprotocol import Header
    from gateways.core.types import Variables
    from gateways.server.listeners import Listener
    from gateways.server.service import Service
    from gateways.server.worker import Server


def take_in(server: Server, listener: Listener, sock: socket.socket, address: object) -> Connection:
    """Return a connection of the kind that its listener asks for; ``address`` is what accept(2) says of its peer."""
    peer = peer_name(address)
    if server.multiplexing is not None and listener.protocol == "fastcgi":
        return server.multiplexing.open(server, sock, peer)
    connection = AnyConnection(listener, address) if listener.protocol == ANY else Connection()
    connection.open(server, server.new_protocol(listener.protocol, sock, address), sock, peer)
    return connection


def arrive(connection: Connection, listener: Listener, service: Service, address: object) -> bool:
    """Put before the socket of ``connection``, which has just been taken in from ``address``, what its listener has.

    False when the peer may not connect: the connection is closed then.
    """
    if listener.fast_path is not None:
        listener.fast_path.attach(connection)
    if listener.proxies is not None:
        plain: socket.socket = connection.sock  # type: ignore[assignment]  # the system's own
        if not listener.proxies.trusts_peer(address):
            where = f"{listener.address}, where proxy_protocol is spoken"
            service.error_log.warning(f"{connection.peer}: not in forwarded_allow_ips, closed on {where}")
            connection.close()
            return False
        Greeting(connection, plain, service)
    if listener.tls is not None:
        from gateways.server.tlssocket import TlsSocket  # OpenSSL is for those who use it

        connection.sock = TlsSocket(
            connection.sock, listener.tls.context, Learning(connection.protocol), Reporting(connection, service)
        )
    return True


class Learning:
    """Gives variables to a protocol that knows its ends (HTTP); all others get theirs from a web server."""

    def __init__(self, protocol: ServerConnection) -> None:
        self._ends = getattr(protocol, "ends", None)

    def __call__(self, variables: Variables) -> None:
        if self._ends is not None:
            names = {name for name, _ in variables}
            self._ends.variables = [pair for pair in self._ends.variables if pair[0] not in names] + list(variables)


class Reporting:
    """Writes lines about a connection that did not get as far as a request."""

    def __init__(self, connection: Connection, service: Service) -> None:
        self._connection = connection
        self._service = service

    def __call__(self, text: str) -> None:
        self._service.error_log.info(f"{self._connection.peer}: {text}")


class Greeting:
    """Waits for the PROXY header of a connection; behind it, the socket is used as it is."""

    def __init__(self, connection: Connection, sock: socket.socket, service: Service) -> None:
        self._connection = connection
        self._sock = sock
        self._guard = ProxySocket(sock, self._told, Reporting(connection, service))
        connection.sock = self._guard

    def _told(self, header: Header) -> None:
        connection = self._connection
        if connection.sock is self._guard:  # without TLS on it
            connection.sock = self._sock
        if header.addresses is not None:
            client, port = header.addresses.client, header.addresses.client_port
            connection.peer = peer_name((client, port))
            Learning(connection.protocol)([(b"REMOTE_ADDR", client.encode()), (b"REMOTE_PORT", b"%d" % port)])
        elif not header.local:
            Learning(connection.protocol)([(UNTOLD, b"1")])
