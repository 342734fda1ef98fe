from __future__ import annotations

import errno
import os
import re
import socket
import stat

import pytest

from gateways.compat.binding import BindFailed, bind
from gateways.errors import BindError, ConfigError


@pytest.mark.parametrize(("umask", "mode"), [(0, 0o777), (0o117, 0o660), (0o077, 0o700)])
def test_a_path_and_its_mode(tmp_path, umask, mode):
    before = os.umask(0o022)
    try:
        sock, file = bind(str(tmp_path / "s"), umask)
        with sock:
            assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == mode
            assert file is not None
            file.remove()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_the_umask_of_the_process_where_none_is_given(tmp_path):
    before = os.umask(0o027)
    try:
        with bind(tmp_path / "s")[0]:
            assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == 0o750
    finally:
        os.umask(before)


def test_what_an_earlier_server_left_is_replaced(tmp_path):
    path = str(tmp_path / "s")
    bind(path)[0].close()
    with bind(path)[0]:
        assert os.path.exists(path)


def test_a_server_that_lives_is_not(tmp_path):
    path = str(tmp_path / "s")
    with bind(path)[0], pytest.raises(BindFailed, match="another process listens there") as caught:
        bind(path)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_file_is_not(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(BindFailed, match="not a socket"):
        bind(str(tmp_path / "s"))


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with bind("s")[0]:
        assert (tmp_path / "s").is_socket()


@pytest.mark.skipif(not os.path.exists("/proc/net/unix"), reason="abstract sockets are Linux's")
def test_an_abstract_name():
    name = f"\0gateways-test-{os.getpid()}"
    with bind(name)[0] as sock:
        assert sock.getsockname() == name.encode()
        with pytest.raises(BindFailed, match="another process listens there"):
            bind(name)


@pytest.mark.parametrize("address", [("127.0.0.1", 0), ["localhost", 0], ("", 0)])
def test_a_pair(address):
    sock, file = bind(address)
    with sock:
        assert file is None
        assert sock.family == socket.AF_INET
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


@pytest.mark.parametrize("address", [("::1", 0, 0), ("::1", 0, 0, 0), ("::1", 0)])
def test_ipv6(address):
    try:
        sock, _ = bind(address)
    except BindError as error:
        pytest.skip(f"no IPv6: {error}")
    with sock:
        assert sock.family == socket.AF_INET6


@pytest.mark.parametrize(("address", "named"), [(("", 0), "0.0.0.0"), (("", 0, 0, 0), "[::]")])
def test_everywhere_is_named_as_it_was_asked_for(address, named):
    try:
        sock, _ = bind(address)
    except BindError as error:
        pytest.skip(f"no IPv6: {error}")
    with sock:
        port = sock.getsockname()[1]
        with pytest.raises(BindFailed, match=re.escape(f"cannot listen on {named}:{port}")):
            bind(("", port, *address[2:]))


def test_a_port_that_is_taken():
    with bind(("127.0.0.1", 0))[0] as sock, pytest.raises(BindFailed, match="another process listens there") as caught:
        bind(sock.getsockname())
    assert caught.value.errno == errno.EADDRINUSE


def test_an_unknown_host():
    with pytest.raises(BindFailed, match="the host is unknown"):
        bind(("no.such.host.invalid", 0))


@pytest.mark.parametrize("address", [7, "", b"/path", ("host",), (1, 2), ("a", "b", "c", "d", "e")])
def test_what_is_no_address(address):
    with pytest.raises(ConfigError, match="neither a path nor a tuple"):
        bind(address)


@pytest.mark.parametrize("address", [("127.0.0.1", "http"), ("127.0.0.1", 70000)])
def test_a_port_that_is_none(address):
    with pytest.raises(ConfigError, match="cannot be used"):
        bind(address)
