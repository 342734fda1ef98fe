"""The name of the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.config.here import working_directory


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "first").mkdir()
    (tmp_path / "current").symlink_to("first")
    monkeypatch.chdir(tmp_path / "current")
    return tmp_path


def test_the_name_with_its_links(releases: Path) -> None:
    assert os.getcwd() == f"{releases}/first"
    assert working_directory({"PWD": f"{releases}/current"}) == f"{releases}/current"


@pytest.mark.parametrize("named", ["", ".", "first", "/", "/absent"])
def test_a_name_that_does_not_lead_there_is_not_believed(releases: Path, named: str) -> None:
    assert working_directory({"PWD": named}) == f"{releases}/first"
    assert working_directory({}) == f"{releases}/first"


def test_a_directory_that_is_gone(releases: Path) -> None:
    (releases / "first").rmdir()
    assert working_directory({"PWD": f"{releases}/current"}) is None
