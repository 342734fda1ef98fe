"""Signals that a server obeys."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateways.server import signals


class Recorder:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.stopping = False
        self.calls: list[str] = []

    def told_to_stop(self) -> None:
        self.stopping = True
        self.calls.append("stop")

    def reopen(self) -> None:
        self.calls.append("reopen")


@contextmanager
def obeying(spawned: bool = False, managed: bool = False) -> Iterator[Recorder]:
    server = Recorder()
    before = signals.install(server, spawned, managed)
    try:
        yield server
    finally:
        signals.restore(before)


def calls_after(server: Recorder, *numbers: int) -> list[str]:
    for number in numbers:
        os.kill(os.getpid(), number)
    return server.calls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_of_its_own_stops(number: int) -> None:
    with obeying() as server:
        assert calls_after(server, number) == ["stop"]


def test_usr1_opens_the_logs_anew_or_ends_what_a_web_server_started() -> None:
    with obeying() as server:
        assert calls_after(server, signal.SIGUSR1) == ["reopen"]
    with obeying(spawned=True) as server:
        assert calls_after(server, signal.SIGUSR1) == ["stop"]


def test_what_a_terminal_sends_is_the_managers_to_obey() -> None:
    with obeying(managed=True) as server:
        assert calls_after(server, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2) == []
        assert signal.getsignal(signal.SIGQUIT) is not signal.SIG_IGN, "programs it starts would inherit that"
        assert calls_after(server, signal.SIGTERM) == ["stop"]


def test_nohup_is_respected_and_all_is_as_before_afterwards() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with obeying() as server:
            assert calls_after(server, signal.SIGHUP) == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_L21_a_child_of_the_application_has_the_systems_own_ways() -> None:
    with obeying(managed=True):
        mine = signal.signal(signal.SIGUSR2, lambda number, frame: None)  # the application's own
        try:
            signals.leave_to_parent()
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
            assert callable(signal.getsignal(signal.SIGUSR2))
        finally:
            signal.signal(signal.SIGUSR2, mine)
