"""A pool that is not in the configuration any more: its workers serve until those of all other pools do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from gateways.manager.entries import SlowLog
from gateways.manager.equipment import Equipment
from gateways.manager.moves import StopAsked
from gateways.manager.policy import Policy
from gateways.manager.pool import Pool
from gateways.manager.rules import Rules
from gateways.settings import Settings

if TYPE_CHECKING:
    from gateways.manager.handover import PassedPool
    from gateways.manager.master import Master


class Remnant(Pool):
    """It never starts a worker, and ends when it is told to ``stop``, as other pools do.

    A pool may have its listeners now, so its workers leave to that who waits there.
    """

    _last_word = "stop"

    def __init__(self, name: str, passed: PassedPool, master: Master, now: float) -> None:
        settings = Settings(workers=1, pm="ondemand", graceful_timeout=passed.graceful_timeout)
        nobody = cast(Any, None)  # whose privileges a worker would take
        log, stacks = SlowLog("-", master.error_log), master.dumps.file
        equipment = Equipment(name, "", settings, [], master.error_log, None, nobody, master.board, log, stacks)
        policy = Policy(Rules.of(settings), now, passed.next_worker, passed.generation + 1)
        super().__init__(equipment, policy, master.loop, master.dumps, master.shed)

    def begin(self, now: float) -> None:
        """Nothing begins here."""

    def reload(self, why: str, now: float, follower: Any = None) -> None:
        """There is nothing to load."""
        if follower is not None:
            follower(self.policy.generation, "")

    def resize(self, delta: int, now: float) -> None:
        """The number of workers does not change any more."""

    def stop(self, now: float) -> None:
        """End. Former listeners first serve who waits there (``Inheritance``)."""
        self.tell(StopAsked(), now)

    def is_settled(self) -> bool:
        return True
