"""What an account may do, told from the modes of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.doctor import accounts
from gateways.doctor.accounts import EXECUTE, READ, WRITE, Account, allowed, closed_directory, opening, web_account
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

STRANGER = Account("stranger", 54321, 54321, frozenset([54321]))
US = Account("us", os.geteuid(), os.getegid(), frozenset([os.getegid()]))
MEMBER = Account("member", 54321, 54321, frozenset([54321, os.getegid()]))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that everybody may enter, whatever pytest has made above it."""
    directory = tmp_path / "one" / "two"
    directory.mkdir(parents=True)
    return directory


def test_the_bits_of_the_others(place: Path) -> None:
    place.chmod(0o754)
    assert [bool(allowed(STRANGER, str(place), wanted)) for wanted in (READ, WRITE, EXECUTE)] == [True, False, False]


def test_the_bits_of_the_group_count_before_those_of_the_others(place: Path) -> None:
    place.chmod(0o707)
    os.chown(place, -1, os.getegid())
    assert not allowed(MEMBER, str(place), READ)
    assert allowed(STRANGER, str(place), READ)


def test_the_owner_has_only_his_own_bits(place: Path) -> None:
    place.chmod(0o077)
    owner = Account("owner", place.stat().st_uid or 54321, 1, frozenset([1]))
    if owner.uid == place.stat().st_uid:
        assert not allowed(owner, str(place), READ)


def test_root_may_all_but_execute_what_nobody_may(place: Path) -> None:
    root = Account("root", 0, 0, frozenset([0]))
    file = place / "file"
    file.touch(0o600)
    place.chmod(0o000)
    try:
        assert allowed(root, str(place), EXECUTE)
    finally:
        place.chmod(0o755)
    assert allowed(root, str(file), READ)
    assert not allowed(root, str(file), EXECUTE)


def test_an_access_control_list_is_not_guessed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.chmod(0o700)
    monkeypatch.setattr(os, "listxattr", lambda path: ["system.posix_acl_access"], raising=False)
    assert allowed(STRANGER, str(place), EXECUTE)


def test_the_first_closed_directory_is_found_behind_a_link(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place / "secret" / "venv"
    target.mkdir(parents=True)
    link = place / "link"
    link.symlink_to("secret/venv")
    (place / "secret").chmod(0o700)
    seen: list[str] = []
    monkeypatch.setattr(accounts, "allowed", lambda account, path, wanted: seen.append(path) or "secret" not in path)
    assert closed_directory(STRANGER, str(link / "bin" / "python")) == str(place / "secret")
    assert seen[0] == "/"
    assert str(place) in seen


def test_a_loop_of_links_ends(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    assert str(place) in list(accounts.directories_above(str(place / "a" / "x")))


def test_a_remedy_gives_no_more_than_needed(place: Path) -> None:
    assert opening(STRANGER, str(place), "x") == "chmod o+x"
    os.chown(place, -1, os.getegid())
    if os.geteuid() == 0:
        assert opening(MEMBER, str(place), "rx") == "chmod g+rx"
    assert opening(US, str(place), "r") == "chmod u+r"


def test_the_account_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert web_account(Options(user="root")).uid == 0
    with pytest.raises(ConfigError, match="there is no user 'nobody-at-all'"):
        web_account(Options(user="nobody-at-all"))


def test_the_account_of_the_web_server_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_running", lambda: [(0, "apache2")])
    found = web_account(Options())
    assert (found.uid, found.why) == (0, "apache2 runs as it")


def test_the_account_that_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_running", list)
    monkeypatch.setattr(accounts, "NAMES", ("nobody-at-all", "root"))
    assert web_account(Options()).name == "root"
    monkeypatch.setattr(accounts, "NAMES", ("nobody-at-all",))
    assert web_account(Options()).uid == os.geteuid()


def test_suexec_takes_the_owner(place: Path) -> None:
    script = place / "app.cgi"
    script.touch()
    assert web_account(Options(suexec=True), str(script)).uid == script.stat().st_uid


def test_the_table_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in (("7", "apache2"), ("8", "bash"), ("gone", "nginx")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "comm").write_text(f"{name}\n")
    (tmp_path / "9").mkdir()
    monkeypatch.setattr(accounts, "_is_known", lambda uid: True)
    found = list(accounts._running(str(tmp_path)))
    assert found == ([] if os.geteuid() == 0 else [(os.geteuid(), "apache2")])
