"""Does the backend take several requests on a connection?"""

from __future__ import annotations

import pytest

from gateways.adapters.fastcgi import records as fcgi
from gateways.doctor.haproxy.multiplexing import examine
from gateways.doctor.haproxy.syntax import Reader
from gateways.doctor.targets import Options
from tests.doctor.asked import read_with
from tests.support.backends import scripted
from tests.support.serving import PATIENCE, Recorder, serving

ON = "    option mpxs-conns\n    option max-reqs 8\n"


def of(tmp_path, address, lines=ON):
    [application] = read_with(Reader, tmp_path / "a.cfg", f"fcgi-app a\n{lines}").sections
    return list(examine(application, address, Options(timeout=PATIENCE)))


@pytest.mark.parametrize(
    ("settings", "lines", "wrong"),
    [
        ({}, ON, True),
        ({"fcgi_multiplex": 8}, ON, False),
        ({}, "", False),
        ({}, "    option mpxs-conns\n", False),
    ],
)
def test_a_backend(tmp_path, settings, lines, wrong):
    with serving(Recorder(), **settings) as served:
        found = of(tmp_path, f"unix:{served.address}", lines)
    assert [finding.code for finding in found] == (["multiplex-unsupported"] if wrong else [])
    assert not wrong or "--fcgi-multiplex 8" in found[0].remedy


@pytest.mark.parametrize(
    "data",
    [
        b"",
        fcgi.record(fcgi.UNKNOWN_TYPE, 0, bytes(8)),
        fcgi.record(fcgi.GET_VALUES_RESULT, 0, b"\x0f\x01"),
        fcgi.record(fcgi.GET_VALUES_RESULT, 0, bytes(600)),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_who_does_not_know_the_question(tmp_path, data):
    with scripted(lambda peer: peer.send(data)) as backend:
        assert of(tmp_path, backend.address) == []
    assert of(tmp_path, "127.0.0.1:1") == []
