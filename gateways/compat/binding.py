"""Sockets for flup's ``bindAddress``."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from gateways.errors import BindError, ConfigError
from gateways.server.unixsockets import SocketFile, listen_unix

_BACKLOG = 1024
#: What fits into the address of a Unix socket, bytes.
_MAX_PATH = 107


class BindFailed(BindError, OSError):
    """An address that cannot be listened on."""


def bind(address: Any, umask: int | None = None) -> tuple[socket.socket, SocketFile | None]:
    """Return a socket that listens on ``address``, and its file where it is a Unix socket.

    ``address`` is a path, where ``umask`` takes bits from 0777 (None: that of the process); or a tuple: (host, port),
    or with flow info and scope for IPv6. A file that an earlier server left is replaced, that of a server that lives is
    not. Raises ``BindFailed``, and ``ConfigError`` for what is no address.
    """
    if isinstance(address, (str, os.PathLike)):
        path = os.fspath(address)
        if isinstance(path, str) and path:
            return _bind_unix(path, umask)
    elif isinstance(address, (tuple, list)) and 2 <= len(address) <= 4 and isinstance(address[0], str):
        return _bind_tcp(tuple(address)), None
    raise ConfigError(f"bindAddress: {address!r} is neither a path nor a tuple such as ('127.0.0.1', 9000)")


def _bind_unix(path: str, umask: int | None) -> tuple[socket.socket, SocketFile | None]:
    if path[0] == "\0":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(path)
            sock.listen(_BACKLOG)
        except OSError as error:
            sock.close()
            raise _failed(f"the abstract Unix socket {path[1:]!r}", error) from None
        return sock, None
    full = os.path.abspath(path)
    if len(os.fsencode(full)) > _MAX_PATH:
        full = path  # relative, it may fit
    if umask is None:
        umask = os.umask(0)
        os.umask(umask)
    try:
        return listen_unix(full, _BACKLOG, 0o777 & ~umask, -1, -1)
    except BindError as error:
        failure = BindFailed(str(error))
        failure.errno = error.errno or errno.EADDRINUSE
        raise failure from None


def _bind_tcp(address: tuple[Any, ...]) -> socket.socket:
    family = socket.AF_INET6 if len(address) > 2 or ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except (OSError, OverflowError, TypeError) as error:
        sock.close()
        if not isinstance(error, OSError):
            raise ConfigError(f"bindAddress: {address!r} cannot be used: {error}") from None
        raise _failed(f"{address[0] or 'all addresses'}, port {address[1]}", error) from None
    return sock


def _failed(where: str, error: OSError) -> BindFailed:
    reason = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        reason = "another process listens there; stop it, or use another address (ss -lntp names it)"
    elif error.errno in (errno.EACCES, errno.EPERM):
        reason = "ports below 1024 are for privileged processes; use one above 1023"
    elif isinstance(error, socket.gaierror):
        reason = f"the host is unknown ({reason})"
    failure = BindFailed(f"cannot listen on {where}: {reason}")
    failure.errno = error.errno
    return failure
