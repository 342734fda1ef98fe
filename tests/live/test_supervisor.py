"""The files of conf/supervisor, read by a real supervisord, with a master and nginx in front of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateways.deploy.registry import describe, generate
from tests.live.deployments import UNIX, Deployment
from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import Nginx, Process
from tests.live.site import Site, wait_until
from tests.support import requirements

pytestmark = pytest.mark.live

SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={run}/supervisord.log
pidfile={run}/supervisord.pid
childlogdir={run}

[unix_http_server]
file={run}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{run}/supervisor.sock

[include]
files={program}
"""

Start = Callable[..., "Supervised"]


class Supervised:
    """A supervisord with one of our programs."""

    def __init__(self, machine: Sandbox, process: Process, conf: Path) -> None:
        self.machine = machine
        self.process = process
        self._conf = conf

    def control(self, *words: str) -> str:
        """Run supervisorctl."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._conf), *words]
        result = subprocess.run(
            [*self.machine.account, *command], cwd=self.machine.run, capture_output=True, text=True, check=False
        )
        return result.stdout

    def state(self) -> str:
        """What supervisor makes of the program: RUNNING, EXITED and so on."""
        words = self.control("status", "example").split()
        return words[1] if len(words) > 1 else ""

    @property
    def log(self) -> str:
        """The error log of the program."""
        return (self.machine.logs / "example.log").read_text()


@pytest.fixture
def supervised(machine: Sandbox) -> Iterator[Start]:
    """Start supervisord with a file of conf/supervisor."""
    requirements.require_module("supervisor")
    with ExitStack() as stack:

        def start(name: str, text: str = "", **changes: str) -> Supervised:
            replace = {
                "directory=/srv/example\n": "directory=SCRIPTS\n",
                "/srv/example": str(machine.srv),
                "SCRIPTS": str(machine.scripts),
                "/run/gateways": str(machine.run),
                "/var/log/supervisor": str(machine.logs),
                **changes,
            }
            if not machine.account:
                replace["user=www-data\n"] = ""
                if "fcgi" in name:
                    replace["socket_owner=www-data:www-data\n"] = ""
            text = text or (PROJECT / "conf/supervisor" / name).read_text()
            (machine.logs / "example.log").write_text("")
            machine.own(machine.logs / "example.log")
            program = machine.adapt(name, text, replace)
            conf = machine.adapt("supervisord.conf", SUPERVISORD.format(run=machine.run, program=program), {})
            process = Process(
                [sys.executable, "-m", "supervisor.supervisord", "-c", conf],
                log=machine.logs / "supervisord.log", cwd=machine.run, account=machine.account,
            )  # fmt: skip
            stack.callback(process.stop)
            process.wait_for(f"{machine.run}/supervisor.sock")
            return Supervised(machine, process, conf)

        yield start


@pytest.fixture
def nginx(machine: Sandbox) -> Iterator[Site]:
    """nginx with conf/nginx/fastcgi.conf."""
    server = Nginx(machine, "nginx-supervised")
    changes = {UNIX: f"{machine.run}/app.sock", "/srv/example": str(machine.srv), **server.replacements()}
    server.start(machine.configure("nginx/fastcgi.conf", changes))
    site = Site(Deployment("nginx", "nginx", "nginx/fastcgi.conf", "fastcgi"), machine, server)
    yield site
    site.close()
    server.stop()


def worker(site: Site) -> int:
    """The process that answers, 0 when none does."""
    response = site.get("/")
    return int(response.json()["process"]["pid"]) if response.status_code == 200 else 0


@pytest.mark.parametrize("name", ["example.conf", "example-fcgi.conf"])
def test_the_life_of_a_program(supervised: Start, nginx: Site, name: str) -> None:
    """Started, reloaded twice without the loss of a request, and stopped."""
    program = supervised(name)
    assert wait_until(lambda: program.state() == "RUNNING"), program.control("status")
    assert wait_until(lambda: worker(nginx)), program.log
    over = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not over.is_set():
            answers.append(worker(nginx))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for times in (1, 2):
            program.control("signal", "HUP", "example")
            assert wait_until(lambda: program.log.count("reloaded, generation") == times), program.log  # noqa: B023
        count = len(answers)
        assert wait_until(lambda: len(answers) > count + 10), program.log
    finally:
        over.set()
        thread.join()
    assert 0 not in answers, program.log
    assert answers[0] != answers[-1]
    assert "stopped" in program.control("stop", "example")
    assert program.state() == "STOPPED"
    assert program.log.endswith("notice: stopped\n")
    assert program.process.children() == []


def test_a_mount_with_what_supervisor_would_read_otherwise(supervised: Start, nginx: Site) -> None:
    mount = "/a b ;c d/'e'(100"
    [file] = generate(describe("supervisor", mount=mount, workers=1))
    program = supervised("example.conf", file.text)
    assert wait_until(lambda: worker(nginx)), program.log
    assert nginx.dump("GET", "/x")["environ"]["SCRIPT_NAME"] == mount


def test_an_application_that_cannot_be_loaded_is_not_tried_for_ever(supervised: Start) -> None:
    """The master tries for longer than a second, so supervisor has it for RUNNING, and looks at its exit status."""
    program = supervised("example.conf", **{"app:application": "absent:application"})
    assert wait_until(lambda: program.state() == "EXITED"), program.control("status")
    assert "there is no module 'absent'" in program.log
    assert "exit status 3" in (program.machine.run / "supervisord.log").read_text()
