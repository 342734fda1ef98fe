"""tutorial-shared-hosting, step by step, on a real Apache: the page's files and commands, but for the paths."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.docs.blocks import DOCS, blocks
from tests.live.deployments import SRV
from tests.live.sandbox import Sandbox, changed
from tests.live.servers import Apache
from tests.support.serving import until

pytestmark = [pytest.mark.live, pytest.mark.slow]

PYTHON = "/home/you/venv/bin/python"


class Hosting:
    """The home of a customer, where the page has been followed so far."""

    def __init__(self, machine: Sandbox, server: Apache) -> None:
        self.machine = machine
        self.server = server
        self.home = machine.srv
        page = DOCS / "tutorial-shared-hosting.md"
        self.files = [block for block in blocks(path=page) if block.file]
        self.commands = [line for block in blocks("sh", path=page) for line in block.text.splitlines()]

    def write(self, *names: str) -> None:
        """Write the next files of the page; their names are given, so that none is left out."""
        for name in names:
            block = self.files.pop(0)
            assert block.file == f"~/{name}", block.where
            text = block.text
            if text.startswith("#!"):
                text = changed(text, {PYTHON: str(self.machine.python)})
            path = self.home / name
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)

    def leave_out(self, *commands: str) -> None:
        """Leave the next commands of the page out; their beginnings are given, so that no other is."""
        for command in commands:
            line = self.commands.pop(0)
            assert line.startswith(command), line

    def run(self, command: str) -> str:
        """Run the next command of the page, which begins so, and return what it prints."""
        line = self.commands.pop(0)
        assert line.startswith(command), line
        for place, here in (("~/venv/bin", self.machine.python.parent), ("~", self.home)):
            line = line.replace(f"{place}/", f"{here}/")
        # As us: the Python of the tests may be where the modes let nobody else go.
        us = ["--user", str(os.geteuid())] if "bin/gateways " in command else []
        done = subprocess.run([*shlex.split(line), *us], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path: str) -> tuple[int, str]:
        answer = requests.get(f"http://127.0.0.1:{self.server.port}{path}", timeout=60)
        return answer.status_code, answer.text


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    machine = Sandbox()
    server = Apache(machine, "tutorial")
    try:
        (machine.srv / "www").mkdir()
        places = {f"{SRV}/hosting": f"{machine.srv}/www", **server.replacements()}
        server.start(machine.configure("../tests/live/hosting.conf", places))
        yield Hosting(machine, server)
    finally:
        server.stop()
        machine.close()


def test_the_tutorial(hosting: Hosting) -> None:
    hosting.leave_out("python3 -m venv ", "~/venv/bin/pip install ")  # it is installed
    hosting.write("www/hello.cgi", "www/.htaccess")
    hosting.run("chmod 755 ")
    assert hosting.get("/hello.cgi") == (200, "Hello from CGI\n")
    hosting.run("~/venv/bin/gateways doctor ")

    hosting.write("app.py")
    assert hosting.files == []
    hosting.run("rm ")
    for command, script in (("~/venv/bin/gateways init --cgi", "app.cgi"), ("~/venv/bin/gateways init ", "app.fcgi")):
        assert hosting.run(command).splitlines()[-1].startswith("next: open your site in a browser; ")
        assert sorted(path.name for path in (hosting.home / "www").iterdir()) == [".htaccess", script]
        assert hosting.get("/any/page") == (200, "You have asked for /any/page\n")
    assert hosting.commands == []

    # 6. Change it
    application = hosting.home / "app.py"
    application.write_text(changed(application.read_text(), {"You have": "Somebody has"}))
    until(lambda: hosting.get("/x") == (200, "Somebody has asked for /x\n"), "for the new program")
