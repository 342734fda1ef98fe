"""Processes that a web server, spawn-fcgi, systemd or supervisor starts: they end when told to, and when left alone.

Everything here boots servers of its own, in a sandbox of its own.
"""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.deployments import DEPLOYMENTS, UNIX, Deployment, running
from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import SERVICE_ENVIRONMENT, Nginx, Process
from tests.live.site import PATIENCE, Site, wait_for_file, wait_until
from tests.support import requirements
from tests.support.processes import is_running

pytestmark = pytest.mark.live

BY_NAME = {deployment.name: deployment for deployment in DEPLOYMENTS}
SPAWNED = ["apache-fcgid", "apache-htaccess-fcgid", "lighttpd-fastcgi-spawned"]


@pytest.fixture
def boot(machine: Sandbox) -> Iterator[Callable[[str], Site]]:
    """Boot a deployment by name, for one test."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(running(BY_NAME[name], machine))


def applications(site: Site) -> list[int]:
    """The processes that run app.fcgi below the web server, once all of them have begun to serve."""
    assert site.server.process is not None
    found = [pid for pid in site.server.process.children() if b"app.fcgi" in command_line(pid)]
    assert found
    assert wait_until(lambda: all(serves(pid) for pid in found))
    return found


def command_line(pid: int) -> bytes:
    """The words of a process, or nothing of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def serves(pid: int) -> bool:
    """Say whether a process waits for connections: one that is still importing does not know yet who started it."""
    try:
        return any("eventpoll" in os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False  # closed while we looked


def stop_in_mid_request(site: Site, signum: int, master: int = 0) -> None:
    """Send a signal to the process that answers a request, or to its master: the request is finished before the end."""
    started, released = site.sandbox.signal("started"), site.sandbox.signal("released")
    target = f"{site.mount}/do/slow?started={started}&file={released}"
    with site.connect() as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        pid = int(wait_for_file(started))
        os.kill(master or pid, signum)
        time.sleep(0.2)
        assert is_running(pid)
        released.touch()
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.read() == b"released\n"
        response.close()
    assert wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize("name", SPAWNED)
def test_a_request_in_hand_is_finished(boot: Callable[[str], Site], name: str) -> None:
    site = boot(name)
    stop_in_mid_request(site, signal.SIGTERM)
    # The web server starts another process.
    assert wait_until(lambda: site.get("/again").status_code == 200)


@pytest.mark.parametrize("name", SPAWNED)
def test_processes_end_with_the_web_server(boot: Callable[[str], Site], name: str) -> None:
    """Stopped as its administrator stops it. mod_fcgid would wait 8 s before it kills, and say so: ours need none."""
    site = boot(name)
    site.get("/")
    processes = applications(site)
    assert site.server.process is not None
    site.server.process.popen.send_signal(signal.SIGTERM)
    site.server.process.popen.wait(PATIENCE)
    assert wait_until(lambda: not any(is_running(pid) for pid in processes))
    assert "SIGKILL" not in site.server.error_log.read_text(errors="replace")


@pytest.mark.parametrize("name", SPAWNED)
def test_processes_end_when_the_web_server_is_killed(boot: Callable[[str], Site], name: str) -> None:
    """kill -9 tells nobody: an application that went on would keep the socket and the old code for ever."""
    site = boot(name)
    site.get("/")
    processes = applications(site)
    assert site.server.process is not None
    for pid in [site.server.process.pid, *site.server.process.children()]:
        if pid not in processes:
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(is_running(pid) for pid in processes)), "an application outlived its web server"


def test_lighttpd_is_killed_and_started_again_at_once(boot: Callable[[str], Site]) -> None:
    """It would use a process that is still there, start none of its own, and answer 503 when that process ends."""
    site = boot("lighttpd-fastcgi-spawned")
    site.get("/")
    old = applications(site)
    assert site.server.process is not None
    os.kill(site.server.process.pid, signal.SIGKILL)
    site.server.process.popen.wait()
    assert wait_until(lambda: not any(is_running(pid) for pid in old))
    site.server.start(site.sandbox.root / "fastcgi-spawned.conf")
    for _ in range(10):
        assert site.dump("GET", "/")["process"]["pid"] not in old
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["nginx-fastcgi", "nginx-scgi"])
def test_gateways_serve_finishes_the_request_in_hand(boot: Callable[[str], Site], name: str) -> None:
    site = boot(name)
    stop_in_mid_request(site, signal.SIGTERM)
    assert site.backend is not None
    assert site.backend.popen.wait(PATIENCE) == 0


