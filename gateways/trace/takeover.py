"""Put a listening Unix socket in the place of another, without a moment in which there is none, and put that one back.

    /run/app.sock                 the trace's, by a rename
    /run/app.sock.behind-trace    the backend's: the same socket by another name, which is where the trace connects

Whoever was connected stays so. A backend that is stopped meanwhile removes its socket by its own name, or finds that it
is another's: so it is put back before the trace ends, and not at all when the backend has made a new one. The other
name stays until those are served whom the trace has accepted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from shlex import quote

from gateways.addresses import MAX_PATH, Address
from gateways.errors import BindError, ConfigError

BEHIND = ".behind-trace"
_NEW = ".trace-new"


class TakeOver:
    """The place of a backend's socket. ``sock`` listens there, and ``backend`` is where the backend is now."""

    def __init__(self, address: Address, backlog: int = 512) -> None:
        """Take the place. Raises ``ConfigError`` and ``BindError``."""
        if address.kind != "unix":
            raise ConfigError(f"--take-over renames a Unix socket, and {address} is none; use --listen")
        self._path = address.path
        self._behind = address.path + BEHIND
        if len(os.fsencode(self._behind)) > MAX_PATH:
            raise ConfigError(
                f"cannot take over {address}: with {BEHIND} behind it the path is too long for a socket, "
                f"{MAX_PATH} bytes fit; use --listen"
            )
        if os.path.lexists(self._behind):
            raise BindError(_left(self._path, self._behind))
        try:
            place = os.stat(self._path)
        except OSError as error:
            raise ConfigError(f"cannot take over {address}: {error.strerror}") from None
        if not stat.S_ISSOCK(place.st_mode):
            raise ConfigError(f"cannot take over {address}: it is not a socket")
        self.backend = Address("unix", path=self._behind)
        self.sock = _listen(self._path + _NEW, place, backlog)
        try:
            os.link(self._path, self._behind)
            os.rename(self._path + _NEW, self._path)
        except OSError as error:
            self.sock.close()
            for name in (self._path + _NEW, self._behind):
                if os.path.lexists(name):
                    os.unlink(name)
            raise BindError(f"cannot take over {address}: {error.strerror}; use --listen") from None
        self.where = str(address)
        self._identity = _identity(self._path)
        self._is_back = False
        self._is_over = False
        self._is_released = False

    def put_back(self) -> str:
        """Put the backend's socket back; ``backend`` reaches it until ``release``. Returns ``""``, or what is wrong."""
        self._is_over = True
        try:
            found = _identity(self._path) if os.path.lexists(self._path) else None
            if found is None and not _answers(self._behind):
                return f"the backend has removed {self._path} meanwhile: when it starts, it makes it anew"
            if found not in (None, self._identity):
                return f"{self._path} is another socket by now, which is left alone"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path + _NEW)
            os.link(self._behind, self._path + _NEW)
            os.rename(self._path + _NEW, self._path)
        except OSError as error:
            remedy = (
                f"do it by hand: mv {quote(self._behind)} {quote(self._path)}"
                if _answers(self._behind)
                else "restart the backend"
            )
            return f"cannot put {self._path} back: {error.strerror}; {remedy}"
        self._is_back = True
        return ""

    def release(self) -> str:
        """Remove the other name of the backend's socket, unless that is the only one of a socket that answers.

        Where the trace did not even begin, the socket is put back before: what is wrong with that is returned, or
        ``""``. Only the first call does anything: from then on that name may be another trace's.
        """
        if self._is_released:
            return ""
        self._is_released = True
        problem = "" if self._is_over else self.put_back()
        self.sock.close()
        with contextlib.suppress(OSError):
            if self._is_back or os.path.lexists(self._path) or not _answers(self._behind):
                os.unlink(self._behind)
        return problem


def _left(path: str, behind: str) -> str:
    """Say what to do about a name that another trace has made."""
    there, here, remove = _answers(behind), _answers(path), f"rm {quote(behind)}"
    if there and here:
        if os.path.samefile(behind, path):
            return f"{behind} is there already: a trace is just ending; try again, or if none is running: {remove}"
        return f"{behind} is there already: another trace is running; end that first, or if none is: {remove}"
    if there:
        return (
            f"{behind} is there already: a trace was killed, and nobody listens at {path}; "
            f"put the backend's socket back: mv {quote(behind)} {quote(path)}"
        )
    if here:
        return f"{behind} is there already, and nobody listens there: if no other trace is running, {remove}"
    return f"nobody listens at {path}, nor at {behind} of another trace: rm both, and start the backend again"


def _answers(path: str) -> bool:
    """Return False where surely nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # who is there and has no time now answers, too
        try:
            sock.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
        return True


def _listen(path: str, like: os.stat_result, backlog: int) -> socket.socket:
    """Listen at ``path``, for those who may connect to the socket that ``like`` is of."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.lexists(path):
            os.unlink(path)  # a trace that was killed before it was in place
        sock.bind(path)
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(path, like.st_uid, like.st_gid)
        os.chmod(path, stat.S_IMODE(like.st_mode))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        if os.path.lexists(path):
            os.unlink(path)
        raise BindError(f"cannot listen on unix:{path}: {error.strerror}; {_remedy(error)}") from None
    return sock


def _remedy(error: OSError) -> str:
    refused = error.errno in (errno.EACCES, errno.EPERM)
    return "be root or the owner of the socket and its directory, or use --listen" if refused else "use --listen"


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
