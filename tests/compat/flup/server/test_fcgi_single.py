from __future__ import annotations

import pytest

from gateways.compat.flup.server.fcgi_single import WSGIServer
from gateways.errors import BindError
from tests.support.compat import hello


def test_keywords_that_are_its_own_to_give_are_dropped():
    server = WSGIServer(hello, jobClass=object, jobArgs=(1,))
    assert server._is_for_engine()
    assert server._jobArgs == (server, None)


def test_it_says_what_it_is():
    server = WSGIServer(hello, anything=3)
    assert (server.multithreaded, server.multiprocess) == (False, False)
    assert set(server.capability.values()) == {0, 1}


def test_an_address_that_is_taken(tmp_path):
    (tmp_path / "s").write_text("no socket")
    with pytest.raises(BindError):
        WSGIServer(hello, bindAddress=str(tmp_path / "s")).run()
    with pytest.raises(OSError, match="not a socket"):
        WSGIServer(hello, bindAddress=str(tmp_path / "s")).run()


def test_the_variable_for_web_servers(monkeypatch):
    server = WSGIServer(hello, bindAddress=("127.0.0.1", 0))
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.1")
    server._cleanupSocket(server._setupSocket())
    assert server._isClientAllowed(("10.0.0.1", 1))
    assert not server._isClientAllowed(("10.0.0.2", 1))
    assert server._isClientAllowed("")
