"""What only the master knows, written to the scoreboard once a second: settings, queues, counters, and the history."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gateways import __version__
from gateways.manager.queues import waiting_at
from gateways.manager.snapshot import PoolFigures, take

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.manager.master import Master
    from gateways.manager.pool import Pool
    from gateways.manager.scoreboard import Reading
    from gateways.server.listeners import Listener
    from gateways.settings import Settings

#: How often, seconds.
INTERVAL = 1.0
#: How much of the past is shown, in intervals: of each pool, and of all together, which have to fit on the scoreboard.
HISTORY = 300
_HISTORY_OF_ALL = 6000
#: A longer text is cut: the reason of a failure may be anything.
_MAX_TEXT = 1000
#: Where the kernel tells how many connections it lets wait at most, whatever the setting says.
_SOMAXCONN = "/proc/sys/net/core/somaxconn"


class Past:
    """What was seen of one pool so far."""

    def __init__(self, length: int, before: PoolFigures) -> None:
        self.before = before
        self.max_active = before.max_active
        self.max_listen_queue = before.max_listen_queue
        self.memory_peak = before.memory_peak
        self.history: deque[list[int]] = deque(before.history, maxlen=length)

    def look(self, name: str, reading: Reading) -> None:
        """Take in what the scoreboard shows now."""
        rows = [row for row in reading.rows if row.pool == name]
        totals = reading.totals.get(name)
        self.max_active = max(self.max_active, sum(row.in_hand > 0 for row in rows))
        self.memory_peak = max([self.memory_peak, *(row.memory for row in rows)])
        self.history.append([sum(row.in_hand for row in rows), totals.requests if totals else 0])

    def facts(self, waiting: int) -> dict[str, Any]:
        """Return what is to be published of it, with the connections that wait now."""
        self.max_listen_queue = max(self.max_listen_queue, waiting)
        return {
            "max_active": self.max_active,
            "listen_queue": waiting,
            "max_listen_queue": self.max_listen_queue,
            "memory_peak": self.memory_peak,
            "history": list(self.history),
        }


class Facts:
    """Publishes the facts of ``master``, and goes on where an earlier master has ended that it replaces."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._before = take(master.board.look(), time.monotonic(), time.time())
        self._upgrades = self._before.upgrades + 1 if self._before.pid else 0
        self._past: dict[str, Past] = {}
        self._next = 0.0
        master.helpers.append(self.tick)

    def tick(self, now: float) -> float:
        """Publish when it is time; return how long it can wait, seconds."""
        if now >= self._next:
            self._next = now + INTERVAL
            self._look()
            self.publish()
        return self._next - now

    def status(self) -> Mapping[str, Any]:
        """Return the figures of all pools, for the control socket."""
        self.publish()
        return take(self._master.board.look(), time.monotonic(), time.time()).to_json()

    def publish(self) -> None:
        """Let everybody read the facts as they are now."""
        self._master.board.publish(
            {
                "version": __version__,
                "pid": os.getpid(),
                "started": self._before.started,
                "upgrades": self._upgrades,
                "pools": {pool.name: self._pool(pool) for pool in self._master.pools},
            }
        )

    def _look(self) -> None:
        reading = self._master.board.look()
        for pool in self._master.pools:
            self._past_of(pool).look(pool.name, reading)

    def _past_of(self, pool: Pool) -> Past:
        past = self._past.get(pool.name)
        if past is None:
            length = min(HISTORY, _HISTORY_OF_ALL // max(1, len(self._master.pools)))
            past = self._past[pool.name] = Past(length, self._before.pool(pool.name) or PoolFigures())
        return past

    def _pool(self, pool: Pool) -> dict[str, Any]:
        policy, equipment = pool.policy, pool.equipment
        reload, counters = policy.reload_state, policy.counters
        # A master that replaces another goes on counting.
        past = self._past_of(pool)
        counted = {
            "slow": counters.slow,
            "limit_reached": counters.saturated,
            "workers_started": counters.started,
            "workers_failed": counters.failed,
            "workers_died": counters.died,
            "workers_killed": counters.terminated,
            "reloads": counters.reloads,
            "reloads_failed": counters.failed_reloads,
        }
        return {
            **{name: number + getattr(past.before, name) for name, number in counted.items()},
            **settings_facts(equipment.application, equipment.settings, equipment.listeners),
            **past.facts(waiting_at(listener.sock for listener in equipment.listeners)),
            "limit": policy.limit,
            "generation": policy.generation,
            "reload_state": reload.state,
            "reload_since": max(0.0, time.monotonic() - reload.since),
            "reload_why": reload.why[:_MAX_TEXT],
            "reload_failure": reload.reason[:_MAX_TEXT],
        }


def settings_facts(application: str, settings: Settings, listeners: list[Listener]) -> dict[str, Any]:
    """Return what does not change while a pool lives."""
    return {
        "application": application[:_MAX_TEXT],
        "listeners": [f"{listener.protocol} {listener.address}" for listener in listeners],
        "pm": settings.pm,
        "listen_queue_size": min(settings.backlog, _somaxconn()) * len(listeners),
    }


def _somaxconn() -> int:
    try:
        with open(_SOMAXCONN, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 1 << 31
