"""A child of the master, and how it is made: what it inherits and must not keep is let go here."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Callable, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateways.manager.channel import Channel
    from gateways.server.slot import Slot

#: Signals that the master handles: a child begins with the system's own ways.
_HANDLED = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGTTIN", "SIGTTOU", "SIGWINCH")
#: What a terminal sends to all processes and the master alone obeys; and USR1, until there is a server to obey it.
_IGNORED = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
#: The system's, whatever replaces it in a nursery: gevent would watch over its children.
_fork = os.fork
#: The exit status of a child that failed where nothing else says why.
CRASHED = 70


class Process:
    """One worker as the master knows it. ``pid`` is 0 until the nursery that forks it has done so."""

    __slots__ = ("channel", "generation", "killed", "number", "pid", "slot", "tether")

    def __init__(self, number: int, generation: int, channel: Channel, slot: Slot | None, pid: int = 0) -> None:
        self.number = number
        self.generation = generation
        self.channel = channel
        self.slot = slot
        self.pid = pid
        #: The kernel's number of the thread that listens to us; 0 until it is known.
        self.tether = 0
        #: Why the master has killed it, for the line that says how it ended.
        self.killed = ""

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """Send a signal. Safe against pids that are used again: only the master reaps, and forgets the pid then."""
        if not self.pid:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def fork(main: Callable[[], int], close: Iterable[Callable[[], object]] = ()) -> int:
    """Fork a child that runs ``main`` and exits with what it returns. Returns the pid, in the master only.

    ``close`` lets go of what the child has no use for; channels let go by themselves. Raises ``OSError`` when there can
    be no process more.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    signals = [getattr(signal, name) for name in _HANDLED]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        pid = _fork()
        if not pid:
            _become(main, close, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _become(main: Callable[[], int], close: Iterable[Callable[[], object]], mask: Iterable[int]) -> NoReturn:
    """The life of a child. Whatever happens, it never returns into the master's code."""
    code = CRASHED
    try:
        signal.set_wakeup_fd(-1)
        for name in _HANDLED:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: also for what the application starts
                signal.signal(number, _ignore if name in _IGNORED else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for let_go in close:
            let_go()
        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else CRASHED
    except BaseException:
        sys.excepthook(*sys.exc_info())  # the master's log says that it ended; this says where
    finally:
        leave(code)


def leave(code: int) -> NoReturn:
    """End this process now, with what its streams still hold written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed, full, or none
    os._exit(code)


def _ignore(number: int, frame: object) -> None:
    """A function, not SIG_IGN, which the programs that the application starts would inherit."""
