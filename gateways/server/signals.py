"""Which signals a server obeys, by who has started it; their handlers do no more than set flags and wake the loop."""

from __future__ import annotations

import os
import signal
from typing import Any, Callable, Protocol

Before = list[tuple[int, Any]]
#: The handlers of this process's server.
_installed: dict[int, Callable[[int, object], None]] = {}


class Obedient(Protocol):
    """A server as its signals see it. All methods may be called at any moment, in the middle of anything."""

    stopping: bool

    def told_to_stop(self) -> None: ...

    def reopen(self) -> None: ...


def install(server: Obedient, spawned: bool, managed: bool) -> Before:
    """Install the handlers, in the main thread; return what ``restore`` needs.

    A process that a web server started takes USR1 as a wish to end, as libfcgi's programs do. A managed one leaves what
    a terminal sends to all processes to the manager.
    """

    def stop(number: int, frame: object) -> None:
        # Apache sends TERM twice, 1.3 s apart, to a process that is finishing a request: only a person's second
        # Ctrl-C is a demand to drop it.
        if server.stopping and number == signal.SIGINT:
            os._exit(1)
        server.told_to_stop()

    def reopen(number: int, frame: object) -> None:
        server.reopen()

    handlers: dict[str, Callable[[int, object], None]] = {"SIGTERM": stop, "SIGUSR1": stop if spawned else reopen}
    if managed:
        # Functions, not SIG_IGN, which the programs that the application starts would inherit.
        handlers.update(dict.fromkeys(("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"), _ignore))
    else:
        handlers["SIGINT"] = handlers["SIGHUP"] = stop
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup: nothing here is to end with its terminal
        del handlers["SIGHUP"]
    before = []
    for name, handler in handlers.items():
        number = getattr(signal, name)
        before.append((number, signal.signal(number, handler)))
        _installed[number] = handler
    return before


def restore(before: Before) -> None:
    """Give the signals back."""
    for number, handler in before:
        signal.signal(number, handler)
        _installed.pop(number, None)


def leave_to_parent() -> None:
    """Give a process that the application has forked off the system's own ways, but where the application chose others.

    It would not end by SIGTERM otherwise, which is how ``multiprocessing`` ends its workers.
    """
    for number, handler in _installed.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
    _installed.clear()


def _ignore(number: int, frame: object) -> None:
    """Leave it to the manager."""
