"""OpenMetrics, as Prometheus' own parsers read it."""

from __future__ import annotations

from typing import Any

import pytest

from gateways.manager.render.metrics import render
from gateways.manager.snapshot import Overview
from tests.support.figures import OVERVIEW, with_pool
from tests.support.requirements import require_module

SHOP = {"pool": "shop"}


def families(overview: Overview) -> dict[str, Any]:
    parser = require_module("prometheus_client.openmetrics.parser")
    return {family.name: family for family in parser.text_string_to_metric_families(render(overview))}


def value(overview: Overview, name: str, **labels: str) -> float:
    """Return the value of the one sample of that name with all these labels."""
    samples = [sample for family in families(overview).values() for sample in family.samples if sample.name == name]
    [found] = [sample.value for sample in samples if labels.items() <= sample.labels.items()]
    return float(found)


def test_a_strict_parser_takes_it() -> None:
    found = families(OVERVIEW)
    assert {family.type for family in found.values()} == {"counter", "gauge", "info"}
    assert all(family.documentation for family in found.values())
    assert found["gateways_build"].samples[0].labels == {"version": "1.2.3"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gateways_requests_total", 100_234),
        ("gateways_requests_lost_total", 2),
        ("gateways_slow_requests_total", 5),
        ("gateways_sent_bytes_total", 6_000_000_000),
        ("gateways_requests_in_hand", 2),
        ("gateways_oldest_request_seconds", 1.2501),
        ("gateways_listen_queue", 3),
        ("gateways_listen_queue_max", 99),
        ("gateways_listen_queue_size", 1024),
        ("gateways_workers_limit", 16),
        ("gateways_workers_limit_reached_total", 4),
        ("gateways_workers_active_max", 12),
        ("gateways_workers_started_total", 20),
        ("gateways_workers_failed_total", 1),
        ("gateways_workers_died_total", 6),
        ("gateways_workers_killed_total", 7),
        ("gateways_memory_bytes", 50 << 20),
        ("gateways_worker_memory_max_bytes", 80 << 20),
        ("gateways_generation", 3),
        ("gateways_reloads_total", 2),
        ("gateways_reloads_failed_total", 1),
        ("gateways_reload_failed", 0),
    ],
)
def test_the_figures_of_a_pool(name: str, expected: float) -> None:
    assert value(OVERVIEW, name, pool="shop") == expected


def test_workers_by_state() -> None:
    states = {state: value(with_pool(total=5), "gateways_workers", pool="shop", state=state) for state in STATES}
    assert states == {"idle": 1, "active": 1, "other": 3}


STATES = ("idle", "active", "other")


def test_a_failed_reload() -> None:
    assert value(with_pool(reload_state="failed"), "gateways_reload_failed", pool="shop") == 1


def test_names_of_pools_are_quoted() -> None:
    assert value(OVERVIEW, "gateways_requests_total", pool='b"l\\o<g>') == 0


def test_the_master() -> None:
    assert value(OVERVIEW, "gateways_start_time_seconds") == OVERVIEW.started
    assert value(OVERVIEW, "gateways_upgrades_total") == 1


def test_the_older_parser_takes_it_too() -> None:
    parser = require_module("prometheus_client.parser")
    names = {
        sample.name for family in parser.text_string_to_metric_families(render(OVERVIEW)) for sample in family.samples
    }
    assert {"gateways_requests_total", "gateways_workers"} <= names


def test_no_pools() -> None:
    assert value(Overview(), "gateways_upgrades_total") == 0
