"""The new program is tried in a child before it replaces the master: what cannot start must cost nothing.

The child runs the master's command line. It finds in GATEWAYS_HANDOVER that it is a trial, reads the configuration,
checks what can be checked beside a master that runs, says so, and ends. The application is not loaded: that is for the
gate of its new workers.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Callable

from gateways.addresses import parse_address
from gateways.errors import ConfigError
from gateways.escaping import escape
from gateways.manager.exits import describe_exit
from gateways.manager.process import fork
from gateways.manager.rules import Rules
from gateways.server.errorlog import ErrorLog
from gateways.server.opening import addresses_of, listen, open_access_log
from gateways.server.preflight import inspect
from gateways.server.privileges import Privileges
from gateways.settings.listening import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.config import Plan
    from gateways.manager.command import Command
    from gateways.manager.handover import Handover
    from gateways.manager.master import Master

#: What a program says that can take over: more than the exit status, as a script can end well for other reasons.
PASSED = "gateways: this program can take over"

#: How long it may take, seconds: it loads this package, and not the application.
TIMEOUT = 60.0

#: What cannot be tried in a child: the sockets are the master's.
_INHERITED = ("fd:", "systemd:")

#: What is kept of its output, bytes: the reason of a failure is at its end.
_KEPT = 16384
#: What a pipe holds at most, unless somebody has changed that.
_PIPE = 1 << 20
#: The longest reason, characters.
_MAX_REASON = 1000


def try_out(plan: Plan, handover: Handover) -> None:
    """Check in the child what the new program needs, beside the master that has the addresses of ``handover`` open.

    Raises ``ConfigError`` and ``BindError``.
    """
    taken = {parse_address(listener.address) for listener in handover.listeners}
    with ExitStack() as stack:
        error_log = ErrorLog(plan.master.error_log, plan.master.log_level)
        stack.callback(error_log.close)
        for name, _, settings in plan.pools:
            Rules.of(settings)
            Privileges.of(settings)
            for finding in inspect(settings):
                if finding.fatal:
                    raise ConfigError(f"{finding.setting}: {finding.text}")
            open_access_log(settings, False, error_log, stack)
            addresses = [(protocol, parse_address(text)) for protocol, text in addresses_of(settings)]
            if not addresses and all(listener.pool != name for listener in handover.listeners):
                raise ConfigError(f"pool {name} has nothing to listen on: give it {' or '.join(LISTENERS)}")
            new = [(protocol, str(address)) for protocol, address in addresses if address not in taken]
            listen([(protocol, text) for protocol, text in new if not text.startswith(_INHERITED)], settings, stack)


def report() -> None:
    """Tell the master that this program can take over."""
    print(PASSED, flush=True)


class Trial:
    """A child that runs ``command`` with ``environ``. ``over`` is called once: with "", or why it failed.

    Raises ``OSError`` when there can be no process more.
    """

    def __init__(
        self, master: Master, command: Command, environ: Mapping[str, str], over: Callable[[str], object]
    ) -> None:
        self._master = master
        self._over = over
        self._output = b""
        self._deadline = monotonic() + TIMEOUT
        self._failure = ""
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        try:
            self.pid = fork(lambda: _become(command, environ, write))
        except OSError:
            os.close(self._read)
            raise
        finally:
            os.close(write)
        master.claims[self.pid] = self._ended
        master.loop.watch(self._read, lambda events: self._receive())

    def tick(self, now: float) -> float:
        """End it when it takes too long; return how long it has, seconds."""
        if now >= self._deadline:
            self._deadline = now + TIMEOUT
            self.end(f"it did not end within {TIMEOUT:g} s")
        return self._deadline - now

    def end(self, reason: str) -> None:
        """Kill it, for ``reason``."""
        self._failure = self._failure or reason
        os.kill(self.pid, signal.SIGKILL)  # it is ours until it was reaped, and then this object is not used any more

    def _receive(self) -> bool:
        """Read some of what it says. Returns whether there may be more."""
        try:
            data = os.read(self._read, _KEPT)
        except BlockingIOError:
            return False
        self._output = (self._output + data)[-_KEPT:]
        if not data:
            self._master.loop.unwatch(self._read)
        return bool(data)

    def _ended(self, status: int) -> None:
        # What is left in the pipe, and no more: a child of the child may hold it open, and write on.
        for _ in range(_PIPE // _KEPT):
            if not self._receive():
                break
        self._master.loop.unwatch(self._read)
        os.close(self._read)
        self._over(self._failure or _read_outcome(self._output.decode("utf-8", "replace"), status))


def _become(command: Command, environ: Mapping[str, str], output: int) -> int:
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        command.execute(environ)
    except OSError as error:
        os.write(2, command.words[0] + f": {error.strerror}\n".encode())
    return 127


def _read_outcome(output: str, status: int) -> str:
    """Return "" when the program has passed, else the last thing it said, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if status == 0 and PASSED in lines:
        return ""
    if status == 0:
        return "it ended without having been tried: it is no version that knows of this"
    reason = lines[-1].removeprefix("gateways: error: ") if lines and PASSED not in lines else ""
    return escape(reason[:_MAX_REASON]) or describe_exit(status)
