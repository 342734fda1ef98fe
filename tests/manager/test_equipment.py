"""What a child becomes before code of the application runs, seen from within it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.support.managing import ROOT, managing
from tests.support.notifysocket import notify_socket


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_environment_directory_and_umask(flags: tuple[str, ...]) -> None:
    words = ("--workers", "1", "--env", "COLOUR=green", "--umask", "027", "--chdir", "{dir}", *flags)
    with notify_socket() as systemd, managing(*words, environ=systemd.environ) as managed:
        assert managed.ask("/environ/COLOUR").body == b"green"
        assert managed.ask("/environ/NOTIFY_SOCKET").body == b"", "systemd is the master's to talk to"
        assert managed.ask("/who").body.endswith(f" 027 {managed.directory}".encode())


def others_may_read(path: str) -> bool:
    """Say whether a user without any rights of its own could import from ``path``."""
    places = [Path(path), *Path(path).parents]
    return all(place.stat().st_mode & 0o001 for place in places)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_the_user_is_taken_on_by_whoever_runs_the_application(user: str, flags: tuple[str, ...]) -> None:
    if user == "nobody" and not all(map(others_may_read, (os.path.dirname(os.__file__), str(ROOT)))):
        pytest.skip("nobody may not read this Python, or this checkout")
    words = ("--workers", "1", "--user", user, "--group", "nogroup", "--chdir", "/", *flags)
    with managing(*words) as managed:
        uid, gid = managed.ask("/who").body.split()[:2]
        assert (int(uid), int(gid)) == (pwd.getpwnam(user).pw_uid, 65534)
        assert os.stat(f"/proc/{managed.pid}").st_uid == 0
