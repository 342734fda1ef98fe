"""Every fault of a configuration of h2o: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_h2o import H2O
from tests.support import requirements

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("h2o", H2O, at_once=False) as running:
        yield running


@pytest.mark.parametrize("fault", H2O, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    found = [finding for finding in bench.examine(fault) if finding.code == fault.code]
    assert found, bench.examine(fault)
    assert fault.at in bench.line(found[0].where), found[0]
    if fault.seen is not None:
        with bench.alone(fault) as visit:
            assert fault.seen(visit), bench.log
    else:
        command = [requirements.require_program("h2o"), "-t", "-c", bench.files[fault]]
        assert subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("conf", good(H2O))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    assert bench.faultless(conf) == []
    with bench.alone(conf) as visit:
        assert visit("/page").environ["PATH_INFO"] == "/page"
