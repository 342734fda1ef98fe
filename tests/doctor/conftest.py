"""Fixtures of the doctor's tests."""

from __future__ import annotations

import pytest

from gateways.deploy import initserver


@pytest.fixture(autouse=True)
def no_apache_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Apache the machine of the tests has configured, or runs in another test."""
    monkeypatch.setattr(initserver, "CONFIGURATIONS", ())
    monkeypatch.setattr(initserver, "running_configurations", lambda: ())
