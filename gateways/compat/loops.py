"""What flup's three kinds of servers share: how they are told to stop, and which signals tell them."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types import FrameType


class Stoppable(Protocol):
    """What serves at the moment. ``stop`` may be called in any thread and in a signal handler."""

    def stop(self) -> None: ...


class ServerLoop:
    """A loop that goes on until ``_keepGoing`` is set to false, by a signal or by the program."""

    #: What servers by this loop say of themselves, where that is not for the program to say.
    concurrency: dict[str, bool] = {}  # noqa: RUF012 -- never changed

    _engine: Stoppable | None = None
    _going = False
    _pid = 0
    _hupReceived = False
    _oldSIGs: list[tuple[int, Any]] = []  # noqa: RUF012 -- replaced, never changed; programs set their own

    @property
    def _keepGoing(self) -> bool:
        return self._going

    @_keepGoing.setter
    def _keepGoing(self, value: bool) -> None:
        self._going = value
        engine = self._engine
        if not value and engine is not None:
            engine.stop()

    def _serve_with(self, engine: Stoppable) -> None:
        """Have ``engine`` stop when this is to stop, even if that was said a moment ago."""
        self._engine = engine
        if not self._going:
            engine.stop()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._hupReceived = False
        self._keepGoing = True
        self._installSignalHandlers()

    def _end(self) -> bool:
        """Give the signals back; return whether SIGHUP ended it."""
        self._engine = None
        self._restoreSignalHandlers()
        return self._hupReceived

    def _mainloopPeriodic(self) -> None:
        """Called about once a second; to be overridden."""

    def _exit(self, reload: bool = False) -> None:
        """End the loop; with ``reload`` as SIGHUP does."""
        if self._keepGoing:
            self._hupReceived = reload
            self._keepGoing = False

    def _isClientAllowed(self, addr: Any) -> bool:
        """Say whether a peer may connect; to be overridden."""
        return True

    def _hupHandler(self, signum: int, frame: FrameType | None) -> None:
        if self._is_here(signum):
            self._hupReceived = True
            self._keepGoing = False

    def _intHandler(self, signum: int, frame: FrameType | None) -> None:
        if self._is_here(signum):
            self._keepGoing = False

    def _is_here(self, signum: int) -> bool:
        """Say whether this is the process that serves; one that the application has forked off ends by its signals."""
        if os.getpid() == self._pid:
            return True
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)
        return False

    def _signals(self) -> dict[int, Any]:
        """Return what signals mean. SIGHUP is left alone under nohup, which asks for that."""
        meaning: dict[int, Any] = {signal.SIGINT: self._intHandler, signal.SIGTERM: self._intHandler}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            meaning[signal.SIGHUP] = self._hupHandler
        return meaning

    def _installSignalHandlers(self) -> None:
        """Obey signals; outside the main thread, which alone may, nothing is done."""
        self._oldSIGs = []
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signals().items():
                self._oldSIGs.append((number, signal.signal(number, handler)))

    def _restoreSignalHandlers(self) -> None:
        """Give them back to whoever had them."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._oldSIGs:
                signal.signal(number, handler)


def overridden(given: object, base: type, *names: str) -> bool:
    """Say whether an object has other methods than ``base`` defines under one of these names."""
    return any(getattr(getattr(given, name), "__func__", None) is not getattr(base, name) for name in names)
