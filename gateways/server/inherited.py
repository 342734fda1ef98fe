"""Listening sockets that this process did not open: passed by number, or by systemd (sd_listen_fds(3)).

systemd says what it passes in the environment: LISTEN_FDS sockets from descriptor 3 on, named in LISTEN_FDNAMES, for
the process LISTEN_PID. These variables are read once and removed, so that no child takes them for its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Mapping, MutableMapping

from gateways.addresses import Address
from gateways.errors import BindError

_FIRST = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_FILE_TYPES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a directory",
    stat.S_IFBLK: "a block device",
}

#: Name and descriptor of the sockets systemd passed. Kept, as the environment says it only once.
_passed: list[tuple[str, int]] = []


def why_not_listening(fd: int) -> str:
    """Return "" for a listening stream socket, else what ``fd`` is instead: ``is a pipe``.

    FastCGI 1.0, section 2.2, tells a listening socket by ``getpeername``, which fails with ENOTCONN. So does a socket
    that is neither connected nor listening; SO_ACCEPTCONN tells these two apart.
    """
    try:
        kind = stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:
        return "is not open"
    if kind != stat.S_IFSOCK:
        return f"is {'a terminal' if os.isatty(fd) else _FILE_TYPES.get(kind, 'a device')}"
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.family not in _FAMILIES or sock.type != socket.SOCK_STREAM:
            return "is a socket of another type"
        try:
            sock.getpeername()
            return "is a connected socket"
        except OSError as error:
            if error.errno == errno.ENOTCONN and _accepts(sock):
                return ""
        return "is a socket that does not listen"


def take_socket(fd: int) -> socket.socket:
    """Return the listening socket ``fd``, non-blocking and closed in children.

    Descriptors 0 to 2 are replaced by /dev/null: a child would inherit them, and keep the address in use for longer
    than this process lives. Raises ``BindError`` when ``fd`` is no listening socket.
    """
    problem = why_not_listening(fd)
    if problem:
        raise BindError(
            f"cannot listen on fd {fd}: it {problem}; whatever starts this process has to pass a listening socket there"
        )
    if fd <= 2:
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, fd)
        os.close(null)
        fd = copy
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    sock.setblocking(False)  # of several processes that are woken for a connection, only one gets it
    return sock


def why_not_passed(environ: Mapping[str, str]) -> str:
    """Return "" when systemd passed sockets to this process, else why it did not: a sentence."""
    count, pid = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if not count:
        return "LISTEN_FDS is not set; start this process by a systemd .socket unit"
    if not _is_number(count) or count == "0":
        return f"LISTEN_FDS is {count!r}, so no socket was passed"
    if pid != str(os.getpid()):
        return (
            f"the sockets are for process {pid or '(LISTEN_PID is not set)'} and this is {os.getpid()}; "
            f"a wrapper script has to start it with exec"
        )
    return ""


def passed_count(environ: Mapping[str, str]) -> int:
    """Return how many sockets systemd passed to this process."""
    return 0 if why_not_passed(environ) else int(environ["LISTEN_FDS"])


def passed_by_systemd(address: Address, environ: MutableMapping[str, str]) -> list[int]:
    """Return the descriptors that a ``systemd:`` address stands for: a name can stand for several.

    The first call takes the variables out of ``environ``. Raises ``BindError`` when systemd passed nothing to this
    process, or nothing of that name or number.
    """
    problem = why_not_passed(environ)
    if not problem:
        _passed[:] = _read(environ)
    elif not _passed:
        raise BindError(f"cannot listen on {address}: {problem}")
    if address.name:
        found = [fd for name, fd in _passed if name == address.name]
    else:
        found = [fd for _, fd in _passed[address.number : address.number + 1]]
    if not found:
        names = ", ".join(f"systemd:{name or number}" for number, (name, _) in enumerate(_passed))
        raise BindError(
            f"cannot listen on {address}: no such socket was passed, there is {names}; "
            f"set FileDescriptorName= in the .socket unit"
        )
    return found


def remember_passed(environ: MutableMapping[str, str]) -> None:
    """Take the variables out of ``environ``, also when none of the sockets is wanted yet: no child is to see them."""
    if not why_not_passed(environ):
        _passed[:] = _read(environ)
        for _, fd in _passed:
            try:
                os.set_inheritable(fd, False)
            except OSError:
                pass  # not open: who wants it will be told


def pass_again(environ: MutableMapping[str, str]) -> list[int]:
    """Put the variables back, for a program that this process executes in its place; return what has to stay open.

    Nothing, when systemd passed nothing or some of it was closed since: a number may be another file's by now.
    """
    descriptors = [fd for _, fd in _passed]
    if any(why_not_listening(fd) for fd in descriptors):
        return []
    if descriptors:
        environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(descriptors)))
        environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in _passed)
    return descriptors


def _read(environ: MutableMapping[str, str]) -> list[tuple[str, int]]:
    """Read the variables and remove them."""
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    descriptors = range(_FIRST, _FIRST + int(environ["LISTEN_FDS"]))
    for variable in _VARIABLES:
        environ.pop(variable, None)
    names += [""] * (len(descriptors) - len(names))
    return list(zip(names, descriptors))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


def _accepts(sock: socket.socket) -> bool:
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (AttributeError, OSError):
        return True  # a system that cannot tell
