from __future__ import annotations

from gateways.compat.flup.server.scgi import WSGIServer
from tests.support.compat import hello


def test_where_it_listens():
    server = WSGIServer(hello)
    assert server._bindAddress == ("localhost", 4000)
    assert server._allowedServers is None
