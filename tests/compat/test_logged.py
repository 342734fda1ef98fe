from __future__ import annotations

import logging
import socket

import pytest

from gateways.compat.flup.server import NoDefault
from gateways.compat.flup.server.ajp import WSGIServer as AJPServer
from gateways.compat.flup.server.scgi import WSGIServer
from gateways.compat.flup.server.scgi_base import BaseSCGIServer
from tests.support.compat import hello, running


def test_a_bind_that_fails_is_logged_and_run_is_false(caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert WSGIServer(hello, bindAddress=taken.getsockname()).run() is False
        assert AJPServer(hello, bindAddress=taken.getsockname()).run() is False
    assert caplog.text.count("Failed to bind socket (cannot listen on 127.0.0.1:") == 2


@pytest.mark.parametrize(("level", "count"), [(logging.INFO, 1), (logging.WARNING, 0)])
def test_requests_are_logged(caplog, level, count):
    with running(WSGIServer(hello, bindAddress=("127.0.0.1", 0), loggingLevel=level)) as run:
        run.read("/a%0Ab")
    assert caplog.text.count("GET /a\\nb") == count


@pytest.mark.parametrize(
    ("given", "kept"), [(NoDefault, ["127.0.0.1"]), (None, None), ("10.0.0.1", ["10.0.0.1"]), (["::1"], ["::1"])]
)
def test_allowed_servers(given, kept):
    assert BaseSCGIServer(None, allowedServers=given)._allowedServers == kept


def test_one_that_may_not_connect_is_logged(caplog):
    server = BaseSCGIServer(None)
    assert server._isClientAllowed(("127.0.0.1", 1))
    assert not server._isClientAllowed(("10.0.0.1", 1))
    assert "Server connection from 10.0.0.1 disallowed" in caplog.text
