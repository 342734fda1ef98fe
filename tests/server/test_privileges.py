"""Which user serves: refused or found out at the start, and taken on without a way back."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from gateways.errors import ConfigError
from gateways.server.privileges import Privileges
from gateways.settings import Settings
from tests.support.processes import NOBODY, as_nobody, in_child

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")

#: A user with groups of its own beside the first one, if the machine has one.
MEMBERS = [(name, group.gr_gid) for group in grp.getgrall() for name in group.gr_mem]


def refusal(user: str | None = None, group: str | None = None, **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        Privileges.of(Settings(user=user, group=group), **more)
    return str(caught.value)


def ids() -> tuple[tuple[int, ...], tuple[int, ...], set[int]]:
    return os.getresuid(), os.getresgid(), set(os.getgroups())


def after(user: str, group: str | None = None, **settings: Any) -> Any:
    def become() -> Any:
        Privileges.of(Settings(user=user, group=group, **settings)).drop()
        return ids()

    return in_child(become)


# Refusals


@as_root
def test_root_has_to_be_told() -> None:
    message = refusal()
    assert "this would serve as root" in message
    assert "--user www-data" in message
    assert "--user root" in message
    assert "this would serve as root" in refusal(group="root")


@as_root
def test_what_a_web_server_spawned_keeps_its_user() -> None:
    privileges = Privileges.of(Settings(), spawned=True)
    assert not privileges.needed
    assert (privileges.uid, privileges.gid) == (0, os.getegid())


@pytest.mark.parametrize("user", ["root", "0"])
@as_root
def test_root_can_insist(user: str) -> None:
    before = ids()
    assert not Privileges.of(Settings(user=user)).needed
    assert after(user) == before


@pytest.mark.parametrize("name", ["no-such-user", "4294967296", "-1", "1_0", "\u0661"])
def test_an_unknown_user(name: str) -> None:
    assert f"user: there is no user {name!r}" in refusal(name)


@pytest.mark.parametrize("name", ["no-such-group", "99999999999", "-1"])
def test_an_unknown_group(name: str) -> None:
    assert f"group: there is no group {name!r}" in refusal(str(os.geteuid()), name)


@as_root
def test_a_number_that_nobody_has_needs_a_group() -> None:
    assert "user '54321' is not in the user database: give its group, too" in refusal("54321")


def test_others_than_root_cannot_change() -> None:
    def attempt() -> tuple[str, str]:
        return refusal("root"), refusal(group="0")

    by_user, by_group = as_nobody(attempt)
    assert "user 'root': only root can change to it, and this process belongs to user" in by_user
    assert "group '0': only root can change to it" in by_group


def test_others_than_root_need_not_change() -> None:
    def attempt() -> tuple[Any, Any, bool]:
        before = ids()
        for given in ({}, {"user": str(os.geteuid())}, {"group": str(os.getegid())}):
            privileges = Privileges.of(Settings(**given))
            privileges.drop()
        return before, ids(), privileges.needed

    before, now, needed = as_nobody(attempt)
    assert before == now
    assert not needed


# Changing


@as_root
def test_everything_changes_and_nothing_leads_back() -> None:
    def become() -> Any:
        os.setgroups([0, 1, 2])
        Privileges.of(Settings(user="nobody")).drop()
        failures = []
        for call in (os.setuid, os.seteuid, os.setgid, os.setegid):
            with pytest.raises(PermissionError):
                call(0)
            failures.append(call.__name__)
        with pytest.raises(PermissionError):
            os.setgroups([0])
        return ids(), failures

    entry = pwd.getpwnam("nobody")
    (uids, gids, groups), failures = in_child(become)
    assert set(uids) == {entry.pw_uid}
    assert set(gids) == {entry.pw_gid}
    assert groups == set(os.getgrouplist("nobody", entry.pw_gid))
    assert failures == ["setuid", "seteuid", "setgid", "setegid"]


@as_root
def test_a_number_and_a_group() -> None:
    uids, gids, groups = after("54321", "54322")
    assert (set(uids), set(gids), groups) == ({54321}, {54322}, {54322})


@as_root
def test_a_group_beside_the_user() -> None:
    uids, gids, groups = after("nobody", "daemon")
    gid = grp.getgrnam("daemon").gr_gid
    assert set(uids) == {NOBODY}
    assert set(gids) == {gid}
    assert groups == set(os.getgrouplist("nobody", gid))


@as_root
def test_the_users_other_groups_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.getgrouplist
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [*real(name, gid), 54321])
    assert 54321 in after("nobody")[2]


@as_root
def test_every_thread_changes() -> None:
    import threading

    def become() -> set[int]:
        go, seen = threading.Event(), []

        def look() -> None:
            go.wait(20)
            seen.append(os.geteuid())

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        Privileges.of(Settings(user="nobody")).drop()
        go.set()
        for thread in threads:
            thread.join()
        return set(seen)

    assert in_child(become) == {NOBODY}


@as_root
def test_the_home_directory_is_the_users() -> None:
    def become(user: str, group: str | None = None, **env: str) -> dict[str, str | None]:
        os.environ.update(HOME="/root", USER="root", LOGNAME="root")
        os.environ.update(env)
        Privileges.of(Settings(user=user, group=group, env=env)).drop()
        return {name: os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")}

    home = pwd.getpwnam("nobody").pw_dir
    assert in_child(lambda: become("nobody")) == {"HOME": home, "USER": "nobody", "LOGNAME": "nobody"}
    assert set(in_child(lambda: become("54321", "54321")).values()) == {None}
    assert in_child(lambda: become("root"))["HOME"] == "/root"
    assert in_child(lambda: become("nobody", HOME="/srv")) == {"HOME": "/srv", "USER": "nobody", "LOGNAME": "nobody"}
    assert in_child(lambda: become("54321", "54321", USER="me"))["USER"] == "me"


def test_the_umask_is_taken_on_without_a_change_of_user(tmp_path: Path) -> None:
    def make() -> None:
        Privileges.of(Settings(user=str(os.geteuid()), umask=0o027)).drop()
        (tmp_path / "new").touch()

    in_child(make)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


# Systems that say no


@as_root
def test_a_sandbox_that_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(groups: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", forbid)
    with pytest.raises(ConfigError, match=r"cannot become user nobody, group 65534: Operation not permitted; .*CAP_"):
        Privileges.of(Settings(user="nobody")).drop()


@as_root
@pytest.mark.parametrize("call", ["setuid", "setgid", "setgroups"])
def test_a_system_that_only_pretends(call: str) -> None:
    def become() -> str:
        os.setgroups([0, 1])
        setattr(os, call, lambda *arguments: None)
        with pytest.raises(ConfigError) as caught:
            Privileges.of(Settings(user="nobody")).drop()
        return str(caught.value)

    assert "the system says yes, and lets the process go back to root" in in_child(become)
