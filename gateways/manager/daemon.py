"""Go on in the background, and let the command that was typed end when it is known whether that worked.

``daemonize`` returns in the background process only. The process in the foreground waits at a pipe for the word of
``Daemon.ready`` or ``Daemon.failed``, and ends with that exit status: a script that starts the program knows that it
serves. A word that never comes is told by the end of the pipe.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from typing import IO, TYPE_CHECKING, Any, NoReturn

from gateways.errors import GatewayError

if TYPE_CHECKING:
    from types import TracebackType

#: The longest report that is read, bytes: a line of an error, and not what a program that went astray writes.
_MAX_REPORT = 64 * 1024
_INTERRUPTED = 130
_LOST = "the program ended before it was ready, without saying why; its error log may know"


class Daemon:
    """The process in the background, as a context manager; ``fd`` leads to the one in the foreground.

    ``Daemon()``, without one, stands for a process that stays in the foreground: its reports go nowhere. A failure is
    reported at the end of the block, when nothing is left that would be in the way of another start; so is the
    exception that ends it.
    """

    def __init__(self, fd: int = -1) -> None:
        self._fd = fd
        self._failure: dict[str, Any] | None = None

    def ready(self) -> None:
        """Let the foreground end with status 0: the program serves."""
        self._report({"code": 0})

    def failed(self, code: int, message: str) -> None:
        """Have the foreground print ``message`` and end with status ``code``, when this process is about to end."""
        self._failure = self._failure or {"code": code, "message": message}

    def close(self) -> None:
        """Give the descriptor back without a report: what a child does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, GatewayError):
            self.failed(error.exit_code, str(error))
        elif isinstance(error, Exception):
            self.failed(1, f"{type(error).__name__}: {error}")
        if self._failure is not None:
            self._report(self._failure)
        self.close()

    def _report(self, report: dict[str, Any]) -> None:
        """Write a report, once; nobody may be there to read it."""
        if self._fd < 0:
            return
        try:
            os.write(self._fd, json.dumps(report).encode() + b"\n")
        except OSError:
            pass  # the foreground was killed, and the program goes on
        self.close()


def daemonize() -> Daemon:
    """Fork twice, leave session and terminal, and put /dev/null on the descriptors 0 to 2.

    To be called before threads, locks and listeners: only this one thread goes on, with another process id. The working
    directory and the umask stay. In the foreground this does not return.
    """
    receiver, sender = _pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Ctrl-C has to wait until the foreground knows whom to tell.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    first = os.fork()
    if first:
        os.close(sender)
        _wait_in_foreground(first, receiver)
    os.close(receiver)
    try:
        os.setsid()
        # A session leader that opens a terminal gets it as its own; its child does not.
        if os.fork():
            os._exit(0)
        os.write(sender, b'{"pid": %d}\n' % os.getpid())
    except OSError as error:
        with Daemon(sender) as daemon:
            daemon.failed(1, f"cannot go to the background: {error.strerror}")
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _leave_terminal()
    return Daemon(sender)


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends are none of the descriptors 0 to 2, which may be closed."""
    ends = os.pipe()
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in ends]
    for fd in ends:
        os.close(fd)
    return moved[0], moved[1]


def _leave_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def _wait_in_foreground(first: int, receiver: int) -> NoReturn:
    """Wait for the report and exit as it says. Ctrl-C stops what has been started."""
    os.waitpid(first, 0)
    with open(receiver, "rb") as pipe:
        report = _receive(pipe)
        pid = report.get("pid")
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            if pid is not None:
                report = _receive(pipe)
        except KeyboardInterrupt:
            report = {"code": _INTERRUPTED}
            if pid is not None:
                _terminate(pid)
    if report.get("message"):
        print(f"gateways: error: {report['message']}", file=sys.stderr, flush=True)
    os._exit(report["code"])  # what was registered with atexit belongs to the process that goes on


def _terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended


def _receive(pipe: IO[bytes]) -> dict[str, Any]:
    line = pipe.readline(_MAX_REPORT)
    return json.loads(line) if line else {"code": 1, "message": _LOST}
