"""JSON with php-fpm's names, and ours beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateways.manager.render.figures import pool_figures, worker_figures

if TYPE_CHECKING:
    from gateways.manager.snapshot import Overview, PoolFigures

#: What a browser would take for HTML if it were told to.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def render(overview: Overview, pool: PoolFigures | None, full: bool, everything: bool, past: bool) -> str:
    """Return the figures of ``pool``; of all pools under ``pools`` when ``everything`` is wanted.

    ``full`` adds the workers, ``past`` the history: lists of requests in hand and of the requests so far, a pair a
    second.
    """
    document: dict[str, Any] = _pool(overview, pool, full, past) if pool is not None else {}
    if everything:
        document["pools"] = [_pool(overview, one, full, past) for one in overview.pools]
    return json.dumps(document).translate(_ESCAPES) + "\n"


def _pool(overview: Overview, pool: PoolFigures, full: bool, past: bool) -> dict[str, Any]:
    figures: dict[str, Any] = dict(pool_figures(overview, pool))
    if past:
        figures["history"] = pool.history
    if full:
        figures["processes"] = [worker_figures(worker) for worker in pool.workers]
    return figures
