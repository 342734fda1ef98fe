"""What a running master tells systemd, and the shell that has started it in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.managing import Managed, managing
from tests.support.notifysocket import NotifySocket, notify_socket
from tests.support.processes import is_running
from tests.support.serving import PATIENCE, until


@pytest.fixture
def systemd() -> Iterator[NotifySocket]:
    with notify_socket() as sock:
        yield sock


# systemd


def test_ready_comes_when_requests_are_answered(systemd: NotifySocket) -> None:
    with managing("--workers", "2", environ=systemd.environ, at_boot="sleep 0.5", ready=False) as managed:
        assert systemd.receive() == {"READY": "1", "STATUS": "2 workers in 1 pool"}
        assert len(managed.workers()) == 2
        assert managed.ask("/pid").status == "200 OK"
        assert managed.ask("/environ/NOTIFY_SOCKET").body == b""
        managed.stop()
        assert systemd.receive()["STOPPING"] == "1"


def test_a_reload_is_told_and_its_end(systemd: NotifySocket) -> None:
    with managing("--workers", "2", environ=systemd.environ) as managed:
        systemd.until(READY="1")
        before = set(managed.workers())
        managed.signal(signal.SIGHUP)
        assert int(systemd.until(RELOADING="1")["MONOTONIC_USEC"]) > 0
        systemd.until(READY="1")
        until(lambda: managed.worker() not in before)  # an old one may take one more, before it has the word


def test_the_reason_of_a_failed_reload_is_the_status(systemd: NotifySocket) -> None:
    with managing("--workers", "1", environ=systemd.environ) as managed:
        systemd.until(READY="1")
        worker = managed.worker()
        managed.at_boot("fail")
        managed.signal(signal.SIGHUP)
        systemd.until(RELOADING="1")
        assert "asked to fail at boot" in systemd.until(READY="1")["STATUS"]
        assert managed.worker() == worker
        managed.at_boot("")
        managed.signal(signal.SIGHUP)
        systemd.until(RELOADING="1")
        assert "failed" not in systemd.until(READY="1")["STATUS"]


def test_the_watchdog_is_fed_while_all_workers_are_busy(systemd: NotifySocket) -> None:
    environ = {**systemd.environ, "WATCHDOG_USEC": "200000"}
    prefix = ["sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh"]
    with managing("--workers", "1", "--threads", "1", environ=environ, prefix=prefix) as managed:
        systemd.until(READY="1")
        with managed.send("/hold/2"):
            for _ in range(10):
                systemd.until(WATCHDOG="1")


def test_an_upgrade_is_told_like_a_reload_and_keeps_the_pid_file(systemd: NotifySocket) -> None:
    environ = {**systemd.environ, "WATCHDOG_USEC": "2000000"}
    prefix = ["sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh"]
    with managing("--workers", "1", "--pid-file", "{dir}/pid", environ=environ, prefix=prefix) as managed:
        path = managed.directory / "pid"
        systemd.until(READY="1")
        before, inode = managed.worker(), path.stat().st_ino
        for _ in range(2):
            managed.signal(signal.SIGUSR2)
            systemd.until(RELOADING="1")
            systemd.until(READY="1")
            systemd.until(WATCHDOG="1")
            assert path.read_text() == f"{managed.pid}\n"
            assert path.stat().st_ino == inode
        until(lambda: managed.worker() != before)
        assert managed.stop() == 0
        systemd.until(STOPPING="1")
        assert not path.exists()


def test_nobody_is_told_that_a_start_has_failed(systemd: NotifySocket) -> None:
    with managing(
        "--workers", "1", "--boot-retries", "1", environ=systemd.environ, at_boot="fail", ready=False
    ) as managed:
        assert managed.wait() == 3
        systemd.sock.setblocking(False)
        messages = []
        while True:
            try:
                messages.append(systemd.receive())
            except BlockingIOError:
                break
        assert not [message for message in messages if "READY" in message]


# The background


def background(managed: Managed, *flags: str) -> subprocess.CompletedProcess[str]:
    """Start one more master, which goes to the background, beside ``managed``, whose directory it uses."""
    directory = managed.directory
    words = ["serve", f"{Path(__file__).parents[1]}/support/managed_app.py:application", "--workers", "1"]
    words += ["--fastcgi", f"unix:{directory}/second", "--error-log", f"{directory}/log", "--access-log", "off"]
    words += ["--daemonize", "--pid-file", f"{directory}/pid", "--graceful-timeout", "5"]
    environ = Path(f"/proc/{managed.pid}/environ").read_bytes().decode().split("\0")
    return subprocess.run(
        [sys.executable, "-m", "gateways", *words, *flags],
        cwd=directory, env=dict(pair.split("=", 1) for pair in environ if pair),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_command_returns_when_the_background_serves() -> None:
    with managing("--workers", "1") as managed:
        result = background(managed)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        pid = int((managed.directory / "pid").read_text())
        assert os.getsid(pid) not in (pid, managed.pid)
        second = Managed(
            managed.process, managed.directory, managed.target._replace(address=f"{managed.directory}/second"), ""
        )
        assert second.ask("/pid").status == "200 OK"
        # One that is running is not joined by another.
        result = background(managed, "--fastcgi", f"unix:{managed.directory}/third")
        assert result.returncode == 2
        assert f"process {pid} holds it and is running" in result.stderr
        assert int((managed.directory / "pid").read_text()) == pid
        os.kill(pid, signal.SIGTERM)
        until(lambda: not is_running(pid))
        assert not (managed.directory / "pid").exists()
        assert not (managed.directory / "second").exists()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--boot-retries", "1"], 3, "asked to fail at boot"),
        (["--fastcgi", "unix:{dir}/socket"], 4, "another process listens there"),
        (["--pid-file", "{dir}/absent/pid"], 2, "there is no directory"),
        (["--error-log", "-"], 2, "--daemonize: the error log would go nowhere"),
        (["--no-such-flag"], 2, "unknown argument"),
    ],
)
def test_the_terminal_hears_why_it_failed(flags: list[str], code: int, message: str) -> None:
    with managing("--workers", "1") as managed:
        managed.at_boot("fail" if code == 3 else "")
        result = background(managed, *(flag.format(dir=managed.directory) for flag in flags))
        assert result.returncode == code, (result.stderr, managed.log)
        assert message in result.stderr
        assert result.stderr.startswith("gateways: error: ")
        assert result.stderr.count("\n") == 1
        assert not (managed.directory / "pid").exists()
        assert managed.ask("/pid").status == "200 OK"
        until(lambda: set(managed.processes()) == {managed.pid, *managed.workers()})


def test_interrupted_before_it_serves() -> None:
    with managing("--workers", "1") as managed:
        managed.at_boot("sleep 600")
        environ = Path(f"/proc/{managed.pid}/environ").read_bytes().decode().split("\0")
        words = ["serve", f"{Path(__file__).parents[1]}/support/managed_app.py", "--workers", "1", "--daemonize"]
        words += ["--fastcgi", f"unix:{managed.directory}/second", "--error-log", f"{managed.directory}/log"]
        with subprocess.Popen(
            [sys.executable, "-m", "gateways", *words],
            cwd=managed.directory, env=dict(pair.split("=", 1) for pair in environ if pair),
        ) as process:  # fmt: skip
            until((managed.directory / "second").exists)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        until(lambda: set(managed.processes()) == {managed.pid, *managed.workers()})
