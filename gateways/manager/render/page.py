"""The status page: whole without scripts, and kept fresh by page.js where those may run.

Script and style are answers of the same path (``?script``, ``?style``), so that the strictest policy of a web server
lets them in. Whatever comes from elsewhere is escaped here, and is never more than text in page.js.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from gateways.manager.render import chart
from gateways.manager.render.figures import duration_text, pool_figures, size_text, worker_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.manager.render.figures import Figure
    from gateways.manager.snapshot import Overview, PoolFigures

#: What the page may do: nothing but what it does.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HERE = Path(__file__).parent

#: How a figure is shown, where it is not shown as it is.
_SHOW: dict[str, Callable[[float], str]] = {
    "start since": duration_text,
    "memory": size_text,
    "last request memory": size_text,
    "bytes sent": size_text,
}
#: The figures of a pool above its chart, and what they are called.
_TILES = {
    "idle processes": "idle",
    "active processes": "active",
    "total processes": "workers",
    "max active processes": "most active",
    "max children reached": "limit reached",
    "listen queue": "waiting",
    "max listen queue": "most waiting",
    "accepted conn": "requests",
    "requests lost": "lost",
    "slow requests": "slow",
    "processes died": "died",
    "processes killed": "killed",
    "generation": "generation",
    "memory": "memory",
}
#: The columns of the workers: title, class, and the figure or the cell it shows.
_COLUMNS = (
    ("worker", "", "worker"),
    ("pid", "", "pid"),
    ("generation", "", "generation"),
    ("state", "word state", "state"),
    ("up", "", "start since"),
    ("requests", "", "requests"),
    ("in hand", "", ""),
    ("duration", "duration", ""),
    ("request", "request", ""),
    ("from", "word", "remote address"),
    ("memory", "", "last request memory"),
)


def script() -> bytes:
    """Return page.js."""
    return (_HERE / "page.js").read_bytes()


def style() -> bytes:
    """Return page.css."""
    return (_HERE / "page.css").read_bytes()


def render(overview: Overview) -> str:
    """Return the page with the figures of all pools."""
    figures = pool_figures(overview, overview.pools[0]) if overview.pools else {}
    pools = "".join(_pool(overview, pool) for pool in overview.pools)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>gateways status</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="?style">
<noscript><meta http-equiv="refresh" content="2"></noscript>
<script src="?script" defer></script>
</head>
<body>
<header>
<h1>gateways</h1>
<p>{_figure("version", figures)}, master {_figure("master pid", figures)}, up {_figure("start since", figures)}, \
{_figure("upgrades", figures)} upgrades</p>
<button id="refresh" type="button" hidden>Pause</button>
</header>
<p class="alert" id="trouble" role="alert" hidden></p>
{pools}<template id="worker">{_row({})}</template>
</body>
</html>
"""


def _pool(overview: Overview, pool: PoolFigures) -> str:
    figures = pool_figures(overview, pool)
    tiles = "".join(f"<div><dt>{title}</dt>{_figure(name, figures, 'dd')}</div>\n" for name, title in _TILES.items())
    titles = "".join(f'<th scope="col"{_class(name)}>{title}</th>' for title, name, _ in _COLUMNS)
    rows = "".join(_row(worker_figures(worker)) for worker in pool.workers)
    alert = _reload_text(figures)
    return f"""\
<section data-pool="{escape(pool.name)}">
<h2>{escape(pool.name)}</h2>
<p class="about">{_figure("application", figures)} · {_figure("listeners", figures)} · \
{_figure("process manager", figures)}, at most {_figure("process limit", figures)} workers</p>
<p class="alert"{"" if alert else " hidden"}>{escape(alert)}</p>
<dl>
{tiles}</dl>
{_chart(pool)}<div class="workers">
<table>
<thead><tr>{titles}</tr></thead>
<tbody>
{rows}</tbody>
</table>
</div>
</section>
"""


def _chart(pool: PoolFigures) -> str:
    rate = chart.series(chart.rates(pool.history))
    hand = chart.series(chart.in_hand(pool.history))
    return f"""\
<figure>
<svg viewBox="0 -2 {chart.WIDTH} {chart.HEIGHT + 4}" preserveAspectRatio="none" role="img" aria-label="The load of the \
last five minutes">
<polygon points="{chart.area(rate)}"/>
<polyline class="rate" points="{rate.points}"/>
<polyline class="hand" points="{hand.points}"/>
</svg>
<figcaption><span class="rate">requests per second: <b class="last">{rate.last}</b>, \
highest <b class="top">{rate.top}</b></span>
<span class="hand">in hand: <b class="last">{hand.last}</b>, highest <b class="top">{hand.top}</b></span>
<span>the last five minutes, each line to its own scale</span></figcaption>
</figure>
"""


def _row(figures: Mapping[str, Figure]) -> str:
    cells = []
    for title, name, figure in _COLUMNS:
        if figure:
            cells.append(_figure(figure, figures, f"td{_class(name)}"))
            continue
        text = escape(_CELLS[title](figures) if figures else "")
        hint = f' title="{text}"' if title == "request" else ""
        cells.append(f'<td{_class(name)} data-cell="{title}"{hint}>{text}</td>')
    marks = f' data-worker="{figures["worker"]}" data-state="{escape(str(figures["state"]))}"' if figures else ""
    return f"<tr{marks}>{''.join(cells)}</tr>\n"


def _in_hand(worker: Mapping[str, Figure]) -> str:
    return f"{worker['requests in hand']} / {worker['threads']}"


def _duration(worker: Mapping[str, Figure]) -> str:
    return "" if worker["request uri"] == "-" else duration_text(float(worker["request duration"]) / 1e6)


def _request(worker: Mapping[str, Figure]) -> str:
    return "" if worker["request uri"] == "-" else f"{worker['request method']} {worker['request uri']}"


_CELLS = {"in hand": _in_hand, "duration": _duration, "request": _request}


def _reload_text(figures: Mapping[str, Figure]) -> str:
    if figures["reload"] == "failed":
        return f"The last reload failed, the old workers serve on: {figures['reload failure']}"
    return "New workers are starting." if figures["reload"] == "booting" else ""


def _figure(name: str, figures: Mapping[str, Figure], tag: str = "span") -> str:
    """Return an element that page.js keeps fresh."""
    value = figures.get(name, "")
    shown = _SHOW[name](float(value)) if name in _SHOW and value != "" else str(value)
    return f'<{tag} data-figure="{name}">{escape(shown)}</{tag.partition(" ")[0]}>'


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
