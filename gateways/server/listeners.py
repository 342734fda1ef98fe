"""Listening sockets: opened at an address, or inherited from the process that started this one."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from gateways.addresses import Address
from gateways.errors import BindError
from gateways.server.inherited import passed_by_systemd, take_socket
from gateways.server.peers import PeerFilter, filter_for, require_secret
from gateways.server.transports import TRANSPORTS
from gateways.server.unixsockets import SocketFile, hand_over, listen_unix, owner_ids

if TYPE_CHECKING:
    from gateways.server.peers import TrustedProxies
    from gateways.server.tls import Tls


class Listener:
    """A listening socket, non-blocking and closed in children, and what is spoken on it.

    ``protocol`` is the setting that opened it, such as ``fastcgi``. ``address`` is where it
    listens, with the port that was chosen for port 0;
    for an inherited socket it is the address that was asked for. ``peers`` is None when everybody may connect, ``file``
    that of a Unix socket, and ``asked`` the address in the settings. ``refusing`` says that ``refuse`` was called.
    ``tls`` is None where plain bytes are spoken, and ``proxies`` where no header of the PROXY protocol is expected.
    """

    __slots__ = (
        "address",
        "asked",
        "fast_path",
        "fast_paths",
        "file",
        "inherited",
        "peers",
        "protocol",
        "proxies",
        "refusing",
        "sock",
        "tls",
    )

    def __init__(
        self,
        sock: socket.socket,
        protocol: str,
        address: Address,
        inherited: bool = False,
        *,
        peers: PeerFilter | None = None,
        file: SocketFile | None = None,
        asked: Address | None = None,
    ) -> None:
        self.sock = sock
        self.protocol = protocol
        self.address = address
        self.asked = asked or address
        self.inherited = inherited
        self.refusing = False
        self.peers = peers
        self.file = file
        #: The C part that serves its usual requests, where there is one (fastpath.py).
        self.fast_path: Any = None
        #: The same for a port that takes any protocol, by protocol.
        self.fast_paths: dict[str, Any] = {}
        self.tls: Tls | None = None
        self.proxies: TrustedProxies | None = None

    def __str__(self) -> str:
        return f"{TRANSPORTS[self.protocol].name} on {self.address}"

    @property
    def spoken(self) -> str:
        """What a peer has to speak, for a line in the log."""
        before = "PROXY and " if self.proxies is not None else ""
        return before + self.protocol + (" with TLS" if self.tls is not None else "")

    def fileno(self) -> int:
        """Return the descriptor, -1 when closed."""
        return self.sock.fileno()

    def refuse(self) -> None:
        """Have nobody connect any more; what is in the backlog can still be accepted."""
        self.remove_file()
        self.refusing = True
        if self.sock.family == socket.AF_UNIX:
            try:
                self.sock.shutdown(socket.SHUT_RD)  # unlike the file this leaves no moment between
            except OSError:
                pass  # another system than Linux

    def remove_file(self) -> None:
        """Remove the file of a Unix socket, if it is still the one this process bound: nobody connects any more."""
        if self.file is not None:
            self.file.remove()
            self.file = None

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self.remove_file()
        self.sock.close()


def open_listeners(
    protocol: str,
    address: Address,
    *,
    backlog: int = 1024,
    socket_mode: int = 0o660,
    socket_owner: str | None = None,
    socket_group: str | None = None,
    allowed_clients: Sequence[str] = (),
    ajp_secret: str | None = None,
    environ: MutableMapping[str, str] | None = None,
) -> list[Listener]:
    """Open everything that ``address`` stands for: a host name or a name of systemd can stand for several sockets.

    ``backlog`` is a number of connections; the system may have a lower limit (net.core.somaxconn), and an inherited
    socket keeps its own. ``socket_mode``, ``socket_owner`` and ``socket_group`` (names or numbers, default: those of
    the process) are for Unix sockets with a path. ``allowed_clients`` and ``ajp_secret`` are for TCP (see ``peers``).
    ``environ``, default ``os.environ``, holds what systemd and the web server say; LISTEN_FDS and its like are taken
    out of it.

    Raises ``BindError`` when the address cannot be listened on, and ``ConfigError`` for an unknown user or group and
    for a port that other machines reach without a list of those that may connect, or with AJP13 without a secret, and
    for a package that the protocol needs.
    """
    environ = os.environ if environ is None else environ
    TRANSPORTS[protocol].require()
    if address.kind == "unix":
        owner, group = owner_ids(socket_owner, socket_group)
        sock, file = listen_unix(address.path, backlog, socket_mode, owner, group)
        sock.setblocking(False)
        return [Listener(sock, protocol, address, file=file)]
    inherited = address.kind in ("fd", "systemd")
    listeners: list[Listener] = []
    try:
        for sock in _inherit(address, environ) if inherited else _bind(address):
            listener = Listener(sock, protocol, _address_of(sock, address), inherited, asked=address)
            listeners.append(listener)
            listener.peers = filter_for(sock, protocol, allowed_clients, environ)
            require_secret(sock, protocol, ajp_secret)
            if not inherited:
                _listen(sock, address, backlog)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def keep_listener(
    sock: socket.socket,
    protocol: str,
    address: Address,
    file: SocketFile | None = None,
    *,
    backlog: int = 1024,
    socket_mode: int = 0o660,
    socket_owner: str | None = None,
    socket_group: str | None = None,
    allowed_clients: Sequence[str] = (),
    ajp_secret: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Listener:
    """Return a listener for a socket that this process has open already, with settings that may have changed.

    Raises what ``open_listeners`` does; the socket stays open then.
    """
    TRANSPORTS[protocol].require()
    sock.setblocking(False)
    inherited = address.kind in ("fd", "systemd")
    peers = filter_for(sock, protocol, allowed_clients, os.environ if environ is None else environ)
    require_secret(sock, protocol, ajp_secret)
    if file is not None:
        hand_over(file.path, socket_mode, *owner_ids(socket_owner, socket_group))
    if not inherited:
        _listen(sock, address, backlog)
    return Listener(sock, protocol, _address_of(sock, address), inherited, peers=peers, file=file, asked=address)


def _inherit(address: Address, environ: MutableMapping[str, str]) -> Iterator[socket.socket]:
    descriptors = [address.number] if address.kind == "fd" else passed_by_systemd(address, environ)
    return map(take_socket, descriptors)


def _bind(address: Address) -> Iterator[socket.socket]:
    """Bind a socket to each address that ``address`` stands for on this machine."""
    if address.kind == "abstract":
        yield _bind_one(address, socket.AF_UNIX, "\0" + address.name)
        return
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BindError(
            f"cannot listen on {address}: the host {address.host!r} is unknown ({error.strerror}); "
            f"check its spelling, or use an IP address of this machine"
        ) from None
    count = 0
    missing: BindError | None = None
    for family, sockaddr in dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found):
        try:
            sock = _bind_one(address, family, sockaddr)
        except _NotHereError as error:
            missing = error
        else:
            count += 1
            yield sock
    if missing is not None and not count:
        raise missing


class _NotHereError(BindError):
    """The address, or all of its family, is not on this machine."""


def _bind_one(address: Address, family: int, sockaddr: tuple[Any, ...] | str) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _NotHereError(f"cannot listen on {address}: {error.strerror}") from None
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] is IPv6 alone, on every system: IPv4 clients would come with addresses in disguise.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(sockaddr)
    except OSError as error:
        sock.close()
        raise bind_failure(address, error) from None
    return sock


def _listen(sock: socket.socket, address: Address, backlog: int) -> None:
    try:
        sock.listen(backlog)
    except OSError as error:  # two sockets may be bound to one port, but only one may listen
        raise bind_failure(address, error) from None


def bind_failure(address: Address, error: OSError) -> BindError:
    """Explain why an address cannot be listened on, and what can be done."""
    if error.errno == errno.EADDRNOTAVAIL:
        return _NotHereError(f"cannot listen on {address}: it is not an address of this machine (see: ip address)")
    if error.errno == errno.EADDRINUSE:
        look = f"ss -lntp 'sport = :{address.port}'" if address.kind == "tcp" else "ss -lxp"
        reason = f"another process listens there ({look} names it); stop it, or use another address"
    elif error.errno in (errno.EACCES, errno.EPERM) and 0 < address.port < 1024:
        reason = f"port {address.port} is for privileged processes; use one above 1023"
    else:
        reason = error.strerror or str(error)
    failure = BindError(f"cannot listen on {address}: {reason}")
    failure.errno = error.errno
    return failure


def _address_of(sock: socket.socket, address: Address) -> Address:
    """Return ``address`` with the IP address and the port that it stands for."""
    if address.kind != "tcp":
        return address
    host, port, *more = sock.getsockname()
    if more and more[1]:
        host = f"{host}%{socket.if_indextoname(more[1])}"
    return Address("tcp", host=host, port=port)
