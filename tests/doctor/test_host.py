"""What Apache's configuration forbids."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateways.doctor import host
from gateways.doctor.apache import facts
from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.host import examine_host

MODULES = "LoadModule cgid_module x.so\nLoadModule fcgid_module x.so\n"
HTACCESS = "Options +ExecCGI\nAddHandler cgi-script .cgi\nCGIPassAuth On\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / ".htaccess").write_text(HTACCESS)
    monkeypatch.setattr(facts, "CONFIGURATIONS", (str(tmp_path / "*.conf"),))
    monkeypatch.setattr(host, "running_programs", set)
    return directory


def examine(site: Path, override: str, modules: str = MODULES, fastcgi: bool = False) -> list[Finding]:
    section = f"<Directory {site.parent}>\n    AllowOverride {override}\n</Directory>\n"
    (site.parent / "apache.conf").write_text(modules + section)
    return list(examine_host(str(site / "app.cgi"), fastcgi))


@pytest.mark.parametrize("override", ["All", "Options FileInfo AuthConfig", "Options=ExecCGI FileInfo AuthConfig"])
def test_all_is_allowed(site: Path, override: str) -> None:
    assert examine(site, override) == []


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("FileInfo AuthConfig", 1),
        ("Options=Indexes FileInfo AuthConfig", 1),
        ("Options AuthConfig", 2),
        ("Options FileInfo", 3),
    ],
)
def test_a_line_is_forbidden(site: Path, override: str, line: int) -> None:
    [finding] = examine(site, override)
    assert (finding.code, finding.severity) == ("host-forbids-directive", WARNING)
    assert finding.where == f"{site}/.htaccess:{line}"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert all(other.where != f"{site}/.htaccess:{line}" for other in examine(site, override))


def test_an_error_where_apache_runs(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "running_programs", lambda: {"apache2"})
    [finding] = examine(site, "None")
    assert (finding.code, finding.severity) == ("host-ignores-htaccess", ERROR)


def test_a_module_is_missing(site: Path) -> None:
    [finding] = examine(site, "All", "LoadModule cgid_module x.so\n", fastcgi=True)
    assert finding.code == "host-without-module"
    assert finding.remedy == f"gateways init --cgi {site}"
    [finding] = examine(site, "All", "LoadModule fcgid_module x.so\n")
    assert "mod_cgid" in finding.what


def test_no_apache(site: Path) -> None:
    assert examine(site, "None", modules="") == []
