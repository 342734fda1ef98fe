"""Every fault of a configuration of lighttpd: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_lighttpd import LIGHTTPD, SCGI, SPAWNED

pytestmark = [pytest.mark.live, pytest.mark.alike]
PAGES = {SCGI: "/app/page"}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("lighttpd", LIGHTTPD, at_once=False) as running:
        yield running


@pytest.mark.parametrize("fault", LIGHTTPD, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    bench.check(fault, tried=fault.conf != SPAWNED)  # it tries to start it for ever


@pytest.mark.parametrize("conf", sorted({*good(LIGHTTPD)} - {SPAWNED}))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    bench.check_as_it_is(conf, PAGES.get(conf, "/page"))
