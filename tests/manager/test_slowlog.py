"""The master asks workers for their stacks: all answer, are read from outside, or are given up in time (L18)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable, cast

import pytest

from gateways.adapters.inhand import InHand
from gateways.manager import slowlog
from gateways.manager.channel import Channel, pair
from gateways.manager.entries import Entry
from gateways.manager.process import Process
from gateways.manager.slowlog import ANSWER_TIMEOUT, LAST_TIMEOUT, SIGNAL_TIMEOUT, Dumps
from gateways.manager.stacks import ASK, SIGNAL, StackFile, stacks_message
from gateways.manager.tether import Tether
from gateways.server.slot import Slot
from tests.support.children import Child, child
from tests.support.serving import PATIENCE, until

#: What a worker does: it writes a byte to the descriptor when it has begun, and does not return.
Work = Callable[[int], object]


class Log:
    """Stands in for the slow log."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)


# With real processes


class Bench:
    """``Dumps``, and workers that do what they are told to."""

    def __init__(self) -> None:
        self.dumps = Dumps()
        self.log = Log()
        self.stack = contextlib.ExitStack()
        self.processes: list[Process] = []

    def worker(self, work: Work, prepare: Callable[[], object] = lambda: None) -> tuple[Process, Child]:
        """Fork a worker that does ``work``, and wait until that has begun; ``prepare`` comes before its tether."""
        ours, theirs = pair()
        begun, told = os.pipe()
        self.stack.callback(os.close, begun)

        def main() -> None:
            prepare()
            self.dumps.file.arm()
            listening = threading.Event()

            def hear(line: str) -> None:
                if line == ASK:
                    tether.say(stacks_message())
                listening.set()

            tether = Tether(theirs, hear, lambda: os._exit(0), PATIENCE)
            tether.start()
            listening.wait()
            work(told)

        running = self.stack.enter_context(child(main))
        theirs.close()
        channel = Channel(ours)
        self.stack.callback(channel.close)
        channel.tell("listen")
        os.read(begun, 1)
        os.close(told)
        process = Process(len(self.processes) + 1, 1, channel, None, running.pid)
        self.processes.append(process)
        self.turn()  # it has said which thread the signal is for
        return process, running

    def ask(self, process: Process, patient: bool = True) -> None:
        """Ask one for its stacks, and wait for the answer as long as it takes, or not at all."""
        now = time.monotonic() + (PATIENCE if patient else -ANSWER_TIMEOUT)
        self.dumps.ask("shop", cast(Any, self.log), process, 5, 2.5, now)

    def turn(self) -> None:
        for process in self.processes:
            for message in process.channel.read():
                if message["event"] == "tether":
                    process.tether = message["thread"]
                else:
                    self.dumps.answered(process, message)
        self.dumps.tick(time.monotonic())

    def wait(self, count: int = 1) -> list[str]:
        """Wait for so many entries, and return their stacks."""

        def enough() -> bool:
            self.turn()
            return len(self.log.entries) >= count

        until(enough)
        assert len(self.log.entries) == count
        return [entry.stacks for entry in self.log.entries]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(slowlog, "SIGNAL_TIMEOUT", PATIENCE)
    monkeypatch.setattr(slowlog, "LAST_TIMEOUT", PATIENCE)
    bench = Bench()
    with bench.stack:
        yield bench
    bench.dumps.close()


