"""A URL: whether it can be reached at all, who answers, and which examination follows."""

from __future__ import annotations

import socket

import pytest

from gateways.doctor.live import VARIABLE, examine_url, roundtrips
from gateways.doctor.probe import Probe, application
from gateways.doctor.targets import Options
from gateways.errors import ConfigError
from tests.support.backends import scripted
from tests.support.serving import PATIENCE, Recorder, serving
from tests.support.simple import simple
from tests.support.tls import CERTIFICATE, KEY

OPTIONS = Options(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(roundtrips, "_PAUSES", (0.0,))
    monkeypatch.delenv(VARIABLE, raising=False)


def codes(url, options=OPTIONS):
    return [finding.code for finding in examine_url(url, options)]


def of(served):
    return f"http://127.0.0.1:{served.address[1]}/"


def test_the_probe():
    with serving(application, "http", tcp=True) as served:
        assert codes(of(served)) == ["url-answers", "body-unmeasured", "probe-right"]


def test_any_application():
    with serving(Recorder(), "http", tcp=True) as served:
        assert codes(of(served)) == ["url-answers", "probe-absent"]


def test_the_probe_in_front_of_an_application(monkeypatch):
    with serving(Probe(Recorder(), "open sesame"), "http", tcp=True) as served:
        assert "probe-absent" in codes(of(served))
        monkeypatch.setenv(VARIABLE, "open sesame")
        assert "probe-right" in codes(of(served))


def test_an_application_that_fails():
    def failing(environ, start_response):
        raise ValueError("no")

    with serving(failing, "http", tcp=True) as served:
        assert codes(of(served)) == ["url-500"]


def test_a_certificate_that_nobody_knows():
    with simple(application, certfile=CERTIFICATE, keyfile=KEY) as running:
        found = codes(f"https://127.0.0.1:{running.server.server_port}/")
    assert found[0] == "url-certificate"
    assert "probe-right" in found
    assert "https-unseen" not in found


def test_a_site_that_leads_to_itself():
    def application(environ, start_response):
        status = "301 Moved Permanently" if environ["PATH_INFO"] in ("/app/", "/other/") else "200 OK"
        start_response(status, [("Location", f"http://{environ['HTTP_HOST']}/app/"), ("Content-Type", "text/plain")])
        return []

    with serving(application, "http", tcp=True) as served:
        assert "url-redirect-loop" in codes(f"{of(served)}app")
        assert "url-redirect-loop" not in codes(f"{of(served)}other")


def test_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert codes(f"http://127.0.0.1:{held.getsockname()[1]}/") == ["url-unreachable"]
    assert codes("http://no-such-host.invalid/") == ["url-unreachable"]


def test_no_answer():
    with scripted(lambda peer: peer.wait_for_close(), tcp=True) as backend:
        assert codes(f"http://{backend.address}/", Options(timeout=0.05)) == ["url-unreachable"]


@pytest.mark.parametrize("says", [b"", b"220 mail.example.org ESMTP\r\n"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_web_server(says, scheme):
    def greet(peer):
        peer.sock.recv(1000)
        peer.send(says)

    with scripted(greet, tcp=True) as backend:
        assert codes(f"{scheme}://{backend.address}/") == ["url-not-http"]


def test_nothing_may_be_sent():
    with pytest.raises(ConfigError, match="--no-run"):
        codes("http://example.org/", Options(run=False))
