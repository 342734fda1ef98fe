"""The directory of the sockets, and the names in it."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.resident import place, starting

Bound = tuple[place.Place, socket.socket]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable counts but our own: the web server has others than a shell."""
    monkeypatch.delenv(place.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
    home = pwd.getpwuid(os.geteuid()).pw_dir
    node = os.uname().nodename
    assert list(place.candidates()) == [f"{home}/.cache/gateways/{node}", f"/tmp/gateways-{os.geteuid()}"]
    monkeypatch.setattr("pwd.getpwuid", lambda user: (_ for _ in ()).throw(KeyError(user)))
    assert list(place.candidates()) == [f"/tmp/gateways-{os.geteuid()}"]
    monkeypatch.setenv(place.VARIABLE, "/mine")
    assert list(place.candidates()) == ["/mine"]


def test_the_second_where_the_first_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    second = tmp_path / "second"
    monkeypatch.setattr(place, "candidates", lambda: iter([f"{tmp_path}/file/x", str(second)]))
    assert place.find() is None
    made = place.make()
    assert made.path == str(second)
    made.close()
    found = place.find()
    assert found is not None
    assert found.path == str(second)
    found.close()


def test_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(place.VARIABLE, f"{tmp_path}/file/x")
    with pytest.raises(OSError, match="Not a directory"):
        place.make()


def test_the_last_place_is_made_where_the_first_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(place, "candidates", lambda: iter([f"{tmp_path}/file/x", f"{tmp_path}/y"]))
    made = place.make()
    made.close()
    assert made.path == f"{tmp_path}/y"


def test_the_name_depends_on_script_and_program(tmp_path: Path) -> None:
    names = {
        place.socket_name(f"{tmp_path}/{script}.cgi", f"{tmp_path}/{program}/gateways-cgi")
        for script in ("a", "b")
        for program in ("a", "b")
    }
    assert len(names) == 4
    assert all(len(name) == len("0123456789abcdef.sock") for name in names)


def test_a_name_is_found_by_any_way_to_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    name = place.socket_name(f"{tmp_path}/app.cgi", "/x/y")
    assert place.socket_name(f"{tmp_path}/link/app.cgi", "/x/y") == name
    monkeypatch.chdir(tmp_path)
    assert place.socket_name("app.cgi", "/x/y") == name
    assert place.socket_name("/app.cgi", "/x/y") != name


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Bound]:
    """A directory, and a socket that is bound to ``name`` in it."""
    tmp_path.chmod(0o700)
    directory = place.Place(str(tmp_path), place.open_private(str(tmp_path)))
    with socket.socket(socket.AF_UNIX) as listener:
        directory.bind(listener, "name")
        yield directory, listener
    directory.close()


def test_a_listener_of_somebody_else_is_left_alone(bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, listener = bound
    listener.listen(1)
    sock = directory.connect("name")
    assert sock is not None
    assert place.peer(sock) == os.geteuid()
    sock.close()
    monkeypatch.setattr(place, "peer", lambda sock: 12345)
    assert directory.connect("name") is None
    assert directory.connect("absent") is None


def test_a_full_backlog(bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "PATIENCE", 40)
    directory, listener = bound
    listener.listen(0)
    sock = directory.connect("name")
    assert sock is not None
    with pytest.raises(place.BusyError):
        directory.connect("name")
    assert starting._listens(directory, "name")
    assert not starting._listens(directory, "absent")
    sock.close()
