"""CGI scripts whose process stays, where the deployments do not go: mod_cgi, lighttpd, and the program in Python."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.live.deployments import PLACES
from tests.live.sandbox import Sandbox, changed
from tests.live.servers import WEB_SERVERS, WebServer
from tests.live.site import PATIENCE
from tests.support.processes import is_running
from tests.support.resident import BEGIN
from tests.support.serving import until

pytestmark = [pytest.mark.live, pytest.mark.alike]

SCRIPT = (
    BEGIN
    + """
def application(environ, start_response):
    path, size = environ["PATH_INFO"], 0
    while piece := environ["wsgi.input"].read(65536):
        size += len(piece)
    if path == "/die":
        os.kill(os.getpid(), 9)
    if path == "/print":
        print("printed for the log")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 10_000_000] if path == "/large" else [f"{os.getpid()} {size} {path}".encode()]

run_with_cgi(application)
"""
)

#: Web server, file of conf/, gateways-cgi.
CASES = [
    ("apache", "apache/cgi.conf", "python"),
    ("apache-prefork", "apache/cgi.conf", "c"),
    ("lighttpd", "lighttpd/cgi.conf", "c"),
]


class Resident:
    """A web server with one script, and its process."""

    def __init__(self, server: WebServer, sandbox: Sandbox, script: Path) -> None:
        self.server = server
        self.sandbox = sandbox
        self.script = script

    def ask(self, path: str, **options: object) -> requests.Response:
        url = f"http://127.0.0.1:{self.server.port}/cgi-bin/{self.script.name}{path}"
        return requests.request("POST" if "data" in options else "GET", url, timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def pid(self) -> int:
        response = self.ask("/pid")
        assert response.status_code == 200, (response.text, self.log)
        return int(response.text.split()[0])

    @property
    def log(self) -> str:
        return self.server.error_log.read_text(errors="replace")


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[2]}")
def resident(request: pytest.FixtureRequest, machine: Sandbox) -> Iterator[Resident]:
    """Each web server, booted once."""
    family, conf, kind = request.param
    with ExitStack() as stack:
        name = f"{family}-{kind}"
        changes = machine.install_resident(name, kind)
        stack.callback(machine.stop_resident)
        script = machine.srv / name / "pids.cgi"
        script.write_text(f"#!{machine.python.with_name('gateways-cgi')}\n{SCRIPT}")
        script.chmod(0o755)
        server = WEB_SERVERS[family](machine, name)
        text = (Path(__file__).parents[2] / "conf" / conf).read_text()
        if family == "lighttpd":  # it gives its own environment to scripts
            changes = {"/srv/example/cgi-bin": f"/srv/example/{name}"}
            variable = f'"GATEWAYS_RESIDENT_DIR" => "{machine.resident}"'
            text += f'\nserver.modules += ( "mod_setenv" )\nsetenv.set-environment = ( {variable} )\n'
        changes.update(server.replacements())
        changes.update({literal: str(place(machine)) for literal, place in PLACES.items() if literal in text})
        target = machine.root / f"{name}.conf"
        target.write_text(changed(text, {literal: value for literal, value in changes.items() if literal in text}))
        server.start(target)
        stack.callback(server.stop)
        yield Resident(server, machine, script)


def test_one_process_answers(resident: Resident) -> None:
    with ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: resident.pid(), range(16)))
    assert len(pids) == 1


def test_large_bodies_both_ways(resident: Resident) -> None:
    response = resident.ask("/upload", data=bytes(10_000_000))
    assert response.text.split()[1:] == ["10000000", "/upload"]
    assert len(resident.ask("/large").content) == 10_000_000


def test_prints_are_in_the_web_servers_log(resident: Resident) -> None:
    assert resident.ask("/print").status_code == 200
    until(lambda: "printed for the log" in resident.log)


def test_a_process_that_dies(resident: Resident) -> None:
    before = resident.pid()
    assert resident.ask("/die").status_code in (500, 502)
    until(lambda: "the process that stays for it did not answer" in resident.log)
    assert resident.pid() != before


def test_a_changed_script(resident: Resident) -> None:
    pid = resident.pid()
    text = resident.script.read_text()
    resident.script.write_text(text.replace("{size} {path}", "{size} {path} new"))
    until(lambda: resident.ask("/x").text.endswith(" /x new"), resident.log)
    assert resident.pid() == pid


def test_it_outlives_the_web_server(resident: Resident) -> None:
    """Its end kills all that it has started, as a group; and does not wait for the process."""
    pid = resident.pid()
    assert resident.server.process is not None
    os.killpg(resident.server.process.pid, signal.SIGTERM)
    resident.server.process.popen.wait(PATIENCE)
    assert is_running(pid)
    resident.sandbox.stop_resident()
    until(lambda: not is_running(pid))
