"""Start the process that stays for a script: one, whoever else is about to do the same.

Whoever starts it holds the lock of the directory, binds the socket and listens before there is a process, and hands the
socket over. So nobody waits for a process to be ready: requests wait in the backlog, and the lock is free at once.
"""

from __future__ import annotations

import _socket
import errno
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from gateways.errors import ConfigError
from gateways.resident import comments, place
from gateways.server.locking import lock

if TYPE_CHECKING:
    from gateways.resident.place import Place

#: Seconds to wait for the lock. Those who hold it wait for no process, only for Python to be executed.
LOCK_TIMEOUT = 10.0
_LOCK = "lock"
_BACKLOG = 1024

#: So many processes of a script may end untold within so many seconds; then there is none until that time is over.
FAILURES = 3
WITHIN = 30.0

#: How many processes a user has at most.
MOST = 10
#: A log is emptied at the start when it is larger, bytes.
MAX_LOG = 1 << 20

#: What a process keeps of the environment of the request it was started for. All else may belong to a visitor:
#: modules for logins invent names.
_KEPT = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
)
_KEPT_PREFIXES = ("LC_", "PYTHON", "GATEWAYS_")
#: Names more of them.
PASSED = "GATEWAYS_RESIDENT_PASS"
LIMIT = "GATEWAYS_RESIDENT_MAX"
#: Tells the process where its socket is.
SOCKET = "GATEWAYS_RESIDENT"


class Unavailable(Exception):
    """There can be no process for a script now. The message completes "no process can stay for it: ..."."""


def start(script: str, name: str) -> _socket.socket:
    """Return a connection to the process whose socket has that name; it is started if nobody has.

    Raises ``Unavailable`` and ``OSError``, and ``place.BusyError``.
    """
    directory = place.make()
    try:
        locked = _lock(directory)
        try:
            if not _listens(directory, name):
                _begin(directory, script, name)
        finally:
            os.close(locked)
        sock = directory.connect(name)
        if sock is None:
            raise Unavailable(f"it ended at once; {directory.path}/{_log_name(name)} may say why")
        return sock
    finally:
        directory.close()


def _listens(directory: Place, name: str) -> bool:
    """Say whether there is a process, however busy: nobody is waited for under the lock."""
    try:
        probe = directory.connect(name, 0)
    except place.BusyError:
        return True
    if probe is not None:
        probe.close()
    return probe is not None


def _begin(directory: Place, script: str, name: str) -> None:
    """Start the process, under the lock, when nobody listens."""
    try:
        options = comments.read(script)
    except ConfigError as error:
        raise Unavailable(str(error)) from None
    _remove(directory, name)
    _make_room(directory, options.get("resident_max") or os.environ.get(LIMIT, ""))
    passed = f"{options.get('resident_pass', '').replace(',', ' ')} {os.environ.get(PASSED, '')}"
    environ = _environment(passed.split())
    environ[os.fsencode(SOCKET)] = os.fsencode(f"{directory.path}/{name}")
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        directory.bind(listener, name)
        try:
            os.chmod(name, 0o600, dir_fd=directory.fd)
            listener.listen(_BACKLOG)
            _count_failures(directory, name)
            _spawn(directory, listener.fileno(), place.path_of(script), environ, _log_name(name))
        except BaseException:
            _remove(directory, name)
            raise
    finally:
        listener.close()


def _lock(directory: Place) -> int:
    """Return the open lock. Raises ``Unavailable`` when others hold it for too long."""
    fd = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory.fd)
    problem = lock(fd, LOCK_TIMEOUT)
    if problem is not None:
        os.close(fd)
        raise Unavailable(f"{directory.path}/{_LOCK} cannot be locked: {problem.strerror}")
    return fd


def _remove(directory: Place, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory.fd)
    except FileNotFoundError:
        pass


def failures_name(name: str) -> str:
    """Return the name of the file that counts processes that have ended untold; one that ends well removes it."""
    return name.replace(".sock", ".starts")


