"""What was promised, beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.figures import Spread, ratio, spread
from tests.bench.model import METRICS, Outcome


@dataclass(frozen=True)
class Goal:
    """A limit on a row's metric, or on its ratio to that of another row: the best one of ``against``.

    Without a limit it is only reported. Whether the limit is the most or the least, the metric says.
    """

    subject: str
    case: str
    row: str
    metric: str = "cost"
    against: tuple[str, ...] = ()
    limit: float | None = None
    unit: str = ""
    worst: bool = False
    """Judge the worst round and not the median."""

    @property
    def text(self) -> str:
        """The goal as it is read: ``≤ 0.65 × uWSGI``."""
        if self.limit is None:
            return "reported"
        sign = "≥" if METRICS[self.metric].higher_is_better else "≤"
        return f"{sign} {self.limit:g}{self.unit}"


@dataclass(frozen=True)
class Verdict:
    """A goal and what came of it; ``met`` is None where there is nothing to judge."""

    goal: Goal
    measured: Spread | None
    met: bool | None

    @property
    def word(self) -> str:
        """The last column of the table."""
        if self.measured is None:
            return "not measured"
        return {True: "yes", False: "**no**", None: "–"}[self.met]


C = "with the C part"
GOALS = (
    Goal(f"FastCGI kept, {C}, threads=1, to uWSGI's best transport", "hello", "c1", "cost",
         ("uwsgi", "uwsgi-fastcgi", "uwsgi-scgi"), 0.65, " ×"),
    Goal("the same to libfcgi, new connection each", "hello", "c1", "cost", ("libfcgi-new",), 1.0, " ×"),
    Goal(f"one connection, {C}, to libfcgi kept", "one", "c1", "cost", ("libfcgi",), 2.0, " ×"),
    Goal(f"one connection, {C}, to uWSGI", "one", "c1", "cost", ("uwsgi",), 0.85, " ×"),
    Goal("threads=8 to threads=1", "threads", "c8", "cost", ("c1",), 1.1, " ×"),
    Goal("threads=8 to threads=1, p99", "threads", "c8", "p99", ("c1",), 1.5, " ×"),
    Goal(f"FastCGI new connection, {C}, to uWSGI's FastCGI", "new", "c1-new", "cost", ("uwsgi-fastcgi",), 1.0, " ×"),
    Goal(f"SCGI, {C}, to uWSGI's SCGI", "scgi", "c1-scgi", "cost", ("uwsgi-scgi",), 1.0, " ×"),
    Goal(f"uwsgi, {C}, to uWSGI's uwsgi", "http", "c1-uwsgi", "cost", ("uwsgi",), 1.0, " ×"),
    Goal(f"HTTP, {C}, to gunicorn's gthread", "http", "c1-http", "cost", ("gunicorn-gthread",), 1.0, " ×"),
    Goal("the same to granian, whose HTTP is Rust", "http", "c1-http", "cost", ("granian",)),
    Goal("the same to uWSGI's HTTP", "http", "c1-http", "cost", ("uwsgi-http",)),
    Goal("pure Python, FastCGI kept, to flup", "hello", "pure1", "cost", ("flup",), 0.4, " ×"),
    Goal("pure Python, FastCGI kept, to gunicorn's uwsgi", "hello", "pure1", "cost", ("gunicorn",), 0.5, " ×"),
    Goal("slow handlers: throughput as a share of the ideal", "slow", "c8", "share", (), 0.95),
    Goal("quick requests beside slow ones: extra p99", "slow", "c8", "extra", (), 5.0, " ms"),
    *(
        goal
        for variant in ("response of 1 MiB", "response of 100 MiB", "upload of 100 MiB", "file of 100 MiB")
        for goal in (
            Goal(f"{variant}: throughput to uWSGI", "large", f"c1/{variant}", "throughput",
                 (f"uwsgi/{variant}",), 1.0, " ×"),
            Goal(f"{variant}: the same over SCGI, which has no frames", "large", f"c1-scgi/{variant}", "throughput",
                 (f"uwsgi/{variant}",), None, " ×"),
            Goal(f"{variant}: memory growth", "large", f"c1/{variant}", "growth", (), 16.0, " MiB", worst=True),
        )
    ),
    Goal("30 headers and a 4 KiB cookie, to uWSGI", "headers", "c1", "cost", ("uwsgi",)),
    Goal("Flask hello, to uWSGI", "frameworks", "c1/Flask", "cost", ("uwsgi/Flask",)),
    Goal("Django hello, to uWSGI", "frameworks", "c1/Django", "cost", ("uwsgi/Django",)),
    Goal("CGI: import cost to wsgiref's", "import", "run_with_cgi", "import", ("wsgiref",), 0.5, " ×"),
    Goal("CGI: Flask hello over mod_cgid, median time, to wsgiref's", "cgi", "run_with_cgi", "p50", ("wsgiref",)),
    Goal("the same with a process that stays, median time, to plain CGI", "cgi", "resident", "p50", ("run_with_cgi",),
         0.1, " ×"),
    Goal("a process that stays, processor time, to plain CGI", "cgi", "resident", "cost", ("run_with_cgi",), 0.1, " ×"),
    Goal("a process that stays, by gateways-cgi in Python, processor time", "cgi", "resident-python", "cost",
         ("run_with_cgi",), None, " ×"),
    Goal("idle kept connections: memory of the worker for each", "idle", "c1", "each", (), 6.0, " KiB"),
    Goal("hello beside them: median time to that without them", "idle", "c1", "unchanged", (), 1.1, " ×"),
)  # fmt: skip


def judge(outcomes: Mapping[str, Outcome]) -> list[Verdict]:
    """The verdict on every goal of the cases that were measured."""
    return [_verdict(goal, outcomes[goal.case]) for goal in GOALS if goal.case in outcomes]


def _verdict(goal: Goal, outcome: Outcome) -> Verdict:
    measured = _measured(goal, outcome)
    if measured is None or goal.limit is None:
        return Verdict(goal, measured, None)
    higher = METRICS[goal.metric].higher_is_better
    value = measured.median
    if goal.worst:
        value = measured.low if higher else measured.high
    return Verdict(goal, measured, value >= goal.limit if higher else value <= goal.limit)


def _measured(goal: Goal, outcome: Outcome) -> Spread | None:
    samples = outcome.samples.get(goal.row, [])
    if not goal.against:
        values = [sample[goal.metric] for sample in samples if goal.metric in sample]
        return spread(values) if values else None
    if not all(key in outcome.samples for key in goal.against):
        return None  # the best of those that are there need not be the best
    ratios = [found for key in goal.against if (found := ratio(samples, outcome.samples[key], goal.metric))]
    # The hardest opponent: of a cost the cheapest one, to whom the ratio is the highest.
    pick = min if METRICS[goal.metric].higher_is_better else max
    return pick(ratios, key=lambda found: found.median, default=None)
