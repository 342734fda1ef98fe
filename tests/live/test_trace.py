"""gateways trace in the place of a real backend, behind a real nginx: nothing changes, and everything is seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateways.conform.echo import parse
from tests.live.sandbox import Sandbox
from tests.live.servers import Nginx, start_backend
from tests.support.serving import PATIENCE, until

pytestmark = pytest.mark.live

CONF = "nginx/fastcgi.conf"


class Deployed:
    """nginx with its file of conf/, and a backend that says what it was asked."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(applications=False)
        self.socket = str(self.sandbox.run / "app.sock")
        self.backend = start_backend(
            self.sandbox,
            ["--fastcgi", f"unix:{self.socket}", "--socket-mode", "666"],
            self.socket,
            self.sandbox.logs / "backend.log",
            "gateways.conform.echo:application",
            self.sandbox.root,
        )
        self.nginx = Nginx(self.sandbox, "nginx")
        places = {"/run/gateways": str(self.sandbox.run), "/srv/example": str(self.sandbox.srv)}
        self.nginx.start(self.sandbox.configure(CONF, {**places, **self.nginx.replacements()}))

    def close(self) -> None:
        self.nginx.stop()
        self.backend.stop()
        self.sandbox.close()

    def ask(self, path: str, body: bytes = b"") -> bytes:
        """Send a request to nginx; return the body that the application has seen."""
        method = "POST" if body else "GET"
        url = f"http://127.0.0.1:{self.nginx.port}{path}"
        answer = requests.request(method, url, data=body, cookies={"id": "geheim"}, timeout=PATIENCE)
        found = parse(answer.content)
        assert found is not None, answer.text
        return found.body


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    running = Deployed()
    yield running
    running.close()


def test_in_the_place_of_the_backend(deployed: Deployed) -> None:
    inode = os.stat(deployed.socket).st_ino
    capture = str(deployed.sandbox.root / "captures")
    command = [sys.executable, "-m", "gateways", "trace", "--fastcgi", f"unix:{deployed.socket}", "--take-over"]
    shown = deployed.sandbox.root / "shown"
    with shown.open("wb") as out:
        process = subprocess.Popen([*command, "--write", capture], stdout=out)
    with process:
        try:
            until(lambda: os.stat(deployed.socket).st_ino != inode)
            bodies = [os.urandom(size) for size in (1, 1000, 300_000, 40_000)]
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(lambda body: deployed.ask("/a?password=geheim", body), bodies)) == bodies
            assert deployed.ask("/b") == b""
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert os.stat(deployed.socket).st_ino == inode
    assert deployed.ask("/after") == b""
    text = shown.read_text(encoding="utf-8")
    assert text.count("BEGIN_REQUEST") == text.count("END_REQUEST") == 5
    assert text.count("REQUEST_URI = /a?password=****") == 4
    assert "SERVER_SOFTWARE = nginx/" in text
    assert "malformed" not in text
    assert "geheim" not in text
    again = subprocess.run(
        [sys.executable, "-m", "gateways", "trace", "--read", capture], capture_output=True, text=True, check=True
    ).stdout
    assert again.count("END_REQUEST") == 5
