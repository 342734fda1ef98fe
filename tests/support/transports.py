"""Ask one application over each transport that there is: those of the client, and CGI."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, NamedTuple

from gateways.client import Client, variables_for
from gateways.client.transports import TRANSPORTS
from gateways.errors import TruncatedResponse
from tests.support import cgi
from tests.support.serving import Served, serving
from tests.support.source import CHECKOUT

ALL = (*TRANSPORTS, "cgi")

SCRIPT = """\
from gateways import run_with_cgi
from {module} import application

run_with_cgi(application)
"""

Headers = tuple[tuple[str, str], ...]


class Reply(NamedTuple):
    """What came back."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None when it is not there."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


class Asked:
    """An application that is served."""

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", headers: Headers = (), *, script_name: str = ""
    ) -> Reply:
        """Send a request. Raises ``GatewayError`` for a response that does not look complete."""
        raise NotImplementedError

    def log(self) -> str:
        """What the error log has so far: an application may write there after its response has gone out."""
        raise NotImplementedError


class ByClient(Asked):
    """Over a connection."""

    def __init__(self, client: Client, log: Callable[[], str]) -> None:
        self.client = client
        self._log = log

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", headers: Headers = (), *, script_name: str = ""
    ) -> Reply:
        with self.client.request(method, path, headers, body, script_name=script_name) as response:
            return Reply(response.status, response.reason, list(response.headers), response.read())

    def log(self) -> str:
        return self._log()


class ByCGI(Asked):
    """A script that is run for each request."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._log = ""

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", headers: Headers = (), *, script_name: str = ""
    ) -> Reply:
        length = len(body) if body or method == "POST" else None
        pairs = variables_for(method, path, [("Host", "localhost"), *headers], length, script_name=script_name)
        variables = {name.decode(): value for name, value in pairs}
        answer = cgi.run(self._script, {**dict.fromkeys(cgi.REQUEST), **variables, "PYTHONPATH": str(CHECKOUT)}, body)
        self._log += answer.log
        if answer.code:
            raise TruncatedResponse(f"exit status {answer.code}: {answer.log}")
        status, _, reason = answer.status.partition(" ")
        return Reply(int(status), reason, list(answer.headers.items()), answer.body)

    def log(self) -> str:
        return self._log


@contextlib.contextmanager
def asked(module: str, transport: str, directory: Path) -> Iterator[Asked]:
    """Serve ``application`` of ``module``, a part of ``tests``, in this process; ``directory`` is for a CGI script."""
    if transport == "cgi":
        yield script(module, directory)
        return
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(serving(importlib.import_module(module).application, transport))
        client = stack.enter_context(Client(transport, client_address(served)))
        yield ByClient(client, lambda: served.log.text("error"))


def script(module: str, directory: Path) -> ByCGI:
    """Write a CGI script for ``application`` of ``module``."""
    path = directory / "app.py"
    path.write_text(SCRIPT.format(module=module))
    return ByCGI(path)


def client_address(served: Served) -> str:
    """Where the client reaches a server, as an ADDR."""
    address = served.address
    return f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"
