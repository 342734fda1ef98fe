"""A whole directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.doctor import directory
from gateways.doctor.directory import examine_directory, scripts_in
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

US = Options(user=str(os.geteuid()), run=False)


@pytest.fixture(autouse=True)
def tmp_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "closed_directory", lambda account, path: "")


def test_the_scripts_of_a_site(tmp_path: Path) -> None:
    for name in ("b.cgi", "a.fcgi", "app.py", "tool"):
        (tmp_path / name).touch()
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "x.cgi").mkdir()
    assert [os.path.basename(path) for path in scripts_in(str(tmp_path))] == ["a.fcgi", "b.cgi"]


def test_all_that_can_be_executed_in_a_cgi_bin(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    for name in ("tool", "data", ".hidden"):
        (tmp_path / "cgi-bin" / name).touch(0o755 if name != "data" else 0o644)
    assert [os.path.basename(path) for path in scripts_in(str(tmp_path / "cgi-bin"))] == ["tool"]


def test_every_script_and_the_htaccess(tmp_path: Path) -> None:
    (tmp_path / "a.cgi").write_text("x")
    (tmp_path / ".htaccess").write_text("Options ExecCGI -Indexes\n")
    found = [finding.code for finding in examine_directory(str(tmp_path), US)]
    assert sorted(found) == ["htaccess-options-mixed", "script-not-executable", "shebang-missing"]


def test_the_directory_of_a_web_server(tmp_path: Path) -> None:
    [finding] = examine_directory(str(tmp_path), US)
    assert finding.remedy == f"gateways init {tmp_path}"
    (tmp_path / "nginx.conf").touch()
    [finding] = examine_directory(str(tmp_path), US)
    assert finding.remedy == f"name the file: gateways doctor {tmp_path}/nginx.conf"


def test_an_htaccess_alone(tmp_path: Path) -> None:
    (tmp_path / ".htaccess").write_text("Options ExecCGI -Indexes\n")
    found = [finding.code for finding in examine_directory(str(tmp_path), US)]
    assert found == ["htaccess-options-mixed", "directory-without-scripts"]


def test_an_empty_directory(tmp_path: Path) -> None:
    [finding] = examine_directory(str(tmp_path), US)
    assert (finding.code, finding.remedy) == ("directory-without-scripts", f"gateways init {tmp_path}")


def test_a_closed_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "closed_directory", lambda account, path: str(tmp_path))
    assert next(examine_directory(str(tmp_path), US)).code == "directory-closed"


def test_too_many_scripts(tmp_path: Path) -> None:
    for number in range(21):
        (tmp_path / f"{number}.cgi").touch()
    with pytest.raises(ConfigError, match="21 scripts"):
        list(examine_directory(str(tmp_path), US))
