"""Addresses: what people write, what it means, and the one line they read when it means nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.addresses import MAX_PATH, Address, connect, parse_address
from gateways.errors import ConfigError, ConnectError
from tests.support.processes import as_nobody


@pytest.mark.parametrize(
    ("text", "address", "canonical"),
    [
        ("unix:/run/app.sock", Address("unix", path="/run/app.sock"), None),
        ("unix:///run/app.sock", Address("unix", path="/run/app.sock"), "unix:/run/app.sock"),
        ("unix:/srv/my app/s", Address("unix", path="/srv/my app/s"), None),
        ("127.0.0.1:9000", Address("tcp", host="127.0.0.1", port=9000), None),
        ("app.example.org:1", Address("tcp", host="app.example.org", port=1), None),
        (":9000", Address("tcp", host="127.0.0.1", port=9000), "127.0.0.1:9000"),
        (":0", Address("tcp", host="127.0.0.1", port=0), "127.0.0.1:0"),
        ("[::1]:65535", Address("tcp", host="::1", port=65535), None),
        ("[fe80::1%eth0]:9000", Address("tcp", host="fe80::1%eth0", port=9000), None),
        ("@app", Address("abstract", name="app"), None),
        ("fd:0", Address("fd", number=0), None),
        ("fd:12", Address("fd", number=12), None),
        ("systemd:app.socket", Address("systemd", name="app.socket"), None),
        ("systemd:0", Address("systemd", number=0), None),
    ],
)
def test_every_form_is_read_and_written_back(text: str, address: Address, canonical: str | None) -> None:
    assert parse_address(text) == address
    assert str(address) == (canonical or text)
    assert parse_address(str(address)) == address


def test_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_address("unix:app.sock").path == f"{tmp_path}/app.sock"
    assert parse_address("unix:./app.sock").path == f"{tmp_path}/app.sock"
    assert parse_address("unix:../app.sock").path == f"{tmp_path}/../app.sock"


def test_L27_relative_path_in_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="give an absolute path"):
        parse_address("unix:app.sock")


def test_a_path_may_be_as_long_as_the_kernel_allows() -> None:
    assert parse_address("unix:/" + "x" * (MAX_PATH - 1)).path
    assert parse_address("@" + "x" * MAX_PATH).name
    for text in ("unix:/" + "x" * MAX_PATH, "unix:/" + "é" * (MAX_PATH // 2) + "x", "@" + "x" * (MAX_PATH + 1)):
        with pytest.raises(ConfigError) as caught:
            parse_address(text)
        assert f"{MAX_PATH + 1} bytes are too long for a socket, {MAX_PATH} fit; choose" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("/run/app.sock", "write unix:/run/app.sock"),
        ("run/app", "write unix:run/app"),
        ("app.sock", "write unix:app.sock"),
        ("/run/app.sock:0660", "write unix:"),
        ("9000", "write :9000"),
        ("localhost", "write localhost:9000"),
        ("http://127.0.0.1:9000/", "it is a URL"),
        ("tcp://127.0.0.1:9000", "it is a URL"),
        ("::1:9000", "write [::1]:9000"),
        ("*:9000", "write 0.0.0.0:9000"),
        ("[::1", "such as [::1]:9000"),
        ("[::1]", "such as [::1]:9000"),
        ("::1]:80", "such as [::1]:9000"),
        ("[localhost]:1", "'localhost' is not an IPv6 address"),
        ("localhost:", "the port '' is not a number"),
        ("localhost:http", "the port 'http' is not a number"),
        ("localhost:65536", "the port '65536' is not a number from 0 to 65535"),
        ("localhost:-1", "the port '-1'"),
        ("localhost:+80", "the port '+80'"),
        ("localhost:8_0", "the port '8_0'"),
        ("localhost:٣", "the port '٣'"),
        ("a b:80", "'a b' is not a host name"),
        ("bücher.example:80", "is not a host name"),
        ("unix:", "such as unix:/run/app.sock"),
        ("unix:/run/", "name the socket file, not its directory"),
        ("unix:/run/a\0b", "characters that cannot be printed"),
        ("127.0.0.1:9000\n", "characters that cannot be printed"),
        ("@", "such as @app"),
        ("fd:", "such as fd:0"),
        ("fd:-1", "such as fd:0"),
        ("fd:stdin", "such as fd:0"),
        ("systemd:", "FileDescriptorName="),
        ("systemd:a:b", "FileDescriptorName="),
        ("", "it is empty"),
    ],
)
def test_what_is_no_address_is_answered_with_advice_in_one_line(text: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    message = str(caught.value)
    assert message.startswith(f"{text!r} is not an address: ")
    assert advice in message
    assert message.endswith("(allowed: unix:/path, host:port, [::1]:port, :port, @abstract-name, fd:N or systemd:NAME)")
    assert message.isprintable()


def test_only_text_is_an_address() -> None:
    with pytest.raises(ConfigError, match="9000 is not an address: give a string"):
        parse_address(9000)  # type: ignore[arg-type]


@pytest.fixture
def unix_server(socket_dir: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_dir / "s"))
        server.listen(8)
        yield server


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:0", "localhost:0", "unix:{}/x", "@gateways-test-{}"])
def test_connect(text: str, socket_dir: Path) -> None:
    address = parse_address(text.format(socket_dir))
    family = socket.AF_INET6 if address.host == "::1" else socket.AF_INET if address.host else socket.AF_UNIX
    with socket.socket(family) as server:
        if address.kind == "tcp":
            server.bind((address.host, 0))
            address = Address("tcp", host=address.host, port=server.getsockname()[1])
        else:
            server.bind(address.path or "\0" + address.name)
        server.listen(1)
        with connect(address, 5.0) as client:
            assert client.gettimeout() == 5.0
            assert not client.get_inheritable()
            if address.kind == "tcp":
                assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"x")
            assert client.recv(1) == b"x"


def test_connect_without_a_timeout(unix_server: socket.socket) -> None:
    with connect(parse_address(f"unix:{unix_server.getsockname()}"), None) as client:
        assert client.gettimeout() is None


def refusal(address: Address, timeout: float = 5.0) -> str:
    with pytest.raises(ConnectError) as caught:
        connect(address, timeout)
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert message.startswith(f"cannot connect to {address}: ")
    assert "\n" not in message
    return message


def test_connect_where_nothing_listens(socket_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(socket_dir / "left"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        port = bound.getsockname()[1]
        for address in (
            Address("tcp", host="127.0.0.1", port=port),
            Address("unix", path=str(socket_dir / "left")),
            Address("abstract", name=f"gateways-nobody-{os.getpid()}"),
        ):
            assert "nothing listens there; start the server" in refusal(address)


def test_connect_to_a_file_that_is_not_there_or_not_a_socket(socket_dir: Path) -> None:
    assert "no such socket file; start the server" in refusal(Address("unix", path=str(socket_dir / "none")))
    (socket_dir / "file").write_text("")
    assert "the file is not a socket" in refusal(Address("unix", path=str(socket_dir / "file")))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(str(socket_dir / "datagrams"))
        assert "socket of another type" in refusal(Address("unix", path=str(socket_dir / "datagrams")))


def test_connect_without_permission(unix_server: socket.socket) -> None:
    path = unix_server.getsockname()
    os.chmod(path, 0o600)

    def attempt() -> str:
        return refusal(Address("unix", path=path))

    assert "no permission; run as a user who may write to the socket" in as_nobody(attempt)


def test_connect_to_an_unknown_host() -> None:
    assert "the host 'nowhere.invalid' is unknown" in refusal(Address("tcp", host="nowhere.invalid", port=1))


def full(server: socket.socket) -> list[socket.socket]:
    """Fill the backlog of a Unix socket and return the connections in it."""
    clients = []
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        clients.append(client)
        try:
            client.connect(server.getsockname())
        except BlockingIOError:
            return clients


def test_connect_waits_for_room_in_a_full_backlog(unix_server: socket.socket) -> None:
    clients = full(unix_server)
    address = Address("unix", path=unix_server.getsockname())
    assert "its backlog is full" in refusal(address, 0.05)

    def make_room() -> None:
        unix_server.accept()[0].close()

    timer = threading.Timer(0.05, make_room)
    timer.start()
    connect(address, 10.0).close()
    timer.join()
    for client in clients:
        client.close()


def test_connect_gives_up_after_its_timeout() -> None:
    # A TCP backlog that is full drops the handshake, which is what a firewall does.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        message = refusal(Address("tcp", host="127.0.0.1", port=server.getsockname()[1]), 0.2)
        assert "no answer in 0.2 s" in message
        for client in clients:
            client.close()


@pytest.mark.parametrize("text", ["fd:0", "systemd:web"])
def test_inherited_sockets_cannot_be_connected_to(text: str) -> None:
    with pytest.raises(ConfigError, match="can only be listened on"):
        connect(parse_address(text), 1.0)


def test_port_0_cannot_be_connected_to() -> None:
    with pytest.raises(ConfigError, match="give the port the server listens on"):
        connect(parse_address(":0"), 1.0)
