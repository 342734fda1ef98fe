"""What the kernel says of a process."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from gateways.manager.kernelview import describe, is_held, is_stopped
from tests.support.children import child
from tests.support.serving import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc like this")


def test_a_stopped_process_is_seen_and_one_that_goes_on() -> None:
    with child(signal.pause) as process:
        assert not is_stopped(process.pid)
        process.signal(signal.SIGSTOP)
        until(lambda: is_stopped(process.pid))
        assert describe(process.pid).startswith(f"Thread {process.pid} of the kernel: stopped")
        process.signal(signal.SIGCONT)
        until(lambda: not is_stopped(process.pid))


def test_a_signal_that_waits_or_is_in_its_handler_is_seen() -> None:
    go_on, told = os.pipe()

    def handle(number: int, frame: object) -> None:
        pass

    def main() -> None:
        signal.signal(signal.SIGURG, handle)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])  # as the kernel does while a handler runs
        os.read(go_on, 1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGURG])
        signal.pause()

    with child(main) as process:
        until(lambda: is_held(process.pid, process.pid, signal.SIGURG))
        assert not is_held(process.pid, process.pid, signal.SIGUSR1)
        os.write(told, b"x")
        until(lambda: not is_held(process.pid, process.pid, signal.SIGURG))
    os.close(go_on)
    os.close(told)
    assert not is_held(process.pid, process.pid, signal.SIGURG)
    assert not is_held(os.getpid(), 0, signal.SIGURG)


def test_each_thread_has_a_line() -> None:
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    lines = describe(os.getpid()).splitlines()
    assert {f"Thread {thread.native_id} of the kernel" for thread in threads} <= {
        line.partition(":")[0] for line in lines
    }
    assert any(line.startswith(f"Thread {threading.get_native_id()} of the kernel: running") for line in lines)
    done.set()
    for thread in threads:
        thread.join()


def test_there_is_an_end_to_it() -> None:
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(120)]
    for thread in threads:
        thread.start()
    assert len(describe(os.getpid()).splitlines()) == 100
    done.set()
    for thread in threads:
        thread.join()


def test_of_a_process_that_has_ended_nothing_is_known() -> None:
    with child(lambda: None) as process:
        process.wait()
    assert describe(process.pid) == ""
    assert not is_stopped(process.pid)
