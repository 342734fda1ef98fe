"""OpenMetrics 1.0, for Prometheus and whatever reads what it reads. All pools; a worker has no series of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from gateways.manager.snapshot import Overview, PoolFigures

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str
    value: Callable[[PoolFigures], float]


def _oldest(pool: PoolFigures) -> float:
    return max((worker.duration for worker in pool.workers if worker.in_hand), default=0.0)


_METRICS = [
    _Metric("requests", "counter", "Requests that have begun.", lambda pool: pool.requests),
    _Metric("requests_lost", "counter", "Requests whose process ended before they did.", lambda pool: pool.lost),
    _Metric("slow_requests", "counter", "Requests that went to the slow log.", lambda pool: pool.slow),
    _Metric("sent_bytes", "counter", "Bytes of response bodies.", lambda pool: pool.sent),
    _Metric("requests_in_hand", "gauge", "Requests that the application is working on.", lambda pool: pool.in_hand),
    _Metric("oldest_request_seconds", "gauge", "How long the oldest of them has taken.", _oldest),
    _Metric("listen_queue", "gauge", "Connections that wait to be accepted.", lambda pool: pool.listen_queue),
    _Metric("listen_queue_max", "gauge", "The most that have waited.", lambda pool: pool.max_listen_queue),
    _Metric("listen_queue_size", "gauge", "How many can wait.", lambda pool: pool.listen_queue_size),
    _Metric("workers_limit", "gauge", "How many workers there may be.", lambda pool: pool.limit),
    _Metric("workers_active_max", "gauge", "The most that had a request at once.", lambda pool: pool.max_active),
    _Metric("workers_limit_reached", "counter", "Times that all were busy.", lambda pool: pool.limit_reached),
    _Metric("workers_started", "counter", "Workers that were started.", lambda pool: pool.workers_started),
    _Metric("workers_failed", "counter", "Workers that did not become ready.", lambda pool: pool.workers_failed),
    _Metric("workers_died", "counter", "Workers that died while they served.", lambda pool: pool.workers_died),
    _Metric("workers_killed", "counter", "Workers killed for a limit.", lambda pool: pool.workers_killed),
    _Metric("memory_bytes", "gauge", "Resident memory of all workers.", lambda pool: pool.memory),
    _Metric("worker_memory_max_bytes", "gauge", "The most that one of them had.", lambda pool: pool.memory_peak),
    _Metric("generation", "gauge", "How often the application was loaded anew.", lambda pool: pool.generation),
    _Metric("reloads", "counter", "Reloads that succeeded.", lambda pool: pool.reloads),
    _Metric("reloads_failed", "counter", "Reloads that failed.", lambda pool: pool.reloads_failed),
    _Metric("reload_failed", "gauge", "1: the last one failed.", lambda pool: pool.reload_state == "failed"),
]


def render(overview: Overview) -> str:
    """Return the figures of all pools."""
    lines = [
        *_family("gateways_build", "info", "The version."),
        f"gateways_build_info{{version={_quote(overview.version)}}} 1",
        *_family("gateways_start_time_seconds", "gauge", "When the master was started."),
        f"gateways_start_time_seconds {overview.started:.3f}",
        *_family("gateways_upgrades", "counter", "How often it has replaced itself."),
        f"gateways_upgrades_total {overview.upgrades}",
        *_family("gateways_workers", "gauge", "Worker processes by what they are doing."),
    ]
    for pool in overview.pools:
        others = pool.total - pool.idle - pool.active
        for state, number in (("idle", pool.idle), ("active", pool.active), ("other", others)):
            lines.append(f"gateways_workers{{pool={_quote(pool.name)},state={_quote(state)}}} {number}")
    for metric in _METRICS:
        name = f"gateways_{metric.name}"
        lines += _family(name, metric.kind, metric.help)
        suffix = "_total" if metric.kind == "counter" else ""
        for pool in overview.pools:
            lines.append(f"{name}{suffix}{{pool={_quote(pool.name)}}} {_number(metric.value(pool))}")
    return "\n".join([*lines, "# EOF"]) + "\n"


def _family(name: str, kind: str, help: str) -> list[str]:
    return [f"# TYPE {name} {kind}", f"# HELP {name} {help}"]


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"
