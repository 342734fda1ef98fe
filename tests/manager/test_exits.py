"""How a process ended, in words."""

from __future__ import annotations

import os
import resource
import signal
import time

import pytest

from gateways.manager.exits import describe_exit, signal_name
from tests.support.processes import fork


def status_of(number: int) -> int:
    """Return the wait status of a child that was killed by signal ``number``."""
    pid = fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        os.kill(os.getpid(), number)
        time.sleep(60)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("code", [0, 3, 255])
def test_an_exit_status(code: int) -> None:
    pid = fork()
    if not pid:
        os._exit(code)
    assert describe_exit(os.waitpid(pid, 0)[1]) == f"exit status {code}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (signal.SIGTERM, "killed by SIGTERM"),
        (signal.SIGSEGV, "killed by SIGSEGV"),
        (signal.SIGKILL, "killed by SIGKILL (out of memory?)"),
        (signal.SIGRTMIN + 3, f"killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_a_signal(number: int, text: str) -> None:
    assert describe_exit(status_of(number)) == text


def test_our_own_kill_is_no_riddle() -> None:
    assert describe_exit(status_of(signal.SIGKILL), expected=True) == "killed by SIGKILL"


def test_a_core_is_mentioned() -> None:
    assert describe_exit(signal.SIGSEGV | 0x80) == "killed by SIGSEGV (core dumped)"


def test_a_status_that_is_no_end() -> None:
    assert describe_exit(0x137F) == "wait status 0x137f"


def test_names_of_signals() -> None:
    assert [signal_name(15), signal_name(40)] == ["SIGTERM", "signal 40"]
