"""Where relative paths start, while deployments move directories about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.errors import ConfigError
from gateways.manager.startdirectory import StartDirectory
from tests.support.processes import in_child


@pytest.fixture
def current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A link to a release, which is the working directory."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    link = tmp_path / "current"
    link.symlink_to("first")
    monkeypatch.chdir(link)
    return link


def test_the_name_is_that_of_the_shell(current: Path) -> None:
    assert StartDirectory({"PWD": str(current)}).path == str(current)


@pytest.mark.parametrize("name", ["", ".", "relative", "/", "/absent/directory"])
def test_a_name_that_leads_elsewhere_is_not_believed(current: Path, name: str) -> None:
    assert StartDirectory({"PWD": name}).path == str(current.parent / "first")
    assert StartDirectory({}).path == str(current.parent / "first")


def test_another_release_is_entered_under_the_same_name(current: Path) -> None:
    start = StartDirectory({"PWD": str(current)})
    current.unlink()
    current.symlink_to("second")
    (current.parent / "first").rmdir()
    with pytest.raises(FileNotFoundError):
        os.getcwd()
    assert start.enter()
    assert os.getcwd() == str(current.parent / "second")


def test_a_directory_that_is_gone_is_not_entered(current: Path) -> None:
    start = StartDirectory({"PWD": str(current)})
    current.unlink()
    assert not start.enter()
    assert os.getcwd() == str(current.parent / "first")


def test_paths(current: Path) -> None:
    start = StartDirectory({"PWD": str(current)})
    assert start.resolve("pid_file", "/run/app.pid") == "/run/app.pid"
    assert start.resolve("pid_file", "app.pid") == f"{current}/app.pid"
    assert start.resolve("slow_log", "slow", "logs") == f"{current}/logs/slow"
    assert start.resolve("slow_log", "slow", "/var/log") == "/var/log/slow"
    assert start.resolve("slow_log", "/slow", "/var/log") == "/slow"


def test_started_in_a_directory_that_is_gone(tmp_path: Path) -> None:
    def start() -> tuple[str, str, bool, str]:
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        directory = StartDirectory({"PWD": str(gone)})
        with pytest.raises(ConfigError) as caught:
            directory.resolve("slow_log", "slow", "logs")
        return directory.path, directory.resolve("slow_log", "slow", "/logs"), directory.enter(), str(caught.value)

    path, absolute, entered, message = in_child(start)
    assert (path, absolute, entered) == ("", "/logs/slow", False)
    assert message == "slow_log 'slow': the directory this was started in is gone; give an absolute path"
