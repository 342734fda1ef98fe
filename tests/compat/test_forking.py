from __future__ import annotations

import os
import signal

import pytest

from gateways.client import request
from gateways.compat.flup.server import fcgi_fork, scgi_fork
from gateways.compat.forking import worker_settings
from gateways.errors import GatewayError
from tests.support.compat import answers, script
from tests.support.serving import PATIENCE, until

pytestmark = pytest.mark.managed

CODE = """
import os, signal, sys
from flup.server.{module} import WSGIServer

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left <= {patience}, left
        signal.raise_signal(signal.SIGALRM)  # as if it were over
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["%s %s %s" % (os.getpid(), environ["wsgi.multiprocess"], environ["wsgi.multithread"])]

class Mine(WSGIServer):
    def error(self, req):
        req.stdout.write(b"Status: 504 Mine\\r\\n\\r\\n" + repr(sys.exc_info()[0]).encode())

print("returned", Mine(application, bindAddress={address}, maxSpare=2, **{more}).run(), flush=True)
sys.exit(42)
"""


@pytest.fixture
def program(tmp_path):
    code = CODE.format(module="fcgi_fork", address="'socket'", patience=PATIENCE, more={"timeout": PATIENCE})
    with script(tmp_path, code) as program:
        until(lambda: answers("fastcgi", f"unix:{tmp_path}/socket"), program.log)
        yield program


def ask(tmp_path, target="/"):
    with request("fastcgi", f"unix:{tmp_path}/socket", target=target, timeout=PATIENCE) as response:
        return response.status, response.read().decode().split()


def replaced(tmp_path, before):
    try:
        return ask(tmp_path)[1][0] not in before
    except GatewayError:
        return False  # a worker was about to end, and a busy machine took its time


def test_processes_are_replaced_by_usr1_and_end_with_sighup(tmp_path, program):
    status, (pid, multiprocess, multithread) = ask(tmp_path)
    assert (status, multiprocess, multithread) == (200, "True", "False")
    assert int(pid) != program.process.pid
    before = {pid}
    program.process.send_signal(signal.SIGUSR1)
    until(lambda: "all workers are replaced" in program.log)
    until(lambda: replaced(tmp_path, before), program.log)

    def timed_out():
        """The time is over, which is the program's own to answer; workers that are leaving may break a request off."""
        try:
            status, words = ask(tmp_path, "/slow")
        except GatewayError:
            return False
        return status == 504 and "TimeoutException" in " ".join(words)

    until(timed_out, program.log)
    program.process.send_signal(signal.SIGHUP)
    assert program.wait() == 42
    assert "returned True" in program.log
    assert not (tmp_path / "socket").exists()


def test_sigterm(tmp_path):
    code = CODE.format(module="scgi_fork", address="('127.0.0.1', 0)", patience=PATIENCE, more={})
    with script(tmp_path, code) as program:
        until(lambda: "ready: 2 workers" in program.log, program.log)
        os.kill(program.process.pid, signal.SIGTERM)
        assert program.wait() == 42
        assert "returned False" in program.log


THREAD = """
import threading
from flup.server.fcgi_fork import WSGIServer

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["hello"]

server = WSGIServer(application, bindAddress="socket")
thread = threading.Thread(target=lambda: print("returned", server.run(), flush=True))
thread.start()
input()
server._keepGoing = False
thread.join()
"""


def test_in_another_thread(tmp_path):
    out, into = os.pipe()
    with script(tmp_path, THREAD, stdin=out) as program:
        os.close(out)
        until(lambda: answers("fastcgi", f"unix:{tmp_path}/socket"), program.log)
        os.write(into, b"\n")
        os.close(into)
        assert program.wait() == 0
        assert "returned False" in program.log


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"workers": 50, "min_spare": 1, "max_spare": 5, "start_workers": 5, "max_requests": 0}),
        ({"maxSpare": 60, "maxChildren": 7}, {"workers": 60, "max_spare": 60}),
        ({"maxRequests": 9, "minSpare": 2}, {"max_requests": 9, "min_spare": 2}),
        ({"timeout": 10}, {"request_terminate_timeout": 15.0}),
    ],
)
@pytest.mark.parametrize("module", [fcgi_fork, scgi_fork])
def test_flups_keywords(module, given, expected):
    settings = worker_settings(module.WSGIServer(None, **given))
    assert settings["threads"] == 1
    assert settings["pm"] == "dynamic"
    assert {name: settings[name] for name in expected} == expected
