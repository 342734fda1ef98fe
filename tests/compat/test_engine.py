"""What an application sees and may do, by each protocol, and what of the servers a program may change."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

import pytest

from gateways.client import Client
from gateways.compat.engine import THREADS, thread_setting
from gateways.compat.flup.server import ajp, fcgi, fcgi_single, scgi
from gateways.errors import GatewayError
from tests.support import wire
from tests.support.compat import TEXT, answers, hello, running, script
from tests.support.serving import PATIENCE, connect, until

ANY = ("127.0.0.1", 0)
MODULES = [fcgi, scgi, ajp, fcgi_single]


class Counted(list):
    """A result that knows how many blocks it has, as some frameworks give."""


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("why")
    if path == "/bytes":
        start_response(b"200 OK", [(b"Content-Type", b"text/plain"), ("Connection", "close"), (b"X-A", "\xe4")])
        return ["text ", b"and bytes"]
    write = start_response("200 OK", TEXT)
    if path == "/write":
        write("written ")
        return iter(["and ", b"iterated"])
    if path == "/single":
        return Counted(["one"])
    if path == "/half":
        write("half")
        raise ValueError("why")
    facts = [environ.get(name) for name in ("X", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")]
    return [f"{path}?{environ['QUERY_STRING']} {facts} ", environ["wsgi.input"].read()]


@pytest.fixture(scope="module", params=MODULES)
def served(request):
    module = request.param
    with running(module.WSGIServer(application, environ={"X": "x"}, bindAddress=ANY)) as run:
        yield run


def test_an_environ(served):
    multithread = "fcgi_single" not in type(served.server).__module__
    assert served.read("/a%20b?c=%20") == f"/a b?c=%20 ['x', {multithread}, False, False] ".encode()


def test_a_body(served):
    assert served.read("/", method="POST", body=b"b" * 100_000).endswith(b" " + b"b" * 100_000)


def test_text_or_bytes(served):
    with served.get("/bytes") as response:
        assert response.header("X-A") == "ä"
        assert response.header("Connection") is None
        assert response.read() == b"text and bytes"
    assert served.read("/write") == b"written and iterated"


def test_the_length_of_a_single_block(served):
    with served.get("/single") as response:
        assert response.header("Content-Length") == "3"


def test_an_error_before_and_in_the_middle(served):
    with served.get("/fail") as response:
        assert response.status == 500
        assert b"why" not in response.read()
    with pytest.raises(GatewayError):
        served.read("/half")
    assert served.read("/on").startswith(b"/on")


@pytest.mark.parametrize("module", [fcgi, scgi, ajp])
def test_a_program_answers_for_errors(module):
    class Mine(module.WSGIServer):
        def error(self, req):
            text = repr(sys.exc_info()[1]).encode()
            if hasattr(req, "stdout"):
                req.stdout.write(b"Status: 503 Mine\r\nContent-Type: text/plain\r\n\r\n" + text)
            else:
                req.startResponse(503, b"Mine", [(b"Content-Type", b"text/plain")])
                req.write(text)

    with running(Mine(application, environ={"X": "x"}, bindAddress=ANY)) as run:
        with run.get("/fail") as response:
            assert (response.status, response.reason) == (503, "Mine")
            assert response.read() == b"ValueError('why')"
        with pytest.raises(GatewayError):
            run.read("/half")
        with run.get("/single") as response:
            assert response.header("Content-Length") == "3"
        assert run.read("/a%20b?c", method="POST", body=b"body") == b"/a b?c ['x', True, False, False] body"
        assert run.read("/write") == b"written and iterated"


@pytest.mark.parametrize("module", [fcgi, scgi, ajp])
def test_debug_shows_the_reason(module):
    with running(module.WSGIServer(application, bindAddress=ANY, debug=True)) as run:
        assert b"ValueError: why" in run.read("/fail")


def test_a_handler_of_the_program():
    class Mine(fcgi.WSGIServer):
        def handler(self, req):
            req.params["PATH_INFO"] = "/mine"
            return fcgi.BaseFCGIServer.handler(self, req)

    with running(Mine(application, bindAddress=ANY)) as run:
        assert run.read("/other").startswith(b"/mine?")


def test_sanitize_of_the_program():
    class Mine(fcgi.WSGIServer):
        def _sanitizeEnv(self, environ):
            environ["PATH_INFO"] = "/mine"

    with running(Mine(application, bindAddress=ANY)) as run:
        assert run.read("/other").startswith(b"/mine?")


@pytest.mark.parametrize("module", MODULES)
def test_who_may_connect_is_for_the_program_to_say(module):
    asked = []

    class Mine(module.WSGIServer):
        def _isClientAllowed(self, addr):
            asked.append(addr)
            return len(asked) > 1

    with running(Mine(application, bindAddress=ANY)) as run:
        assert not answers(run.server.protocol, run.address)
        assert answers(run.server.protocol, run.address)
    assert asked[0][0] == "127.0.0.1"


@pytest.mark.parametrize(("allowed", "answer"), [(["10.0.0.1"], False), (["10.0.0.1", "127.0.0.0/8"], True)])
def test_allowed_servers(monkeypatch, allowed, answer):
    for module in (scgi, ajp):
        with running(module.WSGIServer(application, bindAddress=ANY, allowedServers=allowed)) as run:
            assert answers(run.server.protocol, run.address) is answer
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", ",".join(allowed))
    with running(fcgi.WSGIServer(application, bindAddress=ANY)) as run:
        assert answers("fastcgi", run.address) is answer


def test_a_port_for_anybody_is_worth_a_warning(capfd):
    with running(scgi.WSGIServer(application, bindAddress=("", 0))):
        pass
    assert "give allowedServers" in capfd.readouterr().err
    with running(scgi.WSGIServer(application, bindAddress=ANY)):
        pass
    assert "allowedServers" not in capfd.readouterr().err


def test_roles():
    role = {}

    def telling(environ, start_response):
        role.update(environ)
        return hello(environ, start_response)

    def ask(run, number):
        data = wire.begin(role=number) + wire.stream(4, 1, wire.pairs(wire.GET)) + wire.record(5, 1)
        with connect(socket.AF_INET, run.name) as sock:
            sock.sendall(data)
            return wire.answer(wire.parse_records(wire.receive_all(sock))).status

    with running(fcgi.WSGIServer(telling, bindAddress=ANY)) as run:
        assert ask(run, 1).startswith("200")
        assert ask(run, 2).startswith("403")
    role.clear()
    with running(fcgi.WSGIServer(telling, bindAddress=ANY, roles=(2,))) as run:
        assert ask(run, 1).startswith("403")
        assert not role
        assert ask(run, 2).startswith("200")
        assert role["FCGI_ROLE"] == "AUTHORIZER"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"threads": THREADS}),
        ({"maxThreads": 15}, {"threads": 15}),
        ({"maxThreads": 1, "minSpare": 3}, {"threads": 3}),
        ({"multithreaded": False}, {"threads": 1}),
    ],
)
def test_threads(monkeypatch, given, expected):
    monkeypatch.delenv("GATEWAYS_THREADS", raising=False)
    assert thread_setting(fcgi.WSGIServer(None, **given)) == expected


def test_threads_of_the_environment(monkeypatch):
    monkeypatch.setenv("GATEWAYS_THREADS", "3")
    assert thread_setting(fcgi.WSGIServer(None)) == {}
    assert thread_setting(fcgi.WSGIServer(None, maxThreads=5)) == {"threads": 5}


def test_requests_at_a_time():
    both = threading.Barrier(2)

    def meet(environ, start_response):
        both.wait(PATIENCE)
        return hello(environ, start_response)

    with running(fcgi.WSGIServer(meet, bindAddress=ANY)) as run:
        threads = [threading.Thread(target=run.read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert not both.broken


def test_multiplexed():
    with running(fcgi.WSGIServer(hello, bindAddress=ANY, multiplexed=True)) as run, connect(2, run.name) as sock:
        sock.sendall(wire.record(9, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b"")])))
        assert wire.RecordReader(sock).record().content == wire.pairs([(b"FCGI_MPXS_CONNS", b"1")])


def test_what_is_called_now_and_then():
    called = threading.Event()

    class Mine(fcgi.WSGIServer):
        def _mainloopPeriodic(self):
            called.set()

    with running(Mine(hello, bindAddress=ANY)):
        assert called.wait(PATIENCE)


def test_kept_connections():
    with running(fcgi.WSGIServer(hello, bindAddress=ANY)) as run, Client("fastcgi", run.address) as client:
        for _ in range(3):
            with client.request(target="/p") as response:
                assert response.read() == b"hello |/p\n"


CODE = """
import sys
from flup.server.{module} import WSGIServer

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["hello"]

