"""The new program takes over what the master before it has passed on: sockets, workers, the scoreboard.

Where nothing was passed on, at an ordinary start, everything here is opened, and nothing adopted.

An address that is not in the configuration any more, and a pool, are served by their old workers until the new ones of
all pools are ready. What cannot be opened is left out and said: by now there is no way back.
"""

from __future__ import annotations

import math
import os
import socket
from typing import TYPE_CHECKING

from gateways.addresses import parse_address
from gateways.errors import GatewayError
from gateways.manager.channel import Channel
from gateways.manager.control import ControlSocket
from gateways.manager.handover import Handover, PassedListener, PassedPool
from gateways.manager.pidfile import PidFile
from gateways.manager.policy import Policy
from gateways.manager.process import Process
from gateways.manager.remnant import Remnant
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.stacks import StackFile
from gateways.manager.tickets import Ticket
from gateways.server.inherited import remember_passed
from gateways.server.listeners import Listener, keep_listener
from gateways.server.opening import equip, listen, listening_settings
from gateways.server.unixsockets import SocketFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import ExitStack

    from gateways.addresses import Address
    from gateways.manager.master import Master
    from gateways.manager.pool import Pool
    from gateways.manager.questions import Answers
    from gateways.manager.rules import Rules
    from gateways.server.errorlog import ErrorLog
    from gateways.settings import Settings


