"""Requests that take too long, from outside: they are written down, and if that is wanted their worker is replaced."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from gateways.manager.kernelview import is_stopped
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
        (other,) = before - {int(killed)}
        os.kill(other, signal.SIGSTOP)
        until(lambda: is_stopped(other))
        assert managed.worker() not in before
        os.kill(other, signal.SIGCONT)
        assert f" in {function}\n" in text
        managed.until(f"process {killed}, is killed: ")


def test_a_slow_request_is_written_down_once_and_answered() -> None:
    with watching("1", "--request-slowlog-timeout", "0.2") as managed:
        for name in ("first", "second"):
            sock, worker = managed.hold(name)
            until(lambda name=name: f"GET /stay/{name} " in slow_log(managed))
            time.sleep(0.3)  # it could be written a second time
            managed.release(name)
            assert managed.receive(sock).body == str(worker).encode()
        begun = time.monotonic()
        assert managed.ask("/quick").body == str(worker).encode()
        quick = time.monotonic() - begun < 0.2
        text = slow_log(managed)
        assert text.count("GET /stay/first ") == text.count("GET /stay/second ") == 1
        assert text.count("which serves a request (most recent call first)") >= 2
        assert not quick or "GET /quick " not in text


@pytest.mark.slow
def test_a_slow_request_in_c_code_is_not_disturbed() -> None:
    with watching("1", "--request-slowlog-timeout", "1") as managed:
        sock, worker = managed.hold("busy", "clutch")
        until(lambda: "The interpreter does not answer: C code holds it." in slow_log(managed))
        managed.release("busy")
        assert managed.receive(sock).body == str(worker).encode()
        assert " in _clutch\n" in slow_log(managed)


def test_both_limits_write_two_entries() -> None:
    flags = ("--request-slowlog-timeout", "0.2", "--request-terminate-timeout", "2")
    with watching("1", *flags) as managed:
        before = managed.worker()
        with managed.send("/sleep/60") as sock:
            assert sock.recv(100) == b""
        assert managed.worker() != before
        assert slow_log(managed).count("GET /sleep/60 ") == 2


def test_without_a_file_it_is_in_the_error_log() -> None:
    with managing("--workers", "1", "--request-slowlog-timeout", "0.2") as managed, managed.hold("slow")[0]:
        managed.until("warning: slow: pool app, worker 1, pid ")
        managed.until("in application")
        managed.release("slow")


def test_L26_the_slow_log_is_opened_anew() -> None:
    with watching("1", "--request-slowlog-timeout", "0.2") as managed:

        def write(name: str) -> None:
            with managed.hold(name)[0]:
                until(lambda: f"/stay/{name}" in slow_log(managed))
                managed.release(name)

        write("one")
        (managed.directory / "slow.log").rename(managed.directory / "slow.log.1")
        managed.signal(signal.SIGUSR1)
        until((managed.directory / "slow.log").exists)
        write("another")
        assert "/stay/another" not in slow_log(managed, "slow.log.1")


def test_L16_a_stopped_worker_with_a_request_is_replaced() -> None:
    with watching("2", "--request-terminate-timeout", "3") as managed:
        sock, busy = managed.begin("busy", 60)
        with sock:
            os.kill(busy, signal.SIGSTOP)
            assert sock.recv(100) == b""
        until(lambda: busy not in managed.workers())
        until(lambda: len(managed.workers()) == 2)
        assert f"pid {busy}: GET /begin/busy/60 " in slow_log(managed)
