"""Requests that take too long, from outside: they are written down, and if that is wanted their worker is replaced."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.support.managing import Managed, managing
from tests.support.serving import until

SLOW_LOG = ("--slow-log", "{dir}/slow.log", "--threads", "1")


def slow_log(managed: Managed, name: str = "slow.log") -> str:
    return (managed.directory / name).read_text(encoding="utf-8")


@contextlib.contextmanager
def watching(workers: str, *flags: str) -> Iterator[Managed]:
    with managing("--workers", workers, *SLOW_LOG, *flags) as managed:
        yield managed


def is_served(managed: Managed) -> bool:
    """Say whether a request is answered: the stuck worker may have accepted its connection, too, and is killed."""
    try:
        return managed.ask("/pid").status == "200 OK"
    except (OSError, AssertionError):
        return False


@pytest.mark.parametrize(
    ("path", "function"),
    [("/spin/60", "_spin"), ("/hold/60", "_hold"), ("/lock", "_wait_for_lock"), ("/deaf/60", "_deaf")],
)
def test_L18_a_stuck_worker_is_written_down_and_replaced(path: str, function: str) -> None:
    with watching("2", "--request-terminate-timeout", "1.5") as managed:
        before = set(managed.workers())
        with managed.send(path) as sock:
            for _ in range(5):
                until(lambda: is_served(managed))  # others are
            assert sock.recv(100) == b""  # this one is lost
        text = slow_log(managed)
        [killed] = re.findall(rf"pool app, worker [12], pid (\d+): GET {path} from \S+ has taken \d+\.\d+ s \(", text)
        assert int(killed) in before
        until(lambda: int(killed) not in managed.workers())
        until(lambda: len(managed.workers()) == 2)
        until(lambda: {managed.worker() for _ in range(20)} == set(managed.workers()))
        assert f" in {function}\n" in text
        assert text.count("has taken") == 1
        managed.until(f"process {killed}, is killed: ")


def test_a_slow_request_is_written_down_once_and_answered() -> None:
    with watching("1", "--request-slowlog-timeout", "0.2") as managed:
        worker = managed.worker()
        for _ in range(2):
            assert managed.ask("/sleep/0.6").body == str(worker).encode()
        assert managed.ask("/pid").body == str(worker).encode()
        text = slow_log(managed)
        assert text.count("GET /sleep/0.6 ") == 2
        assert text.count("which serves a request (most recent call first)") == 2
        assert text.count("has taken") == 2
        assert "GET /pid " not in text


@pytest.mark.slow
def test_a_slow_request_in_c_code_is_not_disturbed() -> None:
    with watching("1", "--request-slowlog-timeout", "0.2") as managed:
        worker = managed.worker()
        assert managed.ask("/hold/4").body == str(worker).encode()
        text = slow_log(managed)
        assert "The interpreter does not answer: C code holds it." in text
        assert " in _hold\n" in text


def test_both_limits_write_two_entries() -> None:
    flags = ("--request-slowlog-timeout", "0.2", "--request-terminate-timeout", "0.6")
    with watching("1", *flags) as managed:
        before = managed.worker()
        with managed.send("/sleep/60") as sock:
            assert sock.recv(100) == b""
        assert managed.worker() != before
        assert slow_log(managed).count("GET /sleep/60 ") == 2


def test_without_a_file_it_is_in_the_error_log() -> None:
    with managing("--workers", "1", "--request-slowlog-timeout", "0.2") as managed:
        managed.ask("/sleep/0.6")
        managed.until("warning: slow: pool app, worker 1, pid ")
        managed.until("in application")


def test_L26_the_slow_log_is_opened_anew() -> None:
    with watching("1", "--request-slowlog-timeout", "0.2") as managed:
        managed.ask("/sleep/0.5")
        (managed.directory / "slow.log").rename(managed.directory / "slow.log.1")
        managed.signal(signal.SIGUSR1)
        until((managed.directory / "slow.log").exists)
        managed.ask("/sleep/0.4")
        assert "/sleep/0.4" in slow_log(managed)
        assert "/sleep/0.4" not in slow_log(managed, "slow.log.1")


def test_L16_a_stopped_worker_with_a_request_is_replaced() -> None:
    with watching("2", "--request-terminate-timeout", "0.5") as managed:
        sock, busy = managed.begin("busy", 60)
        with sock:
            os.kill(busy, signal.SIGSTOP)
            assert sock.recv(100) == b""
        until(lambda: busy not in managed.workers())
        until(lambda: len(managed.workers()) == 2)
        assert f"pid {busy}: GET /begin/busy/60 " in slow_log(managed)
