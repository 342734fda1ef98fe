"""What every master is made of, whoever asks for one: scoreboard, stacks of slow requests, pools with their logs."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.manager.entries import SlowLog
from gateways.manager.equipment import Equipment
from gateways.manager.pool import Pool
from gateways.manager.rules import Rules
from gateways.manager.slowlog import Dumps
from gateways.server.opening import open_access_log

if TYPE_CHECKING:
    from contextlib import ExitStack

    from gateways.manager.master import Master
    from gateways.manager.scoreboard import Scoreboard
    from gateways.manager.takeover import Takeover
    from gateways.settings import Settings

#: Slots for workers beyond twice the most of all pools: those that drain while two reloads follow each other.
_SPARE_SLOTS = 16


def open_board(takeover: Takeover, workers: int, threads: int, stack: ExitStack) -> tuple[Scoreboard, Dumps]:
    """Return the scoreboard for so many workers of all pools, and where their stacks go."""
    board = takeover.board(2 * workers + _SPARE_SLOTS, threads)
    dumps = Dumps(takeover.stacks())
    stack.callback(dumps.close)
    return board, dumps


def add_pool(
    master: Master, takeover: Takeover, stack: ExitStack, settings: Settings, spawned: bool = False, **more: Any
) -> Pool:
    """Open the logs of a pool, and give it to the master.

    ``spawned``: a web server has started this. ``more`` are the other fields of its ``Equipment``. Raises
    ``ConfigError`` where a log cannot be opened.
    """
    access_log = open_access_log(settings, spawned, master.error_log, stack)
    slow_log = SlowLog(settings.slow_log, master.error_log)
    stack.callback(slow_log.close)
    master.on_reopen += [log.reopen for log in (slow_log, access_log) if log is not None]
    equipment = Equipment(
        settings=settings,
        error_log=master.error_log,
        access_log=access_log,
        board=master.board,
        slow_log=slow_log,
        stacks=master.dumps.file,
        **more,
    )
    policy = takeover.policy(equipment.name, Rules.of(settings), monotonic())
    pool = Pool(equipment, policy, master.loop, master.dumps, master.shed)
    master.pools.append(pool)
    return pool
