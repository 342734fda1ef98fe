"""What a pool's policy is told, and what it wants done.

A worker is known by its number, which is never used again; a generation is one loading of the application. Times are
monotonic seconds.
"""

from __future__ import annotations

from typing import NamedTuple, Union

# Events


class Ready(NamedTuple):
    """The worker has loaded the application and warmed up; it waits for ``Go``."""

    worker: int


class Failed(NamedTuple):
    """The worker, or the nursery of its generation, cannot load the application or warm up.

    Its process ends; ``Exited`` follows, also when the nursery failed before there was a process.
    """

    worker: int
    reason: str


class Retiring(NamedTuple):
    """The worker ends by itself after the requests in hand: ``max_requests``, ``max_memory``."""

    worker: int
    reason: str


class Exited(NamedTuple):
    """The process has ended and was reaped. ``how`` is for people: ``killed by SIGSEGV``, ``exit status 0``."""

    worker: int
    how: str


class Waiting(NamedTuple):
    """Connections wait at a listener that nobody accepts from (only told while ``Policy.watches_backlog``)."""


class ReloadAsked(NamedTuple):
    """The operator wants a new generation. ``why``: ``SIGHUP``, ``gateways reload``, ``app.py changed``."""

    why: str


class StopAsked(NamedTuple):
    """The operator wants the pool to end: finish what is in hand and in the backlog."""


Event = Union[Ready, Failed, Retiring, Exited, Waiting, ReloadAsked, StopAsked]


class Sight(NamedTuple):
    """What the scoreboard shows of one worker."""

    #: Requests in the application's hands, and how many it takes at once (threads).
    in_hand: int
    threads: int
    #: Since when it has had nothing in hand; meaningless otherwise.
    idle_since: float
    #: The request that has been in hand for the longest time: when it began, and its number in that worker.
    oldest_since: float
    oldest_number: int
    #: The last sign of life of its interpreter; 0 when it gives none yet.
    heartbeat: float


# Actions


class Start(NamedTuple):
    """Fork a worker."""

    worker: int
    generation: int


class Go(NamedTuple):
    """Let the worker accept connections."""

    worker: int


class Stop(NamedTuple):
    """Have the worker finish what is in hand and end. ``last``: what is in the backlog, too, as nobody else will."""

    worker: int
    reason: str
    last: bool = False


class Kill(NamedTuple):
    """Kill the process: SIGKILL."""

    worker: int
    reason: str


class Dump(NamedTuple):
    """Write the worker's stacks and its request ``number`` to the slow log. ``seconds``: how long it has taken.

    ``number`` is 0 when no request is in hand, and the worker gave no sign of life for ``seconds``.
    """

    worker: int
    number: int
    seconds: float


class Say(NamedTuple):
    """A line for the log: ``level`` is that of the error log (notice, warning, error)."""

    level: str
    text: str


class Reloaded(NamedTuple):
    """A reload has ended: ``generation`` serves. ``failure`` is empty, or says why the old one still serves.

    After an upgrade, or when nothing served before, a failed generation is tried again; it may succeed later.
    """

    generation: int
    failure: str


class GiveUp(NamedTuple):
    """No worker could become ready, again and again: the program has to end with status 3. The pool stops."""

    reason: str


class Finished(NamedTuple):
    """The pool was asked to stop, and no worker is left."""


Action = Union[Start, Go, Stop, Kill, Dump, Say, Reloaded, GiveUp, Finished]
