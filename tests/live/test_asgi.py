"""FastAPI and Starlette behind nginx ``fastcgi_pass``, with the file of conf/."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.deployments import Deployment
from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import SERVICE_ENVIRONMENT, Nginx, Process
from tests.live.site import Site, wait_until
from tests.support import requirements

pytestmark = pytest.mark.live

APPLICATION = PROJECT / "tests" / "apps" / "fastapi_app.py"
RUN = "/run/gateways"
PATIENCE = 45.0


@pytest.fixture(scope="module")
def machine() -> Iterator[Sandbox]:
    requirements.require_module("fastapi")
    requirements.require_module("a2wsgi")
    sandbox = Sandbox(applications=False)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def site(machine: Sandbox) -> Iterator[Site]:
    server = Nginx(machine, "nginx-asgi")
    address = f"{machine.run}/app.sock"
    command = [sys.executable, "-m", "gateways", "serve", f"{APPLICATION}:app", "--interface", "asgi"]
    command += ["--fastcgi", f"unix:{address}", "--socket-mode", "666", "--no-access-log"]
    env = {**SERVICE_ENVIRONMENT, "PYTHONPATH": str(PROJECT), "SIGNALS": str(machine.signals)}
    with ExitStack() as stack:
        backend = Process(command, log=machine.logs / "backend.log", account=machine.account, env=env, cwd=machine.run)
        stack.callback(backend.stop)
        backend.wait_for(address)
        server.start(machine.configure("nginx/fastcgi.conf", {RUN: str(machine.run), **server.replacements()}))
        stack.callback(server.stop)
        site = Site(Deployment("nginx-asgi", "nginx", "", "fastcgi"), machine, server, backend)
        stack.callback(site.close)
        yield site
        backend.stop()
        assert (machine.signals / "shutdown").exists(), backend.log.read_text()


def test_fastapi_answers_with_what_its_lifespan_has_opened(site: Site) -> None:
    assert wait_until((site.sandbox.signals / "startup").exists)
    assert site.get("/items/5?q=caf%C3%A9").json() == {"number": 5, "q": "café", "database": "open"}
    assert site.get("/items/five").status_code == 422
    assert site.get("/sync").json() == {"hello": "thread"}
    assert site.get("/openapi.json").json()["paths"]


def test_starlette_knows_where_it_is(site: Site) -> None:
    seen = site.request("POST", "/starlette/a-b?x=1", data=b"hello").json()
    assert seen == {
        "url": f"http://{site.host}/starlette/a-b?x=1",
        "root_path": "/starlette",
        "client": "127.0.0.1",
        "body": 5,
    }


def test_an_upload_is_read_as_it_comes(site: Site) -> None:
    content = bytes(range(256)) * 4000
    seen = site.request("POST", "/upload", data=content).json()
    assert seen["sha256"] == hashlib.sha256(content).hexdigest()
    assert seen["pieces"] > 1


def test_a_stream_arrives_piece_by_piece_and_ends_with_its_client(site: Site) -> None:
    with site.get("/stream", stream=True, timeout=PATIENCE) as response:
        lines = response.iter_lines(chunk_size=1)
        for number in range(3):
            assert next(lines) == f"piece {number}".encode()
            (site.sandbox.signals / f"seen-{number}").touch()
    assert wait_until((site.sandbox.signals / "stream-over").exists, PATIENCE)


def test_a_background_task_runs_after_the_response(site: Site) -> None:
    assert site.get("/background").json() == {"status": "soon"}
    assert wait_until((site.sandbox.signals / "background").exists, PATIENCE)


def test_a_websocket_is_refused_and_the_log_says_why(site: Site) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    response = site.get("/socket", headers=headers)
    assert response.status_code == 501
    assert site.wait_for_log("a WebSocket was asked for and answered 501", site.server.error_log, PATIENCE)
    assert not (site.sandbox.signals / "socket").exists()
