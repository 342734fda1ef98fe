"""Green threads, each time in a process of its own: gevent replaces what the process of the tests waits with."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import ConfigError
from gateways.server import green
from gateways.server.launch import launch
from gateways.settings import Settings
from tests.support import green_app, requirements, wire
from tests.support.program import Program, request, running
from tests.support.serving import until

APPLICATION = Path(green_app.__file__)
MANY = 1000


@contextlib.contextmanager
def serving(directory: Path, *flags: str, stdout: int | None = None) -> Iterator[Program]:
    """``gateways serve --worker gevent``; what its requests wait for are files in ``directory``."""
    requirements.require_module("gevent")
    before = os.environ.get("GREEN")
    os.environ["GREEN"] = str(directory)
    try:
        with running(directory, "--worker", "gevent", *flags, application=APPLICATION, stdout=stdout) as program:
            if "--workers" in flags:
                until(lambda: "ready: " in program.log, program.log)
            yield program
    finally:
        os.environ.pop("GREEN")
        if before is not None:
            os.environ["GREEN"] = before


@pytest.fixture
def descriptors() -> Iterator[None]:
    """More than the 1024 that a process usually may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MANY
    if hard != resource.RLIM_INFINITY and hard < wanted:
        requirements.missing(f"only {hard} descriptors, ulimit -Hn: {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def who(program: Program) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(program.ask("/who"))
    return facts


def body(sock: Any) -> bytes:
    with sock:
        return wire.answer(wire.parse_records(wire.receive_all(sock))).body


def test_a_thousand_requests_wait_at_once_in_one_process(tmp_path, descriptors):
    with serving(tmp_path, "--threads", str(MANY + 1)) as program:
        before = who(program)
        socks = [program.send("/wait/go") for _ in range(MANY)]
        until(lambda: who(program)["waiting"] == MANY)
        facts = who(program)
        assert facts["pid"] == program.process.pid
        assert facts["threads"] <= before["threads"] <= 4  # of the system: this one, and what enforces the end
        assert facts["resident"] - before["resident"] < 200 << 20
        assert facts["multithread"] is True
        assert facts["multiprocess"] is False
        (tmp_path / "go").touch()
        assert {body(sock) for sock in socks} == {b"waited"}
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_a_thousand_is_the_default():
    assert Settings(worker="gevent").threads == MANY
    assert Settings(worker="gevent", threads=7).threads == 7
    assert Settings().threads == 8


def test_more_requests_than_there_may_be_wait_outside(tmp_path):
    with serving(tmp_path, "--threads", "2") as program:
        socks = [program.send("/wait/go") for _ in range(5)]
        until((tmp_path / "begun-2").exists)
        (tmp_path / "go").touch()
        assert [body(sock) for sock in socks] == [b"waited"] * 5
        assert who(program)["most"] == 2


def test_a_kept_connection_is_served_again(tmp_path):
    with serving(tmp_path, "--threads", "1") as program, program.connect() as sock:
        reader = wire.RecordReader(sock)
        for _ in range(3):
            sock.sendall(request("/who", keep=True))
            assert json.loads(reader.answer().body)["waiting"] == 0


def test_a_reader_that_does_not_read_holds_up_nobody(tmp_path):
    with serving(tmp_path) as program:
        slow = program.send("/large")
        assert slow.recv(1, socket.MSG_PEEK)
        assert who(program)["pid"] == program.process.pid
        assert len(body(slow)) == green_app.LARGE


def test_an_upload_that_comes_slowly_holds_up_nobody(tmp_path):
    params = [(name, b"/upload" if name == b"PATH_INFO" else value) for name, value in wire.post(6)]
    data = wire.request(params, b"abcdef")
    cut = len(data) - 20
    with serving(tmp_path) as program, program.connect() as sock:
        sock.sendall(data[:cut])
        assert who(program)["pid"] == program.process.pid
        sock.sendall(data[cut:])
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body == b"6"


def test_lines_of_several_greenlets_for_a_pipe(tmp_path):
    """Each of them looks whether there is room, under a lock that knows of no greenlets."""
    with serving(tmp_path, "--access-log", "-", stdout=subprocess.PIPE) as program:
        for _ in range(3):
            socks = [program.send("/wait/go") for _ in range(20)]
            until((tmp_path / "begun-20").exists)
            (tmp_path / "go").touch()
            assert [body(sock) for sock in socks] == [b"waited"] * 20
            (tmp_path / "go").unlink()
            (tmp_path / "begun-20").unlink()
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        assert program.process.stdout is not None
        assert len(program.process.stdout.readlines()) == 60


def test_a_client_that_leaves(tmp_path):
    with serving(tmp_path) as program:
        program.send("/wait/go").close()
        until((tmp_path / "begun-1").exists)
        (tmp_path / "go").touch()
        until(lambda: "the response could not be sent" in program.log)
        assert who(program)["waiting"] == 0


@pytest.mark.parametrize(
    ("flag", "data", "line"),
    [
        ("--header-timeout", wire.begin(), "request headers not complete in time"),
        ("--body-timeout", wire.request(wire.post(6), b"abc")[:-16], "no byte of the body for"),
        ("--keepalive-timeout", request("/who", keep=True), ""),
    ],
)
def test_deadlines(tmp_path, flag, data, line):
    if flag == "--body-timeout":
        data = wire.begin() + wire.stream(
            wire.PARAMS, 1, wire.pairs([(n, b"/upload" if n == b"PATH_INFO" else v) for n, v in wire.post(6)])
        )
    with serving(tmp_path, flag, "0.2") as program, program.connect() as sock:
        sock.sendall(data)
        wire.receive_all(sock)  # until it is closed
        until(lambda: line in program.log)


def test_a_reader_that_takes_nothing_is_given_up(tmp_path):
    with serving(tmp_path, "--write-timeout", "0.2") as program, program.send("/large"):
        until(lambda: "took no byte for 0.2 s" in program.log)


def test_what_is_in_hand_is_finished_at_the_end(tmp_path):
    with serving(tmp_path) as program:
        sock = program.send("/wait/go")
        until((tmp_path / "begun-1").exists)
        program.signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        assert body(sock) == b"waited"
        assert program.wait() == 0


def test_what_does_not_end_is_broken_off(tmp_path):
    with serving(tmp_path, "--graceful-timeout", "0.2") as program:
        with program.send("/wait/never"):
            until((tmp_path / "begun-1").exists)
            program.signal(signal.SIGTERM)
            assert program.wait() == 1
        assert "stopped after 0.2 s with 1 connections in hand" in program.log


def test_a_process_that_the_application_forks_serves_nobody(tmp_path):
    """gevent would go on with all greenlets in it."""
    with serving(tmp_path) as program:
        other = program.send("/wait/go")
        until((tmp_path / "begun-1").exists)
        assert program.ask("/fork") == b"0"
        assert program.ask("/die") == b"forked"
        (tmp_path / "go").touch()
        assert body(other) == b"waited"
        assert who(program)["pid"] == program.process.pid
        assert "GreenletExit" not in program.log


@pytest.mark.parametrize("preload", [False, True])
def test_workers(tmp_path, preload):
    flags = ("--workers", "2", "--max-requests", "5", *(["--preload"] if preload else []))
    with serving(tmp_path, *flags) as program:
        first = who(program)
        assert first["pid"] != program.process.pid
        assert first["multiprocess"] is True
        os.kill(first["pid"], signal.SIGKILL)
        others: set[int] = set()
        until(lambda: others.add(who(program)["pid"]) or len(others) >= 4)  # two, and then those of max_requests
        sock = program.send("/wait/go")
        until((tmp_path / "begun-1").exists)
        program.signal(signal.SIGHUP)
        until(lambda: "generation 2" in program.log)
        (tmp_path / "go").touch()
        assert body(sock) == b"waited"
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_the_status_counts_greenlets(tmp_path):
    with serving(tmp_path, "--workers", "1", "--status", "/-/status") as program:
        socks = [program.send("/wait/go") for _ in range(3)]
        until(lambda: b"requests in hand:     4\n" in program.ask("/-/status"))
        (tmp_path / "go").touch()
        assert [body(sock) for sock in socks] == [b"waited"] * 3
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_the_slow_log_shows_greenlets(tmp_path):
    with serving(tmp_path, "--workers", "1", "--request-slowlog-timeout", "0.2") as program:
        socks = [program.send("/wait/go") for _ in range(2)]
        until(lambda: "which serves a request" in program.log)
        entry = program.log
        assert "Greenlet 0x" in entry
        assert "in _wait" in entry
        (tmp_path / "go").touch()
        assert [body(sock) for sock in socks] == [b"waited"] * 2
        program.signal(signal.SIGTERM)
        assert program.wait() == 0


def test_without_gevent(monkeypatch):
    for name in ("gevent", "gevent.monkey"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'gateways\[gevent\]'"):
        green.patch()


def test_with_asgi():
    with pytest.raises(ConfigError, match="worker gevent cannot serve interface asgi"):
        launch("nothing", Settings(worker="gevent", interface="asgi"))


def test_with_multiplexing():
    with pytest.raises(ConfigError, match="worker gevent cannot serve fcgi_multiplex"):
        launch("nothing", Settings(worker="gevent", fcgi_multiplex=8))
