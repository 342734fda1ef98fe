"""Old workers are told to stop when nobody waits any more where they alone serve."""

from __future__ import annotations

import math
import socket

import pytest

from gateways.addresses import parse_address
from gateways.manager.channel import Channel, pair
from gateways.manager.inheritance import _PATIENCE, Inheritance
from gateways.manager.process import Process
from gateways.server.listeners import open_listeners
from tests.support.serving import connect


class Old:
    """A worker, or rather its end of the channel."""

    def __init__(self, number: int) -> None:
        ours, self.sock = pair()
        self.sock.setblocking(False)
        self.process = Process(number, 1, Channel(ours), None, 100 + number)

    def heard(self) -> str:
        try:
            return self.sock.recv(4096).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        self.process.channel.close()
        self.sock.close()


@pytest.fixture
def old():
    workers = [Old(number) for number in range(3)]
    yield workers
    for worker in workers:
        worker.close()


@pytest.fixture
def inheritance(socket_dir):
    inheritance = Inheritance()
    inheritance.adopted |= {1, 2}
    inheritance.former += open_listeners("fastcgi", parse_address(f"unix:{socket_dir}/socket"))
    yield inheritance
    inheritance.release()


def test_without_former_listeners_it_is_said_at_once(old):
    inheritance = Inheritance()
    inheritance.adopted.add(1)
    inheritance.dismiss(old[1].process, "stop reload", 0.0)
    assert old[1].heard() == "stop reload\n"
    assert inheritance.tick(0.0) == math.inf


def test_workers_of_ones_own_do_not_serve_them(old, inheritance):
    inheritance.dismiss(old[0].process, "stop idle", 0.0)
    assert old[0].heard() == "stop idle\n"
    assert inheritance.former


def test_who_waits_is_waited_for(old, inheritance, socket_dir):
    path = f"{socket_dir}/socket"
    (listener,) = inheritance.former
    with connect(socket.AF_UNIX, path):
        for worker in old[1:]:
            inheritance.dismiss(worker.process, "stop reload", 0.0)
        assert 0 < inheritance.tick(0.0) < 1
        assert [worker.heard() for worker in old] == ["", "", ""]
        with pytest.raises(OSError, match=r"refused|No such file"):
            connect(socket.AF_UNIX, path)
        listener.sock.accept()[0].close()
        assert inheritance.tick(0.1) == math.inf
    assert [worker.heard() for worker in old] == ["", "stop reload\n", "stop reload\n"]
    assert inheritance.former == []
    assert listener.fileno() == -1


def test_it_does_not_wait_for_ever(old, inheritance, socket_dir):
    with connect(socket.AF_UNIX, f"{socket_dir}/socket"):
        inheritance.dismiss(old[1].process, "stop reload", 0.0)
        assert inheritance.tick(_PATIENCE - 0.1) < 1
        assert inheritance.tick(_PATIENCE) == math.inf
        assert old[1].heard() == "stop reload\n"


def test_a_child_closes_them_and_leaves_the_file(inheritance, socket_dir):
    for close in inheritance.closers():
        close()
    assert (socket_dir / "socket").exists()
