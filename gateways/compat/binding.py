"""Sockets for flup's ``bindAddress``."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from gateways.addresses import MAX_PATH, Address
from gateways.errors import BindError, ConfigError
from gateways.server.listeners import bind_failure
from gateways.server.unixsockets import SocketFile, listen_unix

_BACKLOG = 1024


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
        if isinstance(path, str) and path[:1] == "\0":
            return _bind(socket.AF_UNIX, path, Address("abstract", name=path[1:])), None
        if isinstance(path, str) and path:
            return _bind_unix(path, umask)
    elif isinstance(address, (tuple, list)) and 2 <= len(address) <= 4 and isinstance(address[0], str):
        host, port = address[:2]
        family = socket.AF_INET6 if len(address) > 2 or ":" in host else socket.AF_INET
        everywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"
        return _bind(family, tuple(address), Address("tcp", host=host or everywhere, port=port)), None
    raise ConfigError(f"bindAddress: {address!r} is neither a path nor a tuple such as ('127.0.0.1', 9000)")


def _bind_unix(path: str, umask: int | None) -> tuple[socket.socket, SocketFile | None]:
    full = os.path.abspath(path)
    if len(os.fsencode(full)) > MAX_PATH:
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


def _bind(family: int, name: Any, address: Address) -> socket.socket:
    """Listen on what Python calls ``name``, and people ``address``."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(name)
        sock.listen(_BACKLOG)
    except (OverflowError, TypeError) as error:
        sock.close()
        raise ConfigError(f"bindAddress: {name!r} cannot be used: {error}") from None
    except OSError as error:
        sock.close()
        if isinstance(error, socket.gaierror):
            raise BindFailed(f"cannot listen on {address}: the host is unknown ({error.strerror})") from None
        failure = BindFailed(str(bind_failure(address, error)))
        failure.errno = error.errno
        raise failure from None
    return sock
