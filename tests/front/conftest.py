"""A front before a backend that answers everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.backends import Answering, scripted
from tests.support.fronting import Fronted, fronting


@pytest.fixture
def backend() -> Answering:
    return Answering()


@pytest.fixture
def fronted(backend: Answering) -> Iterator[Fronted]:
    with scripted(backend) as served, fronting(served.address) as front:
        yield front
