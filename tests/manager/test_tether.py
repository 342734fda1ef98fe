"""The worker's end of a channel: it says things, hears things, and ends with its master."""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from gateways.manager.channel import MAX_LINE, Channel, pair
from gateways.manager.tether import Tether
from tests.support.children import Child, child
from tests.support.serving import PATIENCE, until


class Line:
    """Both ends of a channel in this process, and what the tether heard."""

    def __init__(self) -> None:
        master, worker = pair()
        self.channel = Channel(master)
        self.heard: list[str] = []
        self.gone = 0
        self.tether = Tether(worker, self._hear, self._gone)

    def _hear(self, text: str) -> None:
        self.heard.append(text)

    def _gone(self) -> None:
        self.gone += 1

    def read(self, count: int) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []

        def enough() -> bool:
            got.extend(self.channel.read())
            return len(got) >= count

        until(enough)
        return got


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.tether.close()
    until(lambda: line.tether._sock.fileno() < 0)
    line.channel.close()
    assert line.gone == 0


def test_what_the_master_says_is_heard_line_by_line(line: Line) -> None:
    line.tether.start()
    for text in ("go", "stop reloäd"):
        assert line.channel.tell(text)
    until(lambda: len(line.heard) == 2)
    assert line.heard == ["go", "stop reloäd"]


def test_what_was_said_before_the_start_is_heard(line: Line) -> None:
    assert line.channel.tell("go")
    line.tether.start()
    until(lambda: line.heard == ["go"])


def test_descriptors_come_with_their_line(line: Line) -> None:
    ours, theirs = os.pipe()
    seen: list[tuple[str, list[int]]] = []

    def hear(text: str) -> None:
        taken, line.tether.descriptors = line.tether.descriptors, []
        seen.append((text, taken))

    line.tether._on_line = hear
    line.channel.tell("go")
    assert line.channel.tell("logs", [theirs, theirs])
    line.channel.tell("after")
    os.close(theirs)
    line.tether.start()
    until(lambda: len(seen) == 3)
    copies = [fd for _, taken in seen for fd in taken]
    assert len(copies) == 2
    assert {text: bool(taken) for text, taken in seen}["after"] is False
    for fd in copies:
        assert not os.get_inheritable(fd)
        os.write(fd, b"x")
        os.close(fd)
    assert os.read(ours, 10) == b"xx"
    os.close(ours)


