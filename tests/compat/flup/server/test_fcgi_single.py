from __future__ import annotations

from gateways.compat.flup.server.fcgi_single import WSGIServer
from tests.support.compat import hello


def test_capabilities():
    capability = WSGIServer(hello, multiplexed=True).capability
    assert capability == {"FCGI_MAX_CONNS": 1, "FCGI_MAX_REQS": 1, "FCGI_MPXS_CONNS": 0}
