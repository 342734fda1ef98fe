"""Every fault of a configuration of lighttpd: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_lighttpd import LIGHTTPD, SCGI, SPAWNED
from tests.support import requirements

pytestmark = [pytest.mark.live, pytest.mark.alike]
PAGES = {SCGI: "/app/page"}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("lighttpd", LIGHTTPD, at_once=False) as running:
        yield running


@pytest.mark.parametrize("fault", LIGHTTPD, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    found = [finding for finding in bench.examine(fault) if finding.code == fault.code]
    assert found, bench.examine(fault)
    assert fault.at in bench.line(found[0].where), found[0]
    if fault.seen is not None:
        with bench.alone(fault) as visit:
            assert fault.seen(visit), bench.log
    elif fault.conf != SPAWNED:  # it tries to start it for ever
        conf = bench.main(bench.files[fault])
        command = [requirements.require_program("lighttpd"), "-tt", "-f", conf]
        assert subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("conf", sorted({*good(LIGHTTPD)} - {SPAWNED}))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    assert bench.faultless(conf) == []
    with bench.alone(conf) as visit:
        assert visit(PAGES.get(conf, "/page")).environ["PATH_INFO"] == "/page"
