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

from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.report import worst_first
from gateways.doctor.targets import Options, examine
from tests.live.faults import FAULTS, PAGE, Fault, Place, mount_noexec
from tests.live.publicvenv import make_venv
from tests.live.sandbox import ACCOUNT, PROJECT, Sandbox
from tests.live.servers import Apache
from tests.live.site import PATIENCE
from tests.support.serving import until

pytestmark = [pytest.mark.live, pytest.mark.alike]

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
        self.python = make_venv(sandbox)
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
    def flags(self) -> list[str]:
        """What ``gateways init`` has to be told here."""
        return ["--python", str(self.python), *(["--user", self.user] if self.user else [])]

    def explain_log(self, begun: int) -> list[Finding]:
        """Return what the doctor finds in the error log from there on."""
        copy = self.sandbox.root / "part.error.log"
        copy.write_text(self.log[begun:])
        return [finding for finding in self.examine(copy) if finding.severity == ERROR]

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
    begun = len(host.log)
    answer = host.get(page)
    assert answer.status == fault.status, f"{answer}\n{host.log[-2000:]}"
    assert not answer.body.startswith("fine")
    if fault.status in (403, 500):
        until(lambda: host.explain_log(begun), fault.name)
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


def test_a_mount_with_noexec(host: Host) -> None:
    place = host.place("mount-noexec")
    mounted = place.directory / "cgi"
    mounted.mkdir()
    if not mount_noexec(mounted):
        pytest.skip("file systems cannot be mounted here")
    try:
        script = mounted / place.name
        shutil.copy(place.script, script)
        assert host.get(f"/mount-noexec/cgi/{place.name}").status == 500
        [finding] = [one for one in host.examine(script) if one.severity == ERROR]
        assert finding.code == "mount-noexec"
        _type(finding.remedy, host)
        until(lambda: host.get(f"/mount-noexec/cgi/{place.name}/page") == (200, "fine /page nobody"))
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_no_htaccess(host: Host) -> None:
    """Apache sends the source; the remedy is ``gateways init``."""
    place = host.place("htaccess-absent")
    place.htaccess.unlink()
    place.script.unlink()
    (place.directory / "app.py").write_text(PAGE)
    (place.directory / "app.cgi").write_text("#!/usr/bin/python3\n")
    assert host.get("/htaccess-absent/app.cgi") == (200, "#!/usr/bin/python3\n")
    assert "htaccess-absent" in [finding.code for finding in host.examine(place.directory)]
    (place.directory / "app.cgi").unlink()
    [finding] = host.examine(place.directory)
    assert finding.code == "directory-without-scripts"
    _type(f"{finding.remedy} {' '.join(host.flags)}", host)
    assert host.examine(place.directory)[0].code == "script-answers"
    until(lambda: host.get("/htaccess-absent/page") == (200, "fine /page nobody"))


def test_authorization(host: Host) -> None:
    place = host.place("htaccess-no-authorization")
    place.replace("CGIPassAuth On\n", "")
    headers = {"Authorization": "Bearer token"}
    assert host.get("/htaccess-no-authorization/page", headers) == (200, "fine /page nobody")
    [finding] = [one for one in host.examine(place.directory) if one.severity == WARNING]
    assert finding.code == "htaccess-no-authorization"
    _type(finding.remedy, host)
    until(lambda: host.get("/htaccess-no-authorization/page", headers) == (200, "fine /page Bearer token"))


def test_source_that_everybody_can_read(host: Host) -> None:
    place = host.place("htaccess-source-readable")
    (place.directory / "settings.py").write_text("SECRET = 1\n")
    text = place.htaccess.read_text()
    place.htaccess.write_text(text[: text.index("<FilesMatch")])
    assert host.get("/htaccess-source-readable/settings.py") == (200, "SECRET = 1\n")
    [finding] = [one for one in host.examine(place.directory) if one.severity == WARNING]
    assert finding.code == "htaccess-source-readable"
    _type(finding.remedy, host)
    until(lambda: host.get("/htaccess-source-readable/settings.py").status == 403)


def test_a_path_behind_the_script(host: Host) -> None:
    place = host.place("htaccess-rewrite-path")
    place.replace(f"RewriteRule ^ {place.name} [L]", f"RewriteRule ^(.*)$ {place.name}/$1 [L]")
    path = "/htaccess-rewrite-path/100%25"
    assert host.get(path) != (200, "fine /100% nobody")
    [finding] = [one for one in host.examine(place.directory) if one.severity == WARNING]
    assert finding.code == "htaccess-rewrite-path"
    _type(finding.remedy, host)
    until(lambda: host.get(path) == (200, "fine /100% nobody"))


@pytest.mark.parametrize("flag", ["--cgi", ""])
def test_init_in_an_empty_account(host: Host, flag: str) -> None:
    """One command, and the page is there; the doctor has nothing to say, and nothing stays when it is taken back."""
    site = host.root / f"init{flag}"
    site.mkdir()
    _type(f"gateways init --hello {flag} {' '.join(host.flags)} {site}", host)
    until(lambda: host.get(f"/{site.name}/") == (200, "It works.\n"), host.log[-2000:])
    until(lambda: host.get(f"/{site.name}/app.py").status == 403)
    assert [finding.code for finding in host.examine(site)] == ["script-answers"]
    before = {path.name: path.read_bytes() for path in site.iterdir()}
    _type(f"gateways init --hello {flag} {' '.join(host.flags)} {site}", host)
    assert {path.name: path.read_bytes() for path in site.iterdir()} == before
    _type(f"gateways init --remove {site}", host)
    assert list(site.iterdir()) == []
