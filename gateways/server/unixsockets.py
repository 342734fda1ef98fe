"""Bind Unix sockets: with the right mode from the first instant, and never in the place of a server that lives.

A server that was killed leaves its socket file behind, and the next one has to remove it. Whether somebody still
listens is found out by connecting. From that probe to ``listen`` the directory is locked (flock), or of two servers
that start at once one could remove what the other has just bound.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gateways.errors import BindError, ConfigError
from gateways.server.locking import lock

#: How long to wait for the lock, seconds. Whoever may read a directory can lock it, so the wait must end.
LOCK_TIMEOUT = 5.0


class SocketFile:
    """The file of a Unix socket that this process has bound.

    ``identity``, default that of the file as it is now, tells it from one that another process puts there.
    """

    __slots__ = ("_pid", "identity", "path")

    def __init__(self, path: str, identity: tuple[int, int] | None = None) -> None:
        self.path = path
        self.identity = identity or _identity(path)
        self._pid = os.getpid()

    def is_ours(self) -> bool:
        """Say whether the file at the path is still the one that was bound. True only while the socket is open."""
        try:
            return _identity(self.path) == self.identity
        except OSError:
            return False

    def remove(self) -> None:
        """Remove the file, unless it is another one by now, or this is a child of the process that bound it.

        To be called before the socket is closed: as long as it is open, its inode number cannot be used again.
        """
        if os.getpid() == self._pid and self.is_ours():
            try:
                os.unlink(self.path)
            except OSError:
                pass  # a directory that has become read-only; the next start finds the file stale


def listen_unix(path: str, backlog: int, mode: int, owner: int, group: int) -> tuple[socket.socket, SocketFile]:
    """Bind ``path`` and listen. ``owner`` and ``group`` are ids, -1 for this process's own.

    The umask of the process changes for a moment, so no other thread should create files. Raises ``BindError``.
    """
    with _locked(os.path.dirname(path)) as locked:
        if locked:
            _clear(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            file = _bind(sock, path, mode, locked)
            try:
                hand_over(path, mode, owner, group)
                sock.listen(backlog)
                if not file.is_ours():
                    raise BindError(f"cannot listen on unix:{path}: another process has replaced the socket")
            except BaseException:
                file.remove()
                raise
        except BaseException:
            sock.close()
            raise
    return sock, file


def owner_ids(owner: str | None, group: str | None) -> tuple[int, int]:
    """Return the ids of a user and a group, given by name or number; -1 for None. Raises ``ConfigError``."""
    uid = gid = -1
    if owner is not None:
        import pwd

        try:
            uid = int(owner) if owner.isdecimal() else pwd.getpwnam(owner).pw_uid
        except KeyError:
            raise ConfigError(f"socket_owner: there is no user {owner!r}; see: getent passwd") from None
    if group is not None:
        import grp

        try:
            gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        except KeyError:
            raise ConfigError(f"socket_group: there is no group {group!r}; see: getent group") from None
    return uid, gid


@contextmanager
def _locked(directory: str) -> Iterator[bool]:
    """Lock a directory against other starting servers. Gives False when that is not possible."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        fd = -1  # it is not there, or may only be written to; bind will say
    try:
        yield fd >= 0 and lock(fd, LOCK_TIMEOUT) is None
    finally:
        if fd >= 0:
            os.close(fd)


def _clear(path: str) -> None:
    """Remove a stale socket. Raises ``BindError`` for everything else that is in the way."""
    try:
        found = _identity(path)
    except OSError:
        return
    _refuse_occupied(path)
    try:
        if _identity(path) == found:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BindError(
            f"cannot listen on unix:{path}: a server that has ended left it behind, and it cannot be removed "
            f"({error.strerror}); remove it, or start as the user it belongs to"
        ) from None


def _refuse_occupied(path: str) -> None:
    """Raise ``BindError`` unless ``path`` is a socket that nobody listens on."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise BindError(f"cannot listen on unix:{path}: it exists and is not a socket; move it or use another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        error = probe.connect_ex(path)
        opener = "" if error else _opener(probe)
    if error in (errno.ECONNREFUSED, errno.ENOENT):
        return
    if error in (errno.EACCES, errno.EPERM):
        raise BindError(
            f"cannot listen on unix:{path}: no permission to find out whether a server listens there; "
            f"start as the user it belongs to, or use another path"
        )
    # Anything else comes from a socket that is open: a full backlog (EAGAIN), or another type (EPROTOTYPE).
    raise BindError(f"cannot listen on unix:{path}: another process listens there{opener}; stop it or use another path")


def _opener(sock: socket.socket) -> str:
    """Name the process that called ``listen`` on the other end, where the system knows it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return ""
    pid = int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder)
    return f" (opened by process {pid})" if pid else ""


def _bind(sock: socket.socket, path: str, mode: int, locked: bool) -> SocketFile:
    # The umask decides the mode the file is created with; chmod afterwards would leave a gap (CVE-2014-0185).
    try:
        umask = os.umask(0o777 & ~mode)
        try:
            sock.bind(path)
        finally:
            os.umask(umask)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            _refuse_occupied(path)
            reason = "was left behind by a server that has ended, and was not removed"
            if not locked:
                reason += ", because the directory could not be locked"
            raise BindError(f"cannot listen on unix:{path}: it {reason}; remove it and start again") from None
        raise BindError(f"cannot listen on unix:{path}: {_why(path, error)}") from None
    try:
        return SocketFile(path)
    except OSError:
        raise BindError(f"cannot listen on unix:{path}: another process has removed the socket") from None


def hand_over(path: str, mode: int, owner: int, group: int) -> None:
    """Give the file its owner, and the rest of its mode where a default ACL of the directory took bits away."""
    try:
        if (owner, group) != (-1, -1):
            os.chown(path, owner, group, follow_symlinks=False)
        status = os.lstat(path)
        if stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) != mode:
            os.chmod(path, mode)
    except OSError as error:
        raise BindError(
            f"cannot give unix:{path} its owner, group and mode: {error.strerror}; only root gives files away, "
            f"and other users only to groups they are in"
        ) from None


def _why(path: str, error: OSError) -> str:
    """Explain a bind that failed, and what can be done."""
    directory = os.path.dirname(path)
    if error.errno == errno.ENOENT:
        return f"there is no directory {directory}; create it (under systemd: RuntimeDirectory=)"
    if error.errno == errno.ENOTDIR:
        return f"{directory} is not a directory"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"user {os.geteuid()} may not create files in {directory}; change its owner, or use another directory"
    if error.errno == errno.EROFS:
        return f"{directory} is read-only; use another directory"
    return error.strerror or str(error)


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino
