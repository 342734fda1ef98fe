"""Where the sockets of resident processes are: a directory that is ours alone, and a name for each script.

A twin of gateways-cgi.c, which has to find the same. A CGI script pays for what this imports.
"""

from __future__ import annotations

import _socket
import os
import pwd
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Names the directory, for those who know a better one.
VARIABLE = "GATEWAYS_RESIDENT_DIR"
#: Milliseconds to wait for a place in the backlog, and between two attempts.
PATIENCE = 30_000
INTERVAL = 20

_PRIVATE = 0o700
_OTHERS = 0o077
#: struct ucred: process, user, group.
_CREDENTIALS = 12


class BusyError(Exception):
    """The process is there, and takes no more requests: its backlog is full."""


class Place:
    """An open private directory. Files in it are named relative to it: a path could be another one by then."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    def close(self) -> None:
        """Close the directory."""
        os.close(self.fd)

    def connect(self, name: str, patience: int | None = None) -> _socket.socket | None:
        """Return a connection to the process that listens there; None when there is none, or not ours.

        Raises ``BusyError`` when it takes none for ``patience`` milliseconds, by default PATIENCE.
        """
        patience = PATIENCE if patience is None else patience
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if self._connect(sock, name, patience) and peer(sock) in (None, os.geteuid()):
                return sock
        except BaseException:
            sock.close()
            raise
        sock.close()
        return None

    def _connect(self, sock: _socket.socket, name: str, patience: int) -> bool:
        waited = 0
        while True:
            try:
                self._within(sock.connect, name)
                return True
            except BlockingIOError:
                if waited >= patience:
                    raise BusyError from None
                import time

                time.sleep(INTERVAL / 1000)
                waited += INTERVAL
            except OSError:
                return False

    def bind(self, sock: _socket.socket, name: str) -> None:
        """Bind a socket to a name in the directory. Raises ``OSError``."""
        self._within(sock.bind, name)

    def _within(self, call: Callable[[str], None], name: str) -> None:
        """Call with a name relative to the directory: a whole path may be longer than a socket's can be."""
        here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        try:
            os.fchdir(self.fd)
            try:
                call(name)
            finally:
                os.fchdir(here)
        finally:
            os.close(here)


def find() -> Place | None:
    """Return the first directory that is there and safe."""
    for path in candidates():
        try:
            return Place(path, open_private(path))
        except OSError:
            pass
    return None


def candidates() -> Iterator[str]:
    """Give the directories that may be used, the best first.

    Not XDG_RUNTIME_DIR: web servers do not set it, and it goes when the user logs out. The machine is part of the name
    because a home directory may be that of several.
    """
    given = os.environ.get(VARIABLE, "")
    if given:
        yield given
        return
    user = os.geteuid()
    try:
        home = pwd.getpwuid(user).pw_dir
    except KeyError:
        home = ""
    if home.startswith("/"):
        yield f"{home}/.cache/gateways/{os.uname().nodename}"
    yield f"/tmp/gateways-{user}"


def open_private(path: str) -> int:
    """Open a directory that nobody else can have made or can use. Raises ``OSError``: absent, or not like that."""
    _check(path)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & _OTHERS:
        os.close(fd)
        mode = stat.S_IMODE(found.st_mode)
        raise PermissionError(
            1, f"it has to be yours alone, and belongs to user {found.st_uid} with mode {mode:04o} (chmod 700)", path
        )
    return fd


def make() -> Place:
    """Return the directory, made where it is not there. Raises ``OSError``, of the last that was tried."""
    found = find()
    if found is not None:
        return found
    *others, last = candidates()
    for path in others:
        try:
            return _make(path)
        except OSError:
            pass
    return _make(last)


def _check(path: str) -> None:
    """Refuse one that depends on the working directory: the process's is another, and so is a person's."""
    if not path.startswith("/"):
        raise OSError(22, f"{VARIABLE} has to be a whole path", path)


def _make(path: str) -> Place:
    _check(path)
    _make_directories(path)
    return Place(path, open_private(path))


def _make_directories(path: str) -> None:
    """Make a directory and those above it, for ourselves alone. Those that are there stay as they are."""
    above = os.path.dirname(path)
    if above and not os.path.isdir(above):
        _make_directories(above)
    try:
        os.mkdir(path, _PRIVATE)
    except FileExistsError:
        pass


def path_of(script: str) -> str:
    """Return the path of a script: its directory resolved, as the web server's working directory would be told."""
    return f"{os.path.realpath(os.path.dirname(script) or '.')}/{os.path.basename(script)}"


def socket_name(script: str, program: str) -> str:
    """Return the name of a script's socket: of its path and the directory of the ``program`` that is asked for it."""
    directory = os.path.dirname(os.path.realpath(program))
    state = 0xCBF29CE484222325
    for byte in os.fsencode(f"{directory}\0{path_of(script)}"):
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF  # FNV-1a
    return f"{state:016x}.sock"


def peer(sock: _socket.socket) -> int | None:
    """Return the user at the other end; None where the system does not tell, and the directory alone protects."""
    option = getattr(_socket, "SO_PEERCRED", None)
    if option is None:
        return None
    credentials = sock.getsockopt(_socket.SOL_SOCKET, option, _CREDENTIALS)
    return int.from_bytes(credentials[4:8], sys.byteorder)
