"""What a URL shows of each fault, behind the real web servers; and that nothing is shown where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.live import roundtrips
from gateways.doctor.live.exchange import Site
from gateways.doctor.targets import Options, examine
from tests.live.doctored import Bench
from tests.live.site import PATIENCE
from tests.live.sitefaults import FASTCGI, HTTP, NGINX, Fault, fine
from tests.live.sitefaults_apache import APACHE, FCGI, FCGID
from tests.live.sitefaults_lighttpd import FASTCGI as LIGHTTPD_FASTCGI
from tests.live.sitefaults_lighttpd import LIGHTTPD

pytestmark = [pytest.mark.live, pytest.mark.alike]

#: What makes nginx keep a page until it is whole.
KEPT = ((r"(?m)^( *)fastcgi_keep_conn on;", r"\1fastcgi_ignore_headers X-Accel-Buffering;"),)


def _named(faults: tuple[Fault, ...], conf: str, *names: str) -> list[Fault]:
    return [fault for fault in faults if fault.conf == conf and (fault.name or fault.code) in names and fault.seen]


BUFFERED = Fault("stream-buffered", FASTCGI, KEPT, "", fine, "kept")
#: A POST is refused, or arrives as GET. It is no limit of uploads.
METHODS = [
    Fault(
        "probe-method", FASTCGI, (("location / {", "location / { limit_except GET { deny all; }"),), "", fine, "refused"
    ),
    Fault("probe-method", FASTCGI, (("(REQUEST_METHOD +)[^;]*;", r"\1GET;"),), "", fine, "changed"),
]
NO_BACKEND = ("protocol-other", "socket-absent", "socket-mode", "port-closed")
NOTED = ("body-unmeasured", "path-not-utf8", "body-limit")
#: The faults, and the code that the URL shows: that of the fault itself, unless it says more here.
CASES = [
    *((fault, "url-502") for fault in _named(NGINX, FASTCGI, *NO_BACKEND)),
    *((fault, fault.code) for fault in _named(NGINX, FASTCGI, "authorization-lost", "default")),
    *((fault, fault.code) for fault in _named(NGINX, HTTP, "authorization-lost", "host-lost", "body-limit")),
    *((fault, "probe-path") for fault in _named(NGINX, FASTCGI, "path-missing")),
    *((fault, "url-503") for fault in _named(APACHE, FCGI, "socket-absent", "socket-mode")),
    *((fault, fault.code) for fault in _named(APACHE, FCGI, "authorization-lost", "encoded-slash", "body-unmeasured")),
    *((fault, fault.code) for fault in _named(APACHE, FCGID, "authorization-lost", "default", "body-limit")),
    *((fault, fault.code) for fault in _named(LIGHTTPD, LIGHTTPD_FASTCGI, *NOTED)),
    *((fault, "url-503") for fault in _named(LIGHTTPD, LIGHTTPD_FASTCGI, "socket-absent")),
    *((fault, "probe-path") for fault in _named(LIGHTTPD, LIGHTTPD_FASTCGI, "check-local")),
]  # fmt: skip


class Benches:
    """One for each web server, made when it is asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[str, Bench] = {}

    def examine(self, case: Fault | str) -> list[Finding]:
        """What is found at the URL of a configuration."""
        conf = case if isinstance(case, str) else case.conf
        server = conf.partition("/")[0]
        if server not in self._made:
            faults = [fault for fault, _ in CASES if fault.conf.startswith(server)]
            faults += [BUFFERED, *METHODS] if server == "nginx" else []
            bench = self._stack.enter_context(Bench.running(server, faults, at_once=server != "lighttpd"))
            self._made[server] = bench
        bench = self._made[server]
        if server != "lighttpd":
            return _examine(f"http://127.0.0.1:{bench.ports[case]}/")
        with bench.alone(case) as visit:
            return _examine(f"http://127.0.0.1:{visit.port}/")


def _examine(url: str) -> list[Finding]:
    return list(examine(url, Options(timeout=PATIENCE)))


@pytest.fixture(autouse=True)
def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sites are those of example.org, here."""
    monkeypatch.setattr(Site, "named", "example.org")


@pytest.fixture(scope="module")
def benches() -> Iterator[Benches]:
    with ExitStack() as stack:
        yield Benches(stack)


@pytest.mark.parametrize(("fault", "code"), CASES, ids=str)
def test_a_fault(benches: Benches, fault: Fault, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roundtrips, "_PAUSES", (0.0,))  # streams are another test
    found = benches.examine(fault)
    assert code in [finding.code for finding in found], found


@pytest.mark.parametrize("fault", METHODS, ids=str)
def test_methods(benches: Benches, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roundtrips, "_PAUSES", (0.0,))
    codes = [finding.code for finding in benches.examine(fault) if finding.severity in (ERROR, WARNING)]
    assert set(codes) == {"probe-method"}


def test_a_stream_that_is_kept(benches: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roundtrips, "_PAUSES", (2.0,))
    assert "stream-buffered" in [finding.code for finding in benches.examine(BUFFERED)]


@pytest.mark.parametrize("conf", [FASTCGI, FCGI, LIGHTTPD_FASTCGI, FCGID])
def test_nothing_is_wrong(benches: Benches, conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roundtrips, "_PAUSES", (1.0, 20.0))  # the second is for a busy machine
    found = benches.examine(conf)
    assert [finding for finding in found if finding.severity in (ERROR, WARNING)] == []
    assert "probe-right" in [finding.code for finding in found]
    assert "stream-buffered" not in [finding.code for finding in found]
