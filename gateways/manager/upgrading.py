"""An upgrade: the master becomes the program that is installed now, with the same pid, sockets and workers.

    tried       the new program starts in a child, with the master's own command line, and says that it can take over
    executed    the master executes it in its own place; the workers go on serving and do not notice
    taken over  it starts workers of its own (takeover.py), and when these are ready it stops the old ones

Until the second step nothing has happened. A reload that goes on then is given up: the new program's workers are
newer than those it would have brought.
"""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

from gateways.declared import HANDOVER
from gateways.manager.handover import Handover, PassedFile, PassedListener, PassedPool, PassedWorker, describe
from gateways.manager.inbox import NAMES
from gateways.manager.roster import Phase
from gateways.manager.tickets import Ticket
from gateways.manager.trial import Trial
from gateways.server.inherited import pass_again

if TYPE_CHECKING:
    from gateways.manager.command import Command
    from gateways.manager.control import ControlSocket
    from gateways.manager.master import Master
    from gateways.manager.pidfile import PidFile
    from gateways.manager.pool import Pool
    from gateways.server.listeners import Listener


_NOT_SERVING = (Phase.STARTING, Phase.READY)


class Upgrading:
    """Lets ``master`` be replaced by ``command``. ``file`` is the configuration file: a reload after it has changed
    replaces the master, too, as only a new one has other pools, addresses or limits.
    """

    def __init__(
        self,
        master: Master,
        command: Command,
        file: str | None,
        control: ControlSocket | None,
        pid_file: PidFile | None,
    ) -> None:
        self._master = master
        self._command = command
        self._file = file
        self._content = _read(file)
        self._control = control
        self._pid_file = pid_file
        self._trial: Trial | None = None
        self._passed = False
        self._why = ""
        self._ticket = Ticket()
        self._ticket.end()
        master.operations.replace = self.begin
        master.operations.outdated = self.outdated
        master.helpers.append(self._tend)
        master.on_stop.append(lambda: self._abandon("the master was told to stop"))

    def outdated(self) -> str:
        """Say why a reload needs a new master; "" when it does not."""
        return f"{self._file} has changed" if _read(self._file) != self._content else ""

    def begin(self, why: str) -> Ticket:
        """Begin an upgrade, if none has begun. The ticket ends only when it fails: else another master tells."""
        if self._ticket.outcome is not None:
            self._why = why
            self._ticket = Ticket()
            self._ticket.tell("trying", "the new program is tried")
            self._master.error_log.notice(f"{why}: the master will be replaced; trying {self._command}")
            for call in self._master.on_reload:
                call()
            self._try()
        return self._ticket

    def _try(self) -> None:
        text = describe(self._gather().for_trial())
        try:
            self._trial = Trial(self._master, self._command, {**os.environ, HANDOVER: text}, self._tried)
        except OSError as error:
            self._fail(f"the new program cannot be tried: {error.strerror}")

    def _tried(self, failure: str) -> None:
        self._trial = None
        if failure:
            self._fail(f"the new program cannot take over: {failure}")
        else:
            self._passed = True

    def _tend(self, now: float) -> float:
        if self._trial is not None:
            return self._trial.tick(now)
        if self._passed:
            self._replace()
        return 0.0 if self._passed else math.inf

    def _abandon(self, reason: str) -> None:
        self._passed = False
        if self._trial is not None:
            self._trial.end(reason)
        elif self._ticket.outcome is None:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        self._passed = False
        self._master.error_log.error(f"upgrade failed, all goes on as before: {reason}")
        self._ticket.end(reason)
        self._master.expect_serving()

    def _replace(self) -> None:
        """Execute the new program. Signals that come from here on are for that one."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in NAMES])
        try:
            # What has come until now would be lost. It may be the wish to stop; if not, the next round is soon.
            if not self._master.heed() and self._passed:
                self._execute()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _execute(self) -> None:
        handover = self._gather()
        self._passed = False
        try:
            environ = {**os.environ, HANDOVER: describe(handover)}
            descriptors = [*handover.descriptors(), *pass_again(environ)]
            self._master.error_log.notice("replacing the master by the new program")
            self._part()
            self._command.execute(environ, descriptors)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._fail(f"the new program cannot be executed: {reason}")

    def _part(self) -> None:
        """Say good-bye: to workers that do not serve yet, and to who waits at the control socket."""
        for pool in self._master.pools:
            for process in pool.processes.values():
                if pool.policy.phase_of(process.number) in _NOT_SERVING:
                    process.channel.tell("stop the master is replaced")
        if self._control is not None:
            self._control.replaced()

    # What is passed on

    def _gather(self) -> Handover:
        master, control, pid_file = self._master, self._control, self._pid_file
        return Handover(
            listeners=tuple(
                _pass_listener(pool, listener)
                for pool in master.pools
                for listener in (*pool.equipment.listeners, *pool.inheritance.former)
                if listener.fileno() >= 0
            ),
            pools={pool.name: _pass_pool(pool) for pool in master.pools},
            control=None if control is None else _pass_control(control),
            pid_file=None if pid_file is None else PassedFile(pid_file.path, pid_file.fileno()),
            board=master.board.fileno(),
            stacks=master.dumps.file.fileno(),
            why=self._why,
        )


def _pass_listener(pool: Pool, listener: Listener) -> PassedListener:
    identity = listener.file.identity if listener.file is not None else None
    return PassedListener(pool.name, listener.protocol, str(listener.asked), listener.fileno(), identity)


def _pass_control(control: ControlSocket) -> PassedFile:
    return PassedFile(control.path, control.sock.fileno(), control.file.identity)


def _pass_pool(pool: Pool) -> PassedPool:
    workers = tuple(
        PassedWorker(
            process.number,
            process.generation,
            process.pid,
            process.channel.fileno(),
            process.slot.index if process.slot is not None else -1,
            pool.policy.phase_of(process.number) is not Phase.SERVING,
        )
        for process in pool.processes.values()
        if process.pid  # else a nursery has not forked it yet, and now it will end
    )
    timeout = pool.equipment.settings.graceful_timeout
    return PassedPool(pool.policy.next_worker, max(pool.policy.generation, pool.policy.trial or 0), workers, timeout)


def _read(file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return b""  # gone: the trial will say so
