"""Boot what ``gateways conf`` writes for some values, with an application in the test's own process behind it."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from gateways.deploy.description import Deployment
from gateways.deploy.registry import SERVERS, describe, generate
from tests.apps import probe
from tests.live.deployments import PLACES, SRV
from tests.live.deployments import Deployment as Booted
from tests.live.sandbox import PROJECT, Sandbox, free_port
from tests.live.servers import WEB_SERVERS
from tests.live.site import Site
from tests.support.serving import PATIENCE, serving

ODD = "/a+b (c) \xfc{2}^$;[x]|*,=&~!@:<>`/x.y"
"""A mount point of two parts with what means something in regular expressions, a space and an umlaut."""

MOUNTS = ("", "/app", "/a/b", ODD)

#: The host name, which a client of the tests sends with a port.
HOST = "127.0.0.1"

STARTED = ("spawn", "cgi")
"""The web server starts the application."""


@dataclass(frozen=True)
class Case:
    """A kind of configuration."""

    server: str
    transport: str
    """Also ``spawn``."""
    mount: str = ""
    values: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def told(self) -> bool:
        """Whether the web server tells where the application is mounted."""
        return self.transport not in ("http", "ajp") and self.server not in ("caddy", "haproxy", "h2o")

    def takes(self, name: str) -> bool:
        """Whether the server can do something with a field of the description."""
        return name not in SERVERS[self.server].refuses

    def __str__(self) -> str:
        return f"{self.server}-{self.transport}{self.mount and '-mounted'}"


class Application:
    """The probe, and some more paths, for an application that knows what the test knows."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        if path == "/pieces":
            return self._pieces(start_response)
        if path == "/wait":
            self.go_on.wait(PATIENCE)
        elif path.startswith("/send/"):
            return send(path, environ, start_response)
        return probe.application(environ, start_response)

    def _pieces(self, start_response: Any) -> Iterator[bytes]:
        """Send a line, and the other one when the client has the first."""
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield b"data: 1\n\n"
        yield b"data: 2\n\n" if self.go_on.wait(PATIENCE) else b"data: too late\n\n"


def send(path: str, environ: dict[str, Any], start_response: Any) -> Any:
    """Have the web server send a file; the query has its URL and its path, which are sent as they are, or decoded."""
    url, _, file = environ["QUERY_STRING"].partition("&")
    if path.endswith("/decoded"):
        url = unquote(url, "latin-1")
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("X-Accel-Redirect", url), ("X-Sendfile", file), ("X-Kept", "yes")]
    )
    return [b"in place of a body"]


class Running(Site):
    """A web server with a generated configuration."""

    description: Deployment
    application: Application
    tls_port = 0

    def seen(self, method: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The variables that the application got of a request."""
        environ: dict[str, Any] = self.raw_dump(method, path, {"X-Application": "probe", **(headers or {})})["environ"]
        return environ

    def get_raw(self, target: str) -> tuple[int, bytes]:
        """GET a target, wherever it is."""
        return self.raw("GET", target, {"X-Application": "probe"})

    def is_answered(self, target: str) -> bool:
        """Say whether the application answers a request for a target."""
        _, body = self.get_raw(target)
        return body.startswith(b"{") and "environ" in json.loads(body)


@contextmanager
def booted(case: Case, sandbox: Sandbox, dead: int = 0) -> Iterator[Running]:
    """Boot the application and the web server, which also has ``dead`` addresses where nobody listens."""
    application = Application()
    values = dict(case.values)
    with ExitStack() as stack:
        addresses: list[str] = [f"{HOST}:{free_port()}" for _ in range(dead)]
        if case.transport not in STARTED:
            named: dict[str, Any] = {} if case.told or not case.mount else {"script_name": case.mount}
            if case.transport == "http" and "tls" in values:
                named["forwarded_allow_ips"] = HOST
            served = stack.enter_context(serving(application, case.transport, tcp=True, max_body_size=1 << 30, **named))
            stack.callback(application.go_on.set)
            addresses.append("{}:{}".format(*served.address))
        described = describe(
            case.server, case.transport, addresses, mount=case.mount, root=str(sandbox.srv), server_name=HOST, **values
        )
        server = WEB_SERVERS[case.server](sandbox, f"generated-{case}")
        port = free_port() if described.tls else 0
        site = Running(Booted(str(case), case.server, "", case.transport, quote(case.mount)), sandbox, server)
        site.description, site.application, site.tls_port = described, application, port
        (file,) = generate(described)
        server.start(sandbox.adapt(Path(file.path).name, file.text, _changes(site, file.text)))
        # h2o at times takes 10 s for a connection that is closed already.
        stack.callback(server.stop, signal.SIGKILL if case.server == "h2o" else signal.SIGTERM)
        stack.callback(site.close)
        yield site


def _changes(site: Running, text: str) -> dict[str, str]:
    """What has to be changed of a file in the sandbox."""
    server = site.server
    changes = {literal.replace("example.org", HOST): value for literal, value in server.replacements().items()}
    changes = {literal: value for literal, value in changes.items() if not literal.startswith("$HTTP")}
    if site.tls_port:
        changes.update(_changes_for_tls(site))
    if "/run/haproxy/admin.sock" in text:
        changes["/run/haproxy/admin.sock"] = str(site.sandbox.run / "admin.sock")
    places = {name: str(place(site.sandbox)) for name, place in PLACES.items() if name in text and name != SRV}
    return {**changes, **places}


def _changes_for_tls(site: Running) -> dict[str, str]:
    own, server = f"{HOST}:{site.tls_port}", site.server
    if site.deployment.family == "caddy":
        server.port = site.tls_port  # there is no other: the tests' Caddy redirects nothing
        return {f"{HOST} {{": f"https://{own} {{"}
    if site.deployment.family == "h2o":
        return {
            "  port: 443": f"  host: {HOST}\n  port: {site.tls_port}",
            f'"{HOST}:80"': f'"{HOST}:{server.port}"',
            f'"{HOST}:443"': f'"{own}"',
        }
    return {
        "nginx": {"listen 443 ssl;": f"listen {own} ssl;"},
        "lighttpd": {'":443"': f'"{own}"'},
        "haproxy": {"bind :443 ": f"bind {own} "},
        "apache": {"*:443": own},
    }[site.deployment.family]


def install_certificate(sandbox: Sandbox) -> tuple[str, str]:
    """Put a certificate and its key where web servers can read them, by names that all of them like."""
    names = (sandbox.srv / "site.pem", sandbox.srv / "site.pem.key")
    for name, source in zip(names, ("server.crt", "server.key")):
        shutil.copyfile(PROJECT / "tests/support/tls" / source, name)
        name.chmod(0o644)
    return str(names[0]), str(names[1])
