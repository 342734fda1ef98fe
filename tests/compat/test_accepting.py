from __future__ import annotations

import errno
import fcntl
import socket
import threading
from types import SimpleNamespace

import pytest

from gateways.compat.accepting import AcceptingServer, accept, accepted, setCloseOnExec
from tests.support.serving import connect, until


class Server:
    """What the loop asks of a server; it ends after ``rounds`` connections."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.looked = 0

    @property
    def _keepGoing(self):
        return self.rounds > 0

    def _isClientAllowed(self, address):
        self.rounds -= 1
        return self.rounds != 1

    def _serve_with(self, engine):
        self.engine = engine

    def _mainloopPeriodic(self):
        self.looked += 1


def listen():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def test_a_connection_that_may_not_and_others():
    with listen() as sock:
        clients = [connect(socket.AF_INET, sock.getsockname()) for _ in range(3)]
        server = Server(3)
        taken = []
        for client, address in accepted(server, sock, 0.01):
            assert client.getblocking()
            taken.append(address)
            client.close()
        names = [client.getsockname() for client in clients]
        for client in clients:
            client.close()
    assert taken == [names[0], names[2]]
    assert server.looked >= 3


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.ECONNABORTED])
def test_who_cannot_be_accepted_now(number):
    def fail():
        raise OSError(number, "no")

    assert accept(Server(1), SimpleNamespace(accept=fail)) is None


class Raced(socket.socket):
    """A listening socket from which another process takes each connection a moment before us."""

    def accept(self):
        super().accept()[0].close()
        return super().accept()


def test_a_connection_that_another_process_has_taken():
    class Once(Server):
        def _mainloopPeriodic(self):
            self.rounds = 0

    with Raced(fileno=socket.create_server(("127.0.0.1", 0)).detach()) as sock:
        sock.setblocking(True)  # as a program may give it
        with connect(socket.AF_INET, sock.getsockname()):
            assert list(accepted(Once(1), sock, 0.01)) == []


class Jobs(AcceptingServer):
    """Takes no job, and ends with the first, or when it was looked so often."""

    looked = 0

    def __init__(self):
        super().__init__(lambda *given: given, ("more",))
        self.jobs = []

    def _take(self, job):
        self.jobs.append(job)
        self._keepGoing = False
        return False

    def _mainloopPeriodic(self):
        self.looked += 1


def test_a_job_that_is_not_taken():
    server = Jobs()
    with listen() as sock, connect(socket.AF_INET, sock.getsockname()) as client:
        assert server.run(sock, 0.01) is False
        assert client.recv(1) == b""
    assert server.jobs[0][2] == "more"


def test_it_looks_while_nobody_comes():
    server = Jobs()
    with listen() as sock:
        thread = threading.Thread(target=server.run, args=(sock, 0.001))
        thread.start()
        until(lambda: server.looked >= 3)
        server._keepGoing = False
        thread.join(45)
        assert not thread.is_alive()


def test_close_on_exec():
    with listen() as sock:
        sock.set_inheritable(True)
        setCloseOnExec(sock)
        assert fcntl.fcntl(sock.fileno(), fcntl.F_GETFD) & fcntl.FD_CLOEXEC
