from __future__ import annotations

import socket
import threading

from gateways.compat.flup.server.singleserver import SingleServer
from tests.support.serving import PATIENCE, connect


class Job:
    """Says which thread it is in."""

    def __init__(self, sock, addr):
        self.sock = sock

    def run(self):
        with self.sock:
            self.sock.sendall(threading.current_thread().name.encode())


def test_jobs_run_in_the_thread_of_run():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = SingleServer(Job, whatever=1)
        thread = threading.Thread(target=server.run, args=(sock, 0.02), name="mine")
        thread.start()
        for _ in range(3):
            with connect(socket.AF_INET, sock.getsockname()) as client:
                assert client.recv(64) == b"mine"
        server._keepGoing = False
        thread.join(PATIENCE)
        assert not thread.is_alive()
