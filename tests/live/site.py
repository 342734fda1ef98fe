"""The client's side of a running deployment."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.live.sandbox import Sandbox
from tests.live.servers import Process, WebServer

if TYPE_CHECKING:
    from tests.live.deployments import Deployment

PATIENCE = 45.0
"""Seconds to wait for an answer before a test fails."""


class Site:
    """A web server that answers at `url`, and what tests ask about it."""

    def __init__(
        self,
        deployment: Deployment,
        sandbox: Sandbox,
        server: WebServer,
        backend: Process | None = None,
        address: str | None = None,
    ) -> None:
        self.deployment = deployment
        self.sandbox = sandbox
        self.server = server
        self.backend = backend
        self.address = address
        self.port = server.port
        self.host = f"127.0.0.1:{server.port}"
        self.mount = deployment.mount
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        """End the kept connections."""
        self.session.close()

    def url(self, path: str = "/") -> str:
        """The URL of a path of the application."""
        return f"http://{self.host}{self.mount}{path}"

    def request(self, method: str, path: str, *, app: str = "probe", **kwargs: Any) -> requests.Response:
        """Send a request for a path of the application, written as it goes over the wire."""
        headers = {"X-Application": app, "Accept-Encoding": "identity", **kwargs.pop("headers", {})}
        kwargs = {"allow_redirects": False, "timeout": PATIENCE, **kwargs}
        return self.session.request(method, self.url(path), headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        """GET a path of the application."""
        return self.request("GET", path, **kwargs)

    def dump(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        """What the probe application saw of a request."""
        response = self.request(method, path, **kwargs)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def connect(self) -> socket.socket:
        """A connection to the web server."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def raw(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Send one request, byte for byte, and read the answer as strictly as HTTP/1.1 allows.

        Raises:
            http.client.IncompleteRead: the response ended before its end.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        with self.connect() as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            try:
                return response.status, response.read()
            finally:
                response.close()

    def raw_dump(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What the probe application saw of a request that `requests` would have changed on its way."""
        status, body = self.raw(method, self.mount + path, headers)
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def logs(self) -> list[Path]:
        """Where errors may be found: the web server's log first."""
        return [self.server.error_log, *([self.backend.log] if self.backend else [])]

    def wait_for_log(self, text: str, path: Path, seconds: float = PATIENCE) -> bool:
        """Say whether a log holds the text; servers write it when they come to it."""
        return wait_until(lambda: text in path.read_text(errors="replace"), seconds)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Say whether the condition became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def wait_for_file(path: Path, seconds: float = PATIENCE) -> str:
    """The content of a file that an application writes, or the empty string when it never does."""
    wait_until(lambda: path.exists() and path.stat().st_size > 0, seconds)
    return path.read_text() if path.exists() else ""
