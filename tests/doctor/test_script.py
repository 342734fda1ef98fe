"""A whole script."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gateways.doctor import modes, script
from gateways.doctor.accounts import Account
from gateways.doctor.script import examine_script, is_fastcgi
from gateways.doctor.targets import Options
from gateways.errors import ConfigError
from tests.support.serving import PATIENCE
from tests.support.source import CHECKOUT

US = Options(user=str(os.geteuid()), timeout=PATIENCE)
GOOD = """
from gateways import run

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]

run(application)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(modes, "closed_directory", lambda account, path: "")
    directory = tmp_path / "cgi-bin"
    directory.mkdir()
    (directory / "gateways").symlink_to(CHECKOUT / "gateways")
    return directory


def write(place: Path, name: str, text: str = GOOD, mode: int = 0o755) -> str:
    path = place / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(mode)
    return str(path)


def codes(path: str, options: Options = US) -> list[str]:
    return [finding.code for finding in examine_script(path, options)]


@pytest.mark.parametrize("name", ["app.cgi", "app.fcgi"])
def test_a_script_that_works(place: Path, name: str) -> None:
    assert codes(write(place, name)) == ["script-answers"]


def test_nothing_is_run_where_it_cannot_be(place: Path) -> None:
    assert codes(write(place, "app.cgi", mode=0o644)) == ["script-not-executable"]


def test_nothing_is_run_where_a_person_does_not_want_it(place: Path) -> None:
    text = f"open({str(place / 'ran')!r}, 'w')\n{GOOD}"
    assert codes(write(place, "app.cgi", text), Options(user=US.user, run=False)) == []
    assert not (place / "ran").exists()


def test_where_we_cannot_become_the_account(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Account("other", 54321, 54321, frozenset([54321]), "it runs")
    monkeypatch.setattr(script, "web_account", lambda options, path: other)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(script, "examine_modes", lambda *arguments: [])
    monkeypatch.setattr(script, "examine_interpreter_modes", lambda *arguments: [])
    assert codes(write(place, "app.cgi")) == ["run-as-you", "script-answers"]


def test_what_the_kernel_refuses(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(script, "run_cgi", refuse)
    assert codes(write(place, "app.cgi")) == ["script-not-started"]


def test_a_script_that_we_cannot_read(place: Path) -> None:
    with pytest.raises(ConfigError, match="run as a user who may read it"):
        script.read_script(str(place / "absent.cgi"))


def test_how_it_is_started(place: Path) -> None:
    assert is_fastcgi(str(place / "app.fcgi"))
    assert not is_fastcgi(str(place / "app.cgi"))
    (place / ".htaccess").write_text("AddHandler fcgid-script .cgi\nAddHandler cgi-script .fcgi\n")
    assert not is_fastcgi(str(place / "app.fcgi"))
    assert is_fastcgi(str(place / "app.cgi"))


def test_a_compiled_program_is_started_as_it_is(place: Path) -> None:
    path = place / "app.cgi"
    shutil.copy("/bin/true", path)
    assert codes(str(path)) == ["run-silent"]


def test_the_python_of_a_script_whose_process_stays_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gateways-cgi takes no -m."""
    program = place.parent / "gateways-cgi"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    (place.parent / "python3").symlink_to(sys.executable)
    path = place / "app.cgi"
    path.write_text(f"#!{program}\nimport nothing_there\n")
    path.chmod(0o755)
    [finding] = examine_script(str(path), US)
    assert finding.remedy == f"{place.parent}/python3 -m pip install nothing_there"


def test_the_python_of_a_script_whose_process_stays_is_out_of_reach(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rule it is a link to one in somebody's home directory."""
    program, python = place.parent / "gateways-cgi", place.parent / "python3"
    program.touch(0o755)
    python.symlink_to(sys.executable)
    closed = {str(python): str(place)}
    monkeypatch.setattr(modes, "closed_directory", lambda account, path: closed.get(path, ""))
    path = place / "app.cgi"
    path.write_text(f"#!{program}\n{GOOD}")
    path.chmod(0o755)
    [finding] = examine_script(str(path), US)
    assert finding.code == "interpreter-closed"
    assert f"above its interpreter {python}" in finding.what
