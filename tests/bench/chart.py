"""The costs as a picture: horizontal bars, a panel for each case, in SVG by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from tests.bench.figures import median, shown, sorted_rows
from tests.bench.model import Outcome, Row

WIDTH = 900
_NAMES = 400  # where the names end and the bars begin
_LONGEST = 420  # of a bar
_STEP = 24
_BAR = 14
_TITLE = 46
_MARGIN = 12
_UNIT = "processor time of the backend per request, µs: less is better"

#: Light or dark as the reader likes it, with a ground of its own: the page around it may be of the other kind.
_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.muted, .value { fill: #59636e; }
.ours { fill: #1a7f5a; }
.pure { fill: #58b58f; }
.peer { fill: #8c959f; }
.axis { stroke: #8c959f; stroke-width: 1; }
.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .muted, .value { fill: #9da7b1; }
  .ours { fill: #3fb68b; }
  .pure { fill: #2b7a5d; }
  .peer { fill: #6e7781; }
  .ground { fill: #0d1117; }
}
"""


def draw(outcomes: Mapping[str, Outcome]) -> str:
    """A panel for each case that is about processor time."""
    panels: list[str] = []
    top = _MARGIN
    for outcome in outcomes.values():
        costs = _costs(outcome)
        if costs:
            panels += _panel(top, outcome.case.title, costs)
            top += _TITLE + _STEP * len(costs) + _MARGIN
    height = top + _MARGIN
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = "<title>Processor time of the backend per request, in microseconds; less is better</title>"
    ground = f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>'
    return "\n".join([head, title, f"<style>{_STYLE}</style>", ground, *panels, "</svg>", ""])


def _costs(outcome: Outcome) -> list[tuple[Row, float]]:
    """The rows of a case with their cost, the cheapest first; none where the case is about something else."""
    if outcome.case.ratio != "cost":
        return []
    found = [(row, median(outcome.samples[row.key], "cost")) for row in sorted_rows(outcome)]
    return [(row, cost) for row, cost in found if cost is not None]


def _panel(top: float, title: str, costs: Sequence[tuple[Row, float]]) -> list[str]:
    most = max(cost for _, cost in costs) or 1.0
    lines = [
        f'<text class="title" x="{_MARGIN}" y="{top + 16}">{escape(title)}</text>',
        f'<text class="muted" x="{_MARGIN}" y="{top + 34}">{_UNIT}</text>',
    ]
    begin = top + _TITLE
    for number, (row, cost) in enumerate(costs):
        y = begin + number * _STEP
        length = max(1.0, cost / most * _LONGEST)
        label = escape(row.label)
        lines += [
            f'<text x="{_NAMES - 8}" y="{y + 12}" text-anchor="end">{label}</text>',
            f'<rect class="{_class(row)}" x="{_NAMES}" y="{y + 1}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text class="value" x="{_NAMES + length + 6:.1f}" y="{y + 12}">{shown(cost, "cost")}</text>',
        ]
    end = begin + _STEP * len(costs) - 4
    lines.append(f'<line class="axis" x1="{_NAMES}" y1="{begin - 3}" x2="{_NAMES}" y2="{end}"/>')
    return lines


def _class(row: Row) -> str:
    if row.backend.source is None:
        return "peer"
    return "pure" if row.backend.environ else "ours"
