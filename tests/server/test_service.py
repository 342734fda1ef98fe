"""gateways.server.service: the settings as connections use them."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from gateways.adapters import fastcgi, scgi
from gateways.adapters.events import Request
from gateways.adapters.http import server as http
from gateways.errors import ProtocolError
from gateways.server.forwarding import BY_UNIX
from gateways.server.service import Service, ends_of, peer_name
from gateways.settings import Settings
from tests.support import wire
from tests.support.serving import RecordingLog


def new_service(spawned: bool = False, **settings: Any) -> tuple[Service, RecordingLog]:
    log = RecordingLog()
    return Service(lambda *_: [], Settings(**settings), cast(Any, log), spawned=spawned), log


def test_each_listener_gets_its_parser() -> None:
    service, _ = new_service()
    assert isinstance(service.new_protocol("fastcgi"), fastcgi.ServerConnection)
    assert isinstance(service.new_protocol("scgi"), scgi.ServerConnection)
    assert isinstance(service.new_protocol("http"), http.ServerConnection)


def test_HTTP_is_told_who_is_at_its_ends() -> None:
    service, _ = new_service()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        sock, address = listener.accept()
        with sock:
            port = address[1]
            parser = service.new_protocol("http", sock, address)
            assert isinstance(parser, http.ServerConnection)
            variables = dict(parser.ends.variables)
            assert (variables[b"REMOTE_ADDR"], variables[b"REMOTE_PORT"]) == (b"127.0.0.1", b"%d" % port)
            assert variables[b"SERVER_PORT"] == b"%d" % sock.getsockname()[1]
        variables = dict(ends_of(sock, address).variables)  # closed: the system does not know any more
        assert variables[b"REMOTE_ADDR"] == b"127.0.0.1"
        assert BY_UNIX not in variables
        assert BY_UNIX not in dict(ends_of(sock, "").variables)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        variables = dict(ends_of(ours, "").variables)
        assert variables[b"REMOTE_ADDR"] == b""
        assert BY_UNIX in variables


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_parsers_have_the_limits_of_the_settings(protocol: str) -> None:
    service, _ = new_service(max_header_size=2000)
    params = wire.post(0, (b"HTTP_X", b"x" * 2000))
    parser = service.new_protocol(protocol)
    parser.receive_data(wire.request(params) if protocol == "fastcgi" else wire.scgi(params))
    with pytest.raises(ProtocolError, match="more than 2000 bytes"):
        parser.next_event()


@pytest.mark.parametrize("spawned", [False, True])
@pytest.mark.parametrize("threads", [1, 8])
def test_the_environ_tells_the_truth_about_threads_and_processes(threads: int, spawned: bool) -> None:
    service, _ = new_service(spawned, threads=threads)
    parser = service.new_protocol("fastcgi")
    parser.receive_data(wire.request())
    request = parser.next_event()
    assert isinstance(request, Request)
    environ = service.builders["FastCGI"].build(request.variables)
    assert environ["wsgi.multithread"] is (threads > 1)
    assert environ["wsgi.multiprocess"] is spawned
    assert environ["wsgi.run_once"] is False


def test_only_fastcgi_may_leave_the_length_of_the_body_open() -> None:
    service, _ = new_service()
    variables = [*wire.post(-1)]
    assert "CONTENT_LENGTH" not in service.builders["FastCGI"].build(variables)
    with pytest.raises(ProtocolError):
        service.builders["SCGI"].build(variables)


def test_error_text_is_logged_line_by_line() -> None:
    service, log = new_service()
    service.log_application("one\ntwö\n\udcff".encode("utf-8", "surrogateescape"))
    assert [text for _, text in log.entries] == ["one", "twö", "\ufffd"]


@pytest.mark.parametrize(
    ("spawned", "error_log", "tee"), [(False, "-", True), (True, "-", False), (True, "/var/log/app.log", True)]
)
def test_error_text_goes_where_somebody_reads_it(spawned: bool, error_log: str, tee: bool) -> None:
    """Standard error of a spawned process is the log of a web server that gets FCGI_STDERR as well."""
    service, _ = new_service(spawned, error_log=error_log)
    assert service.tee_errors is tee


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (("192.0.2.1", 4711), "192.0.2.1:4711"),
        (("2001:db8::1", 4711, 0, 0), "[2001:db8::1]:4711"),
        ("", "unix peer"),
        (b"\0name", "unix peer"),
    ],
)
def test_peer_name(address: object, name: str) -> None:
    assert peer_name(address) == name
