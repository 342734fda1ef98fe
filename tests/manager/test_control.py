"""The control socket in the master's loop: who may ask, how many, and that nobody holds it up."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct

import pytest

from gateways.errors import BindError
from gateways.manager import control
from gateways.manager.control import MAX_CONNECTIONS, MAX_FOLLOWERS, ControlSocket
from gateways.manager.conversation import ASK_TIMEOUT, HEARTBEAT
from gateways.manager.tickets import done
from tests.manager.answering import Loop, Master
from tests.support.processes import NOBODY, as_nobody
from tests.support.serving import PATIENCE, connect, open_descriptors


@pytest.fixture
def loop(socket_dir):
    with Loop(socket_dir / "control") as loop:
        yield loop


@pytest.fixture
def peers():
    """Connections that are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda loop: stack.enter_context(connect(socket.AF_UNIX, loop.control.path))


def lines(sock):
    """All lines up to the end of the connection."""
    data = b""
    while block := sock.recv(65536):
        data += block
    return [json.loads(line) for line in data.splitlines()]


def ask(loop, sock, **question):
    sock.sendall(json.dumps(question).encode() + b"\n")
    loop.settle()


# The file


def test_it_is_its_owners_alone(loop):
    assert stat.S_IMODE(os.stat(loop.control.path).st_mode) == 0o600
    loop.control.close()
    assert not os.path.exists(loop.control.path)


def test_a_file_left_behind_is_replaced(socket_dir, peers):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "control"))
    with Loop(socket_dir / "control") as loop:
        ask(loop, peer := peers(loop), ask="ping")
        assert lines(peer) == [done()]


def test_that_of_a_living_master_is_not(loop):
    with pytest.raises(BindError, match=r"control socket: .* another process listens there"):
        ControlSocket(loop.control.path, Master(), loop.log)
    assert os.path.exists(loop.control.path)


def test_only_its_own_file_is_removed(loop):
    os.rename(loop.control.path, loop.control.path + ".old")
    with Loop(loop.control.path) as other:
        loop.control.close()
        assert os.path.exists(other.control.path)


def test_the_path_does_not_depend_on_the_working_directory(socket_dir, monkeypatch):
    monkeypatch.chdir(socket_dir)
    with Loop("control") as loop:
        monkeypatch.chdir("/")
        assert loop.control.path == str(socket_dir / "control")
        loop.control.close()
        assert not (socket_dir / "control").exists()


def test_a_child_closes_it_and_leaves_the_file(socket_dir, peers):
    before = open_descriptors()
    with Loop(socket_dir / "control") as loop:
        peers(loop)
        loop.settle()
        loop.control.close_in_child()
        assert os.path.exists(loop.control.path)
    assert open_descriptors() == before + 1  # the peer's


def test_it_can_be_inherited(socket_dir, peers):
    with Loop(socket_dir / "control") as first:
        copy = first.control.sock.dup()
        with Loop(socket_dir / "control", inherited=(copy, first.control.file)) as second:
            peer = peers(first)
            ask(second, peer, ask="ping")
            assert lines(peer) == [done()]


# Asking


def test_each_connection_has_its_question(loop, peers):
    loop.master.figures = {"pools": [{"pool": "shop"}]}
    for _ in range(3):
        ask(loop, peer := peers(loop), ask="status")
        assert lines(peer) == [done(status=loop.master.figures)]
    assert loop.log.entries == []  # looking is not worth a line


def test_who_asks_for_a_change_is_in_the_log(loop, peers):
    ask(loop, peers(loop), ask="reopen")
    assert loop.master.asked == ["reopen"]
    assert loop.log.entries == [
        ("notice", f"control: reopen asked by process {os.getpid()} of user {os.geteuid()}"),
    ]


def test_a_follower_hears_of_a_reload_to_its_end(loop, peers):
    ask(loop, peer := peers(loop), ask="reload", pool="shop")
    assert loop.master.asked == [("reload", "shop")]
    loop.master.ticket.tell("booting", "1 of 2 workers is ready")
    loop.master.ticket.end("no")
    loop.settle()
    assert lines(peer) == [{"state": "booting", "text": "1 of 2 workers is ready"}, done("no")]


def test_a_wrong_question_is_refused(loop, peers):
    ask(loop, peer := peers(loop), ask="reload", pool="shpo")
    [line] = lines(peer)
    assert (line["refused"], line["failure"]) == (True, "there is no pool 'shpo'; there is shop")


def test_a_fault_of_the_master_costs_the_answer_only(loop, peers, monkeypatch):
    monkeypatch.setattr(loop.master, "status", lambda: 1 / 0)
    ask(loop, peer := peers(loop), ask="status")
    [line] = lines(peer)
    assert line["failure"] == "the master failed to answer: ZeroDivisionError; its error log says more"
    assert "Traceback" in loop.log.text("exception")
    ask(loop, peer := peers(loop), ask="ping")
    assert lines(peer) == [done()]


def test_figures_that_are_no_json_are_a_fault_too(loop, peers):
    loop.master.figures = {"pools": {1, 2}}
    ask(loop, peer := peers(loop), ask="status")
    [line] = lines(peer)
    assert line["failure"].startswith("the master failed to answer: TypeError")


