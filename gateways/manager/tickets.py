"""What is told to those who wait for something to end: a reload, an upgrade, the stop.

The master makes a ticket, tells it how things go, and ends it once; whoever follows it, now or later, hears of that.
A line is what is sent: a dictionary of JSON values. The last one has ``done`` and ``failure``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

Line = Mapping[str, Any]
Follower = Callable[[Line], None]


def done(failure: str = "", **more: Any) -> dict[str, Any]:
    """Return the last line: ``failure`` is empty, or says in one line why it was not done."""
    return {"done": True, "failure": failure, **more}


def refused(reason: str) -> dict[str, Any]:
    """Return the last line for a question that cannot be answered: it is wrong, as opposed to what was tried."""
    return done(reason, refused=True)


class Ticket:
    """Something that goes on in the master, for those who wait for its end.

    ``pools`` are the names of those that take part: it ends when each of them has, or when all is said by ``end``.
    """

    def __init__(self, pools: Iterable[str] = ()) -> None:
        self._pending = set(pools)
        self._failures: list[str] = []
        self._followers: list[Follower] = []
        self._last: Line | None = None
        #: The last line, once there is one.
        self.outcome: Line | None = None

    def tell(self, state: str, text: str) -> None:
        """Say how things go. ``state`` is a word for programs: ``booting``; ``text`` is a line for people."""
        if self.outcome is None:
            self._last = {"state": state, "text": text}
            self._spread(self._last)

    def pool_ended(self, pool: str, failure: str = "") -> None:
        """Note the end for one pool. With that of the last pool the ticket ends."""
        if failure:
            self._failures.append(f"pool {pool}: {failure}" if pool else failure)
        self._pending.discard(pool)
        if not self._pending:
            self.end("; ".join(self._failures))

    def end(self, failure: str = "") -> None:
        """Tell all followers that it is over. What comes after that is not heard."""
        if self.outcome is None:
            self.outcome = done(failure)
            self._spread(self.outcome)
            self._followers.clear()

    def follow(self, follower: Follower) -> None:
        """Call ``follower`` with each line from now on; at once with the last one there was."""
        last = self.outcome or self._last
        if last is not None:
            follower(last)
        if self.outcome is None:
            self._followers.append(follower)

    def leave(self, follower: Follower) -> None:
        """Do not call ``follower`` any more."""
        if follower in self._followers:
            self._followers.remove(follower)

    def _spread(self, line: Line) -> None:
        for follower in list(self._followers):  # one that cannot be told leaves meanwhile
            follower(line)
