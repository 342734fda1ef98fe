"""The figures under the names that php-fpm has for them, and ours after those."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from gateways.manager.snapshot import Overview, PoolFigures, WorkerFigures

Figure = Union[int, float, str]

#: Names of figures that are a time of the wall clock.
TIMES = frozenset({"start time"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def pool_figures(overview: Overview, pool: PoolFigures) -> dict[str, Figure]:
    """Return what is known of a pool."""
    return {
        "pool": pool.name,
        "process manager": pool.pm or "-",
        "start time": int(overview.started),
        "start since": int(overview.since),
        "accepted conn": pool.requests,
        "listen queue": pool.listen_queue,
        "max listen queue": pool.max_listen_queue,
        "listen queue len": pool.listen_queue_size,
        "idle processes": pool.idle,
        "active processes": pool.active,
        "total processes": pool.total,
        "max active processes": pool.max_active,
        "max children reached": pool.limit_reached,
        "slow requests": pool.slow,
        "memory peak": pool.memory_peak,
        # Ours
        "memory": pool.memory,
        "requests in hand": pool.in_hand,
        "requests lost": pool.lost,
        "bytes sent": pool.sent,
        "process limit": pool.limit,
        "processes started": pool.workers_started,
        "processes failed": pool.workers_failed,
        "processes died": pool.workers_died,
        "processes killed": pool.workers_killed,
        "generation": pool.generation,
        "reload": pool.reload_state,
        "reload failure": pool.reload_failure or "-",
        "reloads": pool.reloads,
        "failed reloads": pool.reloads_failed,
        "application": pool.application or "-",
        "listeners": ", ".join(pool.listeners) or "-",
        "master pid": overview.pid,
        "upgrades": overview.upgrades,
        "version": overview.version or "-",
    }


def worker_figures(worker: WorkerFigures) -> dict[str, Figure]:
    """Return what is known of a worker. The duration is in microseconds, as php-fpm has it."""
    return {
        "pid": worker.pid,
        "state": worker.state,
        "start time": int(worker.started),
        "start since": int(worker.since),
        "requests": worker.requests,
        "request duration": int(worker.duration * 1e6),
        "request method": worker.method or "-",
        "request uri": worker.uri or "-",
        "content length": worker.length,
        "user": worker.user or "-",
        "script": worker.script or "-",
        "last request memory": worker.memory,
        # Ours
        "worker": worker.worker,
        "generation": worker.generation,
        "requests in hand": worker.in_hand,
        "threads": worker.threads,
        "remote address": worker.address or "-",
        "bytes sent": worker.sent,
        "silent since": round(worker.silent, 1),
    }


def clock_time(seconds: float) -> str:
    """Return a time as php-fpm and access logs write it, in English under any locale."""
    try:
        moment = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        return "-"
    return time.strftime(f"%d/{_MONTHS[moment.tm_mon - 1]}/%Y:%H:%M:%S %z", moment)


def duration_text(seconds: float) -> str:
    """Return a duration in a few characters: ``1.2 ms``, ``3.4 s``, ``5m 10s``, ``2h 03m``, ``4d 05h``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{int(seconds * 10) / 10:.1f} s" if seconds < 10 else f"{int(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h {minutes:02d}m"
    return f"{hours // 24}d {hours % 24:02d}h"


def size_text(size: float) -> str:
    """Return a size in a few characters: ``512 B``, ``12.3 KiB``, ``456 MiB``."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}" if unit != "B" and size < 99.95 else f"{size:.0f} {unit}"
