"""How children of the master are made: they never come back, and begin with the system's own ways."""

from __future__ import annotations

import os
import signal
import sys
from typing import Callable, cast

import pytest

from gateways.manager.channel import Channel, pair
from gateways.manager.process import CRASHED, Process, fork

# The tests have threads; what is forked here does nothing that could wait for one.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def status_of(main: Callable[[], int], *close: Callable[[], object]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(fork(main, close), 0)[1])


def test_the_exit_status_is_what_the_main_function_returns() -> None:
    assert status_of(lambda: 7) == 7


@pytest.mark.parametrize(("code", "expected"), [(5, 5), (None, CRASHED), ("text", CRASHED)])
def test_an_exit_from_within_ends_the_child_only(code: object, expected: int) -> None:
    """sys.exit() in an application once returned into the code that had forked it."""
    assert status_of(lambda: sys.exit(cast(int, code))) == expected


def test_a_fault_ends_the_child_and_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert status_of(lambda: 1 // 0) == CRASHED
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_what_the_child_has_no_use_for_is_closed_there_only() -> None:
    read, write = os.pipe()

    def look() -> int:
        try:
            os.fstat(read)
        except OSError:
            return 0
        return 1

    assert status_of(look, lambda: os.close(read)) == 0
    os.close(read)
    os.close(write)


def test_signals_of_the_master_are_the_systems_again() -> None:
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    read, write = os.pipe()
    os.set_blocking(write, False)
    wakeup = signal.set_wakeup_fd(write)

    def look() -> int:
        plain = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        untied = signal.set_wakeup_fd(-1) == -1
        kept_from_terminals = callable(signal.getsignal(signal.SIGINT))
        return 0 if plain and untied and kept_from_terminals and not signal.pthread_sigmask(0, []) else 1

    try:
        assert status_of(look) == 0
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, before)
        os.close(read)
        os.close(write)


def test_a_process_that_is_not_there_yet_or_any_more_is_not_killed() -> None:
    ours, theirs = pair()
    with theirs:
        process = Process(1, 1, Channel(ours), None)
        assert not process.kill()
        process.pid = fork(lambda: 0)
        os.waitpid(process.pid, 0)
        assert not process.kill()
        process.channel.close()
