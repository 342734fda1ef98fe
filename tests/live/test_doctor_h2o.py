"""Every fault of a configuration of h2o: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_h2o import H2O

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("h2o", H2O, at_once=False) as running:
        yield running


@pytest.mark.parametrize("fault", H2O, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    bench.check(fault)


@pytest.mark.parametrize("conf", good(H2O))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    bench.check_as_it_is(conf)
