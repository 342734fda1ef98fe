"""The place of a socket is taken without a moment in which nobody listens, and given back the same way."""

from __future__ import annotations

import errno
import os
import shlex
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.addresses import MAX_PATH, Address, connect, parse_address
from gateways.errors import BindError, ConfigError
from gateways.trace.takeover import BEHIND, TakeOver
from tests.support.serving import PATIENCE


@pytest.fixture
def listener(socket_dir: Path) -> Iterator[socket.socket]:
    """A backend's socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "app.sock"))
        os.chmod(socket_dir / "app.sock", 0o606)
        sock.listen()
        sock.settimeout(PATIENCE)
        yield sock


def reaches(address: Address, listener: socket.socket) -> bool:
    """Whether who connects to the address arrives at this socket."""
    listener.settimeout(PATIENCE)
    with connect(address, PATIENCE) as near:
        near.sendall(b"x")
        listener.setblocking(False)
        try:
            far, _ = listener.accept()
        except BlockingIOError:
            return False
        with far:
            far.settimeout(PATIENCE)
            return far.recv(1) == b"x"


def test_taken_and_put_back(socket_dir: Path, listener: socket.socket) -> None:
    address = parse_address(f"unix:{socket_dir}/app.sock")
    before = os.stat(address.path)
    place = TakeOver(address)
    with place.sock:
        assert reaches(address, place.sock)
        assert reaches(place.backend, listener)
        now = os.stat(address.path)
        assert stat.S_IMODE(now.st_mode) == 0o606
        assert (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid)
        assert place.put_back() == ""
        assert reaches(address, listener)
        assert reaches(place.backend, listener), "the backlog of the trace is still to be served"
        place.release()
    assert os.stat(address.path).st_ino == before.st_ino
    assert reaches(address, listener)
    assert os.listdir(socket_dir) == ["app.sock"]


@pytest.mark.parametrize("over", [1, 12])
def test_a_path_that_leaves_no_room_for_the_other_name(socket_dir: Path, over: int) -> None:
    """Nobody could connect to the backend any more."""
    with socket.socket(socket.AF_UNIX) as sock:
        path = f"{socket_dir}/".ljust(MAX_PATH - len(BEHIND) + over, "a")
        sock.bind(path)
        sock.listen()
        with pytest.raises(ConfigError, match="too long for a socket"):
            TakeOver(parse_address(f"unix:{path}"))
        assert len(os.listdir(socket_dir)) == 1


def test_a_trace_that_did_not_begin_gives_it_back(socket_dir: Path, listener: socket.socket) -> None:
    address = parse_address(f"unix:{socket_dir}/app.sock")
    TakeOver(address).release()
    assert reaches(address, listener)
    assert os.listdir(socket_dir) == ["app.sock"]


def test_it_is_left_only_once(socket_dir: Path, listener: socket.socket) -> None:
    """Another trace may have taken the place by then."""
    address = parse_address(f"unix:{socket_dir}/app.sock")
    first = TakeOver(address)
    assert first.put_back() == ""
    assert first.release() == ""
    second = TakeOver(address)
    with second.sock:
        assert first.release() == ""
        assert reaches(second.backend, listener)
        assert second.put_back() == ""
        assert second.release() == ""
    assert os.listdir(socket_dir) == ["app.sock"]


def test_a_trace_that_did_not_begin_says_what_it_cannot_give_back(socket_dir: Path, listener: socket.socket) -> None:
    place = TakeOver(parse_address(f"unix:{socket_dir}/app.sock"))
    os.unlink(place.backend.path)
    assert place.release().endswith("restart the backend")


def test_a_backend_that_made_a_new_socket_keeps_it(socket_dir: Path, listener: socket.socket) -> None:
    place = TakeOver(parse_address(f"unix:{socket_dir}/app.sock"))
    with place.sock, socket.socket(socket.AF_UNIX) as new:
        os.unlink(socket_dir / "app.sock")
        new.bind(str(socket_dir / "app.sock"))
        inode = os.stat(socket_dir / "app.sock").st_ino
        assert "is another socket by now" in place.put_back()
        new.listen()
        place.release()
    assert os.stat(socket_dir / "app.sock").st_ino == inode
    assert os.listdir(socket_dir) == ["app.sock"]


def test_the_backends_other_name_was_removed(socket_dir: Path, listener: socket.socket) -> None:
    place = TakeOver(parse_address(f"unix:{socket_dir}/app.sock"))
    with place.sock:
        os.unlink(place.backend.path)
        assert place.put_back().endswith("No such file or directory; restart the backend")
        place.release()


def test_a_backend_that_has_stopped_and_removed_its_socket(socket_dir: Path, listener: socket.socket) -> None:
    place = TakeOver(parse_address(f"unix:{socket_dir}/app.sock"))
    with place.sock:
        listener.close()
        os.unlink(socket_dir / "app.sock")
        assert "the backend has removed" in place.put_back()
        place.release()
    assert os.listdir(socket_dir) == []


def test_a_backend_that_runs_and_has_no_name_gets_it_back(socket_dir: Path, listener: socket.socket) -> None:
    address = parse_address(f"unix:{socket_dir}/app.sock")
    place = TakeOver(address)
    with place.sock:
        os.unlink(address.path)
        assert place.put_back() == ""
        listener.accept()[0].close()  # it was looked whether somebody listens
        place.release()
    assert reaches(address, listener)


def advice(address: Address) -> str:
    with pytest.raises(BindError) as caught:
        TakeOver(address)
    return str(caught.value)


def test_what_a_trace_that_was_killed_has_left_is_not_overwritten(socket_dir: Path, listener: socket.socket) -> None:
    """What is advised leaves the site working, in whichever state it is."""
    address = parse_address(f"unix:{socket_dir}/app.sock")
    behind = address.path + BEHIND
    place = TakeOver(address)
    with place.sock:
        assert advice(address).endswith(f"another trace is running; end that first, or if none is: rm {behind}")
    # Killed.
    assert advice(address).endswith(f"put the backend's socket back: mv {behind} {address.path}")
    listener.close()
    assert advice(address).endswith("rm both, and start the backend again")
    os.unlink(address.path)
    with socket.socket(socket.AF_UNIX) as again:
        again.bind(address.path)
        again.listen()
        assert advice(address).endswith(f"if no other trace is running, rm {behind}")
        os.unlink(behind)
        place = TakeOver(address)
        with place.sock:
            place.put_back()
            assert f"a trace is just ending; try again, or if none is running: rm {behind}" in advice(address)


def test_the_advice_can_be_typed_where_a_path_has_spaces(socket_dir: Path) -> None:
    (socket_dir / "a b").mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "a b/app.sock"))
        sock.listen()
        address = parse_address(f"unix:{socket_dir}/a b/app.sock")
        with TakeOver(address).sock:
            assert advice(address).endswith(f": rm '{address.path}{BEHIND}'")
        remedy = advice(address).rpartition(": ")[2]
        assert shlex.split(remedy) == ["mv", address.path + BEHIND, address.path]


def test_a_directory_that_may_not_be_written_to(
    socket_dir: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, mode: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "chmod", refuse)
    remedy = "Permission denied; be root or the owner of the socket and its directory, or use --listen"
    assert advice(parse_address(f"unix:{socket_dir}/app.sock")).endswith(remedy)
    assert os.listdir(socket_dir) == ["app.sock"]


@pytest.mark.parametrize(
    ("address", "why"), [("unix:/none/such", "No such file"), (":9000", "is none; use --listen"), ("unix:/", "")]
)
def test_what_cannot_be_taken_over(address: str, why: str) -> None:
    if address == "unix:/":
        parsed = Address("unix", path="/etc/passwd")
        why = "it is not a socket"
    else:
        parsed = parse_address(address)
    with pytest.raises(ConfigError, match=why):
        TakeOver(parsed)
