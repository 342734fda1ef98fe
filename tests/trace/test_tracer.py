"""A listening socket, a backend behind it, and what is shown of what passes."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, ClassVar

import pytest

from gateways.addresses import parse_address
from gateways.errors import ConnectError
from gateways.trace.capture import Writer, read
from gateways.trace.output import Output
from gateways.trace.printing import Printer, Style
from gateways.trace.tracer import Tracer
from tests.support import wire
from tests.support.backends import Act, Answering, Peer, scripted
from tests.support.serving import PATIENCE, connect, until


class Traced:
    """A running tracer in front of a scripted backend."""

    def __init__(
        self, directory: Path, backend: str, write: Callable[[str], None] | None, writer: Writer | None
    ) -> None:
        self.lines: list[str] = []
        self.path = str(directory / "trace.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        output = Output(Printer(Style()), write or self.lines.append, writer)
        self.output = output
        self.tracer = Tracer(listener, "fastcgi", parse_address(backend), output)
        self.thread = threading.Thread(target=self.tracer.run)
        self.thread.start()
        self.broken: int | None = None

    def connect(self) -> socket.socket:
        return connect(socket.AF_UNIX, self.path)

    def stop(self, patience: float = PATIENCE) -> int:
        """Stop as Ctrl-C does; return how many requests were broken off."""
        if self.broken is None:
            self.tracer.stop()
            self.thread.join(PATIENCE)
            self.broken = self.tracer.finish(patience)
            self.output.close(PATIENCE)
        return self.broken

    @property
    def text(self) -> str:
        return "".join(self.lines)


@contextlib.contextmanager
def traced(
    directory: Path, act: Act | None = None, write: Callable[[str], None] | None = None, writer: Writer | None = None
) -> Iterator[Traced]:
    with scripted(act or Answering()) as backend:
        found = Traced(directory, backend.address, write, writer)
        try:
            yield found
        finally:
            found.stop()


def test_requests_pass_and_are_shown(socket_dir: Path) -> None:
    with traced(socket_dir) as found:
        with found.connect() as sock:
            reader = wire.RecordReader(sock)
            for _ in range(2):
                sock.sendall(wire.request(keep=True))
                assert reader.answer().body == b"hello"
        assert found.stop() == 0
        assert found.text.count("BEGIN_REQUEST") == 2
        assert found.text.count("END_REQUEST") == 2
        assert found.text.count("response         200 OK") == 2
        assert "#1 " in found.text
        assert "malformed" not in found.text


def test_connections_have_numbers(socket_dir: Path) -> None:
    with traced(socket_dir) as found:
        with found.connect() as one, found.connect() as two:
            for sock in (one, two):
                sock.sendall(wire.request())
                assert wire.RecordReader(sock).answer().body == b"hello"
        found.stop()
        assert {line.split()[0] for line in found.text.splitlines() if line.startswith("#")} == {"#1", "#2"}


def test_all_bytes_are_written(socket_dir: Path, tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "file"))
    with traced(socket_dir, writer=writer) as found:
        with found.connect() as sock:
            sock.sendall(wire.request())
            assert wire.RecordReader(sock).answer().body == b"hello"
        found.stop()
    writer.close()
    pieces = list(read(str(tmp_path / "file")))
    assert b"".join([piece.data for piece in pieces if not piece.backend]) == wire.request()
    assert {piece.protocol for piece in pieces} == {"fastcgi"}
    assert wire.answer(wire.parse_records(b"".join([piece.data for piece in pieces if piece.backend]))).body == b"hello"


def test_who_waits_when_it_stops_is_served(socket_dir: Path) -> None:
    """A connection in the backlog, and a request that the backend is still busy with."""
    busy, go_on = threading.Event(), threading.Event()

    def slow(peer: Peer) -> None:
        try:
            peer.request()
        except EOFError:
            return
        busy.set()
        assert go_on.wait(PATIENCE)
        peer.answer()

    with traced(socket_dir, slow) as found, found.connect() as sock, found.connect() as idle:
        sock.sendall(wire.request())
        assert busy.wait(PATIENCE)
        found.tracer.stop()
        found.thread.join(PATIENCE)
        with found.connect() as late:
            late.sendall(wire.request())
            results: list[int] = []
            stopper = threading.Thread(target=lambda: results.append(found.stop()))
            stopper.start()
            assert idle.recv(10) == b"", "nobody waits for who has asked for nothing"
            go_on.set()
            for one in (sock, late):
                assert wire.RecordReader(one).answer().body == b"hello"
            stopper.join(PATIENCE)
        assert results == [0]


def test_a_request_that_does_not_end_is_broken_off_and_said(socket_dir: Path) -> None:
    def stuck(peer: Peer) -> None:
        peer.request()
        peer.wait_for_close()

    with traced(socket_dir, stuck) as found, found.connect() as sock:
        sock.sendall(wire.request())
        until(lambda: "STDIN" in found.text)
        assert found.stop(patience=0.05) == 1
        assert sock.recv(10) == b""
        assert "broken off" in found.text


def test_no_backend(socket_dir: Path) -> None:
    with traced(socket_dir) as found:
        found.tracer._backend = parse_address(f"unix:{socket_dir}/none")
        with found.connect() as sock:
            assert sock.recv(10) == b""
        until(lambda: "no backend" in found.text)
        assert "no such socket file" in found.text


def test_no_backend_for_who_waited_when_it_stops_is_broken_off(socket_dir: Path) -> None:
    with traced(socket_dir) as found:
        found.tracer.stop()
        found.thread.join(PATIENCE)
        found.tracer._backend = parse_address(f"unix:{socket_dir}/none")
        with found.connect():
            assert found.stop() == 1


def test_a_thread_that_waits_for_the_backend_does_not_keep_the_trace(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.trace.tracer._GRACE", 0.05)
    waiting, go_on = threading.Event(), threading.Event()

    def never(address: object, timeout: float) -> socket.socket:
        waiting.set()
        assert go_on.wait(PATIENCE)
        raise ConnectError("none")

    monkeypatch.setattr("gateways.trace.tracer.connect", never)
    with traced(socket_dir) as found, found.connect():
        assert waiting.wait(PATIENCE)
        [thread] = found.tracer._relays
        assert found.stop(patience=0.05) == 1
        go_on.set()
        thread.join(PATIENCE)


def test_a_reader_that_leaves_ends_the_trace_and_no_request(socket_dir: Path) -> None:
    def fail(text: str) -> None:
        raise BrokenPipeError

    with traced(socket_dir, write=fail) as found:
        with found.connect() as sock:
            sock.sendall(wire.request())
            assert wire.RecordReader(sock).answer().body == b"hello"
        until(lambda: not found.thread.is_alive())
        assert isinstance(found.output.failed, BrokenPipeError)


def test_no_descriptor_is_left(socket_dir: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with traced(socket_dir) as found:
        for _ in range(5):
            with found.connect() as sock:
                sock.sendall(wire.request())
                assert wire.RecordReader(sock).answer().body == b"hello"
        found.stop()
    assert len(os.listdir("/proc/self/fd")) == before


class Polls:
    """Notes what is waited for, after ``watch`` on the listener of a tracer."""

    _real = select.poll
    asked: ClassVar[list[int]] = []
    listener: ClassVar[object] = None

    def __init__(self) -> None:
        self._poll = self._real()

    def register(self, sock: Any, events: int = 0) -> None:
        if sock is self.listener:
            self.asked.append(events)
        self._poll.register(sock, events)

    def poll(self, patience: float | None = None) -> list[tuple[int, int]]:
        return self._poll.poll(patience)


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> type[Polls]:
    monkeypatch.setattr("gateways.trace.tracer._LOOK", 0.01)
    monkeypatch.setattr(select, "poll", Polls)
    monkeypatch.setattr(Polls, "asked", [])
    return Polls


def test_there_is_a_limit_of_connections(socket_dir: Path, monkeypatch: pytest.MonkeyPatch, polls: type[Polls]) -> None:
    monkeypatch.setattr("gateways.trace.tracer.MOST_CONNECTIONS", 1)
    with traced(socket_dir) as found, found.connect() as first:
        monkeypatch.setattr(polls, "listener", found.tracer._listener)
        first.sendall(wire.request(keep=True))
        assert wire.RecordReader(first).answer().body == b"hello"
        with found.connect() as second:
            second.sendall(wire.request())
            until(lambda: polls.asked[-1:] == [0])
            assert len(found.tracer._relays) == 1
            first.close()
            assert wire.RecordReader(second).answer().body == b"hello"


def test_without_descriptors_it_waits_for_some(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, polls: type[Polls]
) -> None:
    """Who cannot be accepted stays in the backlog, where the listener would be found ready again at once."""
    with traced(socket_dir) as found:
        real = found.tracer._listener

        class Short:
            fileno, close = real.fileno, real.close
            short = True

            def accept(self) -> tuple[socket.socket, Any]:
                if self.short:
                    raise OSError(errno.EMFILE, "too many open files")
                return real.accept()

        listener = Short()
        monkeypatch.setattr(polls, "listener", listener)
        monkeypatch.setattr(found.tracer, "_listener", listener)
        with found.connect() as sock:
            sock.sendall(wire.request())
            until(lambda: 0 in polls.asked)
            listener.short = False
            assert wire.RecordReader(sock).answer().body == b"hello"


def test_without_a_thread_the_connection_is_broken_off(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with traced(socket_dir) as found:
        monkeypatch.setattr("gateways.trace.tracer._Thread.start", start)
        with found.connect() as sock:
            assert sock.recv(10) == b""
        assert found.stop() == 1
        assert "broken off       can't start new thread" in found.text
