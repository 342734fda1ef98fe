"""Where deployments differ: every exception that the live tests make, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.live.deployments import Deployment


@dataclass(frozen=True)
class Difference:
    """One thing that is otherwise somewhere."""

    what: str
    where: tuple[str, ...]
    """Beginnings of the names of deployments."""
    why: str


DIFFERENCES = (
    Difference(
        "errors stay with the backend", ("nginx-scgi", "apache-proxy-scgi", "lighttpd-scgi"),
        "SCGI has no stream for errors: wsgi.errors and tracebacks are in the backend's error log.",
    ),
)  # fmt: skip


def known(deployment: Deployment, what: str) -> bool:
    """Say whether the difference applies to the deployment."""
    return any(row.what == what and deployment.name.startswith(row.where) for row in DIFFERENCES)


def expected_path(deployment: Deployment, path: str, path_info: str) -> str | None:
    """PATH_INFO for a path; None where the web server refuses it."""
    if known(deployment, f"path refused: {path}"):
        return None
    if known(deployment, "// is merged"):
        return path_info.replace("//", "/")
    return path_info


def expected_cookie(deployment: Deployment) -> str:
    """HTTP_COOKIE for two Cookie lines."""
    return "a=1, b=2" if known(deployment, "cookie lines joined by a comma") else "a=1; b=2"
