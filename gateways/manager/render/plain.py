"""Text as php-fpm has it: a figure a line, and with ``full`` a block for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateways.manager.render.figures import TIMES, clock_time, pool_figures, worker_figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateways.manager.render.figures import Figure
    from gateways.manager.snapshot import Overview, PoolFigures

#: Where the values begin.
_COLUMN = 22
_LINE = "*" * 24
#: php-fpm writes this name in another way here than in JSON.
_NAMES = {"request uri": "request URI"}


def render(overview: Overview, pools: Iterable[PoolFigures], full: bool) -> str:
    """Return the figures of ``pools``."""
    blocks = []
    for pool in pools:
        block = _block(pool_figures(overview, pool))
        if full:
            block += "".join(f"\n{_LINE}\n{_block(worker_figures(worker))}" for worker in pool.workers)
        blocks.append(block)
    return "\n".join(blocks)


def _block(figures: Mapping[str, Figure]) -> str:
    return "".join(f"{_NAMES.get(name, name) + ':':{_COLUMN}}{_show(name, value)}\n" for name, value in figures.items())


def _show(name: str, value: Figure) -> str:
    return clock_time(float(value)) if name in TIMES else str(value)
