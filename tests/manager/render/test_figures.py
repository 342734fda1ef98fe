"""Names of figures, and how times, durations and sizes are written."""

from __future__ import annotations

import time

import pytest

from gateways.manager.render.figures import clock_time, duration_text, pool_figures, size_text, worker_figures
from tests.support.figures import BUSY, FRESH, OVERVIEW, SHOP, STARTED

#: What php-fpm tells, in its order; programs that read it look for these names.
OF_PHP = [
    "pool",
    "process manager",
    "start time",
    "start since",
    "accepted conn",
    "listen queue",
    "max listen queue",
    "listen queue len",
    "idle processes",
    "active processes",
    "total processes",
    "max active processes",
    "max children reached",
    "slow requests",
    "memory peak",
]
OF_ITS_WORKERS = [
    "pid",
    "state",
    "start time",
    "start since",
    "requests",
    "request duration",
    "request method",
    "request uri",
    "content length",
    "user",
    "script",
]


def test_the_names_of_php_fpm_come_first() -> None:
    assert list(pool_figures(OVERVIEW, SHOP))[: len(OF_PHP)] == OF_PHP
    assert list(worker_figures(BUSY))[: len(OF_ITS_WORKERS)] == OF_ITS_WORKERS


def test_the_values() -> None:
    figures = pool_figures(OVERVIEW, SHOP)
    assert [figures[name] for name in OF_PHP] == [
        *("shop", "dynamic", int(STARTED), 600, 100_234, 3, 99, 1024, 1, 1, 2, 12, 4, 5, 80 << 20)
    ]
    assert (figures["requests lost"], figures["processes killed"], figures["version"]) == (2, 7, "1.2.3")
    figures = worker_figures(BUSY)
    assert [figures[name] for name in OF_ITS_WORKERS] == [
        *(4711, "Running", int(STARTED) + 100, 500, 1234, 1_250_100, "POST", "/basket?a=1&b=<2>", 42),
        *("alice", "/srv/app.py"),
    ]
    assert worker_figures(FRESH)["request uri"] == "-"


def test_every_figure_fits_into_the_column_of_the_text() -> None:
    names = [*pool_figures(OVERVIEW, SHOP), *worker_figures(BUSY)]
    assert max(len(name) for name in names) <= 20


def test_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert clock_time(STARTED) == "10/Oct/2026:13:55:36 +0200"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert clock_time(1e30) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 ms"),
        (0.00123, "1.2 ms"),
        (0.0123, "12 ms"),
        (1.0, "1.0 s"),
        (9.99, "9.9 s"),
        (10.9, "10 s"),
        (59.9, "59 s"),
        (60, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (47 * 3600 + 59 * 60, "47h 59m"),
        (48 * 3600, "2d 00h"),
        (1e7, "115d 17h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (100 << 10, "100 KiB"),
        (50 << 20, "50.0 MiB"),
        (3 << 50, "3072 TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
