"""What a new program takes over and what it opens itself; the rest is in test_upgrading.py, from outside."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.addresses import parse_address
from gateways.errors import BindError
from gateways.manager.control import ControlSocket
from gateways.manager.handover import Handover, PassedFile, PassedListener, PassedPool
from gateways.manager.pidfile import PidFile
from gateways.manager.rules import Rules
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.takeover import Takeover
from gateways.server.listeners import Listener, open_listeners
from gateways.settings import Settings
from tests.manager.answering import Master
from tests.support.serving import RecordingLog, connect


@pytest.fixture
def log():
    return RecordingLog()


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def takeover(log: RecordingLog, **passed: Any) -> Takeover:
    return Takeover(Handover(**passed), cast(Any, log))


def pass_on(listener: Listener, pool: str = "app") -> PassedListener:
    """Return what the earlier master says of a listener, with a descriptor of its own."""
    identity = listener.file.identity if listener.file else None
    return PassedListener(pool, listener.protocol, str(listener.asked), os.dup(listener.fileno()), identity)


def open_unix(path: Path, stack: ExitStack) -> Listener:
    (listener,) = open_listeners("fastcgi", parse_address(f"unix:{path}"))
    stack.callback(listener.sock.close)
    return listener


# Sockets


def test_an_ordinary_start_opens_everything(log, stack, socket_dir):
    nothing = Takeover(None, cast(Any, log))
    (listener,) = nothing.listen([("fastcgi", f"unix:{socket_dir}/socket")], Settings(), stack)
    assert not nothing.active
    assert nothing.ticket.outcome is not None
    with pytest.raises(BindError):
        nothing.listen([("fastcgi", f"unix:{socket_dir}/socket")], Settings(), stack)
    assert listener.fileno() > 0


def test_a_socket_is_kept_and_its_settings_may_change(log, stack, socket_dir):
    before = open_unix(socket_dir / "socket", stack)
    with connect(socket.AF_UNIX, f"{socket_dir}/socket"):  # who waits goes on waiting
        new = takeover(log, listeners=(pass_on(before),))
        settings = Settings(socket_mode=0o600)
        (listener,) = new.listen([("scgi", f"unix:{socket_dir}/socket")], settings, stack)
        listener.sock.accept()[0].close()
    assert listener.protocol == "scgi"
    assert stat.S_IMODE(os.stat(socket_dir / "socket").st_mode) == 0o600
    listener.close()
    assert not (socket_dir / "socket").exists()


def test_port_0_stays_the_port_it_became(log, stack):
    (before,) = open_listeners("fastcgi", parse_address("127.0.0.1:0"))
    stack.callback(before.close)
    (listener,) = takeover(log, listeners=(pass_on(before),)).listen([("fastcgi", ":0")], Settings(), stack)
    assert listener.address == before.address
    assert listener.asked == parse_address("127.0.0.1:0")


def test_a_file_that_is_anothers_by_now_is_not_kept(log, stack, socket_dir):
    before = open_unix(socket_dir / "socket", stack)
    passed = pass_on(before)
    os.unlink(socket_dir / "socket")
    new = takeover(log, listeners=(passed,))
    (listener,) = new.listen([("fastcgi", f"unix:{socket_dir}/socket")], Settings(), stack)
    with connect(socket.AF_UNIX, f"{socket_dir}/socket"):
        listener.sock.accept()[0].close()
    os.close(passed.fd)


def test_what_cannot_be_opened_is_left_out_and_said(log, stack, socket_dir):
    new = takeover(log)
    addresses = [("fastcgi", f"unix:{socket_dir}/none/socket"), ("fastcgi", f"unix:{socket_dir}/socket")]
    (listener,) = new.listen(addresses, Settings(), stack)
    assert listener.address == parse_address(f"unix:{socket_dir}/socket")
    assert "there is no directory" in log.text("error")
    assert new._problems


def test_what_was_given_at_the_start_is_known(log, stack):
    rows = [PassedListener("app", "fastcgi", "fd:0"), PassedListener("app", "fastcgi", "fd:0")]
    assert takeover(log, listeners=tuple(rows)).addresses_of("app") == [("fastcgi", "fd:0")]
    assert takeover(log, listeners=tuple(rows)).addresses_of("other") == []


# The control socket


def open_control(path: Path) -> tuple[ControlSocket, PassedFile]:
    control = ControlSocket(str(path), Master(), cast(Any, RecordingLog()))
    return control, PassedFile(control.path, os.dup(control.sock.fileno()), control.file.identity)


def test_the_control_socket_is_kept(log, socket_dir):
    before, passed = open_control(socket_dir / "control")
    before.sock.close()
    control = takeover(log, control=passed).control(f"{socket_dir}/control", Master())
    assert control is not None
    connect(socket.AF_UNIX, control.path).close()
    control.close()
    assert not (socket_dir / "control").exists()


@pytest.mark.parametrize("other", ["other", None])
def test_a_control_socket_elsewhere(log, socket_dir, other):
    before, passed = open_control(socket_dir / "control")
    before.sock.close()
    path = other and str(socket_dir / other)
    control = takeover(log, control=passed).control(path, Master())
    assert not (socket_dir / "control").exists()
    assert (control is None) == (other is None)
    if control is not None:
        control.close()


def test_a_control_socket_that_cannot_be_opened(log, socket_dir):
    assert takeover(log).control(f"{socket_dir}/none/control", Master()) is None
    assert "there is no directory" in log.text("error")
    with pytest.raises(BindError):
        Takeover(None, cast(Any, log)).control(f"{socket_dir}/none/control", Master())


# The pid file


@pytest.mark.parametrize("name", ["pid", "other", None])
def test_the_pid_file(log, tmp_path, name):
    before = PidFile(str(tmp_path / "pid"))
    before.take()
    passed = PassedFile(before.path, before.fileno())
    file = takeover(log, pid_file=passed).pid_file(name and str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ([name] if name else [])
    if file is not None:
        assert (tmp_path / str(name)).read_text() == f"{os.getpid()}\n"
        file.remove()
    assert list(tmp_path.iterdir()) == []


# Counting, and the scoreboard


def test_numbers_go_on(log):
    new = takeover(log, pools={"shop": PassedPool(17, 4)})
    policy = new.policy("shop", Rules(workers=1), 0.0)
    assert (policy.next_worker, policy.generation) == (17, 5)
    policy = new.policy("blog", Rules(workers=1), 0.0)
    assert (policy.next_worker, policy.generation) == (1, 1)


@pytest.mark.parametrize(("slots", "records", "kept"), [(4, 2, True), (3, 1, True), (5, 2, False), (4, 3, False)])
def test_a_scoreboard_is_kept_if_it_is_large_enough(log, slots, records, kept):
    before = Scoreboard.create(4, 2)
    if before.fileno() < 0:
        return  # a system where it cannot be passed on
    before.claim("shop", 7, 1)
    board = takeover(log, board=os.dup(before.fileno())).board(slots, records)
    assert [row.worker for row in board.look().rows] == ([7] if kept else [])
    assert board.slots >= slots
    before.close()
    board.close()


def test_what_is_no_scoreboard_is_replaced(log):
    fd = os.open(os.devnull, os.O_RDWR)
    board = takeover(log, board=fd).board(1, 1)
    assert board.slots == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd) if fd != board.fileno() else os.fstat(1_000_000)
    board.close()
