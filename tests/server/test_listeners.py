"""Listeners: from an address to sockets that listen, and one line where that is not possible."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.addresses import Address, parse_address
from gateways.errors import BindError, ConfigError
from gateways.server import inherited
from gateways.server.listeners import Listener, keep_listener, open_listeners
from tests.support.processes import as_nobody
from tests.support.serving import PATIENCE


@contextlib.contextmanager
def opened(text: str, protocol: str = "fastcgi", **options: Any) -> Iterator[list[Listener]]:
    options.setdefault("environ", {})
    listeners = open_listeners(protocol, parse_address(text), **options)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def refusal(text: str, kind: type[Exception] = BindError, **options: Any) -> str:
    with pytest.raises(kind) as caught, opened(text, **options):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message


def connect(listener: Listener) -> socket.socket:
    client = socket.socket(listener.sock.family)
    client.connect(listener.sock.getsockname())
    return client


def accept(listener: Listener) -> tuple[socket.socket, Any]:
    """Accept a connection that was made: by TCP it may be there a moment later."""
    poll = select.poll()
    poll.register(listener.sock, select.POLLIN)
    assert poll.poll(PATIENCE * 1000)
    return listener.sock.accept()


def check(listener: Listener) -> None:
    """What holds for every listener."""
    assert listener.fileno() == listener.sock.fileno()
    assert not listener.sock.get_inheritable()
    with pytest.raises(BlockingIOError):
        listener.sock.accept()
    with connect(listener) as client:
        accepted, address = accept(listener)
        with accepted:
            assert accepted.getblocking()
            assert listener.peers is None or listener.peers.allows(address)
            accepted.sendall(b"x")
        assert client.recv(1) == b"x"


def test_unix(socket_dir: Path) -> None:
    path = socket_dir / "s"
    with opened(f"unix:{path}", "scgi", socket_mode=0o600) as [listener]:
        check(listener)
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert (listener.protocol, str(listener.address), listener.inherited) == ("scgi", f"unix:{path}", False)
        assert str(listener) == f"SCGI on unix:{path}"
    assert not path.exists()
    assert listener.fileno() == -1
    listener.close()  # twice is fine


def test_unix_may_be_for_its_group_by_default(socket_dir: Path) -> None:
    with opened(f"unix:{socket_dir}/s"):
        assert stat.S_IMODE((socket_dir / "s").lstat().st_mode) == 0o660


def test_unix_with_an_unknown_owner_leaves_nothing(socket_dir: Path) -> None:
    message = refusal(f"unix:{socket_dir}/s", ConfigError, socket_owner="nosuchuser")
    assert message == "socket_owner: there is no user 'nosuchuser'; see: getent passwd"
    assert os.listdir(socket_dir) == []


def test_unix_in_use(socket_dir: Path) -> None:
    with opened(f"unix:{socket_dir}/s") as [listener]:
        assert "another process listens there" in refusal(f"unix:{socket_dir}/s")
        connect(listener).close()


def test_closing_leaves_the_socket_of_another_server(socket_dir: Path) -> None:
    path = socket_dir / "s"
    with opened(f"unix:{path}"):
        path.unlink()
        replacement = socket.socket(socket.AF_UNIX)
        replacement.bind(str(path))
    with replacement:
        assert path.exists()


def test_abstract() -> None:
    name = f"@gateways-test-{os.getpid()}"
    with opened(name) as [listener]:
        check(listener)
        assert str(listener.address) == name
        message = refusal(name)
        assert message.startswith(f"cannot listen on {name}: another process listens there (ss -lxp names it)")
    with opened(name):
        pass


@pytest.mark.parametrize(("text", "host"), [(":0", "127.0.0.1"), ("127.1.2.3:0", "127.1.2.3"), ("[::1]:0", "::1")])
def test_tcp(text: str, host: str) -> None:
    with opened(text) as [listener]:
        check(listener)
        assert listener.address == Address("tcp", host=host, port=listener.sock.getsockname()[1])
        assert listener.address.port > 0
        assert listener.peers is None
        assert not listener.inherited


def test_tcp_by_name_has_all_addresses_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]  # some resolvers repeat themselves
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
    with opened("localhost:0") as listeners:
        assert [listener.address.host for listener in listeners] == ["127.0.0.1", "127.0.0.2"]
        for listener in listeners:
            check(listener)


def test_tcp_leaves_out_what_the_machine_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    # localhost is often both ::1 and 127.0.0.1 where IPv6 is switched off; 192.0.2.1 is nobody's.
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
    with opened("localhost:0") as [listener]:
        assert listener.address.host == "127.0.0.1"
    del found[1]
    assert "it is not an address of this machine" in refusal("localhost:0")


def test_tcp_in_use() -> None:
    with opened("127.0.0.71:0") as [listener]:  # where nobody else gets the port in between
        text = str(listener.address)
        message = refusal(text)
        port = listener.address.port
        assert message == (
            f"cannot listen on {text}: another process listens there (ss -lntp 'sport = :{port}' names it); "
            f"stop it, or use another address"
        )
    with opened(text):
        pass  # free again at once


def test_tcp_bound_by_another_that_does_not_listen_yet() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        with opened(f":{other.getsockname()[1]}") as [listener]:
            with pytest.raises(OSError, match="Address already in use"):
                other.listen()
            check(listener)


def test_tcp_port_with_connections_of_a_server_that_ended() -> None:
    with opened("127.0.0.72:0") as [listener]:
        text = str(listener.address)
        with connect(listener) as client:
            accepted, _ = accept(listener)
            accepted.close()  # this side closes first, and keeps the port for a minute (TIME_WAIT)
            assert client.recv(1) == b""
    with opened(text) as [again]:
        check(again)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nowhere.invalid:9000", "the host 'nowhere.invalid' is unknown"),
        ("192.0.2.1:9000", "it is not an address of this machine (see: ip address)"),
        ("[2001:db8::1]:9000", "it is not an address of this machine (see: ip address)"),
    ],
)
def test_tcp_addresses_that_are_not_here(text: str, reason: str) -> None:
    assert refusal(text, allowed_clients=["any"]).startswith(f"cannot listen on {text}: {reason}")


def test_tcp_port_for_privileged_processes() -> None:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except OSError:
        first = 1024
    if first <= 1:
        pytest.skip("on this machine every user may listen on every port")
    assert "port 1 is for privileged processes; use one above 1023" in as_nobody(lambda: refusal(":1"))


@pytest.mark.parametrize("text", ["0.0.0.0:0", "[::]:0"])
@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
def test_tcp_for_other_machines_needs_a_list(text: str, protocol: str) -> None:
    message = refusal(text, ConfigError, protocol=protocol)
    assert "has no authentication, and whoever can connect controls the application" in message
    with opened(text, protocol, allowed_clients=["10.0.0.5", "127.0.0.0/8", "::1"]) as [listener]:
        check(listener)
        assert listener.peers is not None
        assert not listener.peers.allows(("10.0.0.6", 1))
    with opened(text, protocol, allowed_clients=["any"]) as [listener]:
        check(listener)


def test_A14_ajp_for_other_machines_needs_a_secret_as_well() -> None:
    with (
        pytest.raises(ConfigError, match="AJP13 without a secret"),
        opened("0.0.0.0:0", "ajp", allowed_clients=["any"]),
    ):
        pass
    with opened("0.0.0.0:0", "ajp", allowed_clients=["10.0.0.5"], ajp_secret="s") as [listener]:
        assert listener.peers is not None
    with opened("127.0.0.1:0", "ajp") as [listener]:
        assert listener.peers is None


def test_tcp_does_not_listen_before_the_list_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "listen", lambda *arguments: pytest.fail("listens"))
    refusal("0.0.0.0:0", ConfigError)


def test_F60_FCGI_WEB_SERVER_ADDRS_is_read_from_the_environment() -> None:
    environ = {"FCGI_WEB_SERVER_ADDRS": "10.0.0.5"}
    with opened("0.0.0.0:0", environ=environ) as [listener]:
        assert listener.peers is not None
        assert listener.peers.allows(("10.0.0.5", 1))
        assert not listener.peers.allows(("127.0.0.1", 1))


def test_ipv6_is_not_ipv4() -> None:
    with opened("[::]:0", allowed_clients=["any"]) as [listener]:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", listener.address.port)) != 0
        with opened(f"0.0.0.0:{listener.address.port}", allowed_clients=["any"]):
            pass  # both can be had, with one port


def test_fd(socket_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "s"))
        sock.listen()
        with opened(f"fd:{os.dup(sock.fileno())}") as [listener]:
            check(listener)
            assert listener.inherited
            assert str(listener.address) == f"fd:{listener.fileno()}"
    assert (socket_dir / "s").exists()  # belongs to whoever made it


def test_fd_that_others_reach_needs_a_list() -> None:
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        assert "will not listen on 0.0.0.0" in refusal(f"fd:{os.dup(sock.fileno())}", ConfigError)
        with opened(f"fd:{os.dup(sock.fileno())}", allowed_clients=["127.0.0.1"]) as [listener]:
            check(listener)


def test_fd_that_is_no_listening_socket() -> None:
    fd, other = os.pipe()
    assert refusal(f"fd:{fd}").startswith(f"cannot listen on fd {fd}: it is a pipe")
    os.close(fd)
    os.close(other)
    assert refusal(f"fd:{fd}").startswith(f"cannot listen on fd {fd}: it is not open")


def test_systemd(monkeypatch: pytest.MonkeyPatch, socket_dir: Path) -> None:
    sockets = []
    for name in ("a", "b"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(socket_dir / name))
        sock.listen()
        sockets.append(sock)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:web"}
    # Descriptor 3 of this process is in use: let the numbers begin where the sockets are.
    monkeypatch.setattr(inherited, "_passed", [])
    monkeypatch.setattr(inherited, "_read", lambda environ: [("web", os.dup(sock.fileno())) for sock in sockets])
    with opened("systemd:web", environ=environ) as listeners:
        assert [listener.sock.getsockname() for listener in listeners] == [f"{socket_dir}/a", f"{socket_dir}/b"]
        for listener in listeners:
            check(listener)
            assert listener.inherited
            assert str(listener) == "FastCGI on systemd:web"
    for sock in sockets:
        sock.close()


def test_systemd_without_sockets() -> None:
    assert "LISTEN_FDS is not set" in refusal("systemd:web")


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.5")
    with opened(":0", environ=None) as [listener]:
        assert listener.peers is not None


@pytest.mark.skipif(sys.platform != "linux", reason="another system may go on accepting")
def test_one_that_refuses_still_gives_what_waits(socket_dir: Path) -> None:
    with opened(f"unix:{socket_dir}/s") as [listener], connect(listener) as client:
        with socket.socket(socket.AF_UNIX) as opened_before:
            os.link(socket_dir / "s", socket_dir / "found")  # one that has found the file before it is removed
            listener.refuse()
            assert not (socket_dir / "s").exists()
            with pytest.raises(ConnectionRefusedError):
                opened_before.connect(str(socket_dir / "found"))
        accepted, _ = listener.sock.accept()
        with accepted:
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
        assert listener.refusing


def test_a_socket_that_is_open_already_is_kept_with_other_settings(socket_dir: Path) -> None:
    address = parse_address(f"unix:{socket_dir}/socket")
    (before,) = open_listeners("fastcgi", address, socket_mode=0o660)
    kept = keep_listener(before.sock, "scgi", address, before.file, socket_mode=0o600)
    try:
        assert (kept.protocol, kept.asked, kept.inherited) == ("scgi", address, False)
        assert stat.S_IMODE(os.stat(socket_dir / "socket").st_mode) == 0o600
        assert kept.fileno() == before.fileno()
    finally:
        kept.close()
    assert not (socket_dir / "socket").exists()


def test_a_port_that_is_kept_still_needs_those_who_may_connect() -> None:
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        with pytest.raises(ConfigError):
            keep_listener(sock, "fastcgi", parse_address("0.0.0.0:0"))
        assert sock.fileno() >= 0


def test_a_protocol_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch, socket_dir: Path) -> None:
    def missing() -> None:
        raise ConfigError("HTTP needs the package h11")

    monkeypatch.setattr("gateways.adapters.http.head.require", missing)
    address = parse_address(f"unix:{socket_dir}/socket")
    with pytest.raises(ConfigError, match="h11"):
        open_listeners("http", address, environ={})
    assert not (socket_dir / "socket").exists()
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ConfigError, match="h11"):
        keep_listener(sock, "http", address)
