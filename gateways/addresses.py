"""Addresses as people write them, parsed once at the edge: ``unix:/run/app.sock``, ``127.0.0.1:9000``, ``@name``, …

A server listens on them (``server.listeners``); ``connect`` is the other side, for clients.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import sys
from dataclasses import dataclass
from time import monotonic, sleep

from gateways.errors import ConfigError, ConnectError

FORMS = "unix:/path, host:port, [::1]:port, :port, @abstract-name, fd:N or systemd:NAME"

#: Bytes of a path in ``struct sockaddr_un``, less the final NUL.
MAX_PATH = 107 if sys.platform == "linux" else 103

_REASONS = {
    errno.EAGAIN: "the server accepts no more connections (its backlog is full); it may be stuck or overloaded",
    errno.ENOENT: "no such socket file; start the server, or give the path it listens on",
    errno.EACCES: "no permission; run as a user who may write to the socket, or give it a wider socket mode",
    errno.EPERM: "no permission; a firewall or a sandbox forbids it",
    errno.EPROTOTYPE: "it is a socket of another type, not that of a backend",
    errno.ECONNREFUSED: "nothing listens there; start the server, or check the address",
}

#: Seconds between two tries while the backlog of a Unix socket is full.
_RETRY = 0.01


@dataclass(frozen=True)
class Address:
    """Where to listen or to connect. ``str()`` gives the canonical text, which parses to an equal address.

    ``kind`` says which of the fields mean something:

    =========  ==================================================================
    unix       ``path``, absolute
    tcp        ``host`` (IPv6 without brackets) and ``port`` (0: any free one)
    abstract   ``name``, without the @
    fd         ``number``, an open descriptor
    systemd    ``name`` (FileDescriptorName=), or ``number``, counted from 0
    =========  ==================================================================
    """

    kind: str
    path: str = ""
    host: str = ""
    port: int = 0
    name: str = ""
    number: int = -1

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "tcp":
            return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        if self.kind == "abstract":
            return f"@{self.name}"
        return f"{self.kind}:{self.name or self.number}"


def parse_address(text: str) -> Address:
    """Read an address. A relative path is taken from the current directory, ``:port`` is on 127.0.0.1.

    Raises ``ConfigError`` with the forms that are allowed.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{text!r} is not an address: give a string, one of {FORMS}")
    if not text.isprintable():
        raise _refused(text, "it has characters that cannot be printed")
    if text.startswith("unix:"):
        return _parse_path(text)
    if text.startswith("@"):
        return _parse_abstract(text)
    if text.startswith("fd:"):
        if not re.fullmatch("[0-9]{1,9}", text[3:]):
            raise _refused(text, "after fd: comes the number of an open descriptor, such as fd:0")
        return Address("fd", number=int(text[3:]))
    if text.startswith("systemd:"):
        return _parse_systemd(text)
    return _parse_tcp(text)


def check_connectable(address: Address) -> None:
    """Raise ``ConfigError`` for an address that can only be listened on."""
    if address.kind in ("fd", "systemd"):
        raise ConfigError(f"cannot connect to {address}: it names an inherited socket, which can only be listened on")
    if address.kind == "tcp" and not address.port:
        raise ConfigError(f"cannot connect to {address}: give the port the server listens on")


