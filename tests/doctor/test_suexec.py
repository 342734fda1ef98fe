"""What suexec demands, and what it does."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.suexec import PROGRAMS, Rules, examine_owner, examine_writers, rules
from tests.support import requirements
from tests.support.processes import NOBODY

ANYWHERE = Rules()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def examine(path: Path, suexec: bool = False, known: Rules = ANYWHERE) -> list[Finding]:
    return [*examine_writers(str(path), suexec), *(examine_owner(str(path), known) if suexec else ())]


@pytest.mark.parametrize("name", ["script", "directory"])
def test_others_may_write(script: Path, name: str) -> None:
    place = script if name == "script" else script.parent
    place.chmod(0o777)
    [finding] = examine(script)
    assert (finding.code, finding.severity) == ("script-writable", WARNING)
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(script) == []


def test_a_directory_as_tmp(script: Path) -> None:
    script.parent.chmod(0o1777)
    assert examine(script) == []


@as_root
def test_suexec_wants_nobody_else_to_write(script: Path) -> None:
    os.chown(script, NOBODY, NOBODY)
    os.chown(script.parent, NOBODY, NOBODY)
    assert examine(script, suexec=True) == []
    script.chmod(0o775)
    [finding] = examine(script, suexec=True)
    assert (finding.code, finding.severity) == ("script-writable", ERROR)
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(script, suexec=True) == []


@as_root
def test_suexec_wants_one_owner(script: Path) -> None:
    os.chown(script, NOBODY, NOBODY)
    os.chown(script.parent, NOBODY - 1, NOBODY)
    [finding] = examine(script, suexec=True)
    assert finding.code == "suexec-owner"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(script, suexec=True) == []


@as_root
def test_suexec_starts_nothing_for_root(script: Path) -> None:
    assert [finding.code for finding in examine(script, suexec=True)] == ["suexec-uid"]


def test_a_setuid_bit(script: Path) -> None:
    script.chmod(0o4755)
    [finding] = examine(script)
    assert finding.code == "script-setuid"
    subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert examine(script) == []


@as_root
def test_the_document_root(script: Path) -> None:
    for path in (script, script.parent):
        os.chown(path, NOBODY, NOBODY)
    [finding] = examine(script, suexec=True, known=Rules(root="/var/www"))
    assert finding.code == "suexec-docroot"
    assert examine(script, suexec=True, known=Rules(root=str(script.parent))) == []


def test_the_numbers_that_it_was_compiled_with(tmp_path: Path) -> None:
    program = tmp_path / "suexec"
    program.write_text(
        "#!/bin/sh\necho ' -D AP_DOC_ROOT=\"/srv\"' >&2\necho ' -D AP_UID_MIN=1000' >&2\n"
        "echo ' -D AP_USERDIR_SUFFIX=\"www\"' >&2\n"
    )
    program.chmod(0o755)
    assert rules(("/nowhere", "/bin/true", str(program))) == Rules("/srv", 1000, 100, "www")
    assert rules(()) == ANYWHERE


@pytest.fixture
def deployed() -> Iterator[Path]:
    """A script where the real suexec starts one."""
    if os.geteuid() != 0:
        pytest.skip("only root can be the web server's account")
    requirements.require_file(PROGRAMS[0], "apache2-suexec-pristine")
    known = rules()
    os.makedirs(known.root, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="gw-", dir=known.root))
    try:
        path = directory / "app.cgi"
        path.write_text("#!/bin/sh\necho fine\n")
        path.chmod(0o755)
        directory.chmod(0o755)
        for place in (path, directory):
            os.chown(place, NOBODY, NOBODY)
        yield path
    finally:
        shutil.rmtree(directory)


def start(script: Path) -> str:
    """Start a script as Apache does with suexec: by its name, in its directory, as the account of the web server."""
    words = ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", PROGRAMS[0], str(NOBODY), str(NOBODY)]
    return subprocess.run([*words, script.name], cwd=script.parent, capture_output=True, text=True, check=False).stdout


FAULTS = {
    "script-writable": lambda script: script.chmod(0o775),
    "script-setuid": lambda script: script.chmod(0o4755),
    "suexec-owner": lambda script: os.chown(script.parent, NOBODY - 1, NOBODY),
    "suexec-uid": lambda script: os.chown(script, 0, 0),
}


@pytest.mark.live
@pytest.mark.parametrize("code", FAULTS)
def test_the_real_one_refuses_what_the_doctor_finds(deployed: Path, code: str) -> None:
    assert start(deployed) == "fine\n"
    FAULTS[code](deployed)
    assert start(deployed) == ""
    [finding] = examine(deployed, suexec=True, known=rules())
    assert finding.code == code
    subprocess.run(["sh", "-c", finding.remedy.replace("YOU:YOU", f"{NOBODY}:{NOBODY}")], check=True)
    assert examine(deployed, suexec=True, known=rules()) == []
    assert start(deployed) == "fine\n"


@pytest.mark.live
def test_the_real_one_starts_nothing_elsewhere(deployed: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(deployed.parent, site)
    for place in (site, site / "app.cgi"):
        os.chown(place, NOBODY, NOBODY)
    assert start(site / "app.cgi") == ""
    assert [finding.code for finding in examine(site / "app.cgi", suexec=True, known=rules())] == ["suexec-docroot"]
