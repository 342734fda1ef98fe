"""The scenarios of load and faults that fit here: processes that are killed, stopped, stuck or hit by signals."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.support.managing import descriptors, managing, zombies
from tests.support.serving import until

pytestmark = pytest.mark.slow


def test_L3_a_killed_worker_costs_the_request_in_its_hands():
    chance = random.Random(3)
    with managing("--workers", "3", "--threads", "1") as managed:
        before = len(descriptors(managed.pid))
        with managed.loading(60, "/sleep/0.01") as load:
            for _ in range(10):
                victim = chance.choice(managed.workers())
                os.kill(victim, signal.SIGKILL)
                until(
                    lambda victim=victim: len(workers := managed.workers()) == 3 and victim not in workers,
                    "for another worker",
                )
        assert load.report.failed <= 2 * 10, load.report  # it may have accepted one more than it had in hand
        assert load.report.sent > load.report.failed
        until(lambda: not zombies(managed.pid), "for the last one to be waited for")
        until(lambda: len(descriptors(managed.pid)) <= before, f"for {before} descriptors: {descriptors(managed.pid)}")


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_L4_without_its_master_no_worker_stays(preload, socket_dir):
    flags = ("--workers", "2", *preload)
    with managing(*flags, directory=socket_dir) as one:
        os.kill(one.pid, signal.SIGKILL)
        one.process.wait()
        until(lambda: not one.processes(), "for the workers to end")
        with managing(*flags, directory=socket_dir) as other:  # on the socket that the first one has left behind
            assert other.ask().status == "200 OK"


def test_L7_no_descriptor_is_left_behind():
    def counted():
        return len(descriptors(managed.pid)), sorted(len(descriptors(pid)) for pid in managed.workers())

    with managing("--workers", "2") as managed:
        for _ in range(10):
            managed.ask()
        until(lambda: len(managed.workers()) == 2, "for both workers")
        master, workers = counted()
        for _ in range(3):
            for _ in range(20):
                managed.ask()
                managed.send("/upload", b"x" * 100).close()
                managed.connect().close()
            old = set(managed.workers())
            managed.signal(signal.SIGHUP)
            until(lambda old=old: len(now := set(managed.workers())) == 2 and not now & old, "for new workers")
        managed.ask()
        until(lambda: counted() <= (master, workers), f"for {master}, {workers}; now {counted()}")


def test_L16_a_stopped_worker_holds_up_no_other():
    with managing("--workers", "2", "--threads", "1") as managed:
        stopped = managed.worker()
        with managed.loading(50) as load:
            os.kill(stopped, signal.SIGSTOP)
            answered = len(load.report.outcomes)
            until(lambda: len(load.report.outcomes) > answered + 30, "for answers of the other worker")
            os.kill(stopped, signal.SIGCONT)
        assert not load.report.failures, load.report
        assert stopped in managed.workers()


def test_L16_a_worker_that_stays_stopped_is_replaced():
    with managing("--workers", "2", "--threads", "1", "--request-terminate-timeout", "3") as managed:
        sock, worker = managed.begin("stopped", 0.5)
        os.kill(worker, signal.SIGSTOP)
        with sock, managed.loading(30) as load:
            until(lambda: len(now := managed.workers()) == 2 and worker not in now, "for another worker")
        assert not load.report.failures, load.report


def test_L18_whatever_holds_a_worker_it_is_replaced_and_its_stacks_are_in_the_log():
    paths = ("/spin/60", "/hold/60", "/lock", "/deaf/60")
    flags = ("--workers", "4", "--threads", "1", "--request-terminate-timeout", "1")
    with managing(*flags) as managed:
        for path in paths:  # one after the other: a worker may accept two connections before it reads the first
            before = set(managed.workers())
            with managed.send(path) as sock:
                until(lambda before=before: len(before - set(managed.workers())) == 1, f"for the end of {path}")
                until(lambda: len(managed.workers()) == 4, "for another worker")
                assert sock.recv(1000) == b""
        assert managed.ask().status == "200 OK"
        for function in ("_spin", "_hold", "_wait_for_lock", "_deaf"):
            assert f"in {function}" in managed.log


def test_L19_an_application_that_does_not_load_ends_the_start_and_not_the_reload():
    with managing("--workers", "1", "--boot-retries", "2", at_boot="fail", ready=False) as managed:
        assert managed.wait() == 3
        assert "asked to fail at boot" in managed.log
    with managing("--workers", "2") as managed:
        workers = set(managed.workers())
        managed.at_boot("fail")
        managed.signal(signal.SIGHUP)
        managed.until("asked to fail at boot")
        assert managed.worker() in workers
        managed.at_boot("")
        managed.signal(signal.SIGHUP)
        until(lambda: len(now := set(managed.workers())) == 2 and not now & workers, "for new workers")
        assert managed.worker() not in workers


def test_L21_an_application_may_fork():
    with managing("--workers", "1") as managed:
        child = int(managed.ask("/fork").body)  # it is answered although the child goes on
        managed.strays.add(child)
        assert managed.ask("/spawn").body == b"0"
        assert managed.ask("/multiprocess").body == b"49"
        worker = managed.worker()
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in managed.workers() and managed.workers(), "for another worker")
        assert managed.worker() != worker
        assert child in managed.processes()


def test_L22_workers_forked_beside_live_threads_answer():
    with managing("--workers", "2", "--preload", at_boot="threads 2") as managed:
        for _ in range(20):
            victim = managed.workers()[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: len(now := managed.workers()) == 2 and victim not in now, "for another worker")
            # Both workers at once: one of them is the new one.
            socks = [managed.send("/sleep/0.01") for _ in range(4)]
            assert [managed.receive(sock).status for sock in socks] == ["200 OK"] * 4


def test_L23_signals_disturb_nobody():
    with managing("--workers", "2", "--threads", "1") as managed:
        before = set(managed.workers())
        with managed.loading(60, "/sleep/0.005") as load:
            for number in range(500):
                for pid in (managed.pid, *before):
                    os.kill(pid, (signal.SIGWINCH, signal.SIGUSR1)[number % 2])
                time.sleep(0.001)
        assert not load.report.failures, load.report
        assert set(managed.workers()) == before
