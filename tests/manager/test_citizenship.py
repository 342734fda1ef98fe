"""What the master reports to systemd and to a shell that waits."""

from __future__ import annotations

import math
import signal
from typing import Any, cast

import pytest

from gateways.manager.citizenship import Citizenship
from tests.support.managing import managing
from tests.support.notifysocket import notify_socket


class FakeMaster:
    def __init__(self) -> None:
        self.pools: list[Any] = []
        self.helpers: list[Any] = []
        self.closers: list[Any] = []
        self.on_serving: list[Any] = []
        self.on_reload: list[Any] = []
        self.on_stop: list[Any] = []
        self.on_give_up: list[Any] = []


class FakeDaemon:
    def __init__(self) -> None:
        self.reports: list[Any] = []

    def ready(self) -> None:
        self.reports.append("ready")

    def failed(self, code: int, message: str) -> None:
        self.reports.append((code, message))

    def close(self) -> None: ...


def test_the_watchdog_is_fed_twice_as_often_as_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket() as systemd:
        for name, value in {**systemd.environ, "WATCHDOG_USEC": "4000000"}.items():
            monkeypatch.setenv(name, value)
        master = FakeMaster()
        Citizenship(cast(Any, master), cast(Any, FakeDaemon()))
        (tend,) = master.helpers
        assert [tend(100.0), tend(101.0), tend(102.0)] == [2.0, 1.0, 2.0]
        assert [systemd.receive(), systemd.receive()] == [{"WATCHDOG": "1"}] * 2
        for close in master.closers:
            close()


def test_without_systemd_there_is_nothing_to_do_but_to_tell_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    master, daemon = FakeMaster(), FakeDaemon()
    Citizenship(cast(Any, master), cast(Any, daemon))
    assert master.helpers[0](1.0) == math.inf
    for call in (*master.on_reload, *master.on_serving):
        call()
    master.on_give_up[0](3, "no worker could become ready")
    assert daemon.reports == ["ready", (3, "no worker could become ready")]


def test_systemd_hears_of_start_reload_and_stop() -> None:
    with notify_socket() as systemd, managing("--workers", "2", environ=systemd.environ) as managed:
        assert "2 workers in 1 pool" in systemd.until(READY="1")["STATUS"]
        managed.signal(signal.SIGHUP)
        assert int(systemd.until(RELOADING="1")["MONOTONIC_USEC"]) > 0
        systemd.until(READY="1")
        managed.at_boot("fail")
        managed.signal(signal.SIGHUP)
        systemd.until(RELOADING="1")
        assert "asked to fail at boot" in systemd.until(READY="1")["STATUS"]
        managed.signal(signal.SIGTERM)
        systemd.until(STOPPING="1")
        assert managed.wait() == 0