@pytest.fixture
def hasty(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """One that soon gives up whoever does not even obey the signal."""
    monkeypatch.setattr(slowlog, "SIGNAL_TIMEOUT", 0.1)
    return bench


def spin(told: int) -> None:
    os.write(told, b"x")
    while True:
        pass


def call_and_call(told: int) -> None:
    """Stacks that change all the time, which crash a process that is looked at from outside."""

    def fib(number: int) -> int:
        return number if number < 2 else fib(number - 1) + fib(number - 2)

    os.write(told, b"x")
    while True:
        fib(10)


def wait_for_a_lock(told: int) -> None:
    lock = threading.Lock()
    lock.acquire()
    os.write(told, b"x")
    lock.acquire()


def sleep_on(told: int) -> None:
    os.write(told, b"x")
    while True:
        time.sleep(600)


def ignore_signals(told: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sleep_on(told)


@pytest.mark.parametrize("work", [spin, wait_for_a_lock, sleep_on, ignore_signals], ids=lambda work: work.__name__)
def test_L18_a_worker_that_runs_python_answers(bench: Bench, work: Work) -> None:
    process, running = bench.worker(work)
    bench.ask(process)
    [text] = bench.wait()
    assert f" in {work.__name__}" in text
    assert "[MainThread]" in text
    assert not running.ended()
    assert bench.dumps.tick(time.monotonic()) > 1000


def test_L18_a_busy_worker_survives_to_be_asked_many_times(bench: Bench) -> None:
    process, running = bench.worker(call_and_call)
    for count in range(1, 101):
        bench.ask(process)
        bench.wait(count)
    assert not running.ended()
    assert all("in call_and_call" in entry.stacks for entry in bench.log.entries)


def hold_on(told: int) -> None:
    """C code that does not let other threads run, and says itself that it has begun: nobody reads all of it."""
    ctypes.PyDLL(None).write(told, bytes(1 << 20), ctypes.c_size_t(1 << 20))
    os._exit(77)


def hold_on_too(told: int) -> None:
    hold_on(told)


def test_L18_c_code_that_holds_the_interpreter_is_seen_from_outside(bench: Bench) -> None:
    process, running = bench.worker(hold_on)
    bench.ask(process, patient=False)
    [text] = bench.wait()
    assert text.startswith("The interpreter does not answer: C code holds it.")
    assert "in hold_on\n" in text
    assert f"Thread {process.pid} of the kernel: waiting" in text
    assert not running.ended()


def test_L18_several_that_hold_it_are_not_mixed_up(bench: Bench) -> None:
    works = [hold_on, hold_on_too, sleep_on, hold_on_too, hold_on]
    workers = [bench.worker(work)[0] for work in works]
    for process, work in zip(workers, works):
        bench.ask(process, patient=work is sleep_on)
    bench.wait(len(works))
    for entry in bench.log.entries:
        work = works[entry.worker - 1]
        assert f"in {work.__name__}\n" in entry.stacks
        assert entry.stacks.count("most recent call first") == (1 if work is sleep_on else 2)
        assert ("in hold_on_too" in entry.stacks) == (work is hold_on_too)


def test_L18_one_that_holds_it_and_takes_no_signal_is_given_up(hasty: Bench) -> None:
    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    process, running = hasty.worker(hold_on, block)
    hasty.ask(process, patient=False)
    [text] = hasty.wait()
    assert text.startswith("No stacks: the process does not answer.\nThread ")
    assert not running.ended()


def test_L16_a_stopped_worker_is_not_waited_for(bench: Bench) -> None:
    process, running = bench.worker(sleep_on)
    running.signal(signal.SIGSTOP)
    until(lambda: slowlog.kernelview.is_stopped(process.pid))
    bench.ask(process)
    assert [entry.stacks for entry in bench.log.entries] == [
        "No stacks: the process is stopped (SIGSTOP, or a debugger)."
    ]
    running.signal(signal.SIGCONT)
    bench.ask(process)
    assert "in sleep_on" in bench.wait(2)[1]


def test_L16_one_that_stops_while_it_is_asked_is_given_up(hasty: Bench) -> None:
    process, running = hasty.worker(hold_on)
    hasty.ask(process, patient=False)
    running.signal(signal.SIGSTOP)
    until(lambda: slowlog.kernelview.is_stopped(process.pid))
    [text] = hasty.wait()
    assert text.startswith("No stacks: the process does not answer.")
    assert "stopped" in text


def test_one_that_ends_while_it_is_asked(bench: Bench) -> None:
    process, running = bench.worker(hold_on)
    bench.ask(process, patient=False)
    running.signal(signal.SIGKILL)
    running.wait()
    bench.dumps.forget(process)
    assert bench.wait() == ["No stacks: the process has ended."]
    bench.dumps.forget(process)


def test_one_whose_channel_is_gone_is_sent_the_signal_at_once(bench: Bench) -> None:
    process, _ = bench.worker(hold_on)
    process.channel.close()
    bench.ask(process, patient=False)
    [text] = bench.wait()
    assert "in hold_on" in text


def test_the_kill_waits_for_the_stacks_and_not_for_long(bench: Bench) -> None:
    killed: list[int] = []
    process, _ = bench.worker(hold_on)
    bench.dumps.then(process, lambda: killed.append(0), time.monotonic())
    assert killed == [0]  # nothing was asked of it

    bench.ask(process, patient=False)
    bench.dumps.then(process, lambda: killed.append(len(bench.log.entries)), time.monotonic())
    assert killed == [0]
    [text] = bench.wait()
    assert killed == [0, 1]
    assert "in hold_on" in text


# With a clock of our own


class Fake:
    """A worker that does nothing by itself."""

    def __init__(self, reads: bool = True) -> None:
        self.number, self.pid, self.slot, self.tether = 3, 0, None, 0
        self.told: list[str] = []
        self.signals: list[int] = []
        self.alive = True
        self.channel = SimpleNamespace(tell=lambda line: self.told.append(line) or reads)

    def kill(self, number: int) -> bool:
        self.signals.append(number)
        return self.alive


@pytest.fixture
def dumps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dumps]:
    monkeypatch.setattr(slowlog.kernelview, "is_stopped", lambda pid: False)
    monkeypatch.setattr(slowlog.kernelview, "describe", lambda pid: "")
    dumps = Dumps()
    yield dumps
    dumps.close()


@pytest.fixture
def log() -> Log:
    return Log()


def ask(dumps: Dumps, log: Log, process: Any, now: float = 100.0, number: int = 5) -> None:
    dumps.ask("shop", cast(Any, log), process, number, 2.5, now)


def write(file: StackFile, text: str) -> None:
    os.write(file._fd, text.encode())


def test_the_entry_says_all_that_is_known(dumps: Dumps, log: Log) -> None:
    process = Fake()
    before = time.time()
    ask(dumps, log, process)
    assert process.told == [ASK]
    dumps.answered(cast(Any, process), {"event": ASK, "text": "the stacks\n"})
    [entry] = log.entries
    assert before <= entry.when <= time.time()
    assert entry[1:] == ("shop", 3, 0, "a request that has just ended", 2.5, 5, "the stacks")


def test_the_request_is_that_of_the_scoreboard(dumps: Dumps, log: Log) -> None:
    process: Any = Fake()
    process.slot = Slot.private(2)
    board = InHand(process.slot.area)
    for number, path in ((5, "/report"), (6, "/other")):
        environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": f"{path}?\r\nx", "REMOTE_ADDR": "192.0.2.7"}
        board.begin(cast(Any, SimpleNamespace(record=-1, number=number)), environ, 90.0 + number)
    process.slot.threads = 2
    for number in (5, 6, 0):
        ask(dumps, log, process, number=number)
    dumps.answered(process, {"event": ASK, "text": ""})
    assert [entry.request for entry in log.entries] == [
        r"GET /report?\x0d\x0ax from 192.0.2.7",
        "a request that has just ended",
        "no request, but a worker that gives no sign of life,",
    ]
    assert process.told == [ASK]  # once for all


def test_one_that_does_not_answer_is_sent_the_signal_after_a_while(dumps: Dumps, log: Log) -> None:
    process = Fake()
    ask(dumps, log, process)
    assert dumps.tick(100.5) == pytest.approx(ANSWER_TIMEOUT - 0.5)
    assert dumps.tick(99.9 + ANSWER_TIMEOUT) == pytest.approx(0.1)
    assert process.signals == []
    write(dumps.file, "of another")
    assert 0 < dumps.tick(100 + ANSWER_TIMEOUT) < 0.1
    assert process.signals == [SIGNAL]
    write(dumps.file, "the beginning ")
    dumps.tick(100.02 + ANSWER_TIMEOUT)
    write(dumps.file, "and the rest")
    dumps.tick(100.04 + ANSWER_TIMEOUT)
    assert log.entries == []
    dumps.tick(100.06 + ANSWER_TIMEOUT)
    assert log.entries[0].stacks.endswith("What faulthandler saw:\n\nthe beginning and the rest")
    assert dumps.tick(101 + ANSWER_TIMEOUT) == float("inf")


def test_one_that_writes_without_end_is_cut(dumps: Dumps, log: Log) -> None:
    process = Fake()
    ask(dumps, log, process)
    now = 100 + ANSWER_TIMEOUT
    dumps.tick(now)
    while not log.entries:
        now += 0.02
        write(dumps.file, "x" * 10000)
        dumps.tick(now)
    assert now <= 100.03 + ANSWER_TIMEOUT + SIGNAL_TIMEOUT
    assert len(log.entries[0].stacks) < 40000


def test_an_answer_that_comes_late_counts_and_one_that_comes_too_late_is_dropped(dumps: Dumps, log: Log) -> None:
    process: Any = Fake()
    ask(dumps, log, process)
    dumps.tick(100 + ANSWER_TIMEOUT)
    dumps.answered(process, {"event": ASK, "text": "late"})
    dumps.answered(process, {"event": ASK, "text": "again"})
    assert [entry.stacks for entry in log.entries] == ["late"]
    assert dumps.tick(100 + ANSWER_TIMEOUT) == float("inf")


def test_one_that_has_no_process_any_more(dumps: Dumps, log: Log) -> None:
    process = Fake(reads=False)
    process.alive = False
    ask(dumps, log, process)
    dumps.tick(100.0)
    assert log.entries[0].stacks.startswith("No stacks: ")


def test_only_one_has_the_file_at_a_time(dumps: Dumps, log: Log) -> None:
    first, second = Fake(reads=False), Fake(reads=False)
    ask(dumps, log, first)
    ask(dumps, log, second)
    dumps.tick(100.0)
    assert (first.signals, second.signals) == ([SIGNAL], [])
    dumps.tick(100.1 + SIGNAL_TIMEOUT)
    assert len(log.entries) == 1
    dumps.tick(100.1 + SIGNAL_TIMEOUT)
    assert second.signals == [SIGNAL]


def test_a_kill_is_put_off_for_a_moment_even_behind_others(dumps: Dumps, log: Log) -> None:
    others = [Fake(reads=False) for _ in range(5)]
    process: Any = Fake()
    killed: list[int] = []
    for other in others:
        ask(dumps, log, other)
    ask(dumps, log, process)
    dumps.tick(100.0)
    dumps.then(process, lambda: killed.append(1), 100.0)
    now = 100.0
    while not killed:
        now += 0.02
        dumps.tick(now)
    assert now <= 100.03 + LAST_TIMEOUT
    assert "does not answer" in [entry for entry in log.entries if "has just ended" in entry.request][-1].stacks


def test_a_kill_does_not_prolong_what_is_going_on(dumps: Dumps, log: Log) -> None:
    process: Any = Fake(reads=False)
    killed: list[int] = []
    ask(dumps, log, process)
    dumps.tick(100.0)
    assert process.signals == [SIGNAL]
    dumps.then(process, lambda: killed.append(1), 100.4)
    dumps.tick(100.0 + SIGNAL_TIMEOUT)
    assert killed == [1]
    assert process.signals == [SIGNAL]


def test_one_that_ends_by_itself_is_not_killed(dumps: Dumps, log: Log) -> None:
    process: Any = Fake()
    killed: list[int] = []
    ask(dumps, log, process)
    dumps.then(process, lambda: killed.append(1), 100.0)
    dumps.forget(process)
    assert (killed, len(log.entries)) == ([], 1)
