"""The master from outside: it starts, reloads, and ends as it is told, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack

import pytest

from gateways.manager.master import GAVE_UP
from tests.support.managing import descriptors, managing, zombies
from tests.support.processes import is_running
from tests.support.serving import until


def test_requests_are_served_by_workers_and_not_by_the_master() -> None:
    with managing("--workers", "2") as managed:
        workers = set(managed.workers())
        assert len(workers) == 2
        assert managed.pid not in workers
        assert managed.worker() in workers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_what_is_in_hand_and_in_the_backlog(number: int) -> None:
    with managing("--workers", "1", "--threads", "1") as managed, ExitStack() as stack:
        first = stack.enter_context(managed.send("/sleep/0.5"))
        waiting = [stack.enter_context(managed.send("/pid")) for _ in range(3)]
        assert managed.stop(number) == 0
        assert managed.receive(first).body
        assert [bool(managed.receive(sock).body) for sock in waiting] == [True] * 3
        assert not (managed.directory / "socket").exists()


def test_a_stop_while_workers_start_ends_at_once() -> None:
    with managing("--workers", "2", ready=False, at_boot="sleep 60") as managed:
        until(lambda: len(managed.workers()) == 2)
        assert managed.stop() == 0


def test_quit_does_not_wait() -> None:
    with managing("--workers", "1") as managed, managed.send("/sleep/60"):
        assert managed.stop(signal.SIGQUIT) == 1


def test_a_second_interrupt_does_not_wait_and_a_second_term_does() -> None:
    with managing("--workers", "1") as managed, managed.send("/sleep/60"):
        managed.signal(signal.SIGTERM)
        managed.until("SIGTERM: stopping")
        managed.signal(signal.SIGTERM)
        assert managed.process.poll() is None
        assert managed.stop(signal.SIGINT) == 1


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_a_reload_replaces_all_workers_and_only_them(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", *flags) as managed:
        before = set(managed.workers())
        open_before = len(descriptors(managed.pid))
        for _ in range(3):
            old = set(managed.workers())
            managed.signal(signal.SIGHUP)
            until(lambda old=old: len(set(managed.workers()) - old) == 2 and not old & set(managed.workers()))
        assert not before & set(managed.workers())
        assert managed.worker() in managed.workers()
        until(lambda: len(descriptors(managed.pid)) <= open_before, "for descriptors to be closed")
        until(lambda: zombies(managed.pid) == [])


def test_L1_a_request_in_hand_survives_a_reload() -> None:
    with managing("--workers", "1") as managed:
        slow, old = managed.hold("slow")
        with slow:
            managed.signal(signal.SIGHUP)
            until(lambda: managed.worker() != old)
            managed.release("slow")
            assert managed.receive(slow).body == str(old).encode()


def test_a_reload_that_cannot_load_the_application_changes_nothing() -> None:
    with managing("--workers", "2") as managed:
        old = set(managed.workers())
        managed.at_boot("fail")
        managed.signal(signal.SIGHUP)
        managed.until("asked to fail at boot")
        managed.until("reload failed")
        until(lambda: set(managed.workers()) == old)
        assert managed.worker() in old
        managed.at_boot("")
        managed.signal(signal.SIGHUP)
        until(lambda: not old & set(managed.workers()) and len(managed.workers()) == 2)


def test_reloads_in_quick_succession_are_neither_lost_nor_fatal() -> None:
    """uWSGI's master dies of that."""
    with managing("--workers", "1") as managed:
        old = managed.worker()
        for _ in range(50):
            managed.signal(signal.SIGHUP)
        until(lambda: managed.worker() != old)
        assert managed.process.poll() is None


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_L19_workers_that_never_become_ready_end_the_master(flags: tuple[str, ...]) -> None:
    flags = ("--workers", "2", "--boot-retries", "2", *flags)
    with managing(*flags, ready=False, at_boot="fail") as managed:
        assert managed.wait() == GAVE_UP
        assert "asked to fail at boot" in managed.log


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_L3_a_worker_that_dies_is_replaced(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", *flags) as managed:
        victim = managed.worker()
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(managed.workers()) == 2 and victim not in managed.workers())
        managed.until("killed by SIGKILL")
        until(lambda: zombies(managed.pid) == [])


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_L4_workers_end_with_a_master_that_is_killed(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", *flags) as managed:
        left = managed.processes()
        managed.signal(signal.SIGKILL)
        managed.wait()
        until(lambda: not any(map(is_running, left)))


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_logs_are_opened_anew_by_all_processes(flags: tuple[str, ...]) -> None:
    with managing("--workers", "1", *flags) as managed:
        log = managed.directory / "log"
        os.rename(log, managed.directory / "log.1")
        managed.signal(signal.SIGUSR1)
        # The master goes first, and its workers a moment later.
        until(lambda: managed.ask("/log/from-the-worker") and log.exists() and "from-the-worker" in log.read_text())
        worker = managed.worker()
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in managed.workers() and managed.worker() != worker)
        managed.ask("/log/from-the-next-one")
        assert "from-the-next-one" in log.read_text()
        managed.signal(signal.SIGHUP)
        managed.until("generation 2")


def test_logs_opened_anew_while_workers_load_cost_none_of_them() -> None:
    with managing("--workers", "2", at_boot="sleep 0.5", ready=False) as managed:
        until(lambda: len(managed.workers()) == 2)
        before = managed.workers()
        for _ in range(10):
            managed.signal(signal.SIGUSR1)
            time.sleep(0.02)
        managed.until("ready: 2 workers")
        assert managed.workers() == before


def test_L21_a_child_of_the_application_keeps_nothing_open() -> None:
    with managing("--workers", "1") as managed:
        child = int(managed.ask("/fork").body)
        managed.strays.add(child)
        assert managed.ask("/spawn").body == b"0"
        assert managed.ask("/multiprocess").body == b"49"
        assert managed.stop() == 0
        assert is_running(child)


def test_signals_that_a_terminal_sends_to_everybody_are_the_masters() -> None:
    with managing("--workers", "1") as managed:
        worker = managed.worker()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2, signal.SIGWINCH):
            os.kill(worker, number)
        assert managed.worker() == worker
