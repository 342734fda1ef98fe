from __future__ import annotations

import pytest

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
