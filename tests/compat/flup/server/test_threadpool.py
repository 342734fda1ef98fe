from __future__ import annotations

import threading

import pytest

from gateways.compat.flup.server.threadpool import ThreadPool
from tests.support.serving import PATIENCE, until


class Job:
    """Waits until it may end."""

    def __init__(self):
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def run(self):
        self.begun.set()
        assert self.may_end.wait(PATIENCE)


@pytest.fixture
def pool():
    pools = []

    def make(**given):
        pools.append(ThreadPool(**given))
        return pools[-1]

    yield make
    for made in pools:
        made.shutdown()
        assert not [thread for thread in made._threads if thread.is_alive()]


def test_jobs_run(pool):
    jobs = [Job() for _ in range(3)]
    made = pool(maxSpare=1)
    assert made._threads == []
    assert all(made.addJob(job) for job in jobs)
    assert all(job.begun.wait(PATIENCE) for job in jobs)
    for job in jobs:
        job.may_end.set()
    until(lambda: len(made._threads) == made._idleCount == made._workerCount == 1)


def test_no_more_than_there_may_be(pool):
    made = pool(maxThreads=1)
    first, second = Job(), Job()
    assert made.addJob(first, allowQueuing=False)
    assert not made.addJob(second, allowQueuing=False)
    assert made.addJob(second)
    assert first.begun.wait(PATIENCE)
    assert not second.begun.is_set()
    first.may_end.set()
    second.may_end.set()
    assert second.begun.wait(PATIENCE)


def test_an_error_of_a_job_is_seen_and_the_thread_goes_on(pool, monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda given: seen.append(given.exc_type))

    class Failing:
        def run(self):
            raise SystemExit("no")

    made = pool(maxThreads=1)
    made.addJob(Failing())
    job = Job()
    job.may_end.set()
    made.addJob(job)
    assert job.begun.wait(PATIENCE)
    assert seen == [SystemExit]


def test_after_the_end_nothing_is_taken(pool):
    made = pool()
    made.shutdown()
    assert not made.addJob(Job())