def connect(address: Address, timeout: float | None) -> socket.socket:
    """Connect to ``address`` and return the socket, with ``timeout`` set on it.

    ``timeout``, in seconds, holds for each address a host name has; None waits for ever. While the backlog of a Unix
    socket is full, the connection is tried again. Raises ``ConnectError``, and ``ConfigError`` for an address that can
    only be listened on.
    """
    check_connectable(address)
    try:
        if address.kind == "tcp":
            sock = socket.create_connection((address.host, address.port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        if address.kind == "unix":
            return _connect_unix(address.path, timeout)
        return _connect_unix("\0" + address.name, timeout)
    except OSError as error:
        failure = ConnectError(f"cannot connect to {address}: {_why(address, error, timeout)}")
        failure.errno = error.errno
        raise failure from None


def _parse_path(text: str) -> Address:
    path = text[5:]
    if not path:
        raise _refused(text, "after unix: comes the path of the socket, such as unix:/run/app.sock")
    if path.startswith("/"):
        path = "/" + path.lstrip("/")  # also unix:///run/app.sock, written as a URL
    else:
        try:
            path = os.path.join(os.getcwd(), path[2:] if path.startswith("./") else path)
        except OSError:
            raise _refused(text, "the current directory is gone; give an absolute path") from None
    if path.endswith("/"):
        raise _refused(text, "the path ends with a slash; name the socket file, not its directory")
    _check_length(text, path)
    return Address("unix", path=path)


def _parse_abstract(text: str) -> Address:
    if sys.platform != "linux":
        raise _refused(text, "only Linux has abstract sockets; use unix:/path")
    if text == "@":
        raise _refused(text, "after @ comes the name of the abstract socket, such as @app")
    _check_length(text, text[1:])
    return Address("abstract", name=text[1:])


def _check_length(text: str, name: str) -> None:
    length = len(os.fsencode(name))
    if length > MAX_PATH:
        raise _refused(text, f"{length} bytes are too long for a socket, {MAX_PATH} fit; choose a shorter path")


def _parse_systemd(text: str) -> Address:
    name = text[8:]
    if not name or ":" in name:
        raise _refused(text, "after systemd: comes the FileDescriptorName= of a .socket unit, or a number from 0")
    if re.fullmatch("[0-9]{1,9}", name):
        return Address("systemd", number=int(name))
    return Address("systemd", name=name)


def _parse_tcp(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if "/" in text or not colon:
        raise _refused(text, _hint(text))
    if host.startswith("[") != host.endswith("]") or text.endswith("]"):
        raise _refused(text, "an IPv6 address is written [address]:port, such as [::1]:9000")
    if not re.fullmatch("[0-9]{1,9}", port) or int(port) > 65535:
        raise _refused(text, f"the port {port!r} is not a number from 0 to 65535")
    if host.startswith("["):
        host = host[1:-1]
        try:
            socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        except OSError:
            raise _refused(text, f"{host!r} is not an IPv6 address") from None
    elif ":" in host:
        raise _refused(text, f"an IPv6 address stands in brackets; write [{host}]:{port}")
    elif host == "*":
        raise _refused(text, f"write 0.0.0.0:{port} for every IPv4 address or [::]:{port} for every IPv6 address")
    elif host and not re.fullmatch("[A-Za-z0-9._-]{1,253}", host):
        raise _refused(text, f"{host!r} is not a host name or an IP address")
    return Address("tcp", host=host or "127.0.0.1", port=int(port))


def _hint(text: str) -> str:
    """Say what a text that is no address at all was probably meant to be."""
    if "://" in text:
        return "it is a URL; write only host:port, or unix:/path"
    if "/" in text or text.endswith((".sock", ".socket")):
        return f"for a Unix socket write unix:{text}"
    if re.fullmatch("[0-9]{1,5}", text):
        return f"for a port of this machine write :{text}"
    if text:
        return f"the port is missing; write {text}:9000, or with the port you use"
    return "it is empty"


def _refused(text: str, reason: str) -> ConfigError:
    return ConfigError(f"{text!r} is not an address: {reason} (allowed: {FORMS})")


def _connect_unix(name: str, timeout: float | None) -> socket.socket:
    deadline = None if timeout is None else monotonic() + timeout
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        while True:
            try:
                sock.connect(name)
                return sock
            except BlockingIOError:  # a Unix socket does not wait for room in the backlog once a timeout is set
                if deadline is not None and monotonic() > deadline:
                    raise
            sleep(_RETRY)
    except BaseException:
        sock.close()
        raise


def _why(address: Address, error: OSError, timeout: float | None) -> str:
    """Explain a connection that failed, and what can be done about it."""
    if isinstance(error, socket.gaierror):
        return f"the host {address.host!r} is unknown ({error.strerror}); check its spelling or use an IP address"
    if isinstance(error, (socket.timeout, TimeoutError)):
        within = "" if timeout is None else f" in {timeout:g} s"
        return f"no answer{within}; check the address, and that no firewall drops the connection"
    if error.errno == errno.ECONNREFUSED and address.kind == "unix" and not _is_socket(address.path):
        return "the file is not a socket; give the path the server listens on"
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return True  # gone in the meantime: nothing better to say than that nothing listens
