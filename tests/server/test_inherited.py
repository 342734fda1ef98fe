"""Inherited sockets: what a descriptor is, taking it over, and what systemd says about those it passes."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.addresses import Address, parse_address
from gateways.errors import BindError
from gateways.server import inherited
from gateways.server.inherited import passed_by_systemd, passed_count, take_socket, why_not_listening, why_not_passed
from tests.support.processes import fork

ROOT = Path(__file__).parents[2]


@pytest.fixture
def listening(socket_dir: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "s"))
        sock.listen(8)
        yield sock


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6])
def test_F59_a_listening_socket(family: int) -> None:
    with socket.socket(family) as sock:
        sock.bind({socket.AF_UNIX: "", socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}[family])
        assert why_not_listening(sock.fileno()) == "is a socket that does not listen"
        sock.listen()
        assert why_not_listening(sock.fileno()) == ""
        os.fstat(sock.fileno())  # still open


def test_F59_connected_sockets(listening: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listening.getsockname())
        server, _ = listening.accept()
        with server:
            assert why_not_listening(client.fileno()) == "is a connected socket"
            assert why_not_listening(server.fileno()) == "is a connected socket"
    first, second = socket.socketpair()
    with first, second:
        assert why_not_listening(first.fileno()) == "is a connected socket"


def test_F59_what_is_not_a_stream_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        assert why_not_listening(datagrams.fileno()) == "is a socket of another type"
    out, into = os.pipe()
    assert why_not_listening(out) == why_not_listening(into) == "is a pipe"
    os.close(into)
    os.close(out)
    assert why_not_listening(out) == "is not open"
    for path, what in ((__file__, "is a file"), ("/dev/null", "is a device"), ("/", "is a directory")):
        fd = os.open(path, os.O_RDONLY)
        assert why_not_listening(fd) == what
        os.close(fd)
    master, slave = pty.openpty()
    assert why_not_listening(slave) == "is a terminal"
    os.close(master)
    os.close(slave)


def test_a_socket_is_taken_over(listening: socket.socket) -> None:
    fd = os.dup(listening.fileno())
    os.set_inheritable(fd, True)
    with take_socket(fd) as sock:
        assert sock.fileno() == fd
        assert not os.get_inheritable(fd)
        with pytest.raises(BlockingIOError):
            sock.accept()


def test_what_cannot_be_taken_over() -> None:
    out, into = os.pipe()
    with pytest.raises(BindError) as caught:
        take_socket(out)
    message = (
        f"cannot listen on fd {out}: it is a pipe; whatever starts this process has to pass a listening socket there"
    )
    assert str(caught.value) == message
    os.close(out)
    os.close(into)


def run_python(code: str, **options: Any) -> str:
    """Run ``code`` in a Python of its own, with the package to import, and return what it prints."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, check=True, **options)
    return result.stdout.decode()


def test_standard_input_is_taken_over_and_not_left_to_children(listening: socket.socket) -> None:
    code = """
import os, subprocess
from gateways.server.inherited import take_socket, why_not_listening
sock = take_socket(0)
print(sock.fileno() > 2, sock.get_inheritable(), why_not_listening(sock.fileno()) or "listens", flush=True)
print(os.read(0, 1), flush=True)
subprocess.run(["readlink", "/proc/self/fd/0"], check=True)
"""
    assert run_python(code, stdin=listening).splitlines() == ["True False listens", "b''", "/dev/null"]


def environ(count: int, names: str | None = None, pid: int | None = None) -> dict[str, str]:
    variables = {"LISTEN_FDS": str(count), "LISTEN_PID": str(pid or os.getpid()), "PATH": "/bin"}
    return variables if names is None else {**variables, "LISTEN_FDNAMES": names}


@pytest.fixture(autouse=True)
def nothing_passed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherited, "_passed", [])


def ask(text: str, variables: dict[str, str]) -> list[int]:
    return passed_by_systemd(parse_address(text), variables)


