from __future__ import annotations

import signal
import threading
import time

import pytest

from gateways.compat.alarms import TimeoutException, alarm


def late(number, frame):
    raise TimeoutException


def test_a_late_one_is_interrupted():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeoutException), alarm(0.05, late):
        time.sleep(60)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("timeout", [None, 0])
def test_without_a_timeout_nothing_is_set(timeout):
    with alarm(timeout, late):
        assert signal.getsignal(signal.SIGALRM) is not late


def test_in_another_thread_nothing_is_done():
    seen = []

    def run():
        with alarm(0.001, late):
            seen.append(signal.getsignal(signal.SIGALRM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen
    assert seen[0] is not late
