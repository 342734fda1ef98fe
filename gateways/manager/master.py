"""The master: one thread, one loop. It waits for signals, channels and timers, and lets the pools act.

It imports no application, and asks nothing of a worker that the worker could fail to do: what they are doing it reads
from the scoreboard, and what they do not do by themselves it does with signals.
"""

from __future__ import annotations

import os
import signal
from time import monotonic
from typing import TYPE_CHECKING

from gateways.errors import GatewayError
from gateways.manager.exits import describe_exit
from gateways.manager.inbox import Inbox
from gateways.manager.loop import Loop
from gateways.manager.subreaper import reap
from gateways.server.opening import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateways.manager.operations import Operations
    from gateways.manager.pool import Pool
    from gateways.manager.scoreboard import Scoreboard
    from gateways.manager.slowlog import Dumps
    from gateways.server.errorlog import ErrorLog

#: The longest wait, seconds: what nothing wakes the master for is looked at so often.
_LONGEST_WAIT = 1.0
#: How long workers that were killed at the end may take to be reaped, seconds.
_LAST_PATIENCE = 5.0
#: A pid that nobody claims is kept for so many rounds: its worker's first word may be on the way.
_MOST_UNCLAIMED = 1000
GAVE_UP = 3
#: How a worker ends that stops with requests in hand.
_CUT_OFF = 1


