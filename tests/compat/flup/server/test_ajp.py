from __future__ import annotations

import pytest

from gateways.compat.flup.server.ajp import WSGIServer
from tests.support.compat import hello


def test_where_it_listens():
    server = WSGIServer(hello)
    assert server._bindAddress == ("localhost", 8009)
    assert server._allowedServers is None


def test_it_says_what_it_is():
    server = WSGIServer(hello, multiprocess=True)
    assert (server.multithreaded, server.multiprocess, server._timeout) == (True, True, None)


def test_keywords():
    assert WSGIServer(hello, jobClass=object, jobArgs=(1,))._is_for_engine()
    with pytest.raises(TypeError):
        WSGIServer(hello, maxChildren=3)
