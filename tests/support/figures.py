"""Figures of a master with two pools, as the forms of the status show them."""

from __future__ import annotations

from dataclasses import replace

from gateways.manager.snapshot import Overview, PoolFigures, WorkerFigures

#: 2026-10-10 11:55:36 UTC.
STARTED = 1791633336.0

BUSY = WorkerFigures(
    worker=7,
    pid=4711,
    generation=3,
    state="Running",
    started=STARTED + 100,
    since=500.5,
    requests=1234,
    in_hand=2,
    threads=8,
    duration=1.2501,
    method="POST",
    uri="/basket?a=1&b=<2>",
    length=42,
    address="192.0.2.7",
    user="alice",
    script="/srv/app.py",
    memory=50 << 20,
    sent=5_000_000,
    silent=0.3,
)
FRESH = WorkerFigures(worker=8, pid=4712, generation=3, state="Idle", started=STARTED + 590, since=10.0, threads=8)
SHOP = PoolFigures(
    name="shop",
    application="shop.wsgi:application",
    listeners=["fastcgi unix:/run/shop.sock", "scgi 127.0.0.1:4000"],
    pm="dynamic",
    limit=16,
    generation=3,
    requests=100_234,
    sent=6_000_000_000,
    lost=2,
    slow=5,
    idle=1,
    active=1,
    total=2,
    max_active=12,
    limit_reached=4,
    in_hand=2,
    listen_queue=3,
    max_listen_queue=99,
    listen_queue_size=1024,
    memory=50 << 20,
    memory_peak=80 << 20,
    workers_started=20,
    workers_failed=1,
    workers_died=6,
    workers_killed=7,
    reloads=2,
    reloads_failed=1,
    history=[[0, 100_000], [2, 100_010], [3, 100_110], [2, 100_234]],
    workers=[BUSY, FRESH],
)
BLOG = PoolFigures(name='b"l\\o<g>', pm="ondemand", limit=4, generation=1)
OVERVIEW = Overview(
    version="1.2.3", pid=4700, now=STARTED + 600.5, started=STARTED, since=600.5, upgrades=1, pools=[SHOP, BLOG]
)


def with_pool(**changes: object) -> Overview:
    """Return the overview with another first pool."""
    return replace(OVERVIEW, pools=[replace(SHOP, **changes), BLOG])  # type: ignore[arg-type]
