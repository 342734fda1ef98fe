"""conf/gateways.toml: it can be used, and has every setting at the default that it really has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateways.config import load_plan
from gateways.settings import Settings
from gateways.settings.managing import OF_THE_MASTER
from tests.support.source import CHECKOUT, FENCE

EXAMPLE = CHECKOUT / "conf" / "gateways.toml"
MANUAL = CHECKOUT / "docs" / "reference" / "configuration-file.md"

#: A setting that is commented out.
IDLE = re.compile(r"^#(\w+) = (.*)$", re.MULTILINE)


def test_it_can_be_used_as_it_is() -> None:
    result = load_plan(str(EXAMPLE), None, {}, {})
    assert [(pool.name, pool.settings.workers, pool.settings.pm) for pool in result.pools] == [("shop", 8, "static")]
    assert result.notices == ()


def test_the_other_pool_can_be_taken_in(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(re.sub(r"^# (\[|\w+ = )", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE))
    result = load_plan(str(tmp_path / "x.toml"), None, {}, {})
    assert [(pool.name, pool.settings.workers, pool.settings.pm) for pool in result.pools] == [
        ("shop", 8, "static"),
        ("blog", 2, "ondemand"),
    ]


def test_it_has_every_setting() -> None:
    text = EXAMPLE.read_text("utf-8")
    spawned = {"renew_on"}  # only for a process that a web server started
    found = set(re.findall(r"^#?(\w+) = ", text, re.MULTILINE))
    assert found - {"application"} == Settings.settings.keys() - spawned


def test_what_is_commented_out_can_be_used(tmp_path: Path) -> None:
    text = IDLE.sub(r"\1 = \2", EXAMPLE.read_text("utf-8"))
    (tmp_path / "x.toml").write_text(text)
    load_plan(str(tmp_path / "x.toml"), None, {}, {})


@pytest.mark.parametrize(("name", "value"), IDLE.findall(EXAMPLE.read_text("utf-8")))
def test_what_is_commented_out_is_the_default(tmp_path: Path, name: str, value: str) -> None:
    setting = Settings.settings[name]
    if setting.default in (None, ()):
        return  # an example
    (tmp_path / "x.toml").write_text(f"[gateways]\napplication = 'a'\nworkers = 1\n{name} = {value}\n")
    result = load_plan(str(tmp_path / "x.toml"), None, {}, {})
    assert getattr(result.master, name) == setting.default
    assert name not in OF_THE_MASTER or f"\n#{name}" in EXAMPLE.read_text("utf-8").partition("[pool.")[0]


@pytest.mark.parametrize(
    "block", [block for language, block in FENCE.findall(MANUAL.read_text("utf-8")) if language == "toml"]
)
def test_the_manuals_examples_can_be_used(tmp_path: Path, block: str) -> None:
    (tmp_path / "x.toml").write_text(block)
    assert len(load_plan(str(tmp_path / "x.toml"), None, {}, {}).pools) == 2
