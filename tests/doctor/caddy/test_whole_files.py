"""Files that a Caddyfile imports."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes, findings

PART = "handle /api/* {\n\timport app\n}\n"
MAIN = "(app) {\n\treverse_proxy a:1 {\n\t\theader_up -Authorization\n\t}\n}\na.org {\n\timport %s\n}\n"


@pytest.fixture
def caddy(tmp_path):
    """The directory of a whole configuration."""
    directory = tmp_path / "caddy"
    (directory / "conf.d").mkdir(parents=True)
    (directory / "Caddyfile").write_text(MAIN % "conf.d/*.caddy")
    return directory


def test_what_the_main_file_says_counts(caddy):
    found = codes(caddy / "conf.d" / "a.caddy", PART)
    assert "config-include" not in found
    assert found["authorization-lost"] == 3


def test_a_file_that_nothing_imports(caddy):
    [disabled, *_] = findings(caddy / "conf.d" / "a.off", PART)
    assert disabled.code == "config-disabled"
    assert disabled.remedy.startswith(f"import {caddy}/conf.d/a.off in {caddy}/Caddyfile")


@pytest.mark.parametrize("main", [MAIN % "no", "a.org {"])
def test_the_caddyfile_of_something_else(tmp_path, main):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "Caddyfile").write_text(main)
    assert "config-disabled" not in codes(tmp_path / "deploy" / "a.caddy", PART)
    (tmp_path / "Caddyfile").write_text(MAIN % "deploy/*.caddy")
    assert "authorization-lost" in codes(tmp_path / "deploy" / "a.caddy", PART)


def test_another_whole_one(caddy):
    assert "config-disabled" not in codes(caddy / "Caddyfile.dev", "a.org {\n\treverse_proxy a:1\n}\n")
