"""Trac on flup's names, behind real web servers with the files that ``gateways conf`` writes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.compat.programs.running import started
from tests.compat.programs.table import PROGRAMS, Program
from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import Apache, Nginx, WebServer
from tests.support import requirements
from tests.support.serving import PATIENCE

pytestmark = [pytest.mark.live, pytest.mark.slow]

#: The web server, what ``gateways conf`` calls it, and the protocol.
BEHIND = [(Nginx, "nginx", "scgi"), (Nginx, "nginx", "fastcgi"), (Apache, "apache", "ajp")]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    requirements.require_module("roundup")  # not Trac: its import warns; one installs with the other
    path = tmp_path_factory.mktemp("trac")
    trac("scgi").make(path)
    return path


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    sandbox = Sandbox(applications=False)
    yield sandbox
    sandbox.close()


def trac(protocol: str) -> Program:
    found = [entry for entry in PROGRAMS if (entry.name, entry.protocol, entry.spawned) == ("Trac", protocol, False)]
    return found[0]


@pytest.mark.parametrize(("kind", "name", "protocol"), BEHIND, ids=lambda value: getattr(value, "__name__", value))
def test_trac(directory: Path, small: Sandbox, kind: type[WebServer], name: str, protocol: str) -> None:
    with started(trac(protocol), directory) as program:
        command = [sys.executable, "-m", "gateways", "conf", name, f"--{protocol}", program.address]
        text = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        server = kind(small, f"{name}-{protocol}")
        conf = small.adapt(f"{name}-{protocol}.conf", text, {**server.replacements(), "/srv/example": str(small.srv)})
        server.start(conf)
        try:
            site = f"http://127.0.0.1:{server.port}"
            with requests.Session() as session:
                for target, expected in trac(protocol).asks:
                    answer = session.get(site + target, timeout=PATIENCE)
                    assert (answer.status_code, expected in answer.content) == (200, True), program.log
                search = session.get(f"{site}/search", params={"q": "Trac Guide"}, timeout=PATIENCE)
                assert "Trac Guide" in search.text
                missing = session.get(f"{site}/wiki/No%20such%20page", timeout=PATIENCE)
                assert "No such page" in missing.text
        finally:
            server.stop()
        assert program.end("SIGHUP") == 42
