"""A table for a terminal, as ``gateways status`` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.manager.render import chart
from gateways.manager.render.figures import duration_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateways.manager.snapshot import Overview, PoolFigures, WorkerFigures

#: A narrower terminal gets lines of this width, and breaks them as it likes.
MIN_WIDTH = 40
#: Seconds over which requests per second are averaged.
_SPAN = 5
#: Title, whether it stands at the right, and from which width of the terminal on there is room for it.
_COLUMNS = (
    ("WORKER", True, 0),
    ("PID", True, 60),
    ("GEN", True, 90),
    ("STATE", False, 0),
    ("UP", True, 80),
    ("REQUESTS", True, 0),
    ("IN HAND", True, 70),
    ("TIME", True, 0),
    ("MEMORY", True, 0),
    ("REQUEST", False, 0),
)


def render(overview: Overview, width: int = 80) -> str:
    """Return the figures in lines of at most ``width`` characters."""
    width = max(width, MIN_WIDTH)
    lines = [f"gateways {overview.version}, master {overview.pid}, up {duration_text(overview.since)}"]
    if overview.upgrades:
        lines[0] += f", {_count(overview.upgrades, 'upgrade')}"
    for pool in overview.pools:
        lines += ["", *_pool(pool, width)]
    return "".join(_cut(line, width) + "\n" for line in lines)


def _pool(pool: PoolFigures, width: int) -> list[str]:
    lines = [f"{pool.name}: {pool.application} on {', '.join(pool.listeners) or 'nothing'}"]
    parts = [
        f"{_count(pool.total, 'worker')} of {pool.limit} ({pool.pm})",
        f"{pool.idle} idle",
        f"{pool.active} active, at most {pool.max_active}",
        f"{pool.listen_queue} waiting, at most {pool.max_listen_queue}",
        _count(pool.requests, "request"),
        f"{_rate(pool)}/s",
        f"{size_text(pool.memory)}",
        f"generation {pool.generation}",
    ]
    troubles = {
        "slow": pool.slow,
        "lost": pool.lost,
        "killed": pool.workers_killed,
        "died": pool.workers_died,
        "failed to start": pool.workers_failed,
        "times all busy": pool.limit_reached,
    }
    parts += [f"{number} {name}" for name, number in troubles.items() if number]
    lines += _wrap(parts, width)
    if pool.reload_state == "failed":
        lines += ["  the last reload failed, the old workers serve on:", f"  {pool.reload_failure}"]
    elif pool.reload_state == "booting":
        why = f": {pool.reload_why}" if pool.reload_why else ""
        lines.append(f"  new workers have been starting for {duration_text(pool.reload_since)}{why}")
    if pool.workers:
        lines += _table([_cells(worker) for worker in pool.workers], width)
    return lines


def _cells(worker: WorkerFigures) -> list[str]:
    has_request = bool(worker.uri or worker.method)
    return [
        str(worker.worker),
        str(worker.pid or "-"),
        str(worker.generation),
        worker.state.lower(),
        duration_text(worker.since),
        str(worker.requests),
        f"{worker.in_hand} / {worker.threads}",
        duration_text(worker.duration) if has_request else "-",
        size_text(worker.memory) if worker.memory else "-",
        f"{worker.method or '-'} {worker.uri or '-'}" if has_request else "-",
    ]


def _table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    shown = [index for index, (_, _, least) in enumerate(_COLUMNS) if width >= least]
    rows = [[title for title, _, _ in _COLUMNS], *rows]
    widths = {index: max(len(row[index]) for row in rows) for index in shown}
    lines = []
    for row in rows:
        cells = [
            row[index].rjust(widths[index]) if _COLUMNS[index][1] else row[index].ljust(widths[index])
            for index in shown
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _wrap(parts: Sequence[str], width: int) -> list[str]:
    """Put parts behind each other, as many in a line as there is room for."""
    lines = ["  " + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 2 + len(part) < width:
            lines[-1] += f", {part}"
        else:
            lines[-1] += ","
            lines.append("  " + part)
    return lines


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 3] + "..."


def _rate(pool: PoolFigures) -> str:
    rates = chart.rates(pool.history[-_SPAN - 1 :])
    average = sum(rates) / len(rates) if rates else 0.0
    return f"{average:.1f}" if average < 10 else f"{average:.0f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
