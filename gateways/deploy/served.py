"""The command line of ``gateways serve`` for a deployment, as service managers and containers run it."""

from __future__ import annotations

import re

from gateways.addresses import Address, parse_address
from gateways.deploy.description import SIZE, Deployment
from gateways.errors import ConfigError

#: What no grammar of a service manager would read as more than one word.
_SIMPLE = re.compile("[A-Za-z0-9._/@+,=~-]+")

_USUAL_LIMIT = 100 << 20
"""What the description has when nobody said how large an upload may be."""


def program(deployment: Deployment) -> str:
    """Return the path of ``gateways``. Raises ``ConfigError`` for one with spaces and the like."""
    path = f"{deployment.python_path.rpartition('/')[0]}/gateways"
    if not _SIMPLE.fullmatch(path):
        raise ConfigError(
            f"--root {deployment.root!r}: {path!r} cannot be run from a configuration of {deployment.server}; "
            "give --python /path/without/spaces/bin/python"
        )
    return path


def address(deployment: Deployment) -> Address:
    """Return where the application listens."""
    return parse_address(deployment.addresses[0])


def arguments(deployment: Deployment, listen: str, *more: str) -> list[str]:
    """Return the words after ``gateways serve``: what is served, where, and how."""
    words = [deployment.app, "--workers", str(deployment.workers), f"--{deployment.transport}", listen, *more]
    if deployment.mount:
        words += ["--script-name", deployment.mount]
    if deployment.ping:
        words += ["--ping", deployment.ping]
    if deployment.ajp_secret:
        words += ["--ajp-secret", deployment.ajp_secret]
    if limited(deployment):
        words += ["--max-body-size", SIZE.show(deployment.upload_limit)]
    if deployment.tls:
        certificate, key = deployment.tls
        words += ["--certfile", certificate, "--keyfile", key]
    return words


def limited(deployment: Deployment) -> bool:
    """Whether somebody said how large an upload may be; otherwise the web server alone limits it."""
    return deployment.upload_limit != _USUAL_LIMIT


def check(deployment: Deployment) -> None:
    """Raise ``ConfigError`` for flags that go with some transports only."""
    if deployment.ajp_secret and deployment.transport != "ajp":
        raise ConfigError("--ajp-secret: only AJP13 has a secret; give --ajp, or leave it out")
    if deployment.tls and deployment.transport != "http":
        raise ConfigError("--tls: the application itself speaks TLS by --http only; give it to the web server in front")


def parent(deployment: Deployment) -> str:
    """Return the directory of the Unix socket, or "" for a port."""
    return address(deployment).path.rpartition("/")[0]