def test_a_fault_in_a_callback_does_not_cut_the_line(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(text: str) -> None:
        if text == "go":
            raise ValueError("broken callback")
        line.heard.append(text)

    line.tether._on_line = fail
    line.tether.start()
    line.channel.tell("go")
    line.channel.tell("stop")
    until(lambda: line.heard == ["stop"])
    assert "broken callback" in capsys.readouterr().err


def test_messages_of_many_threads_stay_whole(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.manager.tether._SAY_TIMEOUT", PATIENCE)

    def talk(number: int) -> None:
        for count in range(50):
            assert line.tether.say({"event": "x", "n": number, "count": count, "text": "y" * 3000})

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got = line.read(200)
    for thread in threads:
        thread.join()
    assert {(message["n"], message["count"]) for message in got} == {(n, c) for n in range(4) for c in range(50)}


def test_a_message_that_cannot_be_sent_raises_nothing(line: Line) -> None:
    circle: list[Any] = []
    circle.append(circle)
    for wrong in ({"event": object()}, {"event": "x", "text": "y" * MAX_LINE}, {"event": circle}):
        assert not line.tether.say(wrong)
    assert line.tether.say({"event": "ready"})
    assert line.read(1) == [{"event": "ready"}]


def test_a_master_that_does_not_read_holds_nobody_up_and_gets_whole_lines_later(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.manager.tether._SAY_TIMEOUT", 0.05)
    message = {"event": "x", "text": "y" * 50000}
    sent = 0
    while line.tether.say(message):
        sent += 1
    assert sent
    assert line.read(sent) == [message] * sent
    warnings: list[str] = []
    line.channel._warn = warnings.append
    assert line.tether.say({"event": "ready"})
    assert line.read(1) == [{"event": "ready"}]
    assert len(warnings) <= 1


def test_nothing_can_be_said_after_the_end(line: Line) -> None:
    line.channel.close()
    assert not line.tether.say({"event": "ready"})
    line.tether.close()
    assert not line.tether.say({"event": "ready"})


# The end of the master


def tied(work: Callable[[Callable[[str], None]], object], patience: float = 0.05) -> Any:
    """Fork a worker that does ``work`` on a tether; a context of (its process, the master's socket)."""
    master, worker = pair()

    def main() -> None:
        master.close()
        tether = Tether(worker, lambda text: None, lambda: os.write(said, b"gone "), patience)
        tether.start()
        work(lambda text: _write(said, text))

    heard, said = os.pipe()
    return _Tied(child(main), master, worker, heard, said)


def _write(fd: int, text: str) -> None:
    os.write(fd, text.encode())


class _Tied:
    def __init__(self, process: Any, master: socket.socket, worker: socket.socket, heard: int, said: int) -> None:
        self._context = process
        self._heard = heard
        self._said = said
        self.master = master
        self._worker = worker

    def __enter__(self) -> _Tied:
        self.process: Child = self._context.__enter__()
        self._worker.close()
        os.close(self._said)
        return self

    def __exit__(self, *exc: object) -> None:
        self._context.__exit__(*exc)
        self.master.close()
        os.close(self._heard)

    def hear(self, text: str) -> str:
        """Wait until the child has said ``text``, and return what was said before it."""
        data = b""
        while text.encode() not in data:
            piece = os.read(self._heard, 100)
            assert piece, f"it ended after {data!r}"
            data += piece
        return data.decode().partition(text)[0]


def spin(say: Callable[[str], None]) -> None:
    say("begun")
    while True:
        pass


def wait_for_a_lock(say: Callable[[str], None]) -> None:
    lock = threading.Lock()
    lock.acquire()
    say("begun")
    lock.acquire()


def block_all_signals(say: Callable[[str], None]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    say("begun")
    time.sleep(600)


def replace_everything(say: Callable[[str], None]) -> None:
    """As monkey-patching does, and worse."""

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("replaced")

    wait = signal.pause
    for module in (threading, time, socket, _thread):
        for name in ("Thread", "Lock", "Event", "sleep", "monotonic", "socket", "start_new_thread", "allocate_lock"):
            if hasattr(module, name):
                setattr(module, name, broken)
    say("begun")
    wait()


def swallow_the_exit(say: Callable[[str], None]) -> None:
    say("begun")
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass


@pytest.mark.parametrize(
    "work", [spin, wait_for_a_lock, block_all_signals, replace_everything, swallow_the_exit], ids=lambda f: f.__name__
)
def test_L4_a_worker_ends_after_its_master_whatever_it_does(work: Callable[[Callable[[str], None]], None]) -> None:
    with tied(work, 0.7) as worker:  # time to say it on a busy machine
        worker.hear("begun")
        worker.master.close()
        assert worker.process.wait() == 1
        worker.hear("gone")


def test_L4_a_worker_that_takes_the_interpreter_after_the_end_of_its_master() -> None:
    """The callback is called, and C code comes that never lets other threads run."""

    def hold(say: Callable[[str], None]) -> None:
        master_gone.wait()
        ctypes.PyDLL(None).sleep(600)

    master_gone = threading.Event()
    master, sock = pair()

    def main() -> None:
        master.close()
        Tether(sock, lambda text: None, master_gone.set, 0.3).start()
        hold(lambda text: None)

    with child(main) as process:
        sock.close()
        master.close()
        assert process.wait() == 1


def test_a_worker_that_finishes_in_time_ends_as_it_likes() -> None:
    master, sock = pair()

    def main() -> None:
        master.close()
        gone = threading.Event()
        Tether(sock, lambda text: None, gone.set, 600).start()
        gone.wait()
        os._exit(7)

    with child(main) as process:
        sock.close()
        master.close()
        assert process.wait() == 7


def fork_one(say: Callable[[str], None]) -> None:
    if not os.fork():
        signal.alarm(60)
        say(f"{os.getpid()} begun")
        signal.pause()
    os._exit(5)


def run_one(say: Callable[[str], None]) -> None:
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    say(f"{program.pid} begun")
    os._exit(5)


@pytest.mark.parametrize("work", [fork_one, run_one], ids=lambda f: f.__name__)
def test_L21_what_the_application_starts_keeps_no_channel_and_outlives_it(work: Callable[..., None]) -> None:
    with tied(work) as worker:
        grandchild = int(worker.hear(" begun"))
        try:
            assert worker.process.wait() == 5
            channel = Channel(worker.master)
            until(lambda: channel.read() == [] and channel.ended)
        finally:
            os.kill(grandchild, signal.SIGKILL)


def test_L21_a_forked_process_says_nothing(line: Line) -> None:
    def main() -> None:
        assert not line.tether.say({"event": "ready"})

    with child(main) as process:
        assert process.wait() == 0
    assert line.channel.read() == []
    assert line.tether.say({"event": "ready"})
    assert line.read(1) == [{"event": "ready"}]
