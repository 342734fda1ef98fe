"""Unix sockets: their mode from the first instant, stale files, and servers that start at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import BindError, ConfigError
from gateways.server import unixsockets
from gateways.server.unixsockets import SocketFile, listen_unix, owner_ids
from tests.support.processes import NOBODY, as_nobody, fork
from tests.support.serving import PATIENCE

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users: needs root")


def listen(path: Path, mode: int = 0o660, owner: int = -1, group: int = -1) -> tuple[socket.socket, SocketFile]:
    return listen_unix(str(path), 16, mode, owner, group)


def refusal(path: Path) -> str:
    """The error of an attempt to listen; nothing in the directory may have changed."""
    before = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(path.parent)]
    with pytest.raises(BindError) as caught:
        listen(path)
    after = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(path.parent)]
    assert [(name, status.st_ino) for name, status in before] == [(name, status.st_ino) for name, status in after]
    message = str(caught.value)
    assert message.startswith(f"cannot listen on unix:{path}: ")
    assert "\n" not in message
    return message


def make_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        left.listen()


@contextlib.contextmanager
def alive(path: Path, kind: int = socket.SOCK_STREAM, backlog: int = 8) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(path))
        if kind != socket.SOCK_DGRAM:
            server.listen(backlog)
        yield server


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def test_listens_with_mode_and_removes_its_file(socket_dir: Path) -> None:
    path = socket_dir / "s"
    umask = os.umask(0o022)
    try:
        sock, file = listen(path, 0o606)
        assert os.umask(0o022) == 0o022  # as it was
    finally:
        os.umask(umask)
    with sock:
        status = path.lstat()
        assert stat.S_ISSOCK(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o606
        assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
        assert answers(path)
        assert not sock.get_inheritable()
        file.remove()
    assert not path.exists()


@needs_root
def test_owner_and_group(socket_dir: Path) -> None:
    sock, file = listen(socket_dir / "s", 0o600, NOBODY, 12345)
    status = (socket_dir / "s").lstat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (NOBODY, 12345, 0o600)
    file.remove()
    sock.close()


def test_CVE_2014_0185_the_mode_is_right_from_the_first_instant(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = socket_dir / "s"
    created = []

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            super().bind(address)
            created.append(stat.S_IMODE(path.lstat().st_mode))

    monkeypatch.setattr(socket, "socket", Watched)
    umask = os.umask(0)
    try:
        for mode in (0o600, 0o660, 0o666, 0o777, 0o000):
            sock, file = listen(path, mode)
            assert created.pop() == mode
            assert stat.S_IMODE(path.lstat().st_mode) == mode
            file.remove()
            sock.close()
    finally:
        os.umask(umask)


def test_nobody_can_connect_before_the_file_has_its_owner(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = socket_dir / "s"
    hand_over = unixsockets.hand_over
    refused = []

    def watched(*arguments: object) -> None:
        refused.append(not answers(path))
        hand_over(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(unixsockets, "hand_over", watched)
    sock, file = listen(path)
    file.remove()
    sock.close()
    assert refused == [True]


def test_mode_where_a_default_acl_takes_bits_away(socket_dir: Path) -> None:
    # user::rwx, group::---, other::---: what setfacl -d -m u::rwx,g::-,o::- writes.
    entries = b"\x01\0\x07\0\xff\xff\xff\xff" + b"\x04\0\0\0\xff\xff\xff\xff" + b"\x20\0\0\0\xff\xff\xff\xff"
    try:
        os.setxattr(socket_dir, "system.posix_acl_default", b"\x02\0\0\0" + entries)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")
    sock, file = listen(socket_dir / "s", 0o660)
    assert stat.S_IMODE((socket_dir / "s").lstat().st_mode) == 0o660
    file.remove()
    sock.close()


def test_a_socket_that_is_replaced_while_it_starts(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = socket_dir / "s"
    with contextlib.ExitStack() as servers:

        def replace(*arguments: object) -> None:
            path.unlink()
            servers.enter_context(alive(path))

        monkeypatch.setattr(unixsockets, "hand_over", replace)
        with pytest.raises(BindError, match="another process has replaced the socket"):
            listen(path)
        assert answers(path)


def test_a_stale_socket_is_replaced(socket_dir: Path) -> None:
    make_stale(socket_dir / "s")
    sock, file = listen(socket_dir / "s")
    assert answers(socket_dir / "s")
    file.remove()
    sock.close()


def test_a_server_that_replaces_a_stale_socket_after_the_probe(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By a program that does not lock the directory.
    path = socket_dir / "s"
    make_stale(path)
    probe = unixsockets._refuse_occupied
    with contextlib.ExitStack() as servers:

        def probe_and_replace(path_: str) -> None:
            probe(path_)
            monkeypatch.setattr(unixsockets, "_refuse_occupied", probe)
            path.rename(socket_dir / "old")  # keeps its inode in use
            servers.enter_context(alive(path))

        monkeypatch.setattr(unixsockets, "_refuse_occupied", probe_and_replace)
        with pytest.raises(BindError, match="another process listens there"):
            listen(path)
        assert answers(path)


def test_a_live_server_keeps_its_socket(socket_dir: Path) -> None:
    with alive(socket_dir / "s"):
        message = refusal(socket_dir / "s")
        assert f"another process listens there (opened by process {os.getpid()}); stop it" in message
        assert answers(socket_dir / "s")


def test_a_server_with_a_full_backlog_is_alive(socket_dir: Path) -> None:
    with alive(socket_dir / "s", backlog=0), contextlib.ExitStack() as clients:
        while True:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            if client.connect_ex(str(socket_dir / "s")):
                break
        assert "another process listens there; stop it" in refusal(socket_dir / "s")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_server_of_another_type_is_alive(socket_dir: Path, kind: int) -> None:
    with alive(socket_dir / "s", kind):
        assert "another process listens there; stop it" in refusal(socket_dir / "s")


def test_what_is_not_a_socket_is_never_removed(socket_dir: Path) -> None:
    path = socket_dir / "s"
    path.write_text("precious")
    assert "it exists and is not a socket; move it" in refusal(path)
    assert path.read_text() == "precious"
    path.unlink()
    make_stale(socket_dir / "target")
    for target in ("target", "nothing"):
        path.symlink_to(target)
        assert "it exists and is not a socket" in refusal(path)
        path.unlink()
    path.mkdir()
    assert "it exists and is not a socket" in refusal(path)


def test_a_directory_that_is_missing_or_none(socket_dir: Path) -> None:
    missing = socket_dir / "missing" / "s"
    with pytest.raises(BindError, match=f"there is no directory {missing.parent}; create it"):
        listen(missing)
    (socket_dir / "file").write_text("")
    with pytest.raises(BindError, match=f"{socket_dir}/file is not a directory"):
        listen(socket_dir / "file" / "s")


def test_a_directory_without_permission(socket_dir: Path) -> None:
    socket_dir.chmod(0o555)
    message = as_nobody(lambda: refusal(socket_dir / "s"))
    assert "may not create files in" in message
    assert "change its owner, or use another directory" in message
    socket_dir.chmod(0o755)


@needs_root
def test_a_stale_socket_of_another_user(socket_dir: Path) -> None:
    path = socket_dir / "s"
    make_stale(path)
    path.chmod(0o666)
    socket_dir.chmod(0o1777)  # as /tmp: everybody may create files, nobody may remove those of others
    message = as_nobody(lambda: refusal(path))
    assert "left it behind, and it cannot be removed" in message
    assert "start as the user it belongs to" in message
    path.chmod(0o600)
    assert "no permission to find out whether a server listens there" in as_nobody(lambda: refusal(path))


@needs_root
def test_a_group_one_is_not_in(socket_dir: Path) -> None:
    socket_dir.chmod(0o777)

    def attempt() -> str:
        with pytest.raises(BindError) as caught:
            listen(socket_dir / "s", group=0)
        return str(caught.value)

    assert "only root gives files away" in as_nobody(attempt)
    assert not (socket_dir / "s").exists()  # and what was begun is undone


@needs_root
def test_a_symbolic_link_in_the_place_of_the_socket_is_not_followed(socket_dir: Path) -> None:
    precious = socket_dir / "precious"
    precious.write_text("")
    before = precious.stat()
    (socket_dir / "s").symlink_to(precious)
    unixsockets.hand_over(str(socket_dir / "s"), 0o666, NOBODY, NOBODY)
    after = precious.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_users_and_groups_by_name_and_number() -> None:
    assert owner_ids(None, None) == (-1, -1)
    assert owner_ids("root", "root") == (0, 0)
    assert owner_ids("1234567", "7654321") == (1234567, 7654321)
    assert owner_ids(pwd.getpwuid(NOBODY).pw_name, None) == (NOBODY, -1)
    with pytest.raises(ConfigError, match="socket_owner: there is no user 'nosuchuser'"):
        owner_ids("nosuchuser", None)
    with pytest.raises(ConfigError, match="socket_group: there is no group 'nosuchgroup'"):
        owner_ids(None, "nosuchgroup")


def test_only_the_own_file_is_removed(socket_dir: Path) -> None:
    path = socket_dir / "s"
    sock, file = listen(path)
    path.unlink()
    with alive(path):
        assert not file.is_ours()
        file.remove()
        assert answers(path)
    sock.close()


def test_a_child_does_not_remove_the_file_of_its_parent(socket_dir: Path) -> None:
    sock, file = listen(socket_dir / "s")
    pid = fork()
    if not pid:
        file.remove()
        os._exit(0)
    os.waitpid(pid, 0)
    assert answers(socket_dir / "s")
    file.remove()
    sock.close()


def test_a_locked_directory_delays_only_what_needs_the_lock(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unixsockets, "LOCK_TIMEOUT", 0.05)
    path = socket_dir / "s"
    directory = os.open(socket_dir, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        sock, file = listen(path)
        assert "another process listens there" in refusal(path)
        file.remove()
        sock.close()
        make_stale(path)
        assert "the directory could not be locked; remove it" in refusal(path)
    finally:
        os.close(directory)
    sock, file = listen(path)
    file.remove()
    sock.close()


def compete(path: Path) -> list[str]:
    """Let two processes listen at the same moment, check that the socket answers, and return what each reports."""
    go, report, pids = os.pipe(), os.pipe(), []
    try:
        for _ in range(2):
            pid = fork()
            if not pid:
                try:
                    os.read(go[0], 1)
                    try:
                        keep = listen(path)
                    except Exception as error:
                        os.write(report[1], f"{error}\n".encode())
                    else:
                        os.write(report[1], b"listens\n")
                        signal.pause()
                        del keep
                finally:
                    os._exit(0)
            pids.append(pid)
        os.write(go[1], b"gg")
        text = b""
        while text.count(b"\n") < 2:
            text += os.read(report[0], 1000)
        assert answers(path)
        return text.decode().splitlines()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for fd in (*go, *report):
            os.close(fd)


def test_of_two_servers_that_start_at_once_one_gets_the_socket(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = unixsockets._refuse_occupied

    def slow_probe(path: str) -> None:
        probe(path)
        time.sleep(0.001)  # what the other one does in this moment would be lost

    monkeypatch.setattr(unixsockets, "_refuse_occupied", slow_probe)
    monkeypatch.setattr(unixsockets, "LOCK_TIMEOUT", PATIENCE)
    path = socket_dir / "s"
    make_stale(path)
    for _ in range(50):  # each time the killed winner leaves a stale socket for the next two
        loser, winner = sorted(compete(path))
        assert winner == "listens"
        assert "another process listens there" in loser
