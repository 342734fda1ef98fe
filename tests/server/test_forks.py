"""Processes that the application forks off hold nothing of ours, and do not serve (L21)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support import wire
from tests.support.applications import hello
from tests.support.processes import fork, is_running
from tests.support.program import running
from tests.support.serving import serving, until

APPLICATION = """
import os, sys, time

def application(environ, start_response):
    child = os.fork()
    if not child:
        if environ["PATH_INFO"] == "/stay":
            time.sleep(60)
            os._exit(0)
        sys.exit(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % child]
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    path = tmp_path / "forking.py"
    path.write_text(APPLICATION)
    return path


@pytest.mark.parametrize("threads", ["1", "8"])
def test_L21_a_connection_ends_though_a_child_lives(socket_dir: Path, application: Path, threads: str) -> None:
    with running(socket_dir, "--threads", threads, application=application) as program:
        with program.send("/stay") as sock:
            answer = wire.receive_all(sock)  # to the end of the connection
        os.kill(int(wire.answer(wire.parse_records(answer)).body), signal.SIGKILL)


@pytest.mark.parametrize("threads", ["1", "8"])
def test_L21_a_child_that_comes_back_does_not_serve(socket_dir: Path, application: Path, threads: str) -> None:
    with running(socket_dir, "--threads", threads, application=application) as program:
        child = int(program.ask("/leave"))
        until(lambda: not is_running(child))
        assert program.ask("/leave")


def test_L21_a_child_does_not_wait_for_a_lock_that_another_thread_held() -> None:
    with serving(hello) as served:
        served.check_alive()
        with served.server._lock:  # as the thread that promotes another one does
            child = fork()
            if not child:
                os._exit(served.server._lock.locked())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
