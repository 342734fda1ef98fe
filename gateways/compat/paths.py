"""What flup's ``_sanitizeEnv`` completes, for servers that do not get their environ from the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from gateways.core.types import Environ

_MISSING = {
    "REQUEST_METHOD": "GET",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.0",
}


def complete_paths(environ: Environ, script_name: str | None = None) -> None:
    """Set what PEP 3333 wants to be there. ``script_name``: where the application is, whatever the web server says."""
    asked, _, query = environ.get("REQUEST_URI", "").partition("?")
    if not environ.get("QUERY_STRING"):
        environ["QUERY_STRING"] = query
    script = environ.setdefault("SCRIPT_NAME", "")
    if script_name is not None:
        split_paths(environ, script_name)
    elif not environ.get("PATH_INFO"):
        path = unquote(asked, "latin-1")
        environ["PATH_INFO"] = path[len(script) :] if path.startswith(script) else path
    for name, value in _MISSING.items():
        if not environ.get(name):
            environ[name] = value


def split_paths(environ: Environ, script_name: str) -> None:
    """Divide SCRIPT_NAME and PATH_INFO anew, behind ``script_name``; a path that does not begin so stays whole."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if path == script_name or path.startswith(script_name.rstrip("/") + "/"):
        path = path[len(script_name.rstrip("/")) :] if script_name.rstrip("/") else path
    environ["SCRIPT_NAME"] = script_name.rstrip("/")
    environ["PATH_INFO"] = path
