"""The results as Markdown for people, and as JSON with every figure for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.soak.model import OURS, SERVERS, Result

_INTRODUCTION = """\
# Scenarios of load and faults

Written by `./dev soak --write`; [scenarios.json](scenarios.json) has every figure. Each scenario runs on each server in
turn, in one run, with the same load and with an application that does the same: a request sleeps for some milliseconds
and answers its process id. A request counts as lost when no whole answer with status 200 came within 10 s, and nobody
asks again, but for what was written to a kept connection that had been closed before a byte of the answer came: nginx
repeats such a request, and so does the load generator.
"""


def markdown(about: Mapping[str, str], results: Sequence[Result]) -> str:
    """The whole page."""
    lines = [_INTRODUCTION, *(f"- {name}: {value}" for name, value in about.items()), ""]
    for result in results:
        lines += [f"## {result.scenario.name} {result.scenario.title}", "", *table(result)]
        lines += [result.scenario.note, ""] if result.scenario.note else []
    return "\n".join(lines)


def table(result: Result) -> list[str]:
    """One row for each thing that was measured, one column for each server."""
    servers = [name for name in SERVERS if result.figures.get(name)]
    lines = []
    if servers:
        lines += [f"| | goal | {' | '.join(servers)} | met? |", "|" + "---|" * (len(servers) + 3)]
    for what in result.rows:
        figures = {name: result.figure(what, name) for name in servers}
        goal = next(figure.goal for figure in figures.values() if figure)
        cells = [figure.text if figure else "–" for figure in figures.values()]
        ours = figures.get(OURS)
        lines.append(f"| {what} | {goal} | {' | '.join(cells)} | {_word(ours.met if ours else None)} |")
    lines += ["", *(f"Not measured: {name}: {reason.splitlines()[0]}" for name, reason in result.broken.items())]
    return [*lines, ""] if result.broken else lines


def as_data(about: Mapping[str, str], results: Sequence[Result]) -> dict[str, object]:
    """Everything, for a JSON file."""
    return {"about": dict(about), "scenarios": [_data(result) for result in results]}


def write(directory: Path, about: Mapping[str, str], results: Sequence[Result]) -> None:
    """Write ``scenarios.md`` and ``scenarios.json``."""
    (directory / "scenarios.md").write_text(markdown(about, results).rstrip() + "\n", encoding="utf-8")
    data = json.dumps(as_data(about, results), indent=1, ensure_ascii=False)
    (directory / "scenarios.json").write_text(data + "\n", encoding="utf-8")


def _data(result: Result) -> dict[str, object]:
    figures = {
        server: [{**figure._asdict(), "numbers": dict(figure.numbers)} for figure in figures]
        for server, figures in result.figures.items()
    }
    seconds = round(result.seconds, 1)
    return {
        "name": result.scenario.name,
        "title": result.scenario.title,
        "seconds": seconds,
        "servers": figures,
        "not_measured": result.broken,
    }


def _word(met: bool | None) -> str:
    return "–" if met is None else "yes" if met else "**no**"
