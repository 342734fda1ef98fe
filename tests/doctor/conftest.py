"""Fixtures of the doctor's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.doctor.apache import facts


@pytest.fixture(autouse=True)
def no_apache_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Apache the machine of the tests has configured, or runs in another test."""
    monkeypatch.setattr(facts, "CONFIGURATIONS", ())
    monkeypatch.setattr(facts, "running_configurations", lambda: ())


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A file that may be executed, in a directory of a site."""
    path = tmp_path / "site" / "app.cgi"
    path.parent.mkdir()
    path.touch()
    path.chmod(0o755)
    return path
