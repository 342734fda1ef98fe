"""Forking servers with jobs of the program's own."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.support.compat import script
from tests.support.processes import is_running
from tests.support.serving import PATIENCE, connect, until

CODE = """
import os, socket, sys
from flup.server.preforkserver import PreforkServer

class Job:
    def __init__(self, sock, addr, word):
        self.sock, self.word = sock, word
    def run(self):
        self.sock.sendall(b"%s %d" % (self.word, os.getpid()))
        self.sock.close()

sock = socket.socket(socket.AF_UNIX)
sock.bind("socket")
sock.listen(64)
server = PreforkServer(jobClass=Job, jobArgs=(b"word",), maxSpare=2, maxChildren=3, {more})
print("returned", server.run(sock), flush=True)
"""


def ask(tmp_path):
    with connect(socket.AF_UNIX, str(tmp_path / "socket")) as sock:
        word, _, pid = sock.recv(64).partition(b" ")
        assert word == b"word"
        return int(pid)


def reachable(tmp_path):
    try:
        return ask(tmp_path)
    except OSError:
        return 0


@pytest.mark.parametrize(("number", "value"), [(signal.SIGHUP, True), (signal.SIGTERM, False)])
def test_jobs_run_in_children(tmp_path, number, value):
    with script(tmp_path, CODE.format(more="")) as program:
        until(lambda: reachable(tmp_path), program.log)
        pids = {ask(tmp_path) for _ in range(5)}
        assert program.process.pid not in pids
        assert len(pids) <= 3
        os.kill(program.process.pid, number)
        assert program.wait() == 0
        assert f"returned {value}" in program.log
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_is_replaced_after_so_many(tmp_path):
    with script(tmp_path, CODE.format(more="maxRequests=1")) as program:
        until(lambda: reachable(tmp_path), program.log)
        pids = [ask(tmp_path) for _ in range(4)]
        assert len(set(pids)) == 4


def test_a_child_that_was_killed_is_replaced(tmp_path):
    with script(tmp_path, CODE.format(more="")) as program:
        until(lambda: reachable(tmp_path), program.log)
        first = ask(tmp_path)
        os.kill(first, signal.SIGKILL)
        until(lambda: len({ask(tmp_path) for _ in range(4)} - {first}) > 1, program.log)


def test_usr1_purges(tmp_path):
    with script(tmp_path, CODE.format(more="").replace("maxSpare=2", "maxSpare=1")) as program:
        until(lambda: reachable(tmp_path), program.log)
        first = ask(tmp_path)
        program.process.send_signal(signal.SIGUSR1)
        until(lambda: ask(tmp_path) != first, program.log)


def test_children_end_with_their_parent(tmp_path):
    with script(tmp_path, CODE.format(more="")) as program:
        until(lambda: reachable(tmp_path), program.log)
        pid = ask(tmp_path)
        program.process.kill()
        program.process.wait(PATIENCE)
        until(lambda: not is_running(pid), "for the child to end")
