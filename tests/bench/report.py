"""The results as Markdown for people, and as JSON with every round for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import chart
from tests.bench.figures import median, ratio, shown, sorted_rows
from tests.bench.goals import Verdict, judge
from tests.bench.model import METRICS, Outcome, Row, by_reason

#: Fewer or shorter rounds than these show that the measurement works, and little else.
FEWEST_ROUNDS = 5
SHORTEST_ROUND = 2

_SHORT = (
    f"**A short run**: figures to quote need at least {FEWEST_ROUNDS} rounds of {SHORTEST_ROUND} s. These show that the"
    " measurement works, and a rough order."
)


def write(
    directory: Path, about: Mapping[str, str], versions: Mapping[str, str], outcomes: Mapping[str, Outcome], short: bool
) -> None:
    """Write ``results.md``, ``results.json`` and ``results.svg``."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(about, versions, outcomes, short)
    (directory / "results.md").write_text(text, encoding="utf-8")
    data = json.dumps(as_data(about, versions, outcomes), indent=1, ensure_ascii=False)
    (directory / "results.json").write_text(data + "\n", encoding="utf-8")
    (directory / "results.svg").write_text(chart.draw(outcomes), encoding="utf-8")


def markdown(
    about: Mapping[str, str], versions: Mapping[str, str], outcomes: Mapping[str, Outcome], short: bool
) -> str:
    """The whole page."""
    lines = ["# Measured", "", "Written by `./dev bench`; [README.md](README.md) says how to read it.", ""]
    lines += [_SHORT, ""] if short else []
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += ["- versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()), ""]
    verdicts = judge(outcomes)
    if verdicts:
        lines += ["## Goals", "", *goals_table(verdicts), ""]
    for outcome in outcomes.values():
        lines += [f"## {outcome.case.name}: {outcome.case.title}", "", *case_table(outcome), *_absent(outcome)]
    return "\n".join(lines)


def goals_table(verdicts: Sequence[Verdict]) -> list[str]:
    """Each goal, what was measured (median of all rounds, least and most), and whether it is met."""
    lines = ["| case | what | goal | measured | met? |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        goal = verdict.goal
        lines.append(f"| {goal.case} | {goal.subject} | {goal.text} | {verdict.measured or '–'} | {verdict.word} |")
    return lines


def case_table(outcome: Outcome) -> list[str]:
    """Medians of a case, the best first, with the ratio of each row to the references."""
    rows = sorted_rows(outcome)
    if not rows:
        return ["Nothing of it could be measured.", ""]
    metrics = [name for name in METRICS if any(name in outcome.samples[row.key][0] for row in rows)]
    references = [reference for reference in outcome.case.references if _named(outcome, reference)]
    varied = any(row.variant for row in rows)
    titles = ["backend", "transport", *(["load"] if varied else []), *(METRICS[name].title for name in metrics)]
    titles += [_reference_title(outcome, reference) for reference in references]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for row in rows:
        samples = outcome.samples[row.key]
        cells = [row.backend.name, row.backend.transport, *([row.variant] if varied else [])]
        cells += [shown(median(samples, name), name) for name in metrics]
        cells += [_ratio_cell(outcome, row, reference) for reference in references]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def as_data(
    about: Mapping[str, str], versions: Mapping[str, str], outcomes: Mapping[str, Outcome]
) -> dict[str, object]:
    """Everything, for a JSON file: a sample for each round, and the verdicts."""
    return {
        "about": dict(about),
        "versions": dict(versions),
        "goals": [
            {
                "case": verdict.goal.case,
                "what": verdict.goal.subject,
                "goal": verdict.goal.text,
                "measured": verdict.measured and vars(verdict.measured),
                "met": verdict.met,
            }
            for verdict in judge(outcomes)
        ],
        "cases": {name: _case_data(outcome) for name, outcome in outcomes.items()},
    }


def _case_data(outcome: Outcome) -> dict[str, object]:
    rows = [
        {
            "row": row.key,
            "backend": row.backend.name,
            "transport": row.backend.transport,
            "load": row.variant,
            "rounds": outcome.samples[row.key],
        }
        for row in outcome.rows
    ]
    title = outcome.case.title
    return {"title": title, "rows": rows, "not_installed": outcome.missing, "failed": outcome.failed}


def _named(outcome: Outcome, reference: str) -> Row | None:
    return next((row for row in outcome.rows if row.backend.id == reference), None)


def _reference_title(outcome: Outcome, reference: str) -> str:
    row = _named(outcome, reference)
    assert row
    metric = outcome.case.ratio
    kind = "" if metric == "cost" else f"{METRICS[metric].title} "
    return f"{kind}× {row.backend.label}"


def _ratio_cell(outcome: Outcome, row: Row, reference: str) -> str:
    key = f"{reference}/{row.variant}" if row.variant else reference
    if key == row.key:
        return "1"
    samples = outcome.samples
    return str(ratio(samples[row.key], samples[key], outcome.case.ratio) or "–") if key in samples else "–"


def _absent(outcome: Outcome) -> list[str]:
    lines = [f"- left out, {reason}: {'; '.join(labels)}" for reason, labels in by_reason(outcome.missing).items()]
    lines += [f"- **failed**: {label}: {reason.splitlines()[0]}" for label, reason in outcome.failed.items()]
    return [*lines, ""] if lines else []
