"""Every fault of a configuration of Caddy: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_caddy import CADDY

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("caddy", CADDY) as running:
        yield running


@pytest.mark.parametrize("fault", CADDY, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    bench.check(fault)


@pytest.mark.parametrize("conf", good(CADDY))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    bench.check_as_it_is(conf)