class Master:
    """Keeps the pools until a signal ends it. ``run`` returns the exit code.

    0: stopped, all requests in hand finished. 1: with requests in hand, after graceful_timeout or as told. 3: no worker
    could become ready.
    """

    def __init__(self, error_log: ErrorLog, board: Scoreboard, dumps: Dumps) -> None:
        self.error_log = error_log
        self.board = board
        self.dumps = dumps
        self.loop = Loop()
        self.pools: list[Pool] = []
        self.stopping = False
        #: Called in each round with the monotonic time; each returns how long it can wait, seconds.
        self.helpers: list[Callable[[float], float]] = [dumps.tick]
        #: What a child of the master lets go of, beside what belongs to the pools.
        self.closers: list[Callable[[], object]] = []
        #: What is told when something happens: a reload or a stop begins, all pools serve, logs are opened anew.
        self.on_reload: list[Callable[[], object]] = []
        self.on_stop: list[Callable[[], object]] = []
        self.on_serving: list[Callable[[], object]] = []
        self.on_give_up: list[Callable[[int, str], object]] = []
        self.on_reopen: list[Callable[[], object]] = [error_log.reopen]
        #: What signals order. Set before ``run``.
        self.operations: Operations
        self._announced = False
        self._exit_code = 0
        self._ended = False
        self._lost: list[Pool] = []
        #: Other children: what is called with the status of each that has ended.
        self.claims: dict[int, Callable[[int], object]] = {}
        self._unclaimed: dict[int, int] = {}
        self._inbox: Inbox | None = None

    # The loop

    def run(self) -> int:
        """Serve until stopped."""
        inbox = self._inbox = self.make_inbox()
        self.loop.watch(inbox.fileno(), lambda events: self.heed())
        try:
            now = monotonic()
            for pool in self.pools:
                pool.begin(now)
            while not self._over():
                self.loop.turn(self._look())
                self._reap()
        finally:
            self.loop.unwatch(inbox.fileno())
            self._inbox = None
            inbox.close()
        return self._exit_code

    def make_inbox(self) -> Inbox:
        """Begin to obey signals."""
        return Inbox()

    def _over(self) -> bool:
        for pool in self.pools:
            if pool.gave_up and not self._ended and pool not in self._lost:
                self._on_gave_up(pool)
        return self._ended or all(pool.over for pool in self.pools)

    def _on_gave_up(self, pool: Pool) -> None:
        if pool.inheritance.spared and any(other.processes for other in self.pools):
            self.error_log.error(f"{pool.name}: {pool.gave_up}; the other pools serve on")
            self._lost.append(pool)
            return
        self.error_log.error(f"{pool.name}: {pool.gave_up}")
        for call in self.on_give_up:
            call(GAVE_UP, f"pool {pool.name}: {pool.gave_up}")
        self.end_at_once(GAVE_UP)

    def _look(self) -> float:
        """Let everybody look at the clock; return how long all can wait, seconds."""
        now = monotonic()
        waits = [_LONGEST_WAIT]
        waits += [helper(now) for helper in list(self.helpers)]
        sights = self.board.sights()
        for pool in self.pools:
            pool.tick(now, sights.get(pool.name, {}))
            waits.append(pool.policy.next_tick(now))
        self._announce()
        return min(waits)

    def _announce(self) -> None:
        """Say that all pools serve, after a start and after each reload."""
        if self._announced or self.stopping or not all(pool.is_settled() or pool.over for pool in self.pools):
            return
        self._announced = True
        workers = sum(pool.serving() for pool in self.pools)
        self.error_log.notice(f"ready: {count(workers, 'worker')} in {count(len(self.pools), 'pool')}")
        for call in self.on_serving:
            call()

    def shed(self, child_of: Pool) -> Iterator[Callable[[], object]]:
        """Give what a child of a pool has to let go of, so that nothing of the master's lives on in it."""
        if self._inbox is not None:
            yield self._inbox.shed
        yield from self.closers
        for pool in self.pools:
            yield from pool.close_in_child(pool is child_of)

    # Children

    def _reap(self) -> None:
        """Collect all that have ended: workers, nurseries, and orphans that became ours as a subreaper or PID 1."""
        self._unclaimed.update(reap())
        for pid in self.claims.keys() & self._unclaimed.keys():
            self.claims.pop(pid)(self._unclaimed.pop(pid))
        now = monotonic()
        for pool in self.pools:
            for nursery in [nursery for nursery in pool.nurseries.values() if nursery.pid in self._unclaimed]:
                del self._unclaimed[nursery.pid]
                pool.on_nursery_exit(nursery, now)
            for process in list(pool.processes.values()):
                if process.pid in self._unclaimed or (not process.pid and self._unclaimed):
                    # A worker that a nursery has forked tells its pid by its first words.
                    pool.on_channel(process, now)
                if process.pid in self._unclaimed:
                    status = self._unclaimed.pop(process.pid)
                    if self.stopping and (process.killed or os.waitstatus_to_exitcode(status) == _CUT_OFF):
                        self._exit_code = 1
                    pool.on_exit(process, describe_exit(status, bool(process.killed)), now)
        if not self._expects_unknown() or len(self._unclaimed) > _MOST_UNCLAIMED:
            self._unclaimed.clear()  # orphans of the application's own making; their numbers may come again

    def _expects_unknown(self) -> bool:
        """Say whether a worker may have been forked by a nursery that has not told its pid yet."""
        return any(not process.pid for pool in self.pools for process in pool.processes.values())

    def end_at_once(self, code: int) -> None:
        """Kill everything and let ``run`` return ``code``."""
        self._ended = True
        self._exit_code = code
        for pool in self.pools:
            for listener in pool.equipment.listeners:
                listener.remove_file()
            for nursery in pool.nurseries.values():
                nursery.end()
        deadline = monotonic() + _LAST_PATIENCE
        while any(pool.processes for pool in self.pools) and monotonic() < deadline:
            for pool in self.pools:
                pool.kill("the master ends")
            self.loop.turn(0.05)
            self._reap()

    # What an operator asks for

    def expect_serving(self) -> None:
        """Call ``on_serving`` once more when all pools serve again."""
        self._announced = False

    def stop(self) -> None:
        """Finish what is in hand and in the backlog, and let ``run`` return."""
        if self.stopping:
            return
        self.stopping = True
        for call in self.on_stop:
            call()
        now = monotonic()
        for pool in self.pools:
            pool.stop(now)

    def reopen_logs(self) -> None:
        """Open all logs anew, and hand them to the workers, which may have no right to open them."""
        for call in self.on_reopen:
            call()
        for pool in self.pools:
            pool.hand_out_logs()

    def heed(self) -> bool:
        """Obey the signals that have come. Returns whether there was one that says something."""
        assert self._inbox is not None
        numbers = self._inbox.take()
        for number in numbers:
            self._on_signal(signal.Signals(number))
        return bool(set(numbers) - {signal.SIGCHLD, signal.SIGWINCH})

    def _on_signal(self, number: signal.Signals) -> None:
        try:
            self._obey(number)
        except GatewayError as error:
            self.error_log.warning(f"{number.name}: {error}")

    def _obey(self, number: signal.Signals) -> None:
        operations = self.operations
        if number in (signal.SIGTERM, signal.SIGINT):
            if not self.stopping:
                operations.stop(number.name)
            elif number == signal.SIGINT:
                self.end_at_once(1)  # only a person's second Ctrl-C drops what is in hand: supervisors send TERM twice
        elif number == signal.SIGQUIT:
            self.error_log.notice("SIGQUIT: ending at once")
            self.end_at_once(1)
        elif number == signal.SIGHUP:
            operations.reload(None, "SIGHUP")
        elif number == signal.SIGUSR1:
            operations.reopen()
        elif number == signal.SIGUSR2:
            operations.upgrade("SIGUSR2")
        elif number in (signal.SIGTTIN, signal.SIGTTOU):
            operations.resize(None, 1 if number == signal.SIGTTIN else -1)
