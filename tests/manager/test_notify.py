"""What systemd is told, by a real socket, and that nothing it does can hurt."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from gateways.manager import notify
from gateways.manager.notify import Notifier, withhold
from tests.support.notifysocket import NotifySocket, notify_socket


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest):
    with notify_socket(abstract=request.param == "abstract") as sock:
        yield sock


def test_the_states(manager: NotifySocket) -> None:
    notifier = Notifier(manager.environ)
    assert notifier.active
    notifier.ready()
    notifier.ready("4 workers")
    notifier.status("2 busy")
    notifier.stopping("2 requests in hand")
    assert manager.receive() == {"READY": "1"}
    assert manager.receive() == {"READY": "1", "STATUS": "4 workers"}
    assert manager.receive() == {"STATUS": "2 busy"}
    assert manager.receive() == {"STOPPING": "1", "STATUS": "2 requests in hand"}
    notifier.close()


def test_reloading_says_when(manager: NotifySocket) -> None:
    notifier = Notifier(manager.environ)
    before = time.monotonic()
    notifier.reloading("generation 2")
    message = manager.receive()
    assert message.keys() == {"RELOADING", "MONOTONIC_USEC", "STATUS"}
    assert before - 0.001 <= int(message["MONOTONIC_USEC"]) / 1e6 <= time.monotonic()
    notifier.close()


def test_a_text_is_one_line_and_not_long(manager: NotifySocket) -> None:
    notifier = Notifier(manager.environ)
    notifier.status("a\nMAINPID=1\0\u2028b \udcff" + "x" * 100_000)
    message = manager.receive()
    assert message.keys() == {"STATUS"}
    assert message["STATUS"].startswith("a MAINPID=1  b ")
    assert len(message["STATUS"]) == 500
    notifier.close()


@pytest.mark.parametrize("value", [None, "", "/", "@", "relative", "vsock:2:1234", "/nowhere/at/all", "@nobody"])
def test_without_anybody_it_does_nothing(value: str | None) -> None:
    notifier = Notifier({} if value is None else {"NOTIFY_SOCKET": value, "WATCHDOG_USEC": "1000000"})
    notifier.ready("x")
    notifier.reloading()
    notifier.stopping()
    notifier.watchdog()
    assert not notifier.owes
    assert notifier.flush()
    notifier.close()


def test_without_a_descriptor_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(notify.socket, "socket", fail)
    notifier = Notifier({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1000000"})
    assert not notifier.active
    assert notifier.watchdog_interval == 0
    notifier.ready()


# A manager that does not read


def test_what_is_not_taken_at_once_is_sent_later(manager: NotifySocket) -> None:
    notifier = Notifier({**manager.environ, "WATCHDOG_USEC": "1000000"})
    sent = 0
    while not notifier.owes:
        notifier.status(str(sent))
        sent += 1
    notifier.ready("at last")
    notifier.watchdog()  # not one of those that wait
    assert notifier.owes
    assert not notifier.flush()
    received = [manager.receive() for _ in range(sent - 1)]
    assert notifier.flush()
    assert not notifier.owes
    received += [manager.receive() for _ in range(2)]
    assert [message["STATUS"] for message in received] == [*map(str, range(sent)), "at last"]
    assert received[-1]["READY"] == "1"
    notifier.watchdog()
    assert manager.receive() == {"WATCHDOG": "1"}
    notifier.close()


def test_what_waits_is_bounded_and_the_last_word_is_kept(manager: NotifySocket) -> None:
    notifier = Notifier(manager.environ)
    while not notifier.owes:
        notifier.status("x")
    for _ in range(1000):
        notifier.status("x")
    notifier.stopping()
    manager.sock.setblocking(False)
    count = 0
    while True:
        notifier.flush()
        try:
            last = manager.receive()
        except BlockingIOError:
            break
        count += 1
    assert last == {"STOPPING": "1"}
    assert count < 600  # the queue of the system, and sixteen
    notifier.close()


# The watchdog


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("30000000", None, 15.0),
        ("30000000", "", 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", 0.0),
        ("0", None, 0.0),
        ("", None, 0.0),
        ("30s", None, 0.0),
        ("-1", None, 0.0),
        ("9" * 20, None, 0.0),
    ],
)
def test_the_interval_of_the_watchdog(manager: NotifySocket, usec: str, pid: str | None, interval: float) -> None:
    environ = {**manager.environ, "WATCHDOG_USEC": usec}
    if pid is not None:
        environ["WATCHDOG_PID"] = str(os.getpid()) if pid == "own" else pid
    notifier = Notifier(environ)
    assert notifier.watchdog_interval == interval
    notifier.watchdog()
    notifier.status("end")
    expected = [{"WATCHDOG": "1"}, {"STATUS": "end"}] if interval else [{"STATUS": "end"}]
    assert [manager.receive() for _ in expected] == expected
    notifier.close()


# Processes


def test_it_goes_on_after_exec_and_not_in_what_is_started(manager: NotifySocket) -> None:
    """The new program finds the variables and opens a socket of its own; the descriptor of the old one is closed."""
    code = """
import os, sys
from gateways.manager.notify import Notifier, withhold
notifier = Notifier(os.environ)
notifier.ready(f"{len(sys.argv)} {len(os.listdir('/proc/self/fd'))} {notifier.watchdog_interval}")
if len(sys.argv) < 3:
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[1], "again"])
withhold(os.environ)
notifier = Notifier(os.environ)
notifier.stopping()
"""
    command = ["sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh", sys.executable, "-c", code, code]
    environ = {**os.environ, **manager.environ, "WATCHDOG_USEC": "2000000"}
    subprocess.run(command, env=environ, check=True)
    first, second = manager.receive()["STATUS"].split(), manager.receive()["STATUS"].split()
    assert (first[0], second[0]) == ("2", "3")
    assert first[1:] == second[1:] == [first[1], "1.0"]
    manager.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.receive()


def test_a_manager_that_opens_its_socket_anew_is_found(tmp_path) -> None:
    path = tmp_path / "notify"
    notifier = Notifier({"NOTIFY_SOCKET": str(path)})
    for number in range(2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(str(path))
            notifier.status(str(number))
            assert sock.recv(100) == f"STATUS={number}".encode()
        path.unlink()
        notifier.status("nobody listens")
    notifier.close()


def test_variables_are_withheld() -> None:
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "PATH": "/bin"}
    withhold(environ)
    withhold(environ)
    assert environ == {"PATH": "/bin"}
