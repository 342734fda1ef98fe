"""Which protocol an address speaks."""

from __future__ import annotations

import pytest

from gateways.addresses import parse_address
from gateways.doctor.speaking import names, speaks, spoken
from gateways.errors import BackendTimeout, ConnectError
from tests.support.backends import greet, scripted
from tests.support.serving import PATIENCE, Recorder, serving

PROTOCOLS = ("fastcgi", "scgi", "uwsgi", "ajp", "http")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_found_out(protocol):
    with serving(Recorder(), protocol) as served:
        address = parse_address(f"unix:{served.address}")
        assert spoken(address, PATIENCE) == protocol
        assert spoken(address, PATIENCE, "http") == protocol
        assert [name for name in PROTOCOLS if speaks(name, address, PATIENCE)] == [protocol]


@pytest.mark.parametrize("protocol", ["fastcgi", "uwsgi", "ajp"])
def test_the_application_does_not_run_for_it(protocol):
    application = Recorder()
    with serving(application, protocol) as served:
        assert speaks(protocol, parse_address(f"unix:{served.address}"), PATIENCE)
        assert application.seen == []


def test_an_old_fastcgi_backend_that_knows_no_management_records():
    def close(peer):
        assert peer.records.record().type == 9  # GET_VALUES

    def answer(peer):
        peer.request()
        peer.answer()

    with scripted(close, answer) as backend:
        assert speaks("fastcgi", parse_address(backend.address), PATIENCE)


def test_something_else():
    with scripted(greet) as backend:
        assert spoken(parse_address(backend.address), PATIENCE) is None


def test_who_says_nothing():
    with (
        scripted(lambda peer: peer.wait_for_close()) as backend,
        pytest.raises(BackendTimeout, match="no answer in any"),
    ):
        spoken(parse_address(backend.address), 0.05)


def test_nobody(tmp_path):
    with pytest.raises(ConnectError):
        spoken(parse_address(f"unix:{tmp_path}/nothing"), PATIENCE)


def test_names():
    assert [names(protocol) for protocol in PROTOCOLS] == ["FastCGI", "SCGI", "uwsgi", "AJP13", "HTTP"]
