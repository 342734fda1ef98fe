"""A page and an upload of each framework, unchanged, on every transport (behind web servers: tests/live)."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator

import pytest
import requests

from gateways.client import Client
from gateways.client.transports import TRANSPORTS
from tests.support import requirements
from tests.support.program import running
from tests.support.source import CHECKOUT
from tests.support.transports import ALL, Asked, ByClient, script

#: The module that has to be there for an application of ``apps``.
MODULES = {
    "bottle": "bottle",
    "cherrypy": "cherrypy",
    "django": "django",
    "falcon": "falcon",
    "flask": "flask",
    "pyramid": "pyramid",
    "webpy": "web",
}
CONTENT = bytes(range(256)) * 1000


@pytest.fixture(scope="module", params=MODULES)
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    requirements.require_module(MODULES[name])
    return name


@pytest.fixture(scope="module")
def everywhere(framework: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Asked]]:
    """One process that serves the application on all transports, and a CGI script."""
    directory = tmp_path_factory.mktemp(framework)
    addresses = {name: f"unix:{directory}/{name}" for name in TRANSPORTS if name != "fastcgi"}
    mounted = ("--script-name", "/app")  # HTTP and AJP13 do not say where an application is mounted
    flags = [part for name, address in addresses.items() for part in (f"--{name}", address)]
    module = f"tests.frameworks.apps.{framework}_app"
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(
            running(directory, "--chdir", str(CHECKOUT), *mounted, *flags, application=module)
        )
        addresses["fastcgi"] = f"unix:{program.address}"
        ways: dict[str, Asked] = {"cgi": script(module, directory)}
        for name, address in addresses.items():
            ways[name] = ByClient(stack.enter_context(Client(name, address)), lambda: program.log)
        yield ways


@pytest.fixture(params=ALL)
def served(request: pytest.FixtureRequest, everywhere: dict[str, Asked]) -> Asked:
    return everywhere[request.param]


def test_hello(served: Asked) -> None:
    reply = served.ask("/app/hello/caf%C3%A9", script_name="/app")
    assert (reply.status, reply.body.decode()) == (200, "hello café from /app")


def test_upload(served: Asked) -> None:
    sent = requests.Request("POST", "http://localhost/", files={"file": ("photo.jpg", CONTENT)}).prepare()
    assert isinstance(sent.body, bytes)
    reply = served.ask(
        "/app/upload", "POST", sent.body, (("Content-Type", sent.headers["Content-Type"]),), script_name="/app"
    )
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert reply.status == 200, (reply.body, served.log())
    assert json.loads(reply.body) == {"name": "photo.jpg", "length": len(CONTENT), "sha256": digest}
