"""Every fault of a script or its ``.htaccess`` behind Apache: it does not work, doctor says why, and it works again."""

from __future__ import annotations

import http.client
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateways.doctor.findings import ERROR, Finding
from gateways.doctor.report import worst_first
from gateways.doctor.targets import Options, examine
from tests.live.faults import FAULTS, Fault, Place
from tests.live.sandbox import ACCOUNT, PACKAGE, PROJECT, Sandbox
from tests.live.servers import Apache
from tests.live.site import PATIENCE
from tests.support.publicpython import interpreter
from tests.support.serving import until

pytestmark = pytest.mark.live

HOST = PROJECT / "tests" / "live" / "hosting.conf"


class Answer(NamedTuple):
    status: int
    body: str


class Host:
    """A shared host: Apache, and a virtual environment that its account can use."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.user = ACCOUNT if sandbox.account else None
        self.root = sandbox.srv / "hosting"
        self.python = _make_venv(sandbox)
        self.server = Apache(sandbox, "doctor")
        conf = HOST.read_text()
        places = {"/srv/example": str(sandbox.srv), **self.server.replacements()}
        self.server.start(sandbox.adapt("hosting.conf", conf, places))

    def place(self, name: str, fastcgi: bool = False) -> Place:
        kind = "fcgid" if fastcgi else "cgi"
        htaccess = (PROJECT / "conf" / "apache" / "htaccess" / f"{kind}.htaccess").read_text()
        return Place(self.root / name, self.python, htaccess, fastcgi)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def examine(self, what: Path) -> list[Finding]:
        return worst_first(examine(str(what), Options(user=self.user, timeout=PATIENCE)))

    @property
    def log(self) -> str:
        return self.server.error_log.read_text(errors="replace")


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    sandbox = Sandbox(applications=False)
    if sandbox.account:
        # Without the capability that the other tests may need: here it matters what the account may read.
        sandbox.account = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
    host = Host(sandbox)
    try:
        yield host
    finally:
        host.server.stop()
        sandbox.close()


def _make_venv(sandbox: Sandbox) -> Path:
    venv = sandbox.srv / "venv"
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", venv], check=True, stdout=subprocess.DEVNULL)
    library = sandbox.root / "lib"
    shutil.copytree(PACKAGE, library / "gateways", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    sandbox.own(*(path for path in (library, *library.rglob("*")) if path.is_dir()))
    (packages,) = (venv / "lib").glob("python*/site-packages")
    (packages / "example.pth").write_text(f"{library}\n")
    return venv / "bin" / "python3"


def _type(command: str, host: Host) -> None:
    """Type a remedy, as a person with our Python on his PATH."""
    if command.startswith("gateways "):
        command = f"{shlex.quote(str(host.python))} -m {command}"
    subprocess.run(["sh", "-e", "-c", command], check=True, cwd="/", timeout=PATIENCE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault(host: Host, fault: Fault) -> None:
    place = host.place(fault.name, fault.fastcgi)
    fault.make(place)
    page = f"/{fault.name}/page"
    answer = host.get(page)
    assert answer.status == fault.status, f"{answer}\n{host.log[-2000:]}"
    assert not answer.body.startswith("fine")
    found = host.examine(place.directory)
    errors = [finding for finding in found if finding.severity == ERROR]
    assert [finding.code for finding in errors] == [fault.code], found
    if fault.mend:
        assert errors[0].remedy
        fault.mend(place)
    else:
        _type(errors[0].remedy, host)
    assert [finding for finding in host.examine(place.directory) if finding.severity == ERROR] == []
    until(lambda: host.get(page) == (200, "fine /page nobody"), host.log[-2000:])
