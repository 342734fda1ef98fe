from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from gateways.compat.flup.server import fcgi, fcgi_base, fcgi_fork, fcgi_single
from gateways.compat.flup.server.fcgi_base import FCGI_REQUEST_COMPLETE, FCGI_UNKNOWN_ROLE, BaseFCGIServer
from gateways.compat.flup.server.threadedserver import ThreadedServer
from gateways.errors import BindError
from tests.support.compat import hello, running


def call(server, role=1, **params):
    stdout = io.BytesIO()
    params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/app", "REQUEST_URI": "/app/a%20b", **params}
    request = SimpleNamespace(role=role, params=params, stdin=io.BytesIO(), stdout=stdout, stderr=io.StringIO())
    return server.handler(request), stdout.getvalue(), request.params


@pytest.mark.parametrize("multithreaded", [True, False])
def test_the_handler_alone(multithreaded):
    server = BaseFCGIServer(hello, environ={"X": "x"}, multithreaded=multithreaded)
    status, output, environ = call(server, HTTPS="on")
    assert status == (FCGI_REQUEST_COMPLETE, 0)
    assert output.startswith(b"Content-Type: text/plain\r\nContent-Length: ")
    assert output.endswith(b"\r\nStatus: 200 OK\r\n\r\nhello /app|/a b\n")  # last: see encode_head
    assert environ["X"] == "x"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["wsgi.multithread"] is multithreaded
    assert not server._appLock.locked()


def test_an_authorizer_says_its_status_first():
    _, output, _ = call(BaseFCGIServer(hello, roles=(2,)), role=2)
    assert output.startswith(b"Status: 200 OK\r\n")


def test_a_role_that_is_not_served():
    assert call(BaseFCGIServer(hello), role=2)[:2] == ((FCGI_UNKNOWN_ROLE, 0), b"")


def test_the_usual_error():
    stdout = io.BytesIO()
    BaseFCGIServer(hello).error(SimpleNamespace(stdout=stdout))
    assert b"\r\nStatus: 500 Internal Server Error\r\n\r\n" in stdout.getvalue()


def test_capabilities():
    assert BaseFCGIServer(None, multiplexed=True).capability["FCGI_MPXS_CONNS"] == 1
    assert BaseFCGIServer(None).capability["FCGI_MPXS_CONNS"] == 0
    assert BaseFCGIServer(None)._connectionClass is fcgi_base.Connection


def test_debug(tmp_path, monkeypatch):
    monkeypatch.setattr(fcgi_base, "DEBUGLOG", str(tmp_path / "log"))
    fcgi_base._debug(1, "not this")
    monkeypatch.setattr(fcgi_base, "DEBUG", 1)
    fcgi_base._debug(1, "this")
    assert (tmp_path / "log").read_text().endswith("fcgi: this\n")


def test_a_star_import():
    names: dict[str, object] = {}
    exec("from gateways.compat.flup.server.fcgi_base import *", names)
    assert names["BaseFCGIServer"] is BaseFCGIServer


@pytest.fixture(params=[fcgi, fcgi_fork, fcgi_single])
def server_class(request):
    return request.param.WSGIServer


def test_an_address_that_is_taken(server_class, tmp_path):
    (tmp_path / "s").write_text("no socket")
    with pytest.raises(BindError):
        server_class(hello, bindAddress=str(tmp_path / "s")).run()
    with pytest.raises(OSError, match="not a socket"):
        server_class(hello, bindAddress=str(tmp_path / "s")).run()


def test_the_variable_for_web_servers(server_class, monkeypatch):
    server = server_class(hello, bindAddress=("127.0.0.1", 0))
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.1")
    server._cleanupSocket(server._setupSocket())
    assert server._isClientAllowed(("10.0.0.1", 1))
    assert not server._isClientAllowed(("10.0.0.2", 1))
    assert server._isClientAllowed("")


def test_a_server_that_a_program_puts_together():
    """Its ``run`` is the loop's, with a socket."""

    class Own(BaseFCGIServer, ThreadedServer):
        def __init__(self):
            BaseFCGIServer.__init__(self, hello, bindAddress=("127.0.0.1", 0))
            ThreadedServer.__init__(self, jobClass=self._connectionClass, jobArgs=(self, None))

    server = Own()
    serve = server.run
    server.run = lambda: serve(server._setupSocket())
    with running(server) as run:
        assert run.read("/a").startswith(b"hello ")
    server._cleanupSocket(run.sock)
