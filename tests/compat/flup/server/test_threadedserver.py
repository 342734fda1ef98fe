from __future__ import annotations

import socket
import threading

from gateways.compat.flup.server.threadedserver import ThreadedServer, setCloseOnExec
from tests.support.serving import PATIENCE, connect, until


class Job:
    """Says a word, when another has come."""

    def __init__(self, sock, addr, word):
        self.sock, self.word = sock, word

    def run(self):
        with self.sock:
            self.sock.sendall(self.word + b" ".join([b"", self.sock.recv(64)]))


def test_jobs_of_the_programs_own():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        setCloseOnExec(sock)
        server = ThreadedServer(Job, (b"hello",), maxThreads=2)
        returned = []
        thread = threading.Thread(target=lambda: returned.append(server.run(sock, timeout=0.02)))
        thread.start()
        clients = [connect(socket.AF_INET, sock.getsockname()) for _ in range(2)]
        until(lambda: server._threadPool._workerCount == 2)
        with connect(socket.AF_INET, sock.getsockname()) as third:
            assert third.recv(64) == b"", "there is no thread left for it"
        for client in clients:
            client.sendall(b"you")
            assert client.recv(64) == b"hello you"
            client.close()
        server._exit(reload=True)
        thread.join(PATIENCE)
        assert returned == [True]
        server.shutdown()


def test_pyload_and_cherrypy_put_functions_of_theirs_in_place(monkeypatch):
    monkeypatch.setattr(ThreadedServer, "_installSignalHandlers", lambda self: None)
    server = ThreadedServer()
    server._oldSIGs = []
    server._begin()
    server._threadPool.maxSpare = server._threadPool._idleCount
    server._keepGoing = False
    assert server._end() is False
