"""Every fault of a configuration of Caddy: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.doctored import Bench, good
from tests.live.sitefaults import Fault
from tests.live.sitefaults_caddy import CADDY
from tests.support import requirements

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("caddy", CADDY) as running:
        yield running


@pytest.mark.parametrize("fault", CADDY, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    found = [finding for finding in bench.examine(fault) if finding.code == fault.code]
    assert found, bench.examine(fault)
    assert fault.at in bench.line(found[0].where), found[0]
    if fault.seen is not None:
        assert fault.seen(bench.visit(fault)), bench.log
    else:
        conf = bench.main(bench.files[fault])
        command = [requirements.require_program("caddy"), "validate", "--adapter", "caddyfile", "--config", conf]
        result = subprocess.run(command, capture_output=True, check=False)
        assert result.returncode, result.stderr


@pytest.mark.parametrize("conf", good(CADDY))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    assert bench.faultless(conf) == []
    assert bench.visit(conf)("/page").environ["PATH_INFO"] == "/page"
