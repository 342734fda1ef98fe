from __future__ import annotations

from gateways.compat.flup.server.fcgi_fork import WSGIServer
from tests.support.compat import hello


def test_capabilities():
    capability = WSGIServer(hello, multiplexed=True).capability
    assert capability["FCGI_MPXS_CONNS"] == 0
    assert capability["FCGI_MAX_REQS"] == capability["FCGI_MAX_CONNS"]
