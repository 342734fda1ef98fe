"""A WSGI application that answers with the figures of the master's pools, in all their forms."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from gateways.manager.render import document, metrics, page, plain
from gateways.manager.snapshot import take
from gateways.server.routes import NO_STORE, answer, refuse_method

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateways.core.types import Environ
    from gateways.manager.scoreboard import Scoreboard
    from gateways.manager.snapshot import Overview, PoolFigures

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
#: The parameters of a question; more are nobody's question.
_MAX_FIELDS = 20


class StatusApplication:
    """Answers from the scoreboard alone, in any process that has it.

    The query string chooses the form (``json``, ``html``, ``openmetrics``; else text). Text and JSON are of the pool of
    this process, of another by ``pool=NAME``, and with ``all`` of all; ``full`` adds the workers, ``history`` in JSON
    the past. The other forms have all of it.
    """

    def __init__(self, board: Scoreboard, pool: str) -> None:
        self._board = board
        self._pool = pool

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return refuse_method(start_response)
        asked = _parameters(environ.get("QUERY_STRING", ""))
        if "script" in asked:
            return answer(start_response, _SCRIPT, page.script())
        if "style" in asked:
            return answer(start_response, _STYLE, page.style())
        overview = take(self._board.look(), time.monotonic(), time.time())
        if "html" in asked:
            return answer(
                start_response, _HTML, _encode(page.render(overview)), ("Content-Security-Policy", page.POLICY)
            )
        if "openmetrics" in asked:
            return answer(start_response, metrics.CONTENT_TYPE, _encode(metrics.render(overview)))
        return self._answer_for_a_pool(overview, asked, start_response)

    def _answer_for_a_pool(self, overview: Overview, asked: Mapping[str, str], start_response: Any) -> Iterable[bytes]:
        everything, full = "all" in asked, "full" in asked
        pool = overview.pool(asked.get("pool", self._pool))
        if pool is None and not everything:
            start_response("404 Not Found", [("Content-Type", _TEXT), *NO_STORE])
            return [b"there is no such pool\n"]
        if "json" in asked:
            text = document.render(overview, pool, full, everything, "history" in asked)
            return answer(start_response, _JSON, _encode(text))
        pools: list[PoolFigures] = overview.pools if everything or pool is None else [pool]
        return answer(start_response, _TEXT, _encode(plain.render(overview, pools, full)))


def _parameters(query: str) -> dict[str, str]:
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return {}


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")
