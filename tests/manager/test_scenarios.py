"""The scenarios of load and faults that fit here: reload, stop, renewal. ``./dev soak`` has all of them, and longer."""

from __future__ import annotations

import signal
import time

import pytest

from tests.support.managing import Managed, managing
from tests.support.serving import until

pytestmark = pytest.mark.slow

#: Three workers of one thread could serve 600 of these a second.
QUICK = "/sleep/0.005"


def all_new(managed: Managed, before: set[int], count: int) -> bool:
    workers = set(managed.workers())
    return len(workers) == count and not workers & before


@pytest.mark.parametrize(("protocol", "keep", "more"), [("fastcgi", True, ()), ("scgi", False, ("--preload",))])
def test_L1_reloads_under_load_lose_nothing(protocol, keep, more):
    with managing("--workers", "3", "--threads", "1", *more, protocol=protocol) as managed:
        with managed.loading(100, QUICK, keep=keep) as load:
            for _ in range(3):
                before = set(managed.workers())
                managed.signal(signal.SIGHUP)
                until(lambda before=before: all_new(managed, before, 3), "for new workers")
            before = set(managed.workers())
            for _ in range(6):  # each but the first comes while another is on its way
                managed.signal(signal.SIGHUP)
                time.sleep(0.05)
            until(lambda: all_new(managed, before, 3), "for new workers after the storm")
        assert not load.report.failures, load.report
        assert load.report.sent > 20
        assert managed.process.poll() is None


def test_L2_what_was_sent_before_the_end_is_answered():
    with managing("--workers", "2", "--threads", "1") as one, managing("--workers", "2", "--threads", "1") as other:
        # Two in hand, two more in the backlog of a socket that nobody accepts from just now.
        socks = [one.send("/sleep/0.3") for _ in range(4)]
        one.signal(signal.SIGTERM)
        assert [one.receive(sock).status for sock in socks] == ["200 OK"] * 4
        assert one.wait() == 0
        assert other.ask().status == "200 OK"


def test_L2_what_does_not_end_is_ended():
    with managing("--workers", "2", "--threads", "1", "--graceful-timeout", "0.5") as managed:
        sock, worker = managed.begin("long", 60)
        with sock:
            assert managed.stop() == 1
        assert worker not in managed.processes()


def test_L29_workers_are_renewed_and_nothing_is_lost():
    with managing("--workers", "2", "--threads", "1", "--max-requests", "20") as managed:
        with managed.loading(100) as load:
            until(lambda: load.begun > 200, "for 200 requests")
        assert not load.report.failures, load.report
        # Some more than 20 to 22 each, as what is accepted already is served, too.
        assert len(load.report.bodies) >= 5


def test_L32_an_upgrade_loses_nothing():
    with managing("--workers", "2", "--threads", "1") as managed:
        with managed.loading(60, QUICK) as load:
            for _ in range(2):
                before = set(managed.workers())
                managed.signal(signal.SIGUSR2)
                until(lambda before=before: all_new(managed, before, 2), "for new workers")
        assert not load.report.failures, load.report
        assert managed.process.poll() is None