@pytest.mark.parametrize("name", ["apache-cgid", *SPAWNED])
def test_an_application_that_cannot_be_imported(machine: Sandbox, name: str) -> None:
    """The client gets a 500, the administrator the reason; and the next request a page, once the cause is gone."""
    places = (machine.scripts / "app.py", machine.srv / "hosting" / "app.py")
    with ExitStack() as stack:
        site = stack.enter_context(running(BY_NAME[name], machine))
        stack.callback(machine.install_application, machine.scripts)
        for place in places:
            place.write_text("import a_module_that_nobody_has\n")
        response = site.get("/")
        assert response.status_code == 500
        assert "a_module_that_nobody_has" not in response.text
        logs = [site.server.error_log, *machine.logs.glob("example.log")]
        assert wait_until(lambda: any("a_module_that_nobody_has" in log.read_text() for log in logs)), logs
        for directory in {place.parent for place in places}:
            machine.install_application(directory)
        assert wait_until(lambda: site.get("/").status_code == 200)


def behind_nginx(machine: Sandbox, stack: ExitStack) -> Site:
    """nginx with conf/nginx/fastcgi.conf; whoever listens on the socket is the caller's matter."""
    server = Nginx(machine, "nginx-spawned")
    conf = machine.configure(
        "nginx/fastcgi.conf",
        {UNIX: f"{machine.run}/app.sock", "/srv/example": str(machine.srv), **server.replacements()},
    )
    server.start(conf)
    stack.callback(server.stop)
    site = Site(Deployment("nginx", "nginx", "nginx/fastcgi.conf", "fastcgi"), machine, server)
    stack.callback(site.close)
    return site


def end(pid: int) -> None:
    """Kill a process that is not our child, if a failed test has left it."""
    if is_running(pid):
        os.kill(pid, signal.SIGKILL)


def test_spawn_fcgi(machine: Sandbox) -> None:
    """spawn-fcgi is gone as soon as the process runs: that is no reason for the process to end."""
    program = requirements.require_program("spawn-fcgi")
    pid_file = machine.run / "app.pid"
    subprocess.run(
        [*machine.account, program, "-s", machine.run / "app.sock", "-P", pid_file, "--", machine.scripts / "app.fcgi"],
        check=True, stdout=subprocess.DEVNULL, cwd=machine.scripts, env=SERVICE_ENVIRONMENT,
    )  # fmt: skip
    pid = int(pid_file.read_text())
    with ExitStack() as stack:
        stack.callback(end, pid)
        site = behind_nginx(machine, stack)
        assert wait_until(lambda: site.get("/").status_code == 200)
        time.sleep(2.5)
        assert site.dump("GET", "/")["process"]["pid"] == pid
        stop_in_mid_request(site, signal.SIGTERM)


def exec_start(unit: str, machine: Sandbox) -> list[str]:
    """The command of a systemd unit, for the sandbox."""
    text = (PROJECT / "conf/systemd" / unit).read_text().replace("\\\n", "")
    found = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert found
    command = found[1].replace("/srv/example", str(machine.srv))
    for directory in ("/run/gateways", "/run/example"):
        command = command.replace(directory, str(machine.run))
    return shlex.split(command)


def test_systemd_socket_activation(machine: Sandbox) -> None:
    """systemd's own tool starts the command of example.service with the socket of example.socket."""
    program = requirements.find_program("systemd-socket-activate") or pytest.skip("no systemd on this machine")
    name = re.search(r"^FileDescriptorName=(.*)$", (PROJECT / "conf/systemd/example.socket").read_text(), re.MULTILINE)
    assert name
    path = f"{machine.run}/app.sock"
    with ExitStack() as stack:
        log = machine.logs / "systemd.log"
        process = Process(
            [program, "-l", path, f"--fdname={name[1]}", *exec_start("example.service", machine)],
            log=log, cwd=machine.scripts, account=machine.account,
        )  # fmt: skip
        stack.callback(process.kill)
        assert wait_until(lambda: "Listening on" in log.read_text())
        site = behind_nginx(machine, stack)
        assert site.get("/").status_code == 200, log.read_text()
        stop_in_mid_request(site, signal.SIGTERM, process.pid)
        assert process.popen.wait(PATIENCE) == 0
        assert os.path.exists(path), "the socket is systemd's"
        os.unlink(path)


def test_systemd_standalone_service(machine: Sandbox) -> None:
    path = f"{machine.run}/app.sock"
    process = Process(
        exec_start("example-standalone.service", machine),
        log=machine.logs / "standalone.log", cwd=machine.scripts, account=machine.account,
    )  # fmt: skip
    with ExitStack() as stack:
        stack.callback(process.kill)
        process.wait_for(path)
        site = behind_nginx(machine, stack)
        assert site.get("/").status_code == 200
        stop_in_mid_request(site, signal.SIGTERM, process.pid)
        assert process.popen.wait(PATIENCE) == 0
        assert not os.path.exists(path)
