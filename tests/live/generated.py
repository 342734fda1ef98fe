"""Boot what ``gateways conf`` writes for some values, with an application in the test's own process behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateways.deploy.description import Deployment
from gateways.deploy.registry import describe, generate
from tests.live.deployments import PLACES
from tests.live.deployments import Deployment as Booted
from tests.live.sandbox import Sandbox
from tests.live.servers import WEB_SERVERS
from tests.live.site import Site
from tests.support.serving import serving

ODD = "/a+b (c) \xfc{2}/x.y"
"""A mount point of two parts with what means something in regular expressions, a space and an umlaut."""

MOUNTS = ("", "/app", "/a/b", ODD)


@dataclass(frozen=True)
class Case:
    """A kind of configuration."""

    server: str
    transport: str
    """Also ``spawn``."""

    @property
    def started(self) -> bool:
        return self.transport in ("spawn", "cgi")

    def __str__(self) -> str:
        return f"{self.server}-{self.transport}"


def probe(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer the variables; ``/send/NAME`` has the web server send a private file."""
    from tests.apps.probe import application

    return application(environ, start_response)


@contextmanager
def booted(case: Case, mount: str, sandbox: Sandbox, values: dict[str, Any]) -> Iterator[tuple[Site, Deployment]]:
    """Boot the application and the web server with what is written for them."""
    with ExitStack() as stack:
        addresses: list[str] = []
        if not case.started:
            settings = {"script_name": mount} if mount and _needs_name(case) else {}
            served = stack.enter_context(serving(probe, case.transport, tcp=True, max_body_size=1 << 30, **settings))
            addresses = ["{}:{}".format(*served.address)]
        deployment = describe(case.server, case.transport, addresses, mount=mount, root=str(sandbox.srv), **values)
        (file,) = generate(deployment)
        server = WEB_SERVERS[case.server](sandbox, f"{case}{len(mount)}")
        text = file.text
        places = {name: str(place(sandbox)) for name, place in PLACES.items() if name in text and name[:4] != "/srv"}
        conf = sandbox.adapt(Path(file.path).name, text, {**server.replacements(), **places})
        server.start(conf)
        stack.callback(server.stop)
        site = Site(Booted(str(case), case.server, str(conf), case.transport, quote(mount)), sandbox, server)
        stack.callback(site.close)
        yield site, deployment


def _needs_name(case: Case) -> bool:
    return case.transport in ("http", "ajp") or case.server in ("caddy", "haproxy", "h2o")
