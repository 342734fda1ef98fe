"""Every fault of a configuration of nginx: the doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import NGINX, Fault
from tests.support import requirements

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("nginx", NGINX) as running:
        yield running


@pytest.mark.parametrize("fault", NGINX, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    found = bench.examine(fault)
    assert fault.code in [finding.code for finding in found], found
    [where] = {finding.where for finding in found if finding.code == fault.code} or {""}
    assert fault.at in bench.line(where), where
    if fault.seen is not None:
        assert fault.seen(bench.visit(fault)), bench.log
    else:
        conf = bench.main(bench.files[fault])
        result = subprocess.run(
            [requirements.require_program("nginx"), "-t", "-c", conf], capture_output=True, check=False
        )
        assert result.returncode, result.stderr


@pytest.mark.parametrize("conf", good(NGINX))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    assert bench.faultless(conf) == []
    assert bench.visit(conf)("/page").environ["PATH_INFO"] == "/page"
