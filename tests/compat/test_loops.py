from __future__ import annotations

import os
import signal
import threading
import warnings

import pytest

from gateways.compat.loops import ServerLoop, overridden


class Engine:
    stopped = 0

    def stop(self):
        self.stopped += 1


def test_the_engine_stops_when_the_program_says_so():
    loop, engine = ServerLoop(), Engine()
    loop._keepGoing = True
    loop._serve_with(engine)
    assert not engine.stopped
    loop._keepGoing = False
    assert engine.stopped == 1


def test_also_when_it_was_said_before():
    loop, engine = ServerLoop(), Engine()
    loop._keepGoing = True
    loop._keepGoing = False
    loop._serve_with(engine)
    assert engine.stopped == 1


@pytest.mark.parametrize("reload", [True, False])
def test_exit(reload):
    loop = ServerLoop()
    loop._keepGoing = True
    loop._exit(reload)
    assert loop._hupReceived is reload
    loop._exit(not reload)
    assert loop._hupReceived is reload


@pytest.mark.parametrize(("number", "reload"), [(signal.SIGHUP, True), (signal.SIGTERM, False), (signal.SIGINT, False)])
def test_signals(number, reload):
    loop = ServerLoop()
    before = signal.getsignal(number)
    loop._begin()
    assert signal.getsignal(number) != before
    signal.raise_signal(number)
    assert not loop._keepGoing
    assert loop._end() is reload
    assert signal.getsignal(number) is before


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        loop = ServerLoop()
        loop._begin()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        loop._end()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_touches_no_signal():
    before = signal.getsignal(signal.SIGTERM)
    loop = ServerLoop()
    thread = threading.Thread(target=loop._begin)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert loop._keepGoing
    assert loop._end() is False


def test_a_process_that_was_forked_off_ends_by_its_signals():
    loop = ServerLoop()
    loop._begin()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the threads of whoever runs the tests
            pid = os.fork()
        if not pid:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
        assert loop._keepGoing
    finally:
        loop._end()


def test_overridden():
    class Mine(ServerLoop):
        def _mainloopPeriodic(self):
            pass

    assert not overridden(ServerLoop(), ServerLoop, "_mainloopPeriodic", "_exit")
    assert overridden(Mine(), ServerLoop, "_exit", "_mainloopPeriodic")
    loop = ServerLoop()
    loop._exit = lambda: None
    assert overridden(loop, ServerLoop, "_exit")
