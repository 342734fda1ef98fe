"""What can be read of Apache's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.doctor.apache import facts
from gateways.doctor.apache.facts import look, running_configurations


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(facts, "CONFIGURATIONS", (str(tmp_path / "apache2.conf"),))
    monkeypatch.setattr(facts, "running_configurations", lambda: ())
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
    found = look("/home/you/public_html/shop")
    assert found.known
    assert found.modules == {"cgid"}
    assert found.override == "All"
    assert look("/home/you/private").override == "FileInfo"
    assert look("/home/you/privately").override == "None"


def test_the_configuration_of_the_one_that_runs(tmp_path: Path) -> None:
    for number, words in enumerate(
        (["/usr/sbin/apache2", "-f", "/x.conf"], ["bash", "-f", "y"], ["httpd", "-f"], [""])
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes("\0".join([*words, ""]).encode())
    assert running_configurations(str(tmp_path)) == ("/x.conf",)


def test_no_configuration(configure: Path) -> None:
    found = look("/home/you")
    assert not found.known
    assert found.override == ""


def test_options_as_apache_puts_them_together(configure: Path) -> None:
    (configure / "apache2.conf").write_text(
        "<Directory /home>\nOptions +Indexes\n</Directory>\n<Directory />\nOptions ExecCGI\n</Directory>\n"
        "<Directory /home/you>\nOptions -ExecCGI\n</Directory>\n<Directory /home/me>\nOptions Indexes\n</Directory>\n"
        "<Directory /home/her>\nOptions None\n<IfModule mod_cgid.c>\nOptions +All\n</IfModule>\n</Directory>\n"
    )
    assert {name: look(f"/home/{name}/site").scripts for name in ("us", "you", "me", "her")} == {
        "us": True,
        "you": False,
        "me": False,
        "her": True,
    }


def test_a_configuration_that_apache_would_not_read(configure: Path) -> None:
    (configure / "apache2.conf").write_text("LoadModule cgid_module /x.so\n<Directory /home>\n")
    assert not look("/home/you").known


def test_sections_of_regular_expressions_come_last(configure: Path) -> None:
    (configure / "apache2.conf").write_text(
        '<DirectoryMatch "^/home/.*/public_html">\nOptions +ExecCGI\n</DirectoryMatch>\n'
        '<Directory ~ "^/home/user/">\nOptions -ExecCGI\nAllowOverride All\n</Directory>\n'
        "<Directory /home/user/public_html>\nOptions None\n</Directory>\n"
        "<Directory />\nAllowOverride None\nOptions None\n</Directory>\n"
    )
    assert look("/home/you/public_html").scripts
    assert not look("/home/you").scripts
    assert not look("/home/user/public_html").scripts
    assert look("/home/user/public_html").override == "None", "Apache heeds no AllowOverride in such a section"


def test_sections_of_as_many_names_come_in_the_order_of_the_file(configure: Path) -> None:
    (configure / "apache2.conf").write_text(
        "<Directory /home/you/public_html>\nAllowOverride FileInfo\n</Directory>\n"
        '<Directory "/home/*/public_html">\nAllowOverride All\n</Directory>\n'
    )
    assert look("/home/you/public_html").override == "All"


def test_the_files_are_read_once_where_it_is_asked_for(configure: Path) -> None:
    conf = configure / "apache2.conf"
    with facts.read_once():
        conf.write_text("LoadModule cgid_module /x.so\n")
        assert look("/home/you").known
        conf.write_text("")
        assert look("/home/user").known
    assert not look("/home/user").known
