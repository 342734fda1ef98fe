"""Signals in the loop of the master."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from gateways.manager.inbox import Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


def test_signals_come_in_their_order(inbox: Inbox) -> None:
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2):
        os.kill(os.getpid(), number)
    assert inbox.take() == [signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2]
    assert inbox.take() == []


def test_a_storm_is_one_signal(inbox: Inbox) -> None:
    """uWSGI's master dies of HUP in quick succession; this one reloads once more."""
    for _ in range(100):
        os.kill(os.getpid(), signal.SIGHUP)
    assert inbox.take() == [signal.SIGHUP]


def test_afterwards_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    Inbox().close()
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        inbox = Inbox()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGHUP)
        assert inbox.take() == []
        inbox.close()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_comes_while_it_is_made_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signal.signal

    def install_and_send(number: int, handler: object) -> object:
        before = real(number, handler)  # type: ignore[arg-type]
        if number == signal.SIGTERM:
            os.kill(os.getpid(), number)
        return before

    monkeypatch.setattr(signal, "signal", install_and_send)
    inbox = Inbox()
    monkeypatch.undo()
    assert inbox.take() == [signal.SIGTERM]
    inbox.close()
