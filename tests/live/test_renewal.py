"""Processes that a web server started begin anew while requests come, and not one of these is answered 500 or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.live.deployments import DEPLOYMENTS, UNIX, Deployment, running
from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import SERVICE_ENVIRONMENT, Nginx
from tests.live.site import Site
from tests.support import requirements
from tests.support.load import Target, loading
from tests.support.serving import until
from tests.support.spawning import APPLICATION

pytestmark = [pytest.mark.live, pytest.mark.slow]

BY_NAME = {deployment.name: deployment for deployment in DEPLOYMENTS}
SERVERS = ["apache-fcgid", "lighttpd-fastcgi-spawned", "spawn-fcgi"]


def install(machine: Sandbox, version: str, name: str = "app.py") -> None:
    """Write the application as an editor or FTP does: another file takes its place."""
    copy = machine.scripts / f"{name}.new"
    copy.write_text(APPLICATION.format(version=version))
    copy.replace(machine.scripts / name)


def configure(machine: Sandbox, keywords: str = "") -> None:
    """Write the script, with settings."""
    script = machine.install_script(PROJECT / "cgi-bin" / "app.fcgi", machine.scripts)
    script.write_text(script.read_text().replace('run("app:application")', f'run("app:application"{keywords})'))


@pytest.fixture
def prepared(machine: Sandbox) -> Iterator[Sandbox]:
    install(machine, "one")
    configure(machine)
    yield machine
    machine.install_application(machine.scripts)
    configure(machine)
    (machine.scripts / "restart.txt").unlink(missing_ok=True)


def boot(name: str, machine: Sandbox, stack: ExitStack) -> Site:
    """Start a web server, and what it serves."""
    if name != "spawn-fcgi":
        return stack.enter_context(running(BY_NAME[name], machine))
    program = requirements.require_program("spawn-fcgi")
    pid_file = machine.run / "spawned.pid"
    command = [program, "-s", machine.run / "app.sock", "-P", pid_file, "--", machine.scripts / "app.fcgi"]
    environ = {**SERVICE_ENVIRONMENT, "GATEWAYS_ERROR_LOG": str(machine.logs / "spawned.log")}  # it has no other log
    subprocess.run([*machine.account, *command], check=True, stdout=subprocess.DEVNULL, cwd="/", env=environ)
    stack.callback(end, int(pid_file.read_text()))
    server = Nginx(machine, "nginx-renewal")
    replace = {UNIX: f"{machine.run}/app.sock", "/srv/example": str(machine.srv), **server.replacements()}
    server.start(machine.configure("nginx/fastcgi.conf", replace))
    stack.callback(server.stop)
    site = Site(Deployment("nginx", "nginx", "nginx/fastcgi.conf", "fastcgi"), machine, server)
    stack.callback(site.close)
    return site


def end(pid: int) -> None:
    """Kill a process that is not our child."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def count(site: Site, text: str) -> int:
    """How often the processes have said so, wherever they say it."""
    logs: list[Path] = [site.server.error_log, *site.sandbox.logs.glob("example.log")]
    logs += site.sandbox.logs.glob("spawned.log")
    return sum(log.read_text(errors="replace").count(text) for log in logs)


def touch(site: Site, file: Path) -> bool:
    """Touch ``file``, and say whether a process has seen it.

    One that begins anew in this moment has not: for it the file was so from the beginning.
    """
    file.touch()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if count(site, f"{file} has changed; starting anew"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("name", SERVERS)
def test_new_code_is_served(prepared: Sandbox, name: str) -> None:
    with ExitStack() as stack:
        site = boot(name, prepared, stack)
        until(lambda: site.get("/version").text == "one", f"for an answer of {name}")
        with loading(Target("http", ("127.0.0.1", site.port)), 30, "/pid", "/slow0.05") as load:
            install(prepared, "second")
            until(lambda: all(site.get("/version").text == "second" for _ in range(10)))
            for file in (prepared.scripts / "restart.txt", prepared.scripts / "app.fcgi"):
                until(partial(touch, site, file))
        assert not load.report.failures, load.report
        assert load.report.bodies[b"one"] + load.report.bodies[b"second"] >= load.report.sent // 3


def hoard(site: Site) -> bool:
    """Have a process use more memory; it may have to begin anew for its requests before that is seen."""
    time.sleep(0.5)
    return site.get("/hoard120000000").text == "one"


@pytest.mark.parametrize("name", SERVERS)
def test_max_requests_and_max_memory(prepared: Sandbox, name: str) -> None:
    configure(prepared, ', max_requests=60, max_memory="100M"')
    with ExitStack() as stack:
        site = boot(name, prepared, stack)
        until(lambda: site.get("/version").text == "one", f"for an answer of {name}")
        with loading(Target("http", ("127.0.0.1", site.port)), 30, "/pid", "/slow0.02") as load:
            until(lambda: count(site, "requests served (max_requests); starting anew") >= 3)
            until(lambda: hoard(site) and count(site, "of memory in use (max_memory is 100.0 MiB); starting anew"))
        assert not load.report.failures, load.report
