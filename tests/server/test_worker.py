"""gateways.server.worker: who serves what when, how it stops, and what it survives."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from struct import pack
from typing import Any, cast

import pytest

from gateways.server import connection, worker
from gateways.server.worker import Server
from gateways.settings import Settings
from tests.support import wire
from tests.support.gate import Gate, read_answer, send_slow
from tests.support.program import request, running
from tests.support.serving import (
    PATIENCE,
    Recorder,
    RecordingLog,
    Served,
    open_descriptors,
    serving,
    until,
)


@pytest.mark.parametrize("threads", [1, 8])
def test_a_request_in_hand_is_finished(gate: Gate, threads: int) -> None:
    with serving(gate, threads=threads) as served:
        sock = send_slow(served, keep=True)
        until(lambda: gate.entered)
        served.server.stop()
        time.sleep(0.05)
        assert not served.stopped
        gate.opened.set()
        with sock:
            assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"through"
        assert served.stop() == 0


def test_graceful_timeout_ends_the_wait(gate: Gate) -> None:
    with serving(gate, graceful_timeout=0.2) as served, send_slow(served):
        until(lambda: gate.entered)
        started = time.monotonic()
        assert served.stop() == 1
        assert time.monotonic() - started > 0.15
        assert "stopped after 0.2 s with 1 connections in hand" in served.log.text("error")
        gate.opened.set()


@pytest.mark.parametrize("threads", [1, 2])
def test_connections_in_the_backlog_are_served(gate: Gate, threads: int) -> None:
    """gunicorn #2529: a web server cannot repeat a POST whose connection was accepted and dropped."""
    with serving(gate, threads=threads) as served:
        busy = [send_slow(served) for _ in range(threads)]
        until(lambda: len(gate.entered) == threads)
        waiting = [send_slow(served) for _ in range(10)]
        served.server.stop()
        gate.opened.set()
        assert all(read_answer(sock).body == b"through" for sock in busy + waiting)
        assert served.stop() == 0


def test_nobody_connects_any_more_while_the_backlog_is_served() -> None:
    """What gets into the backlog after the last look at it would be reset when the listener is closed."""
    entered, opened = threading.Event(), threading.Event()
    there: list[bool] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        entered.set()
        assert opened.wait(PATIENCE)
        there.append(os.path.exists(served.address))
        start_response("200 OK", [])
        return []

    with serving(application, threads=1) as served:
        sockets = [send_slow(served)]
        assert entered.wait(PATIENCE)  # now the only thread is busy, and the others stay in the backlog
        sockets += [send_slow(served) for _ in range(2)]
        served.server.stop()
        opened.set()
        for sock in sockets:
            read_answer(sock)
        assert served.stop() == 0
    assert there == [True, False, False]


