from __future__ import annotations

import pytest

from gateways.compat.flup.client import fcgi_app
from gateways.compat.flup.client.fcgi_app import FCGIApp, Record
from gateways.compat.flup.server.fcgi import WSGIServer
from tests.support.compat import hello, running


@pytest.mark.parametrize("given", [{}, {"host": "h"}, {"command": "c", "connect": "/s"}])
def test_what_has_to_be_given(given):
    with pytest.raises(AssertionError):
        FCGIApp(**given)


def test_there_is_no_command():
    with pytest.raises(NotImplementedError):
        FCGIApp(command="php")({}, print)


def test_a_request_of_the_programs_own():
    """As programs do that have a ``__call__`` of their own."""
    with running(WSGIServer(hello, bindAddress=("127.0.0.1", 0))) as run:
        app = FCGIApp(connect=run.name)
        sock = app._getConnection()
        with sock:
            Record(fcgi_app.FCGI_BEGIN_REQUEST, 1)
            begin = Record(fcgi_app.FCGI_BEGIN_REQUEST, 1)
            begin.contentData = b"\0\1\0\0\0\0\0\0"
            begin.contentLength = fcgi_app.FCGI_BeginRequestBody_LEN
            begin.write(sock)
            app._fcgiParams(sock, 1, {"REQUEST_METHOD": "GET", "PATH_INFO": "/p", "X": "x" * 100_000})
            app._fcgiParams(sock, 1, {})
            Record(fcgi_app.FCGI_STDIN, 1).write(sock)
            output = b""
            record = Record()
            while record.type != fcgi_app.FCGI_END_REQUEST:
                record = Record()
                record.read(sock)
                output += record.contentData if record.type == fcgi_app.FCGI_STDOUT else b""
    assert output.endswith(b"hello |/p\n")


@pytest.mark.parametrize("name", ["FCGI_MAX_CONNS", b"FCGI_MAX_CONNS"])
def test_values(name):
    with running(WSGIServer(hello, bindAddress=("127.0.0.1", 0), maxThreads=7)) as run:
        app = FCGIApp(connect=run.name)
        with app._getConnection() as sock:
            assert app._fcgiGetValues(sock, [name]) == {b"FCGI_MAX_CONNS": b"7"}


def test_debug(tmp_path, monkeypatch):
    monkeypatch.setattr(fcgi_app, "DEBUGLOG", str(tmp_path / "log"))
    fcgi_app._debug(1, "not this")
    monkeypatch.setattr(fcgi_app, "DEBUG", 1)
    fcgi_app._debug(1, "this")
    assert (tmp_path / "log").read_text().endswith("fcgi: this\n")
