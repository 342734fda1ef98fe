"""The figures of a master at one moment: what the scoreboard and the facts of the master say, for people to look at.

An ``Overview`` is plain data. It goes through JSON to ``gateways status``, which may be of another version.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from gateways.escaping import escape
from gateways.server.slot import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.manager.rows import WorkerRow
    from gateways.manager.scoreboard import Reading, Totals

IDLE, RUNNING = "Idle", "Running"
_STATES = {
    Phase.STARTING: "Starting",
    Phase.LOADING: "Loading",
    Phase.WARMING_UP: "Warming up",
    Phase.WAITING: "Ready",
    Phase.STOPPING: "Ending",
}


@dataclass(frozen=True)
class WorkerFigures:
    """One worker, with the request that it has had in hand for the longest time, or else the last one.

    Times are seconds, ``started`` is of the wall clock; sizes are bytes. Texts of a request are printable ASCII.
    """

    worker: int = 0
    pid: int = 0
    generation: int = 0
    state: str = ""
    started: float = 0.0
    since: float = 0.0
    requests: int = 0
    in_hand: int = 0
    threads: int = 0
    duration: float = 0.0
    method: str = ""
    uri: str = ""
    length: int = 0
    address: str = ""
    user: str = ""
    script: str = ""
    memory: int = 0
    sent: int = 0
    #: Since the last sign of life of its interpreter; 0.0 before the first.
    silent: float = 0.0


@dataclass(frozen=True)
class PoolFigures:
    """One pool. ``requests``, ``sent`` and ``lost`` (requests in hand of a process that ended) are since the start."""

    name: str = ""
    application: str = ""
    listeners: list[str] = field(default_factory=list)
    pm: str = ""
    #: How many workers there may be.
    limit: int = 0
    generation: int = 0
    reload_state: str = "idle"
    reload_why: str = ""
    reload_failure: str = ""
    #: How long it has been in that state.
    reload_since: float = 0.0
    requests: int = 0
    sent: int = 0
    lost: int = 0
    slow: int = 0
    idle: int = 0
    active: int = 0
    total: int = 0
    max_active: int = 0
    limit_reached: int = 0
    in_hand: int = 0
    listen_queue: int = 0
    max_listen_queue: int = 0
    listen_queue_size: int = 0
    memory: int = 0
    memory_peak: int = 0
    workers_started: int = 0
    workers_failed: int = 0
    workers_died: int = 0
    workers_killed: int = 0
    reloads: int = 0
    reloads_failed: int = 0
    #: Second by second, the newest last: requests in hand, and requests since the start.
    history: list[list[int]] = field(default_factory=list)
    workers: list[WorkerFigures] = field(default_factory=list)


@dataclass(frozen=True)
class Overview:
    """All of it. ``now`` and ``started`` are of the wall clock."""

    version: str = ""
    pid: int = 0
    now: float = 0.0
    started: float = 0.0
    since: float = 0.0
    upgrades: int = 0
    pools: list[PoolFigures] = field(default_factory=list)

    def pool(self, name: str) -> PoolFigures | None:
        """Return the pool of that name."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Overview:
        """Return what ``to_json`` has made, in this version or another: what is missing has its default."""
        return _read(cls, data)


def take(reading: Reading, monotonic: float, wall: float) -> Overview:
    """Make the figures from a ``reading`` of the scoreboard, at a moment of both clocks."""
    facts = reading.facts
    told = _dict(facts.get("pools"))
    names = [*told, *sorted({row.pool for row in reading.rows} - told.keys())]
    pools = [
        _pool(
            name,
            _dict(told.get(name)),
            [_worker(row, monotonic, wall) for row in reading.rows if row.pool == name],
            reading.totals.get(name),
        )
        for name in names
    ]
    started = _float(facts.get("started")) or wall
    since = max(0.0, wall - started)
    return _read(Overview, {**facts, "now": wall, "started": started, "since": since, "pools": pools})


def _pool(name: str, facts: Mapping[str, Any], workers: list[WorkerFigures], totals: Totals | None) -> PoolFigures:
    idle = sum(worker.state == IDLE for worker in workers)
    active = sum(worker.in_hand > 0 for worker in workers)
    memory = sum(worker.memory for worker in workers)
    counted = {
        "name": name,
        "requests": totals.requests if totals else 0,
        "sent": totals.sent if totals else 0,
        "lost": totals.lost if totals else 0,
        "idle": idle,
        "active": active,
        "total": len(workers),
        "max_active": max(active, _number(facts.get("max_active"))),
        "in_hand": sum(worker.in_hand for worker in workers),
        "memory": memory,
        "memory_peak": max([_number(facts.get("memory_peak")), *(worker.memory for worker in workers)]),
        "workers": workers,
    }
    return _read(PoolFigures, {**facts, **counted})


def _worker(row: WorkerRow, monotonic: float, wall: float) -> WorkerFigures:
    request = row.oldest or row.last
    since = max(0.0, monotonic - row.started)
    state = _STATES.get(row.phase) or (RUNNING if row.in_hand else IDLE)
    return WorkerFigures(
        worker=row.worker,
        pid=row.pid,
        generation=row.generation,
        state=state,
        started=wall - since,
        since=since,
        requests=row.requests,
        in_hand=row.in_hand,
        threads=row.threads,
        duration=request.duration(monotonic) if request else 0.0,
        method=request.method if request else "",
        uri=request.uri if request else "",
        length=request.length if request else 0,
        address=request.address if request else "",
        user=request.user if request else "",
        script=request.script if request else "",
        memory=row.memory,
        sent=row.sent,
        silent=max(0.0, monotonic - row.heartbeat) if row.heartbeat else 0.0,
    )


_Figures = TypeVar("_Figures", Overview, PoolFigures, WorkerFigures)
_ITEMS: dict[str, Any] = {"pools": PoolFigures, "workers": WorkerFigures}


def _read(cls: type[_Figures], data: object) -> _Figures:
    """Make ``cls`` from what has come from elsewhere: no value is of another type than its default."""
    values: dict[str, Any] = {}
    for one in fields(cls):
        value = data.get(one.name) if isinstance(data, dict) else None
        if one.name in _ITEMS:
            kind = _ITEMS[one.name]
            values[one.name] = [item if isinstance(item, kind) else _read(kind, item) for item in _list(value)]
        elif one.name == "history":
            values[one.name] = [[_number(number) for number in item] for item in _list(value) if _is_pair(item)]
        elif one.name == "listeners":
            values[one.name] = [escape(str(item)) for item in _list(value)]
        elif isinstance(one.default, str):
            values[one.name] = one.default if value is None else escape(str(value))
        elif isinstance(one.default, int):
            values[one.name] = _number(value)
        else:
            values[one.name] = _float(value)
    return cls(**values)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else int(_float(value))


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else 0.0


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2
