"""tutorial-shared-hosting, step by step, on a real Apache: the files of the page, but for the path of Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.docs.blocks import DOCS, Block, blocks
from tests.live.deployments import SRV
from tests.live.sandbox import Sandbox, changed
from tests.live.servers import Apache
from tests.support.serving import until

pytestmark = [pytest.mark.live, pytest.mark.slow]

PYTHON = "/home/you/venv/bin/python"


class Hosting:
    """The directory of a site, with the files of the page that have been written so far."""

    def __init__(self, machine: Sandbox, server: Apache) -> None:
        self.machine = machine
        self.server = server
        self.site = machine.srv / "hosting"
        self.files = [block for block in blocks(path=DOCS / "tutorial-shared-hosting.md") if block.file]

    def write(self, *names: str) -> None:
        """Write the next files of the page; their names are given, so that none is left out."""
        for name in names:
            block = self.files.pop(0)
            assert block.file == f"~/www/{name}", block.where
            self.upload(name, block)

    def upload(self, name: str, block: Block) -> None:
        path = self.site / name
        text = block.text
        if text.startswith("#!"):
            text = changed(text, {PYTHON: str(self.machine.python)})
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)

    def get(self, path: str) -> tuple[int, str]:
        answer = requests.get(f"http://127.0.0.1:{self.server.port}{path}", timeout=60)
        return answer.status_code, answer.text


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    machine = Sandbox()
    server = Apache(machine, "tutorial")
    try:
        server.start(machine.configure("../tests/live/hosting.conf", {SRV: str(machine.srv), **server.replacements()}))
        yield Hosting(machine, server)
    finally:
        server.stop()
        machine.close()


def test_the_tutorial(hosting: Hosting) -> None:
    hosting.write("hello.cgi", ".htaccess")
    assert hosting.get("/hello.cgi") == (200, "Hello from CGI\n")

    hosting.write("app.py", "app.cgi")
    assert hosting.get("/app.cgi/any/page") == (200, "You have asked for /any/page\n")

    hosting.write(".htaccess")
    assert hosting.get("/any/page") == (200, "You have asked for /any/page\n")
    assert hosting.get("/app.py")[0] == 403

    hosting.write("app.fcgi", ".htaccess")
    assert hosting.get("/any/page") == (200, "You have asked for /any/page\n")
    assert hosting.get("/app.py")[0] == 403
    assert hosting.files == []

    # 6. Change it
    application = hosting.site / "app.py"
    application.write_text(changed(application.read_text(), {"You have": "Somebody has"}))
    until(lambda: hosting.get("/x") == (200, "Somebody has asked for /x\n"), "for the new program")