def test_a_connection_made_just_before_the_stop_is_served(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a web server's ``connect`` and its first ``send``."""
    monkeypatch.setattr(connection, "STOP_PATIENCE", PATIENCE)
    with serving(gate) as served, served.connect() as fresh:
        until(lambda: served.server._connections)
        served.server.stop()
        time.sleep(0.02)
        fresh.sendall(wire.request(keep=True))
        assert wire.answer(wire.parse_records(wire.receive_all(fresh))).body == b"through"
        assert served.stop() == 0


def test_a_request_half_of_which_is_here_is_served(gate: Gate) -> None:
    with serving(gate) as served, served.connect() as sock:
        data = wire.request()
        sock.sendall(data[:40])
        until(lambda: any(connection.protocol.buffered for connection in list(served.server._connections.values())))
        served.server.stop()
        time.sleep(0.3)
        sock.sendall(data[40:])
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"through"
        assert served.stop() == 0


@pytest.mark.parametrize("keep", [True, False])
def test_a_peer_that_still_sends_its_body_gets_its_answer(
    gate: Gate, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing at once would reset the connection, and the web server may not have read the response."""
    monkeypatch.setattr(connection, "STOP_PATIENCE", 1.5)
    with serving(gate, tcp=True) as served, served.connect() as sock:
        sock.sendall(wire.begin(keep=keep) + wire.stream(wire.PARAMS, 1, wire.pairs(wire.get())))
        sock.sendall(wire.stream(wire.STDIN, 1, bytes(300_000), end=False))
        until(lambda: served.log.requests)
        served.server.stop()
        time.sleep(0.05)
        for _ in range(5):
            sock.sendall(wire.stream(wire.STDIN, 1, bytes(100_000), end=False))
            time.sleep(0.005)
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"through"
        assert served.stop() == 0


def test_a_peer_that_waits_for_the_end_behind_its_body_gets_it(gate: Gate) -> None:
    """What has come by then is skipped when the server stops; HAProxy is told the end of a request after that."""
    with serving(gate, tcp=True) as served, served.connect() as sock:
        sock.sendall(wire.request(wire.post(1000, (b"SERVER_SOFTWARE", b"HAProxy")), bytes(1000), keep=True))
        until(lambda: gate.entered)
        served.server.stop()
        gate.opened.set()
        records = list(wire.parse_records(wire.receive_all(sock)))
        assert records[-1].type == wire.END
        assert served.stop() == 0


def test_idle_connections_do_not_hold_up_the_end(gate: Gate) -> None:
    with serving(gate) as served, ExitStack() as stack:
        for keep in [True] * 50 + [False] * 5:
            sock = stack.enter_context(served.connect())
            if keep:
                sock.sendall(wire.request(keep=True))
                wire.RecordReader(sock).answer()
        assert served.stop() == 0  # 1 after graceful_timeout


def test_stop_before_run_and_twice_and_after_the_end() -> None:
    server = Server(Recorder(), [], Settings(), cast(Any, RecordingLog()))
    server.stop()
    server.stop()
    assert server.run() == 0
    server.stop()


def test_stop_at_any_moment(gate: Gate) -> None:
    """Connections change hands while the server stops: it has to notice each that comes back."""
    gate.opened.set()
    for turn in range(40):
        ended = threading.Event()

        def client(served: Served, ended: threading.Event) -> None:
            while not ended.is_set():
                try:
                    with served.connect() as sock:
                        reader = wire.RecordReader(sock)
                        for _ in range(3):
                            sock.sendall(wire.request(wire.post(0), keep=True))
                            reader.answer()
                except (OSError, EOFError):
                    ended.wait(0.001)

        with serving(gate, threads=3) as served:
            clients = [threading.Thread(target=client, args=[served, ended]) for _ in range(3)]
            for thread in clients:
                thread.start()
            time.sleep(0.002 + turn % 7 * 0.001)
            assert served.stop() == 0  # 1 after graceful_timeout
            ended.set()
            for thread in clients:
                thread.join()
            assert served.log.text("exception", "error") == ""


@pytest.mark.parametrize("delayed", ["watch", "register"])
def test_a_connection_that_comes_back_while_the_server_stops(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, delayed: str
) -> None:
    """The thread that served it may be anywhere between its last look at ``stopping`` and the poller."""
    coming = threading.Event()
    with serving(gate, threads=2) as served, send_slow(served, keep=True) as sock:
        until(lambda: gate.entered)
        assert served.request().body == b"through"  # another thread leads
        owner = served.server if delayed == "watch" else served.server._poller
        undelayed = getattr(owner, delayed)

        def slowly(what: Any) -> None:
            coming.set()
            time.sleep(0.05)
            undelayed(what)

        monkeypatch.setattr(owner, delayed, slowly)
        gate.opened.set()
        assert wire.RecordReader(sock).answer().body == b"through"
        assert coming.wait(PATIENCE)
        assert served.stop() == 0  # 1 after graceful_timeout
        assert served.log.text() == ""


# What it survives


def test_descriptors_are_given_back() -> None:
    """2000 connections, of which some leave without a word, some in a request, some with a reset."""
    before_all = open_descriptors()
    with serving(Recorder()) as served:
        served.request()
        before = open_descriptors()
        for number in range(2000):
            with served.connect() as sock:
                if number % 4:
                    sock.sendall(wire.request()[: 200 if number % 4 == 1 else 20])
                if number % 4 == 3:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        until(lambda: open_descriptors() <= before)
    assert open_descriptors() == before_all


def test_peers_that_are_gone_before_they_are_accepted(gate: Gate) -> None:
    """waitress #399, CVE-2024-49769: an option cannot be set on such a socket, and its peer has no name."""
    with serving(gate, tcp=True, threads=1) as served:
        busy = send_slow(served)
        until(lambda: gate.entered)
        for _ in range(50):
            sock = served.connect()
            sock.sendall(wire.request())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            sock.close()
        gate.opened.set()
        read_answer(busy)
        assert served.request().body == b"through"
        assert served.log.text("exception", "error") == ""


class Watch:
    """Stands in for ``ParentWatch``: the web server lives until the other end of a pipe is closed."""

    def __init__(self, wakes: bool) -> None:
        self._out, self.web_server = os.pipe()
        self._wakes = wakes
        self.closed = False

    def gone(self) -> bool:
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        return bool(poll.poll(0))

    def fileno(self) -> int:
        return self._out if self._wakes else -1

    def close(self) -> None:
        os.close(self._out)
        self.closed = True


@pytest.mark.parametrize("wakes", [True, False])
def test_a_spawned_process_ends_with_its_web_server(monkeypatch: pytest.MonkeyPatch, wakes: bool) -> None:
    watch = Watch(wakes)
    monkeypatch.setattr(worker, "ParentWatch", lambda: watch)
    monkeypatch.setattr(worker, "_PARENT_INTERVAL", 1000.0 if wakes else 0.02)
    log = RecordingLog()
    server = Server(Recorder(), [], Settings(threads=1), cast(Any, log), spawned=True)
    threading.Timer(0.1, os.close, [watch.web_server]).start()
    assert server.run() == 0
    assert "the web server that started this process is gone" in log.text("notice")
    assert watch.closed


def test_a_spawned_process_that_is_stopped_no_longer_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(wakes=True)
    monkeypatch.setattr(worker, "ParentWatch", lambda: watch)
    server = Server(Recorder(), [], Settings(threads=1), cast(Any, RecordingLog()), spawned=True)
    server.stop()
    assert server.run() == 0
    assert watch.closed
    os.close(watch.web_server)


# A process of its own


@pytest.mark.parametrize("threads", ["1", "8"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_after_what_is_in_hand(tmp_path: Path, number: int, threads: str) -> None:
    with running(tmp_path, "--threads", threads) as program, program.connect() as idle:
        idle.sendall(request("/", keep=True))
        wire.RecordReader(idle).answer()
        slow = program.send("/sleep/0.3", keep=True)
        time.sleep(0.1)
        program.signal(number)
        assert read_answer(slow).body == b"/sleep/0.3"
        assert wire.receive_all(idle) == b""
        assert program.wait() == 0
        assert not os.path.exists(program.address)
        with pytest.raises(OSError, match=r"No such file|refused"):
            program.connect()


def test_nohup(tmp_path: Path) -> None:
    """A process that was started with SIGHUP ignored is not to end with its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(tmp_path) as program:
            program.ask()
            program.signal(signal.SIGHUP)
            time.sleep(0.1)
            assert program.ask("/still") == b"/still"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_idle_process_stops_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        program.ask()
        started = time.monotonic()
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        assert time.monotonic() - started < 15  # and not at graceful_timeout


def test_a_process_ends_at_graceful_timeout_with_1(tmp_path: Path) -> None:
    with running(tmp_path, "--graceful-timeout", "0.3") as program, program.send("/sleep/30"):
        program.ask()  # its handlers are there, and it has the other request
        started = time.monotonic()
        program.signal(signal.SIGTERM)
        program.signal(signal.SIGTERM)  # Apache repeats it
        assert program.wait() == 1
        assert 0.25 < time.monotonic() - started < 25
        assert "stopped after 0.3 s with 1 connections in hand" in program.log


def test_the_second_interrupt_of_a_person_ends_it_now(tmp_path: Path) -> None:
    with running(tmp_path) as program, program.send("/sleep/30"):
        program.ask()  # its handlers are there, and it has the other request
        program.signal(signal.SIGINT)
        until(lambda: not os.path.exists(program.address))  # that one was heard
        time.sleep(0.1)
        assert program.process.poll() is None
        program.signal(signal.SIGINT)
        assert program.wait() == 1


def test_signals_without_end_disturb_no_request(tmp_path: Path) -> None:
    """gunicorn #1337, EINTR: USR1 opens the logs anew."""
    with running(tmp_path, "--threads", "2") as program:
        assert program.ask("/first") == b"/first"  # its handlers are there
        ended = threading.Event()

        def storm() -> None:
            while not ended.wait(0.001):
                program.signal(signal.SIGUSR1)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            for _ in range(20):
                assert program.ask("/sleep/0.01") == b"/sleep/0.01"
        finally:
            ended.set()
            thread.join()


def test_out_of_descriptors(tmp_path: Path) -> None:
    """EMFILE neither spins nor floods the log, and passes."""
    with running(tmp_path) as program:
        assert program.ask() == b"/"
        resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (24, 24))
        with ExitStack() as stack:
            clients = [stack.enter_context(program.connect()) for _ in range(60)]
            until(lambda: "cannot accept connections" in program.log)
            started, used, said = time.monotonic(), program.cpu_seconds(), program.log.count("cannot accept")
            time.sleep(1.2)
            used, said = program.cpu_seconds() - used, program.log.count("cannot accept") - said
            seconds = time.monotonic() - started
            assert used < 0.25 * seconds
            assert said <= 2 + seconds
            waiting = clients[-1]
            waiting.sendall(request("/"))
            for sock in clients[:-1]:
                sock.close()
            assert wire.RecordReader(waiting).answer().body == b"/"
        assert program.ask() == b"/"


def test_an_application_that_forks(tmp_path: Path) -> None:
    """The child holds copies of all descriptors; the response ends when we end it."""
    with running(tmp_path) as program:
        started = time.monotonic()
        child = int(program.ask("/fork"))
        try:
            assert time.monotonic() - started < 50
            assert program.ask() == b"/"
            program.signal(signal.SIGTERM)
            assert program.wait() == 0
        finally:
            os.kill(child, signal.SIGKILL)


def test_an_idle_process_sleeps(tmp_path: Path) -> None:
    """The monitor looks 1000 times a second, but not when nothing happens."""
    with running(tmp_path) as program, program.connect() as kept:
        kept.sendall(request("/", keep=True))
        wire.RecordReader(kept).answer()
        program.ask("/sleep/0.05")

        def sleeps() -> bool:
            before = program.times_woken()
            time.sleep(0.5)
            return program.times_woken() - before < 25

        until(sleeps)


def test_a_web_server_that_vanishes_in_mid_response(tmp_path: Path) -> None:
    """haproxy 7668409cf: no loop on what is left of its connection."""
    with running(tmp_path) as program:
        for _ in range(5):
            with program.connect() as sock:
                sock.sendall(request("/sleep/0.1")[:-4])
            program.send("/sleep/0.1").close()

        def rests() -> bool:
            used = program.cpu_seconds()
            time.sleep(0.6)
            return program.cpu_seconds() - used <= 0.03

        until(rests)
        assert program.ask() == b"/"


def test_a_managed_server_leaves_the_backlog_to_the_others(gate: Gate) -> None:
    with serving(gate, threads=1, managed=True) as served, send_slow(served) as busy:
        until(lambda: gate.entered)
        with send_slow(served) as waiting:
            served.server.stop()
            gate.opened.set()
            assert read_answer(busy).body == b"through"
            assert served.stop() == 0
            assert len(gate.entered) == 1
            waiting.close()


def test_the_last_managed_servers_serve_the_backlog(gate: Gate) -> None:
    with serving(gate, threads=1, managed=True) as served, send_slow(served) as busy:
        until(lambda: gate.entered)
        with send_slow(served) as waiting:
            served.server.stop(last=True)
            gate.opened.set()
            assert read_answer(busy).body == b"through"
            assert read_answer(waiting).body == b"through"
            assert served.stop() == 0


def test_a_server_that_retires_says_why(gate: Gate) -> None:
    with serving(gate) as served:
        served.server.retire("served 100 requests")
        served.server.retire("is too large")
        assert served.stop() == 0
        assert served.server.retired == "served 100 requests"
