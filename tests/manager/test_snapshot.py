"""From the scoreboard to figures, whatever stands on it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.manager.rows import Request, WorkerRow
from gateways.manager.scoreboard import Reading, Totals
from gateways.manager.snapshot import Overview, PoolFigures, WorkerFigures, take
from gateways.server.slot import Phase
from tests.support.figures import OVERVIEW

NOW, WALL = 1000.0, 1_800_000_000.0
REQUEST = Request(5, 990.0, 0.0, "GET", "/a", "192.0.2.7", "alice", "/srv/app.py", 12)


def row(worker: int = 1, **changes: Any) -> WorkerRow:
    values = WorkerRow(
        0, "web", worker, 1, 100 + worker, Phase.SERVING, 900.0, 4, 10, 500, 0, None, None, 950.0, 999.5, 1 << 20
    )
    return values._replace(**changes)


def look(*rows: WorkerRow, totals: Totals | None = None, **facts: Any) -> Overview:
    return take(Reading(facts, {"web": totals} if totals else {}, list(rows)), NOW, WALL)


def test_a_worker_with_requests_in_hand() -> None:
    [pool] = look(row(in_hand=2, oldest=REQUEST)).pools
    assert pool.workers == [
        WorkerFigures(
            worker=1,
            pid=101,
            generation=1,
            state="Running",
            started=WALL - 100.0,
            since=100.0,
            requests=10,
            in_hand=2,
            threads=4,
            duration=10.0,
            method="GET",
            uri="/a",
            length=12,
            address="192.0.2.7",
            user="alice",
            script="/srv/app.py",
            memory=1 << 20,
            sent=500,
            silent=0.5,
        )
    ]


def test_an_idle_worker_shows_its_last_request() -> None:
    [pool] = look(row(last=REQUEST._replace(ended=990.25)), row(2, heartbeat=0.0)).pools
    assert [(one.state, one.uri, one.duration, one.silent) for one in pool.workers] == [
        ("Idle", "/a", 0.25, 0.5),
        ("Idle", "", 0.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.STARTING, "Starting"),
        (Phase.LOADING, "Loading"),
        (Phase.WARMING_UP, "Warming up"),
        (Phase.WAITING, "Ready"),
        (Phase.SERVING, "Idle"),
        (Phase.STOPPING, "Ending"),
    ],
)
def test_states(phase: Phase, state: str) -> None:
    assert look(row(phase=phase)).pools[0].workers[0].state == state


def test_the_figures_of_a_pool() -> None:
    rows = [
        row(1, in_hand=2, oldest=REQUEST, memory=300),
        row(2, memory=200),
        row(3, phase=Phase.STOPPING, in_hand=1, oldest=REQUEST, memory=100),
        row(4, phase=Phase.LOADING, memory=50),
    ]
    facts = {"pm": "dynamic", "limit": 8, "max_active": 1, "memory_peak": 250, "history": [[1, 2], [3, 4]]}
    pool = look(*rows, totals=Totals(77, 5000, 3), pools={"web": facts}).pool("web")
    assert pool is not None
    assert (pool.pm, pool.limit, pool.requests, pool.sent, pool.lost) == ("dynamic", 8, 77, 5000, 3)
    assert (pool.idle, pool.active, pool.total, pool.max_active, pool.in_hand) == (1, 2, 4, 2, 3)
    assert (pool.memory, pool.memory_peak, pool.history) == (650, 300, [[1, 2], [3, 4]])


def test_the_master() -> None:
    overview = look(version="1.0", pid=99, started=WALL - 60, upgrades=2)
    assert (overview.version, overview.pid, overview.upgrades) == ("1.0", 99, 2)
    assert (overview.started, overview.since, overview.now) == (WALL - 60, 60.0, WALL)


def test_pools_that_only_one_of_the_two_knows() -> None:
    overview = look(row(pool="old"), pools={"web": {}, "blog": {}})
    assert [pool.name for pool in overview.pools] == ["web", "blog", "old"]
    assert overview.pool("none") is None


def test_nothing_was_published_yet() -> None:
    overview = look(row())
    assert (overview.started, overview.since, overview.pid) == (WALL, 0.0, 0)
    assert overview.pools[0].total == 1


def test_it_goes_through_json() -> None:
    assert Overview.from_json(json.loads(json.dumps(OVERVIEW.to_json()))) == OVERVIEW


def test_another_version_knows_other_figures() -> None:
    data = {"version": "9", "new": [1], "pools": [{"name": "web", "newer": 1, "workers": [{"pid": 5}]}]}
    overview = Overview.from_json(data)
    assert overview == Overview(version="9", pools=[PoolFigures(name="web", workers=[WorkerFigures(pid=5)])])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*vars(OVERVIEW), *vars(OVERVIEW.pools[0]), "worker", "web", "pid"]), inner, max_size=6
        )
    ),
    max_leaves=30,
)


@given(anything)
def test_nonsense_becomes_figures_of_the_right_types(data: Any) -> None:
    facts = data if isinstance(data, dict) else {}
    for overview in (Overview.from_json(data), look(row(), **facts), look(row(), pools={"web": data})):
        assert json.loads(json.dumps(overview.to_json(), allow_nan=False))
        assert {type(value) for value in (overview.pid, overview.upgrades)} <= {int, bool}
        assert overview.version.isprintable()
        for pool in overview.pools:
            assert all(len(moment) == 2 for moment in pool.history)


def test_texts_of_elsewhere_are_printable() -> None:
    pool = look(pools={"web": {"reload_failure": "a\nb", "listeners": ["x\r"]}}).pools[0]
    assert (pool.reload_failure, pool.listeners) == ("a\\nb", ["x\\r"])
