"""What an operator orders, by a signal or on the control socket, and how it went: the tickets of reload and stop."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.errors import ConfigError
from gateways.manager.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateways.manager.master import Master
    from gateways.manager.pool import Pool


class Operations:
    """Answers the control socket for ``master`` (``questions.Answers``), and serves its signals.

    ``status`` makes the figures; ``replace`` begins an upgrade, and answers whether the program that a reload would
    find is another one: changed settings need a new master.
    """

    def __init__(self, master: Master, status: Callable[[], Mapping[str, Any]]) -> None:
        self._master = master
        self.status = status
        #: Begins to replace the master's program; None where that cannot be done.
        self.replace: Callable[[str], Ticket] | None = None
        #: Says why a reload has to replace the master, too: gateways.toml has changed. Empty when it has not.
        self.outdated: Callable[[], str] = lambda: ""
        #: The ticket of the reload or upgrade that goes on, or was the last.
        self.last = Ticket()
        self.last.end()
        self._stop = Ticket()

    def reload(self, pool: str | None = None, why: str = "gateways reload") -> Ticket:
        """Begin a new generation of one pool or of all; while one boots, the next is remembered."""
        master = self._master
        if master.stopping:
            raise ConfigError("the master is stopping")
        pools = self._chosen(pool)
        reason = self.outdated()
        if reason and self.replace is not None:
            self.last = self.replace(f"{why}: {reason}")
            return self.last
        ticket = self.last = Ticket(chosen.name for chosen in pools)
        now = monotonic()
        for call in master.on_reload:
            call()
        for chosen in pools:
            chosen.reload(why, now, _follow(ticket, chosen.name))
        ticket.tell("booting", "the new workers start")
        master.expect_serving()
        return ticket

    def upgrade(self, why: str = "gateways upgrade") -> Ticket:
        """Begin to replace the master's program."""
        if self.replace is None:
            raise ConfigError("this master cannot replace itself")
        if self._master.stopping:
            raise ConfigError("the master is stopping")
        self.last = self.replace(why)
        return self.last

    def outcome(self) -> Ticket:
        """Return the ticket of the reload that goes on, or was the last."""
        return self.last

    def stop(self, why: str = "gateways stop") -> Ticket:
        """Begin the graceful stop."""
        self._master.error_log.notice(f"{why}: stopping")
        self._master.stop()
        return self._stop

    def stopped(self) -> None:
        """Tell those who wait for the stop."""
        self._stop.end()

    def reopen(self) -> None:
        """Open all logs anew."""
        self._master.reopen_logs()

    def resize(self, pool: str | None, by: int) -> None:
        """One worker more or less, or several."""
        for chosen in self._chosen(pool):
            chosen.resize(by, monotonic())

    def _chosen(self, name: str | None) -> list[Pool]:
        pools = self._master.pools
        if name is None:
            return pools
        chosen = [pool for pool in pools if pool.name == name]
        if not chosen:
            raise ConfigError(f"there is no pool {name!r}; there are {', '.join(pool.name for pool in pools)}")
        return chosen


def _follow(ticket: Ticket, pool: str) -> Callable[[int, str], object]:
    return lambda generation, failure: ticket.pool_ended(pool, failure)
