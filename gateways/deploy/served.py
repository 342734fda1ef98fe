"""The command line of ``gateways serve`` for a deployment, as service managers and containers run it."""

from __future__ import annotations

import re

from gateways.deploy.description import SIMPLE, SIZE, Deployment
from gateways.errors import ConfigError

CONTROL = "/run/gateways/control"
"""The control socket of a master whose settings are in a configuration file."""


def program(deployment: Deployment) -> str:
    """Return the path of ``gateways``. Raises ``ConfigError`` for one with spaces and the like."""
    path = f"{deployment.python_path.rpartition('/')[0]}/gateways"
    if not SIMPLE.fullmatch(path):
        raise ConfigError(
            f"--root {deployment.root!r}: {path!r} cannot be run from a configuration of {deployment.server}; "
            "give --python /path/without/spaces/bin/python"
        )
    return path


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
    return deployment.has("upload_limit")


def parent(deployment: Deployment) -> str:
    """Return the directory of the Unix socket, or "" for a port. /var/run is an old name of /run."""
    return re.sub("^/var/run(?=/|$)", "/run", deployment.address.path.rpartition("/")[0])
