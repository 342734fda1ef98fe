"""What can be read of Apache's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.deploy import initserver
from gateways.deploy.initserver import look


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(initserver, "CONFIGURATIONS", (str(tmp_path / "apache2.conf"),))
    monkeypatch.setattr(initserver, "running_configurations", lambda: ())
    (tmp_path / "sites").mkdir()
    return tmp_path


def test_modules_and_the_nearest_section(configure: Path) -> None:
    (configure / "apache2.conf").write_text(
        f"ServerRoot {configure}\nIncludeOptional sites/*.conf\nInclude /nowhere\n"
        "LoadModule cgid_module /x.so\n# LoadModule fcgid_module /x.so\n"
        "<Directory />\n AllowOverride None\n</Directory>\n"
    )
    (configure / "sites" / "one.conf").write_text(
        '<VirtualHost *:80>\n<Directory "/home/*/public_html">\n    AllowOverride All\n</Directory>\n</VirtualHost>\n'
        "<Directory /home/you/private>\nAllowOverride FileInfo\n</Directory>\n"
    )
    facts = look("/home/you/public_html/shop")
    assert facts.known
    assert facts.modules == {"cgid"}
    assert facts.override == "All"
    assert look("/home/you/private").override == "FileInfo"
    assert look("/home/you/privately").override == "None"


def test_the_configuration_of_the_one_that_runs(tmp_path: Path) -> None:
    for number, words in enumerate(
        (["/usr/sbin/apache2", "-f", "/x.conf"], ["bash", "-f", "y"], ["httpd", "-f"], [""])
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes("\0".join([*words, ""]).encode())
    assert initserver.running_configurations(str(tmp_path)) == ("/x.conf",)


def test_no_configuration(configure: Path) -> None:
    facts = look("/home/you")
    assert not facts.known
    assert facts.override == ""