def _log_name(name: str) -> str:
    return name.replace(".sock", ".log")


def _count_failures(directory: Place, name: str) -> None:
    """Note a start. Raises ``Unavailable`` when there were too many lately that have come to nothing."""
    now = time.time()  # of the clock that all processes see
    fd = os.open(failures_name(name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory.fd)
    try:
        words = os.read(fd, 1024).decode("ascii", "replace").split()
        times = [float(word) for word in words if word.replace(".", "", 1).isdigit()]
        times = [then for then in times if now - WITHIN < then <= now]
        if len(times) >= FAILURES:
            raise Unavailable(
                f"it has ended {len(times)} times within {WITHIN:g} s; {directory.path}/{_log_name(name)} may say why"
            )
        os.lseek(fd, 0, os.SEEK_SET)
        os.ftruncate(fd, 0)
        os.write(fd, " ".join(f"{then:.3f}" for then in (*times, now)).encode())
    finally:
        os.close(fd)


def _make_room(directory: Place, limit: str) -> None:
    """Raise ``Unavailable`` when there are as many processes as there may be."""
    if limit and not limit.isdecimal():
        raise Unavailable(f"resident_max is {limit!r}, and should be a number")
    most = int(limit or MOST)
    sockets = [entry for entry in os.listdir(directory.fd) if entry.endswith(".sock")]
    if len(sockets) < most:
        return
    for name in sockets:
        if not _listens(directory, name):
            _remove(directory, name)  # it was killed
            sockets = [other for other in sockets if other != name]
    if len(sockets) >= most:
        raise Unavailable(f"there are {len(sockets)} processes already (resident_max is {most}; see gateways resident)")


def _environment(passed: list[str]) -> dict[bytes, bytes]:
    names = [name for name in os.environ if name in _KEPT or name.startswith(_KEPT_PREFIXES) or name in passed]
    return {os.fsencode(name): os.environb[os.fsencode(name)] for name in names}


def _spawn(directory: Place, listener: int, script: str, environ: dict[bytes, bytes], log: str) -> None:
    """Start the process, with nothing of this one but the listener. Raises ``OSError`` when that is impossible."""
    command = [os.fsencode(sys.executable), b"-m", b"gateways.resident.boot", os.fsencode(script)]
    told, tells = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            _leave(directory, listener, tells, command, environ, log)
        os.close(tells)
        tells = -1
        os.waitpid(child, 0)
        trouble = os.read(told, 64)  # its end is that of a program that was executed
        if trouble:
            raise OSError(int(trouble), f"cannot start {sys.executable}: {os.strerror(int(trouble))}")
    finally:
        os.close(told)
        if tells >= 0:
            os.close(tells)


def _leave(
    directory: Place, listener: int, tells: int, command: list[bytes], environ: dict[bytes, bytes], log: str
) -> NoReturn:
    """Become the process: no child of the web server's, in no group or session of its, with none of its descriptors."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.setsid()
        os.dup2(listener, 0)
        output = _open_log(directory, log)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for fd in _descriptors():
            if fd > 2 and fd != tells:
                try:
                    os.close(fd)
                except OSError:
                    pass
        os.chdir(os.path.dirname(command[-1]))
        for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _lift_limit()
        os.execve(command[0], command, environ)
    except BaseException as error:
        os.write(tells, b"%d" % (getattr(error, "errno", None) or errno.EINVAL))
    os._exit(1)


def _open_log(directory: Place, name: str) -> int:
    """Open the file for what belongs to no request; a full disk is no reason to have none of it."""
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        fd = os.open(name, flags, 0o600, dir_fd=directory.fd)
        if os.fstat(fd).st_size > MAX_LOG:
            os.ftruncate(fd, 0)
        return fd
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _descriptors() -> list[int]:
    for path in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(path)]
        except OSError:
            pass
    return list(range(3, 4096))


def _lift_limit() -> None:
    """A limit of processor time is meant for one request (RLimitCPU): as much as is allowed is for many."""
    import resource

    try:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    except (OSError, ValueError):
        pass