def test_all_who_are_connected_hear_of_another_program(loop, peers):
    ask(loop, follower := peers(loop), ask="reload")
    silent = peers(loop)
    loop.settle()
    loop.control.replaced()
    loop.settle()
    assert lines(follower) == lines(silent) == [{"replaced": True}]


def test_a_descriptor_is_closed_only_when_the_loop_lets_go_of_it(loop, peers):
    ask(loop, peers(loop), ask="reload")
    (fd,) = loop.control.interests().keys() - {loop.control.sock.fileno()}
    loop.master.ticket.end()
    os.fstat(fd)  # another file must not get its number while the loop may still know it
    assert fd not in loop.control.interests()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


# Who may


class Stranger:
    """A connection of another user, as the system reports it."""

    def __init__(self, uid: int) -> None:
        self.uid = uid

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return struct.pack("3i", 7, self.uid, self.uid)


def test_another_user_is_refused_whatever_the_mode(loop, peers, monkeypatch):
    stranger = os.geteuid() + 1
    monkeypatch.setattr(control, "_admitted", lambda sock: admitted(Stranger(stranger)))
    ask(loop, peer := peers(loop), ask="stop")
    [line] = lines(peer)
    assert line["failure"] == f"user {stranger} may not ask: be user {os.geteuid()} or root"
    assert loop.master.asked == []


admitted = control._admitted


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_its_owner_and_root_may(uid):
    assert admitted(Stranger(uid)) == f"process 7 of user {uid}"


def test_the_system_says_who_it_is(loop):
    if os.geteuid() != 0:
        return  # only root can be somebody else
    os.chmod(loop.control.path, 0o666)
    with loop.running():
        failure = as_nobody(lambda: _ask_once(loop.control.path))
    assert failure == f"user {NOBODY} may not ask: be user 0 or root"
    assert loop.master.asked == []


def _ask_once(path: str) -> str:
    with connect(socket.AF_UNIX, path) as sock:
        sock.sendall(b'{"ask": "stop"}\n')
        failure: str = lines(sock)[0]["failure"]
        return failure


# How many, how long


def test_there_is_room_for_so_many_and_the_others_wait(loop, peers):
    crowd = [peers(loop) for _ in range(MAX_CONNECTIONS)]
    loop.settle()
    crowd += [peers(loop) for _ in range(5)]
    assert len(loop.control.interests()) == MAX_CONNECTIONS
    assert loop.turn(0) == 0  # nothing spins while the others wait
    for peer in crowd:
        ask(loop, peer, ask="ping")
    loop.settle()
    for peer in crowd:
        assert lines(peer) == [done()]


def test_followers_leave_room_for_others(loop, peers):
    crowd = [peers(loop) for _ in range(MAX_FOLLOWERS)]
    for peer in crowd:
        ask(loop, peer, ask="reload")
    ask(loop, peer := peers(loop), ask="reload")
    [line] = lines(peer)
    assert line["failure"] == "it was begun, but too many wait for its end already; the log will tell"
    ask(loop, peer := peers(loop), ask="stop")
    [line] = lines(peer)
    assert loop.master.asked[-1] == "stop"
    for peer in crowd:
        peer.close()
    loop.settle()
    ask(loop, peer := peers(loop), ask="reload")
    loop.master.ticket.end()
    loop.settle()
    assert lines(peer)[-1] == done()


def test_who_does_not_ask_is_cut_off_and_others_are_not(loop, peers):
    silent = peers(loop)
    loop.settle()
    assert loop.control.deadline() == loop.clock.now + ASK_TIMEOUT
    loop.clock.now += ASK_TIMEOUT / 2
    ask(loop, follower := peers(loop), ask="reload")
    loop.clock.now += ASK_TIMEOUT / 2
    loop.control.expire()
    loop.settle()
    assert lines(silent) == []
    loop.clock.now += HEARTBEAT / 2
    loop.control.expire()
    loop.master.ticket.end()
    loop.settle()
    assert lines(follower) == [{"state": "alive"}, done()]
    assert loop.control.deadline() is None


def test_without_descriptors_it_pauses(loop, peers, monkeypatch):
    class Short:
        def accept(self):
            raise OSError(24, "Too many open files")

        def __getattr__(self, name):
            return getattr(sock, name)

    peer, sock = peers(loop), loop.control.sock
    monkeypatch.setattr(loop.control, "sock", Short())
    loop.turn()
    assert loop.control.interests() == {}
    assert loop.control.deadline() == loop.clock.now + 1
    monkeypatch.setattr(loop.control, "sock", sock)
    loop.clock.now += 1
    loop.control.expire()
    ask(loop, peer, ask="ping")
    assert lines(peer) == [done()]


def test_nothing_is_left_open(socket_dir):
    before = open_descriptors()
    with Loop(socket_dir / "control") as loop, loop.running():
        for number in range(50):
            with connect(socket.AF_UNIX, loop.control.path) as sock:
                if number % 3:
                    sock.sendall(b'{"ask": "reload"}\n' if number % 2 else b"nonsense")
        _ask_ping(loop.control.path)
    assert open_descriptors() == before


def _ask_ping(path: str) -> None:
    with connect(socket.AF_UNIX, path) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(b'{"ask": "ping"}\n')
        assert lines(sock) == [done()]
