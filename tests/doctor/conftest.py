"""Fixtures of the doctor's tests."""

from __future__ import annotations

import pytest

from gateways.doctor.apache import facts


@pytest.fixture(autouse=True)
def no_apache_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Apache the machine of the tests has configured, or runs in another test."""
    monkeypatch.setattr(facts, "CONFIGURATIONS", ())
    monkeypatch.setattr(facts, "running_configurations", lambda: ())
