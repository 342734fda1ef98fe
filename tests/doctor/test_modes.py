"""Modes, owners and mounts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gateways.doctor import modes
from gateways.doctor.accounts import Account, account_of
from gateways.doctor.findings import Finding
from gateways.doctor.modes import examine_interpreter_modes, examine_modes, mount_point
from gateways.doctor.suexec import Rules

US = account_of(os.geteuid())
STRANGER = Account("stranger", 54321, 54321, frozenset([54321]))


@pytest.fixture(autouse=True)
def tmp_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever pytest has made above the directories of the tests."""
    monkeypatch.setattr(modes, "closed_directory", lambda account, path: "")


def examine(path: Path, account: Account = STRANGER, suexec: bool = False) -> list[Finding]:
    return list(examine_modes(str(path), account, suexec))


def test_nothing_is_wrong(script: Path) -> None:
    assert examine(script) == []
    assert examine(script, US) == []


@pytest.mark.parametrize(
    ("mode", "codes"),
    [
        (0o644, ["script-not-executable"]),
        (0o744, ["script-not-executable"]),
        (0o711, ["script-unreadable"]),
        (0o700, ["script-not-executable", "script-unreadable"]),
    ],
)
def test_what_others_may(script: Path, mode: int, codes: list[str]) -> None:
    script.chmod(mode)
    found = examine(script)
    assert [finding.code for finding in found] == codes
    for finding in found:
        subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(script) == []


def test_suexec_is_asked_only_if_something_may_run(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask() -> Rules:
        asked.append(1)
        return Rules()

    monkeypatch.setattr(modes, "rules", ask)
    list(examine_modes(str(script), US, True, run=False))
    assert asked == []
    list(examine_modes(str(script), US, True))
    assert asked == [1]


def test_a_mount_with_noexec(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "_is_noexec", lambda path: True)
    [finding] = examine(script)
    assert finding.code == "mount-noexec"
    assert finding.remedy == f"mount -o remount,exec {mount_point(str(script))}"
    assert os.path.ismount(mount_point(str(script)))


def test_a_closed_directory(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "closed_directory", lambda account, path: str(script.parent))
    script.parent.chmod(0o700)
    finding = examine(script)[0]
    assert finding.code == "directory-closed"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert script.parent.stat().st_mode & 0o777 == 0o701
    [finding] = examine_interpreter_modes(str(script), str(script), STRANGER)
    assert finding.code == "interpreter-closed"


def test_an_interpreter_that_others_may_not_execute(script: Path) -> None:
    python = script.with_name("python")
    python.touch()
    python.chmod(0o700)
    [finding] = examine_interpreter_modes(str(script), str(python), STRANGER)
    assert finding.code == "interpreter-closed"
    assert list(examine_interpreter_modes(str(script), str(python), US)) == []
    assert list(examine_interpreter_modes(str(script), f"{script}.none", STRANGER)) == []
