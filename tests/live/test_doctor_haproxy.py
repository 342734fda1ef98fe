"""Every fault of a configuration of HAProxy: doctor names the cause and the line, and the file as it is has none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from gateways.doctor.findings import ERROR
from gateways.doctor.targets import Options, examine
from tests.live.doctored import Bench, good
from tests.live.site import PATIENCE
from tests.live.sitefaults import Fault
from tests.live.sitefaults_haproxy import FASTCGI, HAPROXY

pytestmark = [pytest.mark.live, pytest.mark.alike]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.running("haproxy", HAPROXY, at_once=False) as running:
        yield running


@pytest.mark.parametrize("fault", HAPROXY, ids=str)
def test_a_fault(bench: Bench, fault: Fault) -> None:
    bench.check(fault)


@pytest.mark.parametrize("conf", good(HAPROXY))
def test_the_file_as_it_is(bench: Bench, conf: str) -> None:
    bench.check_as_it_is(conf)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can chroot")
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("user www-data\n    group www-data\n    chroot {run}", "socket-chroot"),
        ("user www-data\n    group nogroup", "socket-mode"),
        ("user www-data\n    group www-data", None),
    ],
)
def test_a_socket_and_the_account(bench: Bench, settings: str, code: str | None) -> None:
    """HAProxy gives up all groups but one, and the file system outside its chroot."""
    run, socket = bench.sandbox.run, bench.sandbox.run / "app.fastcgi"
    path = bench.sandbox.root / "account.cfg"
    text = bench.files[FASTCGI].read_text().replace("\nglobal\n", f"\nglobal\n    {settings.format(run=run)}\n")
    path.write_text(re.sub(r"127\.0\.0\.1:\d+ proto", f"{socket} proto", text))
    found = [finding for finding in examine(str(path), Options(timeout=PATIENCE)) if finding.severity == ERROR]
    assert [finding.code for finding in found] == ([code] if code else [])
    account, bench.sandbox.account = bench.sandbox.account, ()
    bench.files["account"] = path
    try:
        with bench.alone("account") as visit:
            assert visit("/page").status == (503 if code else 200), bench.log
    finally:
        bench.sandbox.account = account
