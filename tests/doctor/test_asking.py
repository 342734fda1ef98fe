"""What the answer of a backend means."""

from __future__ import annotations

import socket

import pytest

from gateways.addresses import parse_address
from gateways.doctor import asking
from gateways.doctor.asking import ask
from gateways.doctor.targets import Options
from gateways.errors import BackendTimeout
from tests.support.backends import HEAD, dripping, ended, greet, saying, scripted, stdout
from tests.support.serving import PATIENCE, Recorder, serving

PROTOCOLS = ("fastcgi", "scgi", "uwsgi", "ajp", "http")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(asking, "_TRIAL", PATIENCE)


def close(peer):
    """Read some of what comes, and go."""
    peer.sock.recv(1000)


def asked(address, protocol=None, timeout=PATIENCE):
    return list(ask(parse_address(address), Options(protocol=protocol, timeout=timeout)))


def only(findings, code):
    [finding] = findings
    assert finding.code == code, finding
    return finding


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_backend_that_works(protocol):
    with serving(Recorder(), protocol) as served:
        for given in (None, protocol):
            assert "200 OK" in only(asked(f"unix:{served.address}", given), "backend-answers").what


@pytest.mark.parametrize(
    ("protocol", "given"),
    [(spoken, given) for spoken in ("fastcgi", "http", "uwsgi") for given in PROTOCOLS if given != spoken],
)
def test_another_protocol(protocol, given):
    with serving(Recorder(), protocol) as served:
        finding = only(asked(f"unix:{served.address}", given), "protocol-other")
    assert "speaks" in finding.what
    assert "make the web server speak" in finding.remedy


def test_an_error_of_the_application():
    def application(environ, start_response):
        raise ValueError("the table is gone")

    with serving(application) as served:
        finding = only(asked(f"unix:{served.address}"), "backend-500")
    assert "500" in finding.what
    assert "ValueError: the table is gone" in finding.what


def test_overloaded():
    statuses = ["503 Service Unavailable"]

    def application(environ, start_response):
        start_response(statuses.pop() if statuses else "200 OK", [("Content-Type", "text/plain")])
        return [b"later"]

    with serving(application) as served:
        only(asked(f"unix:{served.address}"), "backend-503")


def test_an_exit_status():
    with scripted(saying(stdout(HEAD), ended(app_status=3))) as backend:
        codes = [finding.code for finding in asked(backend.address, "fastcgi")]
    assert codes == ["backend-answers", "backend-app-status"]


@pytest.mark.parametrize("answer", [stdout(b"no header\r\n\r\n") + ended(), stdout(b"Status: 200 OK\r\n")])
def test_an_answer_that_is_none(answer):
    with scripted(saying(answer), close) as backend:
        only(asked(backend.address, "fastcgi"), "backend-broken")


def test_all_workers_are_busy():
    with scripted(lambda peer: peer.wait_for_close()) as backend:
        for protocol in (None, "fastcgi"):
            finding = only(asked(backend.address, protocol, timeout=0.05), "backend-silent")
            assert "workers" in finding.what


def test_a_page_that_hangs(monkeypatch):
    monkeypatch.setattr(asking, "spoken", lambda address, timeout, first: first)
    with scripted(lambda peer: peer.wait_for_close()) as backend:
        finding = only(asked(backend.address, "fastcgi", timeout=0.05), "backend-silent")
    assert "answers in FastCGI" in finding.what


def test_a_backend_that_drips(monkeypatch):
    monkeypatch.setattr(asking, "LONGEST", 0.5 / PATIENCE)
    monkeypatch.setattr(asking, "spoken", lambda address, timeout, first: first)
    with scripted(dripping(b"HTTP/1.1 200 OK\r\nX-Y: ")) as backend:
        only(asked(backend.address, "http"), "backend-silent")


class GoesOn:
    """A page whose end does not come in time."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def header(self, name):
        return None

    def iter_body(self):
        yield from self.pieces
        raise BackendTimeout("no end")


def test_a_page_that_goes_on():
    asking.beginning(GoesOn(b"a", b"b"))
    with pytest.raises(BackendTimeout):
        asking.beginning(GoesOn())


def test_the_beginning_of_an_event_stream():
    def stream(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n")
        peer.wait_for_close()

    with scripted(stream) as backend:
        only(asked(backend.address, "http"), "backend-answers")


def test_more_connections_wait_than_may(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(f"{tmp_path}/s")
        listener.listen(0)
        first.connect(f"{tmp_path}/s")
        only(asked(f"unix:{tmp_path}/s", timeout=0.05), "backend-full")


def test_something_else():
    with scripted(greet) as backend:
        only(asked(backend.address), "protocol-unknown")


def test_a_socket_without_its_process(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/s")
    assert "nobody listens" in only(asked(f"unix:{tmp_path}/s"), "socket-stale").what


def test_a_port_without_a_process():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        only(asked(f"127.0.0.1:{held.getsockname()[1]}"), "port-closed")


def test_a_host_that_nobody_knows():
    assert "unknown" in only(asked("no-such-host.invalid:80"), "address-unreachable").what