def test_systemd_sockets_by_name_and_number() -> None:
    variables = environ(4, "web:admin:web:unknown")
    assert passed_count(variables) == 4
    assert ask("systemd:web", variables) == [3, 5]
    assert ask("systemd:admin", variables) == [4]
    assert ask("systemd:0", variables) == [3]
    assert ask("systemd:3", variables) == [6]


def test_systemd_variables_are_read_once_and_children_do_not_see_them() -> None:
    variables = {**environ(1, "web"), "LISTEN_PIDFDID": "7"}
    assert ask("systemd:web", variables) == [3]
    assert variables == {"PATH": "/bin"}
    assert ask("systemd:web", variables) == [3]


def test_systemd_sockets_without_names() -> None:
    assert ask("systemd:1", environ(2)) == [4]
    assert ask("systemd:1", environ(2, "web")) == [4]


def refusal(text: str, variables: dict[str, str]) -> str:
    with pytest.raises(BindError) as caught:
        ask(text, variables)
    message = str(caught.value)
    assert message.startswith(f"cannot listen on {text}: ")
    assert "\n" not in message
    return message


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    variables = environ(3, "web:admin")
    for text in ("systemd:wep", "systemd:3"):
        message = refusal(text, variables)
        assert (
            "no such socket was passed, there is systemd:web, systemd:admin, systemd:2; set FileDescriptorName="
            in message
        )


def test_nothing_was_passed() -> None:
    assert "start this process by a systemd .socket unit" in refusal("systemd:web", {})
    for count in ("0", "x", "-1", "1_0", "٣", "99999"):
        variables = {**environ(1), "LISTEN_FDS": count}
        assert f"LISTEN_FDS is {count!r}, so no socket was passed" in refusal("systemd:web", variables)
        assert passed_count(variables) == 0


def test_sockets_for_another_process_are_left_alone() -> None:
    variables = environ(1, "web", pid=1)
    assert f"for process 1 and this is {os.getpid()}; a wrapper script has to start it with exec" in refusal(
        "systemd:web", variables
    )
    assert variables == environ(1, "web", pid=1)
    del variables["LISTEN_PID"]
    assert "LISTEN_PID is not set" in why_not_passed(variables)


def test_systemd_passes_real_descriptors(listening: socket.socket) -> None:
    # What systemd does: descriptors from 3 on, the variables, then exec.
    code = """
import os
from gateways.addresses import parse_address
from gateways.server.inherited import passed_by_systemd, take_socket
os.environ["LISTEN_PID"] = str(os.getpid())
[fd] = passed_by_systemd(parse_address("systemd:web"), os.environ)
with take_socket(fd) as sock:
    print(fd, sock.getsockname(), sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""
    pid = fork()  # dup2 in a child: descriptor 3 of this process may be anything
    if not pid:
        os.dup2(listening.fileno(), 3)
        os.environ.update(environ(1, "web"))
        result = run_python(code, pass_fds=[3])
        os._exit(0 if result == f"3 {listening.getsockname()} []\n" else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_an_address_of_systemd_reads_as_it_was_written() -> None:
    assert str(Address("systemd", name="web")) == "systemd:web"


# Passing them to another program in this process


def test_what_was_passed_is_passed_again(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherited, "_passed", [("web", listening.fileno())])
    variables = {"PATH": "/bin"}
    assert inherited.pass_again(variables) == [listening.fileno()]
    assert variables == {**environ(1, "web"), "PATH": "/bin"}


def test_a_number_that_is_another_files_by_now_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "rb") as file:
        monkeypatch.setattr(inherited, "_passed", [("web", file.fileno())])
        variables: dict[str, str] = {}
        assert inherited.pass_again(variables) == []
    assert variables == {}


def test_children_see_no_variables_of_sockets_that_nobody_wants_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherited, "_passed", [])
    variables = environ(2, "web:other")
    inherited.remember_passed(variables)
    assert variables == {"PATH": "/bin"}
    assert inherited._passed == [("web", 3), ("other", 4)]
    inherited.remember_passed(variables)  # nothing more to read
    assert len(inherited._passed) == 2
