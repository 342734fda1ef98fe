"""The addresses that a file names."""

from __future__ import annotations

import socket

import pytest

from gateways.doctor import asking, sockets
from gateways.doctor.accounts import account_of
from gateways.doctor.backends import Backends
from gateways.doctor.targets import Options
from tests.doctor.asked import listened_at_another
from tests.support.backends import scripted
from tests.support.serving import PATIENCE, Recorder, serving


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(asking, "_TRIAL", PATIENCE)
    monkeypatch.setattr(sockets, "UNIT_DIRECTORIES", ())


def check(protocol, text, run=True, timeout=PATIENCE):
    looked = Backends(account_of("root"), Options(run=run, timeout=timeout), ())
    found = list(looked.check(protocol, text, "file:1", lambda spoken: f"{spoken}_pass {text};"))
    assert list(looked.check(protocol, text, "file:2", str)) == []  # once is enough
    assert all(finding.where == "file:1" for finding in found)
    return found


def test_what_is_right():
    with serving(Recorder()) as served:
        assert check("fastcgi", f"unix:{served.address}") == []
        assert check("", f"unix:{served.address}") == []


def test_another_protocol():
    with serving(Recorder(), "http") as served:
        [finding] = check("fastcgi", f"unix:{served.address}")
    assert finding.code == "protocol-other"
    assert f"write: http_pass unix:{served.address};" in finding.remedy


def test_what_is_no_address():
    [finding] = check("fastcgi", "unix:/" + 110 * "x", run=False)
    assert finding.code == "pass-address"
    assert "107" in finding.what


def test_nothing_there(tmp_path):
    [finding] = check("scgi", f"unix:{tmp_path}/app.sock")
    assert finding.code == "socket-absent"
    assert "--scgi unix:" in finding.remedy
    assert check("scgi", f"unix:{tmp_path}/app.sock", run=False) == []
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        [finding] = check("uwsgi", f"127.0.0.1:{held.getsockname()[1]}")
    assert finding.code == "port-closed"
    assert "--uwsgi" in finding.remedy


def test_nobody_answers():
    with scripted(lambda peer: peer.wait_for_close()) as backend:
        [finding] = check("fastcgi", backend.address, timeout=0.05)
    assert finding.code == "backend-silent"


def test_tls_is_none_of_our_protocols():
    def alert(peer):
        peer.sock.recv(1000)
        peer.send(b"\x15\x03\x03\x00\x02\x02\x46")

    with scripted(alert) as backend:
        assert check("", backend.address) == []
        assert [finding.code for finding in check("http", backend.address)] == ["protocol-unknown"]


def test_a_file_in_the_place_of_a_socket(tmp_path):
    (tmp_path / "app.sock").touch()
    [finding] = check("fastcgi", f"unix:{tmp_path}/app.sock")
    assert finding.code == "socket-is-file"


def test_a_port_at_another_address():
    with listened_at_another() as port:
        [finding] = check("fastcgi", f"127.0.0.1:{port}")
    assert finding.code == "port-elsewhere"
