"""The master's end of a channel: whatever comes, it neither waits, nor raises, nor grows."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from gateways.manager.channel import MAX_LINE, Channel, pair
from tests.support.children import child
from tests.support.serving import PATIENCE, open_descriptors, until


class Line:
    """A channel, the worker's end of it, and what was warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        mine, self.worker = pair()
        self.channel = Channel(mine, self.warnings.append)
        self.worker.settimeout(PATIENCE)

    def close(self) -> None:
        self.channel.close()
        self.worker.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_messages_come_in_order_and_in_any_pieces(line: Line) -> None:
    sent = [{"event": "ready"}, {"event": "failed", "reason": "no module ünknown\n"}, {"event": "retiring"}]
    data = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in sent).encode()
    got = []
    for index in range(len(data)):
        line.worker.sendall(data[index : index + 1])
        got += line.channel.read()
    assert got == sent
    assert line.channel.read() == []
    assert not line.channel.ended
    assert line.warnings == []


def test_the_end_of_the_worker_is_seen_after_its_last_words(line: Line) -> None:
    line.worker.sendall(b'{"event": "retiring"}\n{"event": "half')
    line.worker.close()
    assert line.channel.read() == [{"event": "retiring"}]
    assert line.channel.ended
    assert line.channel.read() == []


def test_a_worker_that_ends_without_reading_what_it_was_told(line: Line) -> None:
    assert line.channel.tell("go")
    line.worker.close()
    assert line.channel.read() == []
    assert line.channel.ended
    assert not line.channel.tell("stop reload")


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\n",
        b"\n",
        b"[1]\n",
        b'{"event": 3}\n',
        b'{"reason": "x"}\n',
        b"\xff\xfe{\n",
        b'{"event": ' + b"9" * 5000 + b"}\n",
        b"[" * 60000 + b"\n",
        b'{"event": "' + b"x" * MAX_LINE + b'"}\n',
        b"x" * 3 * MAX_LINE + b"\n",
    ],
    ids=lambda data: repr(data[:16]),
)
def test_what_is_no_message_is_dropped_with_one_warning(line: Line, garbage: bytes) -> None:
    got = []
    for _ in range(2):
        data = garbage + b'{"event": "ready"}\n'
        for start in range(0, len(data), 30000):
            line.worker.sendall(data[start : start + 30000])
            got += line.channel.read()
    assert got == [{"event": "ready"}] * 2
    assert len(line.warnings) == 1


def test_a_message_of_the_longest_length_passes(line: Line) -> None:
    room = MAX_LINE - len('{"event": ""}')
    line.worker.sendall(b'{"event": "%s"}\n' % (b"x" * room))
    assert line.channel.read() == [{"event": "x" * room}]


def test_one_look_ends_although_the_worker_never_stops_writing(line: Line) -> None:
    def babble() -> None:
        line.worker.settimeout(None)
        while True:
            line.worker.sendall(b'{"event": "ready"}\n' * 100)

    with child(babble):
        most = 0

        def look() -> bool:
            nonlocal most
            most = max(most, len(line.channel.read()))
            return most > 100

        until(look)
    assert 0 < most * len(b'{"event": "ready"}\n') < 6 * MAX_LINE


def test_telling_keeps_to_one_line_and_never_waits(line: Line) -> None:
    assert line.channel.tell("stop too much memory\nstop twice")
    assert line.worker.recv(100) == b"stop too much memory stop twice\n"
    told = 0
    while line.channel.tell("stop " + "x" * 5000):
        told += 1
    line.worker.setblocking(False)
    data = b""
    while len(data) % 2049 or len(data) < told * 2049:
        data += line.worker.recv(65536)
    assert {len(text) for text in data.split(b"\n")} == {2048, 0}


def test_L4_a_process_forked_off_the_master_does_not_keep_the_channel(line: Line) -> None:
    ready, told = os.pipe()

    def stranger() -> None:
        os.write(told, b"x")
        line.worker.close()
        signal.pause()

    with child(stranger) as process:
        os.read(ready, 1)
        line.channel.close()
        assert line.worker.recv(1) == b""
        assert not process.ended()
    os.close(ready)
    os.close(told)


def test_the_kernel_tells_who_has_spoken_first(line: Line) -> None:
    assert line.channel.peer == 0
    with child(lambda: line.worker.sendall(b'{"event": "born", "pid": 1}\n')) as process:
        assert process.wait() == 0
    line.worker.sendall(b'{"event": "ready"}\n')
    got: list[object] = []
    until(lambda: got.extend(line.channel.read()) or len(got) == 2)
    assert line.channel.peer == process.pid


def test_no_descriptor_is_put_in_the_masters_hands(line: Line) -> None:
    before = open_descriptors()
    with open(os.devnull, "rb") as file:
        for _ in range(3):
            socket.send_fds(line.worker, [b'{"event": "ready"}\n'], [file.fileno()] * 10)
        assert len(line.channel.read()) == 3
    assert open_descriptors() == before
    assert line.channel.peer == os.getpid()


def test_it_is_closed_twice(line: Line) -> None:
    line.channel.close()
    line.channel.close()
    assert line.channel.read() == []
    assert line.channel.fileno() == -1
    assert not line.channel.tell("go")
    until(lambda: line.channel.ended)
