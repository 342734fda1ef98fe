"""A nursery loads once and forks often; its workers are not its children. From end to end."""

from __future__ import annotations

import os
import signal

from tests.support.managing import children, managing
from tests.support.serving import until


def test_the_application_is_loaded_once_and_not_in_the_master() -> None:
    with managing("--workers", "2", "--preload") as managed:
        loaded = int(managed.ask("/loaded").body)
        assert loaded not in {managed.pid, *managed.workers()}
        assert loaded in children(managed.pid)
        until(lambda: children(loaded) == [])  # what it forks first only forks the worker
        managed.signal(signal.SIGHUP)
        until(lambda: int(managed.ask("/loaded").body) != loaded)
        until(lambda: loaded not in children(managed.pid))


def test_a_nursery_that_is_killed_is_replaced_when_it_is_needed() -> None:
    with managing("--workers", "1", "--preload") as managed:
        nursery, worker = int(managed.ask("/loaded").body), managed.worker()
        for pid in (nursery, worker):
            os.kill(pid, signal.SIGKILL)
        until(lambda: worker not in managed.workers() and managed.worker() != worker)
        assert int(managed.ask("/loaded").body) != nursery


def test_L4_a_nursery_that_loads_ends_with_its_master() -> None:
    with managing("--workers", "1", "--preload", at_boot="sleep 60", ready=False) as managed:
        until(lambda: children(managed.pid))
        [nursery] = children(managed.pid)
        managed.signal(signal.SIGKILL)
        managed.wait()
        until(lambda: nursery not in managed.processes())


def test_L22_workers_are_forked_beside_busy_threads() -> None:
    with managing("--workers", "2", "--preload", at_boot="threads 8") as managed:
        seen = set()
        for _ in range(10):
            worker = managed.worker()
            seen.add(worker)
            managed.ask("/log/still-alive")
            os.kill(worker, signal.SIGKILL)
            until(lambda worker=worker: worker not in managed.workers() and len(managed.workers()) == 2)
        assert len(seen) > 5


def test_a_stop_while_workers_come_and_go_ends() -> None:
    """One that was told to end before its first word once was waited for until the end of graceful_timeout."""
    with managing("--workers", "2", "--max-requests", "1", "--preload", "--graceful-timeout", "600") as managed:
        for _ in range(10):
            managed.worker()
        assert managed.stop() == 0
