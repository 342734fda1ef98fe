"""What an .htaccess leaves out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gateways.deploy.htaccess import SECRET
from gateways.doctor import htaccess as module
from gateways.doctor.apache import facts
from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.htaccess import examine_all, examine_beside, examine_htaccess
from gateways.doctor.targets import Options

GOOD = "Options +ExecCGI\nAddHandler cgi-script .cgi\nCGIPassAuth On\n"
US = Options(user=str(os.geteuid()))


def examine(path: Path) -> list[Finding]:
    return list(examine_htaccess(str(path), US))


@pytest.fixture
def htaccess(tmp_path: Path) -> Path:
    path = tmp_path / "site" / ".htaccess"
    path.parent.mkdir()
    path.write_text(GOOD)
    return path


def test_nothing_is_wrong(htaccess: Path) -> None:
    assert examine(htaccess) == []


@pytest.mark.parametrize(
    ("without", "code"),
    [("Options +ExecCGI\n", "htaccess-no-execcgi"), ("CGIPassAuth On\n", "htaccess-no-authorization")],
)
def test_a_line_is_missing(htaccess: Path, without: str, code: str) -> None:
    htaccess.write_text(GOOD.replace(without, "").rstrip("\n"))  # many editors leave the last line without an end
    [finding] = examine(htaccess)
    assert finding.code == code
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(htaccess) == []


def test_options_that_are_set_anew_further_down(htaccess: Path) -> None:
    htaccess.write_text(GOOD.replace("+ExecCGI", "Indexes FollowSymLinks"))
    [finding] = examine(htaccess)
    assert finding.code == "htaccess-no-execcgi"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(htaccess) == []


def test_a_directory_that_cannot_be_listed(htaccess: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 711, which does not keep root from it."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(module.os, "listdir", refuse)
    assert examine(htaccess) == []


def test_apache_does_not_mind_capitals(htaccess: Path) -> None:
    htaccess.write_text("addhandler CGI-Script .cgi\nCGIPassAuth On\n")
    [finding] = examine(htaccess)
    assert (finding.code, finding.where) == ("htaccess-no-execcgi", f"{htaccess}:1")


def test_what_the_doctor_may_not_read(htaccess: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may, so it is done without modes."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(module, "read_file", refuse)
    [finding] = examine(htaccess)
    assert (finding.code, finding.severity) == ("htaccess-unreadable", WARNING)
    monkeypatch.setattr(module, "allowed", lambda account, path, wanted: False)
    [finding] = examine(htaccess)
    assert (finding.code, finding.severity) == ("htaccess-unreadable", ERROR)


@pytest.mark.parametrize(
    "line",
    [
        "SetEnvIf Authorization (.*) HTTP_AUTHORIZATION=$1",
        "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
        "FcgidPassHeader Authorization",
    ],
)
def test_other_ways_to_pass_authorization(htaccess: Path, line: str) -> None:
    htaccess.write_text(GOOD.replace("CGIPassAuth On", f"RewriteEngine On\n{line}"))
    assert examine(htaccess) == []


def test_source_that_everybody_can_read(htaccess: Path) -> None:
    (htaccess.parent / "app.py").touch()
    htaccess.write_text(GOOD.rstrip("\n"))
    [finding] = examine(htaccess)
    assert finding.code == "htaccess-source-readable"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert f'<FilesMatch "{SECRET}">\nRequire all denied\n</FilesMatch>\n' in htaccess.read_text()
    assert examine(htaccess) == []
    htaccess.write_text(f'{GOOD}<FilesMatch "^\\.ht">\nRequire all denied\n</FilesMatch>\n')
    assert [finding.code for finding in examine(htaccess)] == ["htaccess-source-readable"]


def test_a_file_of_other_things_only(htaccess: Path) -> None:
    (htaccess.parent / "app.py").touch()
    htaccess.write_text("ErrorDocument 404 /404.html\n")
    assert examine(htaccess) == []


@pytest.mark.parametrize("text", ["", GOOD, GOOD.rstrip("\n"), f"{GOOD}SetHandler None\n"])
def test_a_script_without_a_handler(htaccess: Path, text: str) -> None:
    htaccess.write_text(text)
    script = htaccess.parent / "app.fcgi"
    [finding] = examine_beside(str(script))
    assert finding.code == "htaccess-no-handler"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert htaccess.read_text().endswith("\nAddHandler fcgid-script .fcgi\n")
    assert list(examine_beside(str(script))) == []


def test_what_is_said_further_up_holds_too(htaccess: Path) -> None:
    below = htaccess.parent / "shop" / ".htaccess"
    below.parent.mkdir()
    below.write_text("AddHandler fcgid-script .fcgi\n")
    assert examine(below) == []
    below.write_text("AddHandler fcgid-script .fcgi\nOptions -ExecCGI\n")
    assert [finding.code for finding in examine(below)] == ["htaccess-no-execcgi"]


def test_the_servers_own_options(htaccess: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = htaccess.parent.parent / "apache.conf"
    configuration.write_text(f"<Directory {htaccess.parent}>\nOptions +ExecCGI\n</Directory>\n")
    htaccess.write_text(GOOD.replace("Options +ExecCGI\n", ""))
    assert [finding.code for finding in examine(htaccess)] == ["htaccess-no-execcgi"]
    monkeypatch.setattr(facts, "CONFIGURATIONS", (str(configuration),))
    assert examine(htaccess) == []


def test_a_script_has_every_file_looked_at(htaccess: Path) -> None:
    below = htaccess.parent / "shop"
    below.mkdir()
    htaccess.write_text(GOOD.replace("CGIPassAuth On", "AddHandlr x"))
    (below / ".htaccess").write_text("Options ExecCGI -Indexes\n")
    found = [finding.code for finding in examine_all(str(below / "app.cgi"), US)]
    assert found == ["htaccess-unknown-directive", "htaccess-options-mixed"]  # no warnings of the outer one


def test_no_htaccess(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    [finding] = examine_beside(str(tmp_path / "site" / "app.cgi"))
    assert finding.code == "htaccess-absent"
    assert list(examine_beside(str(tmp_path / "cgi-bin" / "app.cgi"))) == []
    assert list(examine_beside(str(tmp_path / "site" / "app.py"))) == []
