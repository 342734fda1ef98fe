"""A host for CGI scripts, with the program in C and with that in Python: they have to do the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.resident import Host, hosting


@pytest.fixture(params=[pytest.param("c", marks=pytest.mark.once), "python"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """Each of both."""
    with hosting(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def one_host(tmp_path: Path) -> Iterator[Host]:
    """That in Python, for what both leave to it."""
    with hosting(tmp_path, "python") as made:
        yield made
