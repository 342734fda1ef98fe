from __future__ import annotations

from gateways.compat.flup.server.fcgi import WSGIServer
from tests.support.compat import hello


def test_capabilities():
    capability = WSGIServer(hello, multiplexed=True).capability
    assert capability["FCGI_MPXS_CONNS"] == 1
