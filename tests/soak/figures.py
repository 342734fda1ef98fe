"""Figures as text, the same in every scenario."""

from __future__ import annotations

from tests.support.load import Report


def loss(report: Report) -> str:
    """``0 of 400 lost``, and why."""
    reasons = "".join(f", {count} {reason}" for reason, count in report.failures.most_common())
    return f"{report.failed} of {report.sent} lost{f' ({reasons[2:]})' if reasons else ''}"


def numbers(report: Report) -> dict[str, object]:
    """What the JSON file keeps of a report."""
    return {
        "sent": report.sent,
        "failed": report.failed,
        "failures": dict(report.failures),
        "sent_again": report.retried,
        "p50": report.latency(50),
        "p99": report.latency(99),
        "max": report.latency(100),
    }


def ms(seconds: float) -> str:
    """Seconds as milliseconds, or as seconds where they are many."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def mib(size: float) -> str:
    """Bytes as mebibytes."""
    return f"{size / (1 << 20):.1f} MiB"
