from __future__ import annotations

import pytest

from gateways.compat.flup.server import ajp, ajp_fork, fcgi, fcgi_fork, fcgi_single, scgi, scgi_fork
from gateways.compat.flup.server.fcgi import WSGIServer
from gateways.compat.flup.server.fcgi_fork import WSGIServer as ForkingServer
from gateways.compat.gateway import address_in, web_server_addresses
from gateways.errors import ConfigError


@pytest.mark.parametrize(
    ("address", "allowed", "answer"),
    [
        (("10.0.0.5", 7), None, True),
        (("10.0.0.5", 7), ["10.0.0.5"], True),
        (("10.0.0.5", 7), ["10.0.0.0/8"], True),
        (("10.0.0.5", 7), ["127.0.0.1"], False),
        (("10.0.0.5", 7), [], False),
        (("::1", 7, 0, 0), ["::1"], True),
        (("::ffff:10.0.0.5", 7, 0, 0), ["10.0.0.5"], True),
        ("", ["127.0.0.1"], True),
        (b"", [], True),
    ],
)
def test_who_may_connect(address, allowed, answer):
    assert address_in(address, allowed) is answer


def test_a_name_is_no_address():
    with pytest.raises(ConfigError, match="allowedServers: 'localhost'"):
        address_in(("127.0.0.1", 1), ["localhost"])


def test_the_variable(monkeypatch):
    monkeypatch.delenv("FCGI_WEB_SERVER_ADDRS", raising=False)
    assert web_server_addresses() is None
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.1, 10.0.0.2,")
    assert web_server_addresses() == ["10.0.0.1", "10.0.0.2"]


def test_plain_is_what_a_program_has_not_changed():
    assert WSGIServer(None)._is_plain()
    assert not ForkingServer(None, timeout=3)._is_plain()
    server = WSGIServer(None)
    server.error = print
    assert not server._is_plain()

    class Mine(WSGIServer):
        def handler(self, req):
            return super().handler(req)

    assert not Mine(None)._is_plain()


@pytest.mark.parametrize(
    ("debug", "answer"), [(True, True), (1, True), ("web", True), ("off", False), (False, False), ("", False)]
)
def test_debug_may_be_a_word(debug, answer):
    assert WSGIServer(None, debug=debug)._shows_errors() is answer


@pytest.mark.parametrize("module", [fcgi, fcgi_fork, scgi, scgi_fork, ajp, ajp_fork])
def test_a_monitor_wraps_the_application_in_the_base_class(monkeypatch, module):
    """As New Relic's agent does."""
    base = module.WSGIServer.usual
    original = base.__init__

    def wrapped(server, application, *args, **kwargs):
        original(server, ("wrapped", application), *args, **kwargs)

    monkeypatch.setattr(base, "__init__", wrapped)
    assert module.WSGIServer("mine").application == ("wrapped", "mine")


@pytest.mark.parametrize(
    ("module", "given", "says", "unknown"),
    [
        *((module, {"multiprocess": True}, (True, True, None), "maxChildren") for module in (ajp, fcgi, scgi)),
        *(
            (module, {"timeout": 7, "multithreaded": True, "multiprocess": False}, (False, True, 7), "maxThreads")
            for module in (ajp_fork, fcgi_fork, scgi_fork)
        ),
        (fcgi_single, {"multithreaded": True, "anything": 3}, (False, False, None), None),
    ],
)
def test_what_a_server_is_given(module, given, says, unknown):
    server = module.WSGIServer(None, jobClass=object, jobArgs=(1,), **given)
    assert (server.multithreaded, server.multiprocess, server._timeout) == says
    assert server._is_for_engine(), "its jobs are its own to say"
    assert server._jobArgs == (server, says[2])
    if unknown is not None:
        with pytest.raises(TypeError, match=unknown):
            module.WSGIServer(None, **{unknown: 3})


def test_where_it_is():
    assert WSGIServer(None)._mount() is None
    assert WSGIServer(None, environ={"SCRIPT_NAME": "/app"})._mount() == "/app"


def test_the_socket_goes_with_its_file(tmp_path):
    server = WSGIServer(None, bindAddress=str(tmp_path / "s"))
    sock = server._setupSocket()
    assert (tmp_path / "s").is_socket()
    server._cleanupSocket(sock)
    assert not (tmp_path / "s").exists()
    assert sock.fileno() == -1


def test_under_gateways_cgi_there_is_one_socket(monkeypatch):
    """Requests come by that alone: who listens elsewhere would keep them waiting."""
    monkeypatch.setenv("GATEWAYS_RESIDENT", "/run/socket")
    with pytest.raises(ConfigError, match="under gateways-cgi"):
        WSGIServer(None, bindAddress=("127.0.0.1", 0)).run()