class Takeover:
    """What is there to be taken over, which may be nothing. ``ticket`` ends when the new workers serve, or do not."""

    def __init__(self, handover: Handover | None, error_log: ErrorLog) -> None:
        self.active = handover is not None
        self.ticket = Ticket()
        if self.active:
            remember_passed(os.environ)
        else:
            self.ticket.end()
        self._passed = handover or Handover()
        self._log = error_log
        self._listeners = list(self._passed.listeners)
        self._shares_board = False
        self._pools: list[Pool] = []
        self._remnants: list[Remnant] = []
        self._problems: list[str] = []

    def pid_file(self, path: str | None) -> PidFile | None:
        """Return the pid file at ``path``, which is held; None for none. Raises ``ConfigError``."""
        passed = self._passed.pid_file
        file = None if path is None else PidFile(path)
        if passed is not None and file is not None and file.path == passed.path:
            file = PidFile(passed.path, passed.fd)
        elif passed is not None:
            before = PidFile(passed.path, passed.fd)
            before.take()
            before.remove()
        if file is not None:
            file.take()
        return file

    # Sockets

    def addresses_of(self, pool: str) -> list[tuple[str, str]]:
        """Return protocol and address of what ``pool`` listens on; for one whose settings say nothing of it."""
        return list(dict.fromkeys((row.protocol, row.address) for row in self._passed.listeners if row.pool == pool))

    def listen(self, addresses: Iterable[tuple[str, str]], settings: Settings, stack: ExitStack) -> list[Listener]:
        """Return listeners for ``addresses``: those that were passed on, and new ones. ``stack`` closes them.

        At an ordinary start this raises ``BindError`` and ``ConfigError``.
        """
        listeners: list[Listener] = []
        for protocol, text in addresses:
            try:
                kept = self._keep(protocol, parse_address(text), settings, stack)
                equip(kept, settings)
                listeners += kept or listen([(protocol, text)], settings, stack)
            except GatewayError as error:
                if not self.active:
                    raise
                self._complain(str(error))
        return listeners

    def _keep(self, protocol: str, address: Address, settings: Settings, stack: ExitStack) -> list[Listener]:
        kept = []
        for passed in [passed for passed in self._listeners if parse_address(passed.address) == address]:
            file = SocketFile(address.path, passed.file) if passed.file else None
            if file is not None and not file.is_ours():
                continue  # another file is there, or none: nobody can connect to this one
            self._listeners.remove(passed)
            sock = stack.enter_context(socket.socket(fileno=passed.fd))
            listener = keep_listener(sock, protocol, address, file, **listening_settings(settings))
            stack.callback(listener.close)
            kept.append(listener)
        return kept

    def control(self, path: str | None, answers: Answers) -> ControlSocket | None:
        """Return the control socket at ``path``; None for none. Raises ``BindError`` at an ordinary start."""
        passed = self._passed.control
        if passed is not None:
            sock, file = socket.socket(fileno=passed.fd), SocketFile(passed.path, passed.file)
            if path is not None and os.path.abspath(path) == passed.path and file.is_ours():
                return ControlSocket(path, answers, self._log, inherited=(sock, file))
            file.remove()
            sock.close()
        try:
            return None if path is None else ControlSocket(path, answers, self._log)
        except GatewayError as error:
            if not self.active:
                raise
            self._complain(str(error))
            return None

    # Workers

    def board(self, slots: int, records: int) -> Scoreboard:
        """Return the scoreboard, if it is large enough, or a new one; old workers are not seen on that."""
        fd = self._passed.board
        if fd >= 0:
            board = Scoreboard.open(fd)
            if board is None:
                os.close(fd)
            elif board.slots < slots or board.records < records:
                board.close()
            else:
                self._shares_board = True
                return board
        return Scoreboard.create(slots, records)

    def stacks(self) -> StackFile:
        """Return the file that old workers write their stacks to, too."""
        return StackFile(self._passed.stacks)

    def policy(self, pool: str, rules: Rules, now: float) -> Policy:
        """Return the policy for ``pool``, which goes on counting."""
        passed = self._passed.pools.get(pool)
        return Policy(rules, now) if passed is None else Policy(rules, now, passed.next_worker, passed.generation + 1)

    def adopt(self, pool: Pool, now: float) -> None:
        """Give ``pool`` its old workers, before it begins."""
        passed = self._passed.pools.get(pool.name, PassedPool(1, 0))
        for worker in passed.workers:
            channel = Channel(socket.socket(fileno=worker.fd), pool.complaints_of(worker.number))
            slot = pool.equipment.board.slot(worker.slot) if self._shares_board and worker.slot >= 0 else None
            pool.adopt(Process(worker.number, worker.generation, channel, slot, worker.pid), worker.leaving, now)

    def begin(self, master: Master, now: float) -> None:
        """Adopt all workers that no pool has adopted yet, and wait for the new ones of the pools of ``master``."""
        if not self.active:
            return
        self._pools = list(master.pools)
        for name in self._passed.pools.keys() - {pool.name for pool in master.pools}:
            remnant = Remnant(name, self._passed.pools[name], master, now)
            self.adopt(remnant, now)
            self._remnants.append(remnant)
        master.pools += self._remnants
        self._leave_to_old_workers(master.pools)
        if self._shares_board:
            taken = {process.slot for pool in master.pools for process in pool.processes.values()}
            for slot in master.board.claimed():
                if slot not in taken:
                    master.board.release(slot)
        self.ticket = Ticket(pool.name for pool in self._pools)
        self.ticket.tell("booting", "the new program starts its workers")
        for problem in self._problems:
            self.ticket.pool_ended("", problem)
        for pool in self._pools:
            pool.inheritance.spared = not pool.processes
            if pool.processes:
                pool.follow(_ender(self.ticket, pool.name))
        master.helpers.append(lambda now: self._tend(master, now))

    def _leave_to_old_workers(self, pools: Iterable[Pool]) -> None:
        """Give the listeners that nobody has asked for to the pools that had them."""
        serving = {pool.name: pool for pool in pools if pool.processes}
        for passed in self._listeners:
            listener = _former(passed)
            if passed.pool in serving:
                serving[passed.pool].inheritance.former.append(listener)
            else:
                listener.close()
        self._listeners.clear()

    def _tend(self, master: Master, now: float) -> float:
        for pool in self._pools:
            if pool.inheritance.spared:
                self._look_at_spared(pool)
        if self._remnants and all(pool.policy.up and pool.is_settled() for pool in self._pools):
            for remnant in self._remnants:
                remnant.stop(now)
            self._remnants.clear()
        for pool in [pool for pool in master.pools if isinstance(pool, Remnant) and pool.over]:
            master.pools.remove(pool)
        return min((pool.inheritance.tick(now) for pool in master.pools), default=math.inf)

    def _look_at_spared(self, pool: Pool) -> None:
        if pool.is_settled():
            pool.inheritance.spared = False
            self.ticket.pool_ended(pool.name)
        elif pool.policy.counters.failed:
            self.ticket.pool_ended(pool.name, "its workers do not become ready; the error log says why")

    def _complain(self, text: str) -> None:
        self._log.error(f"{text}; left out, as the program was replaced already")
        self._problems.append(text)


def _ender(ticket: Ticket, pool: str) -> Callable[[int, str], object]:
    return lambda generation, failure: ticket.pool_ended(pool, failure)


def _former(passed: PassedListener) -> Listener:
    address = parse_address(passed.address)
    file = SocketFile(address.path, passed.file) if passed.file else None
    return Listener(
        socket.socket(fileno=passed.fd), passed.protocol, address, address.kind in ("fd", "systemd"), file=file
    )
