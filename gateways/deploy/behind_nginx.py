"""What Kubernetes and containers have in common: nginx in front of the application, and texts in YAML."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import quote

from gateways.deploy import nginx, served
from gateways.deploy.description import SHARED, Deployment
from gateways.errors import ConfigError

REFUSES = {"group": "the mode of the socket lets nginx use it, in its own container; leave it out"}

#: What YAML 1.1 and 1.2 read as text, and as nothing else, without quotes.
_PLAIN = re.compile(r"/[A-Za-z0-9._/-]*|[A-Za-z][A-Za-z0-9._/-]*(?::[A-Za-z0-9._/-]+)?")

#: What is no text there, without quotes.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def check(deployment: Deployment) -> None:
    """Raise ``ConfigError`` where the socket cannot be a directory that both share."""
    if deployment.address.kind != "unix":
        raise ConfigError(
            f"{deployment.addresses[0]}: nginx and the application share a directory; give unix:/run/gateways/app.sock"
        )
    if served.parent(deployment) in ("", *SHARED):
        raise ConfigError(
            f"{deployment.addresses[0]}: the directory of the socket becomes a volume; give the socket one of its own, "
            "such as unix:/run/gateways/app.sock"
        )


def ping(deployment: Deployment) -> str:
    """Return the path for health checks."""
    return deployment.ping or "/ping"


def health_check(deployment: Deployment) -> list[str]:
    """Return the command that asks the application, in its container, for that path."""
    return [
        "gateways",
        "get",
        f"--{deployment.transport}",
        deployment.addresses[0],
        "--timeout",
        "4s",
        ping(deployment),
    ]


def encoded(path: str) -> str:
    """Return a URL path as it stands in a request."""
    return quote(path, safe="/")


def configuration(deployment: Deployment, where: str) -> str:
    """Return nginx's file, whose first lines say that it was written by the command that wrote the others."""
    own = replace(deployment, server="nginx", ping="", image="", workers=4)
    [file] = nginx.write(own)
    title, _, rest = file.text.partition(own.command())
    _, _, body = rest.partition("\n\n")
    return f"{title}{deployment.command()}\n# {where}\n\n{body}"


def text(value: str) -> str:
    """Return a text as YAML, in quotes where it needs them."""
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)