print("returned", WSGIServer(application, bindAddress="socket").run(), flush=True)
sys.exit(42)
"""


@pytest.mark.parametrize("module", ["fcgi", "fcgi_single", "scgi"])
@pytest.mark.parametrize(("number", "value"), [(signal.SIGHUP, True), (signal.SIGTERM, False), (signal.SIGINT, False)])
def test_signals(tmp_path, module, number, value):
    with script(tmp_path, CODE.format(module=module)) as program:
        until(lambda: answers(module.partition("_")[0].replace("fcgi", "fastcgi"), f"unix:{tmp_path}/socket"))
        os.kill(program.process.pid, number)
        assert program.wait() == 42
        assert f"returned {value}" in program.log
    assert not (tmp_path / "socket").exists()


SPAWNED = """
import os, sys
from flup.server.fcgi import WSGIServer

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["%s %s" % (os.getpid(), len(sys.argv))]

if WSGIServer(application).run():
    os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
"""


def test_on_the_socket_of_a_web_server_and_again_after_sighup(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "web"))
        listening.listen(64)
        with script(tmp_path, SPAWNED, stdin=listening) as program:
            address = f"unix:{tmp_path}/web"
            with Client("fastcgi", address, timeout=PATIENCE, keep=False) as client:

                def ask():
                    with client.request() as response:
                        return response.read().split()

                pid, count = ask()
                assert (int(pid), count) == (program.process.pid, b"1")
                program.process.send_signal(signal.SIGHUP)
                until(lambda: ask()[1] == b"2", program.log)
                program.process.send_signal(signal.SIGTERM)
                assert program.wait() == 0
